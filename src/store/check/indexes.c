/* SPDX-License-Identifier: ISC */
/* Checks that every entry of an index leads to the record to which it belongs. Each function before
   check_log() checks one entry. */
#include "store/check/check.h"

#include "store/log.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static void check_name(struct check *check, const struct record_key *key,
                       const struct record_value *value)
{
    uint32_t number;
    struct entity_record entity;
    if (!number_decode(key, value->data, value->len, &number))
        check_damaged(check, TABLE_NAMES, key);
    else if (check_entity_record(check, number, &entity) == 0 || strlen(entity.name) != key->len ||
             memcmp(entity.name, key->bytes, key->len) != 0)
        check_index_fault(check, TABLE_NAMES, key, "it refers to no entity of that name");
}

static void check_reseller(struct check *check, const struct record_key *key,
                           const struct record_value *value)
{
    struct reseller_record reseller;
    struct entity_record entity;
    if (!reseller_decode(key, value->data, value->len, &reseller))
        check_damaged(check, TABLE_RESELLERS, key);
    else if (check_entity_record(check, (uint32_t)check_integer(key), &entity) == 0)
        check_index_fault(check, TABLE_RESELLERS, key, "there is no such entity");
}

static void check_customer(struct check *check, const struct record_key *key,
                           const struct record_value *value)
{
    uint32_t pair[2] = {0, 0};
    struct entity_record entity;
    if (key->len != sizeof pair || !empty_decode(TABLE_CUSTOMERS, key, value->data, value->len)) {
        check_damaged(check, TABLE_CUSTOMERS, key);
        return;
    }
    memcpy(pair, key->bytes, sizeof pair);
    int found = check_entity_record(check, be32toh(pair[1]), &entity);
    if (found == 0 || (found > 0 && entity.reseller != be32toh(pair[0])))
        check_index_fault(check, TABLE_CUSTOMERS, key,
                          "it names a customer that does not belong to that reseller");
}

static void check_auth(struct check *check, const struct record_key *key,
                       const struct record_value *value)
{
    struct record_value token;
    (void)value;
    if (!check_look_up(check, TABLE_TOKENS, key, &token))
        check_index_fault(check, TABLE_AUTH, key, "there is no such token");
}

static void check_indexed(struct check *check, const struct record_key *key,
                          const struct record_value *value)
{
    uint64_t id;
    struct record_value found;
    struct token_record token;
    if (!id_decode(TABLE_BY_ENTITY, key, value->data, value->len, &id)) {
        check_damaged(check, TABLE_BY_ENTITY, key);
        return;
    }
    const struct record_key of = key_integer(id);
    if (!check_look_up(check, TABLE_TOKENS, &of, &found)) {
        check_index_fault(check, TABLE_BY_ENTITY, key, "it refers to a token that does not exist");
    } else if (token_decode(&of, found.data, found.len, &token)) {
        const struct record_key named = key_indexed(token.entity, token.name, token.retiring, id);
        if (named.len != key->len || memcmp(named.bytes, key->bytes, named.len) != 0)
            check_index_fault(check, TABLE_BY_ENTITY, key, "it refers to another token");
    }
}

static void check_foreign(struct check *check, const struct record_key *key,
                          const struct record_value *value)
{
    uint64_t id;
    struct record_value found;
    struct token_record token;
    struct auth_record auth;
    if (!id_decode(TABLE_FOREIGN, key, value->data, value->len, &id)) {
        check_damaged(check, TABLE_FOREIGN, key);
        return;
    }
    const struct record_key of = key_integer(id);
    if (!check_look_up(check, TABLE_TOKENS, &of, &found) ||
        (token_decode(&of, found.data, found.len, &token) && !token.foreign))
        check_index_fault(check, TABLE_FOREIGN, key,
                          "it refers to a token that is missing or not foreign");
    else if (check_look_up(check, TABLE_AUTH, &of, &found) &&
             auth_decode(&of, found.data, found.len, &auth) &&
             memcmp(auth.digest, key->bytes, sizeof auth.digest) != 0)
        check_index_fault(check, TABLE_FOREIGN, key, "it refers to another token");
}

/* Of a table that has its token's id as the key; `whole`: the record could be decoded. */
static void check_about_token(struct check *check, enum table table, const struct record_key *key,
                              bool whole)
{
    struct record_value auth;
    if (!whole)
        check_damaged(check, table, key);
    else if (!check_look_up(check, TABLE_AUTH, key, &auth))
        check_index_fault(check, table, key, "there is no such token");
}

static void check_usage(struct check *check, const struct record_key *key,
                        const struct record_value *value)
{
    struct usage_record usage;
    check_about_token(check, TABLE_USAGE, key, usage_decode(key, value->data, value->len, &usage));
}

static void check_notice(struct check *check, const struct record_key *key,
                         const struct record_value *value)
{
    struct notice_record notice;
    check_about_token(check, TABLE_NOTICES, key,
                      notice_decode(key, value->data, value->len, &notice));
}

static void check_folded(struct check *check, const struct record_key *key,
                         const struct record_value *value)
{
    uint32_t next;
    if (!folded_decode(key, value->data, value->len, &next))
        check_damaged(check, TABLE_FOLDED, key);
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

void check_indexes(struct check *check)
{
    check_each(check, TABLE_NAMES, check_name);
    check_each(check, TABLE_RESELLERS, check_reseller);
    check_each(check, TABLE_USAGE, check_usage);
    check_each(check, TABLE_FOLDED, check_folded);
    check_each(check, TABLE_NOTICES, check_notice);
    if (check->txn->state.edge)
        return;
    check_each(check, TABLE_CUSTOMERS, check_customer);
    check_each(check, TABLE_AUTH, check_auth);
    check_each(check, TABLE_BY_ENTITY, check_indexed);
    check_each(check, TABLE_FOREIGN, check_foreign);
}
