/*
 * The quick proof of check: it says yes of a whole store, by one side and by two, and no of one
 * that lacks any of its records or has one too many, wherever the tokens are cut into pieces. (What
 * check says then is the slower search's, and tests/fault/test_check.c's.)
 */
#include "store/prove.h"
#include "store/reveal.h"
#include "support/support.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define RESELLERS 3
#define ENTITIES 300 /* more than there are pieces */
#define MORE_TOKENS 100
#define TOKENS (ENTITIES + MORE_TOKENS)

static const char table_text[] = "[open]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\n";
static struct config config;
static struct tier_table *tiers;
static struct store *store;
static struct espt_error err;
static struct txn txn, beside;
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
            i >= RESELLERS && i % 2 == 0 ? entity_name(i % RESELLERS) : NULL, NULL};
        DONE(store_entity_add(store, tiers, &wanted, &entity, &token, text, &err));
    }
    for (unsigned i = 0; i < MORE_TOKENS; i++) {
        snprintf(name, sizeof name, "more-%u", i);
        DONE(store_token_create(store, tiers, entity_name(i * i % ENTITIES), name, NULL, &token,
                                text, &err));
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

static bool proven(struct txn *second)
{
    _Atomic uint64_t done = 0;
    struct facts facts;
    bool log_whole;
    struct check check = {.txn = &txn, .done = &done}, other = {.txn = second, .done = &done};
    const bool whole = prove(&check, second != NULL ? &other : NULL, tiers, &facts, &log_whole);
    ck_assert(log_whole);
    ck_assert_int_eq(txn.code, 0);
    if (whole)
        ck_assert_uint_eq(facts.count, ENTITIES + 1); /* numbers begin with 1 */
    facts_clear(&facts);
    return whole;
}

START_TEST(a_whole_store)
{
    ck_assert(proven(NULL));
    DONE(txn_commit(&txn));
    DONE(txn_begin(&txn, store, false, &err));
    ck_assert_msg(txn_begin_beside(&beside, &txn, &err), "%s", err.message);
    for (int i = 0; i < 100; i++) /* each side takes some of the pieces now and then */
        ck_assert(proven(&beside));
    txn_abort(&beside);
}
END_TEST

/* What was there is there again afterwards. */
static void lacks(enum table table, const struct record_key *key)
{
    MDB_val there;
    uint8_t value[RECORD_MAX];
    ck_assert_int_eq(txn_get(&txn, table, key, &there), 1);
    const size_t len = there.mv_size;
    memcpy(value, there.mv_data, len);
    txn_delete(&txn, table, key);
    ck_assert_msg(!proven(NULL), "%s", table_name(table));
    txn_put(&txn, table, key, value, len);
}

START_TEST(a_token_lacks_a_record)
{
    for (unsigned i = 0; i < TOKENS; i++) {
        const struct record_key key = key_integer(ids[i]);
        lacks(TABLE_AUTH, &key);
        lacks(TABLE_TOKENS, &key);
    }
    ck_assert(proven(NULL));
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
    ck_assert(proven(NULL));
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
        ck_assert(!proven(NULL));
        txn_delete(&txn, TABLE_USAGE, &key);
    }
    ck_assert(proven(NULL));
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
    tcase_add_test(tcase, a_whole_store);
    tcase_add_test(tcase, a_token_lacks_a_record);
    tcase_add_test(tcase, an_index_lacks_a_record);
    tcase_add_test(tcase, a_use_of_no_token);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
