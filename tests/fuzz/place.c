/* SPDX-License-Identifier: ISC */
/* A confined folder, its saved contents, and a checksum over them. */
#include "fuzz/place.h"

#include "common/crc32.h"
#include "fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define USAGE PLACE "/usage/"
#define KEPT_MAX 32
#define BYTES_MAX (1u << 20)

/* --- confinement --- */

static bool put(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

/* A user who is not root becomes root in a user namespace. */
static bool own_namespace(void)
{
    char users[64], groups[64];
    if (geteuid() == 0)
        return unshare(CLONE_NEWNS) == 0;
    snprintf(users, sizeof users, "0 %u 1", (unsigned)geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", (unsigned)getegid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put("/proc/self/uid_map", users) &&
           put("/proc/self/setgroups", "deny") && put("/proc/self/gid_map", groups);
}

static bool let_write(const char *path)
{
    struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};
    return mount_setattr(AT_FDCWD, path, 0, &attr, sizeof attr) == 0;
}

bool place_confine(const char *const *writable)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID};
    bool done = own_namespace() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
                mount("place", PLACE, "tmpfs", 0, "size=64m,mode=0700") == 0;
    for (size_t i = 0; done && writable[i] != NULL; i++)
        done = mount(writable[i], writable[i], NULL, MS_BIND, NULL) == 0;
    done = done && mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) == 0 &&
           let_write(PLACE);
    for (size_t i = 0; done && writable[i] != NULL; i++)
        done = let_write(writable[i]);
    if (done) /* no command may run unless everything else is read-only */
        MUST_HOLD(open("/not-here", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 && errno == EROFS);
    return done;
}

/* --- the saved contents --- */

struct kept {
    char path[128];
    mode_t mode;
    unsigned char *bytes; /* NULL: a folder */
    size_t len;
    bool seen;
};

static struct kept kept[KEPT_MAX];
static size_t kept_count;
static unsigned char scratch[BYTES_MAX];
static unsigned sum;

static bool is_lock(const char *path)
{
    const size_t len = strlen(path);
    return len > 5 && strcmp(path + len - 5, "-lock") == 0;
}

/* STORE.reserve holds space and no data. Any writing command makes it again, so it is neither saved
   nor summed. */
static bool is_reserve(const char *path)
{
    return strcmp(path, PLACE_STORE ".reserve") == 0;
}

/* STORE.writer is the writers' lock file. Each writer leaves a note in it, also one whose change is
   refused. The note is saved, because it must match the store, but it is not summed. */
static bool is_note(const char *path)
{
    return strcmp(path, PLACE_STORE ".writer") == 0;
}

/* Reads at most BYTES_MAX bytes; saved files are shorter, so a longer one has changed. */
static size_t read_scratch(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    MUST_HOLD(fd >= 0);
    const ssize_t len = read(fd, scratch, sizeof scratch);
    MUST_HOLD(len >= 0);
    close(fd);
    return (size_t)len;
}

void place_write(const char *path, const char *text, unsigned mode)
{
    FILE *file = fopen(path, "we");
    MUST_HOLD(file != NULL && fputs(text, file) >= 0 && fchmod(fileno(file), mode) == 0);
    MUST_HOLD(fclose(file) == 0);
}

static void write_kept(const struct kept *one)
{
    if (one->bytes == NULL) {
        MUST_HOLD(mkdir(one->path, one->mode & 07777) == 0);
    } else {
        const int fd = open(one->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        MUST_HOLD(fd >= 0 && write(fd, one->bytes, one->len) == (ssize_t)one->len);
        close(fd);
    }
    MUST_HOLD(chmod(one->path, one->mode & 07777) == 0);
}

static int keep_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)type;
    if (at->level == 0 || is_reserve(path))
        return 0;
    MUST_HOLD(kept_count < KEPT_MAX && strlen(path) < sizeof kept[0].path);
    struct kept *one = &kept[kept_count++];
    *one = (struct kept){.mode = st->st_mode};
    snprintf(one->path, sizeof one->path, "%s", path);
    if (S_ISDIR(st->st_mode))
        return 0;
    one->len = read_scratch(path);
    MUST_HOLD(one->len < BYTES_MAX && (one->bytes = malloc(one->len + 1)) != NULL);
    memcpy(one->bytes, scratch, one->len);
    return 0;
}

void place_keep(void)
{
    MUST_HOLD(nftw(PLACE, keep_one, 8, FTW_PHYS) == 0);
}

static bool is_kept(const char *path, const struct stat *st)
{
    for (size_t i = 0; i < kept_count; i++) {
        if (strcmp(kept[i].path, path) != 0)
            continue;
        kept[i].seen =
            kept[i].mode == st->st_mode && (kept[i].bytes == NULL || is_lock(path) ||
                                            (read_scratch(path) == kept[i].len &&
                                             memcmp(scratch, kept[i].bytes, kept[i].len) == 0));
        return kept[i].seen;
    }
    return false;
}

static int take_away(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)type;
    if (at->level > 0 && !is_kept(path, st))
        MUST_HOLD(remove(path) == 0);
    return 0;
}

void place_reset(void)
{
    for (size_t i = 0; i < kept_count; i++)
        kept[i].seen = false;
    MUST_HOLD(chmod(PLACE, 0700) == 0 && nftw(PLACE, take_away, 8, FTW_PHYS | FTW_DEPTH) == 0);
    for (size_t i = 0; i < kept_count; i++) {
        if (!kept[i].seen)
            write_kept(&kept[i]);
    }
}

/* The sum does not depend on the order of the files, because folders have none. */
static int add_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)type;
    if (at->level == 0 || is_lock(path) || is_note(path) || is_reserve(path) ||
        strncmp(path, USAGE, strlen(USAGE)) == 0)
        return 0;
    unsigned one = (unsigned)crc32(0, path, strlen(path)) + st->st_mode;
    if (S_ISREG(st->st_mode)) {
        const size_t len = read_scratch(path);
        one = (unsigned)crc32(one, scratch, len);
    }
    sum += one;
    return 0;
}

unsigned place_sum(void)
{
    sum = 0;
    MUST_HOLD(nftw(PLACE, add_one, 8, FTW_PHYS) == 0);
    return sum;
}
