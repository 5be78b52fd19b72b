/* Every entry of an index leads to the record that it belongs to. */
#include "store/check.h"

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
        if (!number_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &number))
            check_damaged(check, TABLE_NAMES, &walk.key);
        else if (check_entity_record(check, number, &entity) == 0 ||
                 strlen(entity.name) != walk.key.len ||
                 memcmp(entity.name, walk.key.bytes, walk.key.len) != 0)
            check_index_fault(check, TABLE_NAMES, &walk.key, "it leads to no entity of that name");
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
        if (!reseller_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &reseller))
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
            !empty_decode(TABLE_CUSTOMERS, &walk.key, walk.value.mv_data, walk.value.mv_size)) {
            check_damaged(check, TABLE_CUSTOMERS, &walk.key);
            continue;
        }
        memcpy(pair, walk.key.bytes, sizeof pair);
        int found = check_entity_record(check, be32toh(pair[1]), &entity);
        if (found == 0 || (found > 0 && entity.reseller != be32toh(pair[0])))
            check_index_fault(check, TABLE_CUSTOMERS, &walk.key,
                              "it names a customer that is not that reseller's");
    }
    walk_end(&walk);
}

static void check_auths(struct check *check)
{
    struct walk walk;
    MDB_val value;
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
    MDB_val value;
    walk_begin(&walk, check->txn, TABLE_BY_ENTITY, NULL, 0);
    while (walk_next(&walk)) {
        uint64_t id;
        if (!id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.mv_data, walk.value.mv_size, &id)) {
            check_damaged(check, TABLE_BY_ENTITY, &walk.key);
            continue;
        }
        struct record_key key = key_integer(id);
        struct token_record token;
        if (!check_look_up(check, TABLE_TOKENS, &key, &value)) {
            check_index_fault(check, TABLE_BY_ENTITY, &walk.key, "it leads to no token");
        } else if (token_decode(&key, value.mv_data, value.mv_size, &token)) {
            struct record_key named = key_indexed(token.entity, token.name, token.retiring, id);
            if (named.len != walk.key.len || memcmp(named.bytes, walk.key.bytes, named.len) != 0)
                check_index_fault(check, TABLE_BY_ENTITY, &walk.key, "it leads to another token");
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
        MDB_val value;
        struct token_record token;
        struct auth_record auth;
        if (!id_decode(TABLE_FOREIGN, &walk.key, walk.value.mv_data, walk.value.mv_size, &id)) {
            check_damaged(check, TABLE_FOREIGN, &walk.key);
            continue;
        }
        struct record_key key = key_integer(id);
        if (!check_look_up(check, TABLE_TOKENS, &key, &value) ||
            (token_decode(&key, value.mv_data, value.mv_size, &token) && !token.foreign))
            check_index_fault(check, TABLE_FOREIGN, &walk.key, "it leads to no foreign token");
        else if (check_look_up(check, TABLE_AUTH, &key, &value) &&
                 auth_decode(&key, value.mv_data, value.mv_size, &auth) &&
                 memcmp(auth.digest, walk.key.bytes, sizeof auth.digest) != 0)
            check_index_fault(check, TABLE_FOREIGN, &walk.key, "it leads to another token");
    }
    walk_end(&walk);
}

static void check_usage(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_USAGE, NULL, 0);
    while (walk_next(&walk)) {
        struct usage_record usage;
        MDB_val value;
        if (!usage_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &usage))
            check_damaged(check, TABLE_USAGE, &walk.key);
        else if (!check_look_up(check, TABLE_TOKENS, &walk.key, &value))
            check_index_fault(check, TABLE_USAGE, &walk.key, "there is no such token");
    }
    walk_end(&walk);
}

/* What stands behind the first fault cannot be judged by the chain. */
void check_log(struct check *check)
{
    struct log_head head = {0};
    const char *fault = NULL;
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_LOG, NULL, 0);
    while (fault == NULL && walk_next(&walk)) {
        check_step(check);
        fault = log_follow(&head, &walk.key, walk.value.mv_data, walk.value.mv_size);
        if (fault != NULL) {
            char subject[32];
            snprintf(subject, sizeof subject, "entry %llu",
                     (unsigned long long)check_integer(&walk.key));
            check_report(check, "log", subject, "%s; compare with a backup", fault);
        }
    }
    walk_end(&walk);
}

void check_folded(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_FOLDED, NULL, 0);
    while (walk_next(&walk)) {
        if (!empty_decode(TABLE_FOLDED, &walk.key, walk.value.mv_data, walk.value.mv_size))
            check_damaged(check, TABLE_FOLDED, &walk.key);
    }
    walk_end(&walk);
}

void check_indexes(struct check *check)
{
    check_names(check);
    check_resellers(check);
    check_customers(check);
    check_auths(check);
    check_by_entity(check);
    check_foreign(check);
    check_usage(check);
}
