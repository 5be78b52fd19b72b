/* SPDX-License-Identifier: ISC */
/* Forks: of a host with an open context, during a reload, and by children that outlive their
   parent. */
#include "torture/world.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define CHILDREN 64
#define LIMIT_MS 60000

static struct text good, doomed[CHILDREN];

static void setup(void)
{
    char name[16];
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    for (int i = 0; i < CHILDREN; i++) {
        snprintf(name, sizeof name, "n%d", i);
        doomed[i] = world_create("shop", name);
    }
    world_close();
    host_load();
}

static void teardown(void)
{
    tier_table_free(world_tiers);
}

static void edit_tiers(const char *metrics)
{
    char table[256];
    snprintf(table, sizeof table,
             "[low]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\nmetrics = kpi.* %s\n",
             metrics);
    file_text(in_folder(folder, "next.ini"), table);
    ck_assert_int_eq(rename(in_folder(folder, "next.ini"), in_folder(folder, "tiers.ini")), 0);
}

/* --- children that outlive their parent --- */

struct family {
    atomic_int ready, revoked, stale, denied;
    atomic_long asked;
};
static struct family *family;

/* Until all tokens are revoked and the child has a new parent. */
static void live(pid_t parent)
{
    alarm(LIMIT_MS / 1000);
    atomic_fetch_add(&family->ready, 1);
    for (int64_t start = clock_ms(); clock_ms() - start < LIMIT_MS;) {
        int before = atomic_load(&family->revoked);
        for (int i = 0; i < CHILDREN; i++)
            if (verdict(&doomed[i]) == ESPT_ALLOW && i < before)
                atomic_fetch_add(&family->stale, 1);
        if (verdict(&good) != ESPT_ALLOW)
            atomic_fetch_add(&family->denied, 1);
        atomic_fetch_add(&family->asked, CHILDREN + 1);
        if (before == CHILDREN && getppid() != parent) {
            plugin->refresh(ctx, NULL, 0);
            _exit(verdict(&good) == ESPT_ALLOW ? 0 : 1);
        }
    }
    _exit(2);
}

/* Opens, forks, and ends once all children validate. */
static void be_parent(void)
{
    pid_t self = getpid();
    host_open();
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        if (child == 0)
            live(self);
        if (child < 0)
            _exit(1);
    }
    while (atomic_load(&family->ready) < CHILDREN)
        usleep(1000);
    _exit(0);
}

START_TEST(children_outlive_their_parent)
{
    int status, children = 0;
    family = share_memory(sizeof *family);
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    pid_t parent = fork();
    if (parent == 0)
        be_parent();
    ck_assert_int_eq(waitpid(parent, &status, 0), parent);
    ck_assert_int_eq(status, 0);
    world_open();
    for (int i = 0; i < CHILDREN; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        world_switch_token("shop", name, 0);
        atomic_store(&family->revoked, i + 1);
    }
    world_close();
    while (wait(&status) > 0) {
        children++;
        ck_assert_int_eq(status, 0);
    }
    printf("%d children, %ld validations\n", children, atomic_load(&family->asked));
    ck_assert_int_eq(children, CHILDREN);
    ck_assert_int_eq(atomic_load(&family->stale), 0);
    ck_assert_int_eq(atomic_load(&family->denied), 0);
}
END_TEST

/* --- during a reload --- */

static sem_t inside, go_on;
static atomic_bool fork_inside, hold_inside;
static pid_t born;

/* Called right after a new table was put in place of the old one. */
static void log_midway(void *arg, int level, const char *message, size_t len)
{
    (void)arg, (void)level, (void)message, (void)len;
    if (atomic_exchange(&fork_inside, false))
        born = fork();
    if (atomic_exchange(&hold_inside, false)) {
        sem_post(&inside);
        sem_wait(&go_on);
    }
}

static int sees(const char *metric)
{
    espt_result result;
    return validate_now(&good, metric, NULL, 0, &result) == ESPT_ALLOW;
}

/* In a child: everything works, and the child can reload by itself. */
static void live_on(void)
{
    alarm(LIMIT_MS / 1000);
    if (!sees("geo.x") || sees("asn.x"))
        _exit(1);
    edit_tiers("asn.*");
    if (plugin->refresh(ctx, NULL, 0) != 1 || !sees("asn.x") || sees("geo.x"))
        _exit(2);
    /* and the store too */
    size_t len;
    const char *bytes = file_read(in_folder(folder, "tokens.mdb"), &len);
    file_write(in_folder(folder, "next.mdb"), bytes, len, 0640);
    if (rename(in_folder(folder, "next.mdb"), in_folder(folder, "tokens.mdb")) != 0 ||
        plugin->refresh(ctx, NULL, 0) != 1 || !sees("asn.x"))
        _exit(3);
    for (int i = 0; i < 50; i++) {
        edit_tiers(i % 2 == 0 ? "geo.*" : "asn.*");
        if (plugin->refresh(ctx, NULL, 0) != 1 || sees("geo.x") != (i % 2 == 0))
            _exit(4);
    }
    plugin->close(ctx);
    _exit(0);
}

static void open_midway(void)
{
    ck_assert_int_eq(plugin->open(&ctx, config, log_midway, NULL, NULL, 0), 1);
    edit_tiers("geo.*");
}

static void succeeds(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "wait status %x", status);
}

/* The child starts while its own reload is half done. */
START_TEST(fork_by_the_reloading_thread)
{
    open_midway();
    atomic_store(&fork_inside, true);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    ck_assert_int_ge(born, 0);
    if (born == 0)
        live_on();
    succeeds(born);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    host_teardown();
}
END_TEST

static void *reload(void *arg)
{
    (void)arg;
    return (void *)(intptr_t)plugin->refresh(ctx, NULL, 0);
}

/* The reloading thread does not exist in the child, so its reload never completes. */
START_TEST(fork_while_another_thread_reloads)
{
    pthread_t thread;
    void *done;
    ck_assert(sem_init(&inside, 0, 0) == 0 && sem_init(&go_on, 0, 0) == 0);
    open_midway();
    atomic_store(&hold_inside, true);
    ck_assert_int_eq(pthread_create(&thread, NULL, reload, NULL), 0);
    sem_wait(&inside);
    ck_assert(sees("geo.x")); /* this child also does not wait for it */
    pid_t child = fork_child();
    if (child == 0)
        live_on();
    succeeds(child);
    sem_post(&go_on);
    ck_assert_int_eq(pthread_join(thread, &done), 0);
    ck_assert_int_eq((intptr_t)done, 1);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    host_teardown();
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("fork");
    TCase *tcase = tcase_create("fork");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, children_outlive_their_parent);
    tcase_add_test(tcase, fork_by_the_reloading_thread);
    tcase_add_test(tcase, fork_while_another_thread_reloads);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
