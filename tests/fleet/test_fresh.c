/* SPDX-License-Identifier: ISC */
/* The age of an edge's state: signed heads, and max_age in validators. */
#include "fleet/head.h"
#include "fleet/members.h"

#include "espt/validator.h"

#include <dlfcn.h>
#include <jansson.h>
#include <sodium.h>
#include <time.h>

#define EDGE 1
#define MINUTE 60

static struct fleet_of fleet;
static const char *text; /* of a token */
static const char *kept; /* a folder: what the fleet is before each test */

/* A site and an edge. */
static void make(void)
{
    fleet_folders(&fleet, 2);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in_edge(&fleet, EDGE);
    kept = temp_folder();
    fleet_copy(&fleet, 2, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, 2, kept, true);
}

/* The age of the edge's state: the time that was signed for it, as text. */
static const char *fresh(void)
{
    json_error_t error;
    json_t *json =
        json_loads(DONE(fleet.site[EDGE], "--json", "fleet", "status", "--stale"), 0, &error);
    ck_assert_ptr_nonnull(json);
    const char *time = json_string_value(json_object_get(json_object_get(json, "entry"), "time"));
    char *age = keep_string(strdup(time));
    json_decref(json);
    return age;
}

static const char *time_text(int64_t when)
{
    char out[64];
    const time_t seconds = when;
    struct tm tm;
    strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    return keep_string(strdup(out));
}

/* An unsigned head with the site's current entry and the time `when`. */
static struct head head_of(int64_t when)
{
    struct head head = {.time = when};
    json_error_t error;
    json_t *json = json_loads(DONE(fleet.site[0], "--json", "fleet", "status"), 0, &error);
    ck_assert_ptr_nonnull(json);
    json_t *entry = json_object_get(json, "entry");
    const char *id = json_string_value(json_object_get(json, "fleet"));
    const char *hash = json_string_value(json_object_get(entry, "hash"));
    sodium_hex2bin(head.fleet, sizeof head.fleet, id, strlen(id), NULL, NULL, NULL);
    sodium_hex2bin(head.hash, sizeof head.hash, hash, strlen(hash), NULL, NULL, NULL);
    head.number = (uint64_t)json_integer_value(json_object_get(entry, "number"));
    snprintf(head.site, sizeof head.site, "%s", fleet.site[0].name);
    json_decref(json);
    return head;
}

/* Signs it with the key of a member. */
static void put_head(const struct head *head, int member)
{
    uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES],
        secret[crypto_sign_SECRETKEYBYTES], bytes[HEAD_MAX];
    const char *key =
        strrchr(file_read(in_folder(fleet.site[member].folder, "site.key"), NULL), ' ');
    ck_assert_ptr_nonnull(key);
    sodium_hex2bin(seed, sizeof seed, key + 1, 2 * sizeof seed, NULL, NULL, NULL);
    crypto_sign_seed_keypair(public, secret, seed);
    const size_t len = head_encode(head, secret, bytes);
    file_write(in_folder(fleet.journal, "head"), bytes, len, 0644);
}

START_TEST(a_head_makes_fresh)
{
    const int64_t now = time(NULL);
    struct head head = head_of(now + 30);
    put_head(&head, 0);
    DONE(fleet.site[EDGE], "fleet", "status");
    ck_assert_str_eq(fresh(), time_text(now + 30));
    /* a head with an earlier time changes nothing, and is no error */
    head.time = now + 10;
    put_head(&head, 0);
    struct run run = AT(fleet.site[EDGE], "fleet", "status");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s", run.err);
    ck_assert_str_eq(fresh(), time_text(now + 30));
    /* a site keeps it as well, and writes on */
    head.time = now + 45;
    put_head(&head, 0);
    DONE(fleet.site[0], "fleet", "status");
    DONE(fleet.site[0], "create", "acme", "more");
    run = AT(fleet.site[EDGE], "fleet", "check");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s", run.err);
}
END_TEST

/* Heads that a member refuses: each gives a message, and changes nothing. */
START_TEST(heads_that_are_refused)
{
    const int64_t now = time(NULL);
    const struct member *edge = &fleet.site[EDGE];
    struct head head = head_of(now + 30);
    DONE(*edge, "fleet", "status");
    const char *before = fresh();
    put_head(&head, EDGE); /* an edge's key signs nothing */
    struct run run = AT(*edge, "entity", "list");
    ck_assert_ptr_nonnull(strstr(run.err, "signed by no site"));
    snprintf(head.site, sizeof head.site, "nobody");
    put_head(&head, 0);
    run = AT(*edge, "entity", "list");
    ck_assert_ptr_nonnull(strstr(run.err, "signed by no site"));
    head = head_of(now + 2 * MINUTE);
    put_head(&head, 0);
    run = AT(*edge, "entity", "list");
    ck_assert_ptr_nonnull(strstr(run.err, "ahead of the clock here"));
    head = head_of(now + 30);
    head.fleet[0] ^= 1;
    put_head(&head, 0);
    run = AT(*edge, "entity", "list");
    ck_assert_ptr_nonnull(strstr(run.err, "belongs to another fleet"));
    head = head_of(now + 30);
    head.hash[0] ^= 1;
    put_head(&head, 0);
    run = AT(*edge, "entity", "list");
    ck_assert_ptr_nonnull(strstr(run.err, "names another entry"));
    size_t len;
    head = head_of(now + 30);
    put_head(&head, 0);
    char *path = keep_string(strdup(in_folder(fleet.journal, "head")));
    char *bytes = file_read(path, &len);
    for (size_t at = 0; at < len; at += 3) {
        bytes[at] ^= 1;
        file_write(path, bytes, len, 0644);
        bytes[at] ^= 1;
        run = AT(*edge, "entity", "list");
        ck_assert_msg(strstr(run.err, "the head of the fleet's journal") != NULL, "byte %zu: %s",
                      at, run.err);
    }
    file_write(path, bytes, len - 1, 0644);
    ck_assert_ptr_nonnull(strstr(AT(*edge, "entity", "list").err, "is damaged"));
    ck_assert_str_eq(fresh(), before);
    /* none of them stops a site */
    DONE(fleet.site[0], "create", "acme", "all-the-same");
    file_write(path, bytes, len, 0644);
    DONE(*edge, "fleet", "check");
}
END_TEST

/* Heads are ordered by entry number, never by time. */
START_TEST(heads_have_an_order)
{
    const int64_t now = time(NULL);
    struct head old = head_of(now + 40);
    DONE(fleet.site[0], "create", "acme", "more");
    struct head head = head_of(now + 10);
    put_head(&head, 0);
    DONE(fleet.site[EDGE], "fleet", "status");
    ck_assert_str_eq(fresh(), time_text(now + 10));
    put_head(&old, 0); /* a lower number, at a later time */
    struct run run = AT(fleet.site[EDGE], "fleet", "status");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s", run.err);
    ck_assert_str_eq(fresh(), time_text(now + 10));
    /* a head of a later entry is about a newer state, so it proves nothing about this one */
    struct head later = head;
    later.number += 5;
    later.time = now + 50;
    put_head(&later, 0);
    DONE(fleet.site[EDGE], "fleet", "status");
    ck_assert_str_eq(fresh(), time_text(now + 10));
    /* after it, a head of the current entry counts as an older one */
    head.time = now + 50;
    put_head(&head, 0);
    DONE(fleet.site[EDGE], "fleet", "status");
    ck_assert_str_eq(fresh(), time_text(now + 10));
}
END_TEST

static void set_max_age(const char *value)
{
    const struct member *edge = &fleet.site[EDGE];
    char config[8192], *with = file_read(edge->config, NULL), *line = strstr(with, "max_age");
    if (line != NULL)
        *line = '\0';
    snprintf(config, sizeof config, "%smax_age = %s\n", with, value);
    file_text(edge->config, config);
}

START_TEST(max_age)
{
    const int64_t now = time(NULL);
    const struct member *edge = &fleet.site[EDGE];
    DONE(*edge, "fleet", "status");
    edge_set_fresh(edge, now - 10 * MINUTE);
    ck_assert_int_eq(CTL(edge->config, text, "verify").status, 0);
    set_max_age("5m");
    fleet_says(CTL(edge->config, text, "verify"), 5, "the store is older than max_age");
    fleet_says(CTL(edge->config, "esptk_none", "verify"), 1, ""); /* needs no store */
    /* --at does not change the age */
    fleet_says(CTL(edge->config, text, "verify", "--at", "2020-01-01"), 5, "older than max_age");
    set_max_age("never");
    ck_assert_int_eq(CTL(edge->config, text, "verify").status, 0);
    set_max_age("15m");
    ck_assert_int_eq(CTL(edge->config, text, "verify").status, 0);
    set_max_age("5m");
    const struct head head = head_of(now);
    put_head(&head, 0);
    DONE(*edge, "fleet", "status");
    ck_assert_int_eq(CTL(edge->config, text, "verify").status, 0);
    set_max_age("5");
    fleet_says(CTL(edge->config, text, "verify"), 5, "max_age is neither never nor a span");
}
END_TEST

static const espt_validator *plugin_load(void)
{
    void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
    const espt_validator *(*get)(uint32_t) = NULL;
    ck_assert_ptr_nonnull(library);
    *(void **)(void *)&get = dlsym(library, "espt_validator_get");
    return get(ESPT_ABI);
}

/* A host with an open store notices that its state becomes too old, and that a new head arrives. */
START_TEST(max_age_in_a_host)
{
    const int64_t now = time(NULL);
    const struct member *edge = &fleet.site[EDGE];
    char line[128];
    DONE(*edge, "fleet", "status");
    set_max_age("1m");
    edge_set_fresh(edge, now - MINUTE + 2);
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    const espt_validator *validator = plugin_load();
    espt_ctx *ctx;
    char err[256];
    ck_assert_msg(validator->open(&ctx, edge->config, NULL, NULL, err, sizeof err), "%s", err);
    const espt_query query = {.size = sizeof query, .token = line, .token_len = strlen(line)};
    espt_result result = {.size = sizeof result};
    while (validator->validate(ctx, &query, &result))
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    ck_assert_int_eq(result.status, ESPT_ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(result.detail, "max_age"));
    ck_assert_int_ge(time(NULL), now + 2);
    const struct head head = head_of(time(NULL));
    put_head(&head, 0);
    DONE(*edge, "fleet", "status");
    ck_assert(validator->validate(ctx, &query, &result));
    validator->close(ctx);
}
END_TEST

/* A store that never joined has no age, so it is too old. */
START_TEST(max_age_without_a_fleet)
{
    struct fleet_of other = {.pg = NULL};
    fleet_folders(&other, 1);
    const struct member *alone = &other.site[0];
    DONE(*alone, "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    const char *mine = DONE(*alone, "create", "acme", "web", "-q");
    ck_assert_int_eq(CTL(alone->config, mine, "verify").status, 0);
    char config[8192];
    snprintf(config, sizeof config, "%smax_age = 1d\n", file_read(alone->config, NULL));
    file_text(alone->config, config);
    fleet_says(CTL(alone->config, mine, "verify"), 5, "older than max_age");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("fresh");
    TCase *tcase = tcase_create("fresh");
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, a_head_makes_fresh);
    tcase_add_test(tcase, heads_that_are_refused);
    tcase_add_test(tcase, heads_have_an_order);
    tcase_add_test(tcase, max_age);
    tcase_add_test(tcase, max_age_in_a_host);
    tcase_add_test(tcase, max_age_without_a_fleet);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
