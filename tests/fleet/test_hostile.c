/* SPDX-License-Identifier: ISC */
/* Hostile journals: no entry is applied that is unsigned, out of order, unknown or altered, or that
   is signed but does not fit the store. */
#include "cli/terminal.h"
#include "fleet/daemon.h"

#include "fleet/ops.h"
#include "store/changes.h"

#include <signal.h>
#include <unistd.h>

static struct fleet_of fleet;
static uint8_t secret[2][crypto_sign_SECRETKEYBYTES];
static uint64_t last;    /* the entry that site 1 does not have yet */
static const char *kept; /* a folder: what the fleet is before each test */

static void load_secret(int site)
{
    uint8_t seed[crypto_sign_SEEDBYTES], public[SITE_KEY_LEN];
    size_t len;
    const char *text = file_read(in_folder(fleet.site[site].folder, "site.key"), NULL);
    const char *hex = strchr(text, ' ') + 1;
    ck_assert_int_eq(sodium_hex2bin(seed, sizeof seed, hex, 64, NULL, &len, NULL), 0);
    crypto_sign_seed_keypair(public, secret[site], seed);
}

/* Two sites; site 0 has made an entry that site 1 has not seen. */
static void make(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    fleet_begin(&fleet, 2);
    DONE(fleet.site[0], "entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    DONE(fleet.site[1], "create", "acme", "seen");
    last = fleet_entry(&fleet, 1) + 1;
    DONE(fleet.site[0], "create", "acme", "unseen");
    load_secret(0);
    load_secret(1);
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, 2, kept, true);
}

static void put(uint64_t number, const void *bytes, size_t len)
{
    file_write(fleet_entry_path(&fleet, number), bytes, len, 0644);
}

/* What site 1 lists. It is asked once for each entry at which its store stands. */
static const char *listed(void)
{
    static const char *list;
    static uint64_t at;
    if (list == NULL || at != fleet_stands(&fleet.site[1])) {
        list = DONE(fleet.site[1], "list", "--stale");
        at = fleet_stands(&fleet.site[1]);
    }
    return list;
}

/* Site 1 finds these bytes as the next entry, refuses them, and stays as it is. */
static void refused(const void *bytes, size_t len, const char *words)
{
    size_t good_len;
    const char *good = file_read(fleet_entry_path(&fleet, last), &good_len);
    const char *before = listed();
    put(last, bytes, len);
    struct run run = AT(fleet.site[1], "create", "acme", "x");
    fleet_says(run, 5, words);
    ck_assert_str_eq(run.out, "");
    run = AT(fleet.site[1], "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "may be behind the fleet"));
    ck_assert_str_eq(run.out, before);
    DONE(fleet.site[1], "fleet", "check", "--stale");
    put(last, good, good_len);
}

/* An entry that is only a head. */
static void refused_head(const void *head, size_t len, const char *words)
{
    const espt_journal_entry entry = {.head = head, .head_len = len};
    size_t file_len;
    const char *file = entry_file_join(&entry, &file_len);
    refused(file, file_len, words);
}

START_TEST(altered_bytes)
{
    size_t len;
    char *good = file_read(fleet_entry_path(&fleet, last), &len);
    char *bytes = keep_string(malloc(len + 1));
    for (size_t i = 0; i < len; i += 1 + len / 23) {
        memcpy(bytes, good, len);
        bytes[i] ^= 1;
        refused(bytes, len, "the fleet's journal");
    }
    memcpy(bytes, good, len);
    bytes[len] = 0;
    refused(bytes, len + 1, "is damaged; restore its file from a copy");
    refused(bytes, len - 1, "is damaged; restore its file from a copy");
    refused(bytes, 0, "is damaged; restore its file from a copy");
    refused_head("", 0, "is damaged; nothing of it was taken");
    refused_head("no entry at all", 15, "is damaged; nothing of it was taken");
    refused_head("ESPJ\x09\x05"
                 "9.8.7",
                 11, "needs esp-token 9.8.7 or later");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* Pieces that are left out, exchanged, longer, or of the same length with another byte. */
START_TEST(altered_pieces)
{
    size_t len;
    espt_journal_entry good;
    const char *file = file_read(fleet_entry_path(&fleet, last), &len);
    ck_assert(entry_file_split(file, len, &good));
    espt_journal_entry wrong[] = {good, good, good, good, good, good, good, good};
    wrong[0].log_len = wrong[1].edge_len = wrong[2].vault_len = 0;
    wrong[3].edge = good.vault;
    wrong[3].edge_len = good.vault_len;
    wrong[4].head_len++;
    wrong[5].log = one_byte_other(good.log, good.log_len);
    wrong[6].edge = one_byte_other(good.edge, good.edge_len);
    wrong[7].vault = one_byte_other(good.vault, good.vault_len);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *bytes = entry_file_join(&wrong[i], &len);
        refused(bytes, len, "is damaged; nothing of it was taken");
    }
    fleet_same(&fleet, 0, 1);
}
END_TEST

START_TEST(wrong_order)
{
    size_t len;
    const char *older = file_read(fleet_entry_path(&fleet, last - 1), &len);
    refused(older, len, "has another number");
    DONE(fleet.site[0], "create", "acme", "later");
    const char *later = file_read(fleet_entry_path(&fleet, last + 1), &len);
    refused(later, len, "has another number");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* Decodes the entry that site 1 has not seen, for a forger. */
static void decode(struct entry *ret)
{
    size_t len;
    char needs[ENTRY_NEEDS_MAX + 1];
    espt_journal_entry pieces;
    const char *good = file_read(fleet_entry_path(&fleet, last), &len);
    ck_assert(entry_file_split(good, len, &pieces));
    ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, ret, needs), ENTRY_GOOD);
}

static void forged(struct entry *entry, const uint8_t *key, const char *words)
{
    struct espt_error err;
    espt_journal_entry pieces;
    uint8_t *bytes;
    size_t len;
    ck_assert_int_eq(entry_encode(entry, key, &bytes, &len, &pieces, &err), 0);
    const char *file = entry_file_join(&pieces, &len);
    free(bytes);
    refused(file, len, words);
}

START_TEST(wrong_signer)
{
    struct entry entry;
    uint8_t public[SITE_KEY_LEN], other[crypto_sign_SECRETKEYBYTES];
    crypto_sign_keypair(public, other);
    decode(&entry);
    forged(&entry, other, "is signed by no site of the fleet");
    forged(&entry, secret[1], "is signed by no site of the fleet"); /* it names hq-1 */
    memcpy(entry.site, "hq-9", 5);
    forged(&entry, other, "is signed by no site of the fleet");
    decode(&entry);
    entry.fleet[0] ^= 1;
    forged(&entry, secret[0], "belongs to another fleet");
    decode(&entry);
    entry.before[0] ^= 1;
    forged(&entry, secret[0], "another entry");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A site that was removed signs an entry after its removal. */
START_TEST(removed_site)
{
    struct entry entry;
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
    fleet_same(&fleet, 0, 1);
    last = fleet_entry(&fleet, 1) + 1;
    DONE(fleet.site[0], "create", "acme", "after");
    decode(&entry);
    memcpy(entry.site, "hq-2", 5);
    forged(&entry, secret[1], "is signed by no site of the fleet");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A follower stays where it was, says so once, and goes on when the entry is the right one. */
START_TEST(follower_of_a_removed_site)
{
    struct entry entry;
    struct espt_error err;
    struct daemon_of follower = {0};
    espt_journal_entry pieces;
    uint8_t *bytes;
    size_t len, good_len;
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
    fleet_same(&fleet, 0, 1);
    last = fleet_entry(&fleet, 1) + 1;
    DONE(fleet.site[0], "create", "acme", "after");
    decode(&entry);
    memcpy(entry.site, "hq-2", 5);
    ck_assert_int_eq(entry_encode(&entry, secret[1], &bytes, &len, &pieces, &err), 0);
    const char *file = entry_file_join(&pieces, &len);
    free(bytes);
    const char *good = file_read(fleet_entry_path(&fleet, last), &good_len);
    const char *before = DONE(fleet.site[1], "list", "--stale");
    put(last, file, len);
    daemon_start(&follower, &fleet.site[1], "follow");
    UNTIL(daemon_says(&follower, "is signed by no site of the fleet"));
    ck_assert(daemon_says(&follower, "nothing of it was taken"));
    ck_assert_str_eq(DONE(fleet.site[1], "list", "--stale"), before);
    put(last, good, good_len);
    UNTIL(strcmp(DONE(fleet.site[1], "list", "--stale"), before) != 0);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    ck_assert_int_eq(daemon_count(&follower, "is signed by no site"), 1);
    fleet_same(&fleet, 0, 1);
}
END_TEST

static void signed_part(enum entry_part part, const struct ops *ops, const char *words)
{
    struct entry entry;
    decode(&entry);
    entry.part[part] = (struct entry_bytes){ops->bytes, ops->len};
    forged(&entry, secret[0], words);
}

/* Entries signed by a site whose contents contradict the store that applies them. */
START_TEST(signed_and_wrong)
{
    struct entry entry;
    struct ops ops = {0};
    static const char misfit[] = "does not fit the records of this store";
    const struct record_key acme = key_name("acme", 4), none = key_name("nobody", 6);
    const struct record_key bolt = key_integer(2);
    decode(&entry);
    entry.sum[5] ^= 1;
    forged(&entry, secret[0], misfit);
    decode(&entry);
    entry.next_number = 1; /* numbers would be used again */
    forged(&entry, secret[0], misfit);
    decode(&entry);
    entry.part[PART_EDGE].len = 0;
    forged(&entry, secret[0], misfit);
    decode(&entry);
    entry.part[PART_VAULT].len = 0;
    forged(&entry, secret[0], misfit);
    decode(&entry);
    entry.part[PART_LOG].len = 0;
    forged(&entry, secret[0], "does not continue the log");
    decode(&entry);
    entry.part[PART_LOG].len--;
    forged(&entry, secret[0], "does not continue the log");
    ops_delete(&ops, TABLE_NAMES, &acme); /* a name disappears */
    signed_part(PART_EDGE, &ops, misfit);
    ops_clear(&ops);
    ops_delete(&ops, TABLE_NAMES, &none); /* a record that does not exist */
    signed_part(PART_EDGE, &ops, "nothing was changed");
    ops_clear(&ops);
    ops_delete(&ops, TABLE_ENTITIES, &bolt);
    signed_part(PART_VAULT, &ops, misfit);
    ops_clear(&ops);
    ops_site(&ops, "intruder", secret[1]); /* a site that the log does not name */
    signed_part(PART_EDGE, &ops, misfit);
    ops_clear(&ops);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* The journal was set back, or another one was put in its place. */
START_TEST(other_journal)
{
    size_t len;
    const char *good = file_read(fleet_entry_path(&fleet, last), &len);
    fleet_same(&fleet, 0, 1);
    const char *before = DONE(fleet.site[0], "list");
    unlink(fleet_entry_path(&fleet, last));
    fleet_says(AT(fleet.site[0], "create", "acme", "x"), 5, "the journal was set back");
    ck_assert_str_eq(AT(fleet.site[0], "list").out, before);
    put(last, good, len);
    DONE(fleet.site[0], "create", "acme", "y");
    fleet_same(&fleet, 0, 1);
}
END_TEST

START_TEST(history_differs)
{
    /* site 1 writes entry `last` in a copy of the journal; then it is given the real one */
    char copy[4200], command[9000];
    snprintf(copy, sizeof copy, "%s.copy", fleet.journal);
    snprintf(command, sizeof command, "cp -r '%s' '%s' && rm '%s/entries/%020llu'", fleet.journal,
             copy, copy, (unsigned long long)last);
    ck_assert_int_eq(system(command), 0);
    struct fleet_of forked = fleet;
    forked.journal = copy;
    fleet_fault(&forked, 1, NULL);
    DONE(fleet.site[1], "create", "acme", "forked");
    fleet_fault(&fleet, 1, NULL);
    fleet_says(AT(fleet.site[1], "create", "acme", "x"), 5,
               "the fleet went on without changes that were made here");
    fleet_says(AT(fleet.site[1], "fleet", "join"), 2, "--yes");
    /* join lists what would be given up, and asks */
    static const char *const join[] = {"fleet", "join", NULL};
    const char *before = DONE(fleet.site[1], "list", "--stale");
    struct seen seen = at_terminal(fleet.site[1].config, join, "n\n", NULL);
    ck_assert_int_eq(seen.status, 4);
    ck_assert_msg(strstr(seen.text, "1 tokens") != NULL && strstr(seen.text, "a log of") != NULL,
                  "%s", seen.text);
    ck_assert_str_eq(DONE(fleet.site[1], "list", "--stale"), before);
    DONE(fleet.site[1], "fleet", "join", "--yes");
    fleet_same(&fleet, 0, 1);
    fleet_says(AT(fleet.site[1], "show", "acme/forked"), 3, "forked");
    snprintf(command, sizeof command, "rm -r '%s'", copy);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* A machine that joins refuses an altered snapshot, and its store stays as it is. */
START_TEST(altered_snapshot)
{
    char command[9000];
    struct member *member = &fleet.site[2];
    member->config = store_folder(&member->folder);
    snprintf(command, sizeof command,
             "cd '%s' && cp esp-token.conf journal.conf fleet.pub reveal.pub '%s' && cp -p "
             "journal.conf '%s'",
             fleet.site[0].folder, member->folder, member->folder);
    ck_assert_int_eq(system(command), 0);
    DONE(*member, "entity", "add", "mine", "--kind", "customer");
    const char *before = DONE(*member, "list", "--stale");
    snprintf(command, sizeof command,
             "cd '%s/pieces' && for f in [!e]* e[!d]*; do [ -e $f ] || continue; cp $f ../kept && "
             "printf X | dd of=$f bs=1 "
             "seek=$(($(stat -c %%s $f) - 70)) conv=notrunc 2>/dev/null && '%s' -c '%s' fleet join "
             "--yes 2>>../said; echo $? >>../statuses; cat ../kept >$f; done; sort -u ../statuses",
             fleet.journal, ctl_path(), member->config);
    const char *argv[] = {"sh", "-c", command, NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_str_eq(run.out, "5\n");
    const char *said = file_read(in_folder(fleet.journal, "said"), NULL);
    ck_assert_ptr_nonnull(strstr(said, "is not signed by the fleet's first site"));
    ck_assert_ptr_nonnull(strstr(said, "the snapshot in the fleet's journal is damaged"));
    ck_assert_str_eq(DONE(*member, "list", "--stale"), before);
    /* a trust file of another fleet */
    char *trust = file_read(in_folder(member->folder, "fleet.pub"), NULL);
    trust[20] = trust[20] == 'a' ? 'b' : 'a';
    file_text(in_folder(member->folder, "fleet.pub"), trust);
    fleet_says(AT(*member, "fleet", "join", "--yes"), 5, "does not hold the fleet that");
    ck_assert_str_eq(DONE(*member, "list", "--stale"), before);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("hostile");
    TCase *tcase = tcase_create("hostile");
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, altered_bytes);
    tcase_add_test(tcase, altered_pieces);
    tcase_add_test(tcase, wrong_order);
    tcase_add_test(tcase, wrong_signer);
    tcase_add_test(tcase, removed_site);
    tcase_add_test(tcase, follower_of_a_removed_site);
    tcase_add_test(tcase, signed_and_wrong);
    tcase_add_test(tcase, other_journal);
    tcase_add_test(tcase, history_differs);
    tcase_add_test(tcase, altered_snapshot);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
