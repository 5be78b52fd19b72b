#include "store/publish.h"

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
    return espt_fail_file(err, path, errno, "see to its folder's owner and mode");
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

/* Never over another file; and never under two names, which a store must not have, where the file
   system knows how. */
static int take_name(const char *temporary, const char *path)
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
    bool made = take_name(temporary, path) == 0;
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

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -1;
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

/* A new file of that content, on the disk; on failure there is none. */
static int write_new(const char *path, const void *data, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    int rc = write_all(fd, data, len);
    if (rc == 0)
        rc = fchmod(fd, mode);
    if (rc == 0)
        rc = fsync(fd);
    if (close(fd) != 0)
        rc = -1;
    const int why = errno;
    if (rc != 0)
        unlink(path);
    errno = why;
    return rc;
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
    if (write_new(temporary, data, len, mode) != 0)
        return fail(err, path);
    return publish(temporary, path, ret_made, err);
}

int publish_write(const char *path, const void *data, size_t len, mode_t mode,
                  char ret_temporary[static PATH_MAX], struct espt_error *err)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        return fail(err, path);
    if (!publish_temporary(real, ret_temporary, PATH_MAX))
        return espt_fail(err, ESPT_UNUSABLE, "%s: the name is too long; choose a shorter one",
                         path);
    return write_new(ret_temporary, data, len, mode) == 0 ? 0 : fail(err, path);
}

int publish_take(const char *temporary, const char *path, bool *ret_taken, struct espt_error *err)
{
    char real[PATH_MAX];
    struct stat st;
    *ret_taken = realpath(path, real) != NULL && rename(temporary, real) == 0;
    if (!*ret_taken && errno != ENOENT) { /* some file systems say so of what they did */
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
                     "%s: it is written, but may be lost if the machine crashes now: %s; look at "
                     "the kernel's log",
                     path, strerror(errno));
}

int publish_over(const char *path, const void *data, size_t len, mode_t mode,
                 struct espt_error *err)
{
    char temporary[PATH_MAX];
    bool taken;
    int code = publish_write(path, data, len, mode, temporary, err);
    return code == 0 ? publish_take(temporary, path, &taken, err) : code;
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

void publish_sweep(const char *path)
{
    char real[PATH_MAX];
    if (realpath(path, real) == NULL)
        return;
    char *slash = strrchr(real, '/');
    slash[0] = '\0';
    DIR *folder = opendir(slash == real ? "/" : real);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        if (is_temporary(entry->d_name, slash + 1))
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL)
        closedir(folder);
}
