#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int prompt_possible(const struct cli *cli, struct espt_error *err)
{
    if (given(cli, OPTION_YES) || isatty(STDIN_FILENO))
        return 0;
    return espt_fail(err, ESPT_USAGE,
                     "standard input is no terminal to ask at; add --yes to go ahead unasked");
}

int prompt(const char *question, struct espt_error *err)
{
    if (in_colour(stderr))
        fprintf(stderr, "\033[1m%s\033[0m [y/N] ", question);
    else
        fprintf(stderr, "%s [y/N] ", question);
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
