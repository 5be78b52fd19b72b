/* SPDX-License-Identifier: ISC */
/*
 * Loaded by LD_PRELOAD: makes call number $FAULT_AT of the command fail, counted from the first
 * line of main(). Writes to descriptor $FAULT_FD which call failed, and every descriptor that the
 * command opened and had not closed at its end.
 * If $FAULT_CLOCK is set ("NOW STEP"), no call fails; instead the clock reads NOW, in Unix seconds,
 * and advances by STEP at each reading.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static bool counting;
static volatile bool within; /* inside dlsym, which the compiler takes for a leaf */
static unsigned long count, at;
static int told = -1;

/* Memory for dlsym before the real malloc is known. */
static _Alignas(16) unsigned char early[65536];
static size_t early_used;

static void *find(const char *name)
{
    within = true;
    void *found = dlsym(RTLD_NEXT, name);
    within = false;
    if (found == NULL)
        _exit(126);
    return found;
}
#define NEXT(type, name) \
    static type next;    \
    if (next == NULL)    \
    *(void **)(void *)&next = find(name)

/* --- descriptors --- */

#define DESCRIPTORS 64
static bool was_open[DESCRIPTORS];
static pid_t counted_process;

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void note_open(void)
{
    counted_process = getpid();
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        was_open[fd] = is_open(fd);
}

__attribute__((destructor)) static void tell_left_open(void)
{
    for (int fd = 0; counting && getpid() == counted_process && fd < DESCRIPTORS; fd++) {
        if (is_open(fd) && !was_open[fd])
            dprintf(told, " left descriptor %d", fd);
    }
}

static bool fails(const char *name)
{
    if (!counting || within || ++count != at)
        return false;
    (void)!write(told, name, strlen(name));
    return true;
}

static unsigned long number(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoul(text, NULL, 10) : 0;
}

/* --- memory --- */

static bool is_early(const void *memory)
{
    const uintptr_t from = (uintptr_t)early, place = (uintptr_t)memory;
    return place >= from && place < from + sizeof early;
}

static void *early_take(size_t size)
{
    size_t begin = early_used;
    early_used += (size + 15) & ~(size_t)15;
    if (early_used > sizeof early)
        _exit(126);
    return early + begin;
}

EXPORT void *malloc(size_t size)
{
    if (within)
        return early_take(size);
    typedef void *(*malloc_fn)(size_t);
    NEXT(malloc_fn, "malloc");
    if (fails("malloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return next(size);
}

EXPORT void *calloc(size_t n, size_t size)
{
    if (within)
        return early_take(n * size);
    typedef void *(*calloc_fn)(size_t, size_t);
    NEXT(calloc_fn, "calloc");
    if (fails("calloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return next(n, size);
}

EXPORT void *realloc(void *memory, size_t size)
{
    if (within || is_early(memory)) {
        void *moved = early_take(size);
        if (memory != NULL)
            memcpy(moved, memory, size);
        return moved;
    }
    typedef void *(*realloc_fn)(void *, size_t);
    NEXT(realloc_fn, "realloc");
    if (fails("realloc")) {
        errno = ENOMEM;
        return NULL;
    }
    return next(memory, size);
}

EXPORT int posix_memalign(void **ret, size_t align, size_t size)
{
    typedef int (*memalign_fn)(void **, size_t, size_t);
    NEXT(memalign_fn, "posix_memalign");
    return fails("posix_memalign") ? ENOMEM : next(ret, align, size);
}

EXPORT void free(void *memory)
{
    if (memory == NULL || within || is_early(memory))
        return;
    typedef void (*free_fn)(void *);
    NEXT(free_fn, "free");
    next(memory);
}

/* dlsym may allocate; so find these functions before any other code needs them. */
__attribute__((constructor)) static void find_all(void)
{
    void *memory = NULL;
    free(realloc(malloc(1), 2));
    free(calloc(1, 1));
    if (posix_memalign(&memory, 16, 16) == 0)
        free(memory);
}

/* --- calls: each fails with an error that it can really give --- */

#define CALL(result, name, error, declared, passed) \
    EXPORT result name declared                     \
    {                                               \
        typedef result(*next_fn) declared;          \
        NEXT(next_fn, #name);                       \
        if (fails(#name)) {                         \
            errno = (error);                        \
            return (result)-1;                      \
        }                                           \
        return next passed;                         \
    }

CALL(ssize_t, read, EIO, (int fd, void *data, size_t len), (fd, data, len))
CALL(ssize_t, pread, EIO, (int fd, void *data, size_t len, off_t off), (fd, data, len, off))
CALL(ssize_t, write, ENOSPC, (int fd, const void *data, size_t len), (fd, data, len))
CALL(ssize_t, pwrite, ENOSPC, (int fd, const void *data, size_t len, off_t off),
     (fd, data, len, off))
CALL(int, fsync, EIO, (int fd), (fd))
CALL(int, fdatasync, EIO, (int fd), (fd))
CALL(int, ftruncate, ENOSPC, (int fd, off_t len), (fd, len))
CALL(int, flock, ENOLCK, (int fd, int how), (fd, how))
CALL(int, fstat, EIO, (int fd, struct stat *st), (fd, st))
CALL(int, stat, EIO, (const char *path, struct stat *st), (path, st))
CALL(int, lstat, EIO, (const char *path, struct stat *st), (path, st))
CALL(int, link, EIO, (const char *from, const char *to), (from, to))
CALL(int, rename, EIO, (const char *from, const char *to), (from, to))
CALL(int, fchmod, EPERM, (int fd, mode_t mode), (fd, mode))
CALL(void *, mmap, ENOMEM, (void *place, size_t len, int prot, int flags, int fd, off_t off),
     (place, len, prot, flags, fd, off))
CALL(int, mprotect, ENOMEM, (void *place, size_t len, int prot), (place, len, prot))
CALL(ssize_t, readlink, EIO, (const char *path, char *out, size_t len), (path, out, len))

EXPORT int open(const char *path, int flags, ...)
{
    typedef int (*open_fn)(const char *, int, ...);
    NEXT(open_fn, "open");
    mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (fails("open")) {
        errno = EMFILE;
        return -1;
    }
    return next(path, flags, mode);
}

/* Without memory, the C library's own look-ups abort, crash (nss_database.c) or leak (setlocale).
   So each of them fails as a whole or not at all. */
#define LOOK_UP(result, name, declared, passed) \
    EXPORT result *name declared                \
    {                                           \
        typedef result *(*next_fn)declared;     \
        NEXT(next_fn, #name);                   \
        if (fails(#name)) {                     \
            errno = ENOMEM;                     \
            return NULL;                        \
        }                                       \
        const bool kept = counting;             \
        counting = false;                       \
        result *found = next passed;            \
        counting = kept;                        \
        return found;                           \
    }

LOOK_UP(struct passwd, getpwuid, (uid_t uid), (uid))
LOOK_UP(struct group, getgrnam, (const char *name), (name))
LOOK_UP(char, setlocale, (int category, const char *locale), (category, locale))

/* --- the start and end of main(), and the clock --- */

/* Calls after main() are not the command's: a coverage build writes its counters then. */
EXPORT void fault_over(void);
EXPORT void fault_over(void)
{
    counting = false;
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    typedef int (*setrlimit_fn)(__rlimit_resource_t, const struct rlimit *);
    NEXT(setrlimit_fn, "setrlimit");
    int rc = next(resource, limit);
    if (!counting && resource == RLIMIT_CORE && getenv("FAULT_AT") != NULL) {
        at = number("FAULT_AT");
        told = (int)number("FAULT_FD");
        note_open();
        counting = true;
        atexit(fault_over);
    }
    return rc;
}

static bool own_clock(time_t *ret_now)
{
    static bool begun, has;
    static long long now, step;
    if (!begun) {
        const char *text = getenv("FAULT_CLOCK");
        char *rest;
        begun = true;
        if (text != NULL) {
            has = true;
            now = strtoll(text, &rest, 10);
            step = strtoll(rest, NULL, 10);
        }
    }
    *ret_now = now;
    now += step;
    return has;
}

EXPORT time_t time(time_t *ret)
{
    typedef time_t (*time_fn)(time_t *);
    NEXT(time_fn, "time");
    time_t now;
    if (!own_clock(&now))
        return next(ret);
    if (ret != NULL)
        *ret = now;
    return now;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *ret)
{
    typedef int (*clock_fn)(clockid_t, struct timespec *);
    NEXT(clock_fn, "clock_gettime");
    time_t now;
    if ((clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) || !own_clock(&now))
        return next(clock, ret);
    *ret = (struct timespec){.tv_sec = now, .tv_nsec = 999999999};
    return 0;
}
