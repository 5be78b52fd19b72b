/* SPDX-License-Identifier: ISC */
/* The nearest of some names to one that was mistyped. */
#ifndef ESPT_CLI_NEAREST_H
#define ESPT_CLI_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 128

struct nearest {
    const char *typed;
    size_t distance; /* distance of the nearest name so far */
    char name[NEAREST_MAX + 1];
};
void nearest_begin(struct nearest *ret_nearest, const char *typed);
void nearest_offer(struct nearest *nearest, const char *name);
/* Takes this name, whatever its distance. */
void nearest_set(struct nearest *nearest, const char *name);
/* NULL: no name is near enough. */
const char *nearest_name(const struct nearest *nearest);

#endif
