/* SPDX-License-Identifier: ISC */
/* A writer in its own process: it edits one token again and again, with or without a pause. */
#include "bench/bench.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct writer {
    struct corpus *corpus;
    struct {
        atomic_bool stop;
        atomic_ullong commits;
    } * shared;
    pid_t pid;
};

static _Noreturn void write_on_and_off(const struct writer *writer, unsigned pause_us)
{
    struct espt_error err;
    struct store *store;
    struct token_ref ref;
    struct token token;
    if (token_ref_parse(&ref, writer->corpus->edited, &err) != 0 ||
        store_open(&store, &writer->corpus->config, &err) != 0)
        die("writer: %s", err.message);
    for (int active = 0; !atomic_load(&writer->shared->stop); active = 1 - active) {
        const struct token_edit edit = {.active = &active};
        if (store_token_edit(store, &ref, &edit, &token, &err) != 0)
            die("writer: %s", err.message);
        atomic_fetch_add(&writer->shared->commits, 1);
        usleep(pause_us);
    }
    store_close(store);
    _exit(0);
}

struct writer *writer_make(struct corpus *corpus)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        die("out of memory");
    writer->corpus = corpus;
    writer->shared = mmap(NULL, sizeof *writer->shared, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (writer->shared == MAP_FAILED)
        die("out of memory");
    return writer;
}

void writer_free(struct writer *writer)
{
    munmap(writer->shared, sizeof *writer->shared);
    free(writer);
}

void writer_start(struct writer *writer, unsigned pause_us)
{
    atomic_store(&writer->shared->stop, false);
    const unsigned long long before = atomic_load(&writer->shared->commits);
    writer->pid = fork_bound();
    if (writer->pid == 0)
        write_on_and_off(writer, pause_us);
    while (atomic_load(&writer->shared->commits) == before) {
        must_live(writer->pid, "the writer");
        usleep(100);
    }
}

void writer_stop(struct writer *writer)
{
    atomic_store(&writer->shared->stop, true);
    reap(writer->pid, "the writer");
}

double beside_writer(void *arg)
{
    const struct beside *beside = arg;
    writer_start(beside->writer, 0);
    const double ns = lookups_run(beside->lookups);
    writer_stop(beside->writer);
    return ns;
}
