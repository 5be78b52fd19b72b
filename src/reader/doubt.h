/*
 * Is there really no such key? One wrong byte in a key, in a page's header or on a branch can hide
 * a record without breaking any other rule. So before "none" is said, all that led to it is looked
 * at as a whole: each page on the way is in use, its keys rise, its nodes fill it, they lie between
 * the separators above, and so do those next to the separators on either side; and each record of
 * the leaf bears its checksum.
 */
#ifndef ESPT_READER_DOUBT_H
#define ESPT_READER_DOUBT_H

#include "reader/reader.h"

/* NONE for certain, in the table's tree below `root`; else CORRUPT or BEYOND. */
ESPT_MUST_USE enum reader_status doubt_none(struct snapshot *snapshot, enum table table,
                                            uint64_t root, const struct record_key *key);

#endif
