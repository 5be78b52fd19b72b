/* SPDX-License-Identifier: ISC */
#include "common/cpu.h"

#include <stdatomic.h>

#if defined __x86_64__

#include <cpuid.h>

#define DETECTED 4u /* set after the detection, so that its result is never 0 */

static unsigned detect(void)
{
    unsigned a, b, c, d, found = DETECTED;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0)
        return found;
    if ((c & bit_SSE4_2) != 0)
        found |= CPU_CRC32C;
    if ((c & bit_PCLMUL) != 0 && (c & bit_SSE4_1) != 0)
        found |= CPU_CLMUL;
    return found;
}

/* Two threads may detect at once; both store the same value. */
bool cpu_has(enum cpu_feature feature)
{
    static atomic_uint known;
    unsigned found = atomic_load_explicit(&known, memory_order_relaxed);
    if (found == 0) {
        found = detect();
        atomic_store_explicit(&known, found, memory_order_relaxed);
    }
    return (found & feature) != 0;
}

#else

bool cpu_has(enum cpu_feature feature)
{
    (void)feature;
    return false;
}

#endif
