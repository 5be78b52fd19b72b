/* SPDX-License-Identifier: ISC */
/* fleet publish: what it writes, and that a new edge joins at any moment. */
#include "fleet/feed_member.h"

#include <dlfcn.h>
#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct fleet_of fleet;
static struct publisher publisher;
static struct web web;
static const espt_journal_plugin *plugin;

static void setup(void)
{
    const espt_journal_plugin *(*get)(uint32_t abi);
    void *library = dlopen(OUT "/esp_journal_http.so", RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)(void *)&get = dlsym(library, "espt_journal_get");
    plugin = get(ESPT_JOURNAL_ABI);
    fleet_begin(&fleet, 2);
    publisher_prepare(&publisher, &fleet);
    web_start(&web, publisher.feed, "");
}

static void teardown(void)
{
    if (publisher.pid != 0)
        publisher_end(&publisher, SIGKILL);
    web_stop(&web);
}

/* Asserts that a new edge can join, and has at least the entries up to `number`. */
static void joins(uint64_t number)
{
    struct feed_edge edge;
    feed_edge_open(&edge, plugin, &publisher.trust, web.url, "", 20000);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    ck_assert_uint_ge(edge.number, number);
    feed_edge_close(&edge);
}

/* Whether the journal's head is the signed part of the feed's. */
static bool journal_has_head(void)
{
    size_t feed_len, len;
    const char *feed = file_read(in_folder(publisher.feed, "head"), &feed_len);
    const char *head = file_read(in_folder(fleet.journal, "head"), &len);
    return feed != NULL && head != NULL && memmem(feed, feed_len, head, len) != NULL;
}

/* Both sites write; an edge that joined once keeps up; the head in the journal is the same. */
START_TEST(an_edge_keeps_up)
{
    struct feed_edge edge;
    struct head head;
    struct stat st;
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    feed_edge_open(&edge, plugin, &publisher.trust, web.url, "", 20000);
    ck_assert_msg(feed_edge_join(&edge), "%s", edge.why);
    for (int i = 0; i < 4; i++) {
        DONE(fleet.site[i % 2], "entity", "edit", "acme", "--status",
             i % 2 == 0 ? "inactive" : "active");
        const uint64_t number = fleet_entry(&fleet, i % 2);
        publisher_await(&publisher, number);
        AWAIT(feed_edge_follow(&edge) && edge.number == number);
    }
    ck_assert_int_eq(stat(in_folder(publisher.feed, "head"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0644);
    ck_assert_uint_eq(publisher_files(&publisher), 2); /* one piece of records, and the index */
    ck_assert(publisher_head(&publisher, &head));
    ck_assert_str_eq(head.site, "hq-1");
    AWAIT(journal_has_head());
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    feed_edge_close(&edge);
}
END_TEST

/* No text, sealed text, name of a token or contact is in the feed. */
START_TEST(holds_the_edge_part_alone)
{
    static const char *const secrets[] = {"ESPJSECRET", "webshop", "person@example.com"};
    char *text = DONE(fleet.site[0], "create", "acme", "webshop", "--note", "ESPJSECRET");
    ck_assert_ptr_nonnull(text);
    DONE(fleet.site[1], "entity", "edit", "acme", "--contact", "person@example.com");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    DONE(fleet.site[0], "create", "acme", "webshop-2", "--note", "ESPJSECRET");
    publisher_await(&publisher, fleet_last(&fleet));
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        const char *grep[] = {"grep", "-rq", secrets[i], publisher.feed, NULL};
        ck_assert_int_eq(run_process(grep, NULL).status, 1);
    }
}
END_TEST

/* Asserts that the length of the head and its count are the same modulo 61. */
static void length_fits(void)
{
    size_t len;
    uint64_t count;
    const char *bytes = file_read(in_folder(publisher.feed, "head"), &len);
    ck_assert(bytes != NULL && len > 13);
    memcpy(&count, bytes + 5, sizeof count);
    ck_assert_uint_eq(len % 61, le64toh(count) % 61);
}

/* New heads appear while nothing changes. No two of them have the same size within one second. */
START_TEST(heads_go_on)
{
    struct head first, head;
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    ck_assert(publisher_head(&publisher, &first));
    for (int i = 0; i < 6; i++) {
        DONE(fleet.site[0], "entity", "edit", "acme", "--status", i % 2 ? "active" : "inactive");
        publisher_await(&publisher, fleet_last(&fleet));
        length_fits();
    }
    AWAIT(publisher_head(&publisher, &head) && head.time >= first.time + 10);
}
END_TEST

/* The publisher is killed again and again while sites write, also while it writes a snapshot or a
   piece. Each time an edge can join, and the feed goes on where it was. */
START_TEST(killed_at_any_moment)
{
    static char lines[400 * 16];
    for (int i = 0; i < 400; i++)
        snprintf(lines + strlen(lines), 16, "c%d customer\n", i);
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    publisher_end(&publisher, SIGKILL);
    for (int i = 0; i < 30; i++) {
        struct head before, after;
        ck_assert(publisher_head(&publisher, &before));
        if (i % 10 == 5) {
            lines[0] = (char)('d' + i / 10);
            for (char *at = strchr(lines, '\n'); at != NULL && at[1] != '\0';
                 at = strchr(at + 1, '\n'))
                at[1] = lines[0];
            fleet_done(CTL(fleet.site[1].config, lines, "entity", "add", "--from", "-"));
        }
        DONE(fleet.site[i % 2], "entity", "edit", "acme", "--status",
             i % 2 ? "active" : "inactive");
        publisher_start(&publisher);
        nanosleep(&(struct timespec){.tv_nsec = 1000000L * (i * 37 % 190)}, NULL);
        publisher_end(&publisher, SIGKILL);
        joins(before.number);
        ck_assert(publisher_head(&publisher, &after));
        ck_assert_uint_ge(after.number, before.number);
    }
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    joins(fleet_last(&fleet));
    for (const char *left = file_read(publisher.log, NULL); left != NULL; left = NULL)
        ck_assert_msg(strstr(left, "warning") == NULL, "%s", left);
}
END_TEST

/* The feed makes pieces, and a snapshot after every megabyte. Feed and journal keep two snapshots
   and the entries since the older one. An edge that is behind those has to join again. */
START_TEST(trims_behind_a_snapshot)
{
    struct head first, head;
    struct feed_edge behind, ahead;
    uint64_t begin, last;
    feed_allow_many(&fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    ck_assert(publisher_head(&publisher, &first));
    feed_edge_open(&behind, plugin, &publisher.trust, web.url, "", 20000);
    feed_edge_open(&ahead, plugin, &publisher.trust, web.url, "", 20000);
    ck_assert_msg(feed_edge_join(&behind) && feed_edge_join(&ahead), "%s%s", behind.why, ahead.why);
    uint64_t snapshots = 0, newest = first.snapshot.number;
    for (int round = 0; snapshots < 2; round++) {
        ck_assert_int_lt(round, 20);
        feed_much(&fleet, &publisher, round);
        ck_assert(publisher_head(&publisher, &head));
        snapshots += head.snapshot.number != newest;
        newest = head.snapshot.number;
        joins(head.number);
        AWAIT(feed_edge_follow(&ahead) && ahead.number >= head.number);
    }
    ck_assert_int_eq(plugin->range(ahead.journal, &begin, &last, ahead.why, sizeof ahead.why), 0);
    ck_assert_uint_gt(begin, first.number);
    ck_assert(!feed_edge_follow(&behind));
    ck_assert(feed_edge_join(&behind));
    ck_assert_uint_ge(behind.number, head.number);
    /* the journal has the index of the last snapshot, and no longer that of the first */
    char name[ESPT_JOURNAL_NAME_MAX + 8];
    struct stat st;
    snprintf(name, sizeof name, "pieces/");
    edge_file_name(head.snapshot.len, head.snapshot.hash, name + 7);
    ck_assert_int_eq(stat(in_folder(fleet.journal, name), &st), 0);
    edge_file_name(first.snapshot.len, first.snapshot.hash, name + 7);
    AWAIT(stat(in_folder(fleet.journal, name), &st) != 0);
    feed_edge_close(&behind);
    feed_edge_close(&ahead);
}
END_TEST

/* Files that no head names are removed, but not at once. */
START_TEST(sweeps)
{
    const char *names[] = {"p/1-2-gone", "p/.new-left", ".new-head"};
    char path[3][4096];
    struct stat st;
    struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    publisher_end(&publisher, SIGTERM);
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s", publisher.feed, names[i]);
        file_text(path[i], "left");
        ck_assert_int_eq(utimensat(AT_FDCWD, path[i], old, 0), 0);
    }
    publisher_start(&publisher);
    AWAIT(stat(path[1], &st) != 0 && stat(path[2], &st) != 0);
    AWAIT(stat(path[0], &st) == 0 && st.st_mtime > 1000000 && (st.st_mode & 07777) == 0444);
    publisher_end(&publisher, SIGTERM);
    ck_assert_int_eq(utimensat(AT_FDCWD, path[0], old, 0), 0);
    publisher_start(&publisher);
    AWAIT(stat(path[0], &st) != 0);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    joins(1);
}
END_TEST

/* Asserts that fleet publish refuses to run, with that status and these words. */
static void refused(int site, int status, const char *words)
{
    const char *argv[] = {"timeout", "60",      ctl_path(), "-c", fleet.site[site].config,
                          "fleet",   "publish", NULL};
    fleet_says(run_process(argv, NULL), status, words);
}

START_TEST(refuses)
{
    refused(1, 5, "[fleet] has no publish");
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    refused(0, 4, "another 'esp-tokenctl fleet publish' runs");
    ck_assert_int_eq(publisher_end(&publisher, SIGINT), 0);
    ck_assert_int_eq(chmod(publisher.feed, 0777), 0);
    refused(0, 5, "chmod");
    ck_assert_int_eq(chmod(publisher.feed, 0755), 0);
    /* a site that was removed */
    DONE(fleet.site[1], "fleet", "site", "remove", "hq-1");
    refused(0, 4, "is no site of the fleet");
    DONE(fleet.site[1], "fleet", "site", "add", "hq-1", fleet_key_of(&fleet, 0));
    /* a file that is no head, and the head of another fleet */
    size_t len;
    const char *good = file_read(in_folder(publisher.feed, "head"), &len);
    file_text(in_folder(publisher.feed, "head"), "<html>");
    refused(0, 4, "is not that of a feed");
    char *other = keep_string(malloc(len));
    memcpy(other, good, len);
    other[21 + 4 + 4 + 1 + 6] ^= 1; /* in the id of the fleet */
    file_write(in_folder(publisher.feed, "head"), other, len, 0644);
    refused(0, 4, "the feed of another fleet");
    file_write(in_folder(publisher.feed, "head"), good, len, 0644);
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    joins(fleet_last(&fleet));
}
END_TEST

/* The journal loses the feed's last entry, and another one takes its number. */
START_TEST(another_history)
{
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet)); /* its snapshot is before the next entry */
    DONE(fleet.site[0], "entity", "edit", "acme", "--status", "inactive");
    const uint64_t number = fleet_entry(&fleet, 0);
    publisher_await(&publisher, number);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    unlink(fleet_entry_path(&fleet, number));
    DONE(fleet.site[0], "fleet", "join", "--yes");
    DONE(fleet.site[0], "entity", "edit", "acme", "--contact", "x@example.com");
    refused(0, 4, "has another entry");
}
END_TEST

/* The journal cannot be read for a while: no head is signed, one message says so, and then the
   publisher goes on. */
START_TEST(journal_away)
{
    struct head before, after;
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    fleet_fault(&fleet, 0, "unread");
    publisher_end(&publisher, SIGTERM);
    ck_assert(publisher_head(&publisher, &before));
    publisher_start(&publisher);
    AWAIT(strstr(file_read(publisher.log, NULL), "the line is down") != NULL);
    ck_assert(publisher_head(&publisher, &after));
    ck_assert_int_eq(before.time, after.time);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    fleet_fault(&fleet, 0, NULL);
    DONE(fleet.site[1], "entity", "edit", "acme", "--status", "inactive");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    joins(fleet_last(&fleet));
}
END_TEST

/* --- a real edge --- */

static const char *text_of(const char *out)
{
    static char text[256];
    const char *at = strstr(out, "esptk_");
    ck_assert_ptr_nonnull(at);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "\n"), at);
    return text;
}

/* A real edge joins from the snapshot of the feed, after a site was added and removed. It follows,
   begins again with a newer snapshot, and does not take an older feed. */
START_TEST(a_real_edge)
{
    struct member edge;
    size_t len;
    const char *text = text_of(DONE(fleet.site[0], "create", "acme", "web"));
    DONE(fleet.site[0], "fleet", "site", "remove", "hq-2");
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(&fleet));
    feed_member(&edge, &fleet, &web);
    DONE(edge, "fleet", "join", "--edge");
    DONE(edge, "fleet", "check");
    DONE(edge, "check");
    fleet_done(CTL(edge.config, text, "verify"));
    ck_assert_uint_eq(fleet_entry(&fleet, 0),
                      strtoull(strstr(DONE(edge, "fleet", "status"), "entry    ") + 9, NULL, 10));
    const char *old = file_read(in_folder(publisher.feed, "head"), &len);
    DONE(fleet.site[0], "edit", "acme/web", "--status", "inactive");
    publisher_await(&publisher, fleet_last(&fleet));
    DONE(edge, "fleet", "status"); /* catches up */
    ck_assert_int_eq(CTL(edge.config, text, "verify").status, 1);
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    const char *new = file_read(in_folder(publisher.feed, "head"), NULL);
    ck_assert_ptr_nonnull(new);
    file_write(in_folder(publisher.feed, "head"), old, len, 0644);
    struct run run = AT(edge, "fleet", "status");
    ck_assert_msg(strstr(run.err, "the journal was set back") != NULL, "%s", run.err);
    ck_assert_int_eq(CTL(edge.config, text, "verify").status, 1);
    fleet_says(AT(edge, "fleet", "join", "--edge"), 5, "this edge has seen entry");
    ck_assert_int_eq(CTL(edge.config, text, "verify").status, 1);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("publish");
    TCase *tests = tcase_create("publish");
    tcase_set_timeout(tests, 300);
    fleet_fixture(tests, 2);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_edge_keeps_up);
    tcase_add_test(tests, holds_the_edge_part_alone);
    tcase_add_test(tests, heads_go_on);
    tcase_add_test(tests, killed_at_any_moment);
    tcase_add_test(tests, trims_behind_a_snapshot);
    tcase_add_test(tests, sweeps);
    tcase_add_test(tests, refuses);
    tcase_add_test(tests, another_history);
    tcase_add_test(tests, journal_away);
    tcase_add_test(tests, a_real_edge);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
