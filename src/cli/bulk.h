/* SPDX-License-Identifier: ISC */
/* Bulk work on many lines in few transactions. It commits as it proceeds, and an error reports
   which lines are committed. */
#ifndef ESPT_CLI_BULK_H
#define ESPT_CLI_BULK_H

#include "cli/lines.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "store/batch.h"

struct bulk {
    struct cli *cli;
    struct batch *batch;
    struct lines lines;
    struct progress progress;
    bool dry;         /* --dry-run: nothing is committed, and refused lines do not end the run */
    uint64_t made;    /* items that are committed; in a dry run: that would be */
    uint64_t refused; /* lines that a dry run refused */
    int first;        /* the code of the first of them */
    uint64_t first_line;
    json_t *refusals;   /* with --json: [{"line","message"}] */
    uint64_t committed; /* number of the last committed line */
    size_t pending;     /* items since the last commit */
    int64_t since;      /* when the first of them was there, monotonic ms */
    void *arg;          /* for the functions below */
};

/* Adds the item of the current line to bulk->batch. Returns 1 if it was added, 0 if it exists
   already, or a negative code. */
typedef int (*bulk_line_fn)(struct bulk *bulk, struct espt_error *err);
/* Prints the items of the commit that has just succeeded. */
typedef int (*bulk_commit_fn)(struct bulk *bulk, struct espt_error *err);

/* Prints the totals of a run that reached the end. */
typedef int (*bulk_total_fn)(const struct bulk *bulk, struct espt_error *err);
struct bulk_work {
    const char *what; /* the word for the items */
    bulk_line_fn line;
    bulk_commit_fn commit; /* not called in a dry run */
    bulk_total_fn total;
    void *arg;
};

/* Reads `path` to its end. A refused line, an interrupt or another error ends the run after a
   commit of the lines before it. The error says which lines are committed. A dry run prints each
   refused line, goes on, and ends with the code of the first one. */
ESPT_MUST_USE int bulk_run(struct cli *cli, const char *path, const struct bulk_work *work,
                           struct espt_error *err);
/* The totals as a JSON object, with the counts in `counts` (takes the reference): adds "dry_run"
   and, after a dry run, "refused". */
json_t *bulk_json(const struct bulk *bulk, json_t *counts);

#endif
