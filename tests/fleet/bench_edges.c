/* SPDX-License-Identifier: ISC */
/* How long a change takes from the site that made it to many edges, over a real publisher and
   nginx. A thousand edges are simulated (feed_edge.h), in threads of this process: they speak the
   real protocol and verify everything, but have no store. Three more edges are real: each has a
   store, the daemon `fleet follow`, and a host whose verdict shows when the change has arrived. */
#include "fleet/bench_fleet.h"

#include "fleet/daemon.h"
#include "fleet/feed_member.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define EDGES 1000
#define REAL 3
#define CHANGES 20
#define POLL_MS 250 /* an edge asks again after once to twice this time */

static struct feed_edge edges[EDGES];
static int64_t arrived[CHANGES][EDGES + REAL]; /* when the edge had that change; milliseconds */
static int64_t made[CHANGES];
static uint64_t first; /* number of the first change */
static atomic_bool ending;
static atomic_ulong requests, failures;
static struct member member[REAL];
static struct daemon_of follower[REAL];
static struct plugin host[REAL];

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void poll_edge(size_t i)
{
    const uint64_t before = edges[i].number;
    requests++;
    failures += !feed_edge_follow(&edges[i]);
    for (uint64_t n = before + 1; n <= edges[i].number; n++) {
        if (n >= first && n < first + CHANGES)
            arrived[n - first][i] = now_ms();
    }
}

static void *run_edges(void *arg)
{
    static int64_t next[EDGES];
    for (const size_t from = (size_t)(uintptr_t)arg; !ending;) {
        int64_t soonest = INT64_MAX;
        for (size_t i = from; i < EDGES; i += THREADS) {
            if (next[i] <= now_ms()) {
                poll_edge(i);
                next[i] = now_ms() + POLL_MS + (int64_t)randombytes_uniform(POLL_MS);
            }
            soonest = next[i] < soonest ? next[i] : soonest;
        }
        const int64_t left = soonest - now_ms();
        if (left > 0)
            nanosleep(&(struct timespec){.tv_nsec = (left < 100 ? left : 100) * 1000000L}, NULL);
    }
    return NULL;
}

/* The hosts of the real edges: each change of the verdict is the next change of the token. */
static void *run_hosts(void *arg)
{
    size_t seen[REAL] = {0};
    while (!ending) {
        for (size_t i = 0; i < REAL; i++) {
            /* the first change switches the token off, the second one on */
            if (seen[i] < CHANGES && bench_host_allows(&host[i], arg) == (seen[i] % 2 == 1))
                arrived[seen[i]++][EDGES + i] = now_ms();
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static bool have(size_t change, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (*(volatile int64_t *)&arrived[change][i] == 0)
            return false;
    }
    return true;
}

static bool hosts_have(size_t change)
{
    return have(change, EDGES, EDGES + REAL);
}

static bool all_have(void)
{
    for (size_t c = 0; c < CHANGES; c++) {
        if (!have(c, 0, EDGES + REAL))
            return false;
    }
    return true;
}

static int by_time(const void *one, const void *other)
{
    const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* The delays to the edges `from` to before `to`. */
static void report_delays(const char *key, const char *about, size_t from, size_t to, double p99,
                          double most)
{
    static int64_t delays[CHANGES * EDGES];
    char name[32], text[96];
    size_t count = 0;
    for (size_t c = 0; c < CHANGES; c++) {
        for (size_t i = from; i < to; i++)
            delays[count++] = arrived[c][i] - made[c];
    }
    qsort(delays, count, sizeof *delays, by_time);
    const struct {
        const char *key, *about;
        double seconds, target;
    } rows[] = {{"p50", "median", (double)delays[count / 2] / 1e3, 0},
                {"p99", "99 of 100", (double)delays[count * 99 / 100] / 1e3, p99},
                {"most", "the longest", (double)delays[count - 1] / 1e3, most}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s_%s_s", key, rows[i].key);
        snprintf(text, sizeof text, "%s: seconds, %s", about, rows[i].about);
        report_figure(name, text, rows[i].seconds, rows[i].target > 0 ? AT_MOST : BOUND_NONE,
                      rows[i].target);
    }
}

/* Seconds of processor time that the process has used. */
static double used(pid_t pid)
{
    char path[64];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *text = file_read(path, NULL), *at = text != NULL ? strrchr(text, ')') : NULL;
    if (at != NULL)
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void open_edges(struct publisher *publisher, const struct web *web)
{
    const espt_journal_plugin *(*get)(uint32_t abi);
    *(void **)(void *)&get =
        dlsym(dlopen(OUT "/esp_journal_http.so", RTLD_NOW | RTLD_LOCAL), "espt_journal_get");
    for (size_t i = 0; i < EDGES; i++) {
        feed_edge_open(&edges[i], get(ESPT_JOURNAL_ABI), &publisher->trust, web->url, "", 20000);
        ck_assert_msg(feed_edge_join(&edges[i]), "%s", edges[i].why);
    }
    for (size_t i = 0; i < REAL; i++) {
        feed_member(&member[i], publisher->fleet, web);
        DONE(member[i], "fleet", "join", "--edge");
        daemon_start(&follower[i], &member[i], "follow");
        bench_host_open(&host[i], &member[i]);
    }
    first = edges[0].number + 1;
}

/* Makes the changes, and waits until every edge has them. Returns milliseconds. */
static int64_t make_changes(const struct member *site)
{
    const int64_t begun = now_ms();
    for (size_t c = 0; c < CHANGES; c++) {
        DONE(*site, "edit", "acme/web", "--status", c % 2 ? "active" : "inactive");
        made[c] = now_ms();
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
        AWAIT(hosts_have(c)); /* a host could miss two changes in quick succession */
    }
    AWAIT(all_have());
    return now_ms() - begun;
}

void bench_fleet_edges(struct bench_fleet *bench)
{
    static struct publisher publisher;
    struct web web;
    pthread_t threads[THREADS + 1];
    const struct rlimit files = {4096, 4096};
    progress("%d simulated edges and %d real ones", EDGES, REAL);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    publisher_prepare(&publisher, &bench->fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_entry(&bench->fleet, 0));
    web_start(&web, publisher.feed, "");
    open_edges(&publisher, &web);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run_edges, (void *)(uintptr_t)i);
    pthread_create(&threads[THREADS], NULL, run_hosts, (void *)(uintptr_t)bench->text);
    const double before = used(web.server);
    const int64_t took = make_changes(&bench->fleet.site[0]);
    const double server = (used(web.server) - before) * 1000 / (double)took;
    ending = true;
    for (size_t i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
    report_delays("feed", "a change to 1,000 simulated edges", 0, EDGES, 0.8, 1.1);
    report_delays("feed_real", "a change to 3 real edges", EDGES, EDGES + REAL, 0, 0);
    report_figure("feed_server", "nginx, share of a core", server, AT_MOST, 0.1);
    report_figure("feed_requests", "requests a second", (double)requests * 1000 / (double)took,
                  BOUND_NONE, 0);
    report_figure("feed_failures", "requests that failed", (double)failures, AT_MOST, 0);
    for (size_t i = 0; i < REAL; i++) {
        plugin_close(&host[i]);
        daemon_end(&follower[i], SIGTERM);
    }
    publisher_end(&publisher, SIGTERM);
    web_stop(&web);
    for (size_t i = 0; i < EDGES; i++)
        feed_edge_close(&edges[i]);
}
