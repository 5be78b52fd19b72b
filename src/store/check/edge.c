/* SPDX-License-Identifier: ISC */
/* The store of an edge: auth and foreign stand alone, and what an edge must not have is absent. */
#include "store/check/check.h"

#include <string.h>

static void check_auth(struct check *check, const struct record_key *key,
                       const struct record_value *value)
{
    struct auth_record auth;
    struct entity_record entity;
    check_step(check);
    if (!auth_decode(key, value->data, value->len, &auth))
        check_damaged(check, TABLE_AUTH, key);
    else if (check_entity_record(check, auth.entity, &entity) == 0)
        check_index_fault(check, TABLE_AUTH, key, "its entity does not exist");
    else if (!check_same_facts(&auth, &entity))
        check_index_fault(check, TABLE_AUTH, key, CHECK_OTHER_FACTS);
}

static void check_foreign(struct check *check, const struct record_key *key,
                          const struct record_value *value)
{
    uint64_t id;
    struct record_value found;
    struct auth_record auth;
    if (!id_decode(TABLE_FOREIGN, key, value->data, value->len, &id)) {
        check_damaged(check, TABLE_FOREIGN, key);
        return;
    }
    const struct record_key of = key_integer(id);
    if (!check_look_up(check, TABLE_AUTH, &of, &found) ||
        !auth_decode(&of, found.data, found.len, &auth) ||
        memcmp(auth.digest, key->bytes, sizeof auth.digest) != 0)
        check_index_fault(check, TABLE_FOREIGN, key, "it refers to no token of its text");
}

void check_edge(struct check *check)
{
    static const enum table none[] = {TABLE_TOKENS, TABLE_BY_ENTITY, TABLE_CUSTOMERS,
                                      TABLE_NOTICES};
    check_each(check, TABLE_AUTH, check_auth);
    check_each(check, TABLE_FOREIGN, check_foreign);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (txn_entries(check->txn, none[i]) > 0)
            check_report(check, "rule", table_name(none[i]),
                         "this table must be empty at an edge" RESTORE);
    }
}
