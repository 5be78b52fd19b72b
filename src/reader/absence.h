/* SPDX-License-Identifier: ISC */
/*
 * The proof that the store does not hold a key. One wrong byte in a key, in a page's header or on a
 * branch can hide a record without breaking any other rule. So the reader proves absence, in one of
 * two ways, before it returns NONE.
 *
 * By a gap. Two adjacent records on a leaf in use, one before the key and one after it, have
 * correct checksums, which cover table and key. Then the key cannot be elsewhere in the table,
 * whatever path led to that leaf. This proof is cheap and nearly always possible.
 *
 * By the path from the root, if the key would be the first or the last of its leaf. Each page on
 * the path is in use and sound: its keys rise, its nodes fill it, and each record of a leaf has a
 * correct checksum. The keys of each page are between the separators above it. The keys next to the
 * two separators around the leaf are on the right sides of them. The cache remembers which pages
 * were found sound (cache.h), because a page in use does not change.
 */
#ifndef ESPT_READER_ABSENCE_H
#define ESPT_READER_ABSENCE_H

#include "reader/types.h"

/* NONE: the key is proved absent from the table's tree below `root`. Else CORRUPT or BEYOND. `from`
   is a page on the path to the key's leaf, or the leaf. */
ESPT_MUST_USE enum reader_status absence_prove(struct snapshot *snapshot, enum table table,
                                               uint64_t root, uint64_t from,
                                               const struct record_key *key);

#endif
