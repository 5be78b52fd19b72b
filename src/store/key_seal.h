/* SPDX-License-Identifier: ISC */
/*
 * Seals every text of a store to a new key: the second step of a rotation (key_rotate.c).
 *
 * In a fleet that takes several transactions, because each is one entry of the journal and holds
 * the fleet's turn. Other sites may write between them, with the old key; what they wrote is sealed
 * by the last one, which also makes the new key that of the fleet. A rotation that is interrupted
 * between two of them leaves texts that are sealed to either key, and the old key in force.
 */
#ifndef ESPT_STORE_KEY_SEAL_H
#define ESPT_STORE_KEY_SEAL_H

#include "store/reveal.h"
#include "store/texts.h"

struct sealing {
    const struct keys *keys;
    struct texts texts; /* texts that no key opened are in `shut` */
    uint64_t done, total;
    progress_fn progress;
    void *arg;
    struct record_key at;  /* the last token that was looked at */
    uint64_t sealed, here; /* in all, and in this transaction */
    uint64_t entry;        /* of a fleet: number of the last entry made here; 0: none */
    bool others;           /* of a fleet: other entries came since the first token */
    bool ended;            /* every token was looked at */
};

/* The caller holds the writers' lock and has set `keys` (the new key is the first), `progress` and
   `arg`. Sets sealing->texts. */
ESPT_MUST_USE int key_seal(struct store *store, struct sealing *sealing, struct espt_error *err);

#endif
