/* SPDX-License-Identifier: ISC */
/* The publisher puts newer snapshots into the journal, and trims it: new members can still join,
   and members that are behind can go on. */
#include "fleet/daemon.h"
#include "fleet/trimmed.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

static struct fleet_of fleet; /* sites: 0 publishes, 1 writes, 2 was away; 3: an edge, also away */
static struct publisher publisher;
static const char *text; /* of acme/web, which was switched off while 2 and 3 were away */

/* Once for all tests. Each of them adds to the journal, or only reads it. */
static void setup(void)
{
    fleet_folders(&fleet, 4);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in(&fleet, 1);
    fleet_let_in(&fleet, 2);
    fleet_let_in_edge(&fleet, 3);
    DONE(fleet.site[0], "fleet", "edge", "add", "hq-4", fleet_key_of(&fleet, 3));
    feed_allow_many(&fleet);
    DONE(fleet.site[0], "edit", "acme/web", "--status", "inactive");
    publisher_prepare(&publisher, &fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    trim_far(&fleet, &publisher);
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-3");
    DONE(fleet.site[0], "fleet", "site", "add", "hq-3", fleet_key_of(&fleet, 2));
    publisher_await(&publisher, fleet_last(&fleet));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
}

static void teardown(void)
{
}

static size_t pieces(const char *prefix)
{
    size_t count = 0;
    DIR *names = opendir(in_folder(fleet.journal, "pieces"));
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(names);
    return count;
}

/* Two snapshots: for edges a piece and an index each, for sites one of records and one of the log.
 */
START_TEST(keeps_two_snapshots)
{
    char id[64];
    const char *status = DONE(fleet.site[0], "fleet", "status");
    ck_assert_int_eq(sscanf(status, "fleet %32s", id), 1);
    ck_assert(pieces("edge-") == 4 || pieces("edge-") == 3);
    ck_assert(pieces("site-") == 4 || pieces("site-") == 3);
    ck_assert_uint_eq(pieces(id), 0); /* the first snapshot */
}
END_TEST

START_TEST(new_members_join)
{
    newcomers_join(&fleet);
}
END_TEST

/* A site that was away is refused, with a message, until it joins again. It had no change that the
   fleet lacks. */
START_TEST(a_site_was_away)
{
    char words[128];
    const char *before = DONE(fleet.site[2], "list", "--stale");
    snprintf(words, sizeof words, "journal begins at entry %llu",
             (unsigned long long)journal_first(&fleet));
    fleet_says(AT(fleet.site[2], "create", "acme", "never"), 5, words);
    fleet_says(AT(fleet.site[2], "create", "acme", "never"), 5, "run 'esp-tokenctl fleet join'");
    fleet_says(AT(fleet.site[2], "fleet", "refill"), 5, "run 'esp-tokenctl fleet join'");
    ck_assert_str_eq(DONE(fleet.site[2], "list", "--stale"), before);
    DONE(fleet.site[2], "fleet", "join");
    fleet_same(&fleet, 0, 2);
    DONE(fleet.site[2], "log", "verify");
    DONE(fleet.site[2], "check");
    DONE(fleet.site[2], "create", "acme", "from-hq-3");
    fleet_same(&fleet, 0, 2);
}
END_TEST

/* A new machine with a change of its own, which the fleet lacks: join gives it up only with --yes.
 */
START_TEST(a_site_with_changes_of_its_own)
{
    struct fleet_of own;
    newcomer(&fleet, &own);
    fleet_says(AT(own.site[0], "entity", "add", "mine", "--kind", "customer"), 0, "");
    struct run run = AT(own.site[0], "fleet", "join");
    ck_assert_int_ne(run.status, 0);
    DONE(own.site[0], "entity", "show", "mine");
    DONE(own.site[0], "fleet", "join", "--yes");
    ck_assert_int_eq(AT(own.site[0], "entity", "show", "mine").status, 3);
    struct fleet_of both = {.site = {fleet.site[0], own.site[0]}};
    fleet_same(&both, 0, 1);
}
END_TEST

/* An edge that was away begins again with a snapshot, by itself. */
START_TEST(an_edge_was_away)
{
    struct daemon_of follower = {0};
    ck_assert_int_eq(CTL(fleet.site[3].config, text, "verify").status, 0);
    daemon_start(&follower, &fleet.site[3], "follow");
    UNTIL(daemon_says(&follower, "began again with the snapshot at entry"));
    UNTIL(CTL(fleet.site[3].config, text, "verify").status == 1);
    ck_assert_int_eq(daemon_end(&follower, SIGTERM), 0);
    ck_assert_int_eq(daemon_count(&follower, "began again"), 1);
    fleet_same_edge(&fleet, 3, 0);
}
END_TEST

/* fleet status --pin does not report a trimmed entry as one that was never made. */
START_TEST(pin_before_the_first_entry)
{
    fleet_says(AT(fleet.site[0], "fleet", "status", "--pin",
                  "2:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"),
               5, "begins at entry");
}
END_TEST

/* If the head names no snapshot, no machine can join a trimmed journal. */
START_TEST(no_head)
{
    struct fleet_of own;
    const char *head = keep_string(strdup(in_folder(fleet.journal, "head"))), *bytes;
    size_t len;
    bytes = file_read(head, &len);
    unlink(head);
    newcomer(&fleet, &own);
    fleet_says(AT(own.site[0], "fleet", "join"), 5, "its head names no snapshot");
    file_write(head, bytes, len, 0644);
    newcomers_join(&fleet);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("trim");
    TCase *tcase = tcase_create("trim");
    tcase_set_timeout(tcase, 300);
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, keeps_two_snapshots);
    tcase_add_test(tcase, new_members_join);
    tcase_add_test(tcase, a_site_was_away);
    tcase_add_test(tcase, a_site_with_changes_of_its_own);
    tcase_add_test(tcase, an_edge_was_away);
    tcase_add_test(tcase, pin_before_the_first_entry);
    tcase_add_test(tcase, no_head);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
