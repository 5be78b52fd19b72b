/* SPDX-License-Identifier: ISC */
/* log: the last entries, a range of time, and where --follow begins. */
#include "cli/drive.h"

#include "common/config.h"
#include "store/store.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *config;

/* Entries 1 to 3 create acme, bolt and zed; entries 4 to 15 rename bolt's token: t4 to t15. */
static void add_entries(const char *to)
{
    populate(to);
    char from[32] = "bolt/default", name[8];
    for (int i = 4; i <= 15; i++) {
        snprintf(name, sizeof name, "t%d", i);
        MUST_CTL(to, "edit", from, "--name", name);
        snprintf(from, sizeof from, "bolt/%s", name);
    }
}

static void setup(void)
{
    config = store_made(add_entries, NULL);
}

/* "14 15": the numbers of the entries that the command prints. */
static const char *numbers(const char *const *options)
{
    static char out[1024];
    const char *args[16] = {"--json", "log"};
    for (size_t i = 0; options[i] != NULL; i++)
        args[2 + i] = options[i];
    json_t *log = done(run_ctl(config, NULL, args)), *entry;
    size_t i, used = 0;
    out[0] = '\0';
    json_array_foreach(json_object_get(log, "entries"), i, entry)
    {
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%lld", used > 0 ? " " : "",
                                 json_integer_value(json_object_get(entry, "sequence")));
    }
    json_decref(log);
    return out;
}
#define NUMBERS(expected, ...) \
    ck_assert_str_eq(numbers((const char *const[]){__VA_ARGS__, NULL}), (expected))

START_TEST(the_last_ones)
{
    NUMBERS("14 15", "-n", "2");
    NUMBERS("15", "--lines", "1");
    NUMBERS("", "-n0");
    NUMBERS("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "-n", "all");
    NUMBERS("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", "-n", "999999999999999999");
    NUMBERS("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15", NULL);
    /* -n counts only entries that the other options select */
    NUMBERS("1 2", "-n", "2", "--entity", "acme");
    NUMBERS("3", "-n", "2", "--entity", "zed");
    NUMBERS("", "-n", "2", "--entity", "nobody");
    NUMBERS("14 15", "-n", "2", "--token", "bolt/t15");
    NUMBERS("", "-n", "2", "--until", "1y");
    struct run run = CTL(config, NULL, "log", "-n", "1");
    ck_assert_ptr_nonnull(strstr(run.out, "changed name \"t14\" -> \"t15\""));
    ck_assert_ptr_null(strstr(run.out, "\"t13\""));
}
END_TEST

/* Appends entries without a command for each. */
static void add_notes(const char *path, int count)
{
    struct config loaded;
    struct espt_error err;
    struct store *store;
    ck_assert_int_eq(config_load(&loaded, path, geteuid(), &err), 0);
    ck_assert_msg(store_open(&store, &loaded, &err) == 0, "%s", err.message);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(store_log_note(store, "test", "note", &err), 0);
    store_close(store);
}

/* The log is searched from its end in pieces of 1,024 entries and more. */
START_TEST(in_a_long_log)
{
    add_notes(config, 1100);
    NUMBERS("1114 1115", "-n", "2");
    NUMBERS("15", "-n", "1", "--token", "bolt/t15");
    NUMBERS("11 12 13 14 15", "-n", "5", "--token", "bolt/t15");
    NUMBERS("1", "-n", "2", "--entity", "acme", "--until", "never", "--token", "acme/default");
    NUMBERS("15", "-n", "1", "--as", "bolt");
    NUMBERS("14 15", "-n", "2", "--as", "acme");
}
END_TEST

START_TEST(times)
{
    char before[32], after[32];
    time_t now = time(NULL) - 3600;
    strftime(before, sizeof before, "%FT%TZ", gmtime(&now));
    now += 7200;
    strftime(after, sizeof after, "%FT%TZ", gmtime(&now));
    NUMBERS("", "--until", before);
    NUMBERS("13 14 15", "--until", after, "-n", "3");
    NUMBERS("", "--until", "1h");
    NUMBERS("", "--since", after);
    NUMBERS("15", "--since", before, "--until", after, "-n", "1");
    NUMBERS("15", "--until", "never", "-n", "1");
    static const char *const refusals[][8] = {
        {"log", "--until", "soon"},
        {"log", "--since", "1h", "--until", "2h"},
        {"log", "--follow", "--until", "1h"},
        {"log", "-n", "few"},
        {"log", "-n", "-1"},
        {"log", "-n", "1k"},
        {"log", "-n", "99999999999999999999"},
        {"log", "-n", ""},
        {"log", "verify", "-n", "1"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        ck_assert_msg(run_ctl(config, NULL, refusals[i]).status == 2, "%zu", i);
}
END_TEST

/* Reads `count` documents of --follow, and returns their numbers. If `later` is not NULL, it is set
   as zed's contact before the last of them, which is its entry. */
static const char *followed(size_t count, const char *const *options, const char *later)
{
    static char out[256], text[1 << 16];
    const char *args[16] = {ctl_path(), "-c", config, "--json", "log", "--follow"};
    size_t len = 0, used = 0;
    int ends[2];
    for (size_t i = 0; options[i] != NULL; i++)
        args[6 + i] = options[i];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(args[0], (char *const *)(void *)args);
        _exit(127);
    }
    close(ends[1]);
    out[0] = '\0';
    for (size_t lines = 0; lines < count;) {
        struct pollfd ready = {.fd = ends[0], .events = POLLIN};
        ck_assert_msg(poll(&ready, 1, 30000) == 1, "only %zu entries: %s", lines, out);
        const ssize_t got = read(ends[0], text + len, sizeof text - 1 - len);
        ck_assert_int_gt(got, 0);
        len += (size_t)got;
        text[len] = '\0';
        for (char *newline; (newline = strchr(text, '\n')) != NULL; lines++) {
            *newline = '\0';
            json_t *entry = document(text);
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%lld", used > 0 ? " " : "",
                                     json_integer_value(json_object_get(entry, "sequence")));
            json_decref(entry);
            len -= (size_t)(newline + 1 - text);
            memmove(text, newline + 1, len + 1);
        }
        if (lines + 1 == count && later != NULL) {
            ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "zed", "--contact", later).status,
                             0);
            later = NULL;
        }
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    close(ends[0]);
    return out;
}
#define FOLLOWED(count, later, expected, ...)                                              \
    ck_assert_str_eq(followed((count), (const char *const[]){__VA_ARGS__, NULL}, (later)), \
                     (expected))

START_TEST(where_following_begins)
{
    FOLLOWED(11, "a", "6 7 8 9 10 11 12 13 14 15 16", NULL);
    FOLLOWED(3, "b", "15 16 17", "-n", "2");
    FOLLOWED(2, "c", "17 18", "-n", "1", "--entity", "zed");
    FOLLOWED(19, "d", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", "--since", "1h");
    FOLLOWED(2, "e", "19 20", "--since", "1h", "-n", "1");
    FOLLOWED(21, "f", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21", "-n", "all");
    FOLLOWED(2, "g", "21 22", "-n", "1", "--as", "zed");
}
END_TEST

/* -n 0: only what comes later. The follower has begun when it has shown the first change after
   it. */
START_TEST(nothing_before)
{
    const char *args[] = {ctl_path(), "-c", config, "--json", "log", "-f", "-n", "0", NULL};
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(args[0], (char *const *)(void *)args);
        _exit(127);
    }
    close(ends[1]);
    char text[8192] = "";
    struct pollfd ready = {.fd = ends[0], .events = POLLIN};
    int edits = 0;
    do {
        char contact[8];
        snprintf(contact, sizeof contact, "%d", edits);
        ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "zed", "--contact", contact).status,
                         0);
    } while (poll(&ready, 1, 100) == 0 && ++edits < 300);
    ck_assert_int_gt(read(ends[0], text, sizeof text - 1), 0);
    text[strcspn(text, "\n")] = '\0';
    json_t *entry = document(text);
    ck_assert_int_gt(json_integer_value(json_object_get(entry, "sequence")), 15);
    json_decref(entry);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    close(ends[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log range");
    TCase *tests = tcase_create("log range");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, the_last_ones);
    tcase_add_test(tests, in_a_long_log);
    tcase_add_test(tests, times);
    tcase_add_test(tests, where_following_begins);
    tcase_add_test(tests, nothing_before);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
