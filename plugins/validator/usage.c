/* SPDX-License-Identifier: ISC */
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

#define NAMES_MAX 4096 /* how many directory entries a search for a file to reuse reads */
#define REUSE_TRIES 64 /* how many files such a search opens */
#define FALLOCATE_TRIES 8

/* --- counting --- */

static bool is_full(const struct usage *usage)
{
    return atomic_load_explicit(&usage->header->taken, memory_order_relaxed) >= usage->tokens;
}

/* Returns the id that now has the place: `id`, or that of a faster thread. 0: the place stays
   empty, because the file is full. */
static uint64_t claim_place(struct usage *usage, _Atomic uint64_t *place, uint64_t id)
{
    uint64_t there = 0;
    if (is_full(usage))
        return 0;
    if (atomic_compare_exchange_strong(place, &there, id)) {
        atomic_fetch_add(&usage->header->taken, 1);
        there = id;
    }
    return there;
}

void usage_count_beyond(struct usage *usage, uint64_t id, uint32_t when)
{
    const uint32_t home = usage_home(id, usage->buckets);
    for (uint32_t i = 0; i < USAGE_REACH * USAGE_PLACES; i++) {
        struct usage_bucket *bucket = &usage->bucket[(home + i / USAGE_PLACES) % usage->buckets];
        _Atomic uint64_t *place = &bucket->id[i % USAGE_PLACES];
        uint64_t there = atomic_load_explicit(place, memory_order_relaxed);
        if (there == 0)
            there = claim_place(usage, place, id);
        if (there == id) {
            usage_bump(bucket, i % USAGE_PLACES, when);
            return;
        }
        if (there == 0)
            break;
    }
    if (!atomic_load_explicit(&usage->lost, memory_order_relaxed))
        atomic_store_explicit(&usage->lost, true, memory_order_relaxed);
}

/* --- the context's file --- */

/* Locks the file of an ended process of this user, if it can be reused. Reuse means that many short
   processes leave one file. A file that is more than half full is left to esp-tokenctl, which folds
   it. */
static bool lock_if_reusable(int fd, const struct usage *usage, uid_t owner)
{
    struct usage_header header;
    struct stat st;
    return fstat(fd, &st) == 0 && usage_file_ok(&st) && st.st_uid == owner &&
           (size_t)st.st_size == usage->size && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
           fstat(fd, &st) == 0 && st.st_nlink == 1 &&
           pread(fd, &header, sizeof header, 0) == sizeof header && usage_header_ok(&header, &st) &&
           header.tokens == usage->tokens && header.closed == 0 &&
           header.taken <= header.tokens / 2;
}

static int find_reusable(int dir, const struct usage *usage, uid_t owner)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = copy >= 0 ? fdopendir(copy) : NULL;
    if (names == NULL) {
        if (copy >= 0)
            close(copy);
        return -1;
    }
    int found = -1, tried = 0;
    struct dirent *entry;
    for (int seen = 0; found < 0 && seen < NAMES_MAX && tried < REUSE_TRIES; seen++) {
        if ((entry = readdir(names)) == NULL)
            break;
        uid_t named;
        if (!usage_name_owner(entry->d_name, &named) || named != owner)
            continue;
        tried++;
        found = openat(dir, entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (found >= 0 && !lock_if_reusable(found, usage, owner)) {
            close(found);
            found = -1;
        }
    }
    closedir(names);
    return found;
}

static int reserve_blocks(int fd, size_t size)
{
    struct rlimit limit;
    int rc = -1;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
        errno = EFBIG; /* fallocate() would raise SIGXFSZ in the host */
        return -1;
    }
    for (int tries = 0; rc != 0 && tries < FALLOCATE_TRIES; tries++) {
        rc = fallocate(fd, 0, 0, (off_t)size);
        if (rc != 0 && errno != EINTR)
            break;
    }
    return rc;
}

/* The mapping keeps the open file description, and with it the lock, without a descriptor. So a
   host that closes descriptors that it does not own changes nothing. */
static int map_file(struct usage *usage, int fd)
{
    void *memory = mmap(NULL, usage->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -1;
    usage->header = memory;
    usage->bucket = (struct usage_bucket *)memory + 1;
    usage->buckets = usage_buckets(usage->size);
    return 0;
}

static bool reuse_file(int dir, struct usage *usage, uid_t owner)
{
    int fd = find_reusable(dir, usage, owner);
    if (fd < 0)
        return false;
    bool mapped = map_file(usage, fd) == 0;
    close(fd);
    return mapped;
}

/* The file is locked before it has a header, so no other process mistakes it for the file of an
   ended process. */
static int create_file(int dir, struct usage *usage, uid_t owner, const char *path,
                       struct espt_error *err)
{
    uint64_t random[2];
    char name[USAGE_NAME_SIZE];
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the system has no random numbers yet; restart this process later");
    usage_name(name, owner, random[0]);
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && fchmod(fd, 0600) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        reserve_blocks(fd, usage->size) == 0 && map_file(usage, fd) == 0) {
        usage->header->identity = random[1];
        usage->header->started = realtime_seconds();
        usage->header->tokens = usage->tokens;
        atomic_store(&usage->header->magic, USAGE_MAGIC);
        close(fd);
        return 0;
    }
    const char *remedy = errno == EACCES ? "; add this user to the group esp-token"
                         : errno == EFBIG
                             ? "; the file-size limit is too low; raise it, or lower [usage] tokens"
                         : errno == ENOSPC ? "; free some space, or lower [usage] tokens"
                                           : "";
    espt_fail(err, ESPT_UNUSABLE, "%s: %s%s", path, espt_errno_text(errno), remedy);
    if (fd >= 0) {
        unlinkat(dir, name, 0);
        close(fd);
    }
    return ESPT_UNUSABLE;
}

static int open_file(const struct espt_ctx *ctx, struct usage *usage, struct espt_error *err)
{
    const uid_t owner = geteuid();
    int dir = -1;
    int code = usage_folder(ctx->walk, ctx->config.usage, owner, &dir, err);
    if (code != 0)
        return code;
    usage->tokens = ctx->config.usage_tokens;
    usage->size = usage_size(usage->tokens);
    if (!bloom_open(&usage->placed, usage->tokens))
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    else if (!reuse_file(dir, usage, owner))
        code = create_file(dir, usage, owner, ctx->config.usage, err);
    close(dir);
    return code;
}

void usage_open(struct espt_ctx *ctx)
{
    struct espt_error err;
    if (ctx->config.usage[0] == '\0')
        return;
    struct usage *usage = calloc(1, sizeof *usage);
    int code = usage != NULL ? open_file(ctx, usage, &err)
                             : espt_fail(&err, ESPT_UNUSABLE, "out of memory");
    if (code == 0) {
        ctx->usage = usage;
    } else {
        if (usage != NULL)
            bloom_close(&usage->placed);
        free(usage);
        espt_fail_in(&err, "uses are not counted");
        context_log(ctx, LOG_WARNING, err.message);
    }
}

/* May miss a place that another thread claims at this moment. Then this process does not count the
   uses of that token. */
static void fill_filter(struct usage *usage)
{
    for (uint32_t i = 0; i < usage->buckets * USAGE_PLACES; i++) {
        const struct usage_bucket *bucket = &usage->bucket[i / USAGE_PLACES];
        const uint64_t id =
            atomic_load_explicit(&bucket->id[i % USAGE_PLACES], memory_order_relaxed);
        if (id != 0)
            bloom_add(&usage->placed, id);
    }
    atomic_store_explicit(&usage->full, true, memory_order_release);
}

void usage_check(struct espt_ctx *ctx)
{
    struct usage *usage = ctx->usage;
    if (usage == NULL || !atomic_load_explicit(&usage->lost, memory_order_relaxed))
        return;
    if (is_full(usage) && !atomic_load_explicit(&usage->full, memory_order_relaxed))
        fill_filter(usage);
    if (!atomic_exchange(&usage->reported, true))
        context_log(ctx, LOG_WARNING,
                    "some uses are not counted: more tokens are in use than [usage] tokens allows; "
                    "raise it");
}

void usage_close(struct espt_ctx *ctx)
{
    if (ctx->usage == NULL)
        return;
    munmap(ctx->usage->header, ctx->usage->size);
    bloom_close(&ctx->usage->placed);
    free(ctx->usage);
    ctx->usage = NULL;
}
