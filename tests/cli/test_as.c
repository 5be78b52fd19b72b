/* SPDX-License-Identifier: ISC */
/* `--as ENTITY` gives only that entity's rights. Things it may not see appear not to exist. */
#include "cli/drive.h"

/* acme is a reseller with the customer bolt; zed belongs to the platform; far is a reseller with
   the customer near. */
static const char *config;

static void add_entities(const char *to)
{
    populate(to);
    MUST_CTL(to, "entity", "add", "far", "--kind", "reseller");
    MUST_CTL(to, "entity", "add", "near", "--kind", "customer", "--reseller", "far");
}

static void setup(void)
{
    config = store_made(add_entities, NULL);
}

/* The names in a list, in its order: "a b c". */
static const char *names(struct run run, const char *list, const char *key)
{
    static char out[256];
    json_t *json = done(run), *item;
    size_t i;
    out[0] = '\0';
    json_array_foreach(json_object_get(json, list), i, item)
    {
        size_t used = strlen(out);
        snprintf(out + used, sizeof out - used, "%s%s", used > 0 ? " " : "", text_of(item, key));
    }
    json_decref(json);
    return out;
}

START_TEST(each_sees_its_own)
{
    ck_assert_str_eq(
        names(CTL(config, NULL, "--json", "entity", "list", "--as", "acme"), "entities", "name"),
        "acme bolt");
    ck_assert_str_eq(
        names(CTL(config, NULL, "--json", "entity", "list", "--as", "bolt"), "entities", "name"),
        "bolt");
    ck_assert_str_eq(names(CTL(config, NULL, "--json", "list", "--as", "acme"), "tokens", "entity"),
                     "acme bolt");
    ck_assert_str_eq(names(CTL(config, NULL, "--json", "list", "--as", "zed"), "tokens", "entity"),
                     "zed");
}
END_TEST

/* Returns the message without the typed name that it begins with. */
static const char *without_name(const char *message)
{
    const char *rest = strstr(message, "': ");
    ck_assert_int_eq(strncmp(message, "esp-tokenctl: '", 15), 0);
    ck_assert_ptr_nonnull(rest);
    return rest;
}

/* Asserts that a hidden thing and a missing thing give the same status and, except for the typed
   name, the same message. */
static void as_never_there(const char *const *there, const char *const *nowhere)
{
    struct run hidden = run_ctl(config, NULL, there), missing = run_ctl(config, NULL, nowhere);
    ck_assert_int_eq(hidden.status, 3);
    ck_assert_int_eq(missing.status, 3);
    ck_assert_str_eq(without_name(hidden.err), without_name(missing.err));
    ck_assert_str_eq(hidden.out, "");
}
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(the_rest_does_not_exist)
{
    const char *before = snapshot(config);
    json_t *json = done(CTL(config, NULL, "--json", "show", "zed/default"));
    const char *id = text_of(json, "id");
    as_never_there(ARGS("list", "zed", "--as", "acme"), ARGS("list", "nobody", "--as", "acme"));
    as_never_there(ARGS("entity", "show", "far", "--as", "acme"),
                   ARGS("entity", "show", "nobody", "--as", "acme"));
    as_never_there(ARGS("entity", "show", "acme", "--as", "bolt"),
                   ARGS("entity", "show", "nobody", "--as", "bolt"));
    as_never_there(ARGS("show", id, "--as", "acme"), ARGS("show", "00000000001", "--as", "acme"));
    as_never_there(ARGS("show", "zed/default", "--as", "acme"),
                   ARGS("show", "zed/none", "--as", "acme"));
    as_never_there(ARGS("show", id, "--reveal", "--as", "acme"),
                   ARGS("show", "00000000001", "--reveal", "--as", "acme"));
    as_never_there(ARGS("edit", id, "--status", "inactive", "--as", "acme"),
                   ARGS("edit", "00000000001", "--status", "inactive", "--as", "acme"));
    as_never_there(ARGS("remove", id, "--yes", "--last", "--as", "acme"),
                   ARGS("remove", "00000000001", "--yes", "--last", "--as", "acme"));
    as_never_there(ARGS("create", "near", "x", "--as", "acme"),
                   ARGS("create", "nobody", "x", "--as", "acme"));
    as_never_there(ARGS("entity", "remove", "near", "--yes", "--as", "acme"),
                   ARGS("entity", "remove", "nobody", "--yes", "--as", "acme"));
    as_never_there(ARGS("entity", "edit", "bolt", "--reseller", "far", "--as", "acme"),
                   ARGS("entity", "edit", "bolt", "--reseller", "nobody", "--as", "acme"));
    as_never_there(
        ARGS("entity", "add", "new", "--kind", "customer", "--reseller", "far", "--as", "acme"),
        ARGS("entity", "add", "new", "--kind", "customer", "--reseller", "nobody", "--as", "acme"));
    as_never_there(ARGS("list", "--as", "nobody"), ARGS("list", "--as", "nobody2"));
    ck_assert_str_eq(snapshot(config), before);
    json_decref(json);
}
END_TEST

START_TEST(a_customer_manages_its_tokens)
{
    ck_assert_int_eq(
        CTL(config, NULL, "edit", "bolt/default", "--name", "a", "--as", "bolt").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "bolt", "b", "--as", "bolt").status, 4);
    struct run shown = CTL(config, NULL, "show", "bolt/a", "--reveal", "--as", "bolt");
    ck_assert_int_eq(shown.status, 0);
    ck_assert_ptr_nonnull(strstr(shown.out, TEXT_PATTERN));
    ck_assert_int_eq(
        CTL(config, NULL, "remove", "bolt/a", "--yes", "--last", "--as", "bolt").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "bolt", "b", "--as", "bolt").status, 0);
}
END_TEST

START_TEST(a_reseller_manages_its_customers)
{
    json_t *json = done(
        CTL(config, NULL, "--json", "entity", "add", "new", "--kind", "customer", "--as", "acme"));
    ck_assert_str_eq(text_of(json_object_get(json, "entity"), "reseller"), "acme");
    json_decref(json);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "new", "--tier", "advanced", "--as", "acme").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "new", "b", "--as", "acme").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "remove", "new", "--yes", "--as", "acme").status,
                     0);
    /* far is lite itself */
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "near", "--tier", "advanced", "--as", "far").status, 4);
}
END_TEST

/* Each command is refused and changes nothing. */
START_TEST(no_rights_beyond)
{
    const char *before = snapshot(config);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "acme", "--tier", "lite", "--as", "acme").status, 4);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "far", "--tier", "advanced", "--as", "far").status, 4);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "bolt", "--tier", "lite", "--as", "bolt").status, 4);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "bolt", "--status", "inactive", "--as", "bolt").status,
        4);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "edit", "bolt", "--reseller", "none", "--as", "acme").status,
        4);
    ck_assert_int_eq(CTL(config, NULL, "entity", "remove", "bolt", "--yes", "--as", "bolt").status,
                     4);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "x", "--kind", "customer", "--as", "bolt").status, 4);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "x", "--kind", "reseller", "--as", "acme").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "check", "--as", "acme").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--as", "acme").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "list", "--as", "not a name").status, 2);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

START_TEST(an_inactive_one_has_none)
{
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "far", "--status", "inactive").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "list", "--as", "far").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "list", "--as", "near").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "list", "--as", "acme").status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("as");
    TCase *tcase = tcase_create("rights");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, each_sees_its_own);
    tcase_add_test(tcase, the_rest_does_not_exist);
    tcase_add_test(tcase, a_customer_manages_its_tokens);
    tcase_add_test(tcase, a_reseller_manages_its_customers);
    tcase_add_test(tcase, no_rights_beyond);
    tcase_add_test(tcase, an_inactive_one_has_none);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
