/* SPDX-License-Identifier: ISC */
/*
 * SIGKILL at random moments, $FAULT_KILLS times in all, of each command that writes: the change is
 * complete or absent, a reported success is real, and check finds nothing. Also many simultaneous
 * writers of one entity.
 */
#include "fault/kills.h"
#include "fault/world.h"

#include <stdio.h>
#include <string.h>

static struct world world;

START_TEST(every_writer_killed_at_random)
{
    const struct writer *writer = &writers[_i];
    unsigned long count = kills() / writer_count + 1;
    long us;
    world_make(&world);
    tally_begin();
    char *before = world_state(&world);
    ck_assert_int_eq(run_for(world_argv(&world, writer->args), -1, &us), 0);
    char *after = world_state(&world);
    srandom((unsigned)_i + 1);
    if (writer->how == GUARDS)
        count = count / 20 + 1;
    for (unsigned long killed = 0; killed < count;) {
        world_reset(&world);
        const int status =
            run_for(world_argv(&world, writer->args), random() % (us + us / 4), NULL);
        char *state = world_sound_state(&world);
        const bool done = world_is_after(writer, state, after);
        ck_assert_msg(status <= 0, "%s: status %d", writer->name, status);
        ck_assert_msg(done || world_is_before(writer, state, before),
                      "%s: half done:\n%s\nbefore:\n%s", writer->name, state, before);
        ck_assert_msg(status != 0 || done, "%s: reported done, and is not", writer->name);
        if (writer->how == IN_STEPS)
            world_check_reveals(&world);
        tally_count(status, done && strcmp(state, before) != 0);
        killed += status < 0;
        free(state);
    }
    printf("%s: %lu killed, %lu of them with the change whole\n", writer->name,
           tally->whole + tally->absent, tally->whole);
    free(before);
    free(after);
}
END_TEST

/* Sixteen processes change one entity at once, also with each in its own PID namespace, where all
   of them are process 1. No limit is exceeded and no change is lost. */
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
    ck_assert_int_eq(made, 3); /* tier advanced: five tokens, of which two existed before */
    char *state = world_sound_state(&world);
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
    cheap_crypto();
    Suite *suite = suite_create("kills");
    TCase *tests = tcase_create("kills");
    tcase_add_unchecked_fixture(tests, world_prepare, NULL);
    tcase_set_timeout(tests, 3600);
    tcase_add_loop_test(tests, every_writer_killed_at_random, 0, (int)writer_count);
    tcase_add_test(tests, sixteen_writers);
    if (system("unshare --pid --fork true 2>/dev/null") == 0)
        tcase_add_test(tests, sixteen_namespaces);
    else
        puts("SKIPPED sixteen_namespaces: PID namespaces need root");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
