/* SPDX-License-Identifier: ISC */
/* fleet follow: every change of a site reaches every member, and hosts never wait for it. */
#include "fleet/daemon.h"
#include "support/raw_store.h"

#include "espt/validator.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define EDGE 2
#define OTHER_EDGE 3
#define MINUTE 60

static struct fleet_of fleet;
static struct daemon_of followers[MEMBERS];
static const char *text; /* of the token acme/web */
static const char *kept; /* a folder: what the fleet is before each test */

/* Two sites and two edges; every store has acme/web. */
static void make(void)
{
    fleet_folders(&fleet, MEMBERS);
    DONE(fleet.site[0], "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    text = DONE(fleet.site[0], "create", "acme", "web", "-q");
    DONE(fleet.site[0], "fleet", "key");
    DONE(fleet.site[0], "fleet", "init");
    fleet_let_in(&fleet, 1);
    fleet_let_in_edge(&fleet, EDGE);
    fleet_let_in_edge(&fleet, OTHER_EDGE);
    kept = temp_folder();
    fleet_copy(&fleet, MEMBERS, kept, false);
}

static void setup(void)
{
    fleet_copy(&fleet, MEMBERS, kept, true);
}

static void start(int member)
{
    daemon_start(&followers[member], &fleet.site[member], "follow");
}

static const char *long_one(const char *path)
{
    return keep_string(strdup(path));
}

static bool allows(int member)
{
    return CTL(fleet.site[member].config, text, "verify").status == 0;
}

static void set_status(int site, const char *status)
{
    DONE(fleet.site[site], "edit", "acme/web", "--status", status);
}

/* --- a host of the edge, in this process --- */

static const espt_validator *validator;
static espt_ctx *host;
static char line[128];

static void host_open(void)
{
    char err[256];
    void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
    const espt_validator *(*get)(uint32_t) = NULL;
    ck_assert_ptr_nonnull(library);
    *(void **)(void *)&get = dlsym(library, "espt_validator_get");
    validator = get(ESPT_ABI);
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
    ck_assert_msg(validator->open(&host, fleet.site[EDGE].config, NULL, NULL, err, sizeof err),
                  "%s", err);
}

static int host_says(void)
{
    const espt_query query = {.size = sizeof query, .token = line, .token_len = strlen(line)};
    espt_result result = {.size = sizeof result};
    validator->validate(host, &query, &result);
    return result.status;
}

/* --- what systemd is told --- */

static int notices(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", in_folder(temp_folder(), "notify"));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    return fd;
}

static const char *notice(int fd)
{
    static char state[2048];
    const ssize_t len = recv(fd, state, sizeof state - 1, 0);
    ck_assert_int_gt(len, 0);
    state[len] = '\0';
    return state;
}

static void await_notice(int fd, const char *state)
{
    while (strcmp(notice(fd), state) != 0)
        ;
}

/* --- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Changes of one site reach the other site and the edges, where no command runs. */
START_TEST(changes_arrive)
{
    int64_t slowest = 0;
    for (int i = 1; i < MEMBERS; i++)
        start(i);
    host_open();
    ck_assert_int_eq(host_says(), ESPT_ALLOW);
    for (int i = 0; i < 6; i++) {
        set_status(0, i % 2 == 0 ? "inactive" : "active");
        const int64_t begun = now_ms();
        UNTIL(host_says() == (i % 2 == 0 ? ESPT_DENY_INACTIVE : ESPT_ALLOW));
        slowest = now_ms() - begun > slowest ? now_ms() - begun : slowest;
        UNTIL(allows(OTHER_EDGE) == (i % 2 != 0));
        UNTIL(allows(1) == (i % 2 != 0));
    }
    printf("a host of an edge answered by a change after %lld ms at most\n", (long long)slowest);
    DONE(fleet.site[1], "remove", "acme/web", "--yes");
    UNTIL(host_says() == ESPT_DENY_UNKNOWN);
    UNTIL(!allows(OTHER_EDGE));
    validator->close(host);
    for (int i = 1; i < MEMBERS; i++) {
        ck_assert_int_eq(daemon_end(&followers[i], SIGTERM), 0);
        ck_assert_int_eq(daemon_count(&followers[i], "\n"), 1); /* no warning */
    }
    fleet_same(&fleet, 0, 1);
    fleet_same_edge(&fleet, EDGE, 0);
    fleet_same_edge(&fleet, OTHER_EDGE, 1);
}
END_TEST

/* Commands at a site can write while its follower runs. */
START_TEST(both_sites_follow_and_write)
{
    char name[32];
    start(0);
    start(1);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "by-%d-%d", i % 2, i);
        DONE(fleet.site[i % 2], "entity", "add", name, "--kind", "customer");
    }
    ck_assert_int_eq(daemon_end(&followers[0], SIGINT), 0);
    ck_assert_int_eq(daemon_end(&followers[1], SIGHUP), 0);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A command that reads takes the writers' lock only if there are new entries to apply. */
START_TEST(reading_needs_no_lock)
{
    const int lock = open(in_folder(fleet.site[1].folder, "tokens.mdb.writer"), O_RDWR | O_CLOEXEC);
    DONE(fleet.site[1], "list");
    ck_assert_int_eq(flock(lock, LOCK_EX | LOCK_NB), 0);
    struct run run = AT(fleet.site[1], "list");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s", run.err);
    set_status(0, "inactive");
    run = AT(fleet.site[1], "list");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "may be behind the fleet"));
    close(lock);
    run = AT(fleet.site[1], "list");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s", run.err);
}
END_TEST

static uint64_t transaction(int member)
{
    struct raw_store raw;
    struct state_record state = {0};
    MDB_val value;
    const struct record_key key = key_state();
    raw_open(&raw, in_folder(fleet.site[member].folder, "tokens.mdb"), 0);
    MDB_txn *txn = raw_begin(&raw);
    ck_assert(raw_get(&raw, txn, TABLE_STATE, &key, &value));
    ck_assert_int_eq(state_decode(value.mv_data, value.mv_size, &state), STATE_GOOD);
    mdb_txn_abort(txn);
    raw_close(&raw);
    return state.transaction;
}

static uint64_t stands_at(int member)
{
    const char *status = DONE(fleet.site[member], "fleet", "status", "--stale");
    return strtoull(strstr(status, "entry    ") + 9, NULL, 10);
}

START_TEST(many_entries_in_one_transaction)
{
    const uint64_t before = transaction(EDGE);
    for (int i = 0; i < 40; i++)
        set_status(i % 2, i % 2 == 0 ? "inactive" : "active");
    const uint64_t last = fleet_entry(&fleet, 0);
    start(EDGE);
    UNTIL(stands_at(EDGE) == last);
    ck_assert_int_eq(daemon_end(&followers[EDGE], SIGTERM), 0);
    const uint64_t count = transaction(EDGE) - before;
    ck_assert_msg(count <= 2, "%llu transactions", (unsigned long long)count);
    fleet_same_edge(&fleet, EDGE, 0);
}
END_TEST

START_TEST(one_at_a_time)
{
    start(EDGE);
    UNTIL(daemon_says(&followers[EDGE], "following from entry"));
    fleet_says(AT(fleet.site[EDGE], "fleet", "follow"), 5,
               "another 'esp-tokenctl fleet follow' runs for this store");
    ck_assert_int_eq(daemon_end(&followers[EDGE], SIGKILL), 128 + SIGKILL);
    start(EDGE); /* a lock does not outlive its process */
    set_status(0, "inactive");
    UNTIL(!allows(EDGE));
    daemon_end(&followers[EDGE], SIGTERM);
    struct fleet_of other = {.pg = NULL};
    fleet_folders(&other, 1);
    fleet_says(AT(other.site[0], "fleet", "follow"), 4, "belongs to no fleet");
}
END_TEST

/* The follower is stopped, killed and started again at any moment: hosts answer from a committed
   state. */
START_TEST(killed_and_stopped)
{
    host_open();
    for (int i = 0; i < 16; i++) {
        const bool active = i % 2 != 0;
        start(EDGE);
        set_status(i % 3 == 0, active ? "active" : "inactive");
        nanosleep(&(struct timespec){.tv_nsec = 1000000L * (i * 29 % 90)}, NULL);
        siginfo_t ended;
        kill(followers[EDGE].pid, i % 4 < 2 ? SIGSTOP : SIGKILL);
        ck_assert_int_eq(
            waitid(P_PID, (id_t)followers[EDGE].pid, &ended, WSTOPPED | WEXITED | WNOWAIT), 0);
        const int now = host_says(); /* whether or not the change has arrived */
        ck_assert_msg(now == ESPT_ALLOW || now == ESPT_DENY_INACTIVE, "%d", now);
        ck_assert_int_eq(CTL(fleet.site[EDGE].config, text, "verify").status,
                         host_says() == ESPT_ALLOW ? 0 : 1);
        ck_assert_int_eq(daemon_end(&followers[EDGE], SIGKILL), 128 + SIGKILL);
    }
    start(EDGE);
    set_status(0, "inactive");
    UNTIL(host_says() == ESPT_DENY_INACTIVE);
    validator->close(host);
    ck_assert_int_eq(daemon_end(&followers[EDGE], SIGTERM), 0);
    fleet_same_edge(&fleet, EDGE, 0);
    DONE(fleet.site[EDGE], "check");
}
END_TEST

/* An entry that is refused is reported once, and the good ones before it are applied. */
START_TEST(a_refused_entry)
{
    size_t len;
    const uint64_t last = fleet_entry(&fleet, 0);
    for (int i = 0; i < 3; i++)
        set_status(0, i % 2 == 0 ? "inactive" : "active");
    const char *path = long_one(fleet_entry_path(&fleet, last + 3));
    char *bytes = file_read(path, &len);
    bytes[100] ^= 1;
    file_write(path, bytes, len, 0644);
    const int fd = notices();
    start(EDGE);
    UNTIL(daemon_says(&followers[EDGE], "nothing of it was taken"));
    for (int tried = 0; tried < 3; tried++)
        await_notice(fd, "WATCHDOG=1");
    close(fd);
    unsetenv("NOTIFY_SOCKET");
    ck_assert_uint_eq(stands_at(EDGE), last + 2);
    ck_assert(allows(EDGE));
    bytes[100] ^= 1;
    file_write(path, bytes, len, 0644);
    UNTIL(!allows(EDGE));
    UNTIL(daemon_says(&followers[EDGE], "following again from entry"));
    ck_assert_int_eq(daemon_count(&followers[EDGE], "nothing of it was taken"), 1);
    ck_assert_int_eq(daemon_end(&followers[EDGE], SIGTERM), 0);
    fleet_same_edge(&fleet, EDGE, 0);
}
END_TEST

/* If a journal has no news for longer than max_age, hosts deny, although the follower runs. */
START_TEST(silent_journal)
{
    char config[8192];
    const struct member *edge = &fleet.site[EDGE];
    snprintf(config, sizeof config, "%smax_age = 1m\n", file_read(edge->config, NULL));
    file_text(edge->config, config);
    DONE(*edge, "fleet", "status");
    edge_set_fresh(edge, time(NULL) - MINUTE + 2);
    host_open();
    start(EDGE);
    UNTIL(daemon_says(&followers[EDGE], "following from entry"));
    UNTIL(host_says() == ESPT_ERR_UNAVAILABLE);
    set_status(0, "inactive"); /* which is signed, and so fresh */
    UNTIL(host_says() == ESPT_DENY_INACTIVE);
    set_status(1, "active");
    UNTIL(host_says() == ESPT_ALLOW);
    ck_assert_int_eq(daemon_end(&followers[EDGE], SIGTERM), 0);
    validator->close(host);
}
END_TEST

/* The store joins another fleet while a process follows. */
START_TEST(another_fleet)
{
    struct fleet_of other = {.pg = NULL};
    size_t len;
    fleet_begin(&other, 1);
    start(EDGE);
    UNTIL(daemon_says(&followers[EDGE], "following from entry"));
    const char *trust = file_read(in_folder(other.site[0].folder, "fleet.pub"), &len);
    file_write(in_folder(fleet.site[EDGE].folder, "fleet.pub"), trust, len, 0644);
    const char *settings = file_read(in_folder(other.site[0].folder, "journal.conf"), &len);
    file_write(in_folder(fleet.site[EDGE].folder, "journal.conf"), settings, len, 0600);
    DONE(fleet.site[EDGE], "fleet", "join", "--yes");
    ck_assert_int_eq(daemon_end(&followers[EDGE], 0), 4);
    ck_assert_int_eq(daemon_count(&followers[EDGE], "belongs to another fleet"), 1);
    start(EDGE);
    DONE(other.site[0], "entity", "add", "bolt", "--kind", "customer");
    UNTIL(stands_at(EDGE) == fleet_entry(&other, 0));
    ck_assert_int_eq(daemon_end(&followers[EDGE], SIGTERM), 0);
}
END_TEST

START_TEST(systemd_is_told)
{
    char entry[64];
    const int fd = notices();
    snprintf(entry, sizeof entry, "STATUS=entry %llu", (unsigned long long)fleet_entry(&fleet, 0));
    start(EDGE);
    await_notice(fd, entry);
    set_status(0, "inactive");
    snprintf(entry, sizeof entry, "STATUS=entry %llu", (unsigned long long)fleet_entry(&fleet, 0));
    int alive = 0, ready = 0;
    for (const char *state = notice(fd); strcmp(state, entry) != 0; state = notice(fd)) {
        ready += strcmp(state, "READY=1") == 0;
        alive += strcmp(state, "WATCHDOG=1") == 0;
    }
    ck_assert_int_eq(ready, 1);
    await_notice(fd, "WATCHDOG=1");
    kill(followers[EDGE].pid, SIGTERM);
    await_notice(fd, "STOPPING=1");
    ck_assert_int_eq(daemon_end(&followers[EDGE], 0), 0);
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("follow");
    TCase *tcase = tcase_create("follow");
    tcase_add_unchecked_fixture(tcase, make, NULL);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, changes_arrive);
    tcase_add_test(tcase, both_sites_follow_and_write);
    tcase_add_test(tcase, reading_needs_no_lock);
    tcase_add_test(tcase, many_entries_in_one_transaction);
    tcase_add_test(tcase, one_at_a_time);
    tcase_add_test(tcase, killed_and_stopped);
    tcase_add_test(tcase, a_refused_entry);
    tcase_add_test(tcase, silent_journal);
    tcase_add_test(tcase, another_fleet);
    tcase_add_test(tcase, systemd_is_told);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
