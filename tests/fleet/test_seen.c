/* SPDX-License-Identifier: ISC */
/* What people see when something is wrong: messages in full, with names and numbers, and the exit
   status; and that nothing was changed. Other tests of this folder have the rest. */
#include "fleet/members.h"

#include <sys/resource.h>
#include <unistd.h>

#define EDGE 2

static struct fleet_of fleet;

static void setup(void)
{
    fleet_begin(&fleet, 2);
}

/* Asserts that a creation at that site fails with these words, and changes neither the store nor
   the journal. */
static void refused(int site, const char *words)
{
    const uint64_t last = fleet_entry(&fleet, 0);
    const char *before = DONE(fleet.site[site], "list", "--stale");
    struct run run = AT(fleet.site[site], "create", "acme", "never");
    fleet_says(run, 5, words);
    ck_assert_str_eq(run.out, "");
    ck_assert_ptr_null(strchr(strchr(run.err, '\n') + 1, '\n')); /* one line */
    ck_assert_str_eq(DONE(fleet.site[site], "list", "--stale"), before);
    ck_assert_int_ne(access(fleet_entry_path(&fleet, last + 1), F_OK), 0);
}

/* The id of the reveal key in force at a site. */
static const char *key_in_force(int site)
{
    static char id[2][16];
    const char *line = strstr(DONE(fleet.site[site], "key", "list"), " in force");
    ck_assert_ptr_nonnull(line);
    snprintf(id[site], sizeof id[site], "%.8s", line - 8);
    return id[site];
}

START_TEST(reveal_key_differs)
{
    char words[256];
    const char *here = key_in_force(1);
    DONE(fleet.site[0], "key", "rotate");
    snprintf(words, sizeof words,
             "the reveal key here is %s, and that of the fleet is %s; copy the public and the "
             "secret key file from the site that has that key",
             here, key_in_force(0));
    DONE(fleet.site[1], "list"); /* takes the rotation up */
    refused(1, words);
    refused(1, "nothing was changed");
}
END_TEST

START_TEST(tier_table_differs)
{
    DONE(fleet.site[0], "tier", "publish", "--yes");
    DONE(fleet.site[1], "list");
    const char *tiers = in_folder(fleet.site[1].folder, "tiers.ini");
    char *text = file_read(tiers, NULL);
    memcpy(strstr(text, "max_tokens = 5"), "max_tokens = 6", 14);
    file_text(tiers, text);
    refused(1, "tiers.ini: it differs from the tier table of the fleet; nothing was changed; run "
               "'esp-tokenctl tier pull'");
}
END_TEST

START_TEST(journal_ends_early)
{
    char words[256];
    const uint64_t last = fleet_entry(&fleet, 0);
    DONE(fleet.site[1], "create", "acme", "late");
    const char *before = DONE(fleet.site[1], "list", "--stale");
    unlink(fleet_entry_path(&fleet, last + 1));
    snprintf(words, sizeof words,
             "the fleet's journal ends at entry %llu, and this store has entry %llu: the journal "
             "was set back; restore the newer journal, or run 'esp-tokenctl fleet refill'",
             (unsigned long long)last, (unsigned long long)last + 1);
    fleet_says(AT(fleet.site[1], "create", "acme", "never"), 5, words);
    ck_assert_str_eq(DONE(fleet.site[1], "list", "--stale"), before);
    ck_assert_int_ne(access(fleet_entry_path(&fleet, last + 1), F_OK), 0);
}
END_TEST

START_TEST(another_entry)
{
    char words[256];
    const uint64_t last = fleet_entry(&fleet, 0);
    DONE(fleet.site[1], "create", "acme", "mine");
    const char *before = DONE(fleet.site[1], "list", "--stale");
    unlink(fleet_entry_path(&fleet, last + 1));
    DONE(fleet.site[0], "create", "acme", "theirs");
    snprintf(words, sizeof words,
             "the fleet's journal has another entry %llu than this store: the fleet went on "
             "without changes that were made here; run 'esp-tokenctl fleet join', which lists "
             "them first",
             (unsigned long long)last + 1);
    refused(1, words);
    ck_assert_str_eq(DONE(fleet.site[1], "list", "--stale"), before);
}
END_TEST

/* The journal has the change, but the store has no room: the command succeeds, a message gives the
   reason, and the store applies the entry later. */
START_TEST(not_stored_here)
{
    const char *before = DONE(fleet.site[1], "list", "--stale");
    fleet_fault(&fleet, 1, "full");
    struct run run = AT(fleet.site[1], "create", "acme", "full", "-q");
    fleet_says(run, 0,
               "the change is done, and in force in the fleet; this machine could not store it, "
               "and takes it up with the next command: ");
    fleet_says(run, 0, "tokens.mdb: ");
    ck_assert_int_eq(strncmp(run.out, "esptk_", 6), 0);
    fleet_fault(&fleet, 1, NULL);
    ck_assert_str_eq(DONE(fleet.site[1], "list", "--stale"), before);
    ck_assert_ptr_nonnull(strstr(DONE(fleet.site[1], "list"), "full"));
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* An edge lists the sites as a site does, also after a site and an edge were added and removed. */
START_TEST(sites_at_an_edge)
{
    static const char key[] = "0909090909090909090909090909090909090909090909090909090909090909";
    static const char other[] = "0808080808080808080808080808080808080808080808080808080808080808";
    static const char *const lists[][5] = {
        {"fleet", "site", "list"},
        {"--json", "fleet", "site", "list"},
    };
    fleet_folders(&fleet, 3);
    fleet_found(&fleet, 2);
    fleet_let_in_edge(&fleet, EDGE);
    fleet_says(AT(fleet.site[EDGE], "fleet", "edge", "list"), 4, "run the command at a site");
    for (int round = 0; round < 3; round++) {
        if (round == 1) {
            DONE(fleet.site[1], "fleet", "site", "add", "hq-9", key);
            DONE(fleet.site[1], "fleet", "edge", "add", "edge-9", other);
        } else if (round == 2) {
            DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
        }
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
            const char *site = fleet_done(run_ctl(fleet.site[0].config, NULL, lists[i]));
            ck_assert_str_eq(fleet_done(run_ctl(fleet.site[EDGE].config, NULL, lists[i])), site);
            if (i == 0) {
                ck_assert_ptr_nonnull(strstr(site, "hq-1 "));
                ck_assert_int_eq(strstr(site, "hq-9 ") != NULL, round > 0);
                ck_assert_int_eq(strstr(site, "hq-2 ") != NULL, round < 2);
            }
        }
    }
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("seen");
    TCase *tcase = tcase_create("seen");
    tcase_set_timeout(tcase, 120);
    fleet_fixture(tcase, 2);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, reveal_key_differs);
    tcase_add_test(tcase, tier_table_differs);
    tcase_add_test(tcase, journal_ends_early);
    tcase_add_test(tcase, another_entry);
    tcase_add_test(tcase, not_stored_here);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("lists");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, sites_at_an_edge);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
