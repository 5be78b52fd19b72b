/*
 * Objects that threads read while another puts a new one in their place, without a lock: a reader
 * enters, loads the pointer, reads, and leaves; what was replaced is freed once every reader that
 * may hold it has left.
 *
 * MUST 1: nobody waits. A reader that never leaves (its thread was lost in a fork) keeps the
 * replaced object for ever; that is memory, not a hang. MUST 2: pointers are loaded after
 * guard_enter(), replaced before guard_retire(), all seq_cst: a reader that entered a slot after
 * the slot was seen empty finds the new object.
 */
#ifndef VALIDATOR_GUARD_H
#define VALIDATOR_GUARD_H

#include <stdatomic.h>
#include <stdint.h>

/* A reader has one to itself for as long as it is inside; a cache line each, so that threads do not
   meet. When all are taken, the rest share the one that counts. */
#define GUARD_SLOTS 32
#define GUARD_SHARED GUARD_SLOTS

struct retired;

struct guard {
    struct {
        _Alignas(64) atomic_uint inside;
        atomic_uint turns; /* the reader's that is inside */
    } slot[GUARD_SLOTS + 1];
    _Atomic(struct retired *) retired;
};

unsigned guard_enter(struct guard *guard);
void guard_leave(struct guard *guard, unsigned slot);

/* How often this was asked in the slot that one is inside of. */
static inline unsigned guard_turns(struct guard *guard, unsigned slot)
{
    unsigned turns = atomic_load_explicit(&guard->slot[slot].turns, memory_order_relaxed);
    atomic_store_explicit(&guard->slot[slot].turns, turns + 1, memory_order_relaxed);
    return turns;
}

/* Hands over a replaced object. Out of memory: it is never freed. */
void guard_retire(struct guard *guard, void *object, void (*destroy)(void *object));
/* Frees what nobody can hold any more. */
void guard_collect(struct guard *guard);
/* Frees everything; nobody is inside. */
void guard_clear(struct guard *guard);

#endif
