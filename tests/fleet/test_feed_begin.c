/* SPDX-License-Identifier: ISC */
/* What a publisher finds when it starts: the feed of an earlier run, which may be damaged, or end
   before the first entry of a trimmed journal; or a folder that cannot be used. */
#include "fleet/members.h"
#include "fleet/site_here.h"

#include "common/clock.h"
#include "fleet/feed.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct fleet_of sites;
static struct site_here here;
static struct feed *feed;
static const char *folder;
static struct espt_error err;

static void setup(void)
{
    fleet_begin(&sites, 1);
    site_here_open(&here, sites.site[0].config);
    folder = temp_folder();
}

static void teardown(void)
{
    feed_free(feed);
    feed_free(NULL);
    site_here_close(&here);
}

static void begin(void)
{
    site_here_must(feed_new(&feed, here.fleet, folder, &err), &err);
}

static void end(void)
{
    feed_free(feed);
    feed = NULL;
}

/* Steps until no child makes or proves a snapshot. */
static int run_steps(void)
{
    bool written;
    int code = feed_step(feed, here.store, &written, &err);
    while (code == 0 && feed_child_works(feed)) {
        usleep(5000);
        code = feed_step(feed, here.store, &written, &err);
    }
    return code;
}

static void step(void)
{
    site_here_must(run_steps(), &err);
}

static void fails(int code, const char *words)
{
    ck_assert_int_eq(run_steps(), code);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
}

static void refused(int code, const char *words)
{
    ck_assert_int_eq(feed_new(&feed, here.fleet, folder, &err), code);
    ck_assert_msg(strstr(err.message, words) != NULL, "%s", err.message);
}

/* An entry that is too long for a head, so that the feed has a piece. */
static void write_piece(void)
{
    static char lines[1000 * 16];
    static int round;
    size_t used = 0;
    round++;
    for (int i = 0; i < 400; i++)
        used += (size_t)snprintf(lines + used, sizeof lines - used, "n%d-%d customer\n", round, i);
    fleet_done(CTL(sites.site[0].config, lines, "entity", "add", "--from", "-"));
}

static void change(void)
{
    static int number;
    char name[16];
    snprintf(name, sizeof name, "c%d", number++);
    DONE(sites.site[0], "entity", "add", name, "--kind", "customer");
}

/* --- the folder --- */

START_TEST(unusable_folder)
{
    begin();
    ck_assert_int_eq(mkdir(in_folder(folder, ".new-head"), 0755), 0);
    fails(ESPT_UNUSABLE, "head cannot be written");
    ck_assert_int_eq(rmdir(in_folder(folder, ".new-head")), 0);
    ck_assert_int_eq(mkdir(in_folder(folder, "p/other"), 0755), 0);
    feed->swept = 0;
    step(); /* a folder is not swept */
    ck_assert_int_eq(rmdir(in_folder(folder, "p/other")), 0);
    end();
    const char *head = keep_string(strdup(in_folder(folder, "head")));
    ck_assert_int_eq(unlink(head), 0);
    ck_assert_int_eq(mkdir(head, 0755), 0);
    refused(ESPT_UNUSABLE, "head is no file of a feed");
    ck_assert_int_eq(rmdir(head), 0);
    ck_assert_int_eq(rename(in_folder(folder, "p"), in_folder(folder, "q")), 0);
    file_text(in_folder(folder, "p"), "");
    refused(ESPT_UNUSABLE, "the folder of the feed cannot be used");
}
END_TEST

START_TEST(unusable_reports)
{
    file_text(in_folder(folder, "r"), "");
    begin();
    fails(ESPT_UNUSABLE, "the folder r of reports cannot be used");
    ck_assert_uint_eq(feed->head.number, feed->number); /* the feed goes on */
}
END_TEST

/* --- the head --- */

/* Whatever bytes the head file has, the publisher continues from it, begins a new feed, or refuses
   to start. */
static void begins_with(const char *bytes, size_t len)
{
    file_write(in_folder(folder, "head"), bytes, len, 0644);
    const int code = feed_new(&feed, here.fleet, folder, &err);
    ck_assert_msg(code == 0 || code == ESPT_REFUSED, "%d: %s", code, err.message);
    if (code != 0)
        return;
    ck_assert(feed->number == 0 || feed->number == feed->head.number);
    end();
}

START_TEST(damaged_head)
{
    size_t len;
    begin();
    step();
    write_piece();
    step();
    change();
    step();
    ck_assert_uint_eq(feed->piece_count, 1);
    ck_assert_uint_gt(feed->tail_count, 0);
    end();
    const char *good = file_read(in_folder(folder, "head"), &len);
    char *bytes = keep_string(malloc(len + 1));
    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, good, len);
        bytes[at] ^= 1;
        begins_with(bytes, len);
        bytes[at] = (char)~good[at];
        begins_with(bytes, len);
        begins_with(good, at);
    }
    file_write(in_folder(folder, "head"), good, len / 2, 0644);
    begin();
    ck_assert_uint_eq(feed->number, 0);
    step();
    ck_assert_uint_eq(feed->number, fleet_entry(&sites, 0));
}
END_TEST

/* --- the journal --- */

/* The journal was trimmed beyond the feed's last entry, so the feed begins again. The changes of
   the list of sites are no longer in the journal; they come from the snapshot that the head names.
 */
START_TEST(trimmed_since_then)
{
    begin();
    step();
    const uint64_t number = feed->number;
    end();
    change();
    for (uint64_t i = 1; i <= number; i++)
        unlink(fleet_entry_path(&sites, i));
    begin();
    step();
    ck_assert_uint_eq(feed->number, number + 1);
    ck_assert_uint_eq(feed_first(feed), number + 1);
}
END_TEST

START_TEST(lost_entry)
{
    size_t len;
    begin();
    step();
    change();
    change();
    const char *path = keep_string(strdup(fleet_entry_path(&sites, feed->number + 1)));
    const char *bytes = file_read(path, &len);
    unlink(path);
    fails(ESPT_UNUSABLE, "does not have entry");
    file_write(path, bytes, len, 0644);
    step();
    ck_assert_uint_eq(feed->number, fleet_entry(&sites, 0));
}
END_TEST

START_TEST(tier_table)
{
    struct fleet_place place;
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    size_t len, wanted;
    DONE(sites.site[0], "tier", "publish", "--yes");
    begin();
    step();
    site_here_must(fleet_place(here.store, &place, &err), &err);
    feed_tiers_name(place.position.tiers, name);
    char path[ESPT_JOURNAL_NAME_MAX + 8];
    snprintf(path, sizeof path, "p/%s", name);
    const char *bytes = file_read(in_folder(folder, path), &len);
    const char *tiers = file_read(in_folder(sites.site[0].folder, "tiers.ini"), &wanted);
    ck_assert(bytes != NULL && len == wanted && memcmp(bytes, tiers, len) == 0);
}
END_TEST

/* --- the next snapshot --- */

/* Pretends that enough bytes of entries came for the next step to make a snapshot. */
static void make_due(void)
{
    feed->grown = (uint64_t)FEED_SNAPSHOT << 20;
}

/* A snapshot that exceeds the file size limit fails: the publisher reports it, and goes on with the
   older one. */
START_TEST(snapshot_fails)
{
    const struct rlimit any = {RLIM_INFINITY, RLIM_INFINITY},
                        few = {2 * FEED_NEWEST, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    begin();
    step();
    const struct head_snapshot before = feed->which;
    write_piece();
    step();
    change();
    make_due();
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &few), 0);
    fails(ESPT_UNUSABLE, "cannot be written");
    ck_assert_uint_eq(feed->head.number, feed->number);
    ck_assert_mem_eq(feed->head.snapshot.hash, before.hash, sizeof before.hash);
    step(); /* does not try again at once */
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &any), 0);
    ck_assert_int_gt(feed->retry, monotonic_ms());
    feed->retry = 0;
    step();
    ck_assert_uint_eq(feed->which.number, feed->number);
    ck_assert_uint_eq(feed->number, fleet_entry(&sites, 0));
}
END_TEST

/* If only the log has grown, two snapshots share the piece with the records. */
START_TEST(shared_piece)
{
    begin();
    step();
    DONE(sites.site[0], "entity", "add", "gone", "--kind", "customer");
    DONE(sites.site[0], "entity", "remove", "gone", "--yes");
    make_due();
    step();
    ck_assert_uint_eq(feed->which.number, feed->number);
    ck_assert_uint_eq(feed->snapshot.site_count, 2);
    ck_assert_mem_eq(&feed->snapshot.site_pieces[0], &feed->before.site_pieces[0],
                     sizeof *feed->before.site_pieces);
    ck_assert_mem_ne(&feed->snapshot.site_pieces[1], &feed->before.site_pieces[1],
                     sizeof *feed->before.site_pieces);
}
END_TEST

/* A publisher ended after it made a snapshot, and before it removed what is no longer needed. The
   next one proves the snapshot again before it removes anything. */
START_TEST(tidies_after_a_restart)
{
    begin();
    step();
    change();
    make_due();
    step();
    ck_assert_uint_gt(feed->which_before.number, 0);
    end();
    const char *stray = keep_string(strdup(in_folder(sites.journal, "pieces/edge-1-00")));
    file_text(stray, "x");
    begin();
    ck_assert(!feed->proved);
    step();
    ck_assert(feed->proved);
    ck_assert_int_ne(access(stray, F_OK), 0);
}
END_TEST

/* A piece of the snapshot in the journal is damaged: nothing is removed, and a new snapshot is
   made. */
START_TEST(damaged_piece_in_the_journal)
{
    char name[ESPT_JOURNAL_NAME_MAX + 8];
    begin();
    step();
    change();
    make_due();
    step();
    snprintf(name, sizeof name, "pieces/");
    edge_file_name(feed->snapshot.pieces[0].len, feed->snapshot.pieces[0].hash, name + 7);
    file_text(in_folder(sites.journal, name), "damaged");
    end();
    const char *stray = keep_string(strdup(in_folder(sites.journal, "pieces/edge-1-00")));
    file_text(stray, "x");
    begin();
    fails(ESPT_UNUSABLE, "is damaged");
    ck_assert(feed->broken);
    ck_assert_int_eq(access(stray, F_OK), 0);
    /* a snapshot of the same entry would have the same pieces; the child has begun with one */
    change();
    if (run_steps() != 0)
        ck_assert_msg(strstr(err.message, "a piece is taken") != NULL, "%s", err.message);
    feed->retry = 0;
    step();
    ck_assert(!feed->broken && feed->proved);
    ck_assert_int_ne(access(stray, F_OK), 0);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("feed begin");
    TCase *tcase = tcase_create("begin");
    tcase_set_timeout(tcase, 120);
    fleet_fixture(tcase, 1);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, unusable_folder);
    tcase_add_test(tcase, unusable_reports);
    tcase_add_test(tcase, damaged_head);
    tcase_add_test(tcase, trimmed_since_then);
    tcase_add_test(tcase, lost_entry);
    tcase_add_test(tcase, tier_table);
    tcase_add_test(tcase, snapshot_fails);
    tcase_add_test(tcase, shared_piece);
    tcase_add_test(tcase, tidies_after_a_restart);
    tcase_add_test(tcase, damaged_piece_in_the_journal);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
