/* SPDX-License-Identifier: ISC */
/* An import refuses everything that a command refuses: §5 also holds for lines of JSON. */
#include "cli/drive.h"

static const char *config;

static void setup(void)
{
    config = store_folder(NULL);
}

#define ENTITY(name, rest) "{\"entity\":{\"name\":\"" name "\"," rest "}}\n"
#define TOKEN(id, name, sum, rest)                                                 \
    "{\"token\":{\"id\":\"15am4VYBGY" id "\",\"entity\":\"acme\",\"name\":\"" name \
    "\",\"created\":\"2026-11-29T10:00:00Z\",\"expires\":null,\"sha256\":\"" sum   \
    "00000000000000000000000000000000000000000000000000000000000000\"" rest "}}\n"

#define RETIRING(id, name, sum)                                                     \
    "{\"token\":{\"id\":\"15am4VYBGY" id "\",\"entity\":\"acme\",\"name\":\"" name  \
    "\",\"created\":\"2026-11-29T10:00:00Z\",\"expires\":\"2099-01-01T00:00:00Z\"," \
    "\"retiring\":true,\"sha256\":\"" sum                                           \
    "00000000000000000000000000000000000000000000000000000000000000\"}}\n"

static const char lite[] = ENTITY("acme", "\"kind\":\"customer\",\"tier\":\"lite\"");

static struct run import(const char *first, const char *second)
{
    char *both = NULL;
    ck_assert_int_gt(asprintf(&both, "%s%s", first, second), 0);
    return CTL(config, keep_string(both), "import", "-");
}

START_TEST(the_limit_holds)
{
    struct run run = import(lite, TOKEN("A", "a", "01", "") TOKEN("B", "b", "02", ""));
    ck_assert_msg(run.status == 4, "%d %s", run.status, run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "acme has 1 of the 1 token that tier Lite allows"));
    ck_assert_ptr_nonnull(strstr(run.err, "please contact your account manager"));
    ck_assert_ptr_nonnull(strstr(run.err, "backup and restore"));
    json_t *json = done(CTL(config, NULL, "--json", "list"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "tokens")), 1);
    json_decref(json);
    /* inactive and expired tokens count towards the limit */
    run = import(TOKEN("C", "c", "03", ",\"status\":\"inactive\""), "");
    ck_assert_int_eq(run.status, 4);
    /* an existing token is not a new one */
    ck_assert_int_eq(import(lite, TOKEN("A", "a", "01", "")).status, 0);
    /* a retiring secret is outside the limit; a token has at most one, and it must expire */
    run = import(RETIRING("D", "a", "04"), "");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = import(RETIRING("E", "a", "05"), "");
    ck_assert_msg(run.status == 4 && strstr(run.err, "already has a retiring secret") != NULL,
                  "%d %s", run.status, run.err);
    run = import(RETIRING("F", "b", "06"), "");
    ck_assert_msg(run.status == 4 && strstr(run.err, "1 retiring secret, and tier Lite") != NULL,
                  "%d %s", run.status, run.err);
    run = import(TOKEN("G", "c", "07", ",\"retiring\":true"), "");
    ck_assert_msg(run.status == 2 && strstr(run.err, "must have an expiration") != NULL, "%d %s",
                  run.status, run.err);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    run = import(TOKEN("G", "c", "07", ",\"status\":\"inactive\",\"off_by\":\"nobody\""), "");
    ck_assert_msg(run.status == 2 && strstr(run.err, "entity, reseller or platform") != NULL,
                  "%d %s", run.status, run.err);
    run = import(TOKEN("G", "c", "07", ",\"key\":\"0123\""), "");
    ck_assert_msg(run.status == 2 && strstr(run.err, "the 8 digits of a key") != NULL, "%d %s",
                  run.status, run.err);
    /* a dry run reports each refusal */
    run = CTL(config, TOKEN("E", "e", "05", "") TOKEN("F", "f", "06", ""), "--json", "import", "-",
              "--dry-run");
    ck_assert_int_eq(run.status, 4); /* as the real run */
    json = document(run.out);
    ck_assert_uint_eq(
        json_array_size(json_object_get(json_object_get(json, "imported"), "refused")), 2);
    json_decref(json);
}
END_TEST

/* §5.4: an entity whose tier is not in the table keeps its data and cannot create tokens. */
START_TEST(an_unknown_tier_creates_nothing)
{
    struct run run = import(ENTITY("acme", "\"kind\":\"customer\",\"tier\":\"gone\""), "");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = import(TOKEN("A", "a", "01", ""), "");
    ck_assert_msg(run.status == 4 && strstr(run.err, "the tier gone of acme is not in the tier"),
                  "%d %s", run.status, run.err);
    run = import(TOKEN("B", "b", "02", ",\"retiring\":true"), "");
    ck_assert_msg(run.status == 4, "%d %s", run.status, run.err);
}
END_TEST

START_TEST(the_tier_of_a_reseller_holds)
{
    struct run run = import(
        ENTITY("north", "\"kind\":\"reseller\",\"tier\":\"lite\""),
        ENTITY("acme", "\"kind\":\"customer\",\"reseller\":\"north\",\"tier\":\"advanced\""));
    ck_assert_msg(run.status == 4 && strstr(run.err, "ranks above Lite") != NULL, "%d %s",
                  run.status, run.err);
    run = import(ENTITY("south", "\"kind\":\"reseller\",\"reseller\":\"north\",\"tier\":\"lite\""),
                 "");
    ck_assert_int_eq(run.status, 4);
}
END_TEST

/* A token without an expiration gets the default, with a warning. `null` means never. */
START_TEST(the_default_expiry_holds)
{
    static const char line[] =
        "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\",\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}}\n";
    struct run run = import(lite, line);
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "1 token without \"expires\" imported"));
    json_t *json = done(CTL(config, NULL, "--json", "show", "acme/old"));
    ck_assert(json_is_string(json_object_get(json, "expires")));
    json_decref(json);
    /* the same line again */
    run = import(line, "");
    ck_assert_msg(run.status == 0 && strstr(run.out, "1 was there before") != NULL, "%s%s", run.out,
                  run.err);
    ck_assert_ptr_null(strstr(run.err, "expires"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("import rules");
    TCase *tcase = tcase_create("rules");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, the_limit_holds);
    tcase_add_test(tcase, an_unknown_tier_creates_nothing);
    tcase_add_test(tcase, the_tier_of_a_reseller_holds);
    tcase_add_test(tcase, the_default_expiry_holds);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
