/* SPDX-License-Identifier: ISC */
/*
 * A server that opens as root, then changes its root folder and becomes nobody. What it opened
 * keeps working; files that a stranger planted at the configured paths are never opened. A second
 * server only becomes nobody, which may not read the files that it should reopen.
 */
#include "torture/world.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534
#define GROWN 4000 /* tokens */

static struct text good, planted;
static char *store, *tiers, *jail;

/* The two processes alternate, by two pipes. */
static int order[2], done[2];

static void turn(int from, int to)
{
    char c;
    if (to >= 0 && write(to, "x", 1) != 1)
        _exit(100);
    if (from >= 0 && read(from, &c, 1) != 1)
        _exit(101);
}

struct shared {
    struct text last;
};
static struct shared *shared;

static void make_path(const char *path)
{
    char part[4096];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(part, 0755);
        *slash = '/';
    }
    ck_assert_int_eq(mkdir(part, 0755), 0);
}

/* JAIL/FOLDER/…: planted files that root owns and that allow a token of the stranger's. */
static const char *plant(void)
{
    static const char *const files[] = {"esp-token.conf", "tiers.ini", "tokens.mdb"};
    const char *real = folder, *kept = config, *other;
    static char place[4096];
    config = store_folder(&other);
    planted = text_in(DO("entity", "add", "shop", "--kind", "customer"));
    file_text(in_folder(other, "tiers.ini"),
              "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n"
              "[low]\nrank = 20\nmax_tokens = 5\nmetrics = *\n");
    config = kept;
    snprintf(place, sizeof place, "%s%s", jail, real);
    make_path(place);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        const char *bytes = file_read(in_folder(other, files[i]), &len);
        file_write(in_folder(place, files[i]), bytes, len, 0644);
    }
    return place;
}

static void setup(void)
{
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    store = strdup(in_folder(folder, "tokens.mdb"));
    tiers = strdup(in_folder(folder, "tiers.ini"));
    jail = strdup(temp_folder());
    ck_assert(chmod(folder, 0755) == 0 && chmod(jail, 0755) == 0);
    shared = share_memory(sizeof *shared);
    ck_assert(pipe2(order, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0);
    host_load();
}

static void teardown(void)
{
    tier_table_free(world_tiers);
    free(store);
    free(tiers);
    free(jail);
}

static bool become_nobody(void)
{
    return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
           setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static int sees(const struct text *text, const char *metric)
{
    espt_result result;
    return validate_now(text, metric, NULL, 0, &result);
}

#define STEP(condition)                  \
    do {                                 \
        if (!(condition))                \
            _exit(__LINE__ - base_line); \
    } while (0)

static void live_in_jail(void)
{
    const int base_line = __LINE__;
    host_open();
    STEP(chroot(jail) == 0 && chdir("/") == 0 && become_nobody());
    STEP(sees(&good, "kpi.x") == ESPT_ALLOW && sees(&good, "asn.x") == ESPT_DENY_METRIC);
    usleep(1100000); /* a check for changed files is due */
    STEP(sees(&good, "kpi.x") == ESPT_ALLOW && sees(&good, "asn.x") == ESPT_DENY_METRIC);
    STEP(sees(&planted, NULL) == ESPT_DENY_UNKNOWN && atomic_load(&warnings) == 1);
    STEP(strstr(last_log, "root") != NULL);
    STEP(plugin->refresh(ctx, NULL, 0) == 0 && sees(&planted, NULL) == ESPT_DENY_UNKNOWN);
    turn(order[0], done[1]); /* the store grows */
    STEP(sees(&shared->last, "kpi.x") == ESPT_ALLOW && sees(&good, NULL) == ESPT_ALLOW);
    turn(order[0], done[1]); /* the token is switched off */
    STEP(sees(&good, NULL) == ESPT_DENY_INACTIVE && atomic_load(&warnings) == 1);
    turn(order[0], done[1]); /* the store is replaced */
    plugin->refresh(ctx, NULL, 0);
    STEP(sees(&good, NULL) == ESPT_ERR_UNAVAILABLE);
    STEP(sees(&planted, NULL) == ESPT_ERR_UNAVAILABLE);
    usleep(1100000);
    STEP(sees(&shared->last, NULL) == ESPT_ERR_UNAVAILABLE && atomic_load(&warnings) == 2);
    host_teardown();
    _exit(0);
}

static pid_t start(void (*live)(void))
{
    pid_t child = fork_child();
    if (child == 0) {
        close(order[1]);
        close(done[0]);
        live();
    }
    close(order[0]);
    close(done[1]);
    return child;
}

static void parent_turn(void)
{
    char c;
    ck_assert_int_eq(read(done[0], &c, 1), 1);
}

static void go_on(void)
{
    ck_assert_int_eq(write(order[1], "x", 1), 1);
}

static void succeeds(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "wait status %x: line %d of its life", status, WEXITSTATUS(status));
}

static off_t size_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_size;
}

START_TEST(after_chroot)
{
    char events[4096];
    if (geteuid() != 0) {
        puts("SKIPPED: chroot needs root");
        return;
    }
    const char *place = plant();
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ck_assert_int_ge(inotify_add_watch(watch, place, IN_OPEN | IN_ACCESS), 0);
    pid_t child = start(live_in_jail);
    parent_turn();
    off_t before = size_of(store);
    world_open();
    for (int i = 0; i < GROWN; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        shared->last = world_create("shop", name);
    }
    ck_assert_int_gt(size_of(store), 10 * before);
    go_on();
    parent_turn();
    world_switch_token("shop", "default", 0);
    go_on();
    parent_turn();
    world_close();
    size_t len;
    const char *bytes = file_read(store, &len);
    file_write(in_folder(folder, "next.mdb"), bytes, len, 0644);
    ck_assert_int_eq(rename(in_folder(folder, "next.mdb"), store), 0);
    go_on();
    succeeds(child);
    ck_assert_int_lt(read(watch, events, sizeof events), 0); /* never opened */
    close(open(in_folder(place, "tiers.ini"), O_RDONLY));
    ck_assert_int_gt(read(watch, events, sizeof events), 0); /* an access is seen */
    close(watch);
}
END_TEST

static void live_as_nobody(void)
{
    const int base_line = __LINE__;
    host_open();
    STEP(become_nobody());
    STEP(sees(&good, "kpi.x") == ESPT_ALLOW && plugin->refresh(ctx, NULL, 0) == 1);
    STEP(atomic_load(&warnings) == 0);
    turn(order[0], done[1]); /* an edit that this user may not read */
    usleep(1300000);
    STEP(sees(&good, "kpi.x") == ESPT_ALLOW && sees(&good, "asn.x") == ESPT_DENY_METRIC);
    usleep(1100000);
    STEP(sees(&good, "kpi.x") == ESPT_ALLOW && atomic_load(&warnings) == 1);
    STEP(strstr(last_log, "tiers.ini") != NULL && strstr(last_log, "read") != NULL);
    turn(order[0], done[1]); /* now it may */
    STEP(plugin->refresh(ctx, NULL, 0) == 1 && sees(&good, "asn.x") == ESPT_ALLOW);
    turn(order[0], done[1]); /* a new store that it may not read */
    usleep(1100000);
    STEP(sees(&good, NULL) == ESPT_ERR_UNAVAILABLE && sees(&good, NULL) == ESPT_ERR_UNAVAILABLE);
    usleep(1100000);
    STEP(sees(&good, NULL) == ESPT_ERR_UNAVAILABLE && atomic_load(&warnings) == 2);
    STEP(strstr(last_log, "tokens.mdb") != NULL);
    turn(order[0], done[1]); /* now it may */
    usleep(1100000);
    STEP(sees(&good, NULL) == ESPT_ALLOW);
    host_teardown();
    _exit(0);
}

START_TEST(after_setuid_to_nobody)
{
    if (geteuid() != 0) {
        puts("SKIPPED: another user needs root");
        return;
    }
    pid_t child = start(live_as_nobody);
    parent_turn();
    file_text(tiers, "[low]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n");
    ck_assert_int_eq(chmod(tiers, 0600), 0);
    go_on();
    parent_turn();
    ck_assert_int_eq(chmod(tiers, 0644), 0);
    go_on();
    parent_turn();
    size_t len;
    const char *bytes = file_read(store, &len);
    file_write(in_folder(folder, "next.mdb"), bytes, len, 0600);
    ck_assert_int_eq(rename(in_folder(folder, "next.mdb"), store), 0);
    go_on();
    parent_turn();
    ck_assert_int_eq(chmod(store, 0644), 0);
    go_on();
    succeeds(child);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("root");
    TCase *tcase = tcase_create("root");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, after_chroot);
    tcase_add_test(tcase, after_setuid_to_nobody);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
