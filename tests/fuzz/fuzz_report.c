/* SPDX-License-Identifier: ISC */
/* A report of uses: refused, or one whose encoding is these bytes. */
#include "fuzz/fuzz.h"

#include "fleet/report.h"

/* Encodes it again. All bytes behind the version that reads it are the same, up to the signature.
 */
static void encode_again(const uint8_t *data, size_t size, const struct report *report)
{
    static const uint8_t secret[crypto_sign_SECRETKEYBYTES] = {1};
    const size_t head = 4 + 1 + 1, needs = head + data[5], own_needs = head + strlen(ENTRY_NEEDS);
    struct report_use *uses = calloc(report->count + 1, sizeof *uses);
    struct espt_error err;
    uint8_t *bytes;
    size_t len;
    MUST_HOLD(uses != NULL);
    for (size_t i = 0; i < report->count; i++) {
        uses[i] = report_use_at(report, i);
        MUST_HOLD(uses[i].id > (i > 0 ? uses[i - 1].id : 0) && uses[i].uses > 0);
    }
    MUST_HOLD(report_encode(report, uses, secret, &bytes, &len, &err) == 0);
    MUST_HOLD(len - own_needs == size - needs);
    MUST_HOLD(memcmp(bytes + own_needs, data + needs, size - needs - crypto_sign_BYTES) == 0);
    free(bytes);
    free(uses);
}

FUZZ(report)
{
    static const uint8_t nobody[SITE_KEY_LEN] = {9};
    struct report report;
    char needs[ENTRY_NEEDS_MAX + 1] = "";
    const enum entry_verdict verdict = report_decode(data, size, &report, needs);
    MUST_HOLD(verdict != ENTRY_NEWER || (size > 5 && data[4] > REPORT_FORM && needs[0] != '\0'));
    if (verdict != ENTRY_GOOD)
        return 0;
    MUST_HOLD(entity_name_ok(report.name, strlen(report.name)) && report.time > 0);
    MUST_HOLD(report.count <= REPORT_USES_MAX);
    MUST_HOLD(!report_signed_by(data, size, nobody));
    encode_again(data, size, &report);
    return 0;
}
