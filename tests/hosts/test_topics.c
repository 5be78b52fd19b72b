/* SPDX-License-Identifier: ISC */
/* The Mosquitto plugin's topics and clients, which need no broker. */
#include "../../plugins/mosquitto/clients.h"
#include "../../plugins/mosquitto/topics.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The result of topic_parse() as one text: place, metric, entity. */
static const char *said(const char *prefix, const char *text, bool filter)
{
    static const char *const places[] = {"outside", "nowhere", "one", "many"};
    static char out[400];
    struct topic topic;
    topic_parse(prefix, text, filter, &topic);
    snprintf(out, sizeof out, "%s%s%s%s%.*s", places[topic.place],
             topic.place == PLACE_ONE ? " " : "", topic.place == PLACE_ONE ? topic.metric : "",
             topic.entity != NULL ? " of " : "", (int)topic.entity_len,
             topic.entity != NULL ? topic.entity : "");
    if (topic.place == PLACE_ONE)
        ck_assert_uint_eq(topic.metric_len, strlen(topic.metric));
    return out;
}

static const struct {
    const char *prefix, *text, *said;
} topics_said[] = {
    {"metrics", "metrics/asn/traffic", "one asn.traffic"},
    {"metrics", "metrics/kpi", "one kpi"},
    {"metrics", "metrics/a/b/c/d", "one a.b.c.d"},
    {"metrics", "metrics", "nowhere"},
    {"metrics", "metrics/", "nowhere"},
    {"metrics", "metrics//asn", "nowhere"},
    {"metrics", "metrics/asn/", "nowhere"},
    {"metrics", "metrics/asn.traffic", "nowhere"},
    {"metrics", "metrics/asn/.", "nowhere"},
    {"metrics", "metricsx/asn", "outside"},
    {"metrics", "metric/asn", "outside"},
    {"metrics", "/metrics/asn", "outside"},
    {"metrics", "", "outside"},
    {"metrics", "$SYS/broker/uptime", "outside"},
    {"metrics", "metrics/+",
     "one +"}, /* a topic has no wildcards; the validator refuses this name */
    {"a/b", "a/b/c", "one c"},
    {"a/b", "a", "outside"},
    {"metrics/%e", "metrics", "outside"},
    {"a/b", "a/c/d", "outside"},
    {"metrics/%e", "metrics/acme/asn/traffic", "one asn.traffic of acme"},
    {"metrics/%e", "metrics/acme", "nowhere of acme"},
    {"metrics/%e", "metrics//asn", "one asn of "},
    {"%e/live", "acme/live/kpi/x", "one kpi.x of acme"},
    {"%e/live", "acme/dead/kpi/x", "outside"},
};

START_TEST(topics)
{
    ck_assert_str_eq(said(topics_said[_i].prefix, topics_said[_i].text, false),
                     topics_said[_i].said);
}
END_TEST

static const struct {
    const char *prefix, *text, *said;
} filters_said[] = {
    {"metrics", "metrics/asn/traffic", "one asn.traffic"},
    {"metrics", "metrics/#", "many"},
    {"metrics", "metrics/asn/+", "many"},
    {"metrics", "metrics/+/traffic", "many"},
    {"metrics", "metrics/asn/#", "many"},
    {"metrics", "metrics/as.n/#", "nowhere"},
    {"metrics", "#", "outside"},
    {"metrics", "+/asn/traffic", "outside"},
    {"metrics", "+", "outside"},
    {"metrics", "metrics", "nowhere"},
    {"metrics", "other/#", "outside"},
    {"a/b", "a/#", "outside"},
    {"a/b", "a/+/c", "outside"},
    {"metrics/%e", "metrics/#", "many"},
    {"metrics/%e", "metrics/+/#", "many"},
    {"metrics/%e", "metrics/+/asn/traffic", "one asn.traffic"},
    {"metrics/%e", "metrics/acme/#", "many of acme"},
    {"metrics/%e", "metrics/acme/asn/traffic", "one asn.traffic of acme"},
    {"%e/live", "#", "outside"},
    {"%e/live", "+/live/#", "many"},
    {"%e", "#", "many"},
};

START_TEST(filters)
{
    ck_assert_str_eq(said(filters_said[_i].prefix, filters_said[_i].text, true),
                     filters_said[_i].said);
}
END_TEST

START_TEST(longest_name)
{
    char text[200] = "metrics/", *name = text + strlen(text);
    memset(name, 'a', METRIC_NAME_MAX);
    ck_assert_int_eq(strncmp(said("metrics", text, false), "one ", 4), 0);
    memset(name, 'a', METRIC_NAME_MAX + 1);
    ck_assert_str_eq(said("metrics", text, false), "nowhere");
    name[METRIC_NAME_MAX - 1] = '/'; /* 127 and a dot and 1: one too many */
    ck_assert_str_eq(said("metrics", text, false), "nowhere");
}
END_TEST

START_TEST(prefixes)
{
    static const char *const good[] = {"metrics", "a/b", "metrics/%e", "%e", "%e/live"};
    static const char *const bad[] = {"",     "/",     "a/",   "/a",    "a//b", "a/#",       "+",
                                      "$SYS", "%e/%e", "a/%f", "a/x%e", "a+",   "$share/g/a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(prefix_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!prefix_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(shares)
{
    const char *group;
    size_t len;
    ck_assert_str_eq(share_strip("$share/acme:1/metrics/#", &group, &len), "metrics/#");
    ck_assert_uint_eq(len, 6);
    ck_assert(share_owned(group, len, "acme"));
    ck_assert(!share_owned(group, len, "acm"));
    ck_assert(share_owned("acme", 4, "acme"));
    ck_assert(!share_owned("acme-2", 6, "acme"));
    ck_assert(!share_owned("ac", 2, "acme"));
    ck_assert(!share_owned("x", 1, ""));
    ck_assert_str_eq(share_strip("metrics/#", &group, &len), "metrics/#");
    ck_assert_uint_eq(len, 0);
    ck_assert_str_eq(share_strip("$share/acme", &group, &len), "$share/acme");
    ck_assert_str_eq(share_strip("$sharex/a/b", &group, &len), "$sharex/a/b");
}
END_TEST

static bool is_odd(void *arg, struct client *client)
{
    size_t *seen = arg;
    (*seen)++;
    return client->result.revision % 2 == 1;
}

START_TEST(clients)
{
    static struct clients all;
    static char connections[5000];
    for (size_t i = 0; i < sizeof connections; i++) {
        char id[32];
        snprintf(id, sizeof id, "client%zu", i);
        struct client *client = client_add(&all, &connections[i], id);
        ck_assert_ptr_nonnull(client);
        ck_assert(client->connected);
        client->result.revision = i;
    }
    ck_assert_ptr_null(client_find(&all, &connections[7], "client8"));
    ck_assert_ptr_null(client_find(&all, &connections[7], NULL));
    ck_assert_uint_eq(client_find(&all, &connections[7], "client7")->result.revision, 7);
    size_t seen = 0;
    clients_filter(&all, is_odd, &seen);
    ck_assert_uint_eq(seen, sizeof connections);
    seen = 0;
    clients_filter(&all, is_odd, &seen);
    ck_assert_uint_eq(seen, sizeof connections / 2);
    ck_assert_ptr_null(client_find(&all, &connections[8], "client8"));
    struct client *again = client_add(&all, &connections[9], "another");
    ck_assert_ptr_null(client_find(&all, &connections[9], "client9"));
    ck_assert_ptr_eq(client_find(&all, &connections[9], "another"), again);
    ck_assert_uint_eq(again->result.revision, 0);
    client_remove(&all, &connections[9]);
    client_remove(&all, &connections[9]);
    ck_assert_ptr_null(client_find(&all, &connections[9], "another"));
    clients_remove_all(&all);
    for (size_t i = 0; i < BUCKETS; i++)
        ck_assert_ptr_null(all.bucket[i]);
}
END_TEST

START_TEST(text_is_wiped)
{
    static struct clients all;
    static const char zero[TOKEN_MAX];
    static const int connection;
    struct client *client = client_add(&all, &connection, "x");
    memset(client->token, 'x', TOKEN_MAX);
    client_set_absent(client, 5);
    ck_assert_mem_eq(client->token, zero, TOKEN_MAX);
    ck_assert(!client->connected);
    ck_assert_int_eq(client->left, 5);
    clients_remove_all(&all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topics");
    TCase *tcase = tcase_create("parts");
    tcase_add_loop_test(tcase, topics, 0, sizeof topics_said / sizeof *topics_said);
    tcase_add_loop_test(tcase, filters, 0, sizeof filters_said / sizeof *filters_said);
    tcase_add_test(tcase, longest_name);
    tcase_add_test(tcase, prefixes);
    tcase_add_test(tcase, shares);
    tcase_add_test(tcase, clients);
    tcase_add_test(tcase, text_is_wiped);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
