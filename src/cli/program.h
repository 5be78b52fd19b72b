/* SPDX-License-Identifier: ISC */
/*
 * Runs another program: without a shell, with a small fixed environment, in the folder /, and for a
 * bounded time. It gets its own process group and none of our descriptors.
 */
#ifndef ESPT_CLI_PROGRAM_H
#define ESPT_CLI_PROGRAM_H

#include <stddef.h>

/* The whole environment of the program. */
#define PROGRAM_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PROGRAM_LOCALE "LC_ALL=C.UTF-8"

struct program {
    const char *const *argv; /* argv[0] is a path, or a name that is looked up in PROGRAM_PATH */
    const char *input;       /* its standard input, as a file; NULL: /dev/null */
    unsigned seconds;        /* after that it is ended */
    int heard;               /* STDOUT_FILENO or STDERR_FILENO; the other one is /dev/null */
};

enum program_how {
    PROGRAM_EXITED,      /* `number` is its exit status */
    PROGRAM_DIED,        /* `number` is the signal that ended it */
    PROGRAM_LATE,        /* it was ended because its time was over */
    PROGRAM_INTERRUPTED, /* it was ended because this process was interrupted (interrupt.h) */
    PROGRAM_NOT_STARTED, /* `number` is errno */
};

struct program_end {
    enum program_how how;
    int number;
    char text[8192]; /* the end of what it wrote to `heard` */
};

void program_run(const struct program *program, struct program_end *ret_end);

/* The last line of its output, with control characters replaced; empty: none. It is in
   end->text. */
const char *program_last_line(struct program_end *end);

#endif
