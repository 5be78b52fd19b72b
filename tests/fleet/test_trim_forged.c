/* SPDX-License-Identifier: ISC */
/* Snapshots in the journal that a new site must refuse: altered, older, or signed by a site that
   was removed. */
#include "fleet/daemon.h"
#include "fleet/site_here.h"
#include "fleet/trimmed.h"

#include "common/record_bytes.h"
#include "fleet/edge_snapshot_form.h"
#include "fleet/signature.h"
#include "fleet/site_snapshot.h"

#include <signal.h>
#include <unistd.h>

static struct fleet_of sites;
static struct site_here here;
static struct fleet *fleet;
static struct store *store;
static struct espt_error err;
static uint8_t removed[crypto_sign_SECRETKEYBYTES]; /* the key of hq-2, which is removed */
static struct fleet_of newcomers;

static void must(int code)
{
    site_here_must(code, &err);
}

static void load_key(int site, uint8_t ret[static crypto_sign_SECRETKEYBYTES])
{
    struct config own;
    struct fleet *of;
    must(config_load(&own, sites.site[site].config, geteuid(), &err));
    must(fleet_new(&of, &own, 1000, &err));
    must(key_load(of, &err));
    memcpy(ret, of->secret, sizeof of->secret);
    fleet_free(of);
}

static void setup(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    fleet_begin(&sites, 2);
    load_key(1, removed);
    DONE(sites.site[0], "create", "acme", "api");
    site_here_open(&here, sites.site[0].config);
    fleet = here.fleet;
    store = here.store;
}

static struct edge_snapshot made[4]; /* opened by make(), to be cleared */
static size_t made_count;

static void teardown(void)
{
    while (made_count > 0)
        edge_snapshot_clear(&made[--made_count]);
    site_here_close(&here);
}

/* --- the index --- */

struct index {
    uint8_t bytes[65536];
    size_t len; /* without the signature */
    struct edge_snapshot snapshot;
    struct head_snapshot which;
};

/* A snapshot of the store as it is now. */
static void make(struct index *ret)
{
    struct site_pieces pieces;
    const struct edge_files files = edge_files_of(fleet);
    struct txn txn;
    must(fleet_catch_up(fleet, store, &err));
    must(txn_begin(&txn, store, false, &err));
    must(site_snapshot_write(fleet, &txn, NULL, &pieces, &err));
    must(edge_snapshot_write(fleet, &txn, NULL, &pieces, &files, &ret->which, &err));
    txn_abort(&txn);
    site_pieces_clear(&pieces);
    must(edge_snapshot_open(&ret->snapshot, &files, &ret->which, &here.trust, &err));
    ck_assert_uint_lt(made_count, sizeof made / sizeof *made);
    made[made_count++] = ret->snapshot;
    ret->len = ret->snapshot.len - crypto_sign_BYTES;
    memcpy(ret->bytes, ret->snapshot.index, ret->len);
}

static void head_names(const struct head_snapshot *which)
{
    struct fleet_place place;
    uint8_t bytes[HEAD_MAX];
    must(fleet_place(store, &place, &err));
    struct head head = {.number = place.position.number, .time = 1700000000, .snapshot = *which};
    memcpy(head.fleet, place.position.id, sizeof head.fleet);
    memcpy(head.hash, place.position.hash, sizeof head.hash);
    strcpy(head.site, "hq-1");
    must(journal_head_put(fleet, bytes, head_encode(&head, fleet->secret, bytes), &err));
}

/* Signs the bytes, puts them into the journal, and lets the head name them. */
static void publish(struct index *index, const uint8_t secret[static crypto_sign_SECRETKEYBYTES])
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    struct head_snapshot which = {.number = index->which.number};
    signature_make(edge_label, index->bytes, index->len, secret, index->bytes + index->len);
    which.len = (uint32_t)(index->len + crypto_sign_BYTES);
    crypto_generichash(which.hash, sizeof which.hash, index->bytes, which.len, NULL, 0);
    edge_file_name(which.len, which.hash, name);
    must(journal_put(fleet, name, index->bytes, which.len, &err));
    head_names(&which);
}

/* Asserts that a new machine refuses the published snapshot with these words, and does not change.
 */
static void refused(const char *words)
{
    if (newcomers.journal == NULL)
        newcomer(&sites, &newcomers);
    fleet_says(AT(newcomers.site[0], "fleet", "join", "--yes"), 5, words);
    fleet_says(AT(newcomers.site[0], "fleet", "check"), 4, "belongs to no fleet");
}

#define AFTER_ID (sizeof edge_magic + 1 + 1 + strlen(ENTRY_NEEDS) + FLEET_ID_LEN)
enum { /* offsets after the id */
       NUMBER = 0,
       HASH = 8,
       TIME = HASH + FLEET_HASH_LEN,
       NEXT = TIME + 16,
       SUM = NEXT + 4,
       LIST = SUM + 2 * FLEET_HASH_LEN,
       REVEAL = LIST + 8,
       TIERS = REVEAL + 4,
       SITE = TIERS + FLEET_HASH_LEN,
       COUNT = SITE + 1 + 4, /* after "hq-1" */
       CHANGES = COUNT + 4 * 4
};

START_TEST(good)
{
    struct index index;
    make(&index);
    publish(&index, fleet->secret);
    for (int number = 1; number < (int)index.which.number; number++)
        unlink(fleet_entry_path(&sites, (uint64_t)number));
    newcomers_join(&sites);
}
END_TEST

/* A site signs fields that differ from the journal's entry. */
START_TEST(altered_fields)
{
    static const size_t at[] = {HASH, NEXT, SUM, SUM + FLEET_HASH_LEN, REVEAL, TIERS};
    struct index index;
    make(&index);
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        index.bytes[AFTER_ID + at[i]] ^= 1;
        publish(&index, fleet->secret);
        refused("the journal does not have that entry, or has another one");
        index.bytes[AFTER_ID + at[i]] ^= 1;
    }
    index.bytes[index.len - 1] ^= 1; /* the hash of the log's piece */
    publish(&index, fleet->secret);
    refused("lacks a piece");
}
END_TEST

START_TEST(older_than_the_journal)
{
    struct index index;
    make(&index);
    head_names(&index.which);
    DONE(sites.site[0], "create", "acme", "later");
    for (uint64_t number = 1; number <= index.which.number; number++)
        unlink(fleet_entry_path(&sites, number));
    refused("the journal does not have that entry, or has another one");
}
END_TEST

START_TEST(altered_pieces)
{
    struct index index;
    char name[ESPT_JOURNAL_NAME_MAX + 8] = "pieces/";
    size_t len;
    make(&index);
    head_names(&index.which);
    for (uint32_t i = 0; i < index.snapshot.site_count; i++) {
        site_file_name(&index.snapshot.site_pieces[i], name + 7);
        const char *path = keep_string(strdup(in_folder(sites.journal, name)));
        char *bytes = file_read(path, &len);
        bytes[len / 2] ^= 1;
        unlink(path);
        refused("lacks a piece");
        file_write(path, bytes, len, 0644);
        refused("is damaged");
        bytes[len / 2] ^= 1;
        file_write(path, bytes, len, 0644);
    }
    newcomers_join(&sites);
}
END_TEST

/* hq-2 was removed, and its key was stolen. */
START_TEST(signed_by_a_removed_site)
{
    struct index index;
    DONE(sites.site[0], "fleet", "site", "remove", "hq-2");
    make(&index);
    index.bytes[AFTER_ID + SITE + 4] = '2';
    publish(&index, removed);
    refused("is signed by no site of the fleet");
}
END_TEST

/* With the stolen key, the list of changes leaves out the removal of hq-2. The records and the log
   are the right ones. */
START_TEST(removal_left_out)
{
    struct index before, index, forged;
    make(&before);
    DONE(sites.site[0], "fleet", "site", "remove", "hq-2");
    make(&index);
    forged = index;
    memcpy(forged.bytes + AFTER_ID + LIST, before.bytes + AFTER_ID + LIST, 8);
    forged.bytes[AFTER_ID + SITE + 4] = '2';
    memcpy(forged.bytes + AFTER_ID + COUNT, before.bytes + AFTER_ID + COUNT, 4);
    const uint8_t *pieces = index.snapshot.changes + index.snapshot.changes_len;
    const size_t pieces_len = index.len - (size_t)(pieces - index.snapshot.index);
    memcpy(forged.bytes + AFTER_ID + CHANGES, before.snapshot.changes, before.snapshot.changes_len);
    memcpy(forged.bytes + AFTER_ID + CHANGES + before.snapshot.changes_len, pieces, pieces_len);
    forged.len = AFTER_ID + CHANGES + before.snapshot.changes_len + pieces_len;
    publish(&forged, removed);
    refused("holds what no store can hold");
    publish(&index, fleet->secret);
    newcomers_join(&sites);
}
END_TEST

/* A snapshot with the pieces of the previous state and the fields of the current entry. */
START_TEST(pieces_of_another_state)
{
    static struct fleet_of edge;
    struct index before, index;
    make(&before);
    DONE(sites.site[0], "create", "acme", "later");
    make(&index);
    const size_t len = (before.snapshot.count + before.snapshot.site_count) * EDGE_PIECE_ENTRY;
    ck_assert_uint_eq(before.len, index.len);
    memcpy(index.bytes + index.len - len, before.bytes + before.len - len, len);
    publish(&index, fleet->secret);
    refused("holds what no store can hold");
    newcomer(&sites, &edge);
    fleet_says(AT(edge.site[0], "fleet", "join", "--edge"), 5,
               "holds other records than its sum says");
}
END_TEST

/* A site signs the removal of a site that does not exist, which the list cannot contain. */
START_TEST(change_that_cannot_be)
{
    struct index index;
    struct entry entry;
    struct ops ops = {0};
    char needs[ENTRY_NEEDS_MAX + 1];
    espt_journal_entry pieces;
    uint8_t *bytes;
    size_t len;
    make(&index);
    const char *file = file_read(fleet_entry_path(&sites, index.which.number), &len);
    ck_assert(entry_file_split(file, len, &pieces));
    ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &entry, needs), ENTRY_GOOD);
    ops_site(&ops, "hq-9", NULL);
    entry.part[PART_EDGE] = (struct entry_bytes){ops.bytes, ops.len};
    must(entry_encode(&entry, fleet->secret, &bytes, &len, &pieces, &err));
    const size_t at = AFTER_ID + CHANGES + index.snapshot.changes_len;
    len = 8 + pieces.head_len + pieces.edge_len;
    memmove(index.bytes + at + len, index.bytes + at, index.len - at);
    struct writer w = {.out = index.bytes + at};
    write_u32(&w, (uint32_t)pieces.head_len);
    write_u32(&w, (uint32_t)pieces.edge_len);
    write_bytes(&w, pieces.head, pieces.head_len);
    write_bytes(&w, pieces.edge, pieces.edge_len);
    index.len += len;
    index.bytes[AFTER_ID + COUNT]++;
    free(bytes);
    ops_clear(&ops);
    w = (struct writer){.out = index.bytes + AFTER_ID + LIST};
    write_u64(&w, entry.number);
    publish(&index, fleet->secret);
    refused("does not prove which sites may write");
}
END_TEST

/* The journal no longer has the entry that an edge needs next, and its head names an older snapshot
   than the edge's state, or none. */
START_TEST(snapshot_before_the_edge)
{
    static struct fleet_of edge;
    struct daemon_of follower = {0};
    struct index index;
    make(&index);
    DONE(sites.site[0], "create", "acme", "later");
    newcomer(&sites, &edge);
    DONE(edge.site[0], "fleet", "join", "--edge");
    head_names(&index.which);
    const uint64_t number = fleet_entry(&edge, 0);
    DONE(sites.site[0], "create", "acme", "last");
    for (uint64_t i = 1; i <= number; i++)
        unlink(fleet_entry_path(&sites, i));
    daemon_start(&follower, &edge.site[0], "follow");
    UNTIL(daemon_says(&follower, "the fleet's newest snapshot for edges stands at entry"));
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    unlink(in_folder(sites.journal, "head"));
    daemon_start(&follower, &edge.site[0], "follow");
    UNTIL(daemon_says(&follower, "names no snapshot to begin again with"));
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    DONE(edge.site[0], "fleet", "check", "--stale");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("trim forged");
    TCase *tcase = tcase_create("forged");
    tcase_set_timeout(tcase, 120);
    fleet_fixture(tcase, 2);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, good);
    tcase_add_test(tcase, altered_fields);
    tcase_add_test(tcase, older_than_the_journal);
    tcase_add_test(tcase, altered_pieces);
    tcase_add_test(tcase, signed_by_a_removed_site);
    tcase_add_test(tcase, removal_left_out);
    tcase_add_test(tcase, pieces_of_another_state);
    tcase_add_test(tcase, change_that_cannot_be);
    tcase_add_test(tcase, snapshot_before_the_edge);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
