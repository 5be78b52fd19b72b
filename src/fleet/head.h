/* SPDX-License-Identifier: ISC */
/*
 * The head of a fleet: a small record that the publisher signs every few seconds. It says which
 * entry was the last one at which time, and which snapshot a new edge begins with. Members that
 * only follow learn from it how old their state is. docs/journal-format.md lists the bytes.
 *
 * MUST 1: the decoder accepts any bytes, and takes nothing on trust.
 * MUST 2: heads are ordered by `number`, never by `time`. A head with a lower number than one that
 *         was seen is not taken. A head with a higher number is taken, whatever its time. A state
 *         is as fresh as the greatest time that was signed for it; a time more than HEAD_FUTURE_MAX
 *         ahead of the clock here is refused.
 * MUST 3: a head is used only if a site that may write has signed it. The site of a head may have
 *         been added by an entry that is not applied yet: apply the entries first.
 */
#ifndef ESPT_FLEET_HEAD_H
#define ESPT_FLEET_HEAD_H

#include "fleet/entry.h"

#define HEAD_FORM 1
#define HEAD_MAX 512       /* bytes of an encoded head, at most */
#define HEAD_EVERY 10      /* seconds: the publisher signs a head at least so often */
#define HEAD_FUTURE_MAX 60 /* seconds */

struct head {
    uint8_t fleet[FLEET_ID_LEN];
    uint64_t number;              /* of the last entry, from 1 */
    uint8_t hash[FLEET_HASH_LEN]; /* of that entry */
    int64_t time;                 /* Unix seconds, by the clock of the publisher */
    struct head_snapshot {
        uint64_t number; /* the snapshot's position; 0: there is no snapshot */
        uint32_t len; /* of the snapshot's index, in bytes; its name follows from this and `hash` */
        uint8_t hash[FLEET_HASH_LEN];
    } snapshot;
    char site[SITE_NAME_MAX + 1]; /* that signed */
};

/* Encodes and signs. Returns the length. */
size_t head_encode(const struct head *head, const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                   uint8_t out[static HEAD_MAX]);
/* Decodes without the signature, which needs the name of the site. NEWER: `ret_needs`
   (ENTRY_NEEDS_MAX + 1 bytes) is the version that reads it. */
enum entry_verdict head_decode(const uint8_t *bytes, size_t len, struct head *ret, char *ret_needs);
/* Whether the site that has this key signed the head, which head_decode() found good. */
bool head_signed_by(const uint8_t *bytes, size_t len, const uint8_t key[static SITE_KEY_LEN]);

#endif
