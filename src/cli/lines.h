/* SPDX-License-Identifier: ISC */
/* A file with one item a line; `-` is standard input. Blank lines, lines that begin with #, and a
   byte-order mark are skipped. */
#ifndef ESPT_CLI_LINES_H
#define ESPT_CLI_LINES_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LINE_BYTES_MAX 65536

struct lines {
    FILE *file;
    const char *name; /* for messages */
    char *line;       /* the current line without its ending; NUL-terminated */
    size_t len;
    uint64_t number;      /* of the current line, from 1; at the end, of the last one */
    uint64_t read, bytes; /* bytes read; the file's size, 0 if unknown */
};

ESPT_MUST_USE int lines_open(struct lines *ret_lines, const char *path, struct espt_error *err);
/* Reads the next line that is neither blank nor a comment. Returns 1, 0 at the end, ESPT_UNUSABLE,
   or ESPT_USAGE for a line that is too long or holds a NUL, and for a file in UTF-16. */
ESPT_MUST_USE int lines_next(struct lines *lines, struct espt_error *err);
void lines_close(struct lines *lines);
/* Puts "FILE:LINE: " before the message. Returns the error's code. */
int lines_fail_in(const struct lines *lines, struct espt_error *err);

#endif
