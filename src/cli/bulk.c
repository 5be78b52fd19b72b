/* SPDX-License-Identifier: ISC */
#include "cli/bulk.h"

#include "cli/interrupt.h"
#include "cli/source.h"
#include "common/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A commit waits for the disk, so commits are rare, but frequent enough for a person who
   watches. */
#define COMMIT_ITEMS 10000
#define COMMIT_MS 1000

static int commit(struct bulk *bulk, bulk_commit_fn fn, struct espt_error *err)
{
    const size_t pending = bulk->pending;
    bulk->pending = 0;
    if (bulk->dry)
        bulk->made += pending;
    if (pending == 0 || bulk->dry)
        return 0;
    int code = batch_commit(bulk->batch, err);
    if (code != 0)
        return code;
    bulk->made += pending;
    bulk->committed = bulk->lines.number;
    progress_end(&bulk->progress);
    code = fn(bulk, err);
    store_result_printed(); /* a held interrupt is delivered now */
    return code;
}

struct waiting {
    struct bulk *bulk;
    bulk_commit_fn fn;
};

/* Called when the next line is not available yet: commits all lines before it. */
static int before_waiting(void *arg, struct espt_error *err)
{
    const struct waiting *waiting = arg;
    struct bulk *bulk = waiting->bulk;
    int code = commit(bulk, waiting->fn, err);
    if (code == 0) /* also a batch without additions, to end its transaction */
        code = batch_commit(bulk->batch, err);
    if (code == 0)
        bulk->committed = bulk->lines.number - 1;
    return code;
}

/* The line that stopped the work is not committed; those before it are. */
static int fail_with_progress(const struct bulk *bulk, uint64_t last, struct espt_error *err)
{
    if (!bulk->dry)
        espt_add(err, "; %llu created; lines up to %llu are committed; resume at line %llu",
                 (unsigned long long)bulk->made, (unsigned long long)last,
                 (unsigned long long)last + 1);
    return err->code;
}

static int next_line(struct bulk *bulk, const struct source *source, struct espt_error *err)
{
    int code = lines_next(&bulk->lines, err);
    if (source->code != 0) {
        *err = source->err;
        code = source->code;
    }
    return code;
}

/* Prints why a dry run would refuse the line. */
static void report_refused(struct bulk *bulk, const struct espt_error *err)
{
    if (bulk->refused++ == 0) {
        bulk->first = err->code;
        bulk->first_line = bulk->lines.number;
    }
    if (bulk->refusals != NULL) {
        json_array_append_new(bulk->refusals,
                              json_pack("{s:I, s:o}", "line", (json_int_t)bulk->lines.number,
                                        "message", json_bytes(err->message)));
        return;
    }
    progress_end(&bulk->progress);
    printf("%llu: %s\n", (unsigned long long)bulk->lines.number, err->message);
}

static int run(struct bulk *bulk, const struct source *source, bulk_line_fn line, bulk_commit_fn fn,
               struct espt_error *err)
{
    struct espt_error second;
    int code;
    while ((code = next_line(bulk, source, err)) > 0 && interrupt_number() == 0) {
        code = line(bulk, err);
        if (code < 0 && code != ESPT_UNUSABLE && bulk->dry) {
            report_refused(bulk, err);
            code = 0;
        }
        if (code < 0)
            lines_fail_in(&bulk->lines, err);
        if (code < 0)
            break;
        /* the first line has waited for other writers; that is no part of the batch's time */
        if (bulk->pending == 0)
            bulk->since = monotonic_ms();
        bulk->pending += code > 0;
        bulk->committed = bulk->pending == 0 ? bulk->lines.number : bulk->committed;
        progress_step(&bulk->progress, bulk->lines.read, bulk->made + bulk->pending);
        if (bulk->pending >= COMMIT_ITEMS || monotonic_ms() - bulk->since >= COMMIT_MS)
            code = commit(bulk, fn, err);
        if (code < 0)
            return fail_with_progress(bulk, bulk->committed, err);
    }
    /* the current line is not in the batch; at the end there is none */
    uint64_t last = bulk->lines.number - (code != 0);
    if (interrupt_number() != 0)
        code = espt_fail(err, ESPT_REFUSED, "interrupted");
    else if (code == 0)
        return commit(bulk, fn, err) == 0 ? 0 : fail_with_progress(bulk, bulk->committed, err);
    if (code == ESPT_UNUSABLE || code == ESPT_UNSURE || commit(bulk, fn, &second) != 0)
        last = bulk->committed;
    return fail_with_progress(bulk, last, err);
}

json_t *bulk_json(const struct bulk *bulk, json_t *counts)
{
    json_object_set_new(counts, "dry_run", json_boolean(bulk->dry));
    if (bulk->refusals != NULL)
        json_object_set(counts, "refused", bulk->refusals);
    return counts;
}

static int run_source(struct bulk *bulk, struct source *source, const struct bulk_work *work,
                      struct espt_error *err)
{
    int code = source_begin(source, &bulk->lines, bulk->dry, err);
    if (code == 0)
        code = batch_open(&bulk->batch, bulk->cli->store, bulk->cli->tiers, bulk->dry, err);
    if (code != 0)
        return code;
    interrupt_catch();
    progress_begin(&bulk->progress, work->what, bulk->lines.bytes);
    code = run(bulk, source, work->line, work->commit, err);
    progress_end(&bulk->progress);
    bulk->cli->died_of = interrupt_release();
    return code;
}

int bulk_run(struct cli *cli, const char *path, const struct bulk_work *work,
             struct espt_error *err)
{
    struct bulk bulk = {.cli = cli, .dry = given(cli, OPTION_DRY_RUN), .arg = work->arg};
    int code = lines_open(&bulk.lines, path, err);
    if (code != 0)
        return code;
    if (bulk.dry && cli->json)
        bulk.refusals = json_array();
    /* lines_close() still uses the source */
    struct waiting waiting = {.bulk = &bulk, .fn = work->commit};
    struct source source = {.before_waiting = before_waiting, .arg = &waiting};
    code = run_source(&bulk, &source, work, err);
    batch_close(bulk.batch);
    lines_close(&bulk.lines);
    if (code == 0)
        code = work->total(&bulk, err);
    json_decref(bulk.refusals);
    if (code == 0 && bulk.refused > 0) /* as the real run would end */
        code = espt_fail(err, bulk.first,
                         "%s:%llu: %s would be refused; nothing was changed; correct the file",
                         bulk.lines.name, (unsigned long long)bulk.first_line,
                         bulk.refused == 1 ? "this line" : "this line, and others after it,");
    return code;
}
