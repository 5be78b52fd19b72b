/* SPDX-License-Identifier: ISC */
/* Lines of files in /proc. */
#ifndef ESPT_CLI_DOCTOR_PROC_H
#define ESPT_CLI_DOCTOR_PROC_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Cuts the next word off the line, and moves *rest to what follows. Empty: there is none. */
static inline char *proc_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \n"), *end = word + strcspn(word, " \n");
    *rest = *end != '\0' ? end + 1 : end;
    *end = '\0';
    return word;
}

static inline void proc_skip(char **rest, int words)
{
    for (int i = 0; i < words; i++)
        (void)proc_word(rest);
}

#endif
