/* SPDX-License-Identifier: ISC */
/* An edit of tiers.ini that violates specification §5.3 is reported, and blocks nothing else. */
#include "cli/drive.h"

static const char *config, *folder;

#define STATUS(status_, ...)                                                                \
    do {                                                                                    \
        struct run run_ = CTL(config, NULL, __VA_ARGS__);                                   \
        ck_assert_msg(run_.status == (status_), "line %d: %d: %s%s", __LINE__, run_.status, \
                      run_.out, run_.err);                                                  \
    } while (0)

static void table(const char *text)
{
    file_text(in_folder(folder, "tiers.ini"), text);
}

#define LITE(rank) "[lite]\nrank = " rank "\nmax_tokens = 1\ndefault = yes\nmetrics = kpi.*\n"
#define ADVANCED(rank) "[advanced]\nrank = " rank "\nmax_tokens = 5\nmetrics = asn.*\n"

static const char *tier_of(const char *entity)
{
    static char tier[64];
    json_t *json = done(CTL(config, NULL, "--json", "entity", "show", entity));
    snprintf(tier, sizeof tier, "%s", text_of(json, "tier"));
    json_decref(json);
    return tier;
}

/* Asserts that check finds exactly this, about this entity. */
static void found(const char *kind, const char *subject)
{
    struct run run = CTL(config, NULL, "--json", "check");
    ck_assert_int_eq(run.status, 1);
    json_t *json = document(run.out), *findings = json_object_get(json, "findings");
    ck_assert_uint_eq(json_array_size(findings), 1);
    ck_assert_str_eq(text_of(json_array_get(findings, 0), "kind"), kind);
    ck_assert_str_eq(text_of(json_array_get(findings, 0), "subject"), subject);
    json_decref(json);
}

/* After the edit, acme's tier ranks below that of its customer bolt. */
START_TEST(ranks_swapped)
{
    config = populated(&folder);
    table(LITE("20") ADVANCED("10"));
    found("above-reseller", "bolt");
    /* changes that do not affect the order of the two */
    STATUS(0, "entity", "edit", "acme", "--name", "apex");
    STATUS(0, "entity", "edit", "bolt", "--name", "nut");
    STATUS(0, "entity", "edit", "nut", "--status", "inactive");
    STATUS(0, "create", "apex", "second");
    STATUS(0, "edit", "nut/default", "--status", "inactive");
    STATUS(0, "entity", "add", "sole", "--kind", "customer");
    STATUS(0, "entity", "add", "nib", "--kind", "customer", "--reseller", "apex", "--tier",
           "advanced");
    found("above-reseller", "nut");
    /* changes that would break the order again, or leave it broken */
    STATUS(4, "entity", "add", "awl", "--kind", "customer", "--reseller", "apex");
    STATUS(4, "entity", "edit", "nut", "--tier", "lite");
    STATUS(4, "entity", "edit", "nut", "--reseller", "apex");
    STATUS(4, "entity", "edit", "sole", "--reseller", "apex");
    struct run run = CTL(config, NULL, "entity", "edit", "apex", "--tier", "advanced");
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_nonnull(strstr(run.err, "nut"));
    ck_assert_ptr_null(strstr(run.err, "nib"));
    ck_assert_str_eq(tier_of("nut"), "lite");
    /* the change that repairs it */
    STATUS(0, "entity", "edit", "apex", "--tier", "advanced", "--cascade");
    ck_assert_str_eq(tier_of("nut"), "advanced");
    STATUS(0, "check");
}
END_TEST

START_TEST(customer_moved_out)
{
    config = populated(&folder);
    table(LITE("20") ADVANCED("10"));
    STATUS(0, "entity", "edit", "bolt", "--reseller", "none");
    STATUS(0, "check");
    STATUS(4, "entity", "edit", "bolt", "--reseller", "acme");
    STATUS(0, "entity", "edit", "bolt", "--reseller", "acme", "--tier", "advanced");
    STATUS(0, "check");
}
END_TEST

START_TEST(tier_removed)
{
    config = populated(&folder);
    const char *text = revealed(config, "acme/default");
    char token[64];
    snprintf(token, sizeof token, "%s", text);
    table(LITE("10"));
    found("unknown-tier", "acme");
    STATUS(0, "entity", "edit", "acme", "--name", "apex");
    STATUS(0, "entity", "edit", "apex", "--status", "inactive");
    STATUS(0, "entity", "edit", "apex", "--status", "active");
    STATUS(0, "entity", "edit", "bolt", "--name", "nut");
    STATUS(0, "entity", "add", "sole", "--kind", "customer");
    STATUS(0, "edit", "apex/default", "--name", "first");
    STATUS(4, "create", "apex", "second");
    struct run run = CTL(config, token, "--json", "verify");
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "\"reason\": \"tier\""));
    /* no tier can be ranked below an unknown tier */
    STATUS(4, "entity", "add", "awl", "--kind", "customer", "--reseller", "apex");
    STATUS(4, "entity", "edit", "sole", "--reseller", "apex");
    STATUS(4, "entity", "edit", "nut", "--tier", "lite");
    STATUS(3, "entity", "edit", "apex", "--tier", "advanced");
    ck_assert_str_eq(tier_of("apex"), "advanced");
    STATUS(0, "entity", "edit", "apex", "--tier", "lite");
    STATUS(0, "entity", "edit", "sole", "--reseller", "apex");
    STATUS(0, "check");
}
END_TEST

/* Options given together are one change: all of it, or nothing. */
START_TEST(all_at_once)
{
    config = populated(&folder);
    STATUS(0, "entity", "edit", "bolt", "--tier", "advanced");
    const char *before = snapshot(config);
    STATUS(4, "entity", "edit", "acme", "--name", "zed", "--tier", "lite", "--cascade", "--status",
           "inactive");
    STATUS(4, "entity", "edit", "acme", "--name", "apex", "--tier", "lite", "--status", "inactive");
    STATUS(3, "entity", "edit", "acme", "--name", "apex", "--tier", "none", "--cascade", "--status",
           "inactive");
    ck_assert_str_eq(snapshot(config), before);
    json_t *json = done(CTL(config, NULL, "--json", "entity", "edit", "acme", "--name", "apex",
                            "--tier", "lite", "--cascade", "--status", "inactive"));
    ck_assert_str_eq(text_of(json, "name"), "apex");
    ck_assert_str_eq(text_of(json, "tier"), "lite");
    ck_assert_str_eq(text_of(json, "status"), "inactive");
    json_t *lowered = json_object_get(json, "lowered");
    ck_assert_uint_eq(json_array_size(lowered), 1);
    ck_assert_str_eq(text_of(json_array_get(lowered, 0), "name"), "bolt");
    json_decref(json);
    json = done(CTL(config, NULL, "--json", "entity", "show", "bolt"));
    ck_assert_str_eq(text_of(json, "reseller"), "apex");
    ck_assert_str_eq(text_of(json, "tier"), "lite");
    ck_assert_str_eq(text_of(json, "status"), "active");
    json_decref(json);
    STATUS(3, "entity", "show", "acme");
    STATUS(0, "check");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tiers_edited");
    TCase *tests = tcase_create("tiers_edited");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, ranks_swapped);
    tcase_add_test(tests, customer_moved_out);
    tcase_add_test(tests, tier_removed);
    tcase_add_test(tests, all_at_once);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
