/* SPDX-License-Identifier: ISC */
/* Checks that hold for every command line (specification §5 and §6). */
#ifndef TESTS_FUZZ_INVARIANTS_H
#define TESTS_FUZZ_INVARIANTS_H

#include "fuzz/ctl.h"

/* A command line, parsed with the real options. */
struct asked {
    int code; /* 0, or ESPT_USAGE */
    bool json;
    bool secret; /* an argument contains a token's text */
    const struct command *command;
    struct options options;
    char *argv[64]; /* the options point into these texts */
};

void asked_parse(struct asked *ret_asked, const struct ctl *ctl);

/* Ends the process if a check fails. `changed`: place_sum() differs from before the command. */
void check_invariants(const struct asked *asked, const struct ctl *ctl, bool changed);

#endif
