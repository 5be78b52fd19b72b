/* SPDX-License-Identifier: ISC */
/* log --as: an entity sees the changes of what belonged to it at the time, whatever names were
   given since. */
#include "cli/terminal.h"

static const char *config;

#define DO(...)                                           \
    do {                                                  \
        struct run run_ = CTL(config, NULL, __VA_ARGS__); \
        ck_assert_msg(run_.status == 0, "%s", run_.err);  \
    } while (0)

/* north and south, resellers; acme, a customer of north; bolt, one of south. */
static void add_entities(const char *to)
{
    MUST_CTL(to, "entity", "add", "north", "--kind", "reseller", "--tier", "advanced");
    MUST_CTL(to, "entity", "add", "south", "--kind", "reseller", "--tier", "advanced");
    MUST_CTL(to, "entity", "add", "acme", "--kind", "customer", "--reseller", "north", "--tier",
             "advanced");
    MUST_CTL(to, "entity", "add", "bolt", "--kind", "customer", "--reseller", "south", "--tier",
             "advanced");
}

static void setup(void)
{
    config = store_made(add_entities, NULL);
}

/* "1:entity add 5:edit": the entries that the entity sees. */
static const char *seen_by(const char *entity)
{
    static char out[4][2048];
    static size_t next;
    char *text = out[next++ % 4];
    json_t *log = done(CTL(config, NULL, "--json", "log", "--as", entity)), *entry;
    size_t i, used = 0;
    text[0] = '\0';
    json_array_foreach(json_object_get(log, "entries"), i, entry)
    {
        used += (size_t)snprintf(
            text + used, sizeof out[0] - used, "%s%lld:%s", used > 0 ? " " : "",
            json_integer_value(json_object_get(entry, "sequence")), text_of(entry, "command"));
    }
    json_decref(log);
    return text;
}

static void sees_nothing_of(const char *entity, const char *text)
{
    struct run run = CTL(config, NULL, "--json", "log", "--as", entity);
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.out, text) == NULL, "%s sees %s: %s", entity, text, run.out);
    run = CTL(config, NULL, "log", "--as", entity);
    ck_assert_msg(strstr(run.out, text) == NULL, "%s sees %s: %s", entity, text, run.out);
}

START_TEST(its_own)
{
    DO("create", "acme", "web");
    DO("create", "bolt", "app");
    DO("edit", "acme/web", "--note", "x", "--as", "acme");
    DO("edit", "acme/web", "--status", "inactive", "--as", "north");
    DO("key", "rotate"); /* a note about the whole store */
    ck_assert_str_eq(seen_by("acme"), "3:entity add 5:create 7:edit 8:edit");
    ck_assert_str_eq(seen_by("north"), "1:entity add 3:entity add 5:create 7:edit 8:edit");
    ck_assert_str_eq(seen_by("bolt"), "4:entity add 6:create");
    ck_assert_str_eq(seen_by("south"), "2:entity add 4:entity add 6:create");
    sees_nothing_of("acme", "bolt");
    sees_nothing_of("north", "south");
    sees_nothing_of("north", "bolt");
    /* without --as, all of it */
    json_t *log = done(CTL(config, NULL, "--json", "log"));
    ck_assert_uint_ge(json_array_size(json_object_get(log, "entries")), 9);
    json_decref(log);
    ck_assert_int_eq(CTL(config, NULL, "log", "--as", "nobody").status, 3);
    DO("entity", "edit", "acme", "--status", "inactive");
    ck_assert_int_eq(CTL(config, NULL, "log", "--as", "acme").status, 4);
}
END_TEST

/* An entity sees only the level at which a change was made, not the account. It does not see the
   hash either, because the hash covers changes of others. */
START_TEST(for_whom)
{
    DO("edit", "acme/default", "--note", "x");
    DO("edit", "acme/default", "--note", "y", "--as", "north");
    json_t *log = done(CTL(config, NULL, "--json", "log", "--as", "acme"));
    const json_t *entries = json_object_get(log, "entries");
    const json_t *by_platform = json_array_get(entries, 1), *by_north = json_array_get(entries, 2);
    HAS_KEYS(by_north, "sequence", "time", "revision", "user", "login", "sudo", "as", "command",
             "changes", "hash");
    ck_assert(json_is_null(json_object_get(by_north, "user")));
    ck_assert(json_is_null(json_object_get(by_north, "login")));
    ck_assert(json_is_null(json_object_get(by_north, "sudo")));
    ck_assert(json_is_null(json_object_get(by_north, "hash")));
    ck_assert_str_eq(text_of(by_north, "as"), "north");
    ck_assert(json_is_null(json_object_get(by_platform, "as")));
    json_decref(log);
    struct run run = CTL(config, NULL, "log", "--as", "acme", "-n", "2");
    ck_assert_ptr_nonnull(strstr(run.out, "  the platform       edit  "));
    ck_assert_ptr_nonnull(strstr(run.out, "  north              edit  "));
}
END_TEST

/* Another entity gets a name that was used before. */
START_TEST(a_name_given_again)
{
    DO("create", "acme", "secret-plan");
    DO("entity", "edit", "acme", "--name", "apex");
    DO("create", "apex", "after");
    DO("entity", "add", "acme", "--kind", "customer", "--reseller", "south", "--tier", "advanced");
    DO("create", "acme", "new");
    ck_assert_str_eq(seen_by("acme"), "8:entity add 9:create");
    ck_assert_str_eq(seen_by("apex"), "3:entity add 5:create 6:entity edit 7:create");
    ck_assert_str_eq(seen_by("south"), "2:entity add 4:entity add 8:entity add 9:create");
    ck_assert_str_eq(seen_by("north"), "1:entity add 3:entity add 5:create 6:entity edit 7:create");
    sees_nothing_of("acme", "secret-plan");
    sees_nothing_of("acme", "apex");
    sees_nothing_of("south", "secret-plan");
    /* and removed: its reseller still sees what it was */
    DO("entity", "remove", "acme", "--yes");
    DO("entity", "add", "acme", "--kind", "customer", "--reseller", "north");
    ck_assert_str_eq(seen_by("acme"), "11:entity add");
    ck_assert_str_eq(seen_by("south"),
                     "2:entity add 4:entity add 8:entity add 9:create 10:entity remove");
    sees_nothing_of("north", "south");
}
END_TEST

/* A customer moves. Neither reseller learns about the other one; the customer sees all of it. */
START_TEST(a_customer_that_moves)
{
    DO("create", "acme", "earlier");
    DO("entity", "edit", "acme", "--reseller", "south");
    DO("create", "acme", "meanwhile");
    ck_assert_str_eq(seen_by("acme"), "3:entity add 5:create 6:entity edit 7:create");
    ck_assert_str_eq(seen_by("north"), "1:entity add");
    ck_assert_str_eq(seen_by("south"), "2:entity add 4:entity add 7:create");
    sees_nothing_of("south", "north");
    sees_nothing_of("south", "earlier");
    sees_nothing_of("north", "acme");
    /* back again: what belonged to north is seen by north, the time between is not */
    DO("entity", "edit", "acme", "--reseller", "north");
    DO("create", "acme", "back");
    ck_assert_str_eq(seen_by("north"), "1:entity add 3:entity add 5:create 9:create");
    ck_assert_str_eq(seen_by("south"), "2:entity add 4:entity add");
    sees_nothing_of("north", "meanwhile");
    /* removed elsewhere: nothing is left to see */
    DO("entity", "edit", "acme", "--reseller", "none");
    DO("entity", "remove", "acme", "--yes");
    ck_assert_str_eq(seen_by("north"), "1:entity add");
}
END_TEST

/* The reseller is renamed, and its old name is given to another. */
START_TEST(a_reseller_renamed)
{
    DO("entity", "edit", "north", "--name", "nord");
    DO("create", "acme", "one");
    DO("entity", "add", "north", "--kind", "reseller", "--tier", "advanced");
    DO("entity", "add", "cape", "--kind", "customer", "--reseller", "north");
    DO("entity", "edit", "acme", "--contact", "x");
    ck_assert_str_eq(seen_by("nord"),
                     "1:entity add 3:entity add 5:entity edit 6:create 9:entity edit");
    ck_assert_str_eq(seen_by("north"), "7:entity add 8:entity add");
    sees_nothing_of("north", "acme");
    sees_nothing_of("nord", "cape");
}
END_TEST

/* One transaction with changes of several entities: each sees its part. */
START_TEST(a_part_of_an_entry)
{
    DO("entity", "add", "cape", "--kind", "customer", "--reseller", "north", "--tier", "advanced");
    DO("entity", "edit", "north", "--tier", "lite", "--cascade");
    ck_assert_str_eq(seen_by("acme"), "3:entity add 6:entity edit");
    sees_nothing_of("acme", "cape");
    sees_nothing_of("acme", "reseller north changed");
    struct run run = CTL(config, NULL, "log", "--as", "north", "-n", "1");
    ck_assert_ptr_nonnull(strstr(run.out, "customer acme changed"));
    ck_assert_ptr_nonnull(strstr(run.out, "customer cape changed"));
    ck_assert_ptr_nonnull(strstr(run.out, "reseller north changed"));
}
END_TEST

/* The other options select among what is seen, and reveal nothing more. */
START_TEST(with_other_options)
{
    DO("create", "bolt", "app");
    DO("create", "acme", "web");
    json_t *token = done(CTL(config, NULL, "--json", "show", "bolt/app"));
    struct run hidden = CTL(config, NULL, "log", "--as", "north", "--entity", "bolt");
    struct run missing = CTL(config, NULL, "log", "--as", "north", "--entity", "nobody");
    ck_assert_str_eq(hidden.out, "");
    ck_assert_str_eq(hidden.err, missing.err);
    ck_assert_int_eq(hidden.status, missing.status);
    hidden = CTL(config, NULL, "log", "--as", "north", "--token", text_of(token, "id"));
    missing = CTL(config, NULL, "log", "--as", "north", "--token", "0000000000a");
    ck_assert_str_eq(hidden.out, "");
    ck_assert_str_eq(hidden.err, missing.err);
    ck_assert_int_eq(hidden.status, missing.status);
    ck_assert_int_eq(CTL(config, NULL, "log", "--as", "north", "--token", "bolt/app").status, 3);
    struct run last = CTL(config, NULL, "log", "--as", "south", "-n", "1");
    ck_assert_ptr_nonnull(strstr(last.out, "\"app\""));
    ck_assert_ptr_null(strstr(last.out, "\"default\""));
    json_decref(token);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log as");
    TCase *tests = tcase_create("log as");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, its_own);
    tcase_add_test(tests, for_whom);
    tcase_add_test(tests, a_name_given_again);
    tcase_add_test(tests, a_customer_that_moves);
    tcase_add_test(tests, a_reseller_renamed);
    tcase_add_test(tests, a_part_of_an_entry);
    tcase_add_test(tests, with_other_options);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
