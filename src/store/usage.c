/* SPDX-License-Identifier: ISC */
#include "store/usage.h"

#include "store/begin.h"
#include "store/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_MAX ((size_t)256 << 20) /* bytes of all files that are loaded at once */
#define BEGIN_TRIES 4

static off_t bucket_place(uint32_t index)
{
    return (off_t)(sizeof(struct usage_header) + index * sizeof(struct usage_bucket));
}

/* Returns false if the bucket could not be read. */
static bool read_bucket(const struct usage_file *file, uint32_t index, struct usage_bucket *ret)
{
    *ret = (struct usage_bucket){0};
    if (file->bytes != NULL)
        memcpy(ret, file->bytes + index * sizeof *ret, sizeof *ret);
    else if (pread(file->fd, ret, sizeof *ret, bucket_place(index)) < 0)
        return false;
    return true;
}

/* Reads files as a whole. If that fails, their buckets are read one by one later. */
static void load_files(struct usage_files *files)
{
    size_t loaded = 0;
    for (size_t i = 0; i < files->count; i++) {
        struct usage_file *file = &files->file[i];
        const size_t size = file->buckets * sizeof(struct usage_bucket);
        uint8_t *bytes = loaded + size <= LOAD_MAX ? malloc(size) : NULL;
        if (bytes == NULL || pread(file->fd, bytes, size, bucket_place(0)) != (ssize_t)size) {
            free(bytes);
            continue;
        }
        file->bytes = bytes;
        loaded += size;
    }
}

void usage_folded(struct txn *txn, uint64_t identity, uint32_t *ret_next)
{
    struct record_key key = key_integer(identity);
    struct record_value value;
    *ret_next = 0;
    if (txn_get(txn, TABLE_FOLDED, &key, &value) > 0 &&
        !folded_decode(&key, value.data, value.len, ret_next))
        *ret_next = FOLDED_WHOLE; /* too few is better than twice; check reports it */
}

/* Drops the files whose counts are in the totals of this transaction's snapshot. False: a file was
   unlinked since it was opened, so it is unknown whether its counts are in these totals. */
static bool drop_folded(struct txn *txn, struct usage_files *files)
{
    size_t kept = 0;
    bool sure = true;
    for (size_t i = 0; i < files->count; i++) {
        struct usage_file *file = &files->file[i];
        struct stat st;
        usage_folded(txn, file->key, &file->from);
        if (file->from == FOLDED_WHOLE) {
            usage_file_close(file);
            continue;
        }
        if (fstat(file->fd, &st) != 0)
            usage_mark_unread(files);
        else if (st.st_nlink == 0)
            sure = false;
        files->file[kept++] = *file;
    }
    files->count = kept;
    return sure;
}

/* Opens the files before the transaction: a fold in between is visible in TABLE_FOLDED. */
int usage_begin(struct txn *ret_txn, struct store *store, bool many, struct usage_files **ret_files,
                struct espt_error *err)
{
    for (int tries = 1;; tries++) {
        struct usage_files *files = usage_files_to_read(store);
        int code = store_begin(ret_txn, store, false, err);
        if (code != 0) {
            usage_files_close(files);
            return code;
        }
        if (files == NULL || drop_folded(ret_txn, files) || tries == BEGIN_TRIES) {
            if (files != NULL && many)
                load_files(files);
            *ret_files = files;
            return 0;
        }
        txn_abort(ret_txn);
        usage_files_close(files);
    }
}

static bool add_file(const struct usage_file *file, uint64_t id, int64_t now, struct token *token)
{
    const uint32_t home = usage_home(id, file->buckets);
    for (uint32_t reach = 0; reach < USAGE_REACH; reach++) {
        const uint32_t at = (home + reach) % file->buckets;
        struct usage_bucket bucket;
        if (!read_bucket(file, at, &bucket))
            return false;
        for (unsigned i = 0; i < USAGE_PLACES; i++) {
            if (bucket.id[i] == 0)
                return true;
            if (bucket.id[i] != id || bucket.uses[i] == 0)
                continue;
            if (at < file->from) /* the totals include it */
                return true;
            const int64_t last = USAGE_EPOCH + bucket.last[i];
            token->uses = uses_add(token->uses, bucket.uses[i]);
            if (token->last_used < last)
                token->last_used = last < now ? last : now;
            return true;
        }
    }
    return true;
}

static int by_id(const void *a, const void *b)
{
    const uint64_t one = ((const struct elsewhere_use *)a)->id,
                   other = ((const struct elsewhere_use *)b)->id;
    return (one > other) - (one < other);
}

/* False: uses at other machines of the fleet are not known. */
static bool add_elsewhere(const struct elsewhere *elsewhere, int64_t now, struct token *token)
{
    const struct elsewhere_use wanted = {.id = token->id};
    const struct elsewhere_use *use =
        elsewhere != NULL && elsewhere->count > 0
            ? bsearch(&wanted, elsewhere->items, elsewhere->count, sizeof wanted, by_id)
            : NULL;
    if (use != NULL) {
        token->counted = true;
        token->uses = uses_add(token->uses, use->uses);
        if (token->last_used < use->last_used)
            token->last_used = use->last_used < now ? use->last_used : now;
    }
    return elsewhere == NULL || elsewhere->unknown[0] == '\0';
}

void usage_load(struct txn *txn, const struct usage_files *files, struct token *token)
{
    struct record_key key = key_integer(token->id);
    struct usage_record usage;
    struct record_value value;
    const int64_t now = clock_now();
    bool unread = files != NULL && files->unread;
    token->counted = txn->store->config.usage[0] != '\0';
    token->unsure = files != NULL && files->partial;
    if (txn_get(txn, TABLE_USAGE, &key, &value) > 0 &&
        usage_decode(&key, value.data, value.len, &usage)) {
        token->counted = true;
        token->uses = uses_add(0, usage.uses);
        token->last_used = usage.last_used < now ? usage.last_used : now;
    }
    for (size_t i = 0; files != NULL && i < files->count; i++)
        unread = !add_file(&files->file[i], token->id, now, token) || unread;
    unread = !add_elsewhere(txn->store->elsewhere, now, token) || unread;
    if (unread) { /* report no number rather than one that is too low */
        token->unread = true;
        token->counted = false;
        token->uses = 0;
        token->last_used = 0;
    }
}

void usage_load_alone(struct store *store, struct token *token)
{
    struct espt_error ignored;
    struct usage_files *files;
    struct txn txn;
    if (usage_begin(&txn, store, false, &files, &ignored) != 0)
        return;
    usage_load(&txn, files, token);
    txn_abort(&txn);
    usage_files_close(files);
}
