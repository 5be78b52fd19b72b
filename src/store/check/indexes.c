/* SPDX-License-Identifier: ISC */
/* Checks that every entry of an index leads to the record to which it belongs. */
#include "store/check/check.h"

#include "store/log.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static void check_names(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_NAMES, NULL, 0);
    while (walk_next(&walk)) {
        uint32_t number;
        struct entity_record entity;
        if (!number_decode(&walk.key, walk.value.data, walk.value.len, &number))
            check_damaged(check, TABLE_NAMES, &walk.key);
        else if (check_entity_record(check, number, &entity) == 0 ||
                 strlen(entity.name) != walk.key.len ||
                 memcmp(entity.name, walk.key.bytes, walk.key.len) != 0)
            check_index_fault(check, TABLE_NAMES, &walk.key, "it refers to no entity of that name");
    }
    walk_end(&walk);
}

static void check_resellers(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_RESELLERS, NULL, 0);
    while (walk_next(&walk)) {
        struct reseller_record reseller;
        struct entity_record entity;
        if (!reseller_decode(&walk.key, walk.value.data, walk.value.len, &reseller))
            check_damaged(check, TABLE_RESELLERS, &walk.key);
        else if (check_entity_record(check, (uint32_t)check_integer(&walk.key), &entity) == 0)
            check_index_fault(check, TABLE_RESELLERS, &walk.key, "there is no such entity");
    }
    walk_end(&walk);
}

static void check_customers(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_CUSTOMERS, NULL, 0);
    while (walk_next(&walk)) {
        uint32_t pair[2] = {0, 0};
        struct entity_record entity;
        if (walk.key.len != sizeof pair ||
            !empty_decode(TABLE_CUSTOMERS, &walk.key, walk.value.data, walk.value.len)) {
            check_damaged(check, TABLE_CUSTOMERS, &walk.key);
            continue;
        }
        memcpy(pair, walk.key.bytes, sizeof pair);
        int found = check_entity_record(check, be32toh(pair[1]), &entity);
        if (found == 0 || (found > 0 && entity.reseller != be32toh(pair[0])))
            check_index_fault(check, TABLE_CUSTOMERS, &walk.key,
                              "it names a customer that does not belong to that reseller");
    }
    walk_end(&walk);
}

static void check_auths(struct check *check)
{
    struct walk walk;
    struct record_value value;
    walk_begin(&walk, check->txn, TABLE_AUTH, NULL, 0);
    while (walk_next(&walk)) {
        if (!check_look_up(check, TABLE_TOKENS, &walk.key, &value))
            check_index_fault(check, TABLE_AUTH, &walk.key, "there is no such token");
    }
    walk_end(&walk);
}

static void check_by_entity(struct check *check)
{
    struct walk walk;
    struct record_value value;
    walk_begin(&walk, check->txn, TABLE_BY_ENTITY, NULL, 0);
    while (walk_next(&walk)) {
        uint64_t id;
        if (!id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.data, walk.value.len, &id)) {
            check_damaged(check, TABLE_BY_ENTITY, &walk.key);
            continue;
        }
        struct record_key key = key_integer(id);
        struct token_record token;
        if (!check_look_up(check, TABLE_TOKENS, &key, &value)) {
            check_index_fault(check, TABLE_BY_ENTITY, &walk.key,
                              "it refers to a token that does not exist");
        } else if (token_decode(&key, value.data, value.len, &token)) {
            struct record_key named = key_indexed(token.entity, token.name, token.retiring, id);
            if (named.len != walk.key.len || memcmp(named.bytes, walk.key.bytes, named.len) != 0)
                check_index_fault(check, TABLE_BY_ENTITY, &walk.key, "it refers to another token");
        }
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
        struct token_record token;
        struct auth_record auth;
        if (!id_decode(TABLE_FOREIGN, &walk.key, walk.value.data, walk.value.len, &id)) {
            check_damaged(check, TABLE_FOREIGN, &walk.key);
            continue;
        }
        struct record_key key = key_integer(id);
        if (!check_look_up(check, TABLE_TOKENS, &key, &value) ||
            (token_decode(&key, value.data, value.len, &token) && !token.foreign))
            check_index_fault(check, TABLE_FOREIGN, &walk.key,
                              "it refers to a token that is missing or not foreign");
        else if (check_look_up(check, TABLE_AUTH, &key, &value) &&
                 auth_decode(&key, value.data, value.len, &auth) &&
                 memcmp(auth.digest, walk.key.bytes, sizeof auth.digest) != 0)
            check_index_fault(check, TABLE_FOREIGN, &walk.key, "it refers to another token");
    }
    walk_end(&walk);
}

static void check_usage(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_USAGE, NULL, 0);
    while (walk_next(&walk)) {
        struct usage_record usage;
        struct record_value value;
        if (!usage_decode(&walk.key, walk.value.data, walk.value.len, &usage))
            check_damaged(check, TABLE_USAGE, &walk.key);
        else if (!check_look_up(check, TABLE_AUTH, &walk.key, &value))
            check_index_fault(check, TABLE_USAGE, &walk.key, "there is no such token");
    }
    walk_end(&walk);
}

static void check_notices(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_NOTICES, NULL, 0);
    while (walk_next(&walk)) {
        struct notice_record notice;
        struct record_value value;
        if (!notice_decode(&walk.key, walk.value.data, walk.value.len, &notice))
            check_damaged(check, TABLE_NOTICES, &walk.key);
        else if (!check_look_up(check, TABLE_AUTH, &walk.key, &value))
            check_index_fault(check, TABLE_NOTICES, &walk.key, "there is no such token");
    }
    walk_end(&walk);
}

/* Reports the first fault only: entries after it cannot be checked with the chain. */
void check_log(struct check *check)
{
    struct log_head head = {0};
    const char *fault = NULL;
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_LOG, NULL, 0);
    while (fault == NULL && walk_next(&walk)) {
        check_step(check);
        fault = log_follow(&head, &walk.key, walk.value.data, walk.value.len);
        if (fault != NULL) {
            char subject[32];
            snprintf(subject, sizeof subject, "entry %llu",
                     (unsigned long long)check_integer(&walk.key));
            check_report(check, "log", subject, "%s; compare with a backup", fault);
        }
    }
    walk_end(&walk);
}

static void check_folded(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_FOLDED, NULL, 0);
    while (walk_next(&walk)) {
        uint32_t next;
        if (!folded_decode(&walk.key, walk.value.data, walk.value.len, &next))
            check_damaged(check, TABLE_FOLDED, &walk.key);
    }
    walk_end(&walk);
}

void check_indexes(struct check *check)
{
    check_names(check);
    check_resellers(check);
    check_usage(check);
    check_folded(check);
    check_notices(check);
    if (check->txn->state.edge)
        return;
    check_customers(check);
    check_auths(check);
    check_by_entity(check);
    check_foreign(check);
}
