/*
 * Several commands at once, killed at random moments, $FAULT_KILLS times: each change is whole or
 * absent, none that was reported done is absent, and check finds nothing.
 */
#include "fault/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE_WORKERS 4
#define TOKENS 4

static struct world world;

/* What a worker knows of its own entity: nobody else changes it. */
struct model {
    char entity[16];
    bool there[TOKENS];
    unsigned generation[TOKENS]; /* in the token's name */
};

static unsigned long kills(void)
{
    const char *text = getenv("FAULT_KILLS");
    return text != NULL ? strtoul(text, NULL, 10) : 60;
}

static void name_of(const struct model *model, size_t token, unsigned generation, char out[64])
{
    snprintf(out, 64, "%s/t%zu.%u", model->entity, token, generation);
}

/* 0 exit, or killed (-1); it lives `us` at most. */
static int run_for(const char *const *args, long us)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        const char *const *argv = world_argv(&world, args);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execv(argv[0], (char *const *)(void *)(uintptr_t)argv);
        _exit(127);
    }
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
    kill(child, SIGKILL);
    if (waitpid(child, &status, 0) != child)
        _exit(99);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has(const char *token)
{
    struct run run =
        run_process(world_argv(&world, (const char *const[]){"show", token, NULL}), NULL);
    if (run.status != 0 && run.status != 3) {
        fprintf(stderr, "show: %s", run.err);
        _exit(98);
    }
    return run.status == 0;
}

/* One change: a token made, renamed or removed. Returns 1 if it was killed. */
static int step(struct model *model)
{
    const size_t t = (size_t)random() % TOKENS;
    char old[64], new[64];
    const unsigned next = model->generation[t] + 1;
    name_of(model, t, model->generation[t], old);
    name_of(model, t, next, new);
    const char *bare = strchr(new, '/') + 1;
    const bool renames = model->there[t] && random() % 2 == 0;
    const char *const makes[] = {"create", model->entity, bare, NULL};
    const char *const edits[] = {"edit", old, "--name", bare, NULL};
    const char *const removes[] = {"remove", old, "--yes", "--last", NULL};
    int status = run_for(!model->there[t] ? makes : renames ? edits : removes, random() % 12000);
    const bool now_new = has(new), now_old = model->there[t] && has(old);
    bool whole = true, done = false;
    if (!model->there[t] || renames) {
        whole = now_new != now_old || (!model->there[t] && !now_new);
        done = now_new;
    } else {
        done = !now_old;
    }
    if (!whole || (status == 0 && !done) || (status > 0)) {
        fprintf(stderr, "%s: status %d, whole %d, done %d\n", new, status, whole, done);
        _exit(97);
    }
    if (done && (!model->there[t] || renames)) {
        model->there[t] = true;
        model->generation[t] = next;
    } else if (done) {
        model->there[t] = false;
    }
    return status < 0;
}

static void work(unsigned seed, unsigned long count)
{
    struct model model = {0};
    srandom(seed);
    snprintf(model.entity, sizeof model.entity, "worker%u", seed);
    for (unsigned long killed = 0; killed < count;)
        killed += (unsigned long)step(&model);
    _exit(0);
}

START_TEST(nothing_is_lost)
{
    world_make(&world);
    char command[1024];
    snprintf(command, sizeof command,
             "sed -i 's/^max_tokens.*/max_tokens = unlimited/' '%s/tiers.ini'", world.folder);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    pid_t child[AT_ONCE_WORKERS];
    for (unsigned i = 0; i < AT_ONCE_WORKERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "worker%u", i);
        ck_assert_int_eq(
            CTL(world.config, NULL, "entity", "add", name, "--kind", "customer").status, 0);
        child[i] = fork();
        if (child[i] == 0)
            work(i, kills() / AT_ONCE_WORKERS);
    }
    for (unsigned i = 0; i < AT_ONCE_WORKERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "worker %u: %x", i, status);
    }
    free(world_judge(&world));
}
END_TEST

/* Sixteen that write one entity at once, each alone in a PID namespace of its own: all are process
   number 1. No limit is exceeded and no change lost. */
static void sixteen(const char *const *wrapper)
{
    pid_t child[16];
    int made = 0;
    world_make(&world);
    for (int i = 0; i < 16; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        child[i] = fork();
        if (child[i] != 0)
            continue;
        const char *all[24];
        size_t count = 0;
        const char *const *argv =
            world_argv(&world, (const char *const[]){"-q", "create", "acme", name, NULL});
        for (; *wrapper != NULL; wrapper++)
            all[count++] = *wrapper;
        for (; *argv != NULL; argv++)
            all[count++] = *argv;
        all[count] = NULL;
        _exit(run_process(all, NULL).status);
    }
    for (int i = 0; i < 16; i++) {
        int status;
        ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
        ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 4),
                      "%d: %x", i, status);
        made += WEXITSTATUS(status) == 0;
    }
    ck_assert_int_eq(made, 3); /* advanced: five, and two were there */
    char *state = world_judge(&world);
    ck_assert_ptr_nonnull(strstr(state, "entity acme kind 1 of  tier advanced active 1 tokens 5"));
    free(state);
}

START_TEST(sixteen_writers)
{
    sixteen((const char *const[]){NULL});
}
END_TEST

START_TEST(sixteen_namespaces)
{
    static const char *const wrapper[] = {"unshare", "--pid", "--fork", NULL};
    sixteen(wrapper);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kills");
    TCase *tests = tcase_create("kills");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, nothing_is_lost);
    tcase_add_test(tests, sixteen_writers);
    if (system("unshare --pid --fork true 2>/dev/null") == 0)
        tcase_add_test(tests, sixteen_namespaces);
    else
        puts("SKIPPED sixteen_namespaces: PID namespaces need root");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
