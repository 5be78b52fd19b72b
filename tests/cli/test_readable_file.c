/* SPDX-License-Identifier: ISC */
/* A command warns if it prints a token's text to a file that other users may read, as wg(8) does.
   It succeeds in any case. */
#include "cli/drive.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *config, *folder, *names, *entities;

static void setup(void)
{
    config = populated(&folder);
    names = keep_string(strdup(in_folder(folder, "names")));
    entities = keep_string(strdup(in_folder(folder, "entities")));
    file_text(names, "one\ntwo\n");
    file_text(entities, "e1 customer\ne2 customer\n");
}

/* Runs the command with standard output to a new file, created with that umask. */
static struct run into_file(const char *umask, const char *words)
{
    char *script = NULL;
    const char *file = in_folder(folder, "out");
    unlink(file);
    ck_assert_int_gt(asprintf(&script, "umask %s; exec %s -c %s %s > %s", umask, ctl_path(), config,
                              words, file),
                     0);
    struct run run = run_process((const char *const[]){"sh", "-c", script, NULL}, NULL);
    free(script);
    return run;
}

static const struct {
    const char *words;
    bool warns;
} commands[] = {
    {"create acme first", true},
    {"create acme second -q", true},
    {"--json create acme third", true},
    {"create acme --from @names -q", true},
    {"entity add nu --kind customer", true},
    {"--json entity add xi --kind customer", true},
    {"entity add --from @entities", true},
    {"show zed/default --reveal", true},
    {"--json show zed/default --reveal", true},
    {"rotate zed/default", true},
    {"rotate zed/default -q", true},
    {"show zed/default", false},
    {"list", false},
    {"--json export", false},
    {"edit zed/default --status inactive", false},
};

/* Bulk commands end with the number of what they created. */
static void drop_totals(struct run *run)
{
    char *total = strstr(run->err, "esp-tokenctl: created ");
    if (total != NULL)
        *total = '\0';
}

static const char *words_of(const char *words)
{
    static char out[1024];
    const char *at = strchr(words, '@');
    if (at == NULL)
        return words;
    const char *file = strncmp(at, "@names", 6) == 0 ? names : entities;
    const char *rest = at + strcspn(at, " ");
    snprintf(out, sizeof out, "%.*s%s%s", (int)(at - words), words, file, rest);
    return out;
}

START_TEST(readable_by_others)
{
    const bool json = strncmp(commands[_i].words, "--json", 6) == 0;
    struct run run = into_file("022", words_of(commands[_i].words));
    ck_assert_msg(run.status == 0, "%s: %s", commands[_i].words, run.err);
    drop_totals(&run);
    if (!commands[_i].warns) {
        ck_assert_str_eq(run.err, "");
        return;
    }
    ck_assert_ptr_eq(strchr(run.err, '\n'), strrchr(run.err, '\n'));
    const char *message = run.err;
    json_t *warning = json ? document(run.err) : NULL;
    if (json)
        message = text_of(json_object_get(warning, "warning"), "message");
    ck_assert_msg(strstr(message, "a file of mode 0644") != NULL &&
                      strstr(message, "chmod 600") != NULL && strstr(message, "umask 077") != NULL,
                  "%s: %s", commands[_i].words, message);
    json_decref(warning);
    ck_assert_ptr_nonnull(strstr(file_read(in_folder(folder, "out"), NULL), TEXT_PATTERN));
}
END_TEST

START_TEST(by_the_group)
{
    struct run run = into_file("027", "create acme first");
    ck_assert_ptr_nonnull(strstr(run.err, "a file of mode 0640"));
}
END_TEST

START_TEST(by_nobody_else)
{
    struct run run = into_file("077", words_of(commands[_i].words));
    ck_assert_int_eq(run.status, 0);
    drop_totals(&run);
    ck_assert_str_eq(run.err, "");
}
END_TEST

/* No warning: the output is not a file, or has no text of a token. */
START_TEST(elsewhere)
{
    struct run run = CTL(config, NULL, "create", "acme", "first", "-q");
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "");
    run = run_process((const char *const[]){"sh", "-c",
                                            "exec \"$0\" -c \"$1\" create acme x > "
                                            "/dev/null",
                                            ctl_path(), config, NULL},
                      NULL);
    ck_assert_int_eq(run.status, 0);
    ck_assert_str_eq(run.err, "");
    /* refused: nothing was printed */
    run = into_file("022", "create zed another");
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_null(strstr(run.err, "chmod 600"));
}
END_TEST

int main(void)
{
    const int count = (int)(sizeof commands / sizeof *commands);
    Suite *suite = suite_create("readable file");
    TCase *tests = tcase_create("readable file");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, readable_by_others, 0, count);
    tcase_add_loop_test(tests, by_nobody_else, 0, count);
    tcase_add_test(tests, by_the_group);
    tcase_add_test(tests, elsewhere);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
