/*
 * The audit log: each transaction that changes something writes one entry of its own changes (the
 * very list that apply() was given), who made them, and by which command. Entries are chained by
 * hash, so that none can be altered or taken out unseen by who has pinned a later hash elsewhere.
 *
 * MUST 1: no secret: neither a text, nor its digest, nor its box is in an entry.
 */
#ifndef ESPT_STORE_LOG_H
#define ESPT_STORE_LOG_H

#include "store/apply.h"

/* Appends; an empty list appends nothing. */
void log_append(struct txn *txn, const struct changes *changes);

/* The changes of an entry, as bytes. */
struct log_bytes {
    const uint8_t *at;
    size_t len;
};
/* The bytes that are hashed, in a buffer of the caller's with room for log_seal(); NULL: out of
   memory. */
uint8_t *log_encode(const struct log_entry *entry, const struct changes *changes, size_t *ret_len);
void log_hash(const uint8_t before[static LOG_HASH_LEN], uint64_t sequence, const uint8_t *bytes,
              size_t len, uint8_t ret_hash[static LOG_HASH_LEN]);
/* Puts the hash and the record's seal behind them; returns the value's length. */
size_t log_seal(const struct record_key *key, uint8_t *bytes, size_t len,
                const uint8_t hash[static LOG_HASH_LEN]);

/* `ret_bytes` becomes the entry's, and lives as long as `value`. */
bool log_decode(const struct record_key *key, const void *value, size_t len,
                struct log_bytes *ret_bytes, struct log_entry *ret_entry);
/* Does the entry follow `head`? NULL: it does, and is the head now; else what is wrong. */
const char *log_follow(struct log_head *head, const struct record_key *key, const void *value,
                       size_t len);

#endif
