/*
 * The files in which hosts count uses: the one thing of them that validators (which write) and
 * esp-tokenctl (which reads) both know. Each context of a host has one, mapped into its memory: a
 * header of 64 bytes, then buckets of 64 bytes, a cache line each, with three tokens in it.
 *
 * A token stands in its home bucket, or, where that was full when it came, in one of the next
 * USAGE_REACH; places are filled from the first on and never emptied, so an empty one ends the
 * search. At most two places in three are taken.
 *
 * MUST 1: a file belongs to the user who made it, 0600: who may open another's could hold its lock.
 * MUST 2: the lock (flock, exclusive) is held while a process may count: by the mapping itself,
 * which keeps the open file for as long as the process or one that it forked lives. MUST 3:
 * `closed` is set by esp-tokenctl before it adds the counts to the store's: nobody goes on counting
 * in that file, should it still lie there.
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
#define USAGE_EPOCH INT64_C(1577836800)          /* 2020-01-01: times are seconds since */
#define USAGE_PLACES 3                           /* in a bucket */
#define USAGE_REACH 64                           /* buckets */
#define USAGE_NAME_SIZE 32

struct usage_header {
    _Atomic uint64_t magic; /* written last */
    uint64_t identity;      /* random */
    int64_t started;        /* Unix seconds */
    uint32_t tokens;        /* how many it counts at most */
    _Atomic uint32_t taken; /* places */
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

/* Of a file that counts `tokens`: whole pages. */
size_t usage_size(uint32_t tokens);
static inline uint32_t usage_buckets(size_t size)
{
    return (uint32_t)(size / sizeof(struct usage_bucket)) - 1;
}

static inline uint32_t usage_home(uint64_t id, uint32_t buckets)
{
    return (uint32_t)spread_below(id, buckets);
}

/* The names of files: "u", the owner's number, "-", 16 hexadecimal digits. */
void usage_name(char out[static USAGE_NAME_SIZE], uid_t owner, uint64_t random);
/* False: not such a name. */
bool usage_name_owner(const char *name, uid_t *ret_owner);

/* A regular file of a size that usage_size() gives, every block of it there. */
bool usage_file_ok(const struct stat *st);
/* The header of such a file: of this version, and made for that size. */
bool usage_header_ok(const struct usage_header *header, const struct stat *st);

/* Opens the folder and judges it: root's or this user's; sticky where others may write; on a file
   system where a page whose block was reserved can always be written. */
ESPT_MUST_USE int usage_folder(const char *path, uid_t owner, int *ret_dir, struct espt_error *err);

#endif
