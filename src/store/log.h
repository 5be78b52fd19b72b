/* SPDX-License-Identifier: ISC */
/*
 * The audit log. Each transaction that changes something appends one entry: its changes (the list
 * that apply() was given), the actor, and the command. Entries are chained by hash. So a later hash
 * that is pinned elsewhere reveals that an entry was altered or removed.
 *
 * MUST 1: no secret: an entry contains neither a text, nor its digest, nor its sealed box.
 */
#ifndef ESPT_STORE_LOG_H
#define ESPT_STORE_LOG_H

#include "store/changes.h"

/* Appends one entry with the changes; an empty list appends nothing. */
void log_append(struct txn *txn, const struct changes *changes);

/* Reads the number and hash of the last entry; all zero if the log is empty. */
void log_read_head(struct txn *txn, struct log_head *ret_head);

/* The encoded changes of an entry. */
struct log_bytes {
    const uint8_t *at;
    size_t len;
    uint8_t version;
    struct txn *limit; /* log_next_change() leaves out what its `as` may not see; NULL: nothing */
};
/* Encodes the bytes that are hashed, into an allocated buffer with room for log_seal(). The caller
   frees it. NULL: out of memory. */
uint8_t *log_encode(const struct log_entry *entry, const struct changes *changes, size_t *ret_len);
void log_hash(const uint8_t before[static LOG_HASH_LEN], uint64_t sequence, const uint8_t *bytes,
              size_t len, uint8_t ret_hash[static LOG_HASH_LEN]);
/* Appends the hash and the record's seal; returns the length of the value. */
size_t log_seal(const struct record_key *key, uint8_t *bytes, size_t len,
                const uint8_t hash[static LOG_HASH_LEN]);

/* `ret_bytes` points into `value` and is valid as long as it. `ret_entry` refers to `ret_bytes`. */
bool log_decode(const struct record_key *key, const void *value, size_t len,
                struct log_bytes *ret_bytes, struct log_entry *ret_entry);
/* Decodes the next change, whatever the rights. False: there are no more. */
bool log_bytes_next(const struct log_bytes *bytes, struct log_place *place,
                    struct log_change *ret_change);
/* Checks that the entry follows `head`. NULL: it does, and `head` now names this entry. Otherwise
   returns what is wrong. */
const char *log_follow(struct log_head *head, const struct record_key *key, const void *value,
                       size_t len);

#endif
