/* SPDX-License-Identifier: ISC */
/* A rotated token has two secrets. The new one has the name; the old one works until the overlap
   ends. */
#include "cli/drive.h"

/* clang-format off: host.h declares names that drive.h uses for parameters */
#include "abi/host.h"
/* clang-format on */

static void setup(void)
{
    config = populated(&folder);
    host_load();
    host_open();
}

static int32_t verdict_at(const char *text, int64_t now)
{
    espt_query query = {.size = sizeof query, .token = text, .token_len = strlen(text), .now = now};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    return result.status;
}

static int32_t verdict_of(const char *text)
{
    return verdict_at(text, 0);
}

struct secret {
    char id[16], text[64];
};

static struct secret take(json_t *json)
{
    struct secret secret;
    snprintf(secret.id, sizeof secret.id, "%s", text_of(json, "id"));
    snprintf(secret.text, sizeof secret.text, "%s", text_of(json, "token"));
    json_decref(json);
    return secret;
}

static struct secret old_secret(const char *token)
{
    return take(done(CTL(config, NULL, "--json", "show", token, "--reveal")));
}

static const char *status_of(const char *token)
{
    static char status[16];
    json_t *json = done(CTL(config, NULL, "--json", "show", token));
    snprintf(status, sizeof status, "%s", text_of(json, "status"));
    json_decref(json);
    return status;
}

START_TEST(both_work_until_the_overlap_ends)
{
    struct secret old = old_secret("bolt/default");
    json_t *json = done(CTL(config, NULL, "--json", "rotate", "bolt/default"));
    ck_assert_str_eq(text_of(json, "name"), "default");
    struct secret new = take(json);
    ck_assert_str_ne(old.id, new.id);
    ck_assert_int_eq(verdict_of(old.text), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(new.text), ESPT_ALLOW);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 23 * 3600), ESPT_ALLOW);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 25 * 3600), ESPT_DENY_EXPIRED);
    ck_assert_int_eq(verdict_at(new.text, time(NULL) + 25 * 3600), ESPT_ALLOW);
    ck_assert_str_eq(status_of(old.id), "retiring");
    ck_assert_str_eq(status_of("bolt/default"), "active");
    /* bolt is lite: its limit is one token, and the rotated token counts as one */
    json = done(CTL(config, NULL, "--json", "entity", "show", "bolt"));
    ck_assert_int_eq(json_integer_value(json_object_get(json, "tokens")), 1);
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    ck_assert_str_eq(revealed(config, old.id), old.text);
}
END_TEST

START_TEST(retire_ends_it_at_once)
{
    struct secret old = old_secret("bolt/default");
    struct secret new = take(done(CTL(config, NULL, "--json", "rotate", "bolt/default")));
    ck_assert_int_eq(CTL(config, NULL, "retire", "bolt/default").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict_of(new.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "retire", "bolt/default").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "retire", old.id).status, 3);
    old = new;
    new = take(done(CTL(config, NULL, "--json", "rotate", new.id)));
    ck_assert_int_eq(CTL(config, NULL, "retire", old.id).status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_UNKNOWN);
    old = new;
    new = take(done(CTL(config, NULL, "--json", "rotate", "bolt/default", "--overlap", "0")));
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict_of(new.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* Rotation cannot evade the limit. */
START_TEST(never_more_than_two_secrets)
{
    struct secret first = old_secret("bolt/default");
    struct secret second = take(done(CTL(config, NULL, "--json", "rotate", "bolt/default")));
    struct secret third = take(done(CTL(config, NULL, "--json", "rotate", "bolt/default")));
    ck_assert_int_eq(verdict_of(first.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict_of(second.text), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(third.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--name", "other").status, 0);
    struct secret fourth = take(done(CTL(config, NULL, "--json", "rotate", "bolt/other")));
    ck_assert_int_eq(verdict_of(second.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict_of(third.text), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(fourth.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "create", "bolt", "second").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* A command that switches a token off or removes it affects both secrets. */
START_TEST(the_name_means_both)
{
    struct secret old = old_secret("bolt/default");
    struct secret new = take(done(CTL(config, NULL, "--json", "rotate", "bolt/default")));
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--status", "inactive").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(verdict_of(new.text), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--status", "active").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "edit", old.id, "--status", "inactive").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "rotate", old.id).status, 4);
    ck_assert_int_eq(verdict_of(old.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/default", "--yes").status, 4); /* the last */
    ck_assert_int_eq(verdict_of(old.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/default", "--yes", "--last").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict_of(new.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 1); /* an entity without a token */
}
END_TEST

START_TEST(an_entity_goes_with_all)
{
    struct secret old = old_secret("bolt/default");
    ck_assert_int_eq(CTL(config, NULL, "rotate", "bolt/default").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "bolt", "--name", "nut").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_ALLOW);
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "nut", "--status", "inactive").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_SUSPENDED);
    ck_assert_int_eq(CTL(config, NULL, "entity", "remove", "nut", "--yes").status, 0);
    ck_assert_int_eq(verdict_of(old.text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

START_TEST(lifetimes)
{
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "ever", "--expires", "never").status, 0);
    json_t *json = done(CTL(config, NULL, "--json", "rotate", "acme/ever"));
    ck_assert(json_is_null(json_object_get(json, "expires")));
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "dated", "--expires", "2100-01-01").status,
                     0);
    json = done(CTL(config, NULL, "--json", "rotate", "acme/dated", "--expires", "2099-01-01"));
    ck_assert_str_eq(text_of(json, "expires"), "2099-01-01T00:00:00Z");
    json_decref(json);
    /* an overlap does not extend a token that expires earlier */
    struct secret old =
        take(done(CTL(config, NULL, "--json", "create", "acme", "soon", "--expires", "1h")));
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/soon", "--overlap", "7d").status, 0);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 2 * 3600), ESPT_DENY_EXPIRED);
}
END_TEST

/* The old secret never outlives the new one, and the command says what ends it. */
START_TEST(old_ends_with_new)
{
    const char *before = snapshot(config);
    struct run run =
        CTL(config, NULL, "rotate", "bolt/default", "--expires", "1h", "--overlap", "2w");
    ck_assert_msg(run.status == 4 && strstr(run.err, "longer than the new one") != NULL, "%s",
                  run.err);
    ck_assert_str_eq(snapshot(config), before);
    /* the default overlap is shortened */
    struct secret old = old_secret("bolt/default");
    run = CTL(config, NULL, "rotate", "bolt/default", "--expires", "90m");
    ck_assert_msg(run.status == 0 && strstr(run.out, ", when the new one expires;") != NULL, "%s",
                  run.out);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 85 * 60), ESPT_ALLOW);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 91 * 60), ESPT_DENY_EXPIRED);
    /* an overlap that ends first, or that the old one's own expiration ends first, is no conflict
     */
    run = CTL(config, NULL, "rotate", "bolt/default", "--overlap", "2w", "--expires", "1d");
    ck_assert_msg(run.status == 0 && strstr(run.out, ", its own expiration;") != NULL, "%s",
                  run.out);
    run = CTL(config, NULL, "rotate", "bolt/default", "--overlap", "30m", "--expires", "1h");
    ck_assert_msg(run.status == 0 && strstr(run.out, "Z; to end it now") != NULL, "%s", run.out);
    run = CTL(config, NULL, "rotate", "bolt/default", "--overlap", "1h", "--expires", "1h");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = CTL(config, NULL, "rotate", "bolt/default", "--overlap", "2w", "--expires", "never");
    ck_assert_msg(run.status == 0, "%s", run.err);
    /* the lifetime that the new secret gets bounds the old one, too */
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--expires", "never").status, 0);
    old = old_secret("bolt/default");
    run = CTL(config, NULL, "rotate", "bolt/default", "--overlap", "2w", "--expires", "30d");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 13 * 86400), ESPT_ALLOW);
    ck_assert_int_eq(verdict_at(old.text, time(NULL) + 15 * 86400), ESPT_DENY_EXPIRED);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* With --as the default overlap is max_overlap, and the rule is the same. */
START_TEST(old_ends_with_new_as)
{
    struct run run = CTL(config, NULL, "rotate", "bolt/default", "--expires", "1h", "--overlap",
                         "2h", "--as", "bolt");
    ck_assert_msg(run.status == 4 && strstr(run.err, "longer than the new one") != NULL, "%s",
                  run.err);
    run = CTL(config, NULL, "rotate", "bolt/default", "--expires", "1h", "--as", "bolt");
    ck_assert_msg(run.status == 0 && strstr(run.out, ", when the new one expires;") != NULL, "%s",
                  run.out);
}
END_TEST

/* If a token is switched off, both of its secrets are denied, and every form of the output says so.
 */
START_TEST(inactive_is_told)
{
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--status", "inactive").status, 0);
    struct run run = CTL(config, NULL, "rotate", "bolt/default");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_null(strstr(run.out, "works until"));
    ck_assert_ptr_nonnull(strstr(run.out, "Hosts deny both: it is inactive; run "));
    run = CTL(config, NULL, "rotate", "bolt/default", "-q");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "hosts deny the new token: it is inactive; run "));
    json_t *json = done(CTL(config, NULL, "--json", "rotate", "bolt/default"));
    HAS_KEYS(json, TOKEN_KEYS, "token", "old");
    ck_assert_str_eq(text_of(json, "status"), "inactive");
    const json_t *old = json_object_get(json, "old");
    HAS_KEYS(old, TOKEN_KEYS, "retiring");
    /* two rows, and which one retires */
    run = CTL(config, NULL, "list", "bolt");
    const char *row = strstr(run.out, text_of(old, "id"));
    ck_assert(row != NULL && strncmp(strstr(row, "default ") + 8, "inactive, retiring", 18) == 0);
    row = strstr(run.out, text_of(json, "id"));
    ck_assert(row != NULL && strncmp(strstr(row, "default ") + 8, "inactive  ", 10) == 0);
    run = CTL(config, NULL, "show", text_of(old, "id"));
    ck_assert_ptr_nonnull(strstr(run.out, "status    inactive, retiring\n"));
    run = CTL(config, NULL, "retire", "bolt/default");
    ck_assert_ptr_nonnull(strstr(run.out, "The token itself is inactive, too"));
    static const char *const two[] = {"acme/default", "zed/default"};
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(CTL(config, NULL, "edit", two[i], "--status", "inactive").status, 0);
        ck_assert_int_eq(CTL(config, NULL, "rotate", two[i], "--overlap", "1d").status, 0);
    }
    run = CTL(config, NULL, "retire", two[0], two[1]);
    ck_assert_msg(strstr(run.out, "2 of the tokens themselves are inactive, too") != NULL, "%s%s",
                  run.out, run.err);
    json_decref(json);
    /* likewise of an entity that is switched off */
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--status", "inactive").status, 0);
    run = CTL(config, NULL, "create", "acme", "second", "-q");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "its entity acme, or the reseller of that, is inactive"));
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--status", "active").status, 0);
    run = CTL(config, NULL, "rotate", "bolt/default");
    ck_assert_ptr_nonnull(strstr(run.out, "Hosts deny both: its entity bolt, or"));
    json = done(CTL(config, NULL, "--json", "rotate", "bolt/default", "--overlap", "0"));
    ck_assert(json_is_null(json_object_get(json, "old")));
    json_decref(json);
}
END_TEST

/* Each command is refused and changes nothing. */
START_TEST(refusals)
{
    const char *before = snapshot(config);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "bolt/none").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "bolt/default", "--overlap", "soon").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "bolt/default", "--expires", "1999-01-01").status,
                     2);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "zed/default", "--as", "bolt").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "retire", "zed/default", "--as", "bolt").status, 3);
    ck_assert_str_eq(snapshot(config), before);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "bolt/default", "--as", "bolt").status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rotate");
    TCase *tcase = tcase_create("two secrets");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, both_work_until_the_overlap_ends);
    tcase_add_test(tcase, retire_ends_it_at_once);
    tcase_add_test(tcase, never_more_than_two_secrets);
    tcase_add_test(tcase, the_name_means_both);
    tcase_add_test(tcase, an_entity_goes_with_all);
    tcase_add_test(tcase, lifetimes);
    tcase_add_test(tcase, old_ends_with_new);
    tcase_add_test(tcase, old_ends_with_new_as);
    tcase_add_test(tcase, inactive_is_told);
    tcase_add_test(tcase, refusals);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
