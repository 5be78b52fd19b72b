/* SPDX-License-Identifier: ISC */
/* Folding: adds the counts of ended processes to the totals, file by file and piece by piece. */
#include "store/usage_fold.h"

#include "store/begin.h"
#include "store/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* A fold without `wait`, at the end of another command, leaves the rest to the next one. */
#define PIECES_QUIET 8
/* Longer than the pause between two attempts of a waiting writer (lock.c), so that each waiting
   writer gets the lock before the next piece. */
#define YIELD_MS 12
#define MARKS_MAX 4096

/* --- what to fold --- */

/* Reads the keys of TABLE_FOLDED before the folder is read. A key that was there then, and whose
   file is not in the folder, will not come back. */
static int read_marks(struct fold *fold, struct espt_error *err)
{
    struct txn txn;
    struct walk walk;
    int code = store_begin(&txn, fold->store, false, err);
    if (code != 0)
        return code;
    walk_begin(&walk, &txn, TABLE_FOLDED, NULL, 0);
    while (fold->marks < MARKS_MAX && walk_next(&walk))
        fold->mark[fold->marks++] = walk.key;
    walk_end(&walk);
    txn_abort(&txn);
    return txn.code;
}

static void find_ended(struct fold *fold)
{
    for (size_t i = 0; i < fold->files->count; i++) {
        fold->ended[i] = flock(fold->files->file[i].fd, LOCK_EX | LOCK_NB) == 0;
        if (!fold->ended[i] && errno != EWOULDBLOCK)
            fold->files->unread = true;
    }
}

/* Reads how far each file is folded. Only the holder of a file's lock folds it, so the position
   stays valid until the lock is released. A file without a name was folded since it was opened. */
static int find_positions(struct fold *fold, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, fold->store, false, err);
    if (code != 0)
        return code;
    for (size_t i = 0; i < fold->files->count; i++) {
        struct usage_file *file = &fold->files->file[i];
        struct stat st;
        usage_folded(&txn, file->key, &file->from);
        if (fstat(file->fd, &st) != 0)
            txn_fail(&txn, fold_fail_file(fold, file, err), "%s", err->message);
        else if (st.st_nlink == 0)
            file->from = FOLDED_WHOLE;
    }
    txn_abort(&txn);
    return txn.code;
}

static void unlink_known(struct fold *fold)
{
    for (size_t i = 0; i < fold->files->count; i++) {
        if (fold->ended[i] && fold->files->file[i].from == FOLDED_WHOLE)
            fold_unlink(fold, i);
    }
}

/* --- all pieces --- */

/* Clears the mark of files of which no part is in the totals, so that hosts may count in them
   again. */
static void give_back(struct fold *fold)
{
    for (size_t i = 0; i < fold->files->count; i++) {
        if (fold->ended[i] && fold->files->file[i].from == 0)
            (void)fold_mark_closed(&fold->files->file[i], 0);
    }
}

static int fold_all(struct fold *fold, bool wait, struct espt_error *err)
{
    int code = piece_gather(fold, err);
    for (unsigned pieces = 1; code == 0 && fold->piece.parts > 0; pieces++) {
        code = piece_add(fold, wait, err);
        if (code != 0 || (!wait && pieces == PIECES_QUIET))
            break;
        code = piece_gather(fold, err);
        if (code == 0 && fold->piece.parts > 0)
            nanosleep(&(struct timespec){.tv_nsec = YIELD_MS * 1000000L}, NULL);
    }
    give_back(fold);
    return code;
}

static int fold_folder(struct fold *fold, bool wait, size_t *ret_files, struct espt_error *err)
{
    struct store *store = fold->store;
    int code = read_marks(fold, err);
    if (code == 0)
        code = usage_files_open(&fold->files, store, O_RDWR, err);
    if (code != 0)
        return code;
    find_ended(fold);
    code = find_positions(fold, err);
    if (code == 0) {
        unlink_known(fold);
        code = fold_all(fold, wait, err);
    }
    if (code == 0 && fold->files->unread)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: some files could not be folded, the others were; check the "
                         "kernel log (dmesg), then run 'esp-tokenctl usage fold' again",
                         store->config.usage);
    usage_files_close(fold->files);
    if (code == 0)
        *ret_files = fold->done;
    return code;
}

int store_usage_fold(struct store *store, bool wait, size_t *ret_files, struct espt_error *err)
{
    int code = txn_may_write(store, err);
    *ret_files = 0;
    if (code != 0 || store->config.usage[0] == '\0')
        return code;
    struct fold *fold = calloc(1, sizeof *fold);
    struct record_key *marks = calloc(MARKS_MAX, sizeof *marks);
    if (fold != NULL && marks != NULL) {
        fold->store = store;
        fold->now = clock_now();
        fold->mark = marks;
        code = fold_folder(fold, wait, ret_files, err);
    } else {
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    free(fold);
    free(marks);
    return code;
}
