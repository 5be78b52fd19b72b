/* SPDX-License-Identifier: ISC */
/* A snapshot for edges: it holds what validators need, proves who may write, and an edge takes
   nothing from it that was altered. */
#include "fleet/members.h"
#include "fleet/site_here.h"

#include "fleet/edge_snapshot.h"
#include "fleet/edge_snapshot_form.h"
#include "fleet/signature.h"

#include <unistd.h>

static struct fleet_of sites;
static struct site_here here;
static struct fleet *fleet;
static struct store *store;
static struct fleet_trust trust;
static struct espt_error err;

/* --- files in memory --- */

#define FILES_MAX 64
static struct file {
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    uint8_t *bytes;
    size_t len;
} stored[FILES_MAX];
static size_t stored_count;

static struct file *find_file(const char *name)
{
    for (size_t i = 0; i < stored_count; i++) {
        if (strcmp(stored[i].name, name) == 0)
            return &stored[i];
    }
    return NULL;
}

static int get_file(void *arg, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
                    struct espt_error *ret_err)
{
    const struct file *file = find_file(name);
    (void)arg;
    (void)ret_err;
    if (file == NULL)
        return 0;
    *ret_bytes = file->bytes;
    *ret_len = file->len;
    return 1;
}

static int put_file(void *arg, const char *name, const uint8_t *bytes, size_t len,
                    struct espt_error *ret_err)
{
    (void)arg;
    (void)ret_err;
    if (find_file(name) != NULL)
        return 0;
    ck_assert_uint_lt(stored_count, FILES_MAX);
    struct file *file = &stored[stored_count++];
    snprintf(file->name, sizeof file->name, "%s", name);
    file->bytes = (uint8_t *)keep_string(malloc(len + 1));
    memcpy(file->bytes, bytes, len);
    file->len = len;
    return 0;
}

static const struct edge_files memory = {.get = get_file, .put = put_file};

/* --- a site of a fleet, in this process --- */

static void must(int code)
{
    site_here_must(code, &err);
}

/* A fleet of two sites; the store has tokens of two entities. */
static void setup(void)
{
    fleet_begin(&sites, 2);
    DONE(sites.site[1], "entity", "add", "bolt", "--kind", "customer", "--contact",
         "bolt@example.com", "--reseller", "acme");
    DONE(sites.site[0], "create", "acme", "api");
    fleet_entry(&sites, 0);
    site_here_open(&here, sites.site[0].config);
    fleet = here.fleet;
    store = here.store;
    trust = here.trust;
}

static void teardown(void)
{
    site_here_close(&here);
}

static void write_snapshot(const struct edge_snapshot *before, struct head_snapshot *ret)
{
    struct txn txn;
    must(fleet_catch_up(fleet, store, &err));
    must(txn_begin(&txn, store, false, &err));
    must(edge_snapshot_write(fleet, &txn, before, NULL, &memory, ret, &err));
    txn_abort(&txn);
}

/* --- what it holds --- */

static int count_record(void *arg, const struct op *op, struct espt_error *ret_err)
{
    size_t *counts = arg;
    struct entity_record entity;
    (void)ret_err;
    counts[op->table]++;
    if (op->table == TABLE_ENTITIES) {
        ck_assert(entity_decode(&op->key, op->value, op->len, &entity));
        ck_assert_str_eq(entity.contact, "");
        ck_assert_uint_eq(entity.tokens, 0);
    }
    return 0;
}

START_TEST(holds_the_edge_part)
{
    struct head_snapshot which;
    struct edge_snapshot snapshot;
    struct fleet_place place;
    struct txn txn;
    size_t counts[TABLE_COUNT] = {0};
    write_snapshot(NULL, &which);
    must(edge_snapshot_open(&snapshot, &memory, &which, &trust, &err));
    must(fleet_place(store, &place, &err));
    ck_assert_uint_eq(snapshot.position.number, place.position.number);
    ck_assert_mem_eq(snapshot.position.hash, place.position.hash, FLEET_HASH_LEN);
    ck_assert_mem_eq(snapshot.position.sum, place.position.sum, FLEET_HASH_LEN);
    ck_assert_uint_eq(snapshot.position.sites, place.position.sites);
    ck_assert_uint_eq(snapshot.position.reveal, place.position.reveal);
    ck_assert_uint_eq(snapshot.revision, place.revision);
    ck_assert_int_gt(snapshot.time, 0);
    ck_assert_uint_eq(snapshot.sites.count, 2);
    ck_assert_str_eq(snapshot.sites.items[1].name, "hq-2");
    must(edge_snapshot_each(&snapshot, &memory, count_record, counts, &err));
    must(edge_snapshot_prove(&snapshot, &memory, &err));
    must(txn_begin(&txn, store, false, &err));
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++)
        ck_assert_uint_eq(counts[t], part_has(PART_EDGE, t) ? txn_entries(&txn, t) : 0);
    txn_abort(&txn);
    for (size_t i = 0; i < stored_count; i++) {
        ck_assert_ptr_null(memmem(stored[i].bytes, stored[i].len, "bolt@example.com", 16));
        ck_assert_ptr_null(memmem(stored[i].bytes, stored[i].len, "esp_", 4));
    }
    edge_snapshot_clear(&snapshot);
    edge_snapshot_clear(&snapshot);
}
END_TEST

/* If the journal has lost changes of the list of sites, they come from the previous snapshot. */
START_TEST(follows_the_one_before)
{
    struct head_snapshot which, next;
    struct edge_snapshot before, snapshot;
    write_snapshot(NULL, &which);
    must(edge_snapshot_open(&before, &memory, &which, &trust, &err));
    DONE(sites.site[0], "fleet", "site", "remove", "hq-2");
    must(fleet_catch_up(fleet, store, &err));
    for (uint64_t number = 1; number <= which.number; number++)
        unlink(fleet_entry_path(&sites, number));
    write_snapshot(&before, &next);
    must(edge_snapshot_open(&snapshot, &memory, &next, &trust, &err));
    ck_assert_uint_eq(snapshot.sites.count, 1);
    ck_assert_uint_eq(snapshot.change_count, 3);
    ck_assert_str_eq(snapshot.sites.items[0].name, "hq-1");
    edge_snapshot_clear(&snapshot);
    edge_snapshot_clear(&before);
    struct txn txn;
    must(txn_begin(&txn, store, false, &err));
    ck_assert_int_ne(edge_snapshot_write(fleet, &txn, NULL, NULL, &memory, &next, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "lacks entry"));
    txn_abort(&txn);
}
END_TEST

static void not_written(const struct edge_snapshot *before, const char *words)
{
    struct head_snapshot which;
    struct txn txn;
    must(txn_begin(&txn, store, false, &err));
    ck_assert_int_ne(edge_snapshot_write(fleet, &txn, before, NULL, &memory, &which, &err), 0);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
    txn_abort(&txn);
}

/* No snapshot is made if the previous one is of another history, or if the journal has lost
   entries that this store has. */
START_TEST(another_history)
{
    struct head_snapshot which;
    struct edge_snapshot before;
    write_snapshot(NULL, &which);
    must(edge_snapshot_open(&before, &memory, &which, &trust, &err));
    before.position.sites++;
    not_written(&before, "another list of sites than this store");
    edge_snapshot_clear(&before);
    unlink(fleet_entry_path(&sites, which.number));
    not_written(NULL, "does not have entry");
}
END_TEST

/* The list of sites also has the edges that report uses. Other edges are not told of them, and the
   proof of who may write does not include them. */
START_TEST(edges_that_report)
{
    struct head_snapshot which, next;
    struct edge_snapshot before, snapshot;
    const char *key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    DONE(sites.site[0], "fleet", "edge", "add", "edge-1", key);
    write_snapshot(NULL, &which);
    must(edge_snapshot_open(&before, &memory, &which, &trust, &err));
    ck_assert_uint_eq(before.sites.count, 2);
    ck_assert_uint_eq(before.change_count, 2);
    DONE(sites.site[0], "fleet", "site", "remove", "hq-2");
    DONE(sites.site[0], "fleet", "edge", "remove", "edge-1");
    write_snapshot(&before, &next);
    must(edge_snapshot_open(&snapshot, &memory, &next, &trust, &err));
    ck_assert_uint_eq(snapshot.sites.count, 1);
    ck_assert_uint_eq(snapshot.change_count, 3);
    edge_snapshot_clear(&snapshot);
    edge_snapshot_clear(&before);
}
END_TEST

/* --- what is refused --- */

static void refused(const struct head_snapshot *which, const char *words)
{
    struct edge_snapshot snapshot;
    ck_assert_int_eq(edge_snapshot_open(&snapshot, &memory, which, &trust, &err), ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
    ck_assert_ptr_null(snapshot.index);
}

/* Stores the bytes under the name that their length and hash give. */
static struct head_snapshot named(const uint8_t *bytes, size_t len, uint64_t number)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    struct head_snapshot which = {.number = number, .len = (uint32_t)len};
    crypto_generichash(which.hash, sizeof which.hash, bytes, len, NULL, 0);
    edge_file_name(which.len, which.hash, name);
    stored_count = 0;
    put_file(NULL, name, bytes, len, &err);
    return which;
}

START_TEST(altered_index)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    struct head_snapshot which, other;
    write_snapshot(NULL, &which);
    edge_file_name(which.len, which.hash, name);
    const struct file index = *find_file(name);
    uint8_t *bytes = (uint8_t *)keep_string(malloc(index.len + 1));
    for (size_t i = 0; i < index.len; i++) {
        memcpy(bytes, index.bytes, index.len);
        bytes[i] ^= 1;
        other = named(bytes, index.len, which.number);
        refused(&other, "the fleet's snapshot for edges ");
    }
    memcpy(bytes, index.bytes, index.len);
    for (size_t len = 0; len < index.len; len += 7) {
        other = named(bytes, len, which.number);
        refused(&other, "the fleet's snapshot for edges ");
    }
    other = named(bytes, index.len, which.number - 1);
    refused(&other, "stands at another entry");
    other.hash[0] ^= 1;
    refused(&other, "lacks a piece");
    find_file(stored[0].name)->len--;
    other.hash[0] ^= 1;
    refused(&other, "is damaged");
}
END_TEST

/* Indexes of another form, with a valid signature of a site. */
START_TEST(other_forms)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    struct head_snapshot which;
    write_snapshot(NULL, &which);
    edge_file_name(which.len, which.hash, name);
    const struct file index = *find_file(name);
    uint8_t *bytes = (uint8_t *)keep_string(calloc(index.len + 2, 1));
    const size_t len = index.len - crypto_sign_BYTES + 1; /* a byte behind the pieces */
    memcpy(bytes, index.bytes, len - 1);
    signature_make(edge_label, bytes, len, fleet->secret, bytes + len);
    which = named(bytes, len + crypto_sign_BYTES, which.number);
    refused(&which, "is damaged");
    bytes[sizeof edge_magic] = ENTRY_FORM + 1;
    which = named(bytes, len + crypto_sign_BYTES, which.number);
    refused(&which, "needs esp-token " ENTRY_NEEDS " or later");
}
END_TEST

/* A key that is not in the list, and a list that another fleet began. */
START_TEST(foreign_index)
{
    uint8_t public[SITE_KEY_LEN], secret[crypto_sign_SECRETKEYBYTES];
    struct head_snapshot which;
    memcpy(secret, fleet->secret, sizeof secret);
    crypto_sign_keypair(public, fleet->secret);
    write_snapshot(NULL, &which);
    refused(&which, "is signed by no site");
    memcpy(fleet->secret, secret, sizeof secret);
    write_snapshot(NULL, &which);
    memcpy(trust.key, public, sizeof public);
    refused(&which, "does not prove which sites may write");
    trust.id[0] ^= 1;
    refused(&which, "belongs to another fleet");
}
END_TEST

START_TEST(altered_piece)
{
    struct head_snapshot which;
    struct edge_snapshot snapshot;
    size_t counts[TABLE_COUNT] = {0};
    write_snapshot(NULL, &which);
    must(edge_snapshot_open(&snapshot, &memory, &which, &trust, &err));
    ck_assert_uint_eq(snapshot.count, 1);
    struct file *piece = &stored[0]; /* pieces are put before the index */
    piece->bytes[piece->len / 2] ^= 1;
    ck_assert_int_ne(edge_snapshot_each(&snapshot, &memory, count_record, counts, &err), 0);
    ck_assert_uint_eq(counts[TABLE_AUTH], 0);
    piece->bytes[piece->len / 2] ^= 1;
    must(edge_snapshot_prove(&snapshot, &memory, &err));
    snapshot.position.edge_sum[0] ^= 1;
    ck_assert_int_ne(edge_snapshot_prove(&snapshot, &memory, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.message, "other records"));
    edge_snapshot_clear(&snapshot);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("edge_snapshot");
    TCase *tests = tcase_create("edge_snapshot");
    tcase_set_timeout(tests, 120);
    fleet_fixture(tests, 2);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, holds_the_edge_part);
    tcase_add_test(tests, follows_the_one_before);
    tcase_add_test(tests, another_history);
    tcase_add_test(tests, edges_that_report);
    tcase_add_test(tests, altered_index);
    tcase_add_test(tests, other_forms);
    tcase_add_test(tests, foreign_index);
    tcase_add_test(tests, altered_piece);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
