/* SPDX-License-Identifier: ISC */
#include "store/usage_fold.h"

#include "store/begin.h"
#include "store/db/lock.h"

#include <string.h>
#include <unistd.h>

/* --- files --- */

bool fold_mark_closed(const struct usage_file *file, uint32_t closed)
{
    return pwrite(file->fd, &closed, sizeof closed, offsetof(struct usage_header, closed)) ==
           sizeof closed;
}

int fold_fail_file(const struct fold *fold, const struct usage_file *file, struct espt_error *err)
{
    return espt_fail(
        err, ESPT_UNUSABLE,
        "%s/%s: this usage file cannot be read or written; check the kernel log (dmesg)",
        fold->store->config.usage, file->name);
}

void fold_unlink(struct fold *fold, size_t i)
{
    (void)unlinkat(fold->files->dir, fold->files->file[i].name, 0);
    fold->ended[i] = false;
    fold->done++;
}

/* --- gather a piece, without any lock of the store --- */

static void gather_bucket(struct piece *piece, const struct usage_bucket *bucket)
{
    for (unsigned i = 0; i < USAGE_PLACES; i++) {
        if (bucket->id[i] != 0 && bucket->uses[i] != 0)
            piece->count[piece->counts++] =
                (struct count){bucket->id[i], bucket->uses[i], bucket->last[i]};
    }
}

static bool is_full(const struct piece *piece)
{
    return piece->counts >= PIECE_COUNTS || piece->buckets >= PIECE_BUCKETS;
}

static int gather_file(struct fold *fold, size_t i, struct espt_error *err)
{
    struct piece *piece = &fold->piece;
    const struct usage_file *file = &fold->files->file[i];
    struct part part = {.file = i, .from = file->from, .next = file->from};
    if (!fold_mark_closed(file, 1))
        return fold_fail_file(fold, file, err);
    while (part.next < file->buckets && !is_full(piece)) {
        const uint32_t left = file->buckets - part.next, count = left < CHUNK ? left : CHUNK;
        const size_t size = count * sizeof *fold->chunk;
        const off_t at = (off_t)(sizeof(struct usage_header) + part.next * sizeof *fold->chunk);
        if (pread(file->fd, fold->chunk, size, at) != (ssize_t)size)
            return fold_fail_file(fold, file, err);
        for (uint32_t b = 0; b < count && piece->counts < PIECE_COUNTS; b++, part.next++)
            gather_bucket(piece, &fold->chunk[b]);
        piece->buckets += count;
    }
    if (part.next >= file->buckets)
        part.next = FOLDED_WHOLE;
    piece->part[piece->parts++] = part;
    return 0;
}

int piece_gather(struct fold *fold, struct espt_error *err)
{
    struct piece *piece = &fold->piece;
    int code = 0;
    piece->counts = piece->parts = 0;
    piece->buckets = 0;
    for (; code == 0 && fold->at < fold->files->count; fold->at++) {
        if (!fold->ended[fold->at])
            continue;
        if (is_full(piece) || piece->parts == PIECE_FILES)
            break;
        code = gather_file(fold, fold->at, err);
        if (code == 0 && piece->part[piece->parts - 1].next != FOLDED_WHOLE)
            break;
    }
    return code;
}

/* --- within the transaction --- */

static void add_count(struct fold *fold, struct txn *txn, const struct count *count)
{
    struct record_key key = key_integer(count->id);
    struct usage_record usage = {0};
    struct record_value value;
    if (txn_get(txn, TABLE_AUTH, &key, &value) <= 0)
        return; /* the token was removed meanwhile, or never existed */
    if (txn_get(txn, TABLE_USAGE, &key, &value) > 0 &&
        !usage_decode(&key, value.data, value.len, &usage)) {
        txn_damaged(txn, TABLE_USAGE, "a token's use");
        return;
    }
    const int64_t last = USAGE_EPOCH + count->last;
    const int64_t when = last < fold->now ? last : fold->now;
    usage.uses = uses_add(usage.uses, count->uses);
    if (usage.last_used < when || usage.last_used > fold->now) /* or the clock was ahead then */
        usage.last_used = when;
    uint8_t out[RECORD_MAX];
    txn_put(txn, TABLE_USAGE, &key, out, usage_encode(&key, &usage, out));
}

/* The piece must begin where the last one ended. Otherwise counts before it would be added twice or
   never. */
static void add_part(struct fold *fold, struct txn *txn, const struct part *part)
{
    const struct usage_file *file = &fold->files->file[part->file];
    struct record_key key = key_integer(file->key);
    uint8_t out[RECORD_MAX];
    uint32_t from;
    usage_folded(txn, file->key, &from);
    if (from != part->from)
        txn_fail(txn, ESPT_UNUSABLE,
                 "%s/%s: another process folded it at the same time; run 'esp-tokenctl usage fold' "
                 "again",
                 fold->store->config.usage, file->name);
    txn_put(txn, TABLE_FOLDED, &key, out, folded_encode(&key, part->next, out));
}

static bool has_file(const struct usage_files *files, const struct record_key *key)
{
    for (size_t i = 0; i < files->count; i++) {
        struct record_key there = key_integer(files->file[i].key);
        if (there.len == key->len && memcmp(there.bytes, key->bytes, key->len) == 0)
            return true;
    }
    return false;
}

/* Deletes the records of files that are gone; done once, with the first piece. */
static void forget(struct fold *fold, struct txn *txn)
{
    for (size_t i = 0; fold->files->all && i < fold->marks; i++) {
        if (!has_file(fold->files, &fold->mark[i]))
            txn_delete_if_there(txn, TABLE_FOLDED, &fold->mark[i]);
    }
    fold->marks = 0;
}

static int begin(struct fold *fold, struct txn *ret_txn, bool wait, struct espt_error *err)
{
    struct store *store = fold->store;
    if (wait)
        return store_begin_local(ret_txn, store, false, err);
    if (!db_try_lock(store))
        return espt_fail(err, ESPT_UNUSABLE, "another esp-tokenctl is writing; try again");
    int code = store_begin_local(ret_txn, store, true, err);
    if (code != 0)
        db_unlock(store);
    else
        ret_txn->locked = true;
    return code;
}

/* Reads the records before the lock is taken, so that other writers do not wait for a slow disk. */
static int read_ahead(struct fold *fold, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, fold->store, false, err);
    if (code != 0)
        return code;
    for (size_t i = 0; i < fold->piece.counts; i++) {
        struct record_key key = key_integer(fold->piece.count[i].id);
        struct record_value value;
        (void)txn_get(&txn, TABLE_AUTH, &key, &value);
        (void)txn_get(&txn, TABLE_USAGE, &key, &value);
    }
    txn_abort(&txn);
    return 0;
}

static void settle(struct fold *fold)
{
    for (size_t i = 0; i < fold->piece.parts; i++) {
        const struct part *part = &fold->piece.part[i];
        fold->files->file[part->file].from = part->next;
        if (part->next == FOLDED_WHOLE)
            fold_unlink(fold, part->file);
    }
}

int piece_add(struct fold *fold, bool wait, struct espt_error *err)
{
    struct txn txn;
    int code = read_ahead(fold, err);
    if (code == 0)
        code = begin(fold, &txn, wait, err);
    if (code != 0)
        return code;
    forget(fold, &txn);
    for (size_t i = 0; i < fold->piece.counts && txn.code == 0; i++)
        add_count(fold, &txn, &fold->piece.count[i]);
    for (size_t i = 0; i < fold->piece.parts && txn.code == 0; i++)
        add_part(fold, &txn, &fold->piece.part[i]);
    code = txn_commit(&txn);
    if (code == 0)
        settle(fold);
    store_result_printed(); /* let a signal arrive between two pieces */
    return code;
}
