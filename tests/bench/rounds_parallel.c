/* SPDX-License-Identifier: ISC */
/* Two threads, two processes, and a host beside a writer that never pauses. */
#include "bench/bench.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT 30000 /* look-ups of each worker in a round */
#define WORKERS 2

/* A thread or process that runs one round for each byte that it receives, and answers with the
   processor time of one look-up. */
struct worker {
    _Alignas(128) struct lookups lookups;
    struct plugin plugin;
    struct corpus corpus; /* the same texts, with its own position */
    int ours, its;
    pthread_t thread;
    pid_t pid; /* 0: a thread */
};

static void *serve(void *arg)
{
    struct worker *worker = arg;
    char byte;
    while (read(worker->its, &byte, 1) == 1) {
        double ns = lookups_run(&worker->lookups);
        if (write(worker->its, &ns, sizeof ns) != sizeof ns)
            break;
    }
    return NULL;
}

static void worker_start(struct worker *worker, struct corpus *corpus, const struct plugin *plugin,
                         size_t number, bool process)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        die("no socket");
    *worker =
        (struct worker){.plugin = *plugin, .corpus = *corpus, .ours = pair[0], .its = pair[1]};
    worker->corpus.next = number * (corpus->count / WORKERS);
    worker->lookups = (struct lookups){
        .corpus = &worker->corpus, .count = COUNT, .fn = plugin_validate, .arg = &worker->plugin};
    if (!process) {
        if (pthread_create(&worker->thread, NULL, serve, worker) != 0)
            die("no thread");
        return;
    }
    worker->pid = fork_bound();
    if (worker->pid == 0) {
        close(worker->ours);
        serve(worker);
        _exit(0);
    }
    close(worker->its);
    worker->its = -1;
}

static void worker_end(struct worker *worker)
{
    shutdown(worker->ours, SHUT_RDWR);
    if (worker->pid == 0) {
        pthread_join(worker->thread, NULL);
        close(worker->its);
    } else {
        reap(worker->pid, "a worker");
    }
    close(worker->ours);
}

/* Runs the first `count` workers at once. */
struct crew {
    struct worker *worker;
    size_t count;
};

/* Look-ups per second of all workers together. */
static double crew_run(void *arg)
{
    const struct crew *crew = arg;
    char byte = 0;
    double ns, sum = 0;
    for (size_t i = 0; i < crew->count; i++) {
        if (send(crew->worker[i].ours, &byte, 1, MSG_NOSIGNAL) != 1)
            die("a worker is gone");
    }
    for (size_t i = 0; i < crew->count; i++) {
        if (read(crew->worker[i].ours, &ns, sizeof ns) != sizeof ns)
            die("a worker is gone");
        sum += 1e9 / ns;
    }
    return sum;
}

static double run_crews(struct corpus *corpus, const struct plugin *plugin, bool processes,
                        unsigned rounds)
{
    struct worker worker[WORKERS];
    for (size_t i = 0; i < WORKERS; i++)
        worker_start(&worker[i], corpus, plugin, i, processes);
    struct crew one = {worker, 1}, two = {worker, WORKERS};
    struct series alone = {.run = crew_run, .arg = &one}, both = {.run = crew_run, .arg = &two};
    interleave((struct series *[]){&alone, &both}, 2, rounds);
    for (size_t i = 0; i < WORKERS; i++)
        worker_end(&worker[i]);
    return median(&both) / median(&alone);
}

static void run_beside_writer(struct corpus *corpus, struct plugin *plugin, unsigned rounds)
{
    struct lookups asked = {.corpus = corpus, .count = COUNT, .fn = plugin_validate, .arg = plugin};
    struct writer *writer = writer_make(corpus);
    struct beside beside = {writer, &asked};
    struct series without = {.run = lookups_run, .arg = &asked};
    struct series with = {.run = beside_writer, .arg = &beside};
    interleave((struct series *[]){&without, &with}, 2, rounds);
    report_time("beside_writer", "validate, uniform, beside a writer", median(&with));
    report_figure("writer", "validate beside a writer / without", median(&with) / median(&without),
                  AT_MOST, 1.2);
    writer_free(writer);
}

void bench_parallel(struct corpus *corpus, unsigned rounds)
{
    struct plugin plugin;
    plugin_open(&plugin, corpus);
    report_figure("threads", "two threads / one, throughput",
                  run_crews(corpus, &plugin, false, rounds), AT_LEAST, 1.9);
    report_figure("processes", "two processes / one, throughput",
                  run_crews(corpus, &plugin, true, rounds), AT_LEAST, 1.9);
    run_beside_writer(corpus, &plugin, rounds);
    plugin_close(&plugin);
}
