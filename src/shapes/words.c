/* SPDX-License-Identifier: ISC */
/* The tables of words for kinds, statuses and colours. */
#include "shapes/words.h"

#include <string.h>

static const struct {
    const char *name, *sequence;
} colours[] = {
    [COLOUR_NONE] = {NULL, ""},
    [COLOUR_GREEN] = {"green", "\033[32m"},
    [COLOUR_MAGENTA] = {"magenta", "\033[35m"},
    [COLOUR_RED] = {"red", "\033[31m"},
    [COLOUR_BOLD] = {"bold", "\033[1m"},
};

struct word {
    const char *word;
    enum colour colour;
    const char *retiring; /* the word for a retiring token, in tables and fields */
};

static const struct word kinds[] = {
    [KIND_RESELLER] = {"reseller", COLOUR_NONE, NULL},
    [KIND_CUSTOMER] = {"customer", COLOUR_NONE, NULL},
};

static const struct word entity_statuses[] = {
    [false] = {"inactive", COLOUR_RED, NULL},
    [true] = {"active", COLOUR_GREEN, NULL},
};

static const struct word offs[] = {
    [OFF_ENTITY] = {"entity", COLOUR_NONE, NULL},
    [OFF_RESELLER] = {"reseller", COLOUR_NONE, NULL},
    [OFF_PLATFORM] = {"platform", COLOUR_NONE, NULL},
};

static const struct word token_statuses[TOKEN_STATUSES] = {
    [TOKEN_ACTIVE] = {"active", COLOUR_GREEN, NULL},
    [TOKEN_INACTIVE] = {"inactive", COLOUR_RED, "inactive, retiring"},
    [TOKEN_EXPIRED] = {"expired", COLOUR_RED, "expired, retiring"},
    [TOKEN_SUSPENDED] = {"suspended", COLOUR_RED, "suspended, retiring"},
    [TOKEN_RETIRING] = {"retiring", COLOUR_MAGENTA, "retiring"},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Returns the index of the word, or `count` if the table lacks it. */
static size_t find(const struct word *table, size_t count, const char *word)
{
    size_t i = 0;
    while (i < count && (table[i].word == NULL || strcmp(table[i].word, word) != 0))
        i++;
    return i;
}

const char *colour_name(enum colour colour)
{
    return colours[colour].name;
}

const char *colour_sequence(enum colour colour)
{
    return colours[colour].sequence;
}

const char *kind_word(enum entity_kind kind)
{
    return kinds[kind].word;
}

bool kind_from_word(const char *word, enum entity_kind *ret_kind)
{
    const size_t found = find(kinds, COUNT(kinds), word);
    if (found < COUNT(kinds))
        *ret_kind = (enum entity_kind)found;
    return found < COUNT(kinds);
}

const char *status_word(bool active)
{
    return entity_statuses[active].word;
}

bool status_from_word(const char *word, bool *ret_active)
{
    const size_t found = find(entity_statuses, COUNT(entity_statuses), word);
    if (found < COUNT(entity_statuses))
        *ret_active = found != 0;
    return found < COUNT(entity_statuses);
}

enum colour status_colour(bool active)
{
    return entity_statuses[active].colour;
}

const char *off_by_word(enum off_by off_by)
{
    return offs[off_by].word;
}

bool off_by_from_word(const char *word, enum off_by *ret_off_by)
{
    const size_t found = find(offs, COUNT(offs), word);
    if (found < COUNT(offs))
        *ret_off_by = (enum off_by)found;
    return found < COUNT(offs);
}

enum token_status token_status(const struct token *token, int64_t now)
{
    if (!token->active)
        return TOKEN_INACTIVE;
    if (token->expires != 0 && now >= token->expires)
        return TOKEN_EXPIRED;
    if (token->suspended)
        return TOKEN_SUSPENDED;
    return token->retiring ? TOKEN_RETIRING : TOKEN_ACTIVE;
}

const char *token_status_word(enum token_status status)
{
    return token_statuses[status].word;
}

const char *token_status_seen(const struct token *token, int64_t now)
{
    const struct word *status = &token_statuses[token_status(token, now)];
    return token->retiring ? status->retiring : status->word;
}

bool token_status_from_word(const char *word, enum token_status *ret_status)
{
    const size_t found = find(token_statuses, TOKEN_STATUSES, word);
    if (found < TOKEN_STATUSES)
        *ret_status = (enum token_status)found;
    return found < TOKEN_STATUSES;
}

enum colour token_status_colour(enum token_status status)
{
    return token_statuses[status].colour;
}
