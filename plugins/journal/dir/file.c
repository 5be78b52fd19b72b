/* SPDX-License-Identifier: ISC */
/*
 * Files of a journal in a folder, that appear whole.
 *
 * MUST 1: content is on the disk before the name is given (fsync of the file, then link).
 * MUST 2: a name is on the disk before it is reported (fsync of the folder after link, and before
 *         the first read of a name that another process may just have given).
 */
#include "journal/dir/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, uint8_t *out, size_t len)
{
    while (len > 0) {
        const ssize_t got = read(fd, out, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return -1;
        }
        out += got;
        len -= (size_t)got;
    }
    return 0;
}

int dir_load(espt_journal *journal, int folder, const char *name, const uint8_t **ret_bytes,
             size_t *ret_len, char *err, size_t err_len)
{
    struct stat st;
    size_t len = 0;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return ESPT_JOURNAL_NONE;
    free(journal->buffer);
    journal->buffer = NULL;
    if (fd >= 0 && fstat(fd, &st) == 0) {
        if (!S_ISREG(st.st_mode) || st.st_size > (off_t)DIR_FILE_MAX) {
            close(fd);
            return dir_say(ESPT_JOURNAL_FAILED, err, err_len,
                           "%s: %s is no file of a journal; remove it", journal->path, name);
        }
        len = (size_t)st.st_size;
        journal->buffer = malloc(len + 1);
    }
    if (journal->buffer == NULL || read_all(fd, journal->buffer, len) != 0) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: %s cannot be read: %s",
                       journal->path, name, strerror(why));
    }
    close(fd);
    *ret_bytes = journal->buffer;
    *ret_len = len;
    return ESPT_JOURNAL_DONE;
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        const ssize_t written = write(fd, bytes, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return -1;
        }
        bytes += written;
        len -= (size_t)written;
    }
    return 0;
}

/* A name that no other process uses. */
static void temporary_name(char out[static 40])
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        random = (uint64_t)getpid();
    snprintf(out, 40, ".new-%016llx", (unsigned long long)random);
}

static int write_temporary(int folder, const char *name, const uint8_t *bytes, size_t len)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    int failed = write_all(fd, bytes, len) != 0 || fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && failed == 0)
        failed = errno;
    if (failed != 0)
        unlinkat(folder, name, 0);
    errno = failed;
    return failed == 0 ? 0 : -1;
}

/* NONE: nobody has the name. The same bytes are DONE, because `append` may be repeated. */
static int compare(espt_journal *journal, int folder, const char *name, const uint8_t *bytes,
                   size_t len, char *err, size_t err_len)
{
    const uint8_t *there = NULL;
    size_t there_len = 0;
    int status = dir_load(journal, folder, name, &there, &there_len, err, err_len);
    if (status == ESPT_JOURNAL_DONE && (there_len != len || memcmp(there, bytes, len) != 0))
        return ESPT_JOURNAL_TAKEN;
    return status == ESPT_JOURNAL_FAILED ? ESPT_JOURNAL_UNKNOWN : status;
}

/* After these, link has certainly not given the name. */
static bool surely_failed(int why)
{
    return why == ENOSPC || why == EDQUOT || why == EROFS || why == EACCES || why == EPERM ||
           why == ENOENT || why == EMLINK;
}

/* Writes the bytes under another name, then gives them the name. */
static int create(espt_journal *journal, int folder, const char *name, const uint8_t *bytes,
                  size_t len, char *err, size_t err_len)
{
    char temporary[40];
    temporary_name(temporary);
    if (write_temporary(folder, temporary, bytes, len) != 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: %s cannot be written: %s",
                       journal->path, name, strerror(errno));
    const int why = linkat(folder, temporary, folder, name, 0) == 0 ? 0 : errno;
    unlinkat(folder, temporary, 0);
    if (why == 0)
        return ESPT_JOURNAL_DONE;
    if (why == EEXIST)
        return compare(journal, folder, name, bytes, len, err, err_len);
    return dir_say(surely_failed(why) ? ESPT_JOURNAL_FAILED : ESPT_JOURNAL_UNKNOWN, err, err_len,
                   "%s: %s cannot be named: %s", journal->path, name, strerror(why));
}

static int sync_folder(espt_journal *journal, int folder, char *err, size_t err_len)
{
    return fsync(folder) == 0
               ? ESPT_JOURNAL_DONE /* else it is visible, but may be lost */
               : dir_say(ESPT_JOURNAL_UNKNOWN, err, err_len, "%s: the folder cannot be synced: %s",
                         journal->path, strerror(errno));
}

int dir_store(espt_journal *journal, int folder, const char *name, const uint8_t *bytes, size_t len,
              char *err, size_t err_len)
{
    int status = compare(journal, folder, name, bytes, len, err, err_len);
    if (status == ESPT_JOURNAL_NONE)
        status = create(journal, folder, name, bytes, len, err, err_len);
    return status == ESPT_JOURNAL_DONE ? sync_folder(journal, folder, err, err_len) : status;
}

int dir_replace(espt_journal *journal, int folder, const char *name, const uint8_t *bytes,
                size_t len, char *err, size_t err_len)
{
    char temporary[40];
    temporary_name(temporary);
    if (write_temporary(folder, temporary, bytes, len) != 0)
        return dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: %s cannot be written: %s",
                       journal->path, name, strerror(errno));
    if (renameat(folder, temporary, folder, name) == 0)
        return sync_folder(journal, folder, err, err_len);
    const int why = errno;
    unlinkat(folder, temporary, 0);
    return dir_say(surely_failed(why) ? ESPT_JOURNAL_FAILED : ESPT_JOURNAL_UNKNOWN, err, err_len,
                   "%s: %s cannot be named: %s", journal->path, name, strerror(why));
}

int dir_remove(espt_journal *journal, int folder, const char *name, char *err, size_t err_len)
{
    if (unlinkat(folder, name, 0) == 0)
        return sync_folder(journal, folder, err, err_len);
    return errno == ENOENT
               ? ESPT_JOURNAL_NONE
               : dir_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: %s cannot be removed: %s",
                         journal->path, name, strerror(errno));
}
