/* SPDX-License-Identifier: ISC */
/*
 * An inlined memcpy() for names and records, used on the hot path of a validation. There a call of
 * the library's memcpy() takes longer than the copy: six of them took a tenth of a validation whose
 * data was in the processor's caches.
 */
#ifndef ESPT_COMMON_COPY_H
#define ESPT_COMMON_COPY_H

#include <stddef.h>
#include <string.h>

/* Without full optimization gcc warns of the branches that a constant length excludes. */
#if defined __OPTIMIZE__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define COPY_INLINE static inline __attribute__((always_inline))
#else
#define COPY_INLINE static inline
#endif

/* Copies `half` to 2 * `half` bytes: the first `half` and the last `half`, which may overlap. */
COPY_INLINE void copy_halves(char *out, const char *in, size_t len, size_t half)
{
    memcpy(out, in, half);
    memcpy(out + len - half, in + len - half, half);
}

/* Copies `len` bytes, as memcpy(). The two ranges must not overlap. */
COPY_INLINE void copy_small(void *out, const void *in, size_t len)
{
    if (len - 8 <= 8)
        copy_halves(out, in, len, 8);
    else if (len - 16 <= 16)
        copy_halves(out, in, len, 16);
    else if (len - 64 <= 64)
        copy_halves(out, in, len, 64);
    else if (len - 4 <= 4)
        copy_halves(out, in, len, 4);
    else
        memcpy(out, in, len);
}

#endif
