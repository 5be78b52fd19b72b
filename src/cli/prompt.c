/* SPDX-License-Identifier: ISC */
/* The question before a change that cannot be undone. */
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int prompt_possible(const struct cli *cli, struct espt_error *err)
{
    if (given(cli, OPTION_YES) || isatty(STDIN_FILENO))
        return 0;
    return espt_fail(
        err, ESPT_USAGE,
        "standard input is not a terminal, so nobody can be asked; add --yes to go ahead");
}

int prompt(const char *question, struct espt_error *err)
{
    fprintf(stderr, "%s%s%s [y/N] ", colour_begin(stderr, COLOUR_BOLD), question,
            colour_end(stderr));
    char *answer = NULL;
    size_t room = 0;
    ssize_t len = getline(&answer, &room, stdin);
    bool yes = false;
    if (len > 0) {
        answer[strcspn(answer, "\r\n")] = '\0';
        yes = strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0;
    } else {
        fputc('\n', stderr);
    }
    free(answer);
    return yes ? 0 : espt_fail(err, ESPT_REFUSED, "declined; nothing was changed");
}
