/* SPDX-License-Identifier: ISC */
/*
 * Bulk work that reads from a pipe or a terminal may wait long for the next line. It commits the
 * items added so far before it waits, so that no transaction is open meanwhile. A dry run commits
 * nothing: it reads its input to the end first.
 */
#ifndef ESPT_CLI_SOURCE_H
#define ESPT_CLI_SOURCE_H

#include "cli/lines.h"

#include <stdbool.h>

struct source {
    FILE *from; /* the stream that lines_open() opened */
    int (*before_waiting)(void *arg, struct espt_error *err); /* returns 0 or a negative code */
    void *arg;
    int code; /* code of a failed callback; 0: none */
    struct espt_error err;
};

/* Replaces lines->file by a stream that calls before_waiting. `source` must live as long as the
   stream. A regular file is not replaced. */
ESPT_MUST_USE int source_begin(struct source *source, struct lines *lines, bool dry,
                               struct espt_error *err);

#endif
