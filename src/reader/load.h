/*
 * Loads from mapped memory that a writer may change at any moment. Each is done once, as written: a
 * compiler that loaded a checked length again would undo the check.
 */
#ifndef ESPT_READER_LOAD_H
#define ESPT_READER_LOAD_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(void *) == 8,
               "the store's format is that of 64-bit little-endian machines");

/* Where tests make the reader wait. */
#ifndef READER_STEP
#define READER_STEP() ((void)0)
#endif

/* `at` is aligned to the size of what is loaded. */
static inline uint16_t load16(const uint8_t *at)
{
    return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_RELAXED);
}

static inline uint32_t load32(const uint8_t *at)
{
    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
}

/* Acquire: what is loaded later is not older. */
static inline uint64_t load64(const uint8_t *at)
{
    return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

/* What is loaded later is not older than what was loaded before, by whatever means. */
static inline void load_fence(void)
{
#ifdef __SANITIZE_THREAD__ /* knows no fences; the compiler alone is held */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* Asks for a line of memory, to be read soon; any address will do. The empty statement is an effect
   to the compiler, which drops calls of functions that have none. */
static inline void bring_line(const void *address)
{
    __builtin_prefetch(address);
    __asm__ volatile("");
}

#endif
