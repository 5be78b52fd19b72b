/* SPDX-License-Identifier: ISC */
/*
 * A progress bar for long work: on standard error, only at a terminal, at most ten times a second.
 * It may be drawn while a transaction or the writers' lock is held, so it never waits: bytes that a
 * stopped terminal (Ctrl-S) does not accept are dropped.
 */
#ifndef ESPT_CLI_PROGRESS_H
#define ESPT_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes to standard error as many bytes as it accepts without waiting, and drops the rest. */
void notice(const char *bytes, size_t len);

struct progress {
    const char *what;     /* the word for the items counted */
    uint64_t total;       /* 0: unknown */
    int64_t began, drawn; /* monotonic ms */
    bool shown, is_terminal;
};

void progress_begin(struct progress *ret_progress, const char *what, uint64_t total);
/* Reports that `part` of `total` and `count` items are done. */
void progress_step(struct progress *progress, uint64_t part, uint64_t count);
/* Erases the bar, so that something else can be printed. */
void progress_end(struct progress *progress);

#endif
