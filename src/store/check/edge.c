/* SPDX-License-Identifier: ISC */
/* The store of an edge: auth and foreign stand alone, and what an edge must not have is absent. */
#include "store/check/check.h"

#include <string.h>

static void check_auths(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_AUTH, NULL, 0);
    while (walk_next(&walk)) {
        struct auth_record auth;
        struct entity_record entity;
        check_step(check);
        if (!auth_decode(&walk.key, walk.value.data, walk.value.len, &auth))
            check_damaged(check, TABLE_AUTH, &walk.key);
        else if (check_entity_record(check, auth.entity, &entity) == 0)
            check_index_fault(check, TABLE_AUTH, &walk.key, "its entity does not exist");
        else if (!check_same_facts(&auth, &entity))
            check_index_fault(check, TABLE_AUTH, &walk.key,
                              "its facts about the entity differ from the entity's own record");
    }
    walk_end(&walk);
}

static void check_foreign(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_FOREIGN, NULL, 0);
    while (walk_next(&walk)) {
        uint64_t id;
        struct record_value value;
        struct auth_record auth;
        if (!id_decode(TABLE_FOREIGN, &walk.key, walk.value.data, walk.value.len, &id)) {
            check_damaged(check, TABLE_FOREIGN, &walk.key);
            continue;
        }
        const struct record_key key = key_integer(id);
        if (!check_look_up(check, TABLE_AUTH, &key, &value) ||
            !auth_decode(&key, value.data, value.len, &auth) ||
            memcmp(auth.digest, walk.key.bytes, sizeof auth.digest) != 0)
            check_index_fault(check, TABLE_FOREIGN, &walk.key, "it refers to no token of its text");
    }
    walk_end(&walk);
}

void check_edge(struct check *check)
{
    static const enum table none[] = {TABLE_TOKENS, TABLE_BY_ENTITY, TABLE_CUSTOMERS,
                                      TABLE_NOTICES};
    check_auths(check);
    check_foreign(check);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (txn_entries(check->txn, none[i]) > 0)
            check_report(check, "rule", table_name(none[i]),
                         "this table must be empty at an edge" RESTORE);
    }
}
