#include "guard.h"

#include "common/spread.h"

#include <pthread.h>
#include <stdlib.h>

struct retired {
    struct retired *next;
    void *object;
    void (*destroy)(void *object);
    uint64_t empty; /* slots seen empty since it was replaced, as bits */
};

_Static_assert(GUARD_SLOTS < 64, "a bit for each slot");
#define ALL_SLOTS ((UINT64_C(2) << GUARD_SHARED) - 1)

unsigned guard_enter(struct guard *guard)
{
    /* addresses of threads differ in their middle bits */
    uint64_t hash = spread((uint64_t)(uintptr_t)pthread_self());
    for (unsigned tries = 0; tries < GUARD_SLOTS; tries++) {
        unsigned slot = (unsigned)((hash >> 59) + tries) % GUARD_SLOTS, nobody = 0;
        if (atomic_compare_exchange_strong(&guard->slot[slot].inside, &nobody, 1))
            return slot;
    }
    atomic_fetch_add(&guard->slot[GUARD_SHARED].inside, 1);
    return GUARD_SHARED;
}

void guard_leave(struct guard *guard, unsigned slot)
{
    if (slot == GUARD_SHARED)
        atomic_fetch_sub_explicit(&guard->slot[slot].inside, 1, memory_order_release);
    else
        atomic_store_explicit(&guard->slot[slot].inside, 0, memory_order_release);
}

static void push(struct guard *guard, struct retired *retired)
{
    retired->next = atomic_load(&guard->retired);
    while (!atomic_compare_exchange_weak(&guard->retired, &retired->next, retired))
        ;
}

void guard_retire(struct guard *guard, void *object, void (*destroy)(void *object))
{
    struct retired *retired = object != NULL ? malloc(sizeof *retired) : NULL;
    if (retired == NULL)
        return;
    *retired = (struct retired){.object = object, .destroy = destroy};
    push(guard, retired);
}

static void destroy(struct retired *retired)
{
    retired->destroy(retired->object);
    free(retired);
}

void guard_collect(struct guard *guard)
{
    struct retired *next, *each = atomic_exchange(&guard->retired, NULL);
    if (each == NULL)
        return;
    uint64_t empty = 0;
    for (unsigned i = 0; i <= GUARD_SHARED; i++) {
        if (atomic_load(&guard->slot[i].inside) == 0)
            empty |= UINT64_C(1) << i;
    }
    for (; each != NULL; each = next) {
        next = each->next;
        each->empty |= empty;
        if (each->empty == ALL_SLOTS)
            destroy(each);
        else
            push(guard, each);
    }
}

void guard_clear(struct guard *guard)
{
    struct retired *next, *each = atomic_exchange(&guard->retired, NULL);
    for (; each != NULL; each = next) {
        next = each->next;
        destroy(each);
    }
}
