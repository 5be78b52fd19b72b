/* SPDX-License-Identifier: ISC */
/* Runs esp-tokenctl at a pseudo-terminal. */
#ifndef TESTS_CLI_TERMINAL_H
#define TESTS_CLI_TERMINAL_H

#include "cli/drive.h"

#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
    int status;
    char text[1 << 18];
};

/* The size of the terminal; a test may change the columns. */
static struct winsize terminal_size __attribute__((unused)) = {24, 80, 0, 0};

/* Starts the command at a terminal. */
static inline pid_t terminal_begin(const char *config, const char *const *args, int *ret_terminal)
{
    pid_t child = forkpty(ret_terminal, NULL, NULL, &terminal_size);
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        const char *argv[64] = {ctl_path(), "-c", config};
        for (size_t i = 0; args[i] != NULL && 3 + i < 63; i++)
            argv[3 + i] = args[i];
        execv(argv[0], (char *const *)(void *)argv);
        _exit(127);
    }
    return child;
}

static inline int terminal_end(pid_t child, int terminal)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(terminal);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Runs the command and answers its question. `meanwhile` (may be NULL) runs before the answer. */
static inline struct seen at_terminal(const char *config, const char *const *args,
                                      const char *answer, void (*meanwhile)(const char *config))
{
    struct seen seen = {0};
    size_t len = 0;
    int terminal;
    pid_t child = terminal_begin(config, args, &terminal);
    ssize_t got;
    while ((got = read(terminal, seen.text + len, sizeof seen.text - 1 - len)) > 0) {
        len += (size_t)got;
        const bool asked =
            strstr(seen.text, "[y/N] ") != NULL || strstr(seen.text, "Token: ") != NULL;
        if (answer != NULL && asked) {
            if (meanwhile != NULL)
                meanwhile(config);
            ck_assert_int_gt(write(terminal, answer, strlen(answer)), 0);
            answer = NULL;
        }
    }
    seen.status = terminal_end(child, terminal);
    return seen;
}
#define AT_TERMINAL(config, answer, meanwhile, ...) \
    at_terminal((config), (const char *const[]){__VA_ARGS__, NULL}, (answer), (meanwhile))

#endif
