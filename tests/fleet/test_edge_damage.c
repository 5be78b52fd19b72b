/* SPDX-License-Identifier: ISC */
/* A damaged store at an edge: check and doctor find the damage, and check names the remedy, which
   is joining again, because an edge has no backup. */
#include "fleet/members.h"
#include "support/raw_store.h"

#include <sodium.h>
#include <unistd.h>

#define EDGE 1
#define MEND "run 'esp-tokenctl fleet join'"

static struct fleet_of fleet;
static struct raw_store raw;
static MDB_txn *txn;
static const char *kept; /* a folder: what the fleet is before each test */

/* A site with a foreign token, and an edge. */
static void make(void)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof sum + 1], line[512];
    ck_assert_int_ge(sodium_init(), 0);
    crypto_hash_sha256(sum, (const unsigned char *)"of another system", 17);
    sodium_bin2hex(hex, sizeof hex, sum, sizeof sum);
    snprintf(
        line, sizeof line,
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\",\"sha256\":\"%s\"}}",
        hex);
    fleet_folders(&fleet, 2);
    fleet_found(&fleet, 1);
    DONE(fleet.site[0], "create", "acme", "web");
    fleet_done(CTL(fleet.site[0].config, line, "import", "-"));
    fleet_let_in_edge(&fleet, EDGE);
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

static void setup(void)
{
    fleet_copy(&fleet, 2, kept, true);
}

static void begin(void)
{
    raw_open(&raw, in_folder(fleet.site[EDGE].folder, "tokens.mdb"), 0);
    txn = raw_begin(&raw);
}

static void commit(void)
{
    edge_commit(&raw, txn, NULL, 0);
    raw_close(&raw);
}

static struct record_key first_key(enum table table)
{
    struct record_key key;
    MDB_cursor *cursor;
    MDB_val k, v;
    ck_assert_int_eq(mdb_cursor_open(txn, raw.dbi[table], &cursor), 0);
    ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_FIRST), 0);
    key.len = k.mv_size;
    memcpy(key.bytes, k.mv_data, k.mv_size);
    mdb_cursor_close(cursor);
    return key;
}

/* Asserts that check and doctor report the words, and that check names the remedy. */
static void found(const char *words)
{
    struct run run = AT(fleet.site[EDGE], "check", "--stale");
    ck_assert_msg(run.status != 0 && strstr(run.out, words) != NULL, "%s%s", run.out, run.err);
    ck_assert_msg(strstr(run.out, MEND) != NULL, "%s", run.out);
    run = AT(fleet.site[EDGE], "doctor");
    ck_assert_msg(run.status != 0 && strstr(run.out, words) != NULL, "%s%s", run.out, run.err);
}

enum harm { TURNED, LOST, OTHER_FACTS, OTHER_TOKEN, ADDED };
static const struct {
    enum table table;
    enum harm harm;
    const char *words;
} harms[] = {
    {TABLE_AUTH, TURNED, "its record in table auth is damaged"},
    {TABLE_AUTH, OTHER_FACTS, "table auth: its facts about the entity differ"},
    {TABLE_ENTITIES, LOST, "table auth: its entity does not exist"},
    {TABLE_FOREIGN, TURNED, "its record in table foreign is damaged"},
    {TABLE_FOREIGN, OTHER_TOKEN, "table foreign: it refers to no token of its text"},
    {TABLE_TOKENS, ADDED, "this table must be empty at an edge"},
};

static size_t change(enum harm harm, const struct record_key *key, uint8_t *bytes, size_t len)
{
    struct auth_record auth;
    uint64_t id;
    switch (harm) {
    case TURNED:
        bytes[len / 2] ^= 4;
        return len;
    case OTHER_FACTS:
        ck_assert(auth_decode(key, bytes, len, &auth));
        auth.entity_active = !auth.entity_active;
        return auth_encode(key, &auth, bytes);
    case OTHER_TOKEN:
        ck_assert(id_decode(TABLE_FOREIGN, key, bytes, len, &id));
        return id_encode(TABLE_FOREIGN, key, id + 1, bytes);
    default:
        return 0;
    }
}

START_TEST(damaged)
{
    uint8_t bytes[RECORD_MAX] = "any bytes";
    size_t len = RAW_VALUE_MIN + 1;
    MDB_val value;
    const enum table table = harms[_i].table;
    begin();
    struct record_key key = key_integer(1);
    if (harms[_i].harm != ADDED) {
        key = first_key(table);
        ck_assert(raw_get(&raw, txn, table, &key, &value));
        memcpy(bytes, value.mv_data, len = value.mv_size);
        len = change(harms[_i].harm, &key, bytes, len);
    }
    if (harms[_i].harm == LOST)
        raw_delete(&raw, txn, table, &key);
    else
        raw_put(&raw, txn, table, &key, bytes, len);
    commit();
    found(harms[_i].words);
}
END_TEST

/* What doctor says of a site, of an edge, and of an edge whose state is older than max_age. */
START_TEST(doctor)
{
    char config[16384];
    const struct member *edge = &fleet.site[EDGE];
    const char *said = AT(fleet.site[0], "--json", "doctor").out;
    ck_assert_msg(strstr(said, "a site of a fleet") != NULL, "%s", said);
    said = AT(*edge, "--json", "doctor").out;
    ck_assert_msg(strstr(said, "an edge of a fleet") != NULL, "%s", said);
    ck_assert_msg(strstr(said, "not needed: this is an edge") != NULL, "%s", said);
    snprintf(config, sizeof config, "%smax_age = 1m\n", file_read(edge->config, NULL));
    file_text(edge->config, config);
    edge_set_fresh(edge, 1700000000);
    fleet_fault(&fleet, EDGE, "unread");
    said = AT(*edge, "--json", "doctor").out;
    ck_assert_msg(strstr(said, "it is older than max_age") != NULL, "%s", said);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("edge damage");
    TCase *tcase = tcase_create("damage");
    tcase_set_timeout(tcase, 120);
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, damaged, 0, sizeof harms / sizeof *harms);
    tcase_add_test(tcase, doctor);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
