/* SPDX-License-Identifier: ISC */
/* A feed, and the snapshot for sites in a trimmed journal, as earlier versions wrote them: new
   members join from there. tests/fixtures/make_feed1.sh made the fixture. */
#include "fleet/feed_member.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#define FIXTURE "tests/fixtures/feed1/"

static struct fleet_of fleet; /* the fixture's files, as those of a machine that joins */
static struct web web;

static const char *fixture(const char *name, size_t *ret_len)
{
    char path[128];
    snprintf(path, sizeof path, FIXTURE "%s", name);
    const char *bytes = file_read(path, ret_len);
    ck_assert_msg(bytes != NULL, "%s", path);
    return bytes;
}

/* Copies a folder of the fixture. */
static const char *copy_to(const char *name, const char *to)
{
    char command[9000];
    snprintf(command, sizeof command, "cp -r " FIXTURE "%s/. '%s' && chmod -R u+rwX '%s'", name, to,
             to);
    ck_assert_int_eq(system(command), 0);
    return to;
}

static void setup(void)
{
    static const char *const files[] = {"fleet.pub", "reveal.pub", "reveal.key", "site.key",
                                        "tiers.ini"};
    fleet = (struct fleet_of){0};
    fleet_folders(&fleet, 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        const char *bytes = fixture(files[i], &len);
        file_write(in_folder(fleet.site[0].folder, files[i]), bytes, len,
                   strstr(files[i], "key") != NULL ? 0600 : 0644);
    }
    fleet.journal = copy_to("journal", temp_folder());
    fleet_fault(&fleet, 0, NULL);
    web_start(&web, copy_to("feed", temp_folder()), "");
}

static void teardown(void)
{
    web_stop(&web);
}

static int verify(const struct member *member, const char *token)
{
    return CTL(member->config, fixture(token, NULL), "verify").status;
}

/* Asserts that the member has the position of the fixture's site, and its tokens and sites. */
static void stands_there(const struct member *member)
{
    const char *text = strstr(fixture("status.json", NULL), "\"hash\": ");
    char hash[80];
    ck_assert_ptr_nonnull(text);
    snprintf(hash, sizeof hash, "%.*s", (int)strcspn(text, ","), text);
    const char *out = DONE(*member, "--json", "fleet", "status");
    ck_assert_msg(strstr(out, hash) != NULL, "%s", out);
    DONE(*member, "fleet", "check");
    DONE(*member, "check");
    ck_assert_int_eq(verify(member, "web"), 0);
    ck_assert_int_eq(verify(member, "off"), 1);
    out = DONE(*member, "fleet", "site", "list");
    ck_assert(strstr(out, "hq-1 ") != NULL && strstr(out, "hq-2 ") != NULL);
    ck_assert_ptr_null(strstr(out, "hq-9"));
}

START_TEST(an_edge_joins_from_the_feed)
{
    struct member edge;
    feed_member(&edge, &fleet, &web);
    DONE(edge, "fleet", "join", "--edge");
    stands_there(&edge);
    const char *out = DONE(edge, "entity", "list");
    ck_assert(strstr(out, "acme") != NULL && strstr(out, "bolt") != NULL);
}
END_TEST

START_TEST(an_edge_joins_from_the_journal)
{
    DONE(fleet.site[0], "fleet", "join", "--edge");
    stands_there(&fleet.site[0]);
}
END_TEST

START_TEST(a_site_joins)
{
    const struct member *site = &fleet.site[0];
    DONE(*site, "fleet", "join");
    stands_there(site);
    ck_assert_str_eq(DONE(*site, "--json", "list"), fixture("tokens.json", NULL));
    ck_assert_str_eq(DONE(*site, "--json", "entity", "list"), fixture("entities.json", NULL));
    DONE(*site, "log", "verify");
    DONE(*site, "check", "--texts");
}
END_TEST

/* The head of the feed names the piece of the fixture. */
static bool names_the_piece(const struct publisher *publisher)
{
    uint8_t hash[FLEET_HASH_LEN];
    size_t len;
    const char *argv[] = {"sh", "-c", "ls " FIXTURE "feed/p | sed -n 's/^[0-9a-f]*-[0-9a-f]*-//p'",
                          NULL};
    const char *hex = run_process(argv, NULL).out;
    ck_assert_int_eq(sodium_hex2bin(hash, sizeof hash, hex, 2 * sizeof hash, NULL, NULL, NULL), 0);
    const char *head = file_read(in_folder(publisher->feed, "head"), &len);
    return memmem(head, len, hash, sizeof hash) != NULL;
}

/* The publisher of this version goes on with that feed. */
START_TEST(a_publisher_goes_on)
{
    struct publisher publisher;
    struct head head;
    struct member edge;
    char text[16384];
    snprintf(text, sizeof text, "%s", file_read(fleet.site[0].config, NULL));
    memcpy(strstr(text, "name = hq-1"), "name = hq-2", 11); /* it has the key of hq-2 */
    file_text(fleet.site[0].config, text);
    DONE(fleet.site[0], "fleet", "join");
    publisher_prepare(&publisher, &fleet);
    copy_to("feed", publisher.feed);
    ck_assert_int_eq(chmod(publisher.feed, 0755), 0);
    ck_assert(publisher_head(&publisher, &head));
    const uint64_t before = head.number;
    DONE(fleet.site[0], "edit", "acme/web", "--status", "inactive");
    web_restart(&web, publisher.feed, "");
    publisher_start(&publisher);
    publisher_await(&publisher, before + 1);
    ck_assert(names_the_piece(&publisher));
    ck_assert_int_eq(publisher_end(&publisher, SIGTERM), 0);
    feed_member(&edge, &fleet, &web);
    DONE(edge, "fleet", "join", "--edge");
    ck_assert_int_eq(verify(&edge, "web"), 1);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("earlier forms of a feed");
    TCase *tcase = tcase_create("feed forms");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_edge_joins_from_the_feed);
    tcase_add_test(tcase, an_edge_joins_from_the_journal);
    tcase_add_test(tcase, a_site_joins);
    tcase_add_test(tcase, a_publisher_goes_on);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
