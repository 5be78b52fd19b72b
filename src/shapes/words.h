/* SPDX-License-Identifier: ISC */
/*
 * Kinds, statuses and colours: enums, and one table of words for each. Code compares the enums,
 * never the words.
 */
#ifndef ESPT_SHAPES_WORDS_H
#define ESPT_SHAPES_WORDS_H

#include "store/store.h"

/* --- colours --- */

/* Of the colours that every terminal has, yellow cannot be read on white, nor blue on black. */
enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_MAGENTA, COLOUR_RED, COLOUR_BOLD };
#define COLOUR_END "\033[0m"
const char *colour_name(enum colour colour);     /* for libsmartcols; NULL: none */
const char *colour_sequence(enum colour colour); /* starts the colour; COLOUR_END ends it */

/* --- kinds and statuses of entities --- */

#define KIND_CHOICES "reseller|customer"
const char *kind_word(enum entity_kind kind);
bool kind_from_word(const char *word, enum entity_kind *ret_kind);

#define STATUS_CHOICES "active|inactive"
const char *status_word(bool active);
bool status_from_word(const char *word, bool *ret_active);
enum colour status_colour(bool active);

/* The word for the level that switched something off. */
const char *off_by_word(enum off_by off_by); /* `off_by` is not OFF_NOBODY */
bool off_by_from_word(const char *word, enum off_by *ret_off_by);

/* --- statuses of tokens, specification §6 --- */

enum token_status {
    TOKEN_ACTIVE,
    TOKEN_INACTIVE,  /* switched off */
    TOKEN_EXPIRED,   /* its expiration time has passed */
    TOKEN_SUSPENDED, /* its entity, or the reseller of its entity, is inactive */
    TOKEN_RETIRING,  /* rotated: it works until it expires */
    TOKEN_STATUSES
};
#define TOKEN_STATUS_CHOICES "active|inactive|expired|suspended|retiring"

/* The first status that applies, in the order inactive, expired, suspended, retiring, active. The
   validator checks in this order too. */
enum token_status token_status(const struct token *token, int64_t now);
const char *token_status_word(enum token_status status);
/* For people: the word; of a retiring token with another status, both: "inactive, retiring". */
const char *token_status_seen(const struct token *token, int64_t now);
bool token_status_from_word(const char *word, enum token_status *ret_status);
enum colour token_status_colour(enum token_status status);

#endif
