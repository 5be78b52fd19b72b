/* SPDX-License-Identifier: ISC */
/*
 * The format of the files in which hosts count uses. Validators write them, and esp-tokenctl reads
 * them. Each context of a host maps one file into its memory: a header of 64 bytes, then buckets of
 * 64 bytes. A bucket is a cache line with places for three tokens.
 *
 * This is a hash table with linear probing. A token is in its home bucket, or, if that was full
 * when the token was first used, in one of the next USAGE_REACH buckets. Places are filled in order
 * and never freed, so an empty place ends a search. At most two of three places are taken.
 *
 * MUST 1: a file belongs to the user who created it, with mode 0600. Another user who could open it
 *         could hold its lock.
 * MUST 2: the lock (flock, exclusive) is held as long as a process may count. The mapping holds it,
 *         because it keeps the open file until the process and all that it forked have ended.
 * MUST 3: esp-tokenctl sets `closed` before it adds the counts to the store. If the file still
 *         exists then, no process may continue to count in it.
 */
#ifndef ESPT_COMMON_USAGE_H
#define ESPT_COMMON_USAGE_H

#include "error.h"
#include "spread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define USAGE_TOKENS_DEFAULT 32768
#define USAGE_TOKENS_MIN 1024
#define USAGE_TOKENS_MAX (1 << 24)
#define USAGE_BYTES_PER_TOKEN 32
#define USAGE_MAGIC UINT64_C(0x3165676173757065) /* "epusage1" */
#define USAGE_EPOCH INT64_C(1577836800)          /* 2020-01-01, from which times are counted */
#define USAGE_PLACES 3                           /* in a bucket */
#define USAGE_REACH 64                           /* buckets that a search visits */
#define USAGE_NAME_SIZE 32

struct usage_header {
    _Atomic uint64_t magic; /* written last */
    uint64_t identity;      /* random */
    int64_t started;        /* Unix seconds */
    uint32_t tokens;        /* the most that the file counts */
    _Atomic uint32_t taken; /* number of places in use */
    _Atomic uint32_t closed;
    uint32_t spare[7];
};

struct usage_bucket {
    _Atomic uint64_t id[USAGE_PLACES]; /* 0: empty */
    _Atomic uint64_t uses[USAGE_PLACES];
    _Atomic uint32_t last[USAGE_PLACES]; /* seconds since USAGE_EPOCH */
    uint32_t spare;
};

_Static_assert(sizeof(struct usage_header) == 64 && sizeof(struct usage_bucket) == 64,
               "a cache line each");

/* The size of a file that counts `tokens`, in bytes: whole pages. */
size_t usage_size(uint32_t tokens);
static inline uint32_t usage_buckets(size_t size)
{
    return (uint32_t)(size / sizeof(struct usage_bucket)) - 1;
}

static inline uint32_t usage_home(uint64_t id, uint32_t buckets)
{
    return (uint32_t)spread_below(id, buckets);
}

/* Writes the name of a file: "u", the owner's user id, "-", 16 hexadecimal digits. */
void usage_name(char out[static USAGE_NAME_SIZE], uid_t owner, uint64_t random);
/* Reads the owner from the name of a usage file. False: it has another form. */
bool usage_name_owner(const char *name, uid_t *ret_owner);

/* Whether it is a regular file of a possible size, with all blocks allocated. */
bool usage_file_ok(const struct stat *st);
/* Whether the header of such a file has this version and matches the file's size. */
bool usage_header_ok(const struct usage_header *header, const struct stat *st);

/* Opens the folder and checks it: root or this user owns it; it is sticky if others may write to
   it; its file system never fails to write a block that was reserved. `walk` may be NULL. */
struct trust_walk;
ESPT_MUST_USE int usage_folder(struct trust_walk *walk, const char *path, uid_t owner, int *ret_dir,
                               struct espt_error *err);

#endif
