/* SPDX-License-Identifier: ISC */
#include "store/db/publish.h"

#include "common/io.h"
#include "store/db/attributes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct espt_error *err, const char *path)
{
    return espt_fail_file(err, path, errno, "check the owner and mode of its folder");
}

bool publish_temporary(const char *path, char *ret_name, size_t size)
{
    int len = snprintf(ret_name, size, "%s.new-%08x", path, randombytes_random());
    return len > 0 && (size_t)len < size;
}

static int sync_folder(const char *path)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        memcpy(folder, ".", 2);
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

int publish_sync(const char *path, struct espt_error *err)
{
    return sync_folder(path) == 0 ? 0 : fail(err, path);
}

/* Never replaces another file. If the file system supports it, the file never has two names, which
   a store must not have. */
static int give_name(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    if (link(temporary, path) != 0)
        return -1;
    unlink(temporary);
    return 0;
}

int publish(const char *temporary, const char *path, bool *ret_made, struct espt_error *err)
{
    bool made = give_name(temporary, path) == 0;
    bool there = !made && errno == EEXIST;
    int code = made || there ? 0 : fail(err, path);
    if (!made)
        unlink(temporary);
    if (made && sync_folder(path) != 0) {
        code = fail(err, path);
        unlink(path);
    }
    if (code == 0)
        *ret_made = made;
    return code;
}

static int create(const char *path, int *ret_fd, struct espt_error *err)
{
    *ret_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *ret_fd >= 0 ? 0 : fail(err, path);
}

/* On return the file is on the disk, or it is removed. */
static int finish(int fd, const char *path, int code, struct espt_error *err)
{
    if (code == 0 && fsync(fd) != 0)
        code = fail(err, path);
    if (close(fd) != 0 && code == 0)
        code = fail(err, path);
    if (code != 0)
        unlink(path);
    return code;
}

/* Creates a file with that content. On return it is on the disk; on failure there is no such
   file. */
static int write_new(const char *path, const void *data, size_t len, mode_t mode,
                     struct espt_error *err)
{
    int fd;
    int code = create(path, &fd, err);
    if (code != 0)
        return code;
    if (write_all(fd, data, len) != 0 || fchmod(fd, mode) != 0)
        code = fail(err, path);
    return finish(fd, path, code, err);
}

/* Copies the attributes of the file at `old` to the new file. If this user may not copy them, it
   fails before anything is replaced. */
static int copy_attributes_of(const char *old, int fd, mode_t most, struct espt_error *err)
{
    struct attributes_lost lost;
    int from = open(old, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (from < 0)
        return fail(err, old);
    int code = attributes_copy(from, fd, old, most, &lost, err);
    close(from);
    if (code == 0 && lost.what[0] != '\0')
        code = espt_fail(
            err, ESPT_UNUSABLE,
            "%s: this user may not give the new file these attributes of the old one: %s; "
            "run as root, or remove them first",
            old, lost.what);
    return code;
}

static int write_successor(const char *old, const char *path, const void *data, size_t len,
                           mode_t most, struct espt_error *err)
{
    int fd;
    int code = create(path, &fd, err);
    if (code != 0)
        return code;
    if (write_all(fd, data, len) != 0)
        code = fail(err, path);
    if (code == 0)
        code = copy_attributes_of(old, fd, most, err);
    return finish(fd, path, code, err);
}

int publish_file(const char *path, const void *data, size_t len, mode_t mode, bool *ret_made,
                 struct espt_error *err)
{
    struct stat st;
    if (lstat(path, &st) == 0) {
        *ret_made = false;
        return 0;
    }
    char temporary[PATH_MAX];
    if (!publish_temporary(path, temporary, sizeof temporary))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         path);
    int code = write_new(temporary, data, len, mode, err);
    return code == 0 ? publish(temporary, path, ret_made, err) : code;
}

int publish_write(const char *path, const void *data, size_t len, mode_t most,
                  char ret_temporary[static PATH_MAX], struct espt_error *err)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        return fail(err, path);
    if (!publish_temporary(real, ret_temporary, PATH_MAX))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         path);
    return write_successor(real, ret_temporary, data, len, most, err);
}

int publish_finish(const char *temporary, const char *path, bool *ret_taken, struct espt_error *err)
{
    char real[PATH_MAX];
    struct stat st;
    *ret_taken = realpath(path, real) != NULL && rename(temporary, real) == 0;
    if (!*ret_taken && errno != ENOENT) { /* some file systems fail after they did it */
        const int why = errno;
        *ret_taken = lstat(temporary, &st) != 0 && errno == ENOENT;
        errno = why;
    }
    if (!*ret_taken) {
        int code = fail(err, path);
        unlink(temporary);
        return code;
    }
    if (sync_folder(real) == 0)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: it is written, but may be lost if the machine crashes now: %s; check "
                     "the kernel log (dmesg)",
                     path, strerror(errno));
}

int publish_over(const char *path, const void *data, size_t len, mode_t most,
                 struct espt_error *err)
{
    char temporary[PATH_MAX];
    bool taken;
    int code = publish_write(path, data, len, most, temporary, err);
    return code == 0 ? publish_finish(temporary, path, &taken, err) : code;
}

static bool is_temporary(const char *name, const char *base)
{
    static const char mark[] = ".new-";
    const size_t len = strlen(base);
    if (strncmp(name, base, len) != 0 || strncmp(name + len, mark, strlen(mark)) != 0)
        return false;
    const char *number = name + len + strlen(mark);
    return strlen(number) == 8 && strspn(number, "0123456789abcdef") == 8;
}

/* The path without links, also of a file that is missing. */
static bool find_place(const char *path, char ret_real[static PATH_MAX])
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (realpath(path, ret_real) != NULL)
        return true;
    if (slash == NULL || slash == path || slash - path >= PATH_MAX)
        return false;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    if (realpath(folder, ret_real) == NULL || strlen(ret_real) + strlen(slash) >= PATH_MAX)
        return false;
    memcpy(ret_real + strlen(ret_real), slash, strlen(slash) + 1);
    return true;
}

void publish_each_left(const char *path, left_fn fn, void *arg)
{
    char real[PATH_MAX];
    if (!find_place(path, real))
        return;
    char *slash = strrchr(real, '/');
    slash[0] = '\0';
    DIR *folder = opendir(slash == real ? "/" : real);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (is_temporary(entry->d_name, slash + 1))
            fn(arg, dirfd(folder), entry->d_name);
    if (folder != NULL)
        closedir(folder);
}

static void remove_left(void *arg, int folder, const char *name)
{
    (void)arg;
    unlinkat(folder, name, 0);
}

void publish_sweep(const char *path)
{
    publish_each_left(path, remove_left, NULL);
}
