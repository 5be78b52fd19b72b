/*
 * The proof of contract §5 over a whole store: every record opens, every index entry has its record
 * and every record its entries, every count counts, and what validators judge by says what the
 * entities say. Each table is walked once; partners are looked up.
 */
#include "store/check.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void check_report(struct check *check, const char *kind, const char *subject, const char *format,
                  ...)
{
    struct finding finding = {.kind = kind};
    snprintf(finding.subject, sizeof finding.subject, "%s", subject);
    va_list args;
    va_start(args, format);
    vsnprintf(finding.message, sizeof finding.message, format, args);
    va_end(args);
    check->findings++;
    check->fn(check->arg, &finding);
}

/* A key for people: an id, a number, or what of it is printable. */
static void subject_of(enum table table, const struct record_key *key, char *out, size_t size)
{
    uint64_t integer = 0;
    if (table_has_integer_key(table) && key->len == sizeof integer) {
        memcpy(&integer, key->bytes, sizeof integer);
        integer = le64toh(integer);
        if (table == TABLE_AUTH || table == TABLE_TOKENS)
            token_id_format(integer, out);
        else
            snprintf(out, size, "%s %llu", table_name(table), (unsigned long long)integer);
        return;
    }
    size_t from = table == TABLE_NAMES ? 0 : 4;
    size_t len = key->len > from ? key->len - from : 0;
    if (table != TABLE_CUSTOMERS && text_ok((const char *)key->bytes + from, len))
        snprintf(out, size, "%.*s", (int)len, (const char *)key->bytes + from);
    else
        snprintf(out, size, "%s", table_name(table));
}

static void damaged(struct check *check, enum table table, const struct record_key *key)
{
    char subject[RECORD_KEY_MAX + 1];
    subject_of(table, key, subject, sizeof subject);
    check_report(check, "damaged", subject, "its record in table %s is not whole; restore a backup",
                 table_name(table));
}

static void index_fault(struct check *check, enum table table, const struct record_key *key,
                        const char *fault)
{
    char subject[RECORD_KEY_MAX + 1];
    subject_of(table, key, subject, sizeof subject);
    check_report(check, "index", subject, "table %s: %s; restore a backup", table_name(table),
                 fault);
}

static bool look_up(struct check *check, enum table table, const struct record_key *key,
                    MDB_val *ret_value)
{
    return txn_get(check->txn, table, key, ret_value) > 0;
}

int check_entity_record(struct check *check, uint32_t number, struct entity_record *ret)
{
    struct record_key key = key_integer(number);
    MDB_val value;
    if (!look_up(check, TABLE_ENTITIES, &key, &value))
        return 0;
    return entity_decode(&key, value.mv_data, value.mv_size, ret) ? 1 : -1;
}

static uint32_t count_index(struct check *check, enum table table, uint32_t number)
{
    struct record_key from = key_by_entity(number, "", 0);
    struct walk walk;
    uint32_t count = 0;
    walk_begin(&walk, check->txn, table, &from, sizeof number);
    while (walk_next(&walk))
        count++;
    walk_end(&walk);
    return count;
}

static uint64_t integer_of(const struct record_key *key)
{
    uint64_t integer = 0;
    memcpy(&integer, key->bytes, key->len < sizeof integer ? key->len : sizeof integer);
    return le64toh(integer);
}

/* --- one table each --- */

static void check_counts(struct check *check, const struct entity_record *entity, uint32_t number)
{
    uint32_t tokens = count_index(check, TABLE_BY_ENTITY, number);
    uint32_t customers = count_index(check, TABLE_CUSTOMERS, number);
    if (entity->tokens != tokens)
        check_report(check, "count", entity->name, "it counts %u tokens and has %u", entity->tokens,
                     tokens);
    if (entity->customers != customers)
        check_report(check, "count", entity->name, "it counts %u customers and has %u",
                     entity->customers, customers);
    if (tokens == 0)
        check_report(check, "no-token", entity->name,
                     "it should have at least one token; make one by esp-tokenctl create");
}

static void check_entity(struct check *check, const struct tier_table *tiers,
                         const struct record_key *key, const struct entity_record *entity)
{
    const uint64_t number = integer_of(key);
    MDB_val value;
    struct record_key name = key_name(entity->name, strlen(entity->name));
    uint32_t named = 0;
    if (number == 0 || number >= check->txn->state.next_number)
        index_fault(check, TABLE_ENTITIES, key, "its number was never given");
    if (!look_up(check, TABLE_NAMES, &name, &value) ||
        !number_decode(&name, value.mv_data, value.mv_size, &named) || named != number)
        check_report(check, "index", entity->name, "table names does not lead to it");
    struct reseller_record reseller;
    bool is_reseller = look_up(check, TABLE_RESELLERS, key, &value);
    if (is_reseller != (entity->kind == KIND_RESELLER))
        check_report(check, "index", entity->name, "its kind and table resellers disagree");
    else if (is_reseller && reseller_decode(key, value.mv_data, value.mv_size, &reseller) &&
             (strcmp(reseller.name, entity->name) != 0 || reseller.active != entity->active))
        check_report(check, "index", entity->name, "table resellers says something else of it");
    struct entity_record parent;
    bool has_parent = false;
    if (entity->reseller != 0) {
        struct record_key pair = key_pair(entity->reseller, (uint32_t)number);
        has_parent = check_entity_record(check, entity->reseller, &parent) > 0;
        if (!has_parent || parent.kind != KIND_RESELLER)
            check_report(check, "rule", entity->name, "its reseller is no reseller, or not there");
        if (entity->kind == KIND_RESELLER)
            check_report(check, "rule", entity->name, "a reseller that belongs to a reseller");
        if (!look_up(check, TABLE_CUSTOMERS, &pair, &value))
            check_report(check, "index", entity->name, "table customers lacks it");
    }
    check_counts(check, entity, (uint32_t)number);
    check_entity_tier(check, tiers, entity, has_parent ? parent.tier : NULL);
}

static void check_entities(struct check *check, const struct tier_table *tiers)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_ENTITIES, NULL, 0);
    while (walk_next(&walk)) {
        struct entity_record entity;
        if (entity_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &entity))
            check_entity(check, tiers, &walk.key, &entity);
        else
            damaged(check, TABLE_ENTITIES, &walk.key);
    }
    walk_end(&walk);
}

static void check_names(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_NAMES, NULL, 0);
    while (walk_next(&walk)) {
        uint32_t number;
        struct entity_record entity;
        if (!number_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &number))
            damaged(check, TABLE_NAMES, &walk.key);
        else if (check_entity_record(check, number, &entity) == 0 ||
                 strlen(entity.name) != walk.key.len ||
                 memcmp(entity.name, walk.key.bytes, walk.key.len) != 0)
            index_fault(check, TABLE_NAMES, &walk.key, "it leads to no entity of that name");
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
            damaged(check, TABLE_RESELLERS, &walk.key);
        else if (check_entity_record(check, (uint32_t)integer_of(&walk.key), &entity) == 0)
            index_fault(check, TABLE_RESELLERS, &walk.key, "there is no such entity");
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
            !empty_decode(&walk.key, walk.value.mv_data, walk.value.mv_size)) {
            damaged(check, TABLE_CUSTOMERS, &walk.key);
            continue;
        }
        memcpy(pair, walk.key.bytes, sizeof pair);
        int found = check_entity_record(check, be32toh(pair[1]), &entity);
        if (found == 0 || (found > 0 && entity.reseller != be32toh(pair[0])))
            index_fault(check, TABLE_CUSTOMERS, &walk.key,
                        "it names a customer that is not that reseller's");
    }
    walk_end(&walk);
}

/* Does what validators judge by say what the entity says? */
static void check_auth(struct check *check, const struct record_key *key, uint32_t number)
{
    MDB_val value;
    struct auth_record auth;
    struct entity_record entity;
    if (!look_up(check, TABLE_AUTH, key, &value)) {
        index_fault(check, TABLE_AUTH, key, "the token has no record for validators");
    } else if (!auth_decode(key, value.mv_data, value.mv_size, &auth)) {
        damaged(check, TABLE_AUTH, key);
    } else if (check_entity_record(check, number, &entity) > 0 &&
               (auth.entity != number || auth.reseller != entity.reseller ||
                auth.kind != entity.kind || auth.entity_active != entity.active ||
                strcmp(auth.entity_name, entity.name) != 0 ||
                strcmp(auth.tier, entity.tier) != 0)) {
        index_fault(check, TABLE_AUTH, key, "it says something else than the token's entity");
    }
}

static void check_tokens(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_TOKENS, NULL, 0);
    while (walk_next(&walk)) {
        struct token_record token;
        if (!token_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &token)) {
            damaged(check, TABLE_TOKENS, &walk.key);
            continue;
        }
        struct entity_record entity;
        if (check_entity_record(check, token.entity, &entity) == 0)
            index_fault(check, TABLE_TOKENS, &walk.key, "its entity is not there");
        struct record_key named = key_by_entity(token.entity, token.name, strlen(token.name));
        MDB_val value;
        uint64_t id;
        if (!look_up(check, TABLE_BY_ENTITY, &named, &value) ||
            !id_decode(&named, value.mv_data, value.mv_size, &id) || id != integer_of(&walk.key))
            index_fault(check, TABLE_TOKENS, &walk.key, "table by_entity does not lead to it");
        check_auth(check, &walk.key, token.entity);
    }
    walk_end(&walk);
}

static void check_partners(struct check *check)
{
    struct walk walk;
    MDB_val value;
    walk_begin(&walk, check->txn, TABLE_AUTH, NULL, 0);
    while (walk_next(&walk)) {
        if (!look_up(check, TABLE_TOKENS, &walk.key, &value))
            index_fault(check, TABLE_AUTH, &walk.key, "there is no such token");
    }
    walk_end(&walk);
    walk_begin(&walk, check->txn, TABLE_BY_ENTITY, NULL, 0);
    while (walk_next(&walk)) {
        uint64_t id;
        if (!id_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &id)) {
            damaged(check, TABLE_BY_ENTITY, &walk.key);
            continue;
        }
        struct record_key key = key_integer(id);
        struct token_record token;
        if (!look_up(check, TABLE_TOKENS, &key, &value)) {
            index_fault(check, TABLE_BY_ENTITY, &walk.key, "it leads to no token");
        } else if (token_decode(&key, value.mv_data, value.mv_size, &token)) {
            struct record_key named = key_by_entity(token.entity, token.name, strlen(token.name));
            if (named.len != walk.key.len || memcmp(named.bytes, walk.key.bytes, named.len) != 0)
                index_fault(check, TABLE_BY_ENTITY, &walk.key, "it leads to another token");
        }
    }
    walk_end(&walk);
}

int store_check(struct store *store, const struct tier_table *tiers, finding_fn fn, void *arg,
                size_t *ret_findings, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct check check = {.txn = &txn, .fn = fn, .arg = arg};
    check_entities(&check, tiers);
    check_names(&check);
    check_resellers(&check);
    check_customers(&check);
    check_tokens(&check);
    check_partners(&check);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_findings = check.findings;
    return txn.code;
}
