/* SPDX-License-Identifier: ISC */
#include "store/log.h"

#include "common/record_bytes.h"
#include "store/clock.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

void log_read_head(struct txn *txn, struct log_head *ret_head)
{
    struct record_key key;
    struct record_value value;
    struct log_entry entry;
    struct log_bytes bytes;
    *ret_head = (struct log_head){0};
    if (txn_last(txn, TABLE_LOG, &key, &value) <= 0)
        return;
    if (!log_decode(&key, value.data, value.len, &bytes, &entry)) {
        txn_damaged(txn, TABLE_LOG, "the last entry");
        return;
    }
    ret_head->sequence = entry.sequence;
    memcpy(ret_head->hash, entry.hash, sizeof ret_head->hash);
}

void log_append(struct txn *txn, const struct changes *changes)
{
    struct log_head head;
    if (txn->code != 0 || changes->count == 0)
        return;
    log_read_head(txn, &head);
    struct log_entry entry = {
        .sequence = head.sequence + 1,
        .time = clock_now(),
        .revision = txn->state.revision + 1, /* the revision that the commit will give */
        .actor = txn->store->actor,
    };
    name_copy(entry.as, sizeof entry.as, txn->store->as);
    size_t len;
    uint8_t *bytes = log_encode(&entry, changes, &len);
    if (bytes == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    struct record_key key = key_integer(entry.sequence);
    log_hash(head.hash, entry.sequence, bytes, len, entry.hash);
    len = log_seal(&key, bytes, len, entry.hash);
    txn_append(txn, TABLE_LOG, &key, bytes, len);
    free(bytes);
}

const char *log_follow(struct log_head *head, const struct record_key *key, const void *value,
                       size_t len)
{
    struct log_entry entry;
    struct log_bytes bytes;
    uint8_t hash[LOG_HASH_LEN];
    if (!log_decode(key, value, len, &bytes, &entry))
        return "it is damaged";
    if (entry.sequence != head->sequence + 1)
        return "entries before it are missing";
    log_hash(head->hash, entry.sequence, value, len - LOG_HASH_LEN - RECORD_CHECKSUM_LEN, hash);
    if (memcmp(hash, entry.hash, sizeof hash) != 0)
        return "its hash does not follow from the entry before it";
    head->sequence = entry.sequence;
    memcpy(head->hash, entry.hash, sizeof head->hash);
    return NULL;
}
