/*
 * Who copied to a clipboard last. Each copy leaves a number of its own in a file of this user in
 * $XDG_RUNTIME_DIR, else in /dev/shm, one for each clipboard; who finds another number there when
 * its time has come was followed by a later copy, of the same text maybe, and leaves that one
 * alone. Where there can be no such file everybody is the last: rather a text is cleared too early
 * than never.
 */
#ifndef ESPT_CLI_NEWEST_H
#define ESPT_CLI_NEWEST_H

#include "cli/cli.h"

#include <stdint.h>

struct newest {
    char path[PATH_MAX]; /* empty: none */
    uint8_t number[16];
};

/* From now on this is the last one for that clipboard: `way` at `display`, or, where that is empty,
   in this terminal's session. */
void newest_claim(struct newest *ret_newest, const char *way, const char *display);
bool newest_is(const struct newest *newest);
void newest_forget(const struct newest *newest);

#endif
