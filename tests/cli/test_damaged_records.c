/* SPDX-License-Identifier: ISC */
/*
 * One record is damaged or missing. The command that reads it names the table, is refused, and
 * changes nothing. A validator denies.
 */
#include "cli/drive.h"
#include "support/raw_store.h"

#include <sodium.h>
#include <stdio.h>

#define FOREIGN_TEXT "a-token-of-another-system"

static const char *config, *folder;
static struct raw_store raw;
static MDB_txn *txn;
static char id[16]; /* id of acme/default */

static struct run import_foreign(const char *to)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof sum + 1], line[512];
    crypto_hash_sha256(sum, (const unsigned char *)FOREIGN_TEXT, strlen(FOREIGN_TEXT));
    sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
    snprintf(
        line, sizeof line,
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\",\"sha256\":\"%s\"}}",
        hex);
    return CTL(to, line, "import", "-");
}

static void add_foreign(const char *to)
{
    populate(to);
    ck_assert_int_eq(import_foreign(to).status, 0);
}

static void setup(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    config = store_made(add_foreign, &folder);
    json_t *token = done(CTL(config, NULL, "--json", "show", "acme/default"));
    snprintf(id, sizeof id, "%s", text_of(token, "id"));
    json_decref(token);
}

/* --- keys of records --- */

static uint64_t id_of(const char *entity, const char *name)
{
    struct record_key key = key_by_entity(raw_number_of(&raw, txn, entity), name, strlen(name));
    MDB_val value;
    uint64_t token = 0;
    ck_assert(raw_get(&raw, txn, TABLE_BY_ENTITY, &key, &value) &&
              id_decode(TABLE_BY_ENTITY, &key, value.mv_data, value.mv_size, &token));
    return token;
}

static struct record_key last_key(enum table table)
{
    struct record_key key;
    MDB_cursor *cursor;
    MDB_val k, v;
    ck_assert_int_eq(mdb_cursor_open(txn, raw.dbi[table], &cursor), 0);
    ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_LAST), 0);
    memcpy(key.bytes, k.mv_data, key.len = k.mv_size);
    mdb_cursor_close(cursor);
    return key;
}

/* Returns the key of a record of the entity, or of its token "default". */
static struct record_key key_of(enum table table, const char *entity)
{
    switch (table) {
    case TABLE_AUTH:
    case TABLE_TOKENS:
        return key_integer(id_of(entity, "default"));
    case TABLE_ENTITIES:
    case TABLE_RESELLERS:
        return key_integer(raw_number_of(&raw, txn, entity));
    case TABLE_NAMES:
        return key_name(entity, strlen(entity));
    case TABLE_BY_ENTITY:
        return key_by_entity(raw_number_of(&raw, txn, entity), "default", strlen("default"));
    default:
        return last_key(table);
    }
}

/* --- damage --- */

enum harm { TURNED, LOST, SEALED };

/* Flips a bit of the value (TURNED), deletes the record (LOST), or replaces it by an empty one with
   a correct checksum (SEALED). */
static void harm(enum table table, const char *entity, enum harm how)
{
    const struct record_key key = key_of(table, entity);
    uint8_t bytes[RECORD_MAX] = {0};
    MDB_val value;
    size_t len = RAW_VALUE_MIN + 1;
    ck_assert(raw_get(&raw, txn, table, &key, &value));
    if (how == TURNED) {
        ck_assert_uint_le(len = value.mv_size, sizeof bytes);
        memcpy(bytes, value.mv_data, len);
        bytes[len / 2] ^= 4;
    } else if (how == SEALED) {
        raw_seal(table, &key, bytes, len);
    }
    if (how == LOST)
        raw_delete(&raw, txn, table, &key);
    else
        raw_put(&raw, txn, table, &key, bytes, len);
}

static void harm_store(enum table table, const char *entity, enum harm how)
{
    struct record_key key = key_state();
    struct state_record state;
    uint8_t bytes[RECORD_MAX];
    MDB_val value;
    raw_open(&raw, in_folder(folder, "tokens.mdb"), 0);
    txn = raw_begin(&raw);
    ck_assert(raw_get(&raw, txn, TABLE_STATE, &key, &value) &&
              state_decode(value.mv_data, value.mv_size, &state) == STATE_GOOD);
    harm(table, entity, how);
    state.transaction = mdb_txn_id(txn);
    state.revision++;
    raw_put(&raw, txn, TABLE_STATE, &key, bytes, state_encode(&state, bytes));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    raw_close(&raw);
}

/* --- commands --- */

static const struct meeting {
    enum table table;
    const char *entity;
    enum harm how;
    const char *args[8]; /* @: the id of acme/default */
    enum table told;     /* table that the message names */
} meetings[] = {
    {TABLE_AUTH, "acme", TURNED, {"show", "acme/default"}, TABLE_AUTH},
    {TABLE_AUTH, "acme", LOST, {"show", "@"}, TABLE_AUTH},
    {TABLE_TOKENS, "acme", TURNED, {"show", "acme/default"}, TABLE_TOKENS},
    {TABLE_TOKENS, "acme", SEALED, {"show", "@"}, TABLE_TOKENS},
    {TABLE_NAMES, "acme", TURNED, {"entity", "show", "acme"}, TABLE_NAMES},
    {TABLE_NAMES, "acme", SEALED, {"create", "acme", "x"}, TABLE_NAMES},
    {TABLE_ENTITIES, "acme", TURNED, {"entity", "show", "acme"}, TABLE_ENTITIES},
    {TABLE_ENTITIES, "acme", LOST, {"entity", "edit", "acme", "--name", "x"}, TABLE_ENTITIES},
    {TABLE_ENTITIES, "acme", LOST, {"edit", "@", "--name", "x"}, TABLE_ENTITIES},
    {TABLE_ENTITIES, "bolt", TURNED, {"tier", "check"}, TABLE_ENTITIES},
    {TABLE_RESELLERS, "acme", TURNED, {"entity", "show", "bolt"}, TABLE_RESELLERS},
    {TABLE_RESELLERS, "acme", LOST, {"create", "bolt", "x"}, TABLE_RESELLERS},
    {TABLE_BY_ENTITY, "acme", TURNED, {"show", "acme/default"}, TABLE_BY_ENTITY},
    {TABLE_BY_ENTITY, "acme", TURNED, {"list", "acme"}, TABLE_BY_ENTITY},
    {TABLE_BY_ENTITY, "acme", LOST, {"remove", "@", "--yes"}, TABLE_BY_ENTITY},
    {TABLE_CUSTOMERS,
     "acme",
     TURNED,
     {"entity", "edit", "acme", "--tier", "lite"},
     TABLE_CUSTOMERS},
    {TABLE_LOG, NULL, TURNED, {"create", "acme", "x"}, TABLE_LOG},
    {TABLE_LOG, NULL, TURNED, {"log"}, TABLE_LOG},
};

START_TEST(told_by_the_command)
{
    const struct meeting *meeting = &meetings[_i];
    const char *args[8], *words;
    char table[32];
    for (size_t i = 0; i < 8; i++)
        args[i] =
            meeting->args[i] != NULL && strcmp(meeting->args[i], "@") == 0 ? id : meeting->args[i];
    harm_store(meeting->table, meeting->entity, meeting->how);
    const char *path = in_folder(folder, "tokens.mdb");
    size_t len, len_after;
    char *before = file_read(path, &len);
    struct run run = run_ctl(config, NULL, args);
    snprintf(table, sizeof table, "table %s", table_name(meeting->told));
    words = strstr(run.err, table);
    ck_assert_msg(run.status == 5 && words != NULL && strstr(run.err, "is damaged") != NULL,
                  "status %d: %s%s", run.status, run.out, run.err);
    ck_assert_mem_eq(file_read(path, &len_after), before, len);
    ck_assert_uint_eq(len_after, len);
}
END_TEST

/* The index from a digest to a token of another system. */
START_TEST(told_by_an_import)
{
    harm_store(TABLE_FOREIGN, NULL, TURNED);
    struct run run = import_foreign(config);
    ck_assert_msg(run.status == 5 && strstr(run.err, "table foreign") != NULL, "%s", run.err);
}
END_TEST

/* A sealed text that was copied to another token opens, but does not match that token. */
START_TEST(not_its_text)
{
    struct token_record own, other;
    struct record_key key, other_key;
    MDB_val value;
    uint8_t bytes[RECORD_MAX];
    const char *text = revealed(config, "zed/default");
    raw_open(&raw, in_folder(folder, "tokens.mdb"), 0);
    txn = raw_begin(&raw);
    key = key_of(TABLE_TOKENS, "acme");
    other_key = key_of(TABLE_TOKENS, "zed");
    ck_assert(raw_get(&raw, txn, TABLE_TOKENS, &key, &value) &&
              token_decode(&key, value.mv_data, value.mv_size, &own));
    ck_assert(raw_get(&raw, txn, TABLE_TOKENS, &other_key, &value) &&
              token_decode(&other_key, value.mv_data, value.mv_size, &other));
    memcpy(own.sealed, other.sealed, sizeof own.sealed);
    raw_put(&raw, txn, TABLE_TOKENS, &key, bytes, token_encode(&key, &own, bytes));
    raw_commit(&raw, txn);
    raw_close(&raw);
    struct run run = CTL(config, NULL, "show", "acme/default", "--reveal");
    ck_assert_msg(run.status == 5 && strstr(run.err, "is not this token's") != NULL, "%s", run.err);
    ck_assert_ptr_null(strstr(run.out, text));
    ck_assert_ptr_null(strstr(run.err, text));
}
END_TEST

/* The two records of a token disagree on whether it is active. */
START_TEST(on_and_off)
{
    struct token_record token;
    MDB_val value;
    uint8_t bytes[RECORD_MAX];
    raw_open(&raw, in_folder(folder, "tokens.mdb"), 0);
    txn = raw_begin(&raw);
    struct record_key key = key_of(TABLE_TOKENS, "acme");
    ck_assert(raw_get(&raw, txn, TABLE_TOKENS, &key, &value) &&
              token_decode(&key, value.mv_data, value.mv_size, &token));
    token.off_by = OFF_ENTITY;
    raw_put(&raw, txn, TABLE_TOKENS, &key, bytes, token_encode(&key, &token, bytes));
    raw_commit(&raw, txn);
    raw_close(&raw);
    struct run run = CTL(config, NULL, "check");
    ck_assert_msg(run.status == 1 &&
                      strstr(run.out, "says that the token was switched off") != NULL,
                  "%d %s", run.status, run.out);
}
END_TEST

/* Another program wrote to the store without the rules. */
START_TEST(written_by_another_program)
{
    struct record_key key = key_name("alias", 5);
    uint8_t bytes[RECORD_MAX];
    raw_open(&raw, in_folder(folder, "tokens.mdb"), 0);
    txn = raw_begin(&raw);
    raw_put(&raw, txn, TABLE_NAMES, &key, bytes,
            number_encode(&key, raw_number_of(&raw, txn, "acme"), bytes));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    raw_close(&raw);
    static const char *const commands[][3] = {{"list"}, {"create", "acme", "new"}};
    for (size_t i = 0; i < 2; i++) {
        struct run run = CTL(config, NULL, commands[i][0], commands[i][1], commands[i][2]);
        ck_assert_msg(run.status == 5 && strstr(run.err, "another program than esp-tokenctl has "
                                                         "written to the store") != NULL,
                      "%d: %s", run.status, run.err);
    }
}
END_TEST

/* --- suggestions ignore damage --- */

START_TEST(nothing_suggested)
{
    harm_store(TABLE_RESELLERS, "acme", TURNED);
    struct run run = CTL(config, NULL, "entity", "edit", "bolt", "--reseller", "acne");
    ck_assert_int_eq(run.status, 5);
    run = CTL(config, NULL, "complete", "--", "entity", "edit", "zed", "--reseller", "");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "");
}
END_TEST

/* --- validators --- */

static const struct question {
    enum table table;
    const char *entity;
    enum harm how;
    const char *token; /* NULL: the foreign token */
    const char *asked; /* --entity */
} questions[] = {
    {TABLE_AUTH, "acme", SEALED, "acme/default", NULL},
    {TABLE_AUTH, "acme", TURNED, "acme/default", NULL},
    {TABLE_RESELLERS, "acme", SEALED, "bolt/default", NULL},
    {TABLE_RESELLERS, "acme", LOST, "bolt/default", NULL},
    {TABLE_NAMES, "bolt", SEALED, "acme/default", "bolt"},
    {TABLE_ENTITIES, "bolt", SEALED, "acme/default", "bolt"},
    {TABLE_ENTITIES, "bolt", LOST, "acme/default", "bolt"},
    {TABLE_FOREIGN, NULL, SEALED, NULL, NULL},
};

START_TEST(denied_by_the_validator)
{
    const struct question *question = &questions[_i];
    const char *text = question->token != NULL ? revealed(config, question->token) : FOREIGN_TEXT;
    const char *option = question->asked != NULL ? "--entity" : NULL;
    ck_assert_int_eq(CTL(config, text, "verify", option, question->asked).status, 0);
    harm_store(question->table, question->entity, question->how);
    struct run run = CTL(config, text, "verify", option, question->asked);
    ck_assert_msg(run.status == 5 && strstr(run.out, "deny: corrupt") != NULL, "status %d: %s%s",
                  run.status, run.out, run.err);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damaged records");
    TCase *tests = tcase_create("records");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, told_by_the_command, 0, (int)(sizeof meetings / sizeof *meetings));
    tcase_add_test(tests, told_by_an_import);
    tcase_add_test(tests, not_its_text);
    tcase_add_test(tests, on_and_off);
    tcase_add_test(tests, written_by_another_program);
    tcase_add_test(tests, nothing_suggested);
    tcase_add_loop_test(tests, denied_by_the_validator, 0,
                        (int)(sizeof questions / sizeof *questions));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
