/* SPDX-License-Identifier: ISC */
/* verify --explain prints each check in the contract's order, and always the plugin's verdict. */
#include "cli/terminal.h"

static const char *const order[] = {"malformed", "unknown", "inactive", "expired",
                                    "suspended", "tier",    "entity",   "metric"};
#define CHECKS (sizeof order / sizeof *order)

/* Returns one letter for each check: p pass, f fail, - not reached. */
static const char *walked(const char *config, const char *input, const char *const *options)
{
    static char outcomes[CHECKS + 1];
    const char *args[12] = {"--json", "verify"}, *explained[12] = {"--json", "verify", "--explain"};
    for (size_t i = 0; options[i] != NULL; i++)
        args[2 + i] = explained[3 + i] = options[i];
    struct run plain = run_ctl(config, input, args), run = run_ctl(config, input, explained);
    ck_assert_int_eq(run.status, plain.status);
    json_t *verdict = document(run.out), *bare = document(plain.out);
    HAS_KEYS(verdict, "allowed", "reason", "token_id", "entity", "tier", "checks");
    const json_t *checks = json_object_get(verdict, "checks");
    ck_assert_uint_eq(json_array_size(checks), CHECKS);
    for (size_t i = 0; i < CHECKS; i++) {
        const json_t *check = json_array_get(checks, i);
        HAS_KEYS(check, "check", "outcome", "detail");
        ck_assert_str_eq(text_of(check, "check"), order[i]);
        const char *outcome = text_of(check, "outcome");
        outcomes[i] = strcmp(outcome, "pass") == 0 ? 'p' : strcmp(outcome, "fail") == 0 ? 'f' : '-';
        if (outcomes[i] == 'f')
            ck_assert_str_eq(text_of(verdict, "reason"), order[i]);
        else
            ck_assert_str_ne(text_of(verdict, "reason"), order[i]);
        ck_assert(outcomes[i] == '-' || text_of(check, "detail")[0] != '\0');
    }
    json_object_del(verdict, "checks"); /* the rest equals the output without --explain */
    ck_assert(json_equal(verdict, bare));
    json_decref(verdict);
    json_decref(bare);
    return outcomes;
}
#define WALKED(config, input, expected, ...)                                              \
    ck_assert_str_eq(walked((config), (input), (const char *const[]){__VA_ARGS__, NULL}), \
                     (expected))

START_TEST(every_verdict)
{
    const char *folder, *config = populated(&folder);
    char text[64];
    snprintf(text, sizeof text, "%s", revealed(config, "bolt/default"));
    WALKED(config, text, "pppppppp", NULL);
    WALKED(config, text, "pppppppp", "--metric", "kpi.join_time", "--entity", "bolt");
    WALKED(config, "esptk_", "f-------", NULL);
    WALKED(config, text, "pppppppf", "--metric", "asn.traffic");
    WALKED(config, text, "ppppppf-", "--entity", "zed");
    WALKED(config, text, "pppf----", "--at", "2999-01-01");
    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--status", "inactive").status, 0);
    WALKED(config, text, "ppppf---", "--entity", "zed");
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--status", "inactive").status, 0);
    WALKED(config, text, "ppf-----", NULL);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/default", "--yes", "--last").status, 0);
    WALKED(config, text, "pf------", NULL);
    snprintf(text, sizeof text, "%s", revealed(config, "zed/default"));
    file_text(in_folder(folder, "tiers.ini"), "[a]\nrank = 1\nmax_tokens = 1\ndefault = yes\n");
    WALKED(config, text, "pppppf--", NULL);
}
END_TEST

/* After a failed check that can be removed from the query, the later checks show the result they
   would have had. */
START_TEST(what_would_be)
{
    const char *config = populated(NULL), *text = revealed(config, "bolt/default");
    struct run run = CTL(config, text, "--json", "verify", "--explain", "--at", "2999-01-01",
                         "--entity", "zed", "--metric", "asn.traffic");
    json_t *verdict = document(run.out);
    const json_t *checks = json_object_get(verdict, "checks");
    ck_assert_str_eq(text_of(verdict, "reason"), "expired");
    ck_assert_str_eq(text_of(json_array_get(checks, 5), "detail"), "it would pass");
    ck_assert_str_eq(text_of(json_array_get(checks, 6), "detail"),
                     "it would fail: the requested data does not belong to this entity");
    ck_assert_str_eq(text_of(json_array_get(checks, 7), "detail"),
                     "it would fail: tier lite does not show asn.traffic");
    json_decref(verdict);
}
END_TEST

/* The questions that explain a denied token do not count as uses. */
START_TEST(counts_no_use)
{
    const char *config = populated(NULL), *text = revealed(config, "bolt/default");
    ck_assert_int_eq(CTL(config, text, "verify", "--explain", "--at", "2999-01-01").status, 1);
    ck_assert_int_eq(CTL(config, text, "verify", "--explain", "--entity", "zed").status, 1);
    json_t *token = done(CTL(config, NULL, "--json", "show", "bolt/default"));
    ck_assert_int_eq(json_integer_value(json_object_get(token, "uses")), 0);
    ck_assert(json_is_null(json_object_get(token, "last_used")));
    json_decref(token);
}
END_TEST

START_TEST(for_a_person)
{
    const char *config = populated(NULL), *text = revealed(config, "bolt/default");
    struct run run = CTL(config, text, "verify", "--explain", "--at", "2026-01-02");
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_eq(strncmp(run.out, "CHECK     OUTCOME DETAIL\nmalformed pass    ", 39), 0);
    ck_assert_ptr_nonnull(strstr(run.out, "customer bolt and its reseller acme are active\n"));
    ck_assert_ptr_nonnull(strstr(run.out, "\nallow, token "));
    ck_assert_ptr_nonnull(strstr(run.out, ", at 2026-01-02T00:00:00Z\n"));
    ck_assert_ptr_null(strstr(run.out, TEXT_PATTERN));
}
END_TEST

/* A pasted token is checked and not shown. */
START_TEST(at_a_terminal)
{
    const char *config = populated(NULL), *text = revealed(config, "bolt/default");
    char line[80];
    snprintf(line, sizeof line, "%s\n", text);
    struct seen seen = AT_TERMINAL(config, line, NULL, "verify");
    ck_assert_int_eq(seen.status, 0);
    ck_assert_ptr_nonnull(strstr(seen.text, "allow, token "));
    ck_assert_ptr_null(strstr(seen.text, TEXT_PATTERN));
    ck_assert_int_eq(AT_TERMINAL(config, "\n", NULL, "verify").status, 1);
}
END_TEST

/* --- without the text --- */

static const char *explained(const char *config, const char *const *options)
{
    static char outcomes[CHECKS + 1];
    const char *args[16] = {"--json", "verify", "--explain", "--token"};
    for (size_t i = 0; options[i] != NULL; i++)
        args[4 + i] = options[i];
    struct run run = run_ctl(config, NULL, args);
    json_t *verdict = document(run.out);
    HAS_KEYS(verdict, "allowed", "reason", "token_id", "entity", "tier", "text_checked", "checks");
    ck_assert(json_is_false(json_object_get(verdict, "text_checked")));
    const bool allowed = json_is_true(json_object_get(verdict, "allowed"));
    ck_assert_int_eq(run.status, allowed ? 0 : 1);
    const json_t *checks = json_object_get(verdict, "checks");
    for (size_t i = 0; i < CHECKS; i++) {
        const json_t *check = json_array_get(checks, i);
        const char *outcome = text_of(check, "outcome");
        ck_assert_str_eq(text_of(check, "check"), order[i]);
        ck_assert_str_ne(text_of(check, "detail"), "");
        outcomes[i] = outcome[0] == 'n' ? (outcome[4] == 'c' ? '?' : '-') : outcome[0];
        ck_assert_int_eq(outcomes[i] == 'f', strcmp(text_of(verdict, "reason"), order[i]) == 0);
    }
    json_decref(verdict);
    return outcomes;
}
#define EXPLAINED(config, expected, ...) \
    ck_assert_str_eq(explained((config), (const char *const[]){__VA_ARGS__, NULL}), (expected))

/* The verdict on the right text, and each check of the plugin, without the text. */
static void same_verdict(const char *config, const char *const *options)
{
    char text[64];
    snprintf(text, sizeof text, "%s", revealed(config, "bolt/default"));
    const char *with[16] = {"--json", "verify"},
               *without[16] = {"--json", "verify", "--token", "bolt/default"};
    for (size_t i = 0; options[i] != NULL; i++)
        with[2 + i] = without[4 + i] = options[i];
    struct run one = run_ctl(config, text, with), other = run_ctl(config, NULL, without);
    ck_assert_int_eq(one.status, other.status);
    json_t *a = document(one.out), *b = document(other.out);
    json_object_del(b, "text_checked");
    ck_assert_msg(json_equal(a, b), "%s%s", one.out, other.out);
    json_decref(a);
    json_decref(b);
}

START_TEST(without_the_text)
{
    const char *folder, *config = populated(&folder);
    static const char *const questions[][7] = {
        {NULL},
        {"--metric", "kpi.join_time", "--entity", "bolt"},
        {"--metric", "asn.traffic"},
        {"--metric", "No Metric"},
        {"--entity", "zed"},
        {"--entity", "nobody"},
        {"--at", "2999-01-01"},
        {"--at", "2999-01-01", "--entity", "zed", "--metric", "asn.x"},
    };
    EXPLAINED(config, "??pppppp", "bolt/default");
    EXPLAINED(config, "??pppppf", "bolt/default", "--metric", "asn.traffic");
    EXPLAINED(config, "??pppppp", "acme/default", "--entity", "bolt", "--metric", "asn.traffic");
    EXPLAINED(config, "??ppppf-", "acme/default", "--entity", "zed");
    EXPLAINED(config, "??pf----", "bolt/default", "--at", "2999-01-01");
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--expires", "2100-01-01").status,
                     0);
    EXPLAINED(config, "??pppppp", "bolt/default", "--at", "2099-12-31T23:59:59Z");
    EXPLAINED(config, "??pf----", "bolt/default", "--at", "2100-01-01");
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
            same_verdict(config, questions[i]);
        if (round == 0)
            CTL(config, NULL, "entity", "edit", "bolt", "--status", "inactive");
        else if (round == 1)
            CTL(config, NULL, "entity", "edit", "acme", "--status", "inactive");
        else if (round == 2)
            CTL(config, NULL, "edit", "bolt/default", "--status", "inactive");
        else
            file_text(in_folder(folder, "tiers.ini"),
                      "[only]\nrank = 1\nmax_tokens = 1\ndefault = yes\n");
    }
    EXPLAINED(config, "??f-----", "bolt/default", "--metric", "kpi.x");
    /* it counts no use and needs no reveal key */
    ck_assert_int_eq(unlink(in_folder(folder, "reveal.key")), 0);
    EXPLAINED(config, "??f-----", "bolt/default");
}
END_TEST

START_TEST(a_retiring_token)
{
    const char *config = populated(NULL);
    json_t *json = done(CTL(config, NULL, "--json", "rotate", "acme/default", "--overlap", "1d"));
    struct run run = CTL(config, NULL, "verify", "--explain", "--token",
                         text_of(json_object_get(json, "old"), "id"));
    json_decref(json);
    ck_assert_msg(run.status == 0 && strstr(run.out, "a newer secret has its name") != NULL,
                  "%d: %s%s", run.status, run.out, run.err);
}
END_TEST

START_TEST(with_the_rights_of)
{
    const char *config = populated(NULL);
    EXPLAINED(config, "??pppppp", "bolt/default", "--as", "acme");
    EXPLAINED(config, "??pppppp", "bolt/default", "--as", "bolt");
    struct run run = CTL(config, NULL, "verify", "--token", "zed/default", "--as", "acme");
    ck_assert_msg(run.status == 3 && strstr(run.err, "zed/default") != NULL, "%s", run.err);
    run = CTL(config, NULL, "verify", "--token", "zed/none", "--entity", "nobody");
    ck_assert_msg(run.status == 3 && strstr(run.err, "'zed/none': there is no such token") != NULL,
                  "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "verify", "--as", "acme").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "verify", "--token", "zed").status, 2);
    run = CTL(config, NULL, "verify", "--token", revealed(config, "zed/default"));
    ck_assert(run.status == 2 && strstr(run.err, TEXT_PATTERN) == NULL);
    /* a text is not asked for at a terminal */
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "verify", "--token", "zed/default");
    ck_assert_int_eq(seen.status, 0);
    ck_assert_ptr_nonnull(strstr(seen.text, "allow, if the text is right, token "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("explain");
    TCase *tests = tcase_create("explain");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, every_verdict);
    tcase_add_test(tests, what_would_be);
    tcase_add_test(tests, counts_no_use);
    tcase_add_test(tests, for_a_person);
    tcase_add_test(tests, at_a_terminal);
    tcase_add_test(tests, without_the_text);
    tcase_add_test(tests, a_retiring_token);
    tcase_add_test(tests, with_the_rights_of);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
