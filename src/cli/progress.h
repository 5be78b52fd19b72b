/* A bar for long work, on a terminal alone: standard error, at most ten times a second. */
#ifndef ESPT_CLI_PROGRESS_H
#define ESPT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;     /* a word for what is counted */
    uint64_t total;       /* 0: unknown */
    int64_t began, drawn; /* monotonic ms */
    bool shown, is_terminal;
};

void progress_begin(struct progress *ret_progress, const char *what, uint64_t total);
/* `part` of `total` is done; `count` things were. */
void progress_step(struct progress *progress, uint64_t part, uint64_t count);
/* Takes the bar away, so that something else may be printed. */
void progress_end(struct progress *progress);

#endif
