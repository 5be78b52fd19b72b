/* SPDX-License-Identifier: ISC */
/* Runs the real main() of esp-tokenctl in this process, any number of times. The streams are files.
 */
#ifndef TESTS_FUZZ_CTL_H
#define TESTS_FUZZ_CTL_H

#include "cli/cli.h"

struct ctl {
    int argc;
    char **argv;
    const char *input; /* on standard input */
    size_t input_len;

    int status;
    char *out, *err; /* NUL-terminated, to be freed by ctl_free() */
    size_t out_len, err_len;
    bool paused; /* it called sleep, although there is no other process to wait for */
};

void ctl_run(struct ctl *ctl);
void ctl_free(struct ctl *ctl);

#endif
