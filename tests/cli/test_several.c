/* SPDX-License-Identifier: ISC */
/* edit, retire and remove of several tokens: one transaction changes all of them, or none. */
#include "cli/terminal.h"

static const char *config, *folder;

static void add_tokens(const char *to)
{
    static const char *const names[] = {"a", "b", "c"};
    populate(to);
    for (size_t i = 0; i < 3; i++)
        MUST_CTL(to, "create", "acme", names[i]);
}

static void setup(void)
{
    config = store_made(add_tokens, &folder);
}

static const char *field(const char *token, const char *key)
{
    json_t *json = done(CTL(config, NULL, "--json", "show", token));
    const char *text = keep_string(strdup(text_of(json, key)));
    json_decref(json);
    return text;
}

/* The number of changes in the last entry of the log. */
static size_t logged(const char *command)
{
    json_t *log = done(CTL(config, NULL, "--json", "log"));
    const json_t *entries = json_object_get(log, "entries");
    const json_t *last = json_array_get(entries, json_array_size(entries) - 1);
    ck_assert_str_eq(text_of(last, "command"), command);
    const size_t count = json_array_size(json_object_get(last, "changes"));
    json_decref(log);
    return count;
}

/* --- edit --- */

START_TEST(edits_all)
{
    struct run run = CTL(config, NULL, "edit", "acme/a", "acme/b", "bolt/default", "--status",
                         "inactive", "--note", "leaked");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_ptr_nonnull(strstr(run.out, "(b of acme)\n"));
    ck_assert_ptr_nonnull(strstr(run.out, "edited 3 tokens\n"));
    ck_assert_str_eq(field("acme/a", "status"), "inactive");
    ck_assert_str_eq(field("bolt/default", "note"), "leaked");
    ck_assert_str_eq(field("acme/c", "status"), "active");
    ck_assert_uint_eq(logged("edit"), 3);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* One of them is refused: nothing is changed, and the message says which. */
static const struct refused {
    const char *args[8];
    int status;
    const char *words;
} refusals[] = {
    {{"edit", "acme/a", "acme/none", "--status", "inactive"}, 3, "TOKEN 2: 'acme/none': "},
    {{"edit", "acme/a", "acme/bb", "--status", "inactive"}, 3, "did you mean acme/b"},
    {{"edit", "acme/a", "b", "--status", "inactive"}, 2, "TOKEN 2: 'b': not a TOKEN"},
    {{"edit", "acme/a", "acme/b", "--name", "x"}, 2, "a name belongs to one"},
    {{"edit", "acme/a", "zed/default", "--status", "inactive", "--as", "acme"}, 3, "TOKEN 2: "},
    {{"edit", "acme/a", "acme/b", "--expires", "today"}, 2, "TOKEN 1: 'acme/a': the expiration"},
    {{"retire", "acme/a", "acme/b"}, 3, "TOKEN 2: 'acme/b': no secret of this token is retiring"},
    {{"remove", "acme/a", "zed/default", "--yes"}, 4, "TOKEN 2: 'zed/default': this is the last"},
    {{"remove", "acme/a", "acme/b", "acme/c", "acme/default", "--yes"}, 4, "TOKEN 4: "},
    {{"remove", "acme/a", "zed/default", "--as", "acme", "--yes"}, 3, "TOKEN 2: "},
    {{"remove", "acme/a", "acme/b"}, 2, "add --yes"},
    {{"remove", "acme/a", "--from", "-", "--yes"}, 2, "too many arguments"},
};

START_TEST(all_or_none)
{
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/a").status, 0);
    const char *before = snapshot(config);
    struct run run = run_ctl(config, NULL, refusals[_i].args);
    ck_assert_msg(run.status == refusals[_i].status, "%d: %s", run.status, run.err);
    ck_assert_msg(strstr(run.err, refusals[_i].words) != NULL, "%s", run.err);
    ck_assert_str_eq(run.out, "");
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

/* A dry run ends as the real one would, and changes nothing; it needs no answer. */
static const struct rehearsal {
    const char *args[8];
    int status;
    const char *words;
} rehearsals[] = {
    {{"edit", "--dry-run", "acme/a", "acme/b", "--status", "inactive"}, 0, "would edit 2 tokens\n"},
    {{"edit", "--dry-run", "acme/b", "--note", "n"}, 0, "(b of acme)\nwould edit 1 token\n"},
    {{"retire", "--dry-run", "acme/a"}, 0, "(a of acme)\nwould end 1 token\n"},
    {{"remove", "--dry-run", "acme/a", "acme/c"}, 0, "would remove 2 tokens\n"},
    {{"remove", "--dry-run", "--json", "acme/c"}, 0, "\"dry_run\": true"},
    {{"edit", "--dry-run", "acme/a", "acme/none", "--note", "n"}, 3, "TOKEN 2: 'acme/none': "},
    {{"retire", "--dry-run", "acme/b"}, 3, "no secret of this token is retiring"},
    {{"remove", "--dry-run", "acme/a", "zed/default"}, 4, "TOKEN 2: 'zed/default': this is the"},
};

START_TEST(rehearses)
{
    const struct rehearsal *r = &rehearsals[_i];
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/a").status, 0);
    const char *before = snapshot(config), *log = CTL(config, NULL, "log").out;
    struct run run = run_ctl(config, NULL, r->args);
    ck_assert_msg(run.status == r->status, "%d: %s", run.status, run.err);
    const char *said = r->status == 0 ? run.out : run.err;
    ck_assert_msg(strstr(said, r->words) != NULL, "%s", said);
    ck_assert_str_eq(snapshot(config), before);
    ck_assert_str_eq(CTL(config, NULL, "log").out, log);
}
END_TEST

/* A dry run names everything that would be refused, in the order given. It ends as the real run
   would: with the first refusal that is met. */
static const struct all_refused {
    const char *args[10];
    const char *lines; /* of --from */
    int status;
    const char *out, *err;
} all_refused[] = {
    {{"edit", "acme/none", "acme/a", "acme/nay", "zed/x", "--status", "inactive", "--as", "acme"},
     NULL,
     3,
     "TOKEN 1: 'acme/none': there is no such token; run 'esp-tokenctl list' to see them\n"
     "TOKEN 3: 'acme/nay': there is no such token; run 'esp-tokenctl list' to see them\n"
     "TOKEN 4: 'zed/x': there is no such entity; run 'esp-tokenctl entity list' to see them\n"
     "would edit 1 token; 3 TOKENs would be refused\n",
     "TOKEN 1: 'acme/none': there is no such token"},
    {{"edit", "acme/none", "b", "acme/a", "--note", "n"},
     NULL,
     2,
     "TOKEN 2: 'b': not a TOKEN: give its id (11 characters) or ENTITY/NAME; a token's text is "
     "never an argument\n"
     "would edit 1 token; 2 TOKENs would be refused\n",
     "TOKEN 2: 'b': not a TOKEN"},
    {{"edit", "acme/a", "acme/b", "--expires", "today"},
     NULL,
     2,
     "TOKEN 2: 'acme/b': the expiration is in the past; give a future time, or never\n"
     "would edit 0 tokens; 2 TOKENs would be refused\n",
     "TOKEN 1: 'acme/a': the expiration is in the past"},
    {{"remove", "zed/default", "acme/a", "bolt/default"},
     NULL,
     4,
     "would remove 1 token; 2 TOKENs would be refused\n",
     "TOKEN 3: 'bolt/default': this is the last token of bolt"}, /* an entity after the other */
    {{"remove", "acme/a", "acme/b", "acme/c", "acme/default", "acme/none"},
     NULL,
     3, /* what does not exist is met before any rule */
     "TOKEN 4: 'acme/default': this is the last token of acme, ",
     "TOKEN 5: 'acme/none'"},
    {{"retire", "acme/a", "acme/b", "acme/c"},
     NULL,
     3,
     "(a of acme)\n"
     "TOKEN 2: 'acme/b': no secret of this token is retiring; run 'esp-tokenctl remove' to remove "
     "the token itself\n"
     "TOKEN 3: 'acme/c': no secret of this token is retiring; run 'esp-tokenctl remove' to remove "
     "the token itself\n"
     "would end 1 token; 2 TOKENs would be refused\n",
     "TOKEN 2: 'acme/b'"},
    {{"edit", "--from", "-", "--note", "n"},
     "acme/a\n# x\n\nnot one\nacme/none\nacme/a\n",
     2,
     "4: not a TOKEN: give its id (11 characters) or ENTITY/NAME; a token's text is never an "
     "argument\n"
     "5: there is no such token; run 'esp-tokenctl list' to see them\n"
     "would edit 1 token; 2 TOKENs would be refused\n",
     "standard input:4: not a TOKEN"},
};

START_TEST(rehearses_to_the_end)
{
    const struct all_refused *r = &all_refused[_i];
    const char *args[12] = {NULL}, *real[12] = {NULL};
    size_t count = 0;
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/a").status, 0);
    for (; r->args[count] != NULL; count++)
        args[count] = real[count] = r->args[count];
    args[count] = "--dry-run";
    if (strcmp(args[0], "remove") == 0)
        real[count] = "--yes";
    const char *before = snapshot(config), *log = CTL(config, NULL, "log").out;
    struct run run = run_ctl(config, r->lines, args);
    ck_assert_int_eq(run.status, r->status);
    ck_assert_msg(strstr(run.out, r->out) != NULL, "%s", run.out);
    ck_assert_msg(strstr(run.err, r->err) != NULL, "%s", run.err);
    const char *err = keep_string(strdup(run.err));
    ck_assert_str_eq(snapshot(config), before);
    ck_assert_str_eq(CTL(config, NULL, "log").out, log);
    run = run_ctl(config, r->lines, real);
    ck_assert_int_eq(run.status, r->status);
    ck_assert(strncmp(err, run.err, strcspn(run.err, ";")) == 0 || strstr(err, "warning") != NULL ||
              strstr(err, "TOKENs name") != NULL);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

START_TEST(rehearses_as_json)
{
    struct run run =
        CTL(config, NULL, "--json", "remove", "acme/a", "acme/none", "zed/default", "--dry-run");
    ck_assert_int_eq(run.status, 3);
    json_t *json = document(run.out);
    HAS_KEYS(json, "removed", "dry_run", "refused");
    const json_t *refused = json_object_get(json, "refused");
    ck_assert_uint_eq(json_array_size(json_object_get(json, "removed")), 1);
    ck_assert_uint_eq(json_array_size(refused), 2);
    HAS_KEYS(json_array_get(refused, 1), "operand", "message");
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(refused, 1), "operand")), 3);
    json_decref(json);
    json = document(run.err);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "error"), "code")),
                     3);
    json_decref(json);
    /* a text of a token is not repeated */
    char lines[200];
    snprintf(lines, sizeof lines, "acme/a\n%s\nacme/none\n", revealed(config, "acme/default"));
    run = CTL(config, lines, "--json", "edit", "--from", "-", "--note", "n", "--dry-run");
    ck_assert_int_eq(run.status, 2);
    ck_assert_ptr_null(strstr(run.out, TEXT_PATTERN));
    ck_assert_ptr_null(strstr(run.err, TEXT_PATTERN));
    json = document(run.out);
    refused = json_object_get(json, "refused");
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(refused, 0), "line")), 2);
    json_decref(json);
    json = done(CTL(config, NULL, "--json", "edit", "acme/a", "--note", "n", "--dry-run"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "refused")), 0);
    json_decref(json);
}
END_TEST

/* Both secrets of each rotated token follow, and a token that is named twice is changed once. */
START_TEST(by_any_name)
{
    const char *old = field("acme/a", "id");
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/a").status, 0);
    const char *new = field("acme/a", "id");
    struct run run = CTL(config, NULL, "--json", "edit", new, "acme/b", "acme/a", "--note", "n");
    json_t *json = done(run);
    const json_t *tokens = json_object_get(json, "tokens");
    ck_assert_uint_eq(json_array_size(tokens), 2);
    ck_assert_str_eq(text_of(json_array_get(tokens, 0), "id"), new);
    HAS_KEYS(json_array_get(tokens, 1), TOKEN_KEYS);
    json_decref(json);
    json = document(run.err);
    ck_assert_ptr_nonnull(strstr(text_of(json_object_get(json, "warning"), "message"),
                                 "1 of the TOKENs names a token that was named before"));
    json_decref(json);
    ck_assert_str_eq(field(old, "note"), "n");
    /* a secret and its successor: the removal of one is also that of the other */
    run = CTL(config, NULL, "--json", "remove", "acme/a", old, "--yes");
    json = done(run);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "removed")), 2);
    json_decref(json);
    ck_assert_int_eq(CTL(config, NULL, "show", old).status, 3);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

START_TEST(retires_all)
{
    static const char *const names[] = {"acme/a", "acme/b", "bolt/default"};
    const char *old = field("acme/a", "id");
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(CTL(config, NULL, "rotate", names[i]).status, 0);
    json_t *json = done(CTL(config, NULL, "--json", "retire", "acme/a", "bolt/default", old));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "retired")), 2);
    json_decref(json);
    ck_assert_uint_eq(logged("retire"), 2);
    ck_assert_int_eq(CTL(config, NULL, "show", old).status, 3);
    ck_assert_int_eq(CTL(config, NULL, "retire", "acme/b").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "retire", "acme/b").status, 3);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* --- files of TOKENs --- */

START_TEST(from_a_file)
{
    struct run run = CTL(config, "\xef\xbb\xbf# leaked\n\nacme/a\r\n  # more\nacme/b\n", "--json",
                         "remove", "--from", "-", "--yes");
    json_t *json = done(run);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "removed")), 2);
    json_decref(json);
    /* a list even of one, and of none */
    json = done(CTL(config, "acme/c\n", "--json", "edit", "--from", "-", "--note", "x"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "tokens")), 1);
    json_decref(json);
    json = done(CTL(config, "# none\n", "--json", "remove", "--from", "-", "--yes"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "removed")), 0);
    json_decref(json);
    const char *before = snapshot(config);
    run = CTL(config, "acme/c\n# x\nacme/none\n", "edit", "--from", "-", "--note", "y");
    ck_assert_int_eq(run.status, 3);
    ck_assert_ptr_nonnull(strstr(run.err, "standard input:3: there is no such token"));
    /* a text of a token is not repeated */
    char line[80];
    snprintf(line, sizeof line, "acme/c\n%s\n", revealed(config, "acme/default"));
    before = snapshot(config);
    run = CTL(config, line, "edit", "--from", "-", "--note", "y");
    ck_assert_int_eq(run.status, 2);
    ck_assert_ptr_nonnull(strstr(run.err, "standard input:2: not a TOKEN"));
    ck_assert_ptr_null(strstr(run.err, TEXT_PATTERN));
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

static void raise_limit(const char *from, const char *to)
{
    char *tiers = file_read(in_folder(folder, "tiers.ini"), NULL), *at = strstr(tiers, from);
    char *more = NULL;
    ck_assert_ptr_nonnull(at);
    ck_assert_int_gt(asprintf(&more, "%.*s%s%s", (int)(at - tiers), tiers, to, at + strlen(from)),
                     0);
    file_text(in_folder(folder, "tiers.ini"), more);
    free(more);
}

#define MANY 10000

/* As many as a shell passes: one transaction. More than the bound are refused before anything. */
START_TEST(thousands)
{
    static char names[MANY * 8], lines[50001 * 8];
    size_t len = 0;
    raise_limit("= 5\n", "= 20000\n");
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "n%d\n", i);
    ck_assert_int_eq(CTL(config, names, "create", "acme", "--from", "-", "-q").status, 0);
    static const char *args[MANY + 8] = {"edit", "--note", "bulk"};
    for (int i = 0; i < MANY; i++) {
        char *name = NULL;
        ck_assert_int_gt(asprintf(&name, "acme/n%d", i), 0);
        args[3 + i] = name;
    }
    static const char *argv[MANY + 12];
    argv[0] = ctl_path();
    argv[1] = "-c";
    argv[2] = config;
    for (size_t i = 0; args[i] != NULL; i++)
        argv[3 + i] = args[i];
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0 && strstr(run.out, "edited 10000 tokens") != NULL, "%s", run.err);
    ck_assert_uint_eq(logged("edit"), MANY);
    len = 0;
    for (int i = 0; i < 50001; i++)
        len += (size_t)snprintf(lines + len, sizeof lines - len, "a/%d\n", i % 10);
    run = CTL(config, lines, "remove", "--from", "-", "--yes");
    ck_assert_msg(run.status == 2 && strstr(run.err, ":50001: more than 50000 TOKENs") != NULL,
                  "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* --- the question --- */

/* Gives the reseller big, and 25 tokens. */
static void create_more(void)
{
    char names[512] = "";
    for (int i = 0; i < 25; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "t%02d\n", i);
    raise_limit("= 5\n", "= 99\n");
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "big", "--kind", "reseller", "--tier", "advanced")
            .status,
        0);
    ck_assert_int_eq(CTL(config, names, "create", "big", "--from", "-").status, 0);
}

START_TEST(asks_once_for_all)
{
    struct seen seen = AT_TERMINAL(config, "n\n", NULL, "remove", "acme/a", "acme/b");
    ck_assert_int_eq(seen.status, 4);
    ck_assert_ptr_nonnull(strstr(seen.text, "acme/a (active)"));
    ck_assert_ptr_nonnull(strstr(seen.text, "remove 2 tokens?"));
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/a").status, 0);
    seen = AT_TERMINAL(config, "y\n", NULL, "remove", "acme/a", "acme/b");
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "The old secrets of 1 of them are removed too."));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/b").status, 3);
    create_more();
    const char *args[30] = {"remove"};
    for (int i = 0; i < 12; i++) {
        char *name = NULL;
        ck_assert_int_gt(asprintf(&name, "big/t%02d", i), 0);
        args[1 + i] = keep_string(name);
    }
    seen = at_terminal(config, args, "n\n", NULL);
    ck_assert_msg(strstr(seen.text, "remove 12 tokens?") != NULL, "%s", seen.text);
}
END_TEST

/* Only the first tokens are shown, but each one must be as it was. */
START_TEST(shows_the_first)
{
    create_more();
    char file[512], lines[512] = "";
    for (int i = 0; i < 25; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "big/t%02d\n", i);
    snprintf(file, sizeof file, "%s", in_folder(folder, "tokens"));
    file_text(file, lines);
    struct seen seen = AT_TERMINAL(config, "n\n", NULL, "remove", "--from", file);
    ck_assert_ptr_nonnull(strstr(seen.text, "big/t19"));
    ck_assert_ptr_null(strstr(seen.text, "big/t20"));
    ck_assert_ptr_nonnull(strstr(seen.text, "and 5 more"));
    ck_assert_ptr_nonnull(strstr(seen.text, "remove 25 tokens?"));
    ck_assert_int_eq(CTL(config, NULL, "show", "big/t24").status, 0);
}
END_TEST

static void switch_off(const char *its_config)
{
    ck_assert_int_eq(CTL(its_config, NULL, "edit", "acme/b", "--status", "inactive").status, 0);
}

static void rotate(const char *its_config)
{
    ck_assert_int_eq(CTL(its_config, NULL, "rotate", "acme/b").status, 0);
}

static void retire(const char *its_config)
{
    ck_assert_int_eq(CTL(its_config, NULL, "retire", "acme/c").status, 0);
}

START_TEST(what_was_shown_changed)
{
    static void (*const changes[])(const char *) = {switch_off, rotate, retire};
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/c").status, 0);
    struct seen seen =
        AT_TERMINAL(config, "y\n", changes[_i], "remove", "acme/a", "acme/b", "acme/c");
    ck_assert_int_eq(seen.status, 4);
    ck_assert_ptr_nonnull(strstr(seen.text, "nothing was removed"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/a").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/c").status, 0);
}
END_TEST

int main(void)
{
    cheap_crypto();
    Suite *suite = suite_create("several");
    TCase *tcase = tcase_create("tokens");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, edits_all);
    tcase_add_loop_test(tcase, all_or_none, 0, (int)(sizeof refusals / sizeof *refusals));
    tcase_add_loop_test(tcase, rehearses, 0, (int)(sizeof rehearsals / sizeof *rehearsals));
    tcase_add_loop_test(tcase, rehearses_to_the_end, 0,
                        (int)(sizeof all_refused / sizeof *all_refused));
    tcase_add_test(tcase, rehearses_as_json);
    tcase_add_test(tcase, by_any_name);
    tcase_add_test(tcase, retires_all);
    tcase_add_test(tcase, from_a_file);
    tcase_add_test(tcase, thousands);
    tcase_add_test(tcase, asks_once_for_all);
    tcase_add_test(tcase, shows_the_first);
    tcase_add_loop_test(tcase, what_was_shown_changed, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
