/* SPDX-License-Identifier: ISC */
/* The shared records that a transaction has put or deleted, with what they were before. */
#ifndef ESPT_FLEET_TOUCHED_H
#define ESPT_FLEET_TOUCHED_H

#include "store/db/db.h"

struct touch {
    enum table table;
    struct record_key key;
    bool existed;
    uint16_t old_len;
    uint8_t old[]; /* the value before the transaction, or before the entry */
};

struct touched {
    struct touch **items; /* owned */
    size_t count, room;
    uint32_t *slots; /* a hash table of indexes + 1; 0: free */
    size_t slot_count;
    uint8_t hash_key[16];
};

/* Call it before the record changes. Only the first call for a key counts. */
void touched_note(struct touched *touched, struct txn *txn, enum table table,
                  const struct record_key *key);
/* Sorts the items by table and key, as a part needs its operations (table_order()). */
void touched_sort(struct touched *touched);
void touched_clear(struct touched *touched);

#endif
