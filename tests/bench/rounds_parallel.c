/* Two threads, two processes, and a writer that never rests. */
#include "bench/bench.h"
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 30000 /* look-ups of each worker in a round */
#define WORKERS 2

/* A thread or a process that does a round for each byte that it is sent, and answers by the time
   that one look-up took it on its processor. */
struct worker {
    _Alignas(128) struct lookups lookups;
    struct plugin plugin;
    struct corpus corpus; /* the same texts, from a place of its own */
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
    worker->pid = fork();
    if (worker->pid < 0)
        die("no process");
    if (worker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(worker->ours);
        serve(worker);
        _exit(0);
    }
}

static void worker_end(struct worker *worker)
{
    shutdown(worker->ours, SHUT_RDWR);
    if (worker->pid == 0)
        pthread_join(worker->thread, NULL);
    else
        waitpid(worker->pid, NULL, 0);
    close(worker->ours);
    close(worker->its);
}

/* The first `count` of `worker` at once. */
struct crew {
    struct worker *worker;
    size_t count;
};

/* Look-ups a second, of all together. */
static double crew_run(void *arg)
{
    const struct crew *crew = arg;
    char byte = 0;
    double ns, sum = 0;
    for (size_t i = 0; i < crew->count; i++) {
        if (write(crew->worker[i].ours, &byte, 1) != 1)
            die("a worker is gone");
    }
    for (size_t i = 0; i < crew->count; i++) {
        if (read(crew->worker[i].ours, &ns, sizeof ns) != sizeof ns)
            die("a worker failed");
        sum += 1e9 / ns;
    }
    return sum;
}

/* --- a writer that edits one token, on and off --- */

struct writer {
    struct corpus *corpus;
    struct lookups *lookups;
    struct {
        atomic_bool stop;
        atomic_ullong commits;
    } * shared;
    double commits_per_second;
};

static _Noreturn void write_without_pause(struct writer *writer)
{
    struct espt_error err;
    struct store *store;
    struct token_ref ref;
    struct token token;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (token_ref_parse(&ref, writer->corpus->edited, &err) != 0 ||
        store_open(&store, &writer->corpus->config, &err) != 0)
        die("writer: %s", err.message);
    for (int active = 0; !atomic_load(&writer->shared->stop); active = 1 - active) {
        const struct token_edit edit = {.active = &active};
        if (store_token_edit(store, &ref, &edit, &token, &err) != 0)
            die("writer: %s", err.message);
        atomic_fetch_add(&writer->shared->commits, 1);
    }
    store_close(store);
    _exit(0);
}

static double beside_writer(void *arg)
{
    struct writer *writer = arg;
    int status;
    atomic_store(&writer->shared->stop, false);
    unsigned long long before = atomic_load(&writer->shared->commits);
    pid_t pid = fork();
    if (pid < 0)
        die("no process");
    if (pid == 0)
        write_without_pause(writer);
    while (atomic_load(&writer->shared->commits) == before && waitpid(pid, &status, WNOHANG) == 0)
        usleep(100);
    before = atomic_load(&writer->shared->commits);
    int64_t begin = clock_ns();
    double ns = lookups_run(writer->lookups);
    writer->commits_per_second = 1e9 * (double)(atomic_load(&writer->shared->commits) - before) /
                                 (double)(clock_ns() - begin);
    atomic_store(&writer->shared->stop, true);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        die("the writer failed");
    return ns;
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
    struct writer writer = {.corpus = corpus, .lookups = &asked};
    writer.shared = mmap(NULL, sizeof *writer.shared, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (writer.shared == MAP_FAILED)
        die("out of memory");
    struct series without = {.run = lookups_run, .arg = &asked};
    struct series beside = {.run = beside_writer, .arg = &writer};
    interleave((struct series *[]){&without, &beside}, 2, rounds);
    report_time("beside_writer", "validate, uniform, beside a writer", median(&beside));
    report_figure("writer", "validate beside a writer / without",
                  median(&beside) / median(&without), AT_MOST, 1.3);
    progress("the writer committed %.0f times a second", writer.commits_per_second);
    munmap(writer.shared, sizeof *writer.shared);
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
