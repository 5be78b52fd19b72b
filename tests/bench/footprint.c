/* SPDX-License-Identifier: ISC */
/* The disk space of a token, and the memory that a host gains. */
#include "bench/bench.h"
#include "common/record.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASKED 100000

static void need(int rc)
{
    if (rc != 0)
        die("liblmdb: %s", mdb_strerror(rc));
}

/* Bytes of the pages that tables use: of one table, or of all tables except the log, which grows
   with every change. */
struct sizes {
    double auth, tables;
};

static struct sizes measure_tables(const struct corpus *corpus)
{
    MDB_env *env;
    MDB_txn *txn;
    struct sizes sizes = {0};
    need(mdb_env_create(&env));
    need(mdb_env_set_maxdbs(env, TABLE_COUNT));
    need(mdb_env_open(env, corpus->config.store, MDB_NOSUBDIR | MDB_RDONLY, 0));
    need(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn));
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        MDB_dbi dbi;
        MDB_stat stat;
        need(mdb_dbi_open(txn, table_name(t), 0, &dbi));
        need(mdb_stat(txn, dbi, &stat));
        const double bytes =
            (double)(stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) *
            stat.ms_psize / (double)corpus->count;
        sizes.tables += t == TABLE_LOG ? 0 : bytes;
        sizes.auth += t == TABLE_AUTH ? bytes : 0;
    }
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return sizes;
}

/* Private dirty bytes of the mappings of files below `folder` (a tmpfs reports its own pages as
   dirty), or of all other mappings: memory of this process alone, without the page cache. */
static size_t own_bytes(const char *folder, bool below)
{
    char line[512];
    size_t total = 0, kilobytes;
    bool counts = true;
    unsigned long from, to;
    FILE *smaps = fopen("/proc/self/smaps", "re");
    if (smaps == NULL)
        die("/proc/self/smaps: cannot be read");
    while (fgets(line, sizeof line, smaps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            counts = (strstr(line, folder) != NULL) == below;
        else if (counts && sscanf(line, "Private_Dirty: %zu kB", &kilobytes) == 1)
            total += kilobytes * 1024;
    }
    fclose(smaps);
    return total;
}

struct gained {
    double host, usage, space; /* bytes: private memory; its usage file; address space */
};

static double address_space(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm == NULL || fscanf(statm, "%lu", &pages) != 1)
        die("/proc/self/statm: cannot be read");
    fclose(statm);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Runs in its own process, which has not loaded the plugin yet. */
static struct gained measure_host(struct corpus *corpus)
{
    int pipes[2];
    struct gained gained = {0};
    if (pipe(pipes) != 0)
        die("no pipe");
    const pid_t pid = fork_bound();
    if (pid == 0) {
        struct plugin plugin;
        (void)own_bytes(corpus->folder, false); /* the buffers of stdio */
        size_t before = own_bytes(corpus->folder, false);
        const double space = address_space();
        plugin_open(&plugin, corpus);
        struct lookups asked = {
            .corpus = corpus, .count = ASKED, .fn = plugin_validate, .arg = &plugin};
        (void)lookups_run(&asked);
        gained.host = (double)(own_bytes(corpus->folder, false) - before);
        gained.space = address_space() - space;
        gained.usage = (double)own_bytes(corpus->config.usage, true);
        plugin_close(&plugin);
        _exit(write(pipes[1], &gained, sizeof gained) == sizeof gained ? 0 : 1);
    }
    close(pipes[1]); /* otherwise read() would never return after the child's death */
    if (read(pipes[0], &gained, sizeof gained) != sizeof gained) {
        reap(pid, "the host whose memory is measured");
        die("the host's memory was not measured");
    }
    reap(pid, "the host whose memory is measured");
    close(pipes[0]);
    return gained;
}

void bench_footprint(struct corpus *corpus)
{
    struct stat st;
    if (stat(corpus->config.store, &st) != 0)
        die("%s: cannot be looked at", corpus->config.store);
    const struct gained gained = measure_host(corpus);
    report_figure("memory", "memory a host gains, KiB", gained.host / 1024, AT_MOST, 1024);
    report_figure("usage_table", "its table of uses, a file, KiB", gained.usage / 1024, BOUND_NONE,
                  0);
    report_figure("address_space",
                  "address space a host reserves, beyond 64 MiB / the store's file",
                  (gained.space - (double)(64 << 20)) / (double)st.st_size, AT_MOST, 2);
    const struct sizes sizes = measure_tables(corpus);
    report_figure("auth_bytes", "tree that validators read, bytes a token", sizes.auth, AT_MOST,
                  100);
    report_figure("store_bytes", "names, sealed texts, indexes and all, bytes a token",
                  sizes.tables, AT_MOST, 345);
    report_figure("file_bytes", "the file, with its log and free pages, bytes a token",
                  (double)st.st_size / (double)corpus->count, BOUND_NONE, 0);
}
