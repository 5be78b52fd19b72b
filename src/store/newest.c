/* SPDX-License-Identifier: ISC */
#include "store/newest.h"

#include "store/begin.h"
#include "store/log.h"

#include <endian.h>
#include <string.h>

int store_newest(struct store *store, struct newest *ret_newest, struct espt_error *err)
{
    struct txn txn;
    struct record_key key;
    struct record_value value;
    struct log_bytes bytes;
    struct log_entry entry;
    struct newest newest = {0};
    uint64_t id = 0;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    if (txn_last(&txn, TABLE_LOG, &key, &value) > 0 &&
        log_decode(&key, value.data, value.len, &bytes, &entry))
        newest.logged = entry.time;
    if (txn_last(&txn, TABLE_TOKENS, &key, &value) > 0 && key.len == sizeof id) {
        memcpy(&id, key.bytes, sizeof id);
        newest.drawn = token_id_seconds(le64toh(id));
    }
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_newest = newest;
    return txn.code;
}
