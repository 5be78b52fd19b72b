/*
 * What tokens were used: the totals that the store keeps (TABLE_USAGE) and what the files of hosts
 * say beside them (common/usage.h). Those files are whatever a host wrote: they are opened without
 * following a link or waiting, judged by their descriptor, read and never mapped, and every number
 * is bounded.
 *
 * A file is folded once its lock is free: it is closed, its counts are added to the totals and its
 * identity is entered in TABLE_FOLDED by one transaction, then it is unlinked. Whoever meets it
 * before it is gone knows by TABLE_FOLDED that its counts are in the totals; an identity whose file
 * is gone is forgotten by a later fold. Totals are no part of what the rules protect: they do not
 * pass through apply.h, and the log does not tell of them.
 */
#ifndef ESPT_STORE_USAGE_H
#define ESPT_STORE_USAGE_H

#include "common/usage.h"
#include "store/load.h"

#define USAGE_FILES_MAX 768      /* open at once */
#define USAGE_FILES_OF_OWNER 256 /* so that no user can crowd out another's */

struct usage_file {
    int fd;
    uint64_t key; /* in TABLE_FOLDED: of owner and identity, so that no other user can forge it */
    uint32_t buckets;
    char name[USAGE_NAME_SIZE];
    uint8_t *bytes; /* the buckets, read at once; NULL: each is read when it is asked for */
};

struct usage_files {
    int dir;     /* -1: there is no such folder */
    bool all;    /* no file was passed over that may be one */
    bool unread; /* one could not be read for want of memory or descriptors, or for the disk */
    size_t count;
    struct usage_file file[USAGE_FILES_MAX];
};

/* Opens what lies there: for reading, or (`flags` O_RDWR) for folding. ESPT_UNUSABLE: the folder is
   not to be used. The caller closes. */
ESPT_MUST_USE int usage_files_open(struct usage_files **ret_files, const char *folder, int flags,
                                   struct espt_error *err);
void usage_files_close(struct usage_files *files); /* NULL is allowed */
/* Begins a read transaction in which usage_tell() may be asked; *ret_files is NULL where nothing is
   counted. `many`: files are read as a whole. What cannot be read stops nobody: token->unread. */
ESPT_MUST_USE int usage_begin(struct txn *ret_txn, struct store *store, bool many,
                              struct usage_files **ret_files, struct espt_error *err);
void usage_tell(struct txn *txn, const struct usage_files *files, struct token *token);
/* In a transaction of its own. */
void usage_tell_one(struct store *store, struct token *token);

/* Sums and times that anybody may have written. */
#define USES_MAX ((uint64_t)INT64_MAX)
static inline uint64_t uses_add(uint64_t a, uint64_t b)
{
    a = a < USES_MAX ? a : USES_MAX;
    return b < USES_MAX - a ? a + b : USES_MAX;
}

#endif
