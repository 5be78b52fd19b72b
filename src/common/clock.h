/* SPDX-License-Identifier: ISC */
/*
 * The two clocks that the project reads. Both are the kernel's coarse clocks: they advance every
 * few milliseconds, and the vDSO answers them without a system call.
 */
#ifndef ESPT_COMMON_CLOCK_H
#define ESPT_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since an arbitrary moment. This clock never goes backwards: use it to measure how
   long something takes, and for deadlines. */
static inline int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Unix seconds. An administrator may set this clock back. */
static inline int64_t realtime_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

#endif
