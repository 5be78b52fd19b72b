/* SPDX-License-Identifier: ISC */
/*
 * An entry of a fleet's journal, as bytes and as a structure. docs/journal-format.md lists the
 * bytes.
 *
 * MUST 1: the decoder accepts any bytes, and takes nothing on trust: lengths, hashes and forms are
 *         checked before a part is used.
 * MUST 2: the signature covers the header, and the header covers the parts by their hashes. So
 *         parts can be left out and the rest still verifies.
 * MUST 3: no entry holds a token's text. A sealed text is in the vault part only.
 */
#ifndef ESPT_FLEET_ENTRY_H
#define ESPT_FLEET_ENTRY_H

#include "common/error.h"
#include "common/record.h"

#include "espt/journal.h"

#include <sodium.h>

#define ENTRY_FORM 1
/* The version that reads this form. A reader that does not know a form names it. */
#define ENTRY_NEEDS "0.3.0"
#define ENTRY_NEEDS_MAX 16
#define SITE_NAME_MAX ENTITY_NAME_MAX
#define SITE_KEY_LEN crypto_sign_PUBLICKEYBYTES

/* The log's entry, what validators need, and what only sites need. */
enum entry_part { PART_LOG, PART_EDGE, PART_VAULT, PART_COUNT };

struct entry_bytes {
    const uint8_t *at;
    size_t len;
};

struct entry {
    uint64_t number;
    uint8_t fleet[FLEET_ID_LEN];
    uint8_t before[FLEET_HASH_LEN];   /* hash of the entry before; zeroes: it is the first */
    int64_t time;                     /* Unix seconds, by the clock of the site */
    uint32_t next_number;             /* of the next entity, after this entry */
    uint8_t sum[FLEET_HASH_LEN];      /* over the shared records, after this entry */
    uint8_t edge_sum[FLEET_HASH_LEN]; /* over the records that edges have, after this entry */
    uint32_t reveal;                  /* key_id() of the fleet's reveal key; 0: not known */
    uint8_t tiers[FLEET_HASH_LEN];    /* of the fleet's tier table; zeroes: none was published */
    char site[SITE_NAME_MAX + 1];
    struct entry_bytes part[PART_COUNT];
    uint8_t hash[FLEET_HASH_LEN]; /* of the header; the next entry's `before` */
};

/* Encodes and signs. *ret_bytes is allocated and *ret_len bytes long; ret_pieces refers to it. Sets
   entry->hash. */
ESPT_MUST_USE int entry_encode(struct entry *entry,
                               const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                               uint8_t **ret_bytes, size_t *ret_len, espt_journal_entry *ret_pieces,
                               struct espt_error *err);

enum entry_verdict { ENTRY_GOOD, ENTRY_DAMAGED, ENTRY_NEWER };
/* Decodes without the signature, which needs the name of the site. `which` is ESPT_JOURNAL_WHOLE,
   or ESPT_JOURNAL_EDGE: log and vault are ignored, and empty in `ret`. `ret` refers to the pieces.
   NEWER: `ret_needs` (ENTRY_NEEDS_MAX + 1 bytes) is the version that reads it. */
enum entry_verdict entry_decode(const espt_journal_entry *pieces, uint32_t which, struct entry *ret,
                                char *ret_needs);
/* Whether the site that has this key signed the entry, which entry_decode() found good. */
bool entry_signed_by(const espt_journal_entry *pieces, const uint8_t key[static SITE_KEY_LEN]);

/* Parses the version of esp-token that reads an entry or a snapshot of a newer form. */
struct parser;
void entry_parse_needs(struct parser *p, char ret_needs[static ENTRY_NEEDS_MAX + 1]);

#endif
