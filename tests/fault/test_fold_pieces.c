/* SPDX-License-Identifier: ISC */
/*
 * A usage folder that another user has filled. A fold adds a bounded number of counts in a
 * transaction, and is exact wherever it is killed. A file larger than [usage] tokens allows is not
 * folded. Of very many files only a bounded number is opened.
 */
#include "cli/drive.h"

#include "common/token.h"
#include "common/usage.h"
#include "fault/step.h"
#include "fault/trace.h"
#include "fault/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKENS 4200 /* more than four pieces */
#define CAPACITY 8192

static const char *config, *folder, *usage;
static uint64_t ids[TOKENS + 16];
static size_t id_count;

/* The store of which each test has a copy. */
static void make_store(void)
{
    config = populated(&folder);
    world_lift_limit(folder);
    FILE *names = fopen(in_folder(folder, "names"), "w");
    for (int i = 0; i < TOKENS; i++)
        fprintf(names, "t%d\n", i);
    fclose(names);
    struct run run =
        CTL(config, NULL, "create", "acme", "--from", in_folder(folder, "names"), "-q");
    ck_assert_msg(run.status == 0, "%s", run.err);
    json_t *list = done(CTL(config, NULL, "--json", "list", "acme"));
    json_t *tokens = json_object_get(list, "tokens"), *token;
    size_t i;
    id_count = 0;
    json_array_foreach(tokens, i, token)
    {
        const char *id = text_of(token, "id");
        ck_assert(token_id_parse(id, strlen(id), &ids[id_count++]));
    }
    json_decref(list);
}

static void setup(void)
{
    config = copied(&folder);
    usage = keep_string(strdup(in_folder(folder, "usage")));
    ck_assert_int_eq(mkdir(usage, 0700), 0);
}

/* Writes a usage file as a host does, with `uses` uses of each of the store's tokens. */
static const char *put_file(uint64_t identity, uint32_t tokens, uint64_t uses)
{
    const size_t size = usage_size(tokens);
    const uint32_t buckets = usage_buckets(size);
    uint8_t *bytes = calloc(1, size);
    ck_assert_ptr_nonnull(bytes);
    struct usage_header *header = (void *)bytes;
    struct usage_bucket *bucket = (struct usage_bucket *)(void *)bytes + 1;
    header->magic = USAGE_MAGIC;
    header->identity = identity;
    header->tokens = tokens;
    for (size_t i = 0; i < id_count; i++) {
        const uint32_t home = usage_home(ids[i], buckets);
        for (uint32_t at = 0;; at++) {
            struct usage_bucket *there = &bucket[(home + at / USAGE_PLACES) % buckets];
            ck_assert_uint_lt(at, USAGE_REACH * USAGE_PLACES);
            if (there->id[at % USAGE_PLACES] != 0)
                continue;
            there->id[at % USAGE_PLACES] = ids[i];
            there->uses[at % USAGE_PLACES] = uses;
            there->last[at % USAGE_PLACES] = 100000;
            break;
        }
    }
    char name[USAGE_NAME_SIZE];
    usage_name(name, geteuid(), identity);
    file_write(in_folder(usage, name), bytes, size, 0600);
    free(bytes);
    return keep_string(strdup(in_folder(usage, name)));
}

static json_int_t stat_of(const char *key)
{
    json_t *stats = done(CTL(config, NULL, "--json", "stats"));
    const json_int_t value = json_integer_value(json_object_get(stats, key));
    json_decref(stats);
    return value;
}

/* Each transaction raises the revision, which shows how often the writers' lock was released. */
START_TEST(fold_takes_many_transactions)
{
    const char *file = put_file(1, CAPACITY, 3);
    ck_assert_int_eq(stat_of("uses"), 3 * (json_int_t)id_count);
    const json_int_t before = stat_of("revision");
    struct run run = CTL(config, NULL, "usage", "fold");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_ge(stat_of("revision") - before, (json_int_t)id_count / 1024);
    ck_assert_int_eq(stat_of("uses"), 3 * (json_int_t)id_count);
    ck_assert_int_ne(access(file, F_OK), 0);
    CTL(config, NULL, "check");
}
END_TEST

/* Revocations run between the transactions: none of them waits for the whole fold. */
START_TEST(revocations_do_not_wait_for_a_fold)
{
    for (uint64_t n = 1; n <= 24; n++)
        put_file(n, CAPACITY, 1);
    /* with a configuration without [usage], so that they do not fold */
    const char *apart = keep_string(strdup(in_folder(folder, "apart.conf")));
    file_text(apart, file_read(config, NULL));
    count_no_uses(apart);
    const pid_t child = fork_child();
    if (child == 0) {
        execl(ctl_path(), ctl_path(), "-c", config, "usage", "fold", (char *)NULL);
        _exit(127);
    }
    int revoked = 0, status;
    while (waitpid(child, &status, WNOHANG) == 0) {
        struct run run = CTL(apart, NULL, "edit", "zed/default", "--status",
                             revoked % 2 == 0 ? "inactive" : "active", "--wait", "1");
        ck_assert_msg(run.status == 0, "%s", run.err);
        revoked++;
    }
    ck_assert_int_eq(status, 0);
    ck_assert_int_ge(revoked, 2);
    ck_assert_int_eq(stat_of("uses"), 24 * (json_int_t)id_count);
}
END_TEST

/* Killed at every call: each count is shown once, before and after the next fold. */
START_TEST(killed_at_each_call)
{
    if (!TRACE_WORKS) {
        puts("SKIPPED killed_at_each_call: the tracer works on x86-64 only");
        return;
    }
    const char *argv[] = {ctl_path(), "-c", config, "usage", "fold", NULL};
    json_int_t uses = 0;
    unsigned long calls = 1;
    for (unsigned long at = 1, n = 1; at <= calls; at += 5 * fault_step(), n++) {
        struct trace_plan plan = {.what = TRACE_COUNT};
        if (at == 1) {
            put_file(n++, CAPACITY, 1);
            uses += (json_int_t)id_count;
            struct traced counted = trace_run(argv, NULL, &plan);
            ck_assert_int_eq(counted.status, 0);
            calls = counted.calls;
            trace_free(&counted);
        }
        put_file(n, CAPACITY, 1);
        uses += (json_int_t)id_count;
        plan = (struct trace_plan){.what = TRACE_SIGNAL, .at = at, .value = SIGKILL};
        struct traced traced = trace_run(argv, NULL, &plan);
        const char *call = trace_call_name(traced.call);
        trace_free(&traced);
        ck_assert_msg(stat_of("uses") == uses, "after call %lu (%s): %lld, not %lld", at, call,
                      (long long)stat_of("uses"), (long long)uses);
        struct run run = CTL(config, NULL, "usage", "fold");
        ck_assert_msg(run.status == 0, "%s", run.err);
        ck_assert_msg(stat_of("uses") == uses, "after call %lu (%s) and a fold: %lld, not %lld", at,
                      call, (long long)stat_of("uses"), (long long)uses);
    }
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* A file of any user: it has 32 MiB, and the configuration allows 1 MiB. */
START_TEST(too_large_a_file_is_not_folded)
{
    const char *small = put_file(1, CAPACITY, 1), *large = put_file(2, 1 << 20, 1000);
    char *user = NULL;
    ck_assert_int_gt(asprintf(&user, "user %u", geteuid()), 0);
    ck_assert_int_eq(stat_of("uses"), (json_int_t)id_count);
    struct run run = CTL(config, NULL, "edit", "zed/default", "--status", "inactive");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(
        strstr(run.err, "counts 1048576 tokens, and [usage] tokens allows 32768"));
    ck_assert_ptr_nonnull(strstr(run.err, user));
    ck_assert_ptr_nonnull(strstr(run.err, "remove it, or raise [usage] tokens"));
    ck_assert_ptr_eq(strchr(run.err, '\n'), strrchr(run.err, '\n'));
    run = CTL(config, NULL, "--json", "list", "zed");
    ck_assert_int_eq(run.status, 0);
    json_decref(document(run.err)); /* {"warning":...} */
    run = CTL(config, NULL, "usage", "fold");
    ck_assert_int_eq(run.status, 0);
    ck_assert_int_ne(access(small, F_OK), 0);
    ck_assert_int_eq(access(large, F_OK), 0);
    ck_assert_int_eq(stat_of("uses"), (json_int_t)id_count);
    free(user);
}
END_TEST

static void crowd(uid_t owner, int files)
{
    for (int i = 0; i < files; i++) {
        char name[USAGE_NAME_SIZE];
        usage_name(name, owner, (uint64_t)i + 1000);
        const int fd = open(in_folder(usage, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(fd, 0);
        close(fd);
    }
}

/* The number of system calls shows how many files were opened: about three calls for each. */
START_TEST(very_many_files)
{
    if (!TRACE_WORKS) {
        puts("SKIPPED very_many_files: the tracer works on x86-64 only");
        return;
    }
    const char *const commands[][6] = {
        {"list", "zed"}, {"show", "zed/default"}, {"edit", "zed/default", "--status", "inactive"}};
    crowd(geteuid() + 7, 20000);
    put_file(1, CAPACITY, 5); /* a file of another user, which must still count */
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *argv[16] = {ctl_path(), "-c", config};
        for (size_t a = 0; commands[i][a] != NULL; a++)
            argv[3 + a] = commands[i][a];
        struct traced traced = trace_run(argv, NULL, &(struct trace_plan){.what = TRACE_COUNT});
        ck_assert_msg(traced.status == 0, "%s", traced.err);
        ck_assert_msg(traced.calls < 8000, "%s made %lu calls", commands[i][0], traced.calls);
        ck_assert_ptr_nonnull(strstr(traced.err, "more files than one command reads"));
        trace_free(&traced);
    }
    ck_assert_int_eq(stat_of("uses"), 5 * (json_int_t)id_count);
    /* a command that needs all counts refuses */
    struct run run = CTL(config, NULL, "list", "--unused", "1d");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "not every usage file was read"));
}
END_TEST

int main(void)
{
    cheap_crypto();
    Suite *suite = suite_create("fold in pieces");
    TCase *tests = tcase_create("pieces");
    tcase_add_unchecked_fixture(tests, make_store, NULL);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, fold_takes_many_transactions);
    tcase_add_test(tests, revocations_do_not_wait_for_a_fold);
    tcase_add_test(tests, killed_at_each_call);
    tcase_add_test(tests, too_large_a_file_is_not_folded);
    tcase_add_test(tests, very_many_files);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
