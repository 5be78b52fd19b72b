/* SPDX-License-Identifier: ISC */
/*
 * check finds faults that were planted with liblmdb alone, and names each: one fault for every rule
 * of specification §5, every index and every count.
 */
#include "cli/drive.h"
#include "fault/world.h"
#include "support/raw_store.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct raw_store raw;
static MDB_txn *txn;

/* --- finding and writing records --- */

static struct record_key token_key(const char *entity, const char *name)
{
    struct record_key key = key_by_entity(raw_number_of(&raw, txn, entity), name, strlen(name));
    MDB_val value;
    uint64_t id = 0;
    ck_assert(raw_get(&raw, txn, TABLE_BY_ENTITY, &key, &value) &&
              id_decode(TABLE_BY_ENTITY, &key, value.mv_data, value.mv_size, &id));
    return key_integer(id);
}

static struct entity_record entity_of(const char *name)
{
    struct record_key key = key_integer(raw_number_of(&raw, txn, name));
    MDB_val value;
    struct entity_record record;
    ck_assert(raw_get(&raw, txn, TABLE_ENTITIES, &key, &value) &&
              entity_decode(&key, value.mv_data, value.mv_size, &record));
    return record;
}

static void put_entity(uint32_t number, const struct entity_record *record)
{
    struct record_key key = key_integer(number);
    uint8_t value[RECORD_MAX];
    raw_put(&raw, txn, TABLE_ENTITIES, &key, value, entity_encode(&key, record, value));
}

static struct auth_record auth_of(const struct record_key *key)
{
    MDB_val value;
    struct auth_record record;
    ck_assert(raw_get(&raw, txn, TABLE_AUTH, key, &value) &&
              auth_decode(key, value.mv_data, value.mv_size, &record));
    return record;
}

static void put_auth(const struct record_key *key, const struct auth_record *record)
{
    uint8_t value[RECORD_MAX];
    raw_put(&raw, txn, TABLE_AUTH, key, value, auth_encode(key, record, value));
}

static void put_pair(uint32_t reseller, uint32_t customer)
{
    struct record_key key = key_pair(reseller, customer);
    uint8_t value[RECORD_MAX];
    raw_put(&raw, txn, TABLE_CUSTOMERS, &key, value, empty_encode(TABLE_CUSTOMERS, &key, value));
}

static void put_number(const char *name, uint32_t number)
{
    struct record_key key = key_name(name, strlen(name));
    uint8_t value[RECORD_MAX];
    raw_put(&raw, txn, TABLE_NAMES, &key, value, number_encode(&key, number, value));
}

static struct state_record state;

/* --- faults: `which` selects one of a kind --- */

static void first_key(enum table table, struct record_key *ret_key)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    ck_assert_int_eq(mdb_cursor_open(txn, raw.dbi[table], &cursor), 0);
    ck_assert_int_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    memcpy(ret_key->bytes, key.mv_data, ret_key->len = key.mv_size);
    mdb_cursor_close(cursor);
}

/* The first record of a table, with one bit of its value flipped. */
static void flip_bit(int table)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    struct record_key kept = {0};
    uint8_t bytes[4096];
    ck_assert_int_eq(mdb_cursor_open(txn, raw.dbi[table], &cursor), 0);
    ck_assert_msg(mdb_cursor_get(cursor, &key, &value, MDB_FIRST) == 0, "table %d is empty", table);
    ck_assert_uint_le(value.mv_size, sizeof bytes);
    memcpy(kept.bytes, key.mv_data, kept.len = key.mv_size);
    size_t len = value.mv_size;
    memcpy(bytes, value.mv_data, len);
    mdb_cursor_close(cursor);
    bytes[len / 2] ^= 4;
    raw_put(&raw, txn, (enum table)table, &kept, bytes, len);
}

static void lose(int table)
{
    const uint32_t acme = raw_number_of(&raw, txn, "acme"), bolt = raw_number_of(&raw, txn, "bolt");
    struct record_key key = {0};
    switch ((enum table)table) {
    case TABLE_AUTH:
    case TABLE_TOKENS:
        key = token_key("bolt", "default");
        break;
    case TABLE_ENTITIES:
        key = key_integer(bolt);
        break;
    case TABLE_RESELLERS:
        key = key_integer(acme);
        break;
    case TABLE_NAMES:
        key = key_name("bolt", 4);
        break;
    case TABLE_BY_ENTITY:
        key = key_by_entity(bolt, "default", 7);
        break;
    case TABLE_CUSTOMERS:
        key = key_pair(acme, bolt);
        break;
    case TABLE_FOREIGN: {
        struct record_key token = token_key("late", "old");
        const struct auth_record auth = auth_of(&token);
        key = key_digest(auth.digest);
        break;
    }
    case TABLE_LOG:
        key = key_integer(3);
        break;
    default:
        ck_abort();
    }
    raw_delete(&raw, txn, (enum table)table, &key);
}

static void lose_last(int table)
{
    struct record_key key;
    MDB_cursor *cursor;
    MDB_val k, v;
    ck_assert_int_eq(mdb_cursor_open(txn, raw.dbi[table], &cursor), 0);
    ck_assert_int_eq(mdb_cursor_get(cursor, &k, &v, MDB_LAST), 0);
    memcpy(key.bytes, k.mv_data, key.len = k.mv_size);
    mdb_cursor_close(cursor);
    raw_delete(&raw, txn, (enum table)table, &key);
}

static void add_without_partner(int table)
{
    uint8_t value[RECORD_MAX], digest[TOKEN_DIGEST_LEN] = {7};
    const struct reseller_record nobody = {.active = true, .name = "nobody"};
    const struct usage_record usage = {.uses = 1, .last_used = 1};
    const struct notice_record notice = {.expires = 1};
    struct record_key key = key_integer(4711), token = token_key("bolt", "default");
    size_t len = 0;
    switch ((enum table)table) {
    case TABLE_AUTH: {
        const struct auth_record auth = auth_of(&token);
        len = auth_encode(&key, &auth, value);
        break;
    }
    case TABLE_RESELLERS:
        len = reseller_encode(&key, &nobody, value);
        break;
    case TABLE_NAMES:
        key = key_name("nobody", 6);
        len = number_encode(&key, 4711, value);
        break;
    case TABLE_BY_ENTITY:
        key = key_by_entity(raw_number_of(&raw, txn, "bolt"), "nothing", 7);
        len = id_encode(TABLE_BY_ENTITY, &key, 4711, value);
        break;
    case TABLE_CUSTOMERS:
        put_pair(raw_number_of(&raw, txn, "acme"), 4711);
        return;
    case TABLE_FOREIGN:
        key = key_digest(digest);
        len = id_encode(TABLE_FOREIGN, &key, 4711, value);
        break;
    case TABLE_USAGE:
        len = usage_encode(&key, &usage, value);
        break;
    case TABLE_NOTICES:
        len = notice_encode(&key, &notice, value);
        break;
    default:
        ck_abort();
    }
    raw_put(&raw, txn, (enum table)table, &key, value, len);
}

enum {
    COUNT_TOKENS,
    COUNT_CUSTOMERS,
    NO_SUCH_RESELLER,
    CUSTOMER_AS_RESELLER,
    RESELLER_OF_RESELLER,
    OVER_LIMIT,
    ABOVE_RESELLER,
    UNKNOWN_TIER,
    KIND,
    RESELLER_STATUS
};

static void change_entity(int which)
{
    struct entity_record acme = entity_of("acme"), bolt = entity_of("bolt");
    const uint32_t a = raw_number_of(&raw, txn, "acme"), b = raw_number_of(&raw, txn, "bolt"),
                   zed = raw_number_of(&raw, txn, "zed");
    struct record_key key = token_key("bolt", "default");
    struct auth_record auth = auth_of(&key);
    switch (which) {
    case COUNT_TOKENS:
        bolt.tokens++;
        break;
    case COUNT_CUSTOMERS:
        acme.customers--;
        break;
    case NO_SUCH_RESELLER:
        auth.reseller = bolt.reseller = 4711;
        put_pair(4711, b);
        break;
    case CUSTOMER_AS_RESELLER:
        auth.reseller = bolt.reseller = zed;
        put_pair(zed, b);
        break;
    case RESELLER_OF_RESELLER:
        acme.reseller = a;
        put_pair(a, a);
        break;
    case OVER_LIMIT: /* the tier table allows one token */
        snprintf(acme.tier, sizeof acme.tier, "lite");
        break;
    case ABOVE_RESELLER:
        snprintf(acme.tier, sizeof acme.tier, "lite");
        snprintf(bolt.tier, sizeof bolt.tier, "advanced");
        break;
    case UNKNOWN_TIER:
        snprintf(bolt.tier, sizeof bolt.tier, "golden");
        break;
    case KIND:
        bolt.kind = KIND_RESELLER;
        break;
    case RESELLER_STATUS: {
        struct record_key of = key_integer(a);
        const struct reseller_record reseller = {.active = false, .name = "acme"};
        uint8_t value[RECORD_MAX];
        raw_put(&raw, txn, TABLE_RESELLERS, &of, value, reseller_encode(&of, &reseller, value));
        break;
    }
    }
    put_entity(a, &acme);
    put_entity(b, &bolt);
    put_auth(&key, &auth);
}

enum { AUTH_ENTITY, AUTH_RESELLER, AUTH_KIND, AUTH_STATUS, AUTH_NAME, AUTH_TIER };

static void change_auth(int which)
{
    struct record_key key = token_key("bolt", "default");
    struct auth_record auth = auth_of(&key);
    switch (which) {
    case AUTH_ENTITY:
        auth.entity = raw_number_of(&raw, txn, "zed");
        break;
    case AUTH_RESELLER:
        auth.reseller = 0;
        break;
    case AUTH_KIND:
        auth.kind = KIND_RESELLER;
        break;
    case AUTH_STATUS:
        auth.entity_active = false;
        break;
    case AUTH_NAME:
        snprintf(auth.entity_name, sizeof auth.entity_name, "other");
        break;
    case AUTH_TIER:
        snprintf(auth.tier, sizeof auth.tier, "advanced");
        break;
    }
    put_auth(&key, &auth);
}

enum {
    SECOND_NAME,
    INDEX_OF_ANOTHER,
    NO_TOKEN,
    NEXT_NUMBER,
    FOREIGN_FLAG,
    FOREIGN_TO_OWN,
    SECOND_DIGEST,
    BROKEN_USAGE,
    BROKEN_FOLDED,
    BROKEN_NOTICE,
};

static void change_more(int which)
{
    struct record_key key = token_key("bolt", "default"), index;
    struct entity_record bolt = entity_of("bolt");
    MDB_val found;
    uint64_t zed;
    uint8_t value[RECORD_MAX];
    memcpy(&zed, token_key("zed", "default").bytes, sizeof zed);
    switch (which) {
    case SECOND_NAME:
        put_number("alias", raw_number_of(&raw, txn, "bolt"));
        break;
    case INDEX_OF_ANOTHER:
        index = key_by_entity(raw_number_of(&raw, txn, "bolt"), "default", 7);
        raw_put(&raw, txn, TABLE_BY_ENTITY, &index, value,
                id_encode(TABLE_BY_ENTITY, &index, zed, value));
        break;
    case NO_TOKEN:
        index = key_by_entity(raw_number_of(&raw, txn, "bolt"), "default", 7);
        raw_delete(&raw, txn, TABLE_AUTH, &key);
        raw_delete(&raw, txn, TABLE_TOKENS, &key);
        raw_delete(&raw, txn, TABLE_BY_ENTITY, &index);
        bolt.tokens = 0;
        put_entity(raw_number_of(&raw, txn, "bolt"), &bolt);
        break;
    case NEXT_NUMBER:
        state.next_number = 1;
        break;
    case FOREIGN_FLAG:
        state.foreign = false;
        break;
    case FOREIGN_TO_OWN:
        first_key(TABLE_FOREIGN, &index);
        raw_put(&raw, txn, TABLE_FOREIGN, &index, value,
                id_encode(TABLE_FOREIGN, &index, zed, value));
        break;
    case SECOND_DIGEST:
        first_key(TABLE_FOREIGN, &index);
        ck_assert(raw_get(&raw, txn, TABLE_FOREIGN, &index, &found) &&
                  id_decode(TABLE_FOREIGN, &index, found.mv_data, found.mv_size, &zed));
        index.bytes[0] ^= 1;
        raw_put(&raw, txn, TABLE_FOREIGN, &index, value,
                id_encode(TABLE_FOREIGN, &index, zed, value));
        break;
    case BROKEN_USAGE:
        raw_put(&raw, txn, TABLE_USAGE, &key, "no use", 6);
        break;
    case BROKEN_FOLDED:
        raw_put(&raw, txn, TABLE_FOLDED, &key, "no file", 7);
        break;
    case BROKEN_NOTICE:
        raw_put(&raw, txn, TABLE_NOTICES, &key, "no notice", 9);
        break;
    }
}

static const struct plant {
    void (*fn)(int which);
    int which;
    const char *kind, *said; /* of the finding; `said` must be in its subject or message */
} plants[] = {
    {flip_bit, TABLE_AUTH, "damaged", "auth"},
    {flip_bit, TABLE_ENTITIES, "damaged", "entities"},
    {flip_bit, TABLE_RESELLERS, "damaged", "resellers"},
    {flip_bit, TABLE_NAMES, "damaged", "names"},
    {flip_bit, TABLE_TOKENS, "damaged", "tokens"},
    {flip_bit, TABLE_BY_ENTITY, "damaged", "by_entity"},
    {flip_bit, TABLE_CUSTOMERS, "damaged", "customers"},
    {flip_bit, TABLE_FOREIGN, "damaged", "foreign"},
    {flip_bit, TABLE_LOG, "log", ""},
    {lose, TABLE_AUTH, "index", "no record for validators"},
    {lose, TABLE_ENTITIES, "index", "no entity of that name"},
    {lose, TABLE_RESELLERS, "index", "acme"},
    {lose, TABLE_NAMES, "index", "bolt"},
    {lose, TABLE_TOKENS, "index", "refers to a token that does not exist"},
    {lose, TABLE_BY_ENTITY, "index", "by_entity has no entry that refers to it"},
    {lose, TABLE_CUSTOMERS, "index", "customers has no entry for it"},
    {lose, TABLE_FOREIGN, "index", "foreign has no entry that refers to it"},
    {lose, TABLE_LOG, "log", ""},
    {lose_last, TABLE_AUTH, "index", "no record for validators"},
    {add_without_partner, TABLE_AUTH, "index", "no such token"},
    {add_without_partner, TABLE_RESELLERS, "index", "no such entity"},
    {add_without_partner, TABLE_NAMES, "index", "nobody"},
    {add_without_partner, TABLE_BY_ENTITY, "index", "refers to a token that does not exist"},
    {add_without_partner, TABLE_CUSTOMERS, "index", "customer"},
    {add_without_partner, TABLE_FOREIGN, "index", "foreign"},
    {add_without_partner, TABLE_USAGE, "index", "usage"},
    {add_without_partner, TABLE_NOTICES, "index", "notices"},
    {change_entity, COUNT_TOKENS, "count", "bolt"},
    {change_entity, COUNT_CUSTOMERS, "count", "acme"},
    {change_entity, NO_SUCH_RESELLER, "rule", "bolt"},
    {change_entity, CUSTOMER_AS_RESELLER, "rule", "bolt"},
    {change_entity, RESELLER_OF_RESELLER, "rule", "acme"},
    {change_entity, OVER_LIMIT, "over-limit", "acme"},
    {change_entity, ABOVE_RESELLER, "above-reseller", "bolt"},
    {change_entity, UNKNOWN_TIER, "unknown-tier", "bolt"},
    {change_entity, KIND, "index", "bolt"},
    {change_entity, RESELLER_STATUS, "index", "acme"},
    {change_auth, AUTH_ENTITY, "index", ""},
    {change_auth, AUTH_RESELLER, "index", "differ from"},
    {change_auth, AUTH_KIND, "index", "differ from"},
    {change_auth, AUTH_STATUS, "index", "differ from"},
    {change_auth, AUTH_NAME, "index", "differ from"},
    {change_auth, AUTH_TIER, "index", "differ from"},
    {change_more, SECOND_NAME, "index", "alias"},
    {change_more, INDEX_OF_ANOTHER, "index", "another token"},
    {change_more, NO_TOKEN, "no-token", "bolt"},
    {change_more, NEXT_NUMBER, "index", "never assigned"},
    {change_more, FOREIGN_FLAG, "index", "foreign"},
    {change_more, FOREIGN_TO_OWN, "index", "missing or not foreign"},
    {change_more, SECOND_DIGEST, "index", "refers to another token"},
    {change_more, BROKEN_USAGE, "damaged", "usage"},
    {change_more, BROKEN_FOLDED, "damaged", "folded"},
    {change_more, BROKEN_NOTICE, "damaged", "notices"},
};

static void plant_in(const char *store, const struct plant *plant)
{
    struct record_key key = key_state();
    MDB_val value;
    uint8_t bytes[RECORD_MAX];
    raw_open(&raw, store, 0);
    txn = raw_begin(&raw);
    ck_assert(raw_get(&raw, txn, TABLE_STATE, &key, &value) &&
              state_decode(value.mv_data, value.mv_size, &state) == STATE_GOOD);
    plant->fn(plant->which);
    state.transaction = mdb_txn_id(txn);
    state.revision++;
    raw_put(&raw, txn, TABLE_STATE, &key, bytes, state_encode(&state, bytes));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    raw_close(&raw);
}

static bool names(const json_t *finding, const struct plant *plant)
{
    return strcmp(text_of(finding, "kind"), plant->kind) == 0 &&
           (strstr(text_of(finding, "subject"), plant->said) != NULL ||
            strstr(text_of(finding, "message"), plant->said) != NULL);
}

/* A store with a foreign token, without findings, of which each test has a copy. */
static struct world imported;

static void make_store(void)
{
    world_prepare();
    world_make(&imported);
    struct run import =
        run_process(world_argv(&imported, (const char *const[]){"import", "@lines", NULL}), NULL);
    ck_assert_msg(import.status == 0, "%s", import.err);
    ck_assert_int_eq(CTL(imported.config, NULL, "check").status, 0);
    world_release();
}

START_TEST(finds_each_planted_fault)
{
    const struct plant *plant = &plants[_i];
    use_memory();
    const char *folder = temp_folder();
    world_copy_files(imported.folder, folder);
    ck_assert_int_eq(mkdir(in_folder(folder, "usage"), 0700), 0);
    plant_in(in_folder(folder, "tokens.mdb"), plant);
    struct run run = CTL(in_folder(folder, "esp-token.conf"), NULL, "--json", "check");
    ck_assert_msg(run.status == 1, "%s %d: status %d: %s", plant->kind, plant->which, run.status,
                  run.err);
    json_t *json = document(run.out), *finding;
    size_t i;
    bool any = false;
    json_array_foreach(json_object_get(json, "findings"), i, finding) any =
        any || names(finding, plant);
    ck_assert_msg(any, "%s %d (%s) is not among: %s", plant->kind, plant->which, plant->said,
                  run.out);
    json_decref(json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tests = tcase_create("check");
    tcase_add_unchecked_fixture(tests, make_store, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, finds_each_planted_fault, 0, (int)(sizeof plants / sizeof *plants));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
