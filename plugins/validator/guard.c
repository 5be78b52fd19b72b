#include "guard.h"

#include <pthread.h>
#include <stdlib.h>

struct retired {
    struct retired *next;
    void *object;
    void (*destroy)(void *object);
    uint32_t empty; /* slots seen empty since it was replaced, as bits */
};

_Static_assert(GUARD_SLOTS == 32, "a bit for each slot");

unsigned guard_enter(struct guard *guard)
{
    /* addresses of threads differ in their middle bits: spread them by Fibonacci hashing */
    uint64_t hash = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15);
    unsigned slot = (unsigned)(hash >> 59);
    atomic_fetch_add(&guard->slot[slot].inside, 1);
    return slot;
}

void guard_leave(struct guard *guard, unsigned slot)
{
    atomic_fetch_sub_explicit(&guard->slot[slot].inside, 1, memory_order_release);
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
    uint32_t empty = 0;
    for (unsigned i = 0; i < GUARD_SLOTS; i++) {
        if (atomic_load(&guard->slot[i].inside) == 0)
            empty |= UINT32_C(1) << i;
    }
    for (; each != NULL; each = next) {
        next = each->next;
        each->empty |= empty;
        if (each->empty == UINT32_MAX)
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
