/* SPDX-License-Identifier: ISC */
/* The names of include/espt/journal.h. */
#ifndef ESPT_JOURNAL_NAMES_H
#define ESPT_JOURNAL_NAMES_H

#include "espt/journal.h"

#include <stdbool.h>
#include <string.h>

#define NAMES_LOWER "abcdefghijklmnopqrstuvwxyz0123456789-"
#define NAMES_MEMBER NAMES_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ._"

static inline bool piece_name_ok(const char *name)
{
    const size_t len = strlen(name);
    return len > 0 && len <= ESPT_JOURNAL_NAME_MAX && strspn(name, NAMES_LOWER) == len;
}

static inline bool member_name_ok(const char *name)
{
    const size_t len = strlen(name);
    return len > 0 && len <= ESPT_JOURNAL_NAME_MAX && strspn(name, NAMES_MEMBER) == len &&
           strchr("-._", name[0]) == NULL;
}

#endif
