/* SPDX-License-Identifier: ISC */
/*
 * The last process that copied to a clipboard. Each copy writes a random number to a file of this
 * user in $XDG_RUNTIME_DIR, or else in /dev/shm, one file for each clipboard. When its time is
 * over, a process compares the number. If it differs, a later copy followed, maybe of the same
 * text, and the process leaves the clipboard as it is. If no such file can be written, every
 * process counts as the last: it is better to clear a text too early than never.
 */
#ifndef ESPT_CLI_LAST_COPY_H
#define ESPT_CLI_LAST_COPY_H

#include "cli/cli.h"

#include <stdint.h>

struct last_copy {
    char path[PATH_MAX]; /* empty: none */
    uint8_t number[16];
};

/* Makes this the last copy for the clipboard of the program `way` at `display`. An empty `display`
   means the session of this terminal. */
void last_copy_claim(struct last_copy *ret_mine, const char *way, const char *display);
bool last_copy_is_mine(const struct last_copy *mine);
void last_copy_forget(const struct last_copy *mine);

#endif
