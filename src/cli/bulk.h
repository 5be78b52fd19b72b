/*
 * Work on many lines in few transactions: it commits as it goes, and always says how far it came.
 */
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
    uint64_t made;      /* of what was asked for: committed */
    uint64_t committed; /* number of the last line that is in */
    size_t pending;     /* items since the last commit */
    int64_t since;      /* of the last commit, monotonic ms */
    void *arg;          /* of whose work it is */
};

/* One line: what it asks for is added to bulk->batch. 1: something was; 0: it is there already. */
typedef int (*bulk_line_fn)(struct bulk *bulk, struct espt_error *err);
/* What was added since the last commit is in the store now: print it. */
typedef int (*bulk_commit_fn)(struct bulk *bulk, struct espt_error *err);

/* Reads `path` to its end. A line that is refused, an interrupt, or what else goes wrong ends it
   after a commit of what came before, and the error says how far it came. */
ESPT_MUST_USE int bulk_run(struct cli *cli, const char *path, const char *what, bulk_line_fn line,
                           bulk_commit_fn commit, void *arg, struct espt_error *err);

#endif
