/* SPDX-License-Identifier: ISC */
/*
 * Loads from mapped memory that a writer may change at any moment. Each load happens exactly once,
 * as written: a compiler that loaded a checked length again would undo the check.
 */
#ifndef ESPT_READER_LOAD_H
#define ESPT_READER_LOAD_H

#include "common/copy.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(void *) == 8,
               "the store's format is that of 64-bit little-endian machines");

/* A hook where tests delay the reader. */
#ifndef READER_STEP
#define READER_STEP() ((void)0)
#endif

/* A hook where tests check that a load, which may be unaligned, stays within one page. */
#ifndef READER_LOAD
#define READER_LOAD(at, len) ((void)0)
#endif

/* `at` must be aligned to the size of the load. */
static inline uint16_t load16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_RELAXED);
}

static inline uint32_t load32(const uint8_t *at)
{
    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
}

/* Acquire: later loads return no older data. */
static inline uint64_t load64(const uint8_t *at)
{
    return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

/* Eight bytes at any alignment. Volatile, so that a value that was checked is not loaded again. */
static inline uint64_t load64_anywhere(const uint8_t *at)
{
    struct anywhere {
        uint64_t value;
    } __attribute__((packed, may_alias));
    READER_LOAD(at, sizeof(uint64_t));
    return ((const volatile struct anywhere *)(const void *)at)->value;
}

/* Copies bytes that a writer may change, exactly once: later uses do not load them again. */
static inline void load_bytes(void *out, const uint8_t *bytes, size_t len)
{
    READER_LOAD(bytes, len);
    copy_small(out, bytes, len);
    atomic_signal_fence(memory_order_acq_rel);
}

/* Orders all loads before the fence, of any kind, before all loads after it. */
static inline void load_fence(void)
{
#ifdef __SANITIZE_THREAD__ /* ThreadSanitizer does not model fences; order the compiler only */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* Prefetches a cache line; any address is allowed. The empty asm statement is a side effect for the
   compiler, which would otherwise drop calls of a function that has none. */
static inline void prefetch_line(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("");
}

#endif
