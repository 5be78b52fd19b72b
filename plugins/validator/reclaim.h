/* SPDX-License-Identifier: ISC */
/*
 * Slot-based memory reclamation, similar to hazard pointers. Threads read an object without a lock
 * while another thread replaces it. A reader enters a slot, loads the pointer, reads the object and
 * leaves the slot. A replaced object is freed when no reader can still hold it: each slot has been
 * seen empty at least once since the replacement.
 *
 * MUST 1: no thread waits. If a reader never leaves (its thread was lost by a fork), the replaced
 *         object is never freed. That costs memory, but nothing hangs.
 * MUST 2: pointers are loaded after reclaim_enter() and replaced before reclaim_retire(), all with
 *         seq_cst order. So a reader that enters a slot after the slot was seen empty loads the new
 *         object.
 */
#ifndef VALIDATOR_RECLAIM_H
#define VALIDATOR_RECLAIM_H

#include <stdatomic.h>
#include <stdint.h>

/* A reader has a slot of its own while it is inside. Each slot is a cache line, so that threads do
   not share one. If all slots are taken, further readers share the last slot, which is a counter.
 */
#define RECLAIM_SLOTS 32
#define RECLAIM_SHARED RECLAIM_SLOTS

struct retired;

struct reclaim {
    struct {
        _Alignas(64) atomic_uint inside;
        atomic_uint turns; /* see reclaim_turns(); only the reader inside writes it */
    } slot[RECLAIM_SLOTS + 1];
    _Atomic(struct retired *) retired;
};

unsigned reclaim_enter(struct reclaim *reclaim);
void reclaim_leave(struct reclaim *reclaim, unsigned slot);

/* Counts the calls in the caller's slot: a cheap counter for work that is done one time in N. */
static inline unsigned reclaim_turns(struct reclaim *reclaim, unsigned slot)
{
    unsigned turns = atomic_load_explicit(&reclaim->slot[slot].turns, memory_order_relaxed);
    atomic_store_explicit(&reclaim->slot[slot].turns, turns + 1, memory_order_relaxed);
    return turns;
}

/* Takes ownership of a replaced object. If memory runs out, the object is never freed. */
void reclaim_retire(struct reclaim *reclaim, void *object, void (*destroy)(void *object));
/* Frees the objects that no reader can hold any more. */
void reclaim_collect(struct reclaim *reclaim);
/* Frees all objects. No reader may be inside. */
void reclaim_clear(struct reclaim *reclaim);

#endif
