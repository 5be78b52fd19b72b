/* SPDX-License-Identifier: ISC */
/*
 * Reads the target of a request as strictly as the programs behind the gateway could read it.
 *
 * MUST 1: a path that two programs may read differently is not normal: dot segments, empty
 *         segments, backslashes, parameters of a dot segment, and any encoded byte that a program
 *         could decode into one of them (%2e %2f %5c %25 %00), or need not encode at all (%6d).
 * MUST 2: a query parameter counts under each spelling of its name, because a back end may accept
 *         any.
 */
#ifndef ESPT_AUTHD_URI_H
#define ESPT_AUTHD_URI_H

#include <stdbool.h>
#include <stddef.h>

struct text {
    const char *at;
    size_t len;
};

/* Splits "PATH?QUERY". Without "?" the query's `at` is NULL. */
void uri_split(struct text uri, struct text *ret_path, struct text *ret_query);

bool uri_path_is_normal(struct text path);

/* Takes the next "NAME=VALUE" from *query, separated by &. Returns false at the end. */
bool uri_next_parameter(struct text *query, struct text *ret_name, struct text *ret_value);

enum uri_found { URI_ABSENT, URI_ONCE, URI_AMBIGUOUS };

/* Finds the one parameter `name` and its value, still encoded. URI_AMBIGUOUS: it is there twice, or
   under a name that some programs read as this one (another case, encoded, "name[]", after ";"). */
enum uri_found uri_parameter(struct text query, const char *name, struct text *ret_value);

/* Decodes %XX and +. Returns false if the text is malformed, has a NUL or a control character, or
   does not fit. *ret_len does not count the terminator. */
bool uri_decode(struct text encoded, char *ret_text, size_t size, size_t *ret_len);

#endif
