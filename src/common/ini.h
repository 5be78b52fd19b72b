/* SPDX-License-Identifier: ISC */
/*
 * A strict parser of INI files on top of inih (specification §3). Lines that inih would cut, join
 * or accept silently are refused before inih reads them. The message begins FILE:LINE: and says
 * what to do.
 */
#ifndef ESPT_COMMON_INI_H
#define ESPT_COMMON_INI_H

#include "error.h"

#include <stddef.h>

#define INI_FILE_MAX 65536 /* bytes */
#define INI_LINE_BYTES_MAX 198

/* Called for each section header, with key and value NULL, and for each key. `line` counts from 1.
   The callback returns 0, or fills `err` with ini_fault() and returns a code; ini_read() then stops
   and returns that code. */
typedef int (*ini_fn)(void *arg, const char *section, const char *key, const char *value, int line,
                      struct espt_error *err);

/* Fills `err` with "FILE:LINE: " and the message. Returns ESPT_UNUSABLE. */
int ini_fault(struct espt_error *err, const char *file, int line, const char *format, ...)
    ESPT_PRINTF(4, 5);

/* Refuses a key or section that is not known: "unknown WHAT 'WORD'" and the remedy. A word that may
   be a secret in the wrong file is left out. */
int ini_unknown(struct espt_error *err, const char *file, int line, const char *what,
                const char *word, const char *remedy);

/* Parses `text`, which has `len` bytes and a terminator after them. `file` is for messages. */
ESPT_MUST_USE int ini_read(const char *file, const char *text, size_t len, ini_fn fn, void *arg,
                           struct espt_error *err);

#endif
