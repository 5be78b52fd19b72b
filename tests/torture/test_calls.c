/* SPDX-License-Identifier: ISC */
/*
 * 100,000 validations make no system call and no allocation, except for the check for changed
 * files: once a second it calls stat for a few files.
 */
#include "torture/world.h"

#define VALIDATIONS "100000"
#define CALLS_OF_A_LOOK 5 /* `/`, the tier table, the store by path and by descriptor */

/* Reads the calls between the two getppid() marks. */
static unsigned count_calls(char *log)
{
    unsigned calls = 0;
    bool inside = false;
    for (char *line = log, *end; *line != '\0'; line = end + 1) {
        end = line + strcspn(line, "\n");
        if (*end == '\0')
            break;
        *end = '\0';
        if (strstr(line, "getppid(") != NULL) {
            inside = !inside;
            continue;
        }
        if (!inside || strstr(line, "clock_gettime(") != NULL)
            continue;
        ck_assert_msg(strstr(line, "stat(") != NULL || strstr(line, "newfstatat(") != NULL,
                      "a call that no look makes: %s", line);
        calls++;
    }
    ck_assert(!inside);
    return calls;
}

START_TEST(no_other_calls_or_allocations)
{
    char input[64], log[512], host[4096];
    if (SANITIZED) {
        puts("SKIPPED: a sanitizer calls the kernel by itself");
        return;
    }
    world_open();
    const struct text text = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    tier_table_free(world_tiers);
    usleep(300000); /* the first check for changed files reads a table again that was just saved */
    snprintf(input, sizeof input, "%s\n", text.bytes);
    snprintf(log, sizeof log, "%s", in_folder(folder, "calls"));
    snprintf(host, sizeof host, "%s/tests/torture/plain_host", OUT);
    struct run run =
        run_process((const char *const[]){"env", "VALIDATIONS=" VALIDATIONS, "strace", "-f", "-o",
                                          log, host, plugin_path(), config, NULL},
                    input);
    if (strstr(run.err, "ptrace") != NULL || run.status == 127) {
        printf("SKIPPED: no strace here: %s\n", run.err);
        return;
    }
    unsigned long validations, allowed, allocations, ms;
    ck_assert_msg(run.status == 0, "status %d: %s", run.status, run.err);
    ck_assert_int_eq(sscanf(run.out, "%lu validations, %lu allowed, %lu allocations, %lu ms",
                            &validations, &allowed, &allocations, &ms),
                     4);
    unsigned calls = count_calls(file_read(log, NULL));
    printf("%s%u calls of the kernel\n", run.out, calls);
    ck_assert_uint_ge(validations, strtoul(VALIDATIONS, NULL, 10));
    ck_assert_uint_gt(allowed, validations / 5);
    ck_assert_uint_eq(allocations, 0);
    ck_assert_uint_gt(calls, 0); /* the checks for changed files are in the trace */
    ck_assert_uint_le(calls, (ms / 1000 + 1) * CALLS_OF_A_LOOK);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("calls");
    TCase *tcase = tcase_create("calls");
    tcase_add_test(tcase, no_other_calls_or_allocations);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
