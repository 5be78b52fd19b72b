/*
 * The proof of contract §5 over a whole store: every record opens, every index entry has its record
 * and every record its entries, every count counts, and what validators judge by says what the
 * entities say. The quick proof (prove.h) comes first; where it fails, each table is walked here
 * and partners are looked up, to say what is wrong.
 */
#include "store/check.h"

#include "store/prove.h"

#include <endian.h>
#include <stdarg.h>
#include <stdatomic.h>
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
        if (table == TABLE_AUTH || table == TABLE_TOKENS || table == TABLE_USAGE)
            token_id_format(integer, out);
        else
            snprintf(out, size, "%s %llu", table_name(table), (unsigned long long)integer);
        return;
    }
    size_t from = table == TABLE_NAMES ? 0 : 4;
    size_t len = key->len > from ? key->len - from : 0;
    if (table != TABLE_CUSTOMERS && table != TABLE_FOREIGN &&
        text_ok((const char *)key->bytes + from, len))
        snprintf(out, size, "%.*s", (int)len, (const char *)key->bytes + from);
    else
        snprintf(out, size, "%s", table_name(table));
}

void check_damaged(struct check *check, enum table table, const struct record_key *key)
{
    char subject[RECORD_KEY_MAX + 1];
    subject_of(table, key, subject, sizeof subject);
    check_report(check, "damaged", subject, "its record in table %s is not whole; restore a backup",
                 table_name(table));
}

void check_index_fault(struct check *check, enum table table, const struct record_key *key,
                       const char *fault)
{
    char subject[RECORD_KEY_MAX + 1];
    subject_of(table, key, subject, sizeof subject);
    check_report(check, "index", subject, "table %s: %s; restore a backup", table_name(table),
                 fault);
}

bool check_look_up(struct check *check, enum table table, const struct record_key *key,
                   MDB_val *ret_value)
{
    return txn_get(check->txn, table, key, ret_value) > 0;
}

int check_entity_record(struct check *check, uint32_t number, struct entity_record *ret)
{
    struct record_key key = key_integer(number);
    MDB_val value;
    if (!check_look_up(check, TABLE_ENTITIES, &key, &value))
        return 0;
    return entity_decode(&key, value.mv_data, value.mv_size, ret) ? 1 : -1;
}

/* Keys that begin with `number`, from `rest` on. */
static uint32_t count_index(struct check *check, enum table table, uint32_t number,
                            const char *rest)
{
    struct record_key from = key_by_entity(number, rest, strlen(rest));
    struct walk walk;
    uint32_t count = 0;
    walk_begin(&walk, check->txn, table, &from, sizeof number);
    while (walk_next(&walk))
        count++;
    walk_end(&walk);
    return count;
}

uint64_t check_integer(const struct record_key *key)
{
    uint64_t integer = 0;
    memcpy(&integer, key->bytes, key->len < sizeof integer ? key->len : sizeof integer);
    return le64toh(integer);
}

/* --- one table each --- */

static void check_counts(struct check *check, const struct entity_record *entity, uint32_t number)
{
    uint32_t tokens = count_index(check, TABLE_BY_ENTITY, number, "\1"); /* past the retiring */
    uint32_t customers = count_index(check, TABLE_CUSTOMERS, number, "");
    if (entity->tokens != tokens)
        check_report(check, "count", entity->name, "it counts %u tokens and has %u", entity->tokens,
                     tokens);
    if (entity->customers != customers)
        check_report(check, "count", entity->name, "it counts %u customers and has %u",
                     entity->customers, customers);
    if (tokens == 0)
        check_report(check, "no-token", entity->name, NO_TOKEN);
}

static void check_entity(struct check *check, const struct tier_table *tiers,
                         const struct record_key *key, const struct entity_record *entity)
{
    const uint64_t number = check_integer(key);
    MDB_val value;
    struct record_key name = key_name(entity->name, strlen(entity->name));
    uint32_t named = 0;
    if (number == 0 || number >= check->txn->state.next_number)
        check_index_fault(check, TABLE_ENTITIES, key, "its number was never given");
    if (!check_look_up(check, TABLE_NAMES, &name, &value) ||
        !number_decode(&name, value.mv_data, value.mv_size, &named) || named != number)
        check_report(check, "index", entity->name, "table names does not lead to it");
    struct reseller_record reseller;
    bool is_reseller = check_look_up(check, TABLE_RESELLERS, key, &value);
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
        if (!check_look_up(check, TABLE_CUSTOMERS, &pair, &value))
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
            check_damaged(check, TABLE_ENTITIES, &walk.key);
    }
    walk_end(&walk);
}

static bool leads_to(struct check *check, const uint8_t *digest, const struct record_key *key)
{
    struct record_key foreign = key_digest(digest);
    MDB_val value;
    uint64_t id;
    return check_look_up(check, TABLE_FOREIGN, &foreign, &value) &&
           id_decode(TABLE_FOREIGN, &foreign, value.mv_data, value.mv_size, &id) &&
           id == check_integer(key);
}

/* Does what validators judge by say what the entity says? */
static void check_auth(struct check *check, const struct record_key *key,
                       const struct token_record *token)
{
    const uint32_t number = token->entity;
    MDB_val value;
    struct auth_record auth;
    struct entity_record entity;
    if (!check_look_up(check, TABLE_AUTH, key, &value)) {
        check_index_fault(check, TABLE_AUTH, key, "the token has no record for validators");
    } else if (!auth_decode(key, value.mv_data, value.mv_size, &auth)) {
        check_damaged(check, TABLE_AUTH, key);
    } else if (token->foreign && !leads_to(check, auth.digest, key)) {
        check_index_fault(check, TABLE_AUTH, key, "table foreign does not lead to it");
    } else if (check_entity_record(check, number, &entity) > 0 &&
               (auth.entity != number || auth.reseller != entity.reseller ||
                auth.kind != entity.kind || auth.entity_active != entity.active ||
                strcmp(auth.entity_name, entity.name) != 0 ||
                strcmp(auth.tier, entity.tier) != 0)) {
        check_index_fault(check, TABLE_AUTH, key, "it says something else than the token's entity");
    }
}

static void check_tokens(struct check *check)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_TOKENS, NULL, 0);
    while (walk_next(&walk)) {
        struct token_record token;
        if (!token_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &token)) {
            check_damaged(check, TABLE_TOKENS, &walk.key);
            continue;
        }
        struct entity_record entity;
        if (check_entity_record(check, token.entity, &entity) == 0)
            check_index_fault(check, TABLE_TOKENS, &walk.key, "its entity is not there");
        struct record_key named =
            key_indexed(token.entity, token.name, token.retiring, check_integer(&walk.key));
        MDB_val value;
        uint64_t id;
        if (!check_look_up(check, TABLE_BY_ENTITY, &named, &value) ||
            !id_decode(TABLE_BY_ENTITY, &named, value.mv_data, value.mv_size, &id) ||
            id != check_integer(&walk.key))
            check_index_fault(check, TABLE_TOKENS, &walk.key,
                              "table by_entity does not lead to it");
        check_auth(check, &walk.key, &token);
    }
    walk_end(&walk);
}

#define STEP 4096

void check_step(struct check *check)
{
    if (++check->steps % STEP != 0)
        return;
    const uint64_t done = atomic_fetch_add(check->done, STEP) + STEP;
    if (check->progress != NULL)
        check->progress(check->progress_arg, done, check->total);
}

/* By it validators decide whether a text that is not ours is looked for at all. */
static void check_state(struct check *check)
{
    const bool any = txn_entries(check->txn, TABLE_FOREIGN) > 0;
    if (any != check->txn->state.foreign)
        check_report(check, "index", "state",
                     "it says that table foreign has %s entries; make any change to mend it",
                     any ? "no" : "some");
}

int store_check(struct store *store, const struct tier_table *tiers, finding_fn fn, void *arg,
                progress_fn progress, void *progress_arg, size_t *ret_findings,
                struct espt_error *err)
{
    struct txn txn, second = {0};
    struct facts facts;
    _Atomic uint64_t done = 0;
    struct espt_error aside; /* what fails in the second is asked of the first */
    bool log_whole;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct check check = {.txn = &txn,
                          .fn = fn,
                          .arg = arg,
                          .progress = progress,
                          .progress_arg = progress_arg,
                          .done = &done};
    struct check beside = {.txn = &second, .done = &done};
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++)
        check.total += txn_entries(&txn, t);
    const bool two = txn_begin_beside(&second, &txn, &aside);
    if (prove(&check, two ? &beside : NULL, tiers, &facts, &log_whole)) {
        check_proven(&check, tiers, &facts);
    } else {
        check_entities(&check, tiers);
        check_tokens(&check);
        check_indexes(&check);
    }
    facts_clear(&facts);
    check_state(&check);
    check_folded(&check);
    if (!log_whole)
        check_log(&check);
    if (two)
        txn_abort(&second);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_findings = check.findings;
    return txn.code;
}
