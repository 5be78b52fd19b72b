/* SPDX-License-Identifier: ISC */
/*
 * An esp-tokenctl is stopped while it holds the gate (flock on STORE-lock), which processes pass to
 * register as LMDB readers (test_gate_stopped stops it at each call). Reading commands do not wait
 * for it: they read a private copy, which is one state of the store, and leave no file behind.
 */
#include "fault/gate.h"
#include "fault/space.h"
#include "fault/step.h"
#include "fault/trace.h"
#include "reader/meta.h"
#include "support/raw_store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

/* The tests below try one call in this many. */
static unsigned long step(void)
{
    const unsigned long n = fault_step() / 3;
    return n > 0 ? n : 1;
}

static void one_line(const char *out, const char *err, const char *says)
{
    ck_assert_str_eq(out, "");
    ck_assert_msg(strchr(err, '\n') == err + strlen(err) - 1 && strstr(err, says) != NULL, "%s",
                  err);
}

/* --- which commands wait --- */

START_TEST(readers_do_not_wait)
{
    struct run before[READERS];
    for (size_t i = 0; i < READERS; i++)
        before[i] = read_by(i);
    int fd = hold();
    struct running running[READERS]; /* all at once, for each waits for a moment */
    for (size_t i = 0; i < READERS; i++)
        running[i] = start(i);
    for (size_t i = 0; i < READERS; i++) {
        struct run beside = run_finish(&running[i]);
        ck_assert_msg(beside.status == before[i].status, "%s: %s", readers[i][0], beside.err);
        ck_assert_str_eq(beside.out, before[i].out);
        ck_assert_str_eq(beside.err, "");
    }
    /* writing commands wait as before, and so do commands that enter their reading in the log */
    ck_assert_int_eq(run((const char *const[]){"--wait=0", "create", "acme", "x", NULL}).status, 5);
    ck_assert_int_eq(
        run((const char *const[]){"--wait=0", "show", "acme/default", "--reveal", NULL}).status, 5);
    close(fd);
    nothing_left();
}
END_TEST

/* No slot in LMDB's table of readers: a process with the same number in another PID namespace holds
   it. */
START_TEST(no_slot_for_a_reader)
{
    int fd = lock_file();
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1};
    struct run before = RUN("list");
    ck_assert_int_eq(fcntl(fd, F_SETLK, &all), 0);
    struct run beside = RUN("list"), check = RUN("check");
    close(fd);
    ck_assert_msg(beside.status == 0 && strcmp(beside.out, before.out) == 0, "%s", beside.err);
    ck_assert_msg(check.status == 0, "%s", check.err);
}
END_TEST

/* --- actions at one call of a reader --- */

struct at {
    struct trace_plan plan;
    bool (*is)(long call, const unsigned long *args);
    unsigned first, last; /* act from the first-th to the last-th matching call */
    unsigned long after;  /* how many calls later to apply the plan */
    unsigned commits;     /* commits to make at each of them */
    bool holds;           /* take the gate from then on */
    int gate;             /* descriptor of the held gate; -1: not held */
    unsigned long calls;
    unsigned met;
};

/* zed's only token is named after the number of commits. */
static unsigned commits;

static void commit(void)
{
    char was[32], name[32];
    snprintf(was, sizeof was, commits == 0 ? "zed/default" : "zed/n%u.", commits);
    snprintf(name, sizeof name, "n%u.", ++commits);
    struct run done = RUN("edit", was, "--name", name);
    ck_assert_msg(done.status == 0, "%s", done.err);
}

static bool names_newest(const char *list)
{
    char name[32];
    snprintf(name, sizeof name, " n%u. ", commits);
    return strstr(list, name) != NULL;
}

static bool at_call(void *arg, pid_t pid, long call, const unsigned long *args)
{
    struct at *at = arg;
    (void)pid;
    at->calls++;
    if (!at->is(call, args) || ++at->met < at->first || at->met > at->last)
        return false;
    at->plan.at = at->calls + at->after;
    if (at->holds)
        at->gate = hold();
    if (at->commits > 0) {
        close(at->gate);
        for (unsigned i = 0; i < at->commits; i++)
            commit();
        at->gate = hold();
    }
    return false; /* the plan says whether this call is the one */
}

static struct traced trace_at(struct at *at, const char *const *args)
{
    at->plan.at_call = at_call;
    at->plan.arg = at;
    struct traced traced = trace_run(world_argv(&world, args), NULL, &at->plan);
    if (at->gate >= 0)
        close(at->gate);
    return traced;
}
#define TRACE_AT(at, ...) trace_at((at), (const char *const[]){__VA_ARGS__, NULL})

static bool makes_file(long call, const unsigned long *args)
{
    return call == SYS_openat && (args[2] & O_TMPFILE) == O_TMPFILE;
}

static bool begins_copy(long call, const unsigned long *args)
{
    return call == SYS_pread64 && args[2] == 1 << 16 && args[3] < 1 << 16;
}

static bool writes_copy(long call, const unsigned long *args)
{
    (void)args;
    return call == SYS_pwrite64;
}

static bool writes_meta(long call, const unsigned long *args)
{
    return call == SYS_pwrite64 && args[2] == META_END;
}

static bool looks_for_proc(long call, const unsigned long *args)
{
    return call == SYS_access && args[1] == R_OK;
}

/* The same flags as common/trust.c. */
static bool opens_trusted(long call, const unsigned long *args)
{
    return call == SYS_openat && (args[2] & (O_NOCTTY | O_NONBLOCK)) == (O_NOCTTY | O_NONBLOCK);
}

static bool asks_for_lock(long call, const unsigned long *args)
{
    return call == SYS_flock && args[1] == (LOCK_EX | LOCK_NB);
}

/* One commit leaves the copied pages intact; after two commits the copy starts again. Either way
   the newest state is read: a copy that is older than a command's start is of no use to it. */
START_TEST(commits_during_the_copy)
{
    for (unsigned n = 1; n <= 4; n++) {
        struct at at = {
            .is = begins_copy, .gate = hold(), .commits = n, .first = 1, .last = n == 1 ? 9 : 3};
        struct traced traced = TRACE_AT(&at, PATIENT, "list", "zed");
        ck_assert_msg(traced.status == 0, "%u commits: %s", n, traced.err);
        ck_assert_msg(n == 1 || names_newest(traced.out), "%u commits: %s", n, traced.out);
        ck_assert_uint_ge(at.met, n == 1 ? 2 : 4);
        trace_free(&traced);
    }
    /* commits overtake every copy: a command that waits no longer reports that */
    struct at at = {.is = begins_copy, .gate = hold(), .commits = 2, .first = 1, .last = 99};
    struct traced traced = TRACE_AT(&at, "--wait=0", "list", "zed");
    ck_assert_int_eq(traced.status, 5);
    one_line(traced.out, traced.err, "still locked by another esp-tokenctl");
    ck_assert_uint_eq(at.met, 5);
    trace_free(&traced);
    nothing_left();
}
END_TEST

/* A failing disk can reuse a transaction id: the first commit with the id fails, a second one
   succeeds. Here that happens during a copy. */
static const char *other;
static size_t other_len;
static unsigned copies_begun;

static bool becomes_other(long call, const unsigned long *args)
{
    copies_begun += begins_copy(call, args);
    if (call == SYS_pread64 && args[2] == 1 << 16 && args[3] > 1 << 16 && other != NULL) {
        file_write(world.store, other, other_len, 0640);
        other = NULL;
    }
    return false;
}

/* Whether pages below the newest state's root are copied before the root itself. */
static bool root_comes_late(const char *bytes)
{
    uint64_t id[2], root;
    for (size_t i = 0; i < 2; i++)
        memcpy(&id[i], bytes + i * PAGE + META_AT_TRANSACTION, sizeof id[i]);
    memcpy(&root, bytes + (id[1] > id[0] ? PAGE : 0) + META_AT_MAIN_ROOT, sizeof root);
    return root * PAGE >= 2 * PAGE + (1 << 16);
}

/* The file as after a failed commit, without the note that makes writers refuse an older state. */
static void roll_back(const char *bytes, size_t len)
{
    file_write(world.store, bytes, len, 0640);
    ck_assert_int_eq(unlink(in_folder(world.folder, "tokens.mdb.writer")), 0);
}

START_TEST(transaction_id_used_twice)
{
    static const char *const name[] = {"alpha", "omega"};
    const char *bytes[2] = {NULL, NULL};
    for (int tries = 0; tries < 40 && (bytes[0] == NULL || !root_comes_late(bytes[0])); tries++) {
        size_t len;
        commit();
        const char *before = file_read(world.store, &len);
        for (size_t i = 0; i < 2; i++) {
            char was[32];
            snprintf(was, sizeof was, "zed/n%u.", commits);
            roll_back(before, len);
            ck_assert_int_eq(RUN("edit", was, "--name", name[i]).status, 0);
            bytes[i] = file_read(world.store, &other_len);
        }
        roll_back(before, len);
    }
    ck_assert(root_comes_late(bytes[0]));
    ck_assert_int_eq(memcmp(bytes[0], bytes[1], 2 * PAGE), 0); /* the meta pages */
    file_write(world.store, bytes[1], other_len, 0640);
    other = bytes[0];
    struct at at = {.is = becomes_other, .gate = hold()};
    struct traced traced = TRACE_AT(&at, PATIENT, "list", "zed");
    ck_assert_msg(traced.status == 0 && strstr(traced.out, "alpha") != NULL, "%s", traced.err);
    ck_assert_ptr_null(other);
    ck_assert_uint_eq(copies_begun, 2);
    trace_free(&traced);
}
END_TEST

/* A commit between check's read transaction and its look at the meta page. */
static bool commits_then(long call, const unsigned long *args)
{
    static unsigned times;
    if (call == SYS_fcntl && args[1] == F_DUPFD_CLOEXEC && times++ < 3)
        commit();
    return false;
}

/* check asks for a lock three times: when it opens the store, for its tables, and for its
   transaction. */
START_TEST(check_reads_a_private_copy)
{
    for (unsigned n = 1; n <= 3; n++) {
        struct at at = {.is = asks_for_lock, .gate = -1, .holds = true, .first = n, .last = n};
        struct traced traced = TRACE_AT(&at, PATIENT, "check");
        ck_assert_msg(traced.status == 0, "%u: %s", n, traced.err);
        ck_assert_str_eq(traced.out, "no findings\n");
        ck_assert_str_eq(traced.err, "");
        ck_assert(n == 3 || at.met > n);
        trace_free(&traced);
    }
    /* a commit overwrites the meta page, so check begins again */
    const unsigned before = commits;
    struct at at = {.is = commits_then, .gate = -1};
    struct traced traced = TRACE_AT(&at, PATIENT, "check");
    ck_assert_msg(traced.status == 0, "%s%s", traced.out, traced.err);
    ck_assert_uint_eq(commits, before + 3);
    trace_free(&traced);
}
END_TEST

/* Commands that copy or convert the whole store queue for the gate each time. */
static const char *const whole[][3] = {{"backup", "@other.mdb"}, {"upgrade"}};

START_TEST(whole_store_commands_wait)
{
    size_t old_len, len;
    const char *old = file_read("tests/fixtures/schema1/tokens.mdb", &old_len);
    unsigned n = 1;
    for (bool refused = true; refused; n += refused) {
        world_reset(&world);
        if (_i > 0)
            file_write(world.store, old, old_len, 0640);
        const char *before = file_read(world.store, &len);
        struct at at = {.is = asks_for_lock, .gate = -1, .holds = true, .first = n, .last = n};
        struct traced traced = TRACE_AT(&at, "--wait=0", whole[_i][0], whole[_i][1]);
        refused = traced.status != 0;
        if (refused) {
            one_line(traced.out, traced.err, "still locked by another esp-tokenctl");
            ck_assert_int_eq(memcmp(before, file_read(world.store, NULL), len), 0);
        }
        trace_free(&traced);
        unlink(in_folder(world.folder, "tokens.mdb.schema-1"));
    }
    ck_assert_uint_eq(n, _i == 0 ? 4 : 6);
}
END_TEST

/* The reader is killed at each call from the creation of the copy on; and each of these calls
   fails. */
static const enum trace_what harms[] = {TRACE_SIGNAL, TRACE_FAIL};

START_TEST(reader_killed_or_failing_at_each_call)
{
    bool reached = true;
    unsigned times = 0;
    for (unsigned long after = 0; reached; after += step()) {
        struct at at = {.is = makes_file, .gate = hold(), .first = 1, .last = 1, .after = after};
        at.plan.what = harms[_i];
        at.plan.value = harms[_i] == TRACE_SIGNAL ? SIGKILL : 0;
        struct traced traced = TRACE_AT(&at, PATIENT, "list");
        reached = traced.call >= 0;
        if (traced.status == 5)
            one_line("", traced.err, "esp-tokenctl: ");
        else
            ck_assert_msg(traced.status == (_i == 0 && reached ? 128 + SIGKILL : 0), "%d %s",
                          traced.status, traced.err);
        times += reached;
        trace_free(&traced);
        nothing_left();
    }
    ck_assert_uint_gt(times, 40 / step());
}
END_TEST

static void fails(bool (*is)(long call, const unsigned long *args), unsigned times, int error,
                  const char *says)
{
    struct at at = {.is = is, .gate = hold(), .first = 1, .last = times};
    at.plan.what = TRACE_FAIL;
    at.plan.value = error;
    struct traced traced = TRACE_AT(&at, PATIENT, "list");
    ck_assert_uint_ge(at.met, times);
    ck_assert_msg(traced.status == (says != NULL ? 5 : 0), "%d %s", traced.status, traced.err);
    if (says != NULL) {
        one_line(traced.out, traced.err, says);
        ck_assert_ptr_nonnull(strstr(traced.err, "a private copy of the store"));
    }
    trace_free(&traced);
    nothing_left();
}

START_TEST(single_calls_fail)
{
    fails(makes_file, 1, EACCES, NULL); /* the next folder is tried */
    fails(makes_file, 2, EACCES, NULL);
    fails(makes_file, 3, EACCES, "set TMPDIR to");
    fails(writes_copy, 1, ENOSPC, "free some space");
    fails(writes_meta, 1, ENOSPC, "free some space");
    fails(writes_copy, 1, EINTR, NULL);
    fails(begins_copy, 1, EINTR, NULL);
    fails(begins_copy, 1, EIO, world.store);
    fails(looks_for_proc, 1, ENOENT, "/proc/self/fd/");
    /* the third open of a trusted file is the copy's: after the configuration and the check of the
       store */
    struct at third = {.is = opens_trusted, .gate = hold(), .first = 3, .last = 3};
    third.plan.what = TRACE_FAIL;
    struct traced refused = TRACE_AT(&third, PATIENT, "list");
    ck_assert_int_eq(refused.status, 5);
    one_line(refused.out, refused.err, world.store);
    trace_free(&refused);
    const char *list = RUN("list").out;
    struct at at = {.is = writes_copy, .gate = hold(), .first = 1, .last = 1};
    at.plan.what = TRACE_SHORT;
    struct traced traced = TRACE_AT(&at, PATIENT, "list");
    ck_assert_msg(traced.status == 0 && strcmp(traced.out, list) == 0, "%s", traced.err);
    trace_free(&traced);
    /* a file system without unnamed files: a named file in the same folder is used */
    at = (struct at){.is = makes_file, .gate = hold(), .first = 1, .last = 9};
    at.plan.what = TRACE_FAIL;
    at.plan.value = EOPNOTSUPP;
    traced = TRACE_AT(&at, PATIENT, "list");
    ck_assert_msg(traced.status == 0 && strcmp(traced.out, list) == 0, "%s", traced.err);
    ck_assert_uint_eq(at.met, 1);
    trace_free(&traced);
    nothing_left();
}
END_TEST

/* The newer state's id is damaged: the older state is not taken for the newest. */
START_TEST(damaged_meta_page)
{
    const int store = open(world.store, O_RDWR | O_CLOEXEC);
    uint64_t id[2];
    for (off_t i = 0; i < 2; i++)
        ck_assert_int_eq(pread(store, &id[i], 8, i * (off_t)PAGE + META_AT_TRANSACTION), 8);
    const off_t newer = id[1] > id[0];
    id[newer] = (uint64_t)newer;
    ck_assert_int_eq(pwrite(store, &id[newer], 8, newer * (off_t)PAGE + META_AT_TRANSACTION), 8);
    close(store);
    int fd = hold();
    struct run refused = run((const char *const[]){"--wait=0", "list", NULL});
    close(fd);
    ck_assert_int_eq(refused.status, 5);
    one_line(refused.out, refused.err, "still locked by another esp-tokenctl");
}
END_TEST

static void close_for_good(void)
{
    struct raw_store raw;
    struct state_record state;
    struct record_key key = key_state();
    uint8_t value[RECORD_MAX];
    MDB_val k = {key.len, key.bytes}, v;
    raw_open(&raw, world.store, 0);
    MDB_txn *txn = raw_begin(&raw);
    ck_assert_int_eq(mdb_get(txn, raw.dbi[TABLE_STATE], &k, &v), 0);
    ck_assert_int_eq(state_decode(v.mv_data, v.mv_size, &state), STATE_GOOD);
    state.transaction = mdb_txn_id(txn);
    state.nonce++;
    state.closed = true;
    raw_put(&raw, txn, TABLE_STATE, &key, value, state_encode(&state, value));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    raw_close(&raw);
}

/* A replaced store that still has its name: nothing is read from it, also not by a private copy. */
START_TEST(closed_store)
{
    close_for_good();
    struct run by_gate = RUN("list");
    int fd = hold();
    struct run by_copy = run((const char *const[]){"--wait=0", "list", NULL});
    close(fd);
    ck_assert(by_gate.status == 5 && by_copy.status == 5);
    one_line(by_gate.out, by_gate.err, "replaced meanwhile");
    one_line(by_copy.out, by_copy.err, "still locked by another esp-tokenctl");
    nothing_left();
}
END_TEST

/* A disk without space for the copy, then with space. */
START_TEST(no_space_for_the_copy)
{
    const char *place = space_mount((enum space_kind)_i, "no_space_for_the_copy");
    if (place == NULL)
        return;
    setenv("TMPDIR", place, 1);
    int fd = hold();
    space_fill(0);
    struct run refused = RUN("list");
    struct run json = RUN("list", "--json");
    space_free();
    struct run done = RUN("list");
    close(fd);
    ck_assert_msg(done.status == 0 && strcmp(done.out, RUN("list").out) == 0, "%s", done.err);
    if (_i == SPACE_INODES) /* another folder still has space */
        ck_assert_str_eq(refused.out, done.out);
    else
        space_check_refusal(&refused, "without room for a copy");
    ck_assert_int_eq(json.status, refused.status);
}
END_TEST

static void wait_for(const char *path, const char *text)
{
    const time_t begun = time(NULL);
    for (const char *said = ""; said == NULL || strstr(said, text) == NULL; usleep(20000)) {
        ck_assert_msg(time(NULL) - begun < 120, "%s does not come: %s", text, said);
        said = file_read(path, NULL);
    }
}

/* `log --follow` starts on a private copy, and shows new entries once the gate is free. */
START_TEST(log_follow_starts_on_a_copy)
{
    const char *said = keep_string(strdup(in_folder(world.folder, "said")));
    int fd = hold();
    pid_t child = fork_child();
    if (child == 0) {
        const int out = open(said, O_WRONLY | O_CREAT, 0600);
        if (dup2(out, STDOUT_FILENO) == STDOUT_FILENO)
            execv(ctl_path(), (char *const *)(uintptr_t)world_argv(
                                  &world, (const char *const[]){"log", "--follow", NULL}));
        _exit(127);
    }
    wait_for(said, "zed/\"default\"");
    close(fd);
    commit();
    wait_for(said, "n1.");
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

int main(void)
{
    if (!TRACE_WORKS) {
        puts("the tracer knows x86-64 alone");
        return 77;
    }
    Suite *suite = suite_create("gate");
    TCase *tests = tcase_create("gate");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, readers_do_not_wait);
    tcase_add_test(tests, no_slot_for_a_reader);
    tcase_add_test(tests, commits_during_the_copy);
    tcase_add_test(tests, check_reads_a_private_copy);
    tcase_add_loop_test(tests, whole_store_commands_wait, 0, 2);
    tcase_add_loop_test(tests, reader_killed_or_failing_at_each_call, 0, 2);
    tcase_add_test(tests, transaction_id_used_twice);
    tcase_add_test(tests, single_calls_fail);
    tcase_add_test(tests, damaged_meta_page);
    tcase_add_test(tests, closed_store);
    tcase_add_loop_test(tests, no_space_for_the_copy, 0, SPACE_KINDS);
    tcase_add_test(tests, log_follow_starts_on_a_copy);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
