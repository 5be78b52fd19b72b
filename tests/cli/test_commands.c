/* SPDX-License-Identifier: ISC */
/* The successful path of every command: the JSON shapes of specification §6, and the text output.
 */
#include "cli/drive.h"

#include <stdio.h>

START_TEST(entity_shapes)
{
    const char *config = store_folder(NULL);
    json_t *added =
        done(CTL(config, NULL, "--json", "entity", "add", "acme", "--kind", "reseller"));
    HAS_KEYS(added, "entity", "token");
    HAS_KEYS(json_object_get(added, "entity"), ENTITY_KEYS);
    HAS_KEYS(json_object_get(added, "token"), TOKEN_KEYS, "token");
    const json_t *token = json_object_get(added, "token");
    ck_assert_str_eq(text_of(token, "name"), "default");
    ck_assert(json_is_null(json_object_get(token, "last_used")));
    ck_assert(json_is_integer(json_object_get(token, "uses")));
    ck_assert_int_eq(json_integer_value(json_object_get(token, "uses")), 0);
    ck_assert_uint_eq(strlen(text_of(token, "token")), 54);

    json_t *shown = done(CTL(config, NULL, "entity", "show", "acme", "--json"));
    ck_assert(json_equal(shown, json_object_get(added, "entity")));
    ck_assert(json_is_null(json_object_get(shown, "reseller")));
    ck_assert_str_eq(text_of(shown, "tier"), "lite");
    ck_assert_int_eq(json_integer_value(json_object_get(shown, "max_tokens")), 1);

    json_t *edited = done(CTL(config, NULL, "--json", "entity", "edit", "acme", "--name", "acme2",
                              "--tier", "advanced", "--status", "inactive"));
    HAS_KEYS(edited, ENTITY_KEYS);
    ck_assert_str_eq(text_of(edited, "name"), "acme2");
    ck_assert_str_eq(text_of(edited, "status"), "inactive");

    json_t *list = done(CTL(config, NULL, "--json", "entity", "list"));
    HAS_KEYS(list, "entities");
    ck_assert(json_equal(json_array_get(json_object_get(list, "entities"), 0), edited));

    json_t *removed = done(CTL(config, NULL, "--json", "entity", "remove", "acme2", "--yes"));
    HAS_KEYS(removed, "removed");
    ck_assert(json_equal(json_object_get(removed, "removed"), edited));
    json_decref(list);
    list = done(CTL(config, NULL, "--json", "list"));
    HAS_KEYS(list, "tokens");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "tokens")), 0);
    json_decref(added);
    json_decref(shown);
    json_decref(edited);
    json_decref(list);
    json_decref(removed);
}
END_TEST

START_TEST(token_shapes)
{
    const char *config = populated(NULL);
    json_t *made =
        done(CTL(config, NULL, "--json", "create", "acme", "zweites ü", "--expires", "2999-01-01"));
    HAS_KEYS(made, TOKEN_KEYS, "token");
    ck_assert_str_eq(text_of(made, "expires"), "2999-01-01T00:00:00Z");
    json_t *shown = done(CTL(config, NULL, "--json", "show", "acme/zweites ü", "--reveal"));
    ck_assert(json_equal(made, shown));
    json_t *bare = done(CTL(config, NULL, "--json", "show", text_of(made, "id")));
    HAS_KEYS(bare, TOKEN_KEYS);

    json_t *edited = done(CTL(config, NULL, "--json", "edit", text_of(made, "id"), "--name", "b",
                              "--expires", "never", "--status", "inactive"));
    HAS_KEYS(edited, TOKEN_KEYS);
    ck_assert(json_is_null(json_object_get(edited, "expires")));
    ck_assert_str_eq(text_of(edited, "status"), "inactive");
    json_t *removed = done(CTL(config, NULL, "--json", "remove", "acme/b", "--yes"));
    ck_assert(json_equal(json_object_get(removed, "removed"), edited));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/b").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "remove", "acme/default", "--yes", "--last").status, 0);
    json_decref(made);
    json_decref(shown);
    json_decref(bare);
    json_decref(edited);
    json_decref(removed);
}
END_TEST

START_TEST(texts_for_people)
{
    const char *config = populated(NULL);
    struct run run = CTL(config, NULL, "create", "acme", "second");
    ck_assert_ptr_nonnull(strstr(run.out, "\ntoken     esptk_"));
    ck_assert_ptr_nonnull(strstr(run.out, "--reveal"));
    run = CTL(config, NULL, "create", "-q", "acme", "third");
    ck_assert_uint_eq(strlen(run.out), 55);
    ck_assert_int_eq(run.out[54], '\n');
    run = CTL(config, NULL, "list");
    ck_assert_int_eq(strncmp(run.out, "ENTITY ID ", 10), 0);
    run = CTL(config, NULL, "list", "bolt");
    ck_assert_int_eq(strncmp(run.out, "ID ", 3), 0);
    ck_assert_ptr_null(strstr(run.out, "over the limit"));
    run = CTL(config, NULL, "entity", "list", "--tree");
    const char *platform = strstr(run.out, "platform"), *acme = strstr(run.out, "acme");
    ck_assert(platform != NULL && platform < acme && acme < strstr(run.out, "bolt"));
    run = CTL(config, NULL, "check");
    ck_assert_str_eq(run.out, "no findings\n");
    run = CTL(config, NULL, "tier", "list");
    ck_assert_ptr_nonnull(strstr(run.out, "asn.*"));
}
END_TEST

START_TEST(nothing_is_printed_of_nothing)
{
    const char *config = store_folder(NULL);
    struct run run = CTL(config, NULL, "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, "");
    run = CTL(config, NULL, "entity", "list", "--tree");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.out, "");
}
END_TEST

START_TEST(cascade_lowers_and_tells)
{
    const char *config = populated(NULL);
    CTL(config, NULL, "entity", "edit", "bolt", "--tier", "advanced");
    struct run run = CTL(config, NULL, "entity", "edit", "acme", "--tier", "lite");
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_nonnull(strstr(run.err, "bolt"));
    run = CTL(config, NULL, "entity", "edit", "acme", "--tier", "lite", "--cascade");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "esp-tokenctl: lowered bolt to tier lite\n");
    CTL(config, NULL, "entity", "edit", "acme", "--tier", "advanced");
    CTL(config, NULL, "entity", "edit", "bolt", "--tier", "advanced");
    run = CTL(config, NULL, "--json", "entity", "edit", "acme", "--tier", "lite", "--cascade");
    ck_assert_str_eq(run.err, "");
    json_t *edited = done(run);
    HAS_KEYS(edited, ENTITY_KEYS, "lowered");
    json_t *bolt = done(CTL(config, NULL, "--json", "entity", "show", "bolt"));
    ck_assert(json_equal(json_array_get(json_object_get(edited, "lowered"), 0), bolt));
    json_decref(bolt);
    json_decref(edited);
    run = CTL(config, NULL, "entity", "edit", "bolt", "--reseller", "none");
    ck_assert_ptr_nonnull(strstr(run.out, "reseller  -\n"));
}
END_TEST

START_TEST(over_the_limit)
{
    const char *config = populated(NULL);
    CTL(config, NULL, "create", "acme", "second");
    CTL(config, NULL, "entity", "edit", "acme", "--tier", "lite");
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "list", "acme").out,
                                 "acme has 2 tokens, but tier lite allows 1: it cannot create"));
    ck_assert_ptr_nonnull(
        strstr(CTL(config, NULL, "entity", "show", "acme").out, "2/1 over the limit"));
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "entity", "list").out, "2/1 over the limit"));
    struct run run = CTL(config, NULL, "--json", "check");
    ck_assert_int_eq(run.status, 1);
    json_t *findings = document(run.out);
    const json_t *finding = json_array_get(json_object_get(findings, "findings"), 0);
    HAS_KEYS(finding, "kind", "subject", "message");
    ck_assert_str_eq(text_of(finding, "kind"), "over-limit");
    ck_assert_str_eq(text_of(finding, "subject"), "acme");
    json_decref(findings);
    run = CTL(config, NULL, "check");
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "over-limit"));
}
END_TEST

START_TEST(tiers)
{
    const char *folder, *config = populated(&folder);
    json_t *list = done(CTL(config, NULL, "--json", "tier", "list"));
    HAS_KEYS(list, "tiers");
    const json_t *tier = json_array_get(json_object_get(list, "tiers"), 0);
    HAS_KEYS(tier, "name", "label", "rank", "max_tokens", "default", "metrics", "upgrade");
    ck_assert(json_is_true(json_object_get(tier, "default")));
    json_decref(list);

    const char *draft = in_folder(folder, "draft.ini");
    file_text(draft, "[lite]\nrank = 1\nmax_tokens = unlimited\ndefault = yes\n");
    struct run run = CTL(config, NULL, "--json", "tier", "check", draft);
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "unknown-tier"));
    ck_assert_int_eq(CTL(config, NULL, "tier", "check").status, 0);
    file_text(draft, "[lite]\nrank : 1\n");
    run = CTL(config, NULL, "tier", "check", draft);
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "draft.ini:2:"));

    file_text(in_folder(folder, "tiers.ini"),
              "[lite]\nrank = 1\nmax_tokens = unlimited\ndefault = yes\n");
    json_t *entity = done(CTL(config, NULL, "--json", "entity", "show", "acme"));
    ck_assert(json_is_false(json_object_get(entity, "tier_known")));
    ck_assert(json_is_null(json_object_get(entity, "max_tokens")));
    json_decref(entity);
}
END_TEST

/* The input may end in LF, CRLF or neither. */
START_TEST(verify)
{
    static const char *const endings[] = {"", "\n", "\r\n"};
    const char *config = populated(NULL), *text = revealed(config, "bolt/default");
    char input[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(input, sizeof input, "%s%s", text, endings[i]);
        ck_assert_int_eq(CTL(config, input, "verify").status, 0);
    }
    json_t *verdict = done(CTL(config, input, "--json", "verify", "--metric", "kpi.join_time"));
    HAS_KEYS(verdict, "allowed", "reason", "token_id", "entity", "tier");
    ck_assert_str_eq(text_of(verdict, "reason"), "allow");
    ck_assert_str_eq(text_of(verdict, "entity"), "bolt");
    json_decref(verdict);

    const struct {
        const char *option, *value, *reason;
    } denied[] = {
        {"--metric", "asn.traffic", "metric"},
        {"--entity", "acme", "entity"},
        {"--at", "2999-01-01", "expired"},
    };
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        struct run run = CTL(config, input, "--json", "verify", denied[i].option, denied[i].value);
        ck_assert_int_eq(run.status, 1);
        verdict = document(run.out);
        ck_assert_str_eq(text_of(verdict, "reason"), denied[i].reason);
        ck_assert(json_is_false(json_object_get(verdict, "allowed")));
        json_decref(verdict);
    }
    struct run run = CTL(config, NULL, "--json", "verify");
    ck_assert_int_eq(run.status, 1);
    verdict = document(run.out);
    ck_assert_str_eq(text_of(verdict, "reason"), "malformed");
    ck_assert(json_is_null(json_object_get(verdict, "token_id")));
    json_decref(verdict);
}
END_TEST

START_TEST(options_anywhere)
{
    const char *config = populated(NULL);
    ck_assert_int_eq(setenv("POSIXLY_CORRECT", "1", 1), 0);
    json_t *shown = done(CTL(NULL, NULL, "show", "acme/default", "--json", "-c", config));
    json_decref(shown);
    ck_assert_int_eq(CTL(config, NULL, "create", "--", "acme", "--name").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/--name").status, 0);
    ck_assert_int_eq(setenv("ESP_TOKEN_CONFIG", config, 1), 0);
    ck_assert_int_eq(CTL(NULL, NULL, "list").status, 0);
    ck_assert_int_eq(CTL("/nonexistent", NULL, "list").status, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commands");
    TCase *tests = tcase_create("commands");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, entity_shapes);
    tcase_add_test(tests, token_shapes);
    tcase_add_test(tests, texts_for_people);
    tcase_add_test(tests, nothing_is_printed_of_nothing);
    tcase_add_test(tests, cascade_lowers_and_tells);
    tcase_add_test(tests, over_the_limit);
    tcase_add_test(tests, tiers);
    tcase_add_test(tests, verify);
    tcase_add_test(tests, options_anywhere);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
