/* SPDX-License-Identifier: ISC */
#include "fleet/head.h"

#include "common/record_bytes.h"
#include "fleet/signature.h"

static const uint8_t magic[4] = {'E', 'S', 'P', 'H'};
static const char label[] = "esp-token journal head";

size_t head_encode(const struct head *head, const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                   uint8_t out[static HEAD_MAX])
{
    struct writer w = {.out = out};
    write_bytes(&w, magic, sizeof magic);
    write_u8(&w, HEAD_FORM);
    write_text(&w, ENTRY_NEEDS);
    write_bytes(&w, head->fleet, sizeof head->fleet);
    write_u64(&w, head->number);
    write_bytes(&w, head->hash, sizeof head->hash);
    write_u64(&w, (uint64_t)head->time);
    write_u64(&w, head->snapshot.number);
    write_u32(&w, head->snapshot.len);
    write_bytes(&w, head->snapshot.hash, sizeof head->snapshot.hash);
    write_text(&w, head->site);
    signature_make(label, out, w.len, secret, out + w.len);
    return w.len + crypto_sign_BYTES;
}

static void parse_fields(struct parser *p, struct head *ret)
{
    parse_bytes(p, ret->fleet, sizeof ret->fleet);
    ret->number = parse_u64(p);
    parse_bytes(p, ret->hash, sizeof ret->hash);
    ret->time = (int64_t)parse_u64(p);
    ret->snapshot.number = parse_u64(p);
    ret->snapshot.len = parse_u32(p);
    parse_bytes(p, ret->snapshot.hash, sizeof ret->snapshot.hash);
    parse_text(p, ret->site, SITE_NAME_MAX, entity_name_ok);
}

enum entry_verdict head_decode(const uint8_t *bytes, size_t len, struct head *ret, char *ret_needs)
{
    uint8_t begin[sizeof magic];
    struct parser p = {.in = bytes, .left = len, .good = true};
    *ret = (struct head){0};
    parse_bytes(&p, begin, sizeof begin);
    const uint8_t form = parse_u8(&p);
    entry_parse_needs(&p, ret_needs);
    if (!p.good || memcmp(begin, magic, sizeof magic) != 0 || form < HEAD_FORM)
        return ENTRY_DAMAGED;
    if (form > HEAD_FORM)
        return ENTRY_NEWER;
    parse_fields(&p, ret);
    return p.good && p.left == crypto_sign_BYTES && ret->number > 0 && ret->time > 0 &&
                   ret->snapshot.number <= ret->number
               ? ENTRY_GOOD
               : ENTRY_DAMAGED;
}

bool head_signed_by(const uint8_t *bytes, size_t len, const uint8_t key[static SITE_KEY_LEN])
{
    return len > crypto_sign_BYTES && signature_good(label, bytes, len - crypto_sign_BYTES,
                                                     bytes + len - crypto_sign_BYTES, key);
}
