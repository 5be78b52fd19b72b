/* The totals take up what ended processes counted: usage.h says how, and why exactly once. */
#include "store/clock.h"
#include "store/lock.h"
#include "store/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CHUNK 1024 /* buckets */

struct fold {
    struct txn txn;
    struct usage_files *files;
    bool ended[USAGE_FILES_MAX]; /* the lock was free, and is ours */
    bool known[USAGE_FILES_MAX]; /* the totals have it already */
    size_t count;                /* of the ended ones */
    size_t added;                /* of those, that the totals had not */
    int64_t now;
};

/* So that no other host goes on counting there, should this run end before it is unlinked. */
static bool mark_closed(const struct usage_file *file, uint32_t closed)
{
    return pwrite(file->fd, &closed, sizeof closed, offsetof(struct usage_header, closed)) ==
           sizeof closed;
}

static void find_ended(struct fold *fold)
{
    for (size_t i = 0; i < fold->files->count; i++) {
        fold->ended[i] = flock(fold->files->file[i].fd, LOCK_EX | LOCK_NB) == 0;
        fold->count += fold->ended[i];
        if (!fold->ended[i] && errno != EWOULDBLOCK)
            fold->files->unread = true;
    }
}

/* --- within the transaction --- */

static void add_token(struct fold *fold, uint64_t id, uint64_t uses, uint32_t last)
{
    struct txn *txn = &fold->txn;
    struct record_key key = key_integer(id);
    struct usage_record usage = {0};
    MDB_val value;
    if (txn_get(txn, TABLE_TOKENS, &key, &value) <= 0)
        return; /* removed meanwhile, or never there */
    if (txn_get(txn, TABLE_USAGE, &key, &value) > 0 &&
        !usage_decode(&key, value.mv_data, value.mv_size, &usage)) {
        txn_damaged(txn, TABLE_USAGE, "a token's use");
        return;
    }
    const int64_t when = USAGE_EPOCH + last < fold->now ? USAGE_EPOCH + last : fold->now;
    usage.uses = uses_add(usage.uses, uses);
    if (usage.last_used < when || usage.last_used > fold->now) /* the clock was ahead then */
        usage.last_used = when;
    uint8_t out[RECORD_MAX];
    txn_put(txn, TABLE_USAGE, &key, out, usage_encode(&key, &usage, out));
}

static void add_bucket(struct fold *fold, const struct usage_bucket *bucket)
{
    for (unsigned i = 0; i < USAGE_PLACES; i++) {
        if (bucket->id[i] != 0 && bucket->uses[i] != 0)
            add_token(fold, bucket->id[i], bucket->uses[i], bucket->last[i]);
    }
}

static void fail_use(struct fold *fold, const struct usage_file *file)
{
    txn_fail(&fold->txn, ESPT_UNUSABLE,
             "%s/%s: it cannot be read or marked; look at the kernel's log",
             fold->txn.store->config.usage, file->name);
}

static void add_file(struct fold *fold, const struct usage_file *file, struct usage_bucket *chunk)
{
    off_t at = sizeof(struct usage_header);
    uint32_t left = file->buckets;
    while (left > 0 && fold->txn.code == 0) {
        const uint32_t count = left < CHUNK ? left : CHUNK;
        const size_t size = count * sizeof *chunk;
        if (pread(file->fd, chunk, size, at) != (ssize_t)size) {
            fail_use(fold, file);
            return;
        }
        for (uint32_t i = 0; i < count; i++)
            add_bucket(fold, &chunk[i]);
        at += (off_t)size;
        left -= count;
    }
}

/* Folded before: by a run that ended before it could unlink, or by one since this one opened it. */
static bool is_known(struct fold *fold, const struct usage_file *file)
{
    struct record_key key = key_integer(file->key);
    struct stat st;
    MDB_val value;
    if (fstat(file->fd, &st) != 0) {
        fail_use(fold, file);
        return false;
    }
    return st.st_nlink == 0 || txn_get(&fold->txn, TABLE_FOLDED, &key, &value) > 0;
}

static void add_ended(struct fold *fold)
{
    struct usage_bucket *chunk = malloc(CHUNK * sizeof *chunk);
    if (chunk == NULL) {
        txn_fail(&fold->txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    for (size_t i = 0; i < fold->files->count && fold->txn.code == 0; i++) {
        const struct usage_file *file = &fold->files->file[i];
        struct record_key key = key_integer(file->key);
        fold->known[i] = fold->ended[i] && is_known(fold, file);
        if (!fold->ended[i] || fold->known[i] || fold->txn.code != 0)
            continue;
        if (mark_closed(file, 1))
            add_file(fold, file, chunk);
        else
            fail_use(fold, file);
        uint8_t out[RECORD_MAX];
        txn_put(&fold->txn, TABLE_FOLDED, &key, out, empty_encode(TABLE_FOLDED, &key, out));
        fold->added++;
    }
    free(chunk);
}

static bool lies_there(const struct usage_files *files, const struct record_key *key)
{
    for (size_t i = 0; i < files->count; i++) {
        struct record_key there = key_integer(files->file[i].key);
        if (there.len == key->len && memcmp(there.bytes, key->bytes, key->len) == 0)
            return true;
    }
    return false;
}

/* Identities whose files are gone. */
static void forget(struct fold *fold)
{
    enum { AT_ONCE = 256 };
    struct record_key gone[AT_ONCE];
    size_t count = 0;
    struct walk walk;
    if (!fold->files->all)
        return;
    walk_begin(&walk, &fold->txn, TABLE_FOLDED, NULL, 0);
    while (count < AT_ONCE && walk_next(&walk)) {
        if (!lies_there(fold->files, &walk.key))
            gone[count++] = walk.key;
    }
    walk_end(&walk);
    for (size_t i = 0; i < count; i++)
        txn_delete(&fold->txn, TABLE_FOLDED, &gone[i]);
}

static int commit(struct fold *fold)
{
    if (fold->txn.code == 0 && fold->added > 0)
        return txn_commit(&fold->txn);
    txn_abort(&fold->txn);
    for (size_t i = 0; fold->txn.code != 0 && i < fold->files->count; i++) {
        if (fold->ended[i] && !fold->known[i])
            (void)mark_closed(&fold->files->file[i],
                              0); /* nothing was added: it may be gone on with */
    }
    return fold->txn.code;
}

static int begin(struct fold *fold, struct store *store, bool wait, struct espt_error *err)
{
    if (wait)
        return txn_begin(&fold->txn, store, true, err);
    if (flock(store->writer_fd, LOCK_EX | LOCK_NB) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "another esp-tokenctl is writing; try again");
    int code = txn_begin_locked(&fold->txn, store, err);
    if (code != 0)
        lock_release(store->writer_fd);
    else
        fold->txn.locked = true;
    return code;
}

int store_usage_fold(struct store *store, bool wait, size_t *ret_files, struct espt_error *err)
{
    struct fold fold = {.now = clock_now()};
    int code = txn_may_write(store, err);
    if (code == 0 && store->config.usage[0] != '\0')
        code = usage_files_open(&fold.files, store->config.usage, O_RDWR, err);
    if (code == 0 && fold.files != NULL)
        find_ended(&fold);
    if (fold.count > 0)
        code = begin(&fold, store, wait, err);
    if (fold.count > 0 && code == 0) {
        forget(&fold);
        add_ended(&fold);
        code = commit(&fold);
        for (size_t i = 0; code == 0 && i < fold.files->count; i++) {
            if (fold.ended[i])
                (void)unlinkat(fold.files->dir, fold.files->file[i].name, 0);
        }
    }
    if (code == 0 && fold.files != NULL && fold.files->unread)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: not all that lies there could be folded; what could be is done: look "
                         "at the kernel's log, and fold again",
                         store->config.usage);
    usage_files_close(fold.files);
    if (code == 0)
        *ret_files = fold.count;
    return code;
}
