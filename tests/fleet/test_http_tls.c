/* SPDX-License-Identifier: ISC */
/* A feed over TLS: an edge reads it if a CA that the edge trusts has certified the server for the
   host of the URL. Otherwise the edge takes nothing, and says why. */
#include "fleet/feed_member.h"
#include "fleet/http_feed.h"

#include "fleet/certificates.h"

static struct http_feed feed;
static struct member edge;
static const char *folder; /* of the certificates */
static int port;

static void setup(void)
{
    folder = temp_folder();
    certificates_make(folder);
    port = web_free_port();
    feed_member(&edge, &feed.fleet, &feed.web);
}

/* Serves the feed at the TLS port, too, with that certificate. */
static void show_with(const char *certificate)
{
    char rules[8400];
    snprintf(rules, sizeof rules,
             "listen 127.0.0.1:%d ssl; ssl_certificate %s/%s.crt; ssl_certificate_key %s/%s.key;",
             port, folder, certificate, folder, certificate);
    web_restart(&feed.web, feed.root, rules);
}

/* Sets the URL and the CA of the edge. `ca`: a file in the folder of certificates; NULL: the CAs of
   the system. */
static void read_from(const char *scheme, const char *ca)
{
    char settings[8400];
    const int len = snprintf(settings, sizeof settings, "url = %s://127.0.0.1:%d\n%s%s%s%s", scheme,
                             port, ca != NULL ? "ca = " : "", ca != NULL ? folder : "",
                             ca != NULL ? "/" : "", ca != NULL ? ca : "");
    file_write(in_folder(edge.folder, "journal.conf"), settings, (size_t)len, 0600);
}

static void refused(const char *words)
{
    const char *before = DONE(edge, "entity", "list", "--stale");
    fleet_says(AT(edge, "fleet", "join", "--edge"), 5, words);
    ck_assert_str_eq(DONE(edge, "entity", "list", "--stale"), before);
}

START_TEST(the_right_server)
{
    show_with("server");
    read_from("https", "ca.crt");
    DONE(edge, "fleet", "join", "--edge");
    DONE(edge, "fleet", "check");
    ck_assert_ptr_nonnull(strstr(DONE(edge, "entity", "list"), "acme"));
    /* later changes arrive, too; with another CA the edge reports it and keeps its state */
    DONE(feed.fleet.site[0], "entity", "add", "bolt", "--kind", "customer");
    publisher_await(&feed.publisher, fleet_last(&feed.fleet));
    http_feed_show(&feed);
    UNTIL(strstr(DONE(edge, "entity", "list"), "bolt") != NULL); /* a slow machine needs retries */
    read_from("https", "other.crt");
    struct run run = AT(edge, "entity", "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "bolt"));
    ck_assert_ptr_nonnull(strstr(run.err, "may be behind the fleet"));
}
END_TEST

START_TEST(the_wrong_server)
{
    show_with("server");
    read_from("https", "other.crt");
    refused("certificate");
    read_from("https", NULL);
    refused("certificate");
    read_from("https", "absent.crt");
    refused("absent.crt");
    read_from("http", NULL); /* plain HTTP at the TLS port */
    refused("/head");
    show_with("elsewhere"); /* the right CA, another host */
    read_from("https", "ca.crt");
    refused("does not match");
    show_with("server");
    DONE(edge, "fleet", "join", "--edge");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http tls");
    TCase *tcase = tcase_create("tls");
    tcase_set_timeout(tcase, 120);
    http_feed_fixture(tcase, &feed);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, the_right_server);
    tcase_add_test(tcase, the_wrong_server);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
