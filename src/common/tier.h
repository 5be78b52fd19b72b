/* The tier table (contract §3). A table never changes once loaded: any number of threads may read.
 */
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
    char upgrade[TIER_TEXT_MAX + 1]; /* what to tell someone who meets a limit; may be empty */
    uint32_t rank;                   /* 1-1000000 */
    uint32_t max_tokens;             /* 1-1000000, or TIER_UNLIMITED */
    bool is_default;
    size_t patterns;            /* how many are this tier's own */
    const char *const *pattern; /* exact names, `prefix.*` or `*`, in the file's order */
    int line;                   /* of its section, for messages */
};

struct tier_table {
    size_t count;                /* 1-64 */
    struct tier tier[TIERS_MAX]; /* by rank, lowest first */
    const char *pattern[TIER_PATTERNS_MAX];
    char *text; /* holds the patterns; owned */
};

/* `file` is for messages; ESPT_UNUSABLE says FILE:LINE: what is wrong and the mend. */
ESPT_MUST_USE int tier_table_parse(struct tier_table **ret_table, const char *file,
                                   const char *text, size_t len, struct espt_error *err);
/* Opens by trust_read() and parses. */
ESPT_MUST_USE int tier_table_load(struct tier_table **ret_table, const char *path, uid_t owner,
                                  struct espt_error *err);
void tier_table_free(struct tier_table *table);

/* NULL if there is none of that name. */
const struct tier *tier_find(const struct tier_table *table, const char *name);
const struct tier *tier_default(const struct tier_table *table);

/* May `tier` see `metric`: by its own patterns or by those of a lower rank? False for what is not a
   metric name. */
bool tier_allows(const struct tier_table *table, const struct tier *tier, const char *metric,
                 size_t len);

#endif
