#include "cli/bulk.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A commit waits for the disk: as seldom as a person who watches may wait. */
#define COMMIT_ITEMS 10000
#define COMMIT_MS 1000

static volatile sig_atomic_t interrupted; /* the signal */

static void on_signal(int number)
{
    interrupted = number;
}

/* Not restarted: a read that waits for a line ends too. */
static void catch_signals(void (*handler)(int))
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int commit(struct bulk *bulk, bulk_commit_fn fn, struct espt_error *err)
{
    const size_t pending = bulk->pending;
    bulk->since = now_ms();
    bulk->pending = 0;
    if (pending == 0)
        return 0;
    int code = batch_commit(bulk->batch, err);
    if (code != 0)
        return code;
    bulk->made += pending;
    bulk->committed = bulk->lines.number;
    progress_end(&bulk->progress);
    code = fn(bulk, err);
    store_said(); /* an interrupt that waited comes now */
    return code;
}

/* The line that stopped the work was not done, but those before it were. */
static int tell_how_far(const struct bulk *bulk, uint64_t last, struct espt_error *err)
{
    espt_add(err, "; %llu made; what stands up to line %llu is done: go on from the next",
             (unsigned long long)bulk->made, (unsigned long long)last);
    return err->code;
}

static int run(struct bulk *bulk, bulk_line_fn line, bulk_commit_fn fn, struct espt_error *err)
{
    struct espt_error second;
    int code;
    while ((code = lines_next(&bulk->lines, err)) > 0 && interrupted == 0) {
        code = line(bulk, err);
        if (code < 0)
            lines_fail_in(&bulk->lines, err);
        if (code < 0)
            break;
        bulk->pending += code > 0;
        bulk->committed = bulk->pending == 0 ? bulk->lines.number : bulk->committed;
        progress_step(&bulk->progress, bulk->lines.read, bulk->made + bulk->pending);
        if (bulk->pending >= COMMIT_ITEMS || now_ms() - bulk->since >= COMMIT_MS)
            code = commit(bulk, fn, err);
        if (code < 0)
            return tell_how_far(bulk, bulk->committed, err);
    }
    if (interrupted != 0)
        code = espt_fail(err, ESPT_REFUSED, "interrupted");
    else if (code == 0)
        return commit(bulk, fn, err) == 0 ? 0 : tell_how_far(bulk, bulk->committed, err);
    /* the line at hand is not in */
    uint64_t last = bulk->lines.number - 1;
    if (code == ESPT_UNUSABLE || commit(bulk, fn, &second) != 0)
        last = bulk->committed;
    return tell_how_far(bulk, last, err);
}

int bulk_run(struct cli *cli, const char *path, const char *what, bulk_line_fn line,
             bulk_commit_fn fn, void *arg, struct espt_error *err)
{
    struct bulk bulk = {.cli = cli, .since = now_ms(), .arg = arg};
    int code = lines_open(&bulk.lines, path, err);
    if (code != 0)
        return code;
    code = batch_open(&bulk.batch, cli->store, cli->tiers, given(cli, OPTION_DRY_RUN), err);
    if (code == 0) {
        catch_signals(on_signal);
        progress_begin(&bulk.progress, what, bulk.lines.bytes);
        code = run(&bulk, line, fn, err);
        progress_end(&bulk.progress);
        catch_signals(SIG_DFL);
        cli->died_of = interrupted;
    }
    batch_close(bulk.batch);
    lines_close(&bulk.lines);
    return code;
}
