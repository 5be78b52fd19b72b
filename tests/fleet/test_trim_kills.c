/* SPDX-License-Identifier: ISC */
/* The publisher that trims the journal is killed, meets a full disk, and runs beside another
   publisher. New members can join at any moment. */
#include "fleet/trimmed.h"

#include "fault/space.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;

static void setup(void)
{
    fleet_begin(&fleet, 2);
    feed_allow_many(&fleet);
    publisher_prepare(&publisher, &fleet);
}

static void teardown(void)
{
    if (publisher.pid != 0)
        publisher_end(&publisher, SIGKILL);
}

/* A fleet whose publisher has made its first snapshot, and whose next one is due. */
static uint64_t snapshot_is_due(void)
{
    struct head head;
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    ck_assert(publisher_head(&publisher, &head));
    for (int round = 0; round < 2; round++)
        feed_write_much(&fleet, round);
    return head.snapshot.number;
}

/* True once the fleet's first snapshot is gone and at most two others remain, of four files each,
   and the journal begins at `first`. */
static bool tidy(uint64_t first)
{
    size_t count = 0;
    DIR *names = opendir(in_folder(fleet.journal, "pieces"));
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        count += strstr(entry->d_name, "-snapshot") != NULL ? 100 : entry->d_name[0] != '.';
    closedir(names);
    return count <= 8 && journal_begins(&fleet, first) && journal_first(&fleet) == first;
}

/* Runs the publisher, which is killed before its call number `number` that changes the journal.
   False: it was done before that call. */
static bool killed_at(int number, uint64_t first)
{
    char fault[32];
    snprintf(fault, sizeof fault, "dies-%d", number);
    fleet_fault(&fleet, 0, fault);
    publisher_start(&publisher);
    bool dead = false;
    for (int i = 0; !dead && !tidy(first); i++) {
        ck_assert_msg(i < 3000, "in vain: %s", file_read(publisher.log, NULL));
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        dead = waitpid(publisher.pid, NULL, WNOHANG) != 0;
    }
    if (!dead)
        publisher_end(&publisher, SIGKILL);
    publisher.pid = 0;
    fleet_fault(&fleet, 0, NULL);
    return dead;
}

START_TEST(killed_at_each_call)
{
    const uint64_t first = snapshot_is_due();
    char kept[2][4096];
    const char *folders[2] = {fleet.journal, publisher.feed}, *place = temp_folder();
    int calls = 1;
    for (int i = 0; i < 2; i++) {
        snprintf(kept[i], sizeof kept[i], "%s/%d", place, i);
        folder_copy(folders[i], kept[i]);
    }
    while (killed_at(calls, first)) {
        newcomers_join(&fleet);
        if (calls % 3 == 0) { /* the next run completes what this one has left */
            publisher_start(&publisher);
            AWAIT(tidy(first));
            publisher_end(&publisher, SIGKILL);
            newcomers_join(&fleet);
        }
        for (int i = 0; i < 2; i++)
            folder_copy(kept[i], folders[i]);
        calls++;
    }
    ck_assert_int_gt(calls, 8);
    newcomers_join(&fleet);
}
END_TEST

/* --- two publishers --- */

static bool leads(const char *site)
{
    struct head head;
    return journal_head(&fleet, &head) && strcmp(head.site, site) == 0;
}

static bool says(const struct publisher *of, const char *words)
{
    const char *said = file_read(of->log, NULL);
    return said != NULL && strstr(said, words) != NULL;
}

/* One of two publishers leads. The other only writes its own feed, and takes the lead when the
   first one has stopped. */
START_TEST(two_publishers)
{
    struct fleet_of second = {.journal = fleet.journal, .site = {fleet.site[1]}};
    struct publisher other;
    publisher_prepare(&other, &second);
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    publisher_start(&other);
    publisher_await(&other, fleet_last(&fleet));
    AWAIT(says(&other, "site hq-1 publishes too"));
    trim_far(&fleet, &publisher);
    ck_assert(leads("hq-1"));
    newcomers_join(&fleet);
    publisher_await(&other, fleet_last(&fleet));
    publisher_end(&publisher, SIGKILL);
    sign_head(&fleet, 0, time(NULL) - 70); /* as if the first one had stopped 70 seconds ago */
    AWAIT(leads("hq-2"));
    AWAIT(says(&other, "takes care of the journal now"));
    newcomers_join(&fleet);
    publisher_start(&publisher);
    AWAIT(says(&publisher, "site hq-2 publishes too"));
    trim_far(&fleet, &other);
    ck_assert(leads("hq-2"));
    newcomers_join(&fleet);
    publisher_end(&other, SIGTERM);
}
END_TEST

/* --- losses --- */

/* The journal loses pieces of its snapshot. A restarted publisher notices that before it removes
   anything. */
static void lose_pieces(void)
{
    char command[4200];
    snprintf(command, sizeof command, "cd '%s'/pieces && rm site-* && touch site-1-ab",
             fleet.journal);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    ck_assert_int_eq(system(command), 0);
    publisher_start(&publisher);
    AWAIT(access(in_folder(fleet.journal, "pieces/site-1-ab"), F_OK) != 0);
    newcomers_join(&fleet);
}

/* First pieces of a snapshot are lost; then the feed is, when the journal no longer has the entries
   that prove who may write. */
START_TEST(something_is_lost)
{
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    trim_far(&fleet, &publisher);
    const uint64_t first = journal_first(&fleet);
    lose_pieces();
    publisher_end(&publisher, SIGKILL);
    const char *gone[] = {"rm", "-rf", in_folder(publisher.feed, "head"),
                          in_folder(publisher.feed, "p"), NULL};
    ck_assert_int_eq(run_process(gone, NULL).status, 0);
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    newcomers_join(&fleet);
    /* members that are a little behind still find the entries that they need */
    ck_assert_uint_eq(journal_first(&fleet), first);
}
END_TEST

/* --- a full disk --- */

START_TEST(full)
{
    const char *place = space_mount(SPACE_TMPFS, "trim");
    if (place == NULL)
        return;
    folder_copy(fleet.journal, keep_string(strdup(in_folder(place, "journal"))));
    fleet.journal = keep_string(strdup(in_folder(place, "journal")));
    for (int i = 0; i < 2; i++)
        fleet_fault(&fleet, i, NULL);
    const uint64_t first = snapshot_is_due();
    space_fill(0);
    publisher_start(&publisher);
    AWAIT(says(&publisher, "No space left"));
    newcomers_join(&fleet);
    publisher_end(&publisher, SIGTERM);
    newcomers_join(&fleet);
    space_free();
    publisher_start(&publisher);
    AWAIT(tidy(first));
    newcomers_join(&fleet);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("trim kills");
    TCase *tcase = tcase_create("trim");
    tcase_set_timeout(tcase, 300);
    fleet_fixture(tcase, 2);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, killed_at_each_call);
    tcase_add_test(tcase, two_publishers);
    tcase_add_test(tcase, something_is_lost);
    tcase_add_test(tcase, full);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
