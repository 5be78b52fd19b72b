/* SPDX-License-Identifier: ISC */
/* Finds the nearest of some names by edit distance. */
#include "cli/nearest.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The edit distance: bytes omitted, inserted, replaced, or swapped with their neighbour (optimal
   string alignment). */
static size_t slips(const char *a, size_t a_len, const char *b, size_t b_len)
{
    uint8_t rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a_len; i++) {
        uint8_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = least(above[j], row[j - 1]) + 1;
            best = least(best, above[j - 1] + (size_t)(a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least(best, higher[j - 2] + (size_t)1);
            row[j] = (uint8_t)best;
        }
    }
    return rows[a_len % 3][b_len];
}

void nearest_begin(struct nearest *ret_nearest, const char *typed)
{
    /* one edit for each three letters, and at least one */
    const size_t len = strlen(typed), most = len / 3 > 1 ? len / 3 : 1;
    *ret_nearest = (struct nearest){.typed = typed, .distance = least(most, 4) + 1};
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    const size_t typed = strlen(nearest->typed), len = strlen(name);
    const size_t apart = typed > len ? typed - len : len - typed;
    if (apart >= nearest->distance || typed > NEAREST_MAX || len > NEAREST_MAX || typed < 2)
        return;
    const size_t distance = slips(nearest->typed, typed, name, len);
    if (distance >= nearest->distance)
        return;
    nearest->distance = distance;
    snprintf(nearest->name, sizeof nearest->name, "%s", name);
}

void nearest_set(struct nearest *nearest, const char *name)
{
    nearest->distance = 0;
    snprintf(nearest->name, sizeof nearest->name, "%s", name);
}

const char *nearest_name(const struct nearest *nearest)
{
    return nearest->name[0] != '\0' ? nearest->name : NULL;
}
