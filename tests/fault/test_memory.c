/* SPDX-License-Identifier: ISC */
/*
 * Every command, with each of its allocations and C library calls failing in turn: one error line,
 * no partial change, no crash, and no success with something missing. No descriptor stays open, and
 * under AddressSanitizer no error path leaks.
 */
#include "fault/failing.h"
#include "fault/step.h"
#include "fault/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct reader_command {
    const char *args[8];
    bool from_input; /* a token's text */
} readers[] = {
    {{"list"}, false},
    {{"--json", "list"}, false},
    {{"list", "acme"}, false},
    {{"entity", "list", "--tree"}, false},
    {{"--json", "entity", "list"}, false},
    {{"entity", "show", "acme"}, false},
    {{"--json", "entity", "show", "acme"}, false},
    {{"show", "acme/default"}, false},
    {{"--json", "show", "acme/default"}, false},
    {{"tier", "list"}, false},
    {{"--json", "tier", "list"}, false},
    {{"tier", "check"}, false},
    {{"check"}, false},
    {{"--json", "check"}, false},
    {{"list", "--sort", "-uses", "--columns", "+note,contact"}, false},
    {{"entity", "list", "--sort", "tokens", "--no-headers"}, false},
    {{"list", "-q"}, false},
    {{"--json", "list", "--unused", "1h"}, false},
    {{"stats"}, false},
    {{"--json", "stats"}, false},
    {{"stats", "--prometheus"}, false},
    {{"export"}, false},
    {{"log"}, false},
    {{"--json", "log"}, false},
    {{"log", "-n", "2", "--as", "acme"}, false},
    {{"log", "verify"}, false},
    {{"verify"}, true},
    {{"verify", "--explain"}, true},
    {{"--json", "verify", "--metric", "kpi.peak_audience"}, true},
    {{"--help"}, false},
    {{"--version"}, false},
};

/* Lengths of the complete output, and of the output without a tier table: list and show work
   without it. */
struct expected {
    size_t whole, without_tiers, unused;
};

/* The length without the lines on uses: a command leaves them out, or prints null, if it cannot
   read the counts. */
static size_t length_of(const char *out)
{
    static const char *const figures[] = {"last used ", "uses ", "\"uses\":", "\"last_used\":"};
    size_t len = strlen(out);
    for (const char *line = out; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *word = line + strspn(line, " ");
        size_t i = 0;
        while (i < 4 && strncmp(word, figures[i], strlen(figures[i])) != 0)
            i++;
        if (i < 4)
            len -= strcspn(line, "\n") + 1;
    }
    return len;
}

/* acme/default and zed/default were used once each: no other figure may be printed for them. */
static size_t unused_in(const char *out)
{
    static const char *const none[] = {"\nuses      0", "\"uses\": 0"};
    size_t count = 0;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        for (const char *at = out; (at = strstr(at, none[i])) != NULL; at++)
            count++;
    return count;
}

static bool prints_all(const struct run *run, const struct expected *expected)
{
    const size_t len = length_of(run->out);
    if (unused_in(run->out) > expected->unused)
        return false;
    if (strstr(run->out, " ?\n") != NULL) /* the column of a list */
        return true;
    return len == expected->whole ||
           (len == expected->without_tiers &&
            (run->out[0] == '{' || strstr(run->err, "without the tier table") != NULL));
}

/* Lines that report an error; lines about what was done, or is missing, do not count. */
static int faults_in(const char *err)
{
    enum { OTHERS = 9 };
    static const char *const others[OTHERS] = {
        "esp-tokenctl: copied ",
        "esp-tokenctl: created ",
        "esp-tokenctl: without the tier table",
        "esp-tokenctl: the backup is complete, but",
        "esp-tokenctl: the old store could not be marked",
        "esp-tokenctl: 1 foreign token imported",
        "esp-tokenctl: the backup and the store could not be compared",
        "esp-tokenctl: since the backup: ",
        "{\"warning\":"};
    int count = 0;
    for (const char *line = err; *line != '\0';
         line += strcspn(line, "\n"), line += *line == '\n') {
        size_t i = 0;
        while (i < OTHERS && strncmp(line, others[i], strlen(others[i])) != 0)
            i++;
        count += i == OTHERS;
    }
    return count;
}

/* AddressSanitizer itself allocates when a thread begins. */
static bool is_of_sanitizer(const struct run *run)
{
    return run->status == 99 && strstr(run->err, "pthread_getattr_np(pthread_self") != NULL;
}

static void check_outcome(const struct run *run, const char *failed, unsigned long at,
                          const struct expected *expected)
{
    if (is_of_sanitizer(run))
        return;
    ck_assert_msg(run->status == 0 || run->status == 5 || run->status == 4,
                  "status %d with %s (call %lu) failing: %s", run->status, failed, at, run->err);
    ck_assert_msg(strstr(failed, "write") != NULL || faults_in(run->err) == (run->status != 0),
                  "status %d, and not one line, with %s (call %lu) failing: %s", run->status,
                  failed, at, run->err);
    if (run->status == 0)
        ck_assert_msg(prints_all(run, expected),
                      "said to be done with %s (call %lu) failing, and lacks something: %s", failed,
                      at, run->out);
    else
        ck_assert_msg(strstr(run->err, "esp-tokenctl: ") != NULL ||
                          strstr(run->err, "{\"error\":") != NULL ||
                          strstr(failed, "write") != NULL,
                      "no message with %s (call %lu) failing: %s", failed, at, run->err);
}

/* The length of the complete output without a tier table. */
static size_t length_without_tiers(const struct world *world, const char *const *args,
                                   const char *input)
{
    char tiers[300], away[300];
    snprintf(tiers, sizeof tiers, "%s/tiers.ini", world->folder);
    snprintf(away, sizeof away, "%s/away", world->folder);
    ck_assert_int_eq(rename(tiers, away), 0);
    const size_t len = length_of(run_process(world_argv(world, args), input).out);
    ck_assert_int_eq(rename(away, tiers), 0);
    world_reset(world);
    return len;
}

/* What the command prints when nothing fails; it leaves its change in the store. */
static struct expected expect(const struct world *world, const char *const *args, const char *input)
{
    struct run run = run_process(world_argv(world, args), input);
    ck_assert_msg(run.status == 0, "%s: %s", args[0], run.err);
    return (struct expected){.whole = length_of(run.out), .unused = unused_in(run.out)};
}

/* The C library keeps the message of dlerror() until the thread ends. */
static void allow_leaks_of_others(void)
{
    char options[600];
    const char *file = in_folder(temp_folder(), "suppressions");
    file_text(file, "leak:dlerror\n");
    snprintf(options, sizeof options, "print_suppressions=0:suppressions=%s", file);
    setenv("LSAN_OPTIONS", options, 1);
}

START_TEST(each_call_of_a_writer_fails)
{
    struct world world;
    world_make(&world);
    allow_leaks_of_others();
    const struct writer *writer = &writers[_i];
    char *before = world_state(&world);
    struct expected expected = expect(&world, writer->args, NULL);
    char *after = world_state(&world);
    world_reset(&world);
    expected.without_tiers = length_without_tiers(&world, writer->args, NULL);
    const char *failed = "";
    const unsigned long stride =
        fault_step() > 1 && writer->how == GUARDS ? 9 * fault_step() : fault_step();
    unsigned long at = 1 + (unsigned long)_i % stride;
    do {
        struct run run = run_failing(world_argv(&world, writer->args), NULL, at, &failed);
        check_outcome(&run, failed, at, &expected);
        char *state = world_sound_state(&world);
        const bool is_after = strcmp(state, after) == 0;
        if (writer_is_at_once(writer)) {
            ck_assert_msg(is_after || strcmp(state, before) == 0, "half done with %s (call %lu)",
                          failed, at);
            ck_assert_msg(run.status != 0 || is_after, "not done with %s (call %lu)", failed, at);
            ck_assert_msg(
                run.status == 0 || !is_after || strcmp(before, after) == 0 || says_done(run.err) ||
                    (writer->how == NOTED_FIRST &&
                     strstr(run.err, "the log has an entry for the change") != NULL),
                "done with %s (call %lu), and said to have failed: %s", failed, at, run.err);
        }
        free(state);
        world_reset(&world);
        at += stride;
    } while (failed[0] != '\0');
    ck_assert_uint_gt(at, 50);
    free(before);
    free(after);
}
END_TEST

START_TEST(each_call_of_a_reader_fails)
{
    struct world world;
    world_make(&world);
    allow_leaks_of_others();
    const struct reader_command *reader = &readers[_i];
    const char *input = reader->from_input ? world.text[0] : NULL;
    struct expected expected = expect(&world, reader->args, input);
    world_reset(&world);
    expected.without_tiers = length_without_tiers(&world, reader->args, input);
    const char *failed = "";
    unsigned long at = 1 + (unsigned long)_i % fault_step();
    do {
        struct run run = run_failing(world_argv(&world, reader->args), input, at, &failed);
        if (!reader->from_input || run.status != 1) /* verify may deny if a call fails */
            check_outcome(&run, failed, at, &expected);
        at += fault_step();
    } while (failed[0] != '\0');
}
END_TEST

int main(void)
{
#ifdef __SANITIZE_THREAD__
    puts("it has an allocator of its own, which the shim cannot stand before");
    return 77;
#endif
    setenv("ASAN_OPTIONS", "verify_asan_link_order=0:exitcode=99:fast_unwind_on_malloc=0", 1);
    setenv("UBSAN_OPTIONS", "exitcode=99", 1);
    setenv("LC_ALL", "C", 1); /* a locale that cannot be set leaves the C locale */
    cheap_crypto();
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, fault_step_limit(900));
    tcase_add_loop_test(tests, each_call_of_a_writer_fails, 0, (int)writer_count);
    tcase_add_loop_test(tests, each_call_of_a_reader_fails, 0,
                        (int)(sizeof readers / sizeof *readers));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
