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

#define NAMES_MAX 4096 /* that are looked at for a file to go on with */
#define ADOPT_MAX 64   /* that are tried */
#define FALLOCATE_TRIES 8

/* --- counting --- */

static bool is_full(const struct usage *usage)
{
    return atomic_load_explicit(&usage->header->taken, memory_order_relaxed) >= usage->tokens;
}

/* Whose place it is then: this id's, or another's that came first. 0: it stays nobody's. */
static uint64_t take_place(struct usage *usage, _Atomic uint64_t *place, uint64_t id)
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
            there = take_place(usage, place, id);
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

/* --- a file of one's own --- */

/* One that an ended process of this user left, so that short lives leave one file, not thousands.
   Half full, it stays as it is: esp-tokenctl folds it. */
static bool adopt(int fd, const struct usage *usage, uid_t owner)
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

static int find_free(int dir, const struct usage *usage, uid_t owner)
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
    for (int seen = 0; found < 0 && seen < NAMES_MAX && tried < ADOPT_MAX; seen++) {
        if ((entry = readdir(names)) == NULL)
            break;
        uid_t named;
        if (!usage_name_owner(entry->d_name, &named) || named != owner)
            continue;
        tried++;
        found = openat(dir, entry->d_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (found >= 0 && !adopt(found, usage, owner)) {
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
        errno = EFBIG; /* and no SIGXFSZ */
        return -1;
    }
    for (int tries = 0; rc != 0 && tries < FALLOCATE_TRIES; tries++) {
        rc = fallocate(fd, 0, 0, (off_t)size);
        if (rc != 0 && errno != EINTR)
            break;
    }
    return rc;
}

/* The mapping holds the open file, and with it the lock, without a descriptor: what a host closes
   that is not its own changes nothing. */
static int map(struct usage *usage, int fd)
{
    void *memory = mmap(NULL, usage->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -1;
    usage->header = memory;
    usage->bucket = (struct usage_bucket *)memory + 1;
    usage->buckets = usage_buckets(usage->size);
    return 0;
}

static bool go_on(int dir, struct usage *usage, uid_t owner)
{
    int fd = find_free(dir, usage, owner);
    if (fd < 0)
        return false;
    bool mapped = map(usage, fd) == 0;
    close(fd);
    return mapped;
}

/* Locked before it has a header: nobody takes it for an ended one's. */
static int make(int dir, struct usage *usage, uid_t owner, const char *path, struct espt_error *err)
{
    uint64_t random[2];
    char name[USAGE_NAME_SIZE];
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != sizeof random)
        return espt_fail(err, ESPT_UNUSABLE, "no random numbers to be had from the system");
    usage_name(name, owner, random[0]);
    int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0 && fchmod(fd, 0600) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        reserve_blocks(fd, usage->size) == 0 && map(usage, fd) == 0) {
        usage->header->identity = random[1];
        usage->header->started = realtime_seconds();
        usage->header->tokens = usage->tokens;
        atomic_store(&usage->header->magic, USAGE_MAGIC);
        close(fd);
        return 0;
    }
    const char *mend = errno == EACCES ? "; let this user write there (group esp-token)"
                       : errno == EFBIG
                           ? "; the file-size limit is too low; raise it, or lower [usage] tokens"
                       : errno == ENOSPC ? "; free some space, or lower [usage] tokens"
                                         : "";
    espt_fail(err, ESPT_UNUSABLE, "%s: %s%s", path, strerror(errno), mend);
    if (fd >= 0) {
        unlinkat(dir, name, 0);
        close(fd);
    }
    return ESPT_UNUSABLE;
}

static int make_usage(const struct espt_ctx *ctx, struct usage *usage, struct espt_error *err)
{
    const uid_t owner = geteuid();
    int dir;
    int code = usage_folder(ctx->config.usage, owner, &dir, err);
    if (code != 0)
        return code;
    usage->tokens = ctx->config.usage_tokens;
    usage->size = usage_size(usage->tokens);
    if (!bloom_open(&usage->placed, usage->tokens))
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    else if (!go_on(dir, usage, owner))
        code = make(dir, usage, owner, ctx->config.usage, err);
    close(dir);
    return code;
}

void usage_open(struct espt_ctx *ctx)
{
    struct espt_error err;
    if (ctx->config.usage[0] == '\0')
        return;
    struct usage *usage = calloc(1, sizeof *usage);
    int code = usage != NULL ? make_usage(ctx, usage, &err)
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

/* A place that is being taken at this very moment may be missed: then uses of one token more are
   not counted by this process. */
static void note_placed(struct usage *usage)
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

void usage_look(struct espt_ctx *ctx)
{
    struct usage *usage = ctx->usage;
    if (usage == NULL || !atomic_load_explicit(&usage->lost, memory_order_relaxed))
        return;
    if (is_full(usage) && !atomic_load_explicit(&usage->full, memory_order_relaxed))
        note_placed(usage);
    if (!atomic_exchange(&usage->told, true))
        context_log(
            ctx, LOG_WARNING,
            "some uses are not counted: more tokens are used than [usage] tokens; raise it");
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
