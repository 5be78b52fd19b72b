/* SPDX-License-Identifier: ISC */
/*
 * What entities were: each name and reseller that an entity has lost, and the entry of the log that
 * ended it. Entries name entities, and a name may later belong to another entity; this history
 * tells which entity an entry is about. It is read from the log once, follows it from then on, and
 * belongs to the open store.
 */
#ifndef ESPT_STORE_LOG_HISTORY_H
#define ESPT_STORE_LOG_HISTORY_H

#include "store/log.h"

struct log_past {
    uint64_t last; /* the entry whose change ended it */
    uint32_t number;
    char name[ENTITY_NAME_MAX + 1], reseller[ENTITY_NAME_MAX + 1];
};

/* Reads what the log has gained. Call it before the questions below. */
void log_history_follow(struct txn *txn);

/* The number of the entity that had the name at entry `sequence`. 0: there is none, or the
   transaction has failed. */
uint32_t log_history_holder(struct txn *txn, const char *name, uint64_t sequence);
/* What the entity lost first, at entry `sequence` or later. NULL: it lost nothing since. */
const struct log_past *log_history_then(const struct txn *txn, uint32_t number, uint64_t sequence);
/* What the entity lost last. NULL: it never lost anything. */
const struct log_past *log_history_last(const struct txn *txn, uint32_t number);

#endif
