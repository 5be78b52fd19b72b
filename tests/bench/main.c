/* SPDX-License-Identifier: ISC */
/* The command line of the bench, and the order of its parts. */
#include "bench/bench.h"

#include <getopt.h>
#include <linux/magic.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char usage[] =
    "usage: bench [--tokens N] [--rounds N] [--only GROUP] [--large] FOLDER\n"
    "Measures validation against its rivals, and writes FOLDER/bench.json and FOLDER/bench.svg.\n"
    "--only measures one group: footprint, lookups, parallel, commands or strangers.\n"
    "--large draws cost against size, from ten thousand tokens to N.\n";

/* The store is in memory, because the bench does not measure a disk. */
static const char *memory_folder(void)
{
    struct statfs fs;
    if (statfs("/dev/shm", &fs) == 0 && fs.f_type == TMPFS_MAGIC &&
        (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize > UINT64_C(1) << 30)
        return "/dev/shm";
    return getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
}

static size_t number(const char *text, size_t max)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || value == 0 || value > max)
        die("%s: not a number from 1 to %zu", text, max);
    return value;
}

static bool wanted(const char *only, const char *group)
{
    return only == NULL || strcmp(only, group) == 0;
}

static void run_all(const char *below, const char *folder, size_t tokens, unsigned rounds,
                    const char *only)
{
    struct corpus corpus;
    corpus_make(&corpus, below, tokens);
    if (wanted(only, "footprint"))
        bench_footprint(&corpus);
    if (wanted(only, "lookups"))
        bench_lookups(&corpus, rounds);
    if (wanted(only, "parallel"))
        bench_parallel(&corpus, rounds);
    if (wanted(only, "commands"))
        bench_commands(&corpus, below, folder, rounds);
    if (wanted(only, "strangers"))
        bench_strangers(&corpus, rounds);
    corpus_remove(&corpus);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"tokens", required_argument, NULL, 't'},
                                            {"rounds", required_argument, NULL, 'r'},
                                            {"only", required_argument, NULL, 'o'},
                                            {"large", no_argument, NULL, 'l'},
                                            {0}};
    size_t tokens = 1000000;
    unsigned rounds = 31;
    bool large = false;
    const char *only = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 't')
            tokens = number(optarg, 100000000);
        else if (c == 'r')
            rounds = (unsigned)number(optarg, ROUNDS_MAX);
        else if (c == 'o')
            only = optarg;
        else if (c == 'l')
            large = true;
        else
            return fputs(usage, stderr), 2;
    }
    if (argc - optind != 1 || rounds < 5 || sodium_init() < 0)
        return fputs(usage, stderr), 2;
    const char *folder = argv[optind], *below = memory_folder();
    mkdir(folder, 0755);
    if (large)
        bench_scale(below, tokens, rounds);
    else
        run_all(below, folder, tokens, rounds, only);
    report_end(folder, tokens, rounds);
    return 0;
}
