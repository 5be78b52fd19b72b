/* SPDX-License-Identifier: ISC */
#include "portal/rate.h"

#include "common/clock.h"

#include <sodium.h>
#include <stddef.h>
#include <string.h>

#define REACH 8 /* places that are looked at for a key */

static uint64_t hash(const char *key)
{
    uint64_t out = 0;
    crypto_generichash((uint8_t *)&out, sizeof out, (const uint8_t *)key, strlen(key), NULL, 0);
    return out | 1;
}

/* The bucket of the key; else the one that has been full for longest. */
static size_t place(const struct rates *rates, uint64_t key)
{
    size_t best = key % RATES;
    for (size_t i = 0; i < REACH; i++) {
        const size_t at = (key + i) % RATES;
        if (rates->bucket[at].key == key)
            return at;
        if (rates->bucket[at].full < rates->bucket[best].full)
            best = at;
    }
    return best;
}

unsigned rate_take(struct rates *rates, const char *key, int burst, int64_t every_ms)
{
    const uint64_t hashed = hash(key);
    const int64_t now = monotonic_ms();
    const size_t at = place(rates, hashed);
    int64_t full = rates->bucket[at].full;
    if (full < now)
        full = now;
    if (full + every_ms - now > burst * every_ms)
        return (unsigned)((full + every_ms - now - burst * every_ms) / 1000 + 1);
    rates->bucket[at].key = hashed;
    rates->bucket[at].full = full + every_ms;
    return 0;
}
