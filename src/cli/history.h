/* SPDX-License-Identifier: ISC */
/*
 * The log entries that `log --follow` has shown. They are kept because a restored store may hold
 * another log. Entries are chained by hash: two logs that agree in one entry agree in all earlier
 * entries, so they diverge after the last common entry.
 */
#ifndef ESPT_CLI_HISTORY_H
#define ESPT_CLI_HISTORY_H

#include "store/store.h"

#define HISTORY_MAX ((size_t)1 << 20) /* entries of 8 bytes; older ones are dropped */

struct history {
    uint64_t first;  /* number of the oldest entry kept */
    uint64_t *marks; /* the first bytes of each entry's hash */
    size_t count, room;
};

/* The number of the last entry; 0: none. */
static inline uint64_t history_last(const struct history *history)
{
    return history->count > 0 ? history->first + history->count - 1 : 0;
}
/* Adds the next entry. An entry that does not follow the last one starts a new history. */
ESPT_MUST_USE int history_add(struct history *history, const struct log_entry *entry,
                              struct espt_error *err);
bool history_has(const struct history *history, const struct log_entry *entry);
/* Drops the entries after number `last`. */
void history_cut(struct history *history, uint64_t last);
void history_clear(struct history *history);

#endif
