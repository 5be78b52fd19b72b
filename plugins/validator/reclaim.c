/* SPDX-License-Identifier: ISC */
#include "reclaim.h"

#include "common/spread.h"

#include <pthread.h>
#include <stdlib.h>

struct retired {
    struct retired *next;
    void *object;
    void (*destroy)(void *object);
    uint64_t empty; /* one bit for each slot that was seen empty after the replacement */
};

_Static_assert(RECLAIM_SLOTS < 64, "a bit for each slot");
#define ALL_SLOTS ((UINT64_C(2) << RECLAIM_SHARED) - 1)

unsigned reclaim_enter(struct reclaim *reclaim)
{
    /* the addresses of thread control blocks differ in their middle bits */
    uint64_t hash = spread((uint64_t)(uintptr_t)pthread_self());
    for (unsigned tries = 0; tries < RECLAIM_SLOTS; tries++) {
        unsigned slot = (unsigned)((hash >> 59) + tries) % RECLAIM_SLOTS, empty = 0;
        if (atomic_compare_exchange_strong(&reclaim->slot[slot].inside, &empty, 1))
            return slot;
    }
    atomic_fetch_add(&reclaim->slot[RECLAIM_SHARED].inside, 1);
    return RECLAIM_SHARED;
}

void reclaim_leave(struct reclaim *reclaim, unsigned slot)
{
    if (slot == RECLAIM_SHARED)
        atomic_fetch_sub_explicit(&reclaim->slot[slot].inside, 1, memory_order_release);
    else
        atomic_store_explicit(&reclaim->slot[slot].inside, 0, memory_order_release);
}

static void push(struct reclaim *reclaim, struct retired *retired)
{
    retired->next = atomic_load(&reclaim->retired);
    while (!atomic_compare_exchange_weak(&reclaim->retired, &retired->next, retired))
        ;
}

void reclaim_retire(struct reclaim *reclaim, void *object, void (*destroy)(void *object))
{
    struct retired *retired = object != NULL ? malloc(sizeof *retired) : NULL;
    if (retired == NULL)
        return;
    *retired = (struct retired){.object = object, .destroy = destroy};
    push(reclaim, retired);
}

static void destroy(struct retired *retired)
{
    retired->destroy(retired->object);
    free(retired);
}

void reclaim_collect(struct reclaim *reclaim)
{
    struct retired *next, *each = atomic_exchange(&reclaim->retired, NULL);
    if (each == NULL)
        return;
    uint64_t empty = 0;
    for (unsigned i = 0; i <= RECLAIM_SHARED; i++) {
        if (atomic_load(&reclaim->slot[i].inside) == 0)
            empty |= UINT64_C(1) << i;
    }
    for (; each != NULL; each = next) {
        next = each->next;
        each->empty |= empty;
        if (each->empty == ALL_SLOTS)
            destroy(each);
        else
            push(reclaim, each);
    }
}

void reclaim_clear(struct reclaim *reclaim)
{
    struct retired *next, *each = atomic_exchange(&reclaim->retired, NULL);
    for (; each != NULL; each = next) {
        next = each->next;
        destroy(each);
    }
}
