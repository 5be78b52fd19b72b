/* SPDX-License-Identifier: ISC */
/*
 * Output of a command while a transaction is open. A reader (a pager, a terminal stopped by Ctrl-S)
 * may block output for any time. While a transaction is open, LMDB cannot reuse pages that later
 * writes free. So the bytes are kept here, and written out after the transaction has ended.
 *
 * They are kept in memory, and beyond SPOOL_MEMORY in a file without a name. If there is no file,
 * or its disk is full, memory grows instead. No secret is spooled: the text of a token is printed
 * after the transaction that created or revealed it.
 */
#ifndef ESPT_CLI_SPOOL_H
#define ESPT_CLI_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SPOOL_MEMORY ((size_t)1 << 20)

struct spool {
    char *bytes; /* bytes after those in the file */
    size_t len, room;
    int fd; /* descriptor of the file; valid if filed > 0 */
    off_t filed;
    bool unfiled; /* the file could not be created */
};

/* Adds bytes. False: out of memory. */
bool spool_put(struct spool *spool, const char *bytes, size_t len);
static inline bool spool_empty(const struct spool *spool)
{
    return spool->len == 0 && spool->filed == 0;
}
/* Writes all bytes to `fd` and empties the spool. False: see errno. */
bool spool_drain(struct spool *spool, int fd);

#endif
