/*
 * memcpy() for what is mostly a name or a record, in the way of a validation: the call of the
 * library's takes longer than the copy (six of them were a tenth of a hot validation).
 */
#ifndef ESPT_COMMON_COPY_H
#define ESPT_COMMON_COPY_H

#include <stddef.h>
#include <string.h>

/* The first and the last `half` bytes, which overlap or meet: `half` to twice as many in all. */
static inline __attribute__((always_inline)) void copy_halves(char *out, const char *in, size_t len,
                                                              size_t half)
{
    memcpy(out, in, half);
    memcpy(out + len - half, in + len - half, half);
}

/* As memcpy(): the two do not overlap. */
static inline void copy_small(void *out, const void *in, size_t len)
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
