/* SPDX-License-Identifier: ISC */
/* Rate limits: a bucket for each key, which fills again with time. */
#ifndef ESPT_PORTAL_RATE_H
#define ESPT_PORTAL_RATE_H

#include <stdint.h>

#define RATES 1024
struct rates {
    struct {
        uint64_t key; /* 0: free */
        int64_t full; /* when the bucket will be full again, monotonic milliseconds */
    } bucket[RATES];
};

/* Takes one of `burst` that come back one in `every_ms`. Returns 0, or after how many seconds there
   is one again. If more than RATES keys are in use, keys share buckets. */
unsigned rate_take(struct rates *rates, const char *key, int burst, int64_t every_ms);

#endif
