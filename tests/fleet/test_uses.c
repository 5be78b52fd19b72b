/* SPDX-License-Identifier: ISC */
/* Use counts of a fleet: hosts count, edges report, and sites show sums, or say that the uses are
   not known. */
#include "abi/host.h"
#include "fleet/members.h"
#include "fleet/report.h"

#define EDGE 2

static struct fleet_of fleet;
static struct text token;
static const char *kept; /* a folder: what the fleet is before each test */

/* Two sites and an edge. */
static void make(void)
{
    fleet_folders(&fleet, SITES);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in(&fleet, 1);
    token = text_in(DONE(fleet.site[1], "create", "acme", "web", "-q"));
    fleet_let_in_edge(&fleet, EDGE);
    kept = temp_folder();
    fleet_copy(&fleet, SITES, kept, false);
}

static void begin(void)
{
    fleet_copy(&fleet, SITES, kept, true);
    host_load();
}

static const char *add_edge(void)
{
    const char *key = keep_string(strdup(fleet_key_of(&fleet, EDGE)));
    DONE(fleet.site[0], "fleet", "edge", "add", "hq-3", key);
    return key;
}

/* A host of that machine allows the token `times` times. */
static void use(int member, int times)
{
    DONE(fleet.site[member], "fleet", "status"); /* catches up */
    config = fleet.site[member].config;
    host_open();
    for (int i = 0; i < times; i++) {
        espt_query query = {.size = sizeof query, .token = token.bytes, .token_len = TEXT_LEN};
        espt_result result = {.size = sizeof result};
        ck_assert_int_eq(plugin->validate(ctx, &query, &result), 1);
    }
    plugin->close(ctx);
}

/* What column USES shows for acme/web at a site. */
static const char *uses_at(int site)
{
    static char word[32];
    const char *list =
        DONE(fleet.site[site], "list", "acme", "--columns", "name,uses", "--no-headers");
    const char *line = strstr(list, "web ");
    ck_assert_msg(line != NULL, "%s", list);
    sscanf(line, "web %31s", word);
    return word;
}

static void unknown_at(int site, const char *why)
{
    struct run run = AT(fleet.site[site], "list", "acme", "--columns", "name,uses,last_used");
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.err, "uses are not known: ") != NULL && strstr(run.err, why) != NULL,
                  "%s", run.err);
    ck_assert_msg(strstr(run.out, "?") != NULL, "%s", run.out);
    run = AT(fleet.site[site], "list", "--unused", "1d");
    fleet_says(run, 5, "it is not known which tokens are unused");
    fleet_says(run, 5, why);
    ck_assert_str_eq(run.out, "");
    run = AT(fleet.site[site], "--json", "show", "acme/web");
    ck_assert_msg(strstr(run.out, "\"uses\": null") != NULL ||
                      strstr(run.out, "\"uses\":null") != NULL,
                  "%s", run.out);
    run = AT(fleet.site[site], "stats");
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.err, "of this machine alone") != NULL, "%s", run.err);
}

START_TEST(reports_add_up)
{
    ck_assert_str_eq(uses_at(0), "0");
    add_edge();
    fleet_same(&fleet, 0, 1);
    unknown_at(0, "edge hq-3 has not reported its uses yet");
    unknown_at(1, "edge hq-3 has not reported its uses yet");
    use(EDGE, 3);
    DONE(fleet.site[EDGE], "usage", "fold");
    ck_assert_str_eq(uses_at(0), "3");
    ck_assert_str_eq(uses_at(1), "3");
    DONE(fleet.site[EDGE], "usage", "fold");
    ck_assert_str_eq(uses_at(0), "3");
    use(0, 2); /* a host of the site */
    ck_assert_str_eq(uses_at(0), "5");
    use(EDGE, 4);
    DONE(fleet.site[EDGE], "usage", "fold");
    ck_assert_str_eq(uses_at(0), "9");
    struct run run = AT(fleet.site[0], "list", "--unused", "1d");
    fleet_done(run);
    ck_assert_ptr_null(strstr(run.out, " web "));
    DONE(fleet.site[0], "stats");
    /* fleet status shows the entry at which the edge was */
    char words[64];
    snprintf(words, sizeof words, "hq-3 reported entry %llu at ",
             (unsigned long long)fleet_entry(&fleet, 0));
    run = AT(fleet.site[1], "fleet", "status");
    ck_assert_msg(strstr(run.out, words) != NULL, "%s", run.out);
    run = AT(fleet.site[1], "fleet", "status", "--prometheus");
    ck_assert_msg(strstr(run.out, "esp_token_fleet_report_entry{name=\"hq-3\"} ") != NULL, "%s",
                  run.out);
    /* uses reported by a site are added, too, at both sites */
    DONE(fleet.site[0], "usage", "fold");
    ck_assert_str_eq(uses_at(0), "9");
    ck_assert_str_eq(uses_at(1), "9");
    /* an edge cannot make changes, and neither its name nor its key can be used for a site */
    fleet_says(AT(fleet.site[EDGE], "create", "acme", "x"), 4, "this is an edge");
    fleet_says(AT(fleet.site[0], "fleet", "site", "add", "hq-3", fleet_key_of(&fleet, EDGE)), 4,
               "edge hq-3 is in the fleet already");
    fleet_says(AT(fleet.site[0], "fleet", "site", "add", "x", fleet_key_of(&fleet, EDGE)), 4,
               "edge hq-3 has this key");
    fleet_says(AT(fleet.site[0], "fleet", "site", "remove", "hq-3"), 3, "no site hq-3");
    fleet_says(AT(fleet.site[0], "fleet", "edge", "remove", "hq-2"), 3, "no edge hq-2");
    ck_assert_ptr_null(strstr(DONE(fleet.site[1], "fleet", "site", "list"), "hq-3"));
    ck_assert_ptr_nonnull(strstr(DONE(fleet.site[1], "fleet", "edge", "list"), "hq-3"));
    DONE(fleet.site[1], "fleet", "edge", "remove", "hq-3");
    ck_assert_str_eq(uses_at(0), "2");
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[0], "check");
}
END_TEST

START_TEST(without_the_journal)
{
    add_edge();
    use(EDGE, 1);
    DONE(fleet.site[EDGE], "usage", "fold");
    ck_assert_str_eq(uses_at(1), "1");
    fleet_says(AT(fleet.site[1], "list", "--unused", "1d", "--stale"), 5, "--stale was given");
    fleet_fault(&fleet, 1, NULL);
    char away[4200];
    snprintf(away, sizeof away, "%s.away", fleet.journal);
    ck_assert_int_eq(rename(fleet.journal, away), 0);
    unknown_at(1, "the reports of edges cannot be read");
    struct run run = AT(fleet.site[EDGE], "usage", "fold"); /* folding goes on */
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.err, "were not reported to the fleet") != NULL, "%s", run.err);
    ck_assert_int_eq(rename(away, fleet.journal), 0);
    ck_assert_str_eq(uses_at(1), "1");
}
END_TEST

/* After a machine has got a new store, the reported totals do not fall. */
START_TEST(totals_do_not_fall)
{
    add_edge();
    use(EDGE, 7);
    DONE(fleet.site[EDGE], "usage", "fold");
    const char *store = in_folder(fleet.site[EDGE].folder, "tokens.mdb");
    ck_assert_int_eq(unlink(store), 0);
    (void)!AT(fleet.site[EDGE], "init").status;
    DONE(fleet.site[EDGE], "fleet", "join", "--edge");
    DONE(fleet.site[EDGE], "usage", "fold");
    ck_assert_str_eq(uses_at(0), "7");
    use(EDGE, 2);
    DONE(fleet.site[EDGE], "usage", "fold");
    ck_assert_str_eq(uses_at(0), "7"); /* the two new uses cannot be told from the old ones */
    /* a report has no token that was removed */
    DONE(fleet.site[0], "remove", "acme/web", "--yes");
    DONE(fleet.site[EDGE], "fleet", "status");
    DONE(fleet.site[EDGE], "usage", "fold");
    size_t len;
    const uint8_t *bytes =
        (const uint8_t *)file_read(in_folder(fleet.journal, "reports/hq-3"), &len);
    struct report report;
    char needs[ENTRY_NEEDS_MAX + 1];
    ck_assert_int_eq(report_decode(bytes, len, &report, needs), ENTRY_GOOD);
    ck_assert_uint_eq(report.count, 0);
}
END_TEST

/* --- forged and old reports --- */

static struct report genuine;
static uint8_t secret[crypto_sign_SECRETKEYBYTES];
static struct report_use item;

static void read_genuine(void)
{
    static char *bytes;
    size_t len;
    char needs[ENTRY_NEEDS_MAX + 1];
    uint8_t seed[crypto_sign_SEEDBYTES], public[SITE_KEY_LEN];
    const char *key = strrchr(file_read(in_folder(fleet.site[EDGE].folder, "site.key"), NULL), ' ');
    sodium_hex2bin(seed, sizeof seed, key + 1, 2 * sizeof seed, NULL, NULL, NULL);
    crypto_sign_seed_keypair(public, secret, seed);
    bytes = file_read(in_folder(fleet.journal, "reports/hq-3"), &len);
    ck_assert_int_eq(report_decode((const uint8_t *)bytes, len, &genuine, needs), ENTRY_GOOD);
    ck_assert_uint_eq(genuine.count, 1);
    item = report_use_at(&genuine, 0);
}

static void plant(const struct report *report, const struct report_use *use,
                  const uint8_t *signs_with)
{
    uint8_t *bytes;
    size_t len;
    struct espt_error err;
    ck_assert_int_eq(report_encode(report, use, signs_with, &bytes, &len, &err), 0);
    file_write(in_folder(fleet.journal, "reports/hq-3"), bytes, len, 0644);
    free(bytes);
}

START_TEST(what_is_no_report)
{
    uint8_t other[crypto_sign_SECRETKEYBYTES], public[SITE_KEY_LEN];
    add_edge();
    use(EDGE, 5);
    DONE(fleet.site[EDGE], "usage", "fold");
    read_genuine();
    crypto_sign_keypair(public, other);
    plant(&genuine, &item, secret); /* the control */
    ck_assert_str_eq(uses_at(0), "5");
    struct report report = genuine;
    report.time -= 25 * 60 * 60;
    plant(&report, &item, secret);
    unknown_at(0, "hq-3 has not reported its uses for a day");
    report.time = genuine.time - 23 * 60 * 60;
    plant(&report, &item, secret);
    ck_assert_str_eq(uses_at(0), "5");
    report = genuine;
    report.whole = false;
    plant(&report, &item, secret);
    unknown_at(0, "more tokens than fit");
    static const char none[] = "edge hq-3 has not reported its uses yet";
    plant(&genuine, &item, other);
    unknown_at(0, none);
    report = genuine;
    report.fleet[0] ^= 1;
    plant(&report, &item, secret);
    unknown_at(0, none);
    report = genuine;
    snprintf(report.name, sizeof report.name, "hq-9");
    plant(&report, &item, secret);
    unknown_at(0, none);
    report = genuine;
    report.time += 3600;
    plant(&report, &item, secret);
    unknown_at(0, none);
    struct report_use wrong = item;
    wrong.uses = 0;
    plant(&genuine, &wrong, secret);
    unknown_at(0, none);
    /* each byte altered, and each truncation */
    plant(&genuine, &item, secret);
    size_t len;
    const char *path = in_folder(fleet.journal, "reports/hq-3");
    uint8_t *bytes = (uint8_t *)file_read(path, &len);
    for (size_t i = 0; i < len; i++) {
        struct report got;
        char needs[ENTRY_NEEDS_MAX + 1];
        bytes[i] ^= 1;
        const enum entry_verdict verdict = report_decode(bytes, len, &got, needs);
        ck_assert(verdict != ENTRY_GOOD || !report_signed_by(bytes, len, secret + 32));
        bytes[i] ^= 1;
        ck_assert_int_ne(report_decode(bytes, i, &got, needs), ENTRY_GOOD);
    }
    /* a report whose name is of no member is ignored */
    file_write(in_folder(fleet.journal, "reports/nobody"), bytes, len, 0644);
    ck_assert_str_eq(uses_at(0), "5");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("uses of a fleet");
    TCase *tcase = tcase_create("uses");
    tcase_set_timeout(tcase, 240);
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, reports_add_up);
    tcase_add_test(tcase, without_the_journal);
    tcase_add_test(tcase, totals_do_not_fall);
    tcase_add_test(tcase, what_is_no_report);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
