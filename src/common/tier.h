/* SPDX-License-Identifier: ISC */
/* The tier table (specification §3). A loaded table never changes, so any number of threads may
   read it. */
#ifndef ESPT_COMMON_TIER_H
#define ESPT_COMMON_TIER_H

#include "error.h"
#include "name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TIERS_MAX 64
#define TIER_PATTERNS_MAX 1024
#define TIER_UNLIMITED 0

struct tier {
    char name[TIER_NAME_MAX + 1];
    char label[TIER_TEXT_MAX + 1];
    char upgrade[TIER_TEXT_MAX + 1]; /* shown to a user who reaches a limit; may be empty */
    uint32_t rank;                   /* 1-1000000 */
    uint32_t max_tokens;             /* 1-1000000, or TIER_UNLIMITED */
    bool is_default;
    size_t patterns;            /* number of this tier's own patterns */
    const char *const *pattern; /* exact names, `prefix.*` or `*`, in the file's order */
    int line;                   /* of its section in the file, for messages */
};

struct tier_table {
    size_t count;                /* 1-64 */
    struct tier tier[TIERS_MAX]; /* sorted by rank, lowest first */
    const char *pattern[TIER_PATTERNS_MAX];
    char *text; /* holds the patterns; owned */
};

/* Parses `text`. `file` is for messages. ESPT_UNUSABLE: the message begins FILE:LINE:. */
ESPT_MUST_USE int tier_table_parse(struct tier_table **ret_table, const char *file,
                                   const char *text, size_t len, struct espt_error *err);
/* Opens the file with trust_open() and parses it. */
ESPT_MUST_USE int tier_table_load(struct tier_table **ret_table, const char *path, uid_t owner,
                                  struct espt_error *err);
/* Loads a candidate that is not in use: only its content is checked, not its owner or mode. It may
   be a pipe; then this waits. */
ESPT_MUST_USE int tier_table_load_candidate(struct tier_table **ret_table, const char *path,
                                            struct espt_error *err);
void tier_table_free(struct tier_table *table);

/* NULL: there is no tier of that name. */
const struct tier *tier_find(const struct tier_table *table, const char *name);
const struct tier *tier_default(const struct tier_table *table);

/* Whether a pattern of `tier`, or of a tier of lower rank, matches `metric`. False if `metric` is
   not a metric name. */
bool tier_allows(const struct tier_table *table, const struct tier *tier, const char *metric,
                 size_t len);

#endif
