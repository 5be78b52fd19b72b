/* SPDX-License-Identifier: ISC */
/* The files of a feed. MUST 1 of feed.h. */
#include "common/clock.h"
#include "common/io.h"
#include "fleet/feed.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ASIDE ".new-"
#define NAME_ROOM 160

static int failed(const struct feed *feed, const char *name, const char *what,
                  struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE, "%s: %s cannot be %s: %s", feed->path, name, what,
                     espt_errno_text(errno));
}

static int write_aside(int folder, const char *name, const uint8_t *bytes, size_t len)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return -1;
    int why = fchmod(fd, 0644) != 0 || write_all(fd, bytes, len) != 0 || fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && why == 0)
        why = errno;
    errno = why;
    return why == 0 ? 0 : -1;
}

int feed_write(struct feed *feed, int folder, const char *name, const uint8_t *bytes, size_t len,
               struct espt_error *err)
{
    char aside[NAME_ROOM];
    snprintf(aside, sizeof aside, ASIDE "%s", name);
    if (write_aside(folder, aside, bytes, len) == 0 && renameat(folder, aside, folder, name) == 0 &&
        fsync(folder) == 0)
        return 0;
    const int why = errno;
    unlinkat(folder, aside, 0);
    errno = why;
    return failed(feed, name, "written", err);
}

off_t feed_length(const struct feed *feed, int folder, const char *name)
{
    struct stat st;
    (void)feed;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) ? st.st_size
                                                                                       : -1;
}

static int read_all(int fd, uint8_t *out, size_t len)
{
    while (len > 0) {
        const ssize_t got = read(fd, out, len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            return -1;
        out += got;
        len -= (size_t)got;
    }
    return 0;
}

int feed_read(struct feed *feed, int folder, const char *name, uint8_t **ret_bytes, size_t *ret_len,
              struct espt_error *err)
{
    struct stat st;
    uint8_t *bytes = NULL;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return 0;
    int code = fd < 0 || fstat(fd, &st) != 0 ? failed(feed, name, "read", err) : 0;
    if (code == 0 && (!S_ISREG(st.st_mode) || st.st_size > (off_t)ESPT_JOURNAL_ENTRY_MAX))
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s is no file of a feed; remove it", feed->path,
                         name);
    if (code == 0 && (bytes = malloc((size_t)st.st_size + 1)) == NULL)
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code == 0 && read_all(fd, bytes, (size_t)st.st_size) != 0)
        code = failed(feed, name, "read", err);
    if (fd >= 0)
        close(fd);
    if (code != 0) {
        free(bytes);
        return code;
    }
    *ret_bytes = bytes;
    *ret_len = (size_t)st.st_size;
    return 1;
}

/* --- snapshots --- */

static int get_file(void *arg, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
                    struct espt_error *err)
{
    struct feed *feed = arg;
    free(feed->got);
    feed->got = NULL;
    const int found = feed_read(feed, feed->pieces_folder, name, &feed->got, ret_len, err);
    *ret_bytes = feed->got;
    return found;
}

static int put_file(void *arg, const char *name, const uint8_t *bytes, size_t len,
                    struct espt_error *err)
{
    struct feed *feed = arg;
    int code = feed_write(feed, feed->pieces_folder, name, bytes, len, err);
    return code == 0 && feed->leads ? journal_put(feed->fleet, name, bytes, len, err) : code;
}

struct edge_files feed_files(struct feed *feed)
{
    return (struct edge_files){.arg = feed, .get = get_file, .put = put_file};
}

/* --- names --- */

void feed_piece_name(const struct feed_piece *piece,
                     char ret_name[static ESPT_JOURNAL_NAME_MAX + 1])
{
    char hex[2 * FLEET_HASH_LEN + 1];
    sodium_bin2hex(hex, sizeof hex, piece->hash, FLEET_HASH_LEN);
    snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "%llx-%llx-%s", (unsigned long long)piece->first,
             (unsigned long long)piece->last, hex);
}

void feed_tiers_name(const uint8_t hash[static FLEET_HASH_LEN],
                     char ret_name[static ESPT_JOURNAL_NAME_MAX + 1])
{
    char hex[2 * FLEET_HASH_LEN + 1];
    sodium_bin2hex(hex, sizeof hex, hash, FLEET_HASH_LEN);
    snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "tiers-%s", hex);
}

/* --- sweeping --- */

static bool is_named(const struct feed *feed, const char *name)
{
    char own[ESPT_JOURNAL_NAME_MAX + 1];
    for (size_t i = 0; i < feed->piece_count; i++) {
        feed_piece_name(&feed->pieces[i], own);
        if (strcmp(own, name) == 0)
            return true;
    }
    return strncmp(name, "tiers-", 6) == 0 ||
           feed_in_snapshot(&feed->which, &feed->snapshot, name) ||
           feed_in_snapshot(&feed->which_before, &feed->before, name);
}

/* A file that no head names any more is marked by its mode, and its time becomes the time of the
   mark. feed_write() takes the mark away. */
#define MARKED 0444
static void sweep_file(int folder, const char *name)
{
    struct stat st;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return;
    if ((st.st_mode & 07777) != MARKED) {
        if (utimensat(folder, name, NULL, AT_SYMLINK_NOFOLLOW) == 0)
            (void)!fchmodat(folder, name, MARKED, 0);
    } else if (st.st_mtim.tv_sec + FEED_GRACE < realtime_seconds()) {
        unlinkat(folder, name, 0);
    }
}

static void sweep_folder(const struct feed *feed, int folder)
{
    const int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    if (names == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(names)) != NULL;) {
        const char *name = entry->d_name;
        if (strncmp(name, ASIDE, sizeof ASIDE - 1) == 0)
            unlinkat(folder, name, 0);
        else if (folder == feed->pieces_folder && name[0] != '.' && !is_named(feed, name))
            sweep_file(folder, name);
    }
    closedir(names);
}

void feed_sweep(struct feed *feed)
{
    sweep_folder(feed, feed->folder);
    sweep_folder(feed, feed->pieces_folder);
    feed->swept = monotonic_ms();
}
