/* SPDX-License-Identifier: ISC */
#include "fleet/report.h"

#include "common/record_bytes.h"
#include "fleet/signature.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t magic[4] = {'E', 'S', 'P', 'R'};
static const char label[] = "esp-token journal report";

#define USE_LEN 24
#define HEADER_MAX \
    (sizeof magic + 1 + 1 + ENTRY_NEEDS_MAX + FLEET_ID_LEN + 1 + SITE_NAME_MAX + 8 + 8 + 1 + 4)

struct report_use report_use_at(const struct report *report, size_t index)
{
    struct parser p = {.in = report->uses + index * USE_LEN, .left = USE_LEN, .good = true};
    const uint64_t id = parse_u64(&p), uses = parse_u64(&p), last = parse_u64(&p);
    return (struct report_use){id, uses, (int64_t)last};
}

int report_encode(const struct report *report, const struct report_use *uses,
                  const uint8_t secret[static crypto_sign_SECRETKEYBYTES], uint8_t **ret_bytes,
                  size_t *ret_len, struct espt_error *err)
{
    struct writer w = {.out = malloc(HEADER_MAX + report->count * USE_LEN + crypto_sign_BYTES)};
    if (w.out == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    write_bytes(&w, magic, sizeof magic);
    write_u8(&w, REPORT_FORM);
    write_text(&w, ENTRY_NEEDS);
    write_bytes(&w, report->fleet, sizeof report->fleet);
    write_text(&w, report->name);
    write_u64(&w, report->number);
    write_u64(&w, (uint64_t)report->time);
    write_u8(&w, report->whole);
    write_u32(&w, (uint32_t)report->count);
    for (size_t i = 0; i < report->count; i++) {
        write_u64(&w, uses[i].id);
        write_u64(&w, uses[i].uses);
        write_u64(&w, (uint64_t)uses[i].last_used);
    }
    signature_make(label, w.out, w.len, secret, w.out + w.len);
    *ret_bytes = w.out;
    *ret_len = w.len + crypto_sign_BYTES;
    return 0;
}

/* --- reading --- */

static bool uses_ok(const struct report *report)
{
    uint64_t before = 0;
    for (size_t i = 0; i < report->count; i++) {
        const struct report_use use = report_use_at(report, i);
        if (use.id <= before || use.uses == 0 || use.uses > INT64_MAX || use.last_used <= 0)
            return false;
        before = use.id;
    }
    return true;
}

static void parse_fields(struct parser *p, struct report *ret)
{
    parse_bytes(p, ret->fleet, sizeof ret->fleet);
    parse_text(p, ret->name, SITE_NAME_MAX, entity_name_ok);
    ret->number = parse_u64(p);
    ret->time = (int64_t)parse_u64(p);
    const uint8_t whole = parse_u8(p);
    ret->whole = whole == 1;
    ret->count = parse_u32(p);
    ret->uses = p->in;
    p->good = p->good && whole <= 1 && ret->time > 0;
}

enum entry_verdict report_decode(const uint8_t *bytes, size_t len, struct report *ret,
                                 char *ret_needs)
{
    uint8_t begin[sizeof magic];
    struct parser p = {.in = bytes, .left = len, .good = true};
    *ret = (struct report){0};
    parse_bytes(&p, begin, sizeof begin);
    const uint8_t form = parse_u8(&p);
    entry_parse_needs(&p, ret_needs);
    if (!p.good || memcmp(begin, magic, sizeof magic) != 0 || form < REPORT_FORM)
        return ENTRY_DAMAGED;
    if (form > REPORT_FORM)
        return ENTRY_NEWER;
    parse_fields(&p, ret);
    if (!p.good || ret->count > REPORT_USES_MAX ||
        p.left != ret->count * USE_LEN + crypto_sign_BYTES || !uses_ok(ret))
        return ENTRY_DAMAGED;
    return ENTRY_GOOD;
}

bool report_signed_by(const uint8_t *bytes, size_t len, const uint8_t key[static SITE_KEY_LEN])
{
    return len > crypto_sign_BYTES && signature_good(label, bytes, len - crypto_sign_BYTES,
                                                     bytes + len - crypto_sign_BYTES, key);
}

bool report_good(const uint8_t *bytes, size_t len, const char *name,
                 const uint8_t fleet[static FLEET_ID_LEN], const uint8_t key[static SITE_KEY_LEN],
                 struct report *ret)
{
    char needs[ENTRY_NEEDS_MAX + 1];
    return report_decode(bytes, len, ret, needs) == ENTRY_GOOD && strcmp(ret->name, name) == 0 &&
           memcmp(ret->fleet, fleet, FLEET_ID_LEN) == 0 && report_signed_by(bytes, len, key);
}
