/* The nearest of some names to one that was mistyped. */
#ifndef ESPT_CLI_NEAREST_H
#define ESPT_CLI_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 128

struct nearest {
    const char *typed;
    size_t distance; /* of the nearest so far */
    char name[NEAREST_MAX + 1];
};
void nearest_begin(struct nearest *ret_nearest, const char *typed);
void nearest_offer(struct nearest *nearest, const char *name);
/* This one is meant, however far it is. */
void nearest_take(struct nearest *nearest, const char *name);
/* NULL: none is near enough to be meant. */
const char *nearest_name(const struct nearest *nearest);

#endif
