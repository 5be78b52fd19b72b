/* SPDX-License-Identifier: ISC */
/* The options that list and entity list share: columns, forms, and the filters of entities. */
#include "cli/terminal.h"

#include <time.h>

/* As populated(), and cape, an inactive customer of acme with a contact. */
static void add_cape(const char *config)
{
    populate(config);
    MUST_CTL(config, "entity", "add", "cape", "--kind", "customer", "--reseller", "acme", "--tier",
             "advanced", "--contact", "Ops@Cape.example");
    MUST_CTL(config, "entity", "edit", "cape", "--status", "inactive");
    MUST_CTL(config, "create", "cape", "second");
}

static const char *with_contact(void)
{
    return store_made(add_cape, NULL);
}

/* The names that -q prints, separated by blanks. It must agree with JSON. */
static const char *listed(const char *config, const char *const *options)
{
    static char names[4096];
    const char *quiet[24] = {"entity", "list", "-q"}, *json[24] = {"--json", "entity", "list"};
    for (size_t i = 0; options[i] != NULL; i++)
        quiet[3 + i] = json[3 + i] = options[i];
    struct run run = run_ctl(config, NULL, quiet);
    ck_assert_msg(run.status == 0, "%s", run.err);
    snprintf(names, sizeof names, "%s", run.out);
    json_t *document = done(run_ctl(config, NULL, json)), *entity;
    char same[4096] = "";
    size_t i;
    json_array_foreach(json_object_get(document, "entities"), i, entity)
    {
        HAS_KEYS(entity, ENTITY_KEYS);
        snprintf(same + strlen(same), sizeof same - strlen(same), "%s\n", text_of(entity, "name"));
    }
    json_decref(document);
    ck_assert_str_eq(names, same);
    for (char *at = names; (at = strchr(at, '\n')) != NULL;)
        *at = at[1] == '\0' ? '\0' : ' ';
    return names;
}
#define LISTED(config, expected, ...) \
    ck_assert_str_eq(listed((config), (const char *const[]){__VA_ARGS__, NULL}), (expected))

START_TEST(entities_that_match)
{
    const char *config = with_contact();
    LISTED(config, "acme bolt cape zed", NULL);
    LISTED(config, "bolt zed", "--tier", "lite");
    LISTED(config, "cape", "--status", "inactive");
    LISTED(config, "acme", "--kind", "reseller");
    LISTED(config, "acme bolt cape", "--reseller", "acme");
    LISTED(config, "bolt cape", "--reseller", "acme", "--kind", "customer");
    LISTED(config, "acme zed", "--reseller", "none");
    LISTED(config, "cape", "--contact", "ops@cape");
    LISTED(config, "acme bolt zed", "--contact", "");
    LISTED(config, "", "--over-limit");
    LISTED(config, "", "--as", "zed", "--kind", "reseller");
    LISTED(config, "bolt cape", "--as", "acme", "--kind", "customer");
    LISTED(config, "cape acme bolt zed", "--sort", "-tokens");
    LISTED(config, "bolt zed acme cape", "--sort", "tier");
    LISTED(config, "zed cape bolt acme", "--sort", "-name");
}
END_TEST

/* Which filters match, when the tier table has changed, and when it is broken. */
START_TEST(over_their_limit)
{
    const char *folder, *config = populated(&folder);
    for (const char *const *name = (const char *const[]){"a", "b", NULL}; *name != NULL; name++)
        ck_assert_int_eq(CTL(config, NULL, "create", "acme", *name).status, 0);
    const char *tiers = in_folder(folder, "tiers.ini");
    char *text = file_read(tiers, NULL), *limit = strstr(text, "max_tokens = 5");
    ck_assert_ptr_nonnull(limit);
    limit[strlen("max_tokens = ")] = '2';
    file_text(tiers, text);
    LISTED(config, "acme", "--over-limit");
    struct run run = CTL(config, NULL, "list", "--over-limit", "-q");
    ck_assert_uint_eq(strlen(run.out), 3 * strlen("12345678901\n"));
    setenv("NO_COLOR", "1", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "entity", "list");
    ck_assert_ptr_nonnull(
        strstr(seen.text, "\n3 entities: 1 reseller, 2 customers, 1 over the limit\r\n"));
    limit[0] = 'M';
    file_text(tiers, text);
    run = CTL(config, NULL, "entity", "list", "--over-limit");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "tiers.ini:"));
    LISTED(config, "acme", "--tier", "advanced", "--sort", "tier");
}
END_TEST

/* In a tree a reseller is shown above its matching customers, even if it does not match itself. */
START_TEST(a_tree_that_is_filtered)
{
    const char *config = with_contact();
    setenv("LC_ALL", "C", 1);
    struct run run = CTL(config, NULL, "entity", "list", "--tree", "--contact", "ops");
    ck_assert_str_eq(run.out, "NAME     KIND     RESELLER TIER     STATUS   TOKENS\n"
                              "platform\n"
                              "`-acme   reseller -        advanced active   1/5\n"
                              "  `-cape customer acme     advanced inactive 2/5\n");
    run = CTL(config, NULL, "entity", "list", "--tree", "--sort", "-name", "--columns", "name");
    ck_assert_str_eq(run.out, "NAME\nplatform\n|-zed\n`-acme\n  |-cape\n  `-bolt\n");
    ck_assert_str_eq(CTL(config, NULL, "entity", "list", "--tree", "--contact", "nobody").out, "");
    setenv("NO_COLOR", "1", 1);
    struct seen seen =
        AT_TERMINAL(config, NULL, NULL, "entity", "list", "--tree", "--contact", "ops");
    ck_assert_ptr_nonnull(strstr(seen.text, "\n1 entity: 1 customer\r\n"));
}
END_TEST

START_TEST(columns_as_chosen)
{
    const char *config = with_contact();
    ck_assert_int_eq(CTL(config, NULL, "edit", "zed/default", "--note", "nightly export").status,
                     0);
    ck_assert_str_eq(
        CTL(config, NULL, "list", "--columns", "note,entity,tier", "--tier", "lite").out,
        "NOTE           ENTITY TIER\n"
        "-              bolt   lite\n"
        "nightly export zed    lite\n");
    ck_assert_str_eq(CTL(config, NULL, "list", "--columns", "entity,contact,reseller,foreign,uses",
                         "--no-headers", "cape")
                         .out,
                     "cape Ops@Cape.example acme no 0\ncape Ops@Cape.example acme no 0\n");
    ck_assert_ptr_nonnull(
        strstr(CTL(config, NULL, "list", "zed", "--columns", "+note").out, "USED  NOTE\n"));
    ck_assert_str_eq(CTL(config, NULL, "entity", "list", "--columns", "name,contact,customers").out,
                     "NAME CONTACT          CUSTOMERS\n"
                     "acme -                        2\n"
                     "bolt -                        -\n"
                     "cape Ops@Cape.example         -\n"
                     "zed  -                        -\n");
    ck_assert_str_eq(
        CTL(config, NULL, "list", "--note", "NIGHT", "--columns", "entity", "--no-headers").out,
        "zed\n");
    ck_assert_str_eq(CTL(config, NULL, "list", "--note", "", "zed", "-q").out, "");
}
END_TEST

/* Asserts that completion, --help and the refusal of an unknown column name the same columns, and
   that each of them can be chosen. */
static void words_agree(const char *config, const char *const *command, size_t expected)
{
    const char *args[8] = {"complete", "--"}, *help[4] = {NULL}, *list[8] = {NULL};
    size_t words = 0, count = 0;
    for (; command[words] != NULL; words++)
        args[2 + words] = help[words] = list[words] = command[words];
    args[2 + words] = "--columns";
    args[3 + words] = "";
    help[words] = "--help";
    list[words] = "--columns";
    list[words + 1] = "size";
    struct run offered = run_ctl(config, NULL, args), helped = run_ctl(config, NULL, help);
    struct run refused = run_ctl(config, NULL, list);
    ck_assert_int_eq(refused.status, 2);
    ck_assert_ptr_nonnull(strstr(refused.err, "'size': no such column"));
    char *state;
    for (char *word = strtok_r(offered.out, "\n", &state); word != NULL;
         word = strtok_r(NULL, "\n", &state), count++) {
        list[words + 1] = word;
        ck_assert_int_eq(run_ctl(config, NULL, list).status, 0);
        ck_assert_ptr_nonnull(strstr(strstr(helped.out, "COLUMN is "), word));
        ck_assert_ptr_nonnull(strstr(refused.err, word));
        list[words] = "--sort";
        ck_assert_int_eq(run_ctl(config, NULL, list).status, 0);
        list[words] = "--columns";
    }
    ck_assert_uint_eq(count, expected);
}

START_TEST(words_of_columns)
{
    const char *config = populated(NULL);
    words_agree(config, (const char *const[]){"list", NULL}, 13);
    words_agree(config, (const char *const[]){"entity", "list", NULL}, 9);
    ck_assert_str_eq(CTL(config, NULL, "complete", "--", "list", "--columns", "+note,f").out,
                     "+note,foreign\n");
    ck_assert_str_eq(CTL(config, NULL, "complete", "--", "list", "--columns=id,i").out, "");
    ck_assert_str_eq(CTL(config, NULL, "complete", "--", "entity", "list", "--sort", "-cu").out,
                     "-customers\n");
    ck_assert_str_eq(CTL(config, NULL, "complete", "--", "entity", "list", "--reseller", "").out,
                     "none\nacme\n");
}
END_TEST

START_TEST(refused)
{
    static const char *const refusals[][8] = {
        {"list", "--columns", "id,id"},
        {"list", "--columns", "id,"},
        {"list", "--columns", ","},
        {"list", "--columns", "+"},
        {"list", "--columns", "+id"},
        {"list", "--columns", "averylongwordthatisnocolumnofanytable"},
        {"list", "--columns", ""},
        {"list", "--columns", "id", "--json"},
        {"list", "--columns", "id", "-q"},
        {"list", "-q", "--json"},
        {"list", "--kind", "person"},
        {"list", "--contact", "x"},
        {"entity", "list", "--status", "expired"},
        {"entity", "list", "--kind", "person"},
        {"entity", "list", "--columns", "note"},
        {"entity", "list", "--sort", "uses"},
        {"entity", "list", "--tree", "-q"},
        {"entity", "list", "--reseller", "bolt"},
        {"entity", "list", "--expiring", "30d"},
    };
    const char *config = populated(NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct run run = run_ctl(config, NULL, refusals[i]);
        ck_assert_msg(run.status == 2, "%zu: %d %s", i, run.status, run.err);
        ck_assert_str_eq(run.out, "");
    }
    ck_assert_int_eq(CTL(config, NULL, "entity", "list", "--reseller", "nobody").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "entity", "list", "--tier", "golden").status, 3);
    /* a value that may be a secret is not repeated */
    struct run run =
        CTL(config, NULL, "list", "--columns", "averylongwordthatisnocolumnofanytable");
    ck_assert_ptr_null(strstr(run.err, "averylong"));
}
END_TEST

/* A filter and a column tell foreign tokens from others. */
START_TEST(foreign_tokens)
{
    const char *folder, *config = populated(&folder);
    const char *lines = in_folder(folder, "lines.jsonl");
    file_text(lines, "{\"export\":\"esp-token\",\"version\":1,\"sealed\":false}\n"
                     "{\"token\":{\"foreign\":true,\"entity\":\"acme\",\"name\":\"old\",\"sha256\":"
                     "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\","
                     "\"expires\":null}}\n");
    struct run run = CTL(config, NULL, "import", lines);
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_str_eq(
        CTL(config, NULL, "list", "--foreign", "--columns", "name,foreign", "--no-headers").out,
        "old yes\n");
    ck_assert_str_eq(CTL(config, NULL, "list", "acme", "--columns", "name,foreign", "--sort",
                         "-foreign", "--no-headers")
                         .out,
                     "old     yes\ndefault no\n");
    json_t *list = done(CTL(config, NULL, "--json", "list", "--foreign"));
    ck_assert_uint_eq(json_array_size(json_object_get(list, "tokens")), 1);
    json_decref(list);
}
END_TEST

/* A retiring secret was replaced: neither the list nor the figures report that it ends. */
START_TEST(retiring_ones_do_not_expire)
{
    const char *config = populated(NULL);
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--expires", "never").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/default", "--overlap", "7d").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--expires", "20d").status, 0);
    ck_assert_str_eq(
        CTL(config, NULL, "list", "--expiring", "30d", "--columns", "entity", "--no-headers").out,
        "bolt\n");
    ck_assert_str_eq(CTL(config, NULL, "list", "--expiring", "30d", "--status", "retiring",
                         "--columns", "entity", "--no-headers")
                         .out,
                     "acme\n");
    /* also one that is switched off */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--status", "inactive").status, 0);
    ck_assert_str_eq(CTL(config, NULL, "list", "--expiring", "30d", "acme", "-q").out, "");
    json_t *stats = done(CTL(config, NULL, "--json", "stats")), *month;
    const json_t *expiring = json_object_get(stats, "expiring");
    long long sum = json_integer_value(json_object_get(expiring, "later"));
    size_t i;
    json_array_foreach(json_object_get(expiring, "months"), i, month)
    {
        sum += json_integer_value(json_object_get(month, "tokens"));
    }
    ck_assert_int_eq(sum, 2); /* bolt's and zed's */
    ck_assert_int_eq(json_integer_value(json_object_get(expiring, "never")), 1);
    json_decref(stats);
    struct run run = CTL(config, NULL, "stats", "--prometheus");
    ck_assert_ptr_nonnull(strstr(run.out, "esp_token_tokens_expiring{days=\"7\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(run.out, "esp_token_tokens_expiring{days=\"30\"} 1\n"));
    const char *next = strstr(run.out, "\nesp_token_next_expiry_timestamp_seconds ");
    ck_assert_ptr_nonnull(next);
    ck_assert_int_gt(atoll(strrchr(keep_string(strndup(next, strcspn(next + 1, "\n") + 1)), ' ')),
                     time(NULL) + 8 * 86400);
}
END_TEST

static void has_order(const char *config, const char *expected, const char *sort,
                      const char *filter)
{
    const char *args[] = {"list",         "acme", "--columns", "name,status",
                          "--no-headers", NULL,   NULL,        NULL};
    size_t count = 5;
    if (sort != NULL)
        args[count++] = sort;
    if (filter != NULL)
        args[count++] = filter;
    const char *out = run_ctl(config, NULL, args).out;
    char seen[512] = "";
    for (const char *at = out; *at != '\0'; at += strspn(at, " \n")) {
        const size_t len = strcspn(at, " \n");
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s ", (int)len, at);
        at += len;
    }
    ck_assert_msg(strcmp(seen, expected) == 0, "%s %s: %s", sort, filter, seen);
}

/* A retiring secret is listed next to the one that replaced it, whatever the order. */
START_TEST(two_secrets_of_a_token)
{
    static const char *const names[] = {"b", "d", "a", "c"};
    const char *config = populated(NULL);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(CTL(config, NULL, "create", "acme", names[i]).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/d", "--overlap", "2d").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/a", "--overlap", "9d").status, 0);
    static const char *const expires[][2] = {{"acme/c", "1d"},
                                             {"acme/default", "10d"},
                                             {"acme/d", "20d"},
                                             {"acme/a", "30d"},
                                             {"acme/b", "never"}};
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(
            CTL(config, NULL, "edit", expires[i][0], "--expires", expires[i][1]).status, 0);
#define PAIR(name) #name " active " #name " retiring "
    has_order(config, PAIR(a) "b active c active " PAIR(d) "default active ", NULL, NULL);
    has_order(config, "default active " PAIR(d) "c active b active " PAIR(a), "--sort=-name", NULL);
    has_order(config, "c active default active " PAIR(d) PAIR(a) "b active ", "--sort=expires",
              NULL);
    has_order(config, "b active " PAIR(a) PAIR(d) "default active c active ", "--sort=-expires",
              NULL);
    has_order(config, PAIR(a) "b active c active " PAIR(d) "default active ", "--sort=status",
              NULL);
    /* listed alone, they are sorted by their own values */
    has_order(config, "d retiring a retiring ", "--sort=expires", "--status=retiring");
    has_order(config, "a retiring d retiring ", NULL, "--status=retiring");
    /* of all entities, and as JSON */
    json_t *list = done(CTL(config, NULL, "--json", "list", "--sort", "id")), *token;
    const char *before = "";
    size_t i, retiring = 0;
    json_array_foreach(json_object_get(list, "tokens"), i, token)
    {
        if (strcmp(text_of(token, "status"), "retiring") == 0)
            ck_assert_str_eq(text_of(token, "name"), before);
        retiring += strcmp(text_of(token, "status"), "retiring") == 0;
        before = text_of(token, "name");
    }
    ck_assert_uint_eq(retiring, 2);
    json_decref(list);
    /* an edit of the new one moves both */
    ck_assert_int_eq(CTL(config, NULL, "edit", "acme/a", "--name", "zz").status, 0);
    has_order(config, "b active c active " PAIR(d) "default active " PAIR(zz), NULL, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lists");
    TCase *tests = tcase_create("lists");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, entities_that_match);
    tcase_add_test(tests, over_their_limit);
    tcase_add_test(tests, a_tree_that_is_filtered);
    tcase_add_test(tests, columns_as_chosen);
    tcase_add_test(tests, words_of_columns);
    tcase_add_test(tests, refused);
    tcase_add_test(tests, foreign_tokens);
    tcase_add_test(tests, retiring_ones_do_not_expire);
    tcase_add_test(tests, two_secrets_of_a_token);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
