/* SPDX-License-Identifier: ISC */
/* A signed head of a fleet: refused, or one whose encoding is these bytes. */
#include "fuzz/fuzz.h"

#include "fleet/head.h"

FUZZ(head)
{
    static const uint8_t nobody[SITE_KEY_LEN] = {9}, secret[crypto_sign_SECRETKEYBYTES] = {1};
    uint8_t again[HEAD_MAX];
    struct head head;
    char needs[ENTRY_NEEDS_MAX + 1] = "";
    const enum entry_verdict verdict = head_decode(data, size, &head, needs);
    MUST_HOLD(verdict != ENTRY_NEWER || (size > 5 && data[4] > HEAD_FORM && needs[0] != '\0'));
    if (verdict != ENTRY_GOOD)
        return 0;
    MUST_HOLD(head.number > 0 && head.time > 0 && head.snapshot.number <= head.number);
    MUST_HOLD(entity_name_ok(head.site, strlen(head.site)));
    MUST_HOLD(!head_signed_by(data, size, nobody));
    /* all bytes behind the version that reads it, up to the signature */
    const size_t own = 6 + strlen(ENTRY_NEEDS), at = 6 + (size_t)data[5];
    const size_t len = head_encode(&head, secret, again);
    MUST_HOLD(len - own == size - at);
    MUST_HOLD(memcmp(again + own, data + at, size - at - crypto_sign_BYTES) == 0);
    return 0;
}
