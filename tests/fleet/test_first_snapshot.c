/* SPDX-License-Identifier: ISC */
/* A wrong first snapshot of a fleet, with a valid signature of the first site: a new site refuses
   it, and stays as it was. */
#include "fleet/site_here.h"
#include "fleet/trimmed.h"

#include "common/record_bytes.h"
#include "fleet/signature.h"
#include "fleet/snapshot_form.h"

#include <unistd.h>

static struct fleet_of sites, newcomers;
static struct site_here here;
static struct fleet_snapshot good;
static struct espt_error err;

static void setup(void)
{
    fleet_begin(&sites, 1);
    DONE(sites.site[0], "create", "acme", "api");
    site_here_open(&here, sites.site[0].config);
    site_here_must(snapshot_open(here.fleet, &here.trust, &good, &err), &err);
    ck_assert_uint_eq(good.pieces, 2); /* records, and the log */
    newcomer(&sites, &newcomers);
}

static void teardown(void)
{
    snapshot_clear(&good);
    site_here_close(&here);
}

static const char *path_of(int piece)
{
    char name[ESPT_JOURNAL_NAME_MAX + 8] = "pieces/";
    snapshot_name(here.trust.id, false, piece, name + 7);
    return in_folder(sites.journal, name);
}

static void refused(const char *words)
{
    fleet_says(AT(newcomers.site[0], "fleet", "join", "--yes"), 5, words);
    fleet_says(AT(newcomers.site[0], "fleet", "check"), 4, "belongs to no fleet");
}

static void put_bytes(uint8_t *bytes, size_t len)
{
    signature_make(SNAPSHOT_LABEL, bytes, len, here.fleet->secret, bytes + len);
    file_write(path_of(-1), bytes, len + crypto_sign_BYTES, 0644);
}

static void put_head(const struct fleet_snapshot *snapshot)
{
    uint8_t bytes[SNAPSHOT_HEAD_MAX + 2 * FLEET_HASH_LEN + crypto_sign_BYTES];
    put_bytes(bytes, snapshot_encode_head(snapshot, bytes));
}

START_TEST(wrong_head)
{
    uint8_t bytes[SNAPSHOT_HEAD_MAX + 3 * FLEET_HASH_LEN + crypto_sign_BYTES] = {0};
    const size_t len = snapshot_encode_head(&good, bytes);
    put_bytes(bytes, len + FLEET_HASH_LEN); /* a hash more than pieces */
    refused("is damaged");
    bytes[0] ^= 1;
    put_bytes(bytes, len);
    refused("is damaged");
    bytes[0] ^= 1;
    memcpy(bytes + 4,
           "\x09\x05"
           "9.8.7",
           7);
    put_bytes(bytes, len);
    refused("needs esp-token 9.8.7 or later");
    file_write(path_of(-1), bytes, crypto_sign_BYTES, 0644);
    refused("is damaged");
    put_head(&good);
    newcomers_join(&sites);
}
END_TEST

START_TEST(wrong_position)
{
    struct fleet_snapshot other = good;
    other.position.id[0] ^= 1;
    put_head(&other);
    refused("belongs to another fleet");
    other = good;
    other.edge = true;
    put_head(&other);
    refused("is that of another kind of member");
    other = good;
    other.position.sum[0] ^= 1;
    put_head(&other);
    refused("holds what no store can hold");
    other = good;
    other.pieces = 1; /* without the log */
    put_head(&other);
    refused("holds what no store can hold");
    put_head(&good);
    newcomers_join(&sites);
}
END_TEST

/* Replaces the piece by these bytes, and its hash in the head. */
static void put_piece(int piece, const void *bytes, size_t len)
{
    uint8_t hashes[2][FLEET_HASH_LEN];
    struct fleet_snapshot other = good;
    memcpy(hashes, good.hashes, sizeof hashes);
    crypto_generichash(hashes[piece], FLEET_HASH_LEN, bytes, len, NULL, 0);
    other.hashes = hashes;
    file_write(path_of(piece), bytes, len, 0644);
    put_head(&other);
}

START_TEST(wrong_pieces)
{
    for (int piece = 0; piece < 2; piece++) {
        size_t len;
        char *bytes = file_read(path_of(piece), &len);
        const char table = bytes[0];
        bytes[0] = '?';
        put_piece(piece, bytes, len);
        refused("is damaged");
        bytes[0] = table;
        put_piece(piece, bytes, len - 1);
        refused("is damaged");
        bytes[len - 1] ^= 1; /* in the checksum of the last record */
        put_piece(piece, bytes, len);
        refused("holds what no store can hold");
        bytes[len - 1] ^= 1;
        put_piece(piece, bytes, len);
    }
    newcomers_join(&sites);
}
END_TEST

/* The journal has lost all its entries. */
START_TEST(no_entry_after_it)
{
    for (uint64_t number = fleet_entry(&sites, 0); number > good.position.number; number--)
        ck_assert_int_eq(unlink(fleet_entry_path(&sites, number)), 0);
    refused("has a snapshot and no entry after it");
}
END_TEST

/* The journal's head is damaged, so it names no newer snapshot. */
START_TEST(damaged_journal_head)
{
    file_text(in_folder(sites.journal, "head"), "no head");
    DONE(newcomers.site[0], "fleet", "join");
    DONE(newcomers.site[0], "fleet", "check", "--stale");
}
END_TEST

/* Joining removes the store's own tokens, and with them their use counts. */
START_TEST(uses_of_its_own)
{
    const struct member *site = &newcomers.site[0];
    DONE(*site, "entity", "add", "mine", "--kind", "customer", "--tier", "advanced");
    char *text = DONE(*site, "create", "mine", "web", "-q");
    text[strcspn(text, "\n")] = '\0';
    validate_once(site->config, text);
    DONE(*site, "usage", "fold");
    ck_assert_ptr_nonnull(strstr(DONE(*site, "--json", "show", "mine/web"), "\"uses\": 1"));
    DONE(*site, "fleet", "join", "--yes");
    DONE(*site, "check"); /* would report a use count without a token */
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("first snapshot");
    TCase *tcase = tcase_create("first");
    tcase_set_timeout(tcase, 120);
    fleet_fixture(tcase, 1);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, wrong_head);
    tcase_add_test(tcase, wrong_position);
    tcase_add_test(tcase, wrong_pieces);
    tcase_add_test(tcase, no_entry_after_it);
    tcase_add_test(tcase, damaged_journal_head);
    tcase_add_test(tcase, uses_of_its_own);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
