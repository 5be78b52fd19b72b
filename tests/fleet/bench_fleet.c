/* SPDX-License-Identifier: ISC */
/* make bench-fleet: how long a change takes from the site that made it to many edges, over a real
   publisher and nginx. The edges are simulated (feed_edge.h), in threads of one process: they
   speak the real protocol and verify everything, and have no store. */
#include "fleet/publisher.h"
#include "fleet/web.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define EDGES 1000
#define CHANGES 20
#define POLL_MS 250 /* an edge asks again after once to three times this time */

static struct feed_edge edges[EDGES];
static int64_t arrived[CHANGES][EDGES]; /* when the edge had that change; milliseconds */
static int64_t made[CHANGES];
static uint64_t first; /* number of the first change */
static atomic_bool ending;
static atomic_ulong requests, failures;

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
                next[i] = now_ms() + POLL_MS + (int64_t)randombytes_uniform(2 * POLL_MS);
            }
            soonest = next[i] < soonest ? next[i] : soonest;
        }
        const int64_t left = soonest - now_ms();
        if (left > 0)
            nanosleep(&(struct timespec){.tv_nsec = (left < 100 ? left : 100) * 1000000L}, NULL);
    }
    return NULL;
}

static int by_time(const void *one, const void *other)
{
    const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static bool all_have(uint64_t number)
{
    for (size_t i = 0; i < EDGES; i++) {
        if (*(volatile uint64_t *)&edges[i].number < number)
            return false;
    }
    return true;
}

static void print(int64_t took_ms, double server)
{
    static int64_t delays[CHANGES * EDGES];
    for (size_t c = 0; c < CHANGES; c++) {
        for (size_t i = 0; i < EDGES; i++)
            delays[c * EDGES + i] = arrived[c][i] - made[c];
    }
    const size_t count = CHANGES * EDGES;
    qsort(delays, count, sizeof *delays, by_time);
    printf("edges %d, changes %d, requests %lu (%.0f/s), failures %lu\n"
           "from the change to the edge: p50 %lld ms, p99 %lld ms, most %lld ms\n"
           "nginx: %.1f %% of a core\n",
           EDGES, CHANGES, (unsigned long)requests, (double)requests * 1000 / (double)took_ms,
           (unsigned long)failures, (long long)delays[count / 2],
           (long long)delays[count * 99 / 100], (long long)delays[count - 1], 100 * server);
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

START_TEST(delay)
{
    static struct fleet_of fleet;
    struct publisher publisher;
    struct web web;
    pthread_t threads[THREADS];
    const espt_journal_plugin *(*get)(uint32_t abi);
    *(void **)(void *)&get =
        dlsym(dlopen(OUT "/esp_journal_http.so", RTLD_NOW | RTLD_LOCAL), "espt_journal_get");
    const struct rlimit files = {4096, 4096};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    fleet_begin(&fleet, 1);
    publisher_prepare(&publisher, &fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, 1);
    web_start(&web, publisher.feed, "");
    for (size_t i = 0; i < EDGES; i++) {
        feed_edge_open(&edges[i], get(ESPT_JOURNAL_ABI), &publisher.trust, web.url, "", 20000);
        ck_assert_msg(feed_edge_join(&edges[i]), "%s", edges[i].why);
    }
    first = edges[0].number + 1;
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run_edges, (void *)(uintptr_t)i);
    const double before = used(web.server);
    const int64_t begun = now_ms();
    for (size_t c = 0; c < CHANGES; c++) {
        DONE(fleet.site[0], "entity", "edit", "acme", "--status", c % 2 ? "active" : "inactive");
        made[c] = now_ms();
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    AWAIT(all_have(first + CHANGES - 1));
    const int64_t took = now_ms() - begun;
    ending = true;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    print(took, (used(web.server) - before) * 1000 / (double)took);
    publisher_end(&publisher, SIGTERM);
    web_stop(&web);
    for (size_t i = 0; i < EDGES; i++)
        feed_edge_close(&edges[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bench_fleet");
    TCase *bench = tcase_create("bench_fleet");
    tcase_set_timeout(bench, 600);
    tcase_add_test(bench, delay);
    suite_add_tcase(suite, bench);
    return run_suite(suite);
}
