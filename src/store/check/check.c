/* SPDX-License-Identifier: ISC */
/*
 * The proof of specification §5 over a whole store. Every record can be decoded. Every index entry
 * has its record, and every record its entries. Every count is correct. The records that validators
 * use agree with the entities. First, each page must have one owner (page_owners.h), so that the
 * trees can be followed. The quick proof (prove.h) comes next. If it fails, the code here walks
 * each table and looks up the records that each record refers to, to find out what is wrong.
 */
#include "store/check/check.h"

#include "store/begin.h"
#include "store/check/prove.h"
#include "store/db/lock.h"

#include <endian.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BEGIN_TRIES 100

/* Counts the keys that begin with `number`, from `rest` on. */
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

/* --- one table each --- */

static void check_counts(struct check *check, const struct entity_record *entity, uint32_t number)
{
    uint32_t tokens = count_index(check, TABLE_BY_ENTITY, number, "\1"); /* not retiring ones */
    uint32_t customers = count_index(check, TABLE_CUSTOMERS, number, "");
    if (entity->tokens != tokens)
        check_report(check, "count", entity->name,
                     "its record says %u tokens, but it has %u" RESTORE, entity->tokens, tokens);
    if (entity->customers != customers)
        check_report(check, "count", entity->name,
                     "its record says %u customers, but it has %u" RESTORE, entity->customers,
                     customers);
    if (tokens == 0)
        check_report(check, "no-token", entity->name, NO_TOKEN);
}

static void check_entity(struct check *check, const struct tier_table *tiers,
                         const struct record_key *key, const struct entity_record *entity)
{
    const uint64_t number = check_integer(key);
    struct record_value value;
    struct record_key name = key_name(entity->name, strlen(entity->name));
    uint32_t named = 0;
    if (number == 0 || number >= check->txn->state.next_number)
        check_index_fault(check, TABLE_ENTITIES, key, "its number was never assigned");
    if (!check_look_up(check, TABLE_NAMES, &name, &value) ||
        !number_decode(&name, value.data, value.len, &named) || named != number)
        check_report(check, "index", entity->name,
                     "table names has no entry that refers to it" RESTORE);
    struct reseller_record reseller;
    bool is_reseller = check_look_up(check, TABLE_RESELLERS, key, &value);
    if (is_reseller != (entity->kind == KIND_RESELLER))
        check_report(check, "index", entity->name,
                     is_reseller
                         ? "it is a customer, but table resellers has an entry for it" RESTORE
                         : "it is a reseller, but table resellers has no entry for it" RESTORE);
    else if (is_reseller && reseller_decode(key, value.data, value.len, &reseller) &&
             (strcmp(reseller.name, entity->name) != 0 || reseller.active != entity->active))
        check_report(check, "index", entity->name,
                     "its name or status differs in table resellers" RESTORE);
    struct entity_record parent;
    bool has_parent = false;
    if (entity->reseller != 0) {
        struct record_key pair = key_pair(entity->reseller, (uint32_t)number);
        has_parent = check_entity_record(check, entity->reseller, &parent) > 0;
        if (!has_parent || parent.kind != KIND_RESELLER)
            check_report(check, "rule", entity->name,
                         "its reseller does not exist, or is a customer" RESTORE);
        if (entity->kind == KIND_RESELLER)
            check_report(check, "rule", entity->name,
                         "it is a reseller, but belongs to a reseller" RESTORE);
        if (!check->txn->state.edge && !check_look_up(check, TABLE_CUSTOMERS, &pair, &value))
            check_report(check, "index", entity->name,
                         "table customers has no entry for it" RESTORE);
    }
    if (!check->txn->state.edge)
        check_counts(check, entity, (uint32_t)number);
    check_entity_tier(check, tiers, entity, has_parent ? parent.tier : NULL);
}

static void check_entities(struct check *check, const struct tier_table *tiers)
{
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_ENTITIES, NULL, 0);
    while (walk_next(&walk)) {
        struct entity_record entity;
        if (entity_decode(&walk.key, walk.value.data, walk.value.len, &entity))
            check_entity(check, tiers, &walk.key, &entity);
        else
            check_damaged(check, TABLE_ENTITIES, &walk.key);
    }
    walk_end(&walk);
}

static bool leads_to(struct check *check, const uint8_t *digest, const struct record_key *key)
{
    struct record_key foreign = key_digest(digest);
    struct record_value value;
    uint64_t id;
    return check_look_up(check, TABLE_FOREIGN, &foreign, &value) &&
           id_decode(TABLE_FOREIGN, &foreign, value.data, value.len, &id) &&
           id == check_integer(key);
}

/* The auth record agrees with the entity. */
static void check_auth(struct check *check, const struct record_key *key,
                       const struct token_record *token)
{
    const uint32_t number = token->entity;
    struct record_value value;
    struct auth_record auth;
    struct entity_record entity;
    if (!check_look_up(check, TABLE_AUTH, key, &value)) {
        check_index_fault(check, TABLE_AUTH, key, "the token has no record for validators");
    } else if (!auth_decode(key, value.data, value.len, &auth)) {
        check_damaged(check, TABLE_AUTH, key);
    } else if (token->foreign && !leads_to(check, auth.digest, key)) {
        check_index_fault(check, TABLE_AUTH, key, "table foreign has no entry that refers to it");
    } else if (check_entity_record(check, number, &entity) > 0 &&
               (auth.entity != number || !check_same_facts(&auth, &entity))) {
        check_index_fault(check, TABLE_AUTH, key, CHECK_OTHER_FACTS);
    } else if (auth.active && token->off_by != OFF_NOBODY) {
        check_index_fault(check, TABLE_AUTH, key,
                          "it says active, but table tokens says that the token was switched off");
    }
}

static void check_token(struct check *check, const struct record_key *key,
                        const struct record_value *value)
{
    struct token_record token;
    struct entity_record entity;
    struct record_value found;
    uint64_t id;
    if (!token_decode(key, value->data, value->len, &token)) {
        check_damaged(check, TABLE_TOKENS, key);
        return;
    }
    if (check_entity_record(check, token.entity, &entity) == 0)
        check_index_fault(check, TABLE_TOKENS, key, "its entity does not exist");
    const struct record_key named =
        key_indexed(token.entity, token.name, token.retiring, check_integer(key));
    if (!check_look_up(check, TABLE_BY_ENTITY, &named, &found) ||
        !id_decode(TABLE_BY_ENTITY, &named, found.data, found.len, &id) || id != check_integer(key))
        check_index_fault(check, TABLE_TOKENS, key,
                          "table by_entity has no entry that refers to it");
    check_auth(check, key, &token);
}

/* Validators look up a text of another form only if this flag is set. */
static void check_state(struct check *check)
{
    const bool any = txn_entries(check->txn, TABLE_FOREIGN) > 0;
    if (any != check->txn->state.foreign)
        check_report(check, "index", "state",
                     "its flag says that the store has %s foreign tokens, which is wrong; any "
                     "change to the store corrects it",
                     any ? "no" : "some");
}

static void check_edge_records(struct check *check, const struct tier_table *tiers)
{
    if (!check_leaves(check))
        return;
    check_entities(check, tiers);
    check_indexes(check);
    check_edge(check);
    check_state(check);
}

static void check_records(struct check *check, const struct tier_table *tiers)
{
    _Atomic uint64_t *done = check->done;
    struct check beside = {.pages = check->pages, .done = done};
    struct facts facts;
    bool log_whole, readable = true;
    if (check->txn->state.edge) {
        check_edge_records(check, tiers);
        return;
    }
    if (prove(check, &beside, tiers, &facts, &log_whole)) {
        check_proven(check, tiers, &facts);
        if (!facts.as_logged)
            check_report(check, "damaged", "table auth",
                         "the status or expiration of a token differs from the log: an older copy "
                         "of a page has come back" RESTORE);
        if (facts.has_odd_names)
            check_token_names(check);
    } else if ((readable = check_leaves(check))) {
        check_entities(check, tiers);
        check_each(check, TABLE_TOKENS, check_token);
        check_indexes(check);
        check_token_names(check);
    }
    facts_clear(&facts);
    if (!readable)
        return;
    check_state(check);
    if (!log_whole)
        check_log(check);
}

/* Reads the note of the last writer. If check may not read it, it works without it. */
static void read_note(struct check *check, const struct store *store)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s.writer", store->config.store);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    check->noted = note_read(fd, &check->note);
    close(fd);
}

/* Begins a read transaction and takes its pages. If a writer commits in between, the meta page may
   be overwritten; then both begin again. */
static int begin(struct check *check, struct txn *txn, struct store *store, bool *ret_sound,
                 struct espt_error *err)
{
    int code = LOCK_BUSY;
    for (int tries = 0; code == LOCK_BUSY && tries < BEGIN_TRIES; tries++) {
        pages_close(check->pages);
        read_note(check, store);
        code = store_begin(txn, store, false, err);
        if (code != 0)
            return code;
        code = pages_open(check->pages, store->env, &store->config, err);
        if (code == 0)
            code = check_pages(check, ret_sound, err);
        if (code != 0)
            txn_abort(txn);
    }
    return code != LOCK_BUSY ? code
                             : espt_fail(err, ESPT_UNUSABLE,
                                         "%s: other commands are writing all the time; try again",
                                         store->config.store);
}

int store_check(struct store *store, const struct tier_table *tiers, finding_fn fn, void *arg,
                progress_fn progress, void *progress_arg, size_t *ret_findings,
                struct espt_error *err)
{
    struct txn txn;
    struct pages pages = {0};
    _Atomic uint64_t done = 0;
    bool sound;
    struct check check = {.txn = &txn,
                          .pages = &pages,
                          .fn = fn,
                          .arg = arg,
                          .progress = progress,
                          .progress_arg = progress_arg,
                          .done = &done};
    int code = begin(&check, &txn, store, &sound, err);
    if (code == 0) {
        for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++)
            check.total += pages.tree[t].entries;
        if (sound)
            check_records(&check, tiers);
        txn_abort(&txn);
        code = txn.code;
    }
    pages_close(&pages);
    if (code == 0)
        *ret_findings = check.findings;
    return code;
}
