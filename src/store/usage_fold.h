/* SPDX-License-Identifier: ISC */
/*
 * A fold in progress. usage_fold.c finds the files and drives it; usage_piece.c gathers a piece of
 * their counts and adds it in one transaction. usage.h explains why each count is added exactly
 * once. Only these two files include this header.
 */
#ifndef ESPT_STORE_USAGE_FOLD_H
#define ESPT_STORE_USAGE_FOLD_H

#include "store/usage.h"

/* The most that one transaction adds, which bounds how long the writers' lock is held. */
#define PIECE_COUNTS 1024UL
#define PIECE_BUCKETS (1U << 16) /* buckets read for one piece, before the lock is taken */
#define PIECE_FILES 64
#define CHUNK 1024U /* buckets */

struct count {
    uint64_t id, uses;
    uint32_t last;
};

/* Buckets `from` to `next` - 1 of a file. */
struct part {
    size_t file;
    uint32_t from, next;
};

struct piece {
    size_t counts, parts;
    uint32_t buckets;
    struct part part[PIECE_FILES];
    struct count count[PIECE_COUNTS + USAGE_PLACES];
};

struct fold {
    struct store *store;
    struct usage_files *files;
    bool ended[USAGE_FILES_MAX]; /* its process has ended: this command holds the lock */
    size_t done;                 /* files that were folded whole and unlinked */
    size_t at;                   /* index of the file that the next piece begins with */
    int64_t now;
    struct record_key *mark; /* keys in TABLE_FOLDED before the folder was read */
    size_t marks;
    struct piece piece;
    struct usage_bucket chunk[CHUNK];
};

/* Fills fold->piece with the next counts, without any lock of the store; no parts: nothing is left.
   The files that they come from are marked as closed. */
ESPT_MUST_USE int piece_gather(struct fold *fold, struct espt_error *err);
/* Adds the piece to the totals in one transaction, and unlinks the files that are in them as a
   whole. Without `wait` it fails if another writer holds the lock. */
ESPT_MUST_USE int piece_add(struct fold *fold, bool wait, struct espt_error *err);

/* Marks the file, so that no host counts in it again if this command ends before the file is
   unlinked; 0 clears the mark. */
bool fold_mark_closed(const struct usage_file *file, uint32_t closed);
/* Unlinks file number `i`, all of whose counts are in the totals. */
void fold_unlink(struct fold *fold, size_t i);
/* Fails: the file cannot be read or written. */
int fold_fail_file(const struct fold *fold, const struct usage_file *file, struct espt_error *err);

#endif
