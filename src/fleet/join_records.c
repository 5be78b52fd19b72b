/* SPDX-License-Identifier: ISC */
/* Puts the records of a snapshot into the tables of a store. */
#include "fleet/join.h"
#include "fleet/ops.h"

#include <string.h>

int joining_refuse(struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "the snapshot in the fleet's journal holds what no store can hold; nothing "
                     "was changed; restore the journal from a copy");
}

int joining_put(void *arg, enum table table, const struct record_key *key, const uint8_t *value,
                size_t len, struct espt_error *err)
{
    struct joining *joining = arg;
    struct txn *txn = joining->txn;
    struct op op = {.kind = OP_PUT, .table = table, .key = *key, .value = value, .len = len};
    const enum entry_part part =
        fleet_is_edge(joining->fleet) || !part_has(PART_VAULT, table) ? PART_EDGE : PART_VAULT;
    if (table == TABLE_LOG && !fleet_is_edge(joining->fleet)) {
        if (key->len != 8 || log_follow(&joining->log, key, value, len) != NULL)
            return joining_refuse(err);
        txn_append(txn, TABLE_LOG, key, value, len);
        return txn->code;
    }
    if (len > RECORD_MAX || !part_has(part, table) || !op_record_ok(part, &op))
        return joining_refuse(err);
    sums_add(&joining->sums, table, key, value, len);
    txn_put(txn, table, key, value, len);
    return txn->code;
}

bool joining_fits(const struct joining *joining, uint64_t number,
                  const uint8_t sum[static FLEET_HASH_LEN])
{
    const bool edge = fleet_is_edge(joining->fleet);
    return memcmp(edge ? joining->sums.edge : joining->sums.all, sum, FLEET_HASH_LEN) == 0 &&
           (edge || joining->log.sequence == number);
}
