/* SPDX-License-Identifier: ISC */
#include "fleet/entry.h"

#include "common/record_bytes.h"
#include "fleet/signature.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t magic[4] = {'E', 'S', 'P', 'J'};
static const char label[] = "esp-token journal entry";

#define PART_HEADER (4 + FLEET_HASH_LEN)
#define HEADER_MAX                                                                        \
    (sizeof magic + 1 + 1 + ENTRY_NEEDS_MAX + 8 + FLEET_ID_LEN + FLEET_HASH_LEN + 8 + 4 + \
     3UL * FLEET_HASH_LEN + 4 + 1 + SITE_NAME_MAX + 1UL * PART_COUNT * PART_HEADER)

static void hash_bytes(const uint8_t *bytes, size_t len, uint8_t ret[static FLEET_HASH_LEN])
{
    crypto_generichash(ret, FLEET_HASH_LEN, bytes, len, NULL, 0);
}

static size_t write_header(const struct entry *entry, uint8_t out[static HEADER_MAX])
{
    uint8_t hash[FLEET_HASH_LEN];
    struct writer w = {.out = out};
    write_bytes(&w, magic, sizeof magic);
    write_u8(&w, ENTRY_FORM);
    write_text(&w, ENTRY_NEEDS);
    write_u64(&w, entry->number);
    write_bytes(&w, entry->fleet, sizeof entry->fleet);
    write_bytes(&w, entry->before, sizeof entry->before);
    write_u64(&w, (uint64_t)entry->time);
    write_u32(&w, entry->next_number);
    write_bytes(&w, entry->sum, sizeof entry->sum);
    write_bytes(&w, entry->edge_sum, sizeof entry->edge_sum);
    write_u32(&w, entry->reveal);
    write_bytes(&w, entry->tiers, sizeof entry->tiers);
    write_text(&w, entry->site);
    for (int i = 0; i < PART_COUNT; i++) {
        hash_bytes(entry->part[i].at, entry->part[i].len, hash);
        write_u32(&w, (uint32_t)entry->part[i].len);
        write_bytes(&w, hash, sizeof hash);
    }
    return w.len;
}

/* Copies the bytes to *at, moves *at behind them, and returns where they begin. */
static const uint8_t *add(uint8_t **at, const void *bytes, size_t len)
{
    const uint8_t *begin = *at;
    if (len > 0)
        memcpy(*at, bytes, len);
    *at += len;
    return begin;
}

int entry_encode(struct entry *entry, const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                 uint8_t **ret_bytes, size_t *ret_len, espt_journal_entry *ret_pieces,
                 struct espt_error *err)
{
    uint8_t header[HEADER_MAX], signature[crypto_sign_BYTES];
    const struct entry_bytes *log = &entry->part[PART_LOG], *edge = &entry->part[PART_EDGE],
                             *vault = &entry->part[PART_VAULT];
    const size_t len = write_header(entry, header);
    *ret_len = len + sizeof signature + log->len + edge->len + vault->len;
    uint8_t *at = *ret_bytes = malloc(*ret_len);
    if (at == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    signature_make(label, header, len, secret, signature);
    hash_bytes(header, len, entry->hash);
    *ret_pieces = (espt_journal_entry){.head_len = len + sizeof signature,
                                       .log_len = log->len,
                                       .edge_len = edge->len,
                                       .vault_len = vault->len};
    ret_pieces->head = add(&at, header, len);
    add(&at, signature, sizeof signature);
    ret_pieces->log = add(&at, log->at, log->len);
    ret_pieces->edge = add(&at, edge->at, edge->len);
    ret_pieces->vault = add(&at, vault->at, vault->len);
    return 0;
}

/* --- reading --- */

static bool needs_ok(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("0123456789.abcdefghijklmnopqrstuvwxyz-", text[i]) == NULL || text[i] == '\0')
            return false;
    }
    return len > 0;
}

void entry_parse_needs(struct parser *p, char ret_needs[static ENTRY_NEEDS_MAX + 1])
{
    parse_text(p, ret_needs, ENTRY_NEEDS_MAX, needs_ok);
}

/* The fields after form and version. */
static void parse_fields(struct parser *p, struct entry *ret,
                         uint8_t hashes[static 1UL * PART_COUNT * FLEET_HASH_LEN])
{
    ret->number = parse_u64(p);
    parse_bytes(p, ret->fleet, sizeof ret->fleet);
    parse_bytes(p, ret->before, sizeof ret->before);
    ret->time = (int64_t)parse_u64(p);
    ret->next_number = parse_u32(p);
    parse_bytes(p, ret->sum, sizeof ret->sum);
    parse_bytes(p, ret->edge_sum, sizeof ret->edge_sum);
    ret->reveal = parse_u32(p);
    parse_bytes(p, ret->tiers, sizeof ret->tiers);
    parse_text(p, ret->site, SITE_NAME_MAX, entity_name_ok);
    for (int i = 0; i < PART_COUNT; i++) {
        ret->part[i].len = parse_u32(p);
        parse_bytes(p, hashes + (size_t)i * FLEET_HASH_LEN, FLEET_HASH_LEN);
    }
}

static bool check_part(struct entry_bytes *part, const uint8_t *at, size_t len,
                       const uint8_t *expected)
{
    uint8_t hash[FLEET_HASH_LEN];
    if (len != part->len)
        return false;
    part->at = at;
    hash_bytes(at, len, hash);
    return memcmp(hash, expected, sizeof hash) == 0;
}

static bool check_parts(struct entry *ret, const espt_journal_entry *pieces, uint32_t which,
                        const uint8_t *hashes)
{
    if (!check_part(&ret->part[PART_EDGE], pieces->edge, pieces->edge_len,
                    hashes + 1UL * PART_EDGE * FLEET_HASH_LEN))
        return false;
    if (which == ESPT_JOURNAL_EDGE) {
        ret->part[PART_LOG] = ret->part[PART_VAULT] = (struct entry_bytes){0};
        return true;
    }
    return check_part(&ret->part[PART_LOG], pieces->log, pieces->log_len,
                      hashes + 1UL * PART_LOG * FLEET_HASH_LEN) &&
           check_part(&ret->part[PART_VAULT], pieces->vault, pieces->vault_len,
                      hashes + 1UL * PART_VAULT * FLEET_HASH_LEN);
}

/* Parses up to the end of the header. *ret_len is the header's length. */
static enum entry_verdict parse_header(struct parser *p, struct entry *ret, char *ret_needs,
                                       uint8_t *ret_hashes, size_t *ret_len)
{
    const size_t all = p->left;
    uint8_t begin[sizeof magic];
    parse_bytes(p, begin, sizeof begin);
    const uint8_t form = parse_u8(p);
    entry_parse_needs(p, ret_needs);
    if (!p->good || memcmp(begin, magic, sizeof magic) != 0 || form < ENTRY_FORM)
        return ENTRY_DAMAGED;
    if (form > ENTRY_FORM)
        return ENTRY_NEWER;
    parse_fields(p, ret, ret_hashes);
    *ret_len = all - p->left;
    return p->good && ret->number > 0 && ret->time > 0 && ret->next_number > 0 ? ENTRY_GOOD
                                                                               : ENTRY_DAMAGED;
}

enum entry_verdict entry_decode(const espt_journal_entry *pieces, uint32_t which, struct entry *ret,
                                char *ret_needs)
{
    uint8_t hashes[1UL * PART_COUNT * FLEET_HASH_LEN];
    size_t header = 0;
    struct parser p = {.in = pieces->head, .left = pieces->head_len, .good = true};
    *ret = (struct entry){0};
    const enum entry_verdict verdict = parse_header(&p, ret, ret_needs, hashes, &header);
    if (verdict != ENTRY_GOOD)
        return verdict;
    hash_bytes(pieces->head, header, ret->hash);
    return p.left == crypto_sign_BYTES && check_parts(ret, pieces, which, hashes) ? ENTRY_GOOD
                                                                                  : ENTRY_DAMAGED;
}

bool entry_signed_by(const espt_journal_entry *pieces, const uint8_t key[static SITE_KEY_LEN])
{
    if (pieces->head_len < crypto_sign_BYTES)
        return false;
    const size_t header = pieces->head_len - crypto_sign_BYTES;
    return signature_good(label, pieces->head, header, pieces->head + header, key);
}
