/* SPDX-License-Identifier: ISC */
/* The command line of make bench-fleet, and the order of its parts. They run as one Check test,
   because the helpers for fleets need Check. */
#include "fleet/bench_fleet.h"

#include "fleet/postgres.h"

#include <signal.h>
#include <sodium.h>
#include <sys/stat.h>

#define BULK 100000
#define LIMIT_S 7200

static const char *program, *folder, *only;
static size_t tokens = 1000000;

static bool wanted(const char *group)
{
    return only == NULL || strcmp(only, group) == 0;
}

START_TEST(all)
{
    struct bench_fleet bench;
    if (wanted("join"))
        bench_fleet_join(tokens);
    bench_fleet_begin(&bench);
    if (wanted("instructions"))
        bench_fleet_instructions(&bench, program);
    if (wanted("create"))
        bench_fleet_create(&bench);
    if (wanted("revoke"))
        bench_fleet_revoke(&bench);
    if (wanted("edges"))
        bench_fleet_edges(&bench);
    if (wanted("bulk"))
        bench_fleet_bulk(&bench, BULK);
    postgres_stop(SIGINT);
    report_end(folder, tokens, 1);
}
END_TEST

/* bench_fleet FOLDER [TOKENS [GROUP]]; TOKENS: the size of the store that the largest edge has */
int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "validate") == 0)
        return bench_fleet_validate(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    if (argc < 2 || argc > 4 || sodium_init() < 0)
        return fputs("usage: bench_fleet FOLDER [TOKENS [GROUP]]\n", stderr), 2;
    program = argv[0];
    folder = argv[1];
    tokens = argc > 2 ? strtoul(argv[2], NULL, 10) : tokens;
    only = argc > 3 ? argv[3] : NULL;
    mkdir(folder, 0755);
    Suite *suite = suite_create("bench_fleet");
    TCase *bench = tcase_create("bench_fleet");
    tcase_set_timeout(bench, LIMIT_S);
    tcase_add_test(bench, all);
    suite_add_tcase(suite, bench);
    return run_suite(suite);
}
