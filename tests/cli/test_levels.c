/* SPDX-License-Identifier: ISC */
/* The level that switched something off is recorded. Only that level or a higher one switches it on
   again. */
#include "cli/drive.h"

/* acme is a reseller with the customer bolt; zed belongs to the platform. bolt has the tokens
   default and web. */
static const char *config;

static void add_web(const char *to)
{
    populate(to);
    MUST_CTL(to, "entity", "edit", "bolt", "--tier", "advanced");
    MUST_CTL(to, "create", "bolt", "web");
}

static void setup(void)
{
    config = store_made(add_web, NULL);
}

static void does(struct run run)
{
    ck_assert_msg(run.status == 0, "%d: %s", run.status, run.err);
}

/* Asserts a refusal by a rule, with a message that contains both texts. */
static void refuses(struct run run, const char *first, const char *second)
{
    ck_assert_msg(run.status == 4 && strstr(run.err, first) != NULL &&
                      strstr(run.err, second) != NULL,
                  "%d: %s", run.status, run.err);
}

/* `level` NULL: the platform. */
static struct run set_token(const char *level, const char *status)
{
    return level == NULL ? CTL(config, NULL, "edit", "bolt/web", "--status", status)
                         : CTL(config, NULL, "edit", "bolt/web", "--status", status, "--as", level);
}

static struct run set_entity(const char *level, const char *name, const char *status)
{
    return level == NULL
               ? CTL(config, NULL, "entity", "edit", name, "--status", status)
               : CTL(config, NULL, "entity", "edit", name, "--status", status, "--as", level);
}

static const char *const levels[] = {"bolt", "acme", NULL}; /* lowest first */

/* Every text that tells who switched a token off. */
static void tells_the_level(int level)
{
    static const char *const logged[] = {"the entity", "the reseller", "the platform"};
    static const char *const explained[] = {"by the entity itself", "by its reseller",
                                            "by the platform"};
    static const char *const shown[] = {"the entity itself", "its reseller", "the platform"};
    char words[64];
    snprintf(words, sizeof words, "off by - -> %s\n", logged[level]);
    struct run run = CTL(config, NULL, "log", "-n", "1");
    ck_assert_msg(strstr(run.out, words) != NULL, "%s", run.out);
    snprintf(words, sizeof words, "the token is switched off, %s\n", explained[level]);
    run = CTL(config, NULL, "verify", "--explain", "--token", "bolt/web");
    ck_assert_msg(strstr(run.out, words) != NULL, "%s", run.out);
    snprintf(words, sizeof words, "off by    %s\n", shown[level]);
    run = CTL(config, NULL, "show", "bolt/web");
    ck_assert_msg(strstr(run.out, words) != NULL, "%s", run.out);
}

START_TEST(each_level_of_a_token)
{
    for (int off = 0; off < 3; off++) {
        for (int on = 0; on < 3; on++) {
            does(set_token(levels[off], "inactive"));
            tells_the_level(off);
            struct run run = set_token(levels[on], "active");
            if (on >= off)
                does(run);
            else if (off == 2)
                refuses(run, "bolt/web was switched off by the platform",
                        "ask your account manager");
            else
                refuses(run, "bolt/web was switched off by reseller acme", "ask acme");
            does(set_token(NULL, "active"));
        }
    }
}
END_TEST

/* If a higher level switches it off again, that level is recorded. A lower level changes
   nothing. */
START_TEST(the_highest_level_counts)
{
    does(set_token("bolt", "inactive"));
    does(set_token(NULL, "inactive"));
    does(set_token("bolt", "inactive"));
    does(set_token("acme", "inactive"));
    refuses(set_token("bolt", "active"), "by the platform", "account manager");
    refuses(set_token("acme", "active"), "by the platform", "account manager");
    does(set_token(NULL, "active"));
    does(set_token("bolt", "inactive"));
    does(set_token("acme", "inactive"));
    refuses(set_token("bolt", "active"), "by reseller acme", "ask acme");
    does(set_token("acme", "active"));
    /* switching on an active token records no level */
    does(set_token("bolt", "active"));
}
END_TEST

START_TEST(entities)
{
    does(set_entity("acme", "bolt", "inactive"));
    does(set_entity("acme", "bolt", "active"));
    does(set_entity(NULL, "bolt", "inactive"));
    refuses(set_entity("acme", "bolt", "active"), "bolt was switched off by the platform",
            "account manager");
    does(set_entity("acme", "bolt", "inactive"));
    refuses(set_entity("acme", "bolt", "active"), "by the platform", "account manager");
    /* nor can it be removed and created again */
    refuses(CTL(config, NULL, "entity", "remove", "bolt", "--yes", "--as", "acme"),
            "bolt was switched off by the platform", "only the platform removes it");
    does(set_entity(NULL, "bolt", "active"));
    does(set_token(NULL, "inactive"));
    refuses(CTL(config, NULL, "entity", "remove", "bolt", "--yes", "--as", "acme"),
            "bolt/web was switched off by the platform", "only the platform removes it");
    does(set_token(NULL, "active"));
    does(set_token("bolt", "inactive"));
    does(CTL(config, NULL, "entity", "remove", "bolt", "--yes", "--as", "acme"));
}
END_TEST

/* Attempts to evade the level: a new secret, another name, a removal, both secrets of a rotated
   token. */
START_TEST(no_road_around)
{
    does(CTL(config, NULL, "rotate", "bolt/web", "--overlap", "7d"));
    does(set_token(NULL, "inactive"));
    json_t *json = done(CTL(config, NULL, "--json", "rotate", "bolt/web", "--as", "bolt"));
    ck_assert_str_eq(text_of(json, "status"), "inactive");
    json_decref(json);
    refuses(set_token("bolt", "active"), "by the platform", "account manager");
    refuses(CTL(config, NULL, "remove", "bolt/web", "--yes", "--as", "bolt"),
            "bolt/web was switched off by the platform", "only the platform removes it");
    does(
        CTL(config, NULL, "edit", "bolt/web", "--name", "other", "--note", "mine", "--as", "bolt"));
    refuses(CTL(config, NULL, "edit", "bolt/other", "--status", "active", "--as", "bolt"),
            "by the platform", "account manager");
    refuses(CTL(config, NULL, "edit", "bolt/other", "--status", "active", "--expires", "1y", "--as",
                "acme"),
            "by the platform", "account manager");
    json = done(CTL(config, NULL, "--json", "show", "bolt/other"));
    ck_assert_str_eq(text_of(json, "status"), "inactive");
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* A customer that moved has another reseller above it. The platform is above all. */
START_TEST(a_customer_that_moved)
{
    does(CTL(config, NULL, "entity", "add", "far", "--kind", "reseller", "--tier", "advanced"));
    does(set_token("acme", "inactive"));
    does(CTL(config, NULL, "entity", "edit", "bolt", "--reseller", "far"));
    refuses(set_token("bolt", "active"), "by reseller far", "ask far");
    does(set_token("far", "active"));
    does(set_token("far", "inactive"));
    does(CTL(config, NULL, "entity", "edit", "bolt", "--reseller", "none"));
    refuses(set_token("bolt", "active"), "by a former reseller", "account manager");
    does(set_token(NULL, "active"));
}
END_TEST

/* An export keeps the level. An import never lowers it. */
START_TEST(an_import_keeps_the_level)
{
    does(set_token(NULL, "inactive"));
    does(set_entity("acme", "bolt", "inactive"));
    struct run lines = CTL(config, NULL, "export");
    ck_assert_ptr_nonnull(strstr(lines.out, "\"off_by\":\"platform\""));
    ck_assert_ptr_nonnull(strstr(lines.out, "\"off_by\":\"reseller\""));
    char *forged = strdup(lines.out), *at = strstr(forged, "\"off_by\":\"platform\"");
    memcpy(at, "\"off_by\":\"entity\"  ", strlen("\"off_by\":\"platform\""));
    does(CTL(config, forged, "import", "-"));
    does(set_entity("acme", "bolt", "active"));
    refuses(set_token("bolt", "active"), "by the platform", "account manager");
    free(forged);

    config = store_folder(NULL);
    does(CTL(config, lines.out, "import", "-"));
    ck_assert_str_eq(CTL(config, NULL, "export").out, lines.out);
    does(set_entity("acme", "bolt", "active"));
    refuses(set_token("acme", "active"), "by the platform", "account manager");
    does(set_token(NULL, "active"));
    /* an inactive item without a level counts as switched off by the platform */
    static const char line[] =
        "{\"token\":{\"foreign\":true,\"entity\":\"bolt\",\"name\":\"old\",\"status\":\"inactive\","
        "\"expires\":null,\"sha256\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}}\n";
    does(CTL(config, line, "import", "-"));
    refuses(CTL(config, NULL, "edit", "bolt/old", "--status", "active", "--as", "bolt"),
            "by the platform", "account manager");
    static const char odd[] =
        "{\"token\":{\"foreign\":true,\"entity\":\"bolt\",\"name\":\"odd\",\"off_by\":\"reseller\","
        "\"expires\":null,\"sha256\":"
        "\"1000000000000000000000000000000000000000000000000000000000000000\"}}\n";
    struct run run = CTL(config, odd, "import", "-");
    ck_assert_msg(run.status == 2 && strstr(run.err, "off_by") != NULL, "%s", run.err);
}
END_TEST

/* --- what an entity may set for itself --- */

static void bound(const char *lines)
{
    char *text = file_read(config, NULL), *both = NULL;
    char *section = strstr(text, "max_"), *next = strstr(text, "[reveal]");
    ck_assert(section != NULL && next != NULL);
    ck_assert_int_gt(asprintf(&both, "%.*s%s\n%s", (int)(section - text), text, lines, next), 0);
    file_text(config, both);
    free(both);
}

START_TEST(expirations_are_bounded)
{
    bound("max_expiry = 90d");
    refuses(CTL(config, NULL, "edit", "bolt/web", "--expires", "91d", "--as", "bolt"),
            "at most 90d from now", "account manager");
    refuses(CTL(config, NULL, "edit", "bolt/web", "--expires", "never", "--as", "acme"),
            "at most 90d from now", "account manager");
    refuses(CTL(config, NULL, "create", "bolt", "new", "--expires", "1y", "--as", "bolt"),
            "at most 90d from now", "account manager");
    refuses(
        CTL(config, "a\nb\n", "create", "bolt", "--from", "-", "--expires", "1y", "--as", "bolt"),
        "at most 90d from now", "account manager");
    refuses(CTL(config, NULL, "rotate", "bolt/web", "--expires", "never", "--as", "bolt"),
            "at most 90d from now", "account manager");
    does(CTL(config, NULL, "edit", "bolt/web", "--expires", "90d", "--as", "bolt"));
    /* the default of a new token is limited to it; the platform is not bound */
    json_t *json = done(CTL(config, NULL, "--json", "create", "bolt", "new", "--as", "bolt"));
    json_t *bounded = done(CTL(config, NULL, "--json", "show", "bolt/web"));
    ck_assert_int_eq(strncmp(text_of(json, "expires"), text_of(bounded, "expires"), 10), 0);
    json_decref(json);
    json_decref(bounded);
    does(CTL(config, NULL, "edit", "bolt/new", "--expires", "never"));
    /* a rotation keeps an expiration that the platform set */
    json = done(CTL(config, NULL, "--json", "rotate", "bolt/new", "--as", "bolt"));
    ck_assert(json_is_null(json_object_get(json, "expires")));
    json_decref(json);
    does(CTL(config, NULL, "edit", "bolt/web", "--expires", "2090-01-01"));
    json = done(CTL(config, NULL, "--json", "rotate", "bolt/web", "--as", "bolt"));
    ck_assert_str_eq(text_of(json, "expires"), "2090-01-01T00:00:00Z");
    json_decref(json);
    struct run run =
        CTL(config, NULL, "--json", "entity", "add", "nova", "--kind", "customer", "--as", "acme");
    json = done(run);
    ck_assert_int_eq(strncmp(text_of(json_object_get(json, "token"), "expires"), "20", 2), 0);
    json_decref(json);
}
END_TEST

START_TEST(overlaps_are_bounded)
{
    refuses(CTL(config, NULL, "rotate", "bolt/web", "--overlap", "31d", "--as", "bolt"),
            "at most 30d", "account manager");
    does(CTL(config, NULL, "rotate", "bolt/web", "--overlap", "30d", "--as", "bolt"));
    does(CTL(config, NULL, "rotate", "bolt/web", "--overlap", "300d"));
    bound("max_overlap = 12h");
    refuses(CTL(config, NULL, "rotate", "bolt/web", "--overlap", "1d", "--as", "acme"),
            "at most 12h", "account manager");
    does(CTL(config, NULL, "rotate", "bolt/web", "--as", "bolt")); /* by default: those 12 hours */
    bound("max_overlap = never");
    does(CTL(config, NULL, "rotate", "bolt/web", "--overlap", "300d", "--as", "bolt"));
    bound("max_overlap = long");
    struct run run = CTL(config, NULL, "list");
    ck_assert_msg(run.status == 5 && strstr(run.err, "max_overlap is neither never nor a span"),
                  "%s", run.err);
    bound("max_expiry = 30");
    run = CTL(config, NULL, "list");
    ck_assert_msg(run.status == 5 && strstr(run.err, "max_expiry is neither never nor a span"),
                  "%s", run.err);
}
END_TEST

/* A reseller cannot switch on its own token if the platform switched it off. */
START_TEST(a_reseller_and_itself)
{
    does(CTL(config, NULL, "edit", "acme/default", "--status", "inactive", "--as", "acme"));
    does(CTL(config, NULL, "edit", "acme/default", "--status", "active", "--as", "acme"));
    does(CTL(config, NULL, "edit", "acme/default", "--status", "inactive"));
    refuses(CTL(config, NULL, "edit", "acme/default", "--status", "active", "--as", "acme"),
            "by the platform", "account manager");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("levels");
    TCase *tcase = tcase_create("levels");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, each_level_of_a_token);
    tcase_add_test(tcase, the_highest_level_counts);
    tcase_add_test(tcase, entities);
    tcase_add_test(tcase, no_road_around);
    tcase_add_test(tcase, a_customer_that_moved);
    tcase_add_test(tcase, an_import_keeps_the_level);
    tcase_add_test(tcase, expirations_are_bounded);
    tcase_add_test(tcase, overlaps_are_bounded);
    tcase_add_test(tcase, a_reseller_and_itself);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
