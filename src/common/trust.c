/* SPDX-License-Identifier: ISC */
#include "common/trust.h"

#include "common/name.h"
#include "common/trust_owner.h"
#include "common/trust_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SAME_TRIES 16  /* opens that find the same file without a name, before it is refused */
#define ALL_TRIES 4096 /* opens that find another file each time */
#define OPEN_FLAGS (O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)

static int check_stat(const char *path, const struct stat *st, uid_t owner, enum trust_level level,
                      struct espt_error *err)
{
    static const struct {
        mode_t refused;
        const char *what, *remedy;
    } modes[] = {
        [TRUST_PUBLIC] = {S_IWGRP | S_IWOTH, "others may write to it", "go-w"},
        [TRUST_SECRET] = {S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH, "others may read it", "go-rw"},
        [TRUST_LOCK] = {S_IRWXG | S_IRWXO, "others may open this lock file", "0600"},
    };
    if (!S_ISREG(st->st_mode))
        return espt_fail(err, ESPT_UNUSABLE, "%s: not a regular file; choose another file", path);
    if (!trust_owner_ok(st, owner))
        return trust_fail_owner(path, "file", st, err);
    const enum trust_level shown =
        (st->st_mode & modes[TRUST_PUBLIC].refused) != 0 && level == TRUST_SECRET ? TRUST_PUBLIC
                                                                                  : level;
    if ((st->st_mode & modes[shown].refused) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s; run 'chmod %s %s'", path, modes[shown].what,
                         modes[shown].remedy, path);
    if (level == TRUST_LOCK && st->st_nlink > 1)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the lock file has %lu names (hard links); remove the others", path,
                         (unsigned long)st->st_nlink);
    if (st->st_nlink == 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the file was replaced or removed, and this is the old one, which a "
                         "bind mount of a single file still shows; mount its folder instead",
                         path);
    return 0;
}

int trust_check(int fd, const char *path, uid_t owner, enum trust_level level,
                struct espt_error *err)
{
    struct stat st;
    return fstat(fd, &st) != 0 ? trust_fail_call(path, "fstat", errno, err)
                               : check_stat(path, &st, owner, level, err);
}

/* Opens name and checks the file. *ret_st is the file that was opened, with st_nlink 1 if there was
   none; *ret_why is errno if nothing could be opened, or 0. */
static int open_once(int dir, const char *name, const char *path, int flags, uid_t owner,
                     enum trust_level level, int *ret_fd, struct stat *ret_st, int *ret_why,
                     struct espt_error *err)
{
    ret_st->st_nlink = 1;
    *ret_fd = openat(dir, name, flags | OPEN_FLAGS, 0600);
    *ret_why = *ret_fd < 0 ? errno : 0;
    if (*ret_fd < 0)
        return trust_fail_call(path, "openat", errno, err);
    if (fstat(*ret_fd, ret_st) != 0)
        return trust_fail_call(path, "fstat", errno, err);
    return check_stat(path, ret_st, owner, level, err);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* Opens and checks a file. If it was replaced in between, it has no name (link count 0), and the
   name is opened again. A busy writer may win this race many times, each time with another file; a
   bind mount of a removed file shows the same one for ever. The last file stays open until the next
   is, so that its inode number is not given to another. *ret_why is as for open_once(). */
static int open_file(int dir, const char *name, const char *path, int flags, uid_t owner,
                     enum trust_level level, int *ret_fd, int *ret_why, struct espt_error *err)
{
    struct stat st, last_st = {0};
    int code, fd, last = -1;
    for (int same = 0, all = 0;; all++) {
        code = open_once(dir, name, path, flags, owner, level, &fd, &st, ret_why, err);
        close_fd(last);
        if (code == 0 || st.st_nlink > 0)
            break;
        same = st.st_dev == last_st.st_dev && st.st_ino == last_st.st_ino ? same + 1 : 0;
        if (same == SAME_TRIES || all == ALL_TRIES)
            break;
        if (same > 0) /* rename(2) takes the old link away before it changes the name */
            nanosleep(&(struct timespec){.tv_nsec = same * 50000L}, NULL);
        last = fd;
        last_st = st;
    }
    if (code == 0)
        *ret_fd = fd;
    else
        close_fd(fd);
    return code;
}

int trust_open_at(int dir, const char *path, int flags, uid_t owner, enum trust_level level,
                  int *ret_fd, struct espt_error *err)
{
    int why;
    const char *slash = strrchr(path, '/');
    int code = open_file(dir, slash != NULL ? slash + 1 : path, path, flags, owner, level, ret_fd,
                         &why, err);
    if (why == ELOOP)
        return espt_fail(err, ESPT_UNUSABLE, "%s: a symbolic link; remove it", path);
    return why == ENOENT ? espt_fail(err, ESPT_MISSING, "%s: there is no such file", path) : code;
}

/* Follows the last component, which must be a symbolic link, out of a folder of MUST 3. */
static int leave_sticky(struct trust_walk *w, bool *ret_followed, struct espt_error *err)
{
    if (!trust_is_folder(w->name)) {
        int code = trust_walk_append(w, err);
        if (code == 0)
            code = trust_walk_follow(w, 0, ret_followed, err);
        if (code != 0 || *ret_followed)
            return code;
        trust_walk_drop(w);
    }
    return trust_walk_check_parent(w, err);
}

int trust_walk_open(struct trust_walk *w, const char *path, uid_t owner, enum trust_level level,
                    int *ret_fd, struct espt_error *err)
{
    bool followed = true;
    int why = 0, code = trust_walk_begin(w, path, "", owner, err);
    while (code == 0 && followed) {
        followed = false;
        code = trust_walk_to_last(w, err);
        if (code == 0 && w->sticky)
            code = leave_sticky(w, &followed, err);
        if (code == 0 && !followed && !trust_is_folder(w->name))
            code = trust_walk_append(w, err);
        if (code != 0 || followed)
            continue;
        code = open_file(w->dir, trust_is_folder(w->name) ? "." : w->name, trust_walk_path(w),
                         O_RDONLY, owner, level, ret_fd, &why, err);
        if (why == ELOOP)
            code = trust_walk_follow(w, why, &followed, err);
    }
    code = trust_walk_end(w, code, err);
    if (code == 0)
        trust_walk_drop(w);
    return code;
}

int trust_open(const char *path, uid_t owner, enum trust_level level, int *ret_fd,
               struct espt_error *err)
{
    struct trust_walk *w = trust_walk_new(err);
    int code = w != NULL ? trust_walk_open(w, path, owner, level, ret_fd, err) : ESPT_UNUSABLE;
    trust_walk_free(w);
    return code;
}

int trust_read(const char *path, uid_t owner, enum trust_level level, size_t max, char **ret_text,
               size_t *ret_len, struct espt_error *err)
{
    int fd = -1;
    int code = trust_open(path, owner, level, &fd, err);
    if (code != 0)
        return code;
    code = trust_read_fd(fd, path, max, ret_text, ret_len, err);
    close(fd);
    return code;
}

bool trust_missing(const char *path)
{
    return access(path, F_OK) != 0 && errno == ENOENT;
}
