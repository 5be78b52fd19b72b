/* SPDX-License-Identifier: ISC */
/*
 * The quick proof of `check`. It accepts a sound store. It refuses a store with a missing or
 * surplus record, wherever the boundaries between the pieces of work are. Then a slower search
 * reports findings; tests/fault/test_check.c tests those.
 */
#include "store/check/prove.h"
#include "store/db/page_owners.h"
#include "store/reveal.h"
#include "support/support.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define RESELLERS 3
#define ENTITIES 300 /* more than the number of pieces */
#define MORE_TOKENS 100
#define TOKENS (ENTITIES + MORE_TOKENS)

static const char table_text[] = "[open]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\n";
static struct config config;
static struct tier_table *tiers;
static struct store *store;
static struct espt_error err;
static struct txn txn;
static uint64_t ids[TOKENS];

#define DONE(call) ck_assert_msg((call) == 0, "%s: %s", #call, err.message)

static const char *entity_name(unsigned i)
{
    static char name[2][16];
    static unsigned turn;
    turn = !turn;
    snprintf(name[turn], sizeof name[turn], "e%u", i);
    return name[turn];
}

static void fill(void)
{
    char text[TOKEN_TEXT_LEN + 1], name[16];
    struct entity entity;
    struct token token;
    for (unsigned i = 0; i < ENTITIES; i++) {
        const struct entity_new wanted = {
            entity_name(i), i < RESELLERS ? KIND_RESELLER : KIND_CUSTOMER,
            i >= RESELLERS && i % 2 == 0 ? entity_name(i % RESELLERS) : NULL, NULL, NULL};
        DONE(store_entity_add(store, tiers, &wanted, &entity, &token, text, &err));
    }
    for (unsigned i = 0; i < MORE_TOKENS; i++) {
        snprintf(name, sizeof name, "more-%u", i);
        const struct token_new wanted = {.entity = entity_name(i * i % ENTITIES), .name = name};
        DONE(store_token_create(store, tiers, &wanted, &token, text, &err));
    }
}

/* Every third token was used. */
static void note_uses(void)
{
    uint8_t value[RECORD_MAX];
    for (unsigned i = 0; i < TOKENS; i += 3) {
        const struct record_key key = key_integer(ids[i]);
        const struct usage_record usage = {.uses = i + 1, .last_used = 1};
        txn_put(&txn, TABLE_USAGE, &key, value, usage_encode(&key, &usage, value));
    }
    for (unsigned i = 1; i < TOKENS; i += 4) {
        const struct record_key key = key_integer(ids[i]);
        const struct notice_record notice = {.expires = 1, .stage = i};
        txn_put(&txn, TABLE_NOTICES, &key, value, notice_encode(&key, &notice, value));
    }
}

static void read_ids(void)
{
    struct walk walk;
    unsigned count = 0;
    walk_begin(&walk, &txn, TABLE_TOKENS, NULL, 0);
    while (walk_next(&walk) && count < TOKENS)
        ids[count++] = check_integer(&walk.key);
    walk_end(&walk);
    ck_assert_uint_eq(count, TOKENS);
}

static void setup(void)
{
    bool made, made_secret;
    config_in(&config, temp_folder());
    DONE(reveal_create(&config, &made, &made_secret, &err));
    DONE(store_create(&config, &made, &err));
    DONE(tier_table_parse(&tiers, "tiers.ini", table_text, sizeof table_text - 1, &err));
    DONE(store_open(&store, &config, &err));
    fill();
    DONE(txn_begin(&txn, store, true, &err));
    read_ids();
    note_uses();
}

static void teardown(void)
{
    txn_abort(&txn);
    store_close(store);
    tier_table_free(tiers);
}

/* Commits the changes, because the proof reads the file, and begins another transaction. */
static bool proven(void)
{
    _Atomic uint64_t done = 0;
    struct facts facts;
    struct pages pages;
    struct owners owners;
    uint64_t page;
    bool log_whole;
    DONE(txn_commit(&txn));
    DONE(txn_begin(&txn, store, true, &err));
    DONE(pages_open(&pages, store->env, &config, &err));
    ck_assert_int_eq(pages_read_state(&pages, txn.state.transaction, &page), PAGES_READ);
    DONE(owners_prove(&owners, &pages, NULL, NULL, &err));
    ck_assert_uint_eq(owners.faults, 0);
    ck_assert_uint_eq(owners.unlisted, 0);
    owners_clear(&owners);
    struct check check = {.txn = &txn, .pages = &pages, .done = &done}, other = check;
    const bool whole = prove(&check, &other, tiers, &facts, &log_whole);
    ck_assert(log_whole);
    ck_assert_int_eq(txn.code, 0);
    if (whole)
        ck_assert_uint_eq(facts.count, ENTITIES + 1); /* entity numbers begin with 1 */
    facts_clear(&facts);
    pages_close(&pages);
    return whole;
}

START_TEST(a_sound_store_is_accepted)
{
    for (int i = 0; i < 100; i++) /* in some rounds both threads process pieces */
        ck_assert(proven());
}
END_TEST

/* Requires that the proof fails without the record, then puts the record back. */
static void lacks(enum table table, const struct record_key *key)
{
    struct record_value there;
    uint8_t value[RECORD_MAX];
    ck_assert_int_eq(txn_get(&txn, table, key, &there), 1);
    const size_t len = there.len;
    memcpy(value, there.data, len);
    txn_delete(&txn, table, key);
    ck_assert_msg(!proven(), "%s", table_name(table));
    txn_put(&txn, table, key, value, len);
}

START_TEST(a_token_lacks_a_record)
{
    for (unsigned i = 0; i < TOKENS; i++) {
        const struct record_key key = key_integer(ids[i]);
        lacks(TABLE_AUTH, &key);
        lacks(TABLE_TOKENS, &key);
    }
    ck_assert(proven());
}
END_TEST

START_TEST(an_index_lacks_a_record)
{
    static const enum table indexes[] = {TABLE_BY_ENTITY, TABLE_NAMES, TABLE_CUSTOMERS,
                                         TABLE_RESELLERS};
    for (size_t t = 0; t < sizeof indexes / sizeof *indexes; t++) {
        static struct record_key keys[TOKENS];
        struct walk walk;
        unsigned count = 0;
        walk_begin(&walk, &txn, indexes[t], NULL, 0);
        while (walk_next(&walk))
            keys[count++] = walk.key;
        walk_end(&walk);
        ck_assert_uint_ge(count, RESELLERS);
        for (unsigned i = 0; i < count; i += 1 + i / 8)
            lacks(indexes[t], &keys[i]);
    }
    ck_assert(proven());
}
END_TEST

START_TEST(a_use_of_no_token)
{
    uint8_t value[RECORD_MAX];
    const struct usage_record usage = {.uses = 1, .last_used = 1};
    for (unsigned i = 0; i <= TOKENS; i++) {
        const uint64_t id = i < TOKENS ? ids[i] - 1 : ids[i - 1] + 1;
        const struct record_key key = key_integer(id);
        txn_put(&txn, TABLE_USAGE, &key, value, usage_encode(&key, &usage, value));
        ck_assert(!proven());
        txn_delete(&txn, TABLE_USAGE, &key);
    }
    ck_assert(proven());
}
END_TEST

/* A usage file that was folded in part has a record with a position, a whole one an empty record.
 */
START_TEST(a_file_is_folded_in_part)
{
    static const uint32_t positions[] = {FOLDED_WHOLE, 1, 4096};
    uint8_t value[RECORD_MAX];
    const struct record_key key = key_integer(7);
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        txn_put(&txn, TABLE_FOLDED, &key, value, folded_encode(&key, positions[i], value));
        ck_assert(proven());
    }
    txn_put(&txn, TABLE_FOLDED, &key, value, folded_encode(&key, 1, value) - 1);
    ck_assert(!proven());
}
END_TEST

START_TEST(a_notice_of_no_token)
{
    uint8_t value[RECORD_MAX];
    const struct notice_record notice = {.expires = 1, .stage = 86400};
    for (unsigned i = 0; i <= TOKENS; i++) {
        const uint64_t id = i < TOKENS ? ids[i] - 1 : ids[i - 1] + 1;
        const struct record_key key = key_integer(id);
        txn_put(&txn, TABLE_NOTICES, &key, value, notice_encode(&key, &notice, value));
        ck_assert(!proven());
        txn_delete(&txn, TABLE_NOTICES, &key);
    }
    const struct record_key key = key_integer(ids[0]);
    txn_put(&txn, TABLE_NOTICES, &key, value, notice_encode(&key, &notice, value));
    ck_assert(proven());
    txn_put(&txn, TABLE_NOTICES, &key, value, notice_encode(&key, &notice, value) - 1);
    ck_assert(!proven());
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("prove");
    TCase *tcase = tcase_create("prove");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_sound_store_is_accepted);
    tcase_add_test(tcase, a_token_lacks_a_record);
    tcase_add_test(tcase, an_index_lacks_a_record);
    tcase_add_test(tcase, a_use_of_no_token);
    tcase_add_test(tcase, a_file_is_folded_in_part);
    tcase_add_test(tcase, a_notice_of_no_token);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
