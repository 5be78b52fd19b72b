/*
 * INI files by inih, made strict (contract §3): whatever inih would cut, join or let pass is
 * refused before inih sees it, naming FILE:LINE: and the mend.
 */
#ifndef ESPT_COMMON_INI_H
#define ESPT_COMMON_INI_H

#include "error.h"

#include <stddef.h>

#define INI_FILE_MAX 65536 /* bytes */
#define INI_LINE_BYTES_MAX 198

/* Called for each section header (key and value NULL) and each key; `line` counts from 1. A
   negative return stops the reading and is the result; the callee has filled `err` by
   ini_fail(). */
typedef int (*ini_fn)(void *arg, const char *section, const char *key, const char *value, int line,
                      struct espt_error *err);

/* Fills `err` with FILE:LINE: and the message; returns ESPT_UNUSABLE. */
int ini_fault(struct espt_error *err, const char *file, int line, const char *format, ...)
    ESPT_PRINTF(4, 5);

/* `text` has `len` bytes and a terminator after them; `file` is for messages. */
ESPT_MUST_USE int ini_read(const char *file, const char *text, size_t len, ini_fn fn, void *arg,
                           struct espt_error *err);

#endif
