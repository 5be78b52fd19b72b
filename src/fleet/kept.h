/* SPDX-License-Identifier: ISC */
/*
 * STORE.kept and STORE.kept.old: the last entries that this store took, whole, for `fleet refill`.
 * The store itself has less of an entry: its log part, and the records that it made.
 *
 * They are files and not a table: an entry proves itself, because hashes lead from the store's
 * position back to it. So they need not change in the store's transaction, and the file that
 * validators read does not grow. No hash leads to an entry that was not committed or is of another
 * history, so such an entry is not used.
 *
 * MUST 1: an entry is on the disk here before the store's transaction is committed.
 * MUST 2: a failure to keep an entry does not fail the change.
 */
#ifndef ESPT_FLEET_KEPT_H
#define ESPT_FLEET_KEPT_H

#include "fleet/entry.h"

/* At this size a file becomes the old one. Each holds at least the last entry. */
#define KEPT_FILE_MAX (32L << 20)

/* Entries that are to be written. */
struct kept {
    uint8_t *bytes; /* owned */
    size_t len, room;
};
/* Out of memory: the entry is not kept. */
void kept_add(struct kept *kept, const espt_journal_entry *entry);
/* Writes them, durably, and empties the list. The caller holds the writers' lock of the store. */
ESPT_MUST_USE int kept_write(struct kept *kept, const char *store, struct espt_error *err);
void kept_clear(struct kept *kept);

/* What the files hold, oldest first. */
struct kept_entry {
    espt_journal_entry pieces;
    uint64_t number;
    uint8_t hash[FLEET_HASH_LEN], before[FLEET_HASH_LEN];
};
struct kept_list {
    struct kept_entry *items; /* owned */
    size_t count, room;
    char *files[2]; /* owned; `items` refers to them */
};
/* Damaged entries are left out. kept_list_clear() frees it, also after a failure. */
ESPT_MUST_USE int kept_read(struct kept_list *ret, const char *store, struct espt_error *err);
void kept_list_clear(struct kept_list *list);

#endif
