/* SPDX-License-Identifier: ISC */
/* src/store through its interface: creation, rules, limits, races, a full map. */
#include "store/backup.h"
#include "store/db/db.h"
#include "store/reveal.h"
#include "store/store.h"
#include "store/tokens.h"
#include "support/support.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char table_text[] =
    "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\nmetrics = kpi.*\n"
    "upgrade = please contact your account manager\n"
    "[advanced]\nlabel = Advanced\nrank = 20\nmax_tokens = 5\n"
    "[boundless]\nrank = 30\nmax_tokens = unlimited\n";

static struct config config;
static struct tier_table *tiers;
static struct store *store;
static struct espt_error err;
static char text[TOKEN_TEXT_LEN + 1];
static struct entity entity;
static struct token token;

#define DONE(call) ck_assert_msg((call) == 0, "%s: %s", #call, err.message)
#define FAILS(code, words, call)                                              \
    do {                                                                      \
        ck_assert_int_eq(call, code);                                         \
        ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message); \
    } while (0)

static void reopen(void)
{
    store_close(store);
    store = NULL;
    DONE(store_open(&store, &config, &err));
}

static void setup(void)
{
    bool made, made_secret;
    config_in(&config, temp_folder());
    config.default_expiry = 3600;
    DONE(reveal_create(&config, &made, &made_secret, &err));
    ck_assert(made && made_secret);
    DONE(store_create(&config, &made, &err));
    ck_assert(made);
    DONE(tier_table_parse(&tiers, "tiers.ini", table_text, sizeof table_text - 1, &err));
    reopen();
}

static void teardown(void)
{
    store_close(store);
    store = NULL;
    tier_table_free(tiers);
}

static int add(const char *name, enum entity_kind kind, const char *reseller, const char *tier)
{
    const struct entity_new wanted = {
        .name = name, .kind = kind, .reseller = reseller, .tier = tier};
    return store_entity_add(store, tiers, &wanted, &entity, &token, text, &err);
}

static int edit(const char *name, const struct entity_edit *change)
{
    return store_entity_edit(store, tiers, name, change, &entity, NULL, NULL, &err);
}

static int create(const char *name, const char *token_name)
{
    const struct token_new wanted = {.entity = name, .name = token_name};
    return store_token_create(store, tiers, &wanted, &token, text, &err);
}

static void complain(void *arg, const struct finding *finding)
{
    (void)arg;
    fprintf(stderr, "%s %s: %s\n", finding->kind, finding->subject, finding->message);
}

static void expect_findings(size_t wanted)
{
    size_t found = 0;
    DONE(store_check(store, tiers, complain, NULL, NULL, NULL, &found, &err));
    ck_assert_uint_eq(found, wanted);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 07777;
}

START_TEST(files_have_their_modes)
{
    ck_assert_uint_eq(mode_of(config.store), 0640);
    ck_assert_uint_eq(mode_of(config.secret_key), 0600);
    ck_assert_uint_eq(mode_of(config.public_key), 0644);
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s-lock", config.store);
    ck_assert_uint_eq(mode_of(path), 0600);
    snprintf(path, sizeof path, "%s.writer", config.store);
    ck_assert_uint_eq(mode_of(path), 0600);
    bool made, made_secret;
    DONE(store_create(&config, &made, &err));
    ck_assert(!made);
    DONE(reveal_create(&config, &made, &made_secret, &err));
    ck_assert(!made && !made_secret);
}
END_TEST

START_TEST(public_half_is_derived_from_the_secret)
{
    bool made, made_secret;
    size_t len;
    char *before = file_read(config.public_key, &len);
    ck_assert_int_eq(unlink(config.public_key), 0);
    DONE(reveal_create(&config, &made, &made_secret, &err));
    ck_assert(made && !made_secret);
    ck_assert_str_eq(file_read(config.public_key, &len), before);
    ck_assert_int_eq(unlink(config.secret_key), 0);
    DONE(reveal_create(&config, &made, &made_secret, &err));
    ck_assert(!made && !made_secret);
}
END_TEST

START_TEST(an_entity_comes_with_a_token)
{
    DONE(add("acme", KIND_CUSTOMER, NULL, NULL));
    ck_assert_str_eq(entity.tier, "lite");
    ck_assert_uint_eq(entity.tokens, 1);
    ck_assert_str_eq(token.name, "default");
    ck_assert_int_eq(token.expires, token.created + 3600);
    char shown[TOKEN_TEXT_LEN + 1];
    struct token_ref ref;
    DONE(token_ref_parse(&ref, "acme/default", &err));
    DONE(store_token_reveal(store, &ref, &token, shown, &err));
    ck_assert_str_eq(shown, text);
    size_t len;
    char *bytes = file_read(config.store, &len);
    ck_assert_ptr_null(memmem(bytes, len, text, 30));
    ck_assert_ptr_null(memmem(bytes, len, text + 18, 30));
    expect_findings(0);
}
END_TEST

START_TEST(names_are_unique_and_formed)
{
    DONE(add("acme", KIND_CUSTOMER, NULL, NULL));
    FAILS(ESPT_REFUSED, "already", add("acme", KIND_RESELLER, NULL, NULL));
    DONE(add("Acme", KIND_CUSTOMER, NULL, NULL));
    FAILS(ESPT_USAGE, "not an entity name", add("none", KIND_CUSTOMER, NULL, NULL));
    FAILS(ESPT_USAGE, "not an entity name", add("-x", KIND_CUSTOMER, NULL, NULL));
    FAILS(ESPT_MISSING, "no such tier", add("b", KIND_CUSTOMER, NULL, "gold"));
    FAILS(ESPT_MISSING, "no such entity", add("b", KIND_CUSTOMER, "nobody", NULL));
    FAILS(ESPT_REFUSED, "customer, not a reseller", add("b", KIND_CUSTOMER, "acme", NULL));
    FAILS(ESPT_REFUSED, "belongs to the platform", add("b", KIND_RESELLER, "acme", NULL));
    FAILS(ESPT_REFUSED, "already", edit("acme", &(struct entity_edit){.name = "Acme"}));
    expect_findings(0);
}
END_TEST

START_TEST(limits_are_reported)
{
    DONE(add("acme", KIND_CUSTOMER, NULL, NULL));
    FAILS(ESPT_REFUSED, "acme has 1 of the 1 token that tier lite allows; please contact your",
          create("acme", "second"));
    DONE(edit("acme", &(struct entity_edit){.tier = "advanced"}));
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        DONE(create("acme", name));
    }
    FAILS(ESPT_REFUSED, "5 of the 5 tokens that tier Advanced", create("acme", "sixth"));
    FAILS(ESPT_REFUSED, "already", create("acme", "t1"));
    DONE(edit("acme", &(struct entity_edit){.tier = "lite"}));
    FAILS(ESPT_REFUSED, "5 of the 1", create("acme", "more"));
    expect_findings(1);
}
END_TEST

START_TEST(no_customer_above_its_reseller)
{
    DONE(add("north", KIND_RESELLER, NULL, "advanced"));
    DONE(add("low", KIND_RESELLER, NULL, "lite"));
    DONE(add("acme", KIND_CUSTOMER, "north", "advanced"));
    DONE(add("bolt", KIND_CUSTOMER, "north", "lite"));
    FAILS(ESPT_REFUSED, "ranks above", add("c", KIND_CUSTOMER, "low", "advanced"));
    FAILS(ESPT_REFUSED, "ranks above", edit("acme", &(struct entity_edit){.tier = "boundless"}));
    FAILS(ESPT_REFUSED, "ranks above", edit("acme", &(struct entity_edit){.reseller = "low"}));
    FAILS(ESPT_REFUSED, "acme", edit("north", &(struct entity_edit){.tier = "lite"}));
    DONE(store_entity_get(store, "north", &entity, &err));
    ck_assert_str_eq(entity.tier, "advanced");
    ck_assert_uint_eq(entity.customers, 2);
    DONE(edit("north", &(struct entity_edit){.tier = "lite", .cascade = true, .name = "nord"}));
    DONE(store_entity_get(store, "acme", &entity, &err));
    ck_assert_str_eq(entity.tier, "lite");
    ck_assert_str_eq(entity.reseller, "nord");
    FAILS(ESPT_REFUSED, "2 customers",
          store_entity_get(store, "nord", &entity, &err) != 0
              ? 0
              : store_entity_remove(store, &entity, &err));
    DONE(edit("acme", &(struct entity_edit){.reseller = ""}));
    DONE(edit("bolt", &(struct entity_edit){.reseller = "low"}));
    DONE(store_entity_get(store, "nord", &entity, &err));
    DONE(store_entity_remove(store, &entity, &err));
    FAILS(ESPT_MISSING, "no such entity", store_entity_get(store, "nord", &entity, &err));
    expect_findings(0);
}
END_TEST

START_TEST(an_edit_requires_the_state_that_was_shown)
{
    struct token_ref ref;
    struct token shown;
    DONE(add("acme", KIND_CUSTOMER, NULL, "advanced"));
    DONE(token_ref_parse(&ref, "acme/default", &err));
    DONE(store_token_get(store, &ref, &shown, &err));
    FAILS(ESPT_REFUSED, "last token", store_token_remove(store, &shown, false, &err));
    DONE(store_token_edit(store, &ref, &(struct token_edit){.active = &(int){0}}, &token, &err));
    FAILS(ESPT_REFUSED, "changed meanwhile", store_token_remove(store, &shown, true, &err));
    DONE(store_token_remove(store, &token, true, &err));
    FAILS(ESPT_MISSING, "no such token", store_token_get(store, &ref, &shown, &err));
    expect_findings(1);
    struct entity before;
    DONE(store_entity_get(store, "acme", &before, &err));
    DONE(store_entity_removable(store, &before, &err));
    DONE(create("acme", "again"));
    FAILS(ESPT_REFUSED, "changed meanwhile", store_entity_remove(store, &before, &err));
}
END_TEST

START_TEST(edits_of_a_token)
{
    struct token_ref ref;
    DONE(add("acme", KIND_CUSTOMER, NULL, "advanced"));
    DONE(create("acme", "other"));
    DONE(token_ref_parse(&ref, "acme/other", &err));
    FAILS(ESPT_REFUSED, "already",
          store_token_edit(store, &ref, &(struct token_edit){.name = "default"}, &token, &err));
    FAILS(ESPT_USAGE, "past",
          store_token_edit(store, &ref, &(struct token_edit){.expires = &(int64_t){5}}, &token,
                           &err));
    DONE(store_token_edit(
        store, &ref, &(struct token_edit){.name = "neu", .expires = &(int64_t){0}}, &token, &err));
    ck_assert_str_eq(token.name, "neu");
    ck_assert_int_eq(token.expires, 0);
    expect_findings(0);
}
END_TEST

/* Sixteen processes create tokens at once; the entity's limit allows four. */
START_TEST(no_race_exceeds_a_limit)
{
    DONE(add("acme", KIND_CUSTOMER, NULL, "advanced"));
    store_close(store);
    store = NULL;
    pid_t child[16];
    for (int i = 0; i < 16; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            char name[16];
            snprintf(name, sizeof name, "t%d", i);
            if (store_open(&store, &config, &err) != 0)
                _exit(100);
            int code = create("acme", name);
            _exit(code == 0 ? 0 : -code);
        }
    }
    int made = 0;
    for (int i = 0; i < 16; i++) {
        int status;
        ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
        ck_assert(WIFEXITED(status));
        ck_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == -ESPT_REFUSED);
        made += WEXITSTATUS(status) == 0;
    }
    ck_assert_int_eq(made, 4);
    reopen();
    expect_findings(0);
}
END_TEST

/* The path names another file than the open one. The backup is of the file that the path names. */
START_TEST(a_backup_is_of_the_store_at_the_path)
{
    struct backup_facts facts, later;
    const char *folder = temp_folder();
    const char *next = keep_string(strdup(in_folder(folder, "next.mdb")));
    const char *last = keep_string(strdup(in_folder(folder, "last.mdb")));
    DONE(store_backup(store, next, &facts, &err));
    DONE(add("later", KIND_CUSTOMER, NULL, NULL));
    ck_assert_int_eq(rename(next, config.store), 0);
    DONE(store_backup(store, last, &later, &err));
    ck_assert_uint_eq(later.revision, facts.revision);
    ck_assert_uint_eq(later.entities, facts.entities);
}
END_TEST

START_TEST(a_full_map_is_reported_and_loses_nothing)
{
    config.map_size = 256 * 1024;
    reopen();
    int code = 0, made = 0;
    char name[16];
    while (code == 0 && made < 10000) {
        snprintf(name, sizeof name, "e%d", made++);
        code = add(name, KIND_CUSTOMER, NULL, NULL);
    }
    ck_assert_int_eq(code, ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, "map_size") != NULL, "%s", err.message);
    config.map_size = 1 << 26;
    reopen();
    expect_findings(0);
    FAILS(ESPT_MISSING, "no such entity", store_entity_get(store, name, &entity, &err));
    DONE(add(name, KIND_CUSTOMER, NULL, NULL));
}
END_TEST

/* The key with which a walk begins after `at`; 0: there is none. */
static uint64_t key_after(struct txn *txn, const struct record_key *at)
{
    struct walk walk;
    uint64_t found = 0;
    walk_begin_after(&walk, txn, TABLE_FOLDED, at);
    if (walk_next(&walk))
        memcpy(&found, walk.key.bytes, sizeof found);
    walk_end(&walk);
    return found;
}

/* A caller that writes between two records ends its walk before it writes. */
START_TEST(a_walk_continues_after_a_key)
{
    const struct record_key none = {0}, third = key_integer(3), last = key_integer(5);
    struct txn txn;
    uint8_t value[RECORD_MAX];
    DONE(txn_begin(&txn, store, true, &err));
    for (uint64_t n = 1; n <= 5; n += 2) {
        const struct record_key key = key_integer(n);
        txn_put(&txn, TABLE_FOLDED, &key, value, folded_encode(&key, 1, value));
    }
    ck_assert_uint_eq(key_after(&txn, &none), 1);
    ck_assert_uint_eq(key_after(&txn, &third), 5);
    ck_assert_uint_eq(key_after(&txn, &last), 0);
    txn_delete(&txn, TABLE_FOLDED, &third);
    ck_assert_uint_eq(key_after(&txn, &third), 5); /* and does not skip the next key */
    ck_assert_int_eq(txn.code, 0);
    txn_abort(&txn);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("rules");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, files_have_their_modes);
    tcase_add_test(tcase, public_half_is_derived_from_the_secret);
    tcase_add_test(tcase, an_entity_comes_with_a_token);
    tcase_add_test(tcase, names_are_unique_and_formed);
    tcase_add_test(tcase, limits_are_reported);
    tcase_add_test(tcase, no_customer_above_its_reseller);
    tcase_add_test(tcase, an_edit_requires_the_state_that_was_shown);
    tcase_add_test(tcase, edits_of_a_token);
    tcase_add_test(tcase, no_race_exceeds_a_limit);
    tcase_add_test(tcase, a_backup_is_of_the_store_at_the_path);
    tcase_add_test(tcase, a_full_map_is_reported_and_loses_nothing);
    tcase_add_test(tcase, a_walk_continues_after_a_key);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
