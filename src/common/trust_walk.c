/* SPDX-License-Identifier: ISC */
#include "common/trust_walk.h"

#include "common/trust_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LINKS_MAX 40      /* the kernel's limit */
#define PROC_MAGIC 0x9fa0 /* linux/magic.h */

/* --- folders --- */

const char *trust_walk_path(const struct trust_walk *w)
{
    return w->at[0] != '\0' ? w->at : "/";
}

static bool is_last(const struct trust_walk *w)
{
    return w->rest[strspn(w->rest, "/")] == '\0';
}

/* Checks `dir` as a folder above the folder of the file. */
static int check_folder(struct trust_walk *w, struct espt_error *err)
{
    struct stat st;
    if (fstat(w->dir, &st) != 0)
        return trust_fail_call(trust_walk_path(w), "fstat", errno, err);
    if (!trust_owner_ok(&st, w->owner))
        return trust_fail_owner(trust_walk_path(w), "folder", &st, err);
    const bool others_write = (st.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    w->sticky = others_write && st.st_uid == 0 &&
                ((st.st_mode & S_ISVTX) != 0 || trust_read_only(w->dir, trust_walk_path(w)));
    if (!others_write || w->sticky || (w->shared && is_last(w)))
        return 0;
    return espt_fail(err, ESPT_UNUSABLE, "%s: others may write to the folder; run 'chmod go-w %s'",
                     trust_walk_path(w), trust_walk_path(w));
}

int trust_walk_check_parent(const struct trust_walk *w, struct espt_error *err)
{
    if (!w->sticky)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: others may write to its folder %s; move it to a folder of its own",
                     w->path, trust_walk_path(w));
}

static int replace_folder(struct trust_walk *w, int dir, int why, struct espt_error *err)
{
    if (dir < 0)
        return trust_fail_call(trust_walk_path(w), "openat", why, err);
    if (w->dir >= 0)
        close(w->dir);
    w->dir = dir;
    return check_folder(w, err);
}

static int enter_root(struct trust_walk *w, struct espt_error *err)
{
    w->at[0] = '\0';
    const int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return replace_folder(w, dir, errno, err);
}

int trust_walk_append(struct trust_walk *w, struct espt_error *err)
{
    const size_t len = strlen(w->at), more = strlen(w->name);
    if (len + 1 + more >= sizeof w->at)
        return trust_fail_call(w->path, "openat", ENAMETOOLONG, err);
    w->at[len] = '/';
    memcpy(w->at + len + 1, w->name, more + 1);
    return 0;
}

void trust_walk_drop(struct trust_walk *w)
{
    char *slash = strrchr(w->at, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* --- links --- */

/* Inserts the target of the link before `rest`. */
static int insert_link(struct trust_walk *w, size_t len, struct espt_error *err)
{
    const size_t rest = strlen(w->rest) + 1;
    if (++w->links > LINKS_MAX)
        return trust_fail_call(w->path, "openat", ELOOP, err);
    if (len + rest > sizeof w->text)
        return trust_fail_call(w->path, "openat", ENAMETOOLONG, err);
    memmove(w->text + len, w->rest, rest);
    memcpy(w->text, w->link, len);
    w->rest = w->text;
    trust_walk_drop(w);
    return w->link[0] == '/' ? enter_root(w, err) : 0;
}

/* `fd` is the link itself. A link in /proc with an absolute target may be one of /proc/PID/fd,
   whose file need not be at that path: it is refused. */
static int follow(struct trust_walk *w, int fd, const struct stat *st, struct espt_error *err)
{
    struct statfs fs;
    const ssize_t len = readlinkat(fd, "", w->link, sizeof w->link);
    if (len <= 0 || fstatfs(fd, &fs) != 0)
        return trust_fail_call(trust_walk_path(w), "readlinkat", len == 0 ? ENOENT : errno, err);
    if (fs.f_type == PROC_MAGIC && w->link[0] == '/')
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: a link in /proc may lead to any file that a process has open; name "
                         "the file itself",
                         trust_walk_path(w));
    if (w->sticky && !trust_owner_ok(st, w->owner))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the link belongs to another user (%u), not to root or this user, and "
                         "others may write to its folder; name the file itself",
                         trust_walk_path(w), (unsigned)st->st_uid);
    return insert_link(w, (size_t)len, err);
}

int trust_walk_follow(struct trust_walk *w, int why, bool *ret_followed, struct espt_error *err)
{
    struct stat st;
    int code = 0;
    const int fd = openat(w->dir, w->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    *ret_followed = fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
    if (*ret_followed)
        code = follow(w, fd, &st, err);
    else if (why != 0)
        code = trust_fail_call(trust_walk_path(w), "openat", why, err);
    if (fd >= 0)
        close(fd);
    return code;
}

/* --- the walk --- */

/* Moves the next component from `rest` to `name`. */
static int next_name(struct trust_walk *w, struct espt_error *err)
{
    w->rest += strspn(w->rest, "/");
    const size_t len = strcspn(w->rest, "/");
    if (len > NAME_MAX)
        return trust_fail_call(w->path, "openat", ENAMETOOLONG, err);
    memcpy(w->name, w->rest, len);
    w->name[len] = '\0';
    w->rest += len;
    return 0;
}

bool trust_is_folder(const char *name)
{
    return name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int enter(struct trust_walk *w, struct espt_error *err)
{
    bool followed;
    if (trust_is_folder(w->name) && w->name[0] != '\0' && w->name[1] == '.')
        trust_walk_drop(w);
    else if (trust_is_folder(w->name))
        return 0;
    else if (trust_walk_append(w, err) != 0)
        return ESPT_UNUSABLE;
    const int dir = openat(w->dir, w->name, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
    const int why = errno;
    if (dir < 0 && why == ENOTDIR)
        return trust_walk_follow(w, why, &followed, err);
    return replace_folder(w, dir, why, err);
}

int trust_walk_to_last(struct trust_walk *w, struct espt_error *err)
{
    int code = next_name(w, err);
    while (code == 0 && *w->rest != '\0') {
        code = enter(w, err);
        if (code == 0)
            code = next_name(w, err);
    }
    return code;
}

/* Whether the path is in the folder of the previous file, which was checked. */
static bool is_near(const struct trust_walk *w, const char *path)
{
    const size_t len = strlen(w->at);
    return w->dir >= 0 && strncmp(path, w->at, len) == 0 && path[len] == '/';
}

int trust_walk_begin(struct trust_walk *w, const char *path, const char *end, uid_t owner,
                     struct espt_error *err)
{
    const bool near = is_near(w, path);
    w->path = path;
    w->owner = owner;
    w->shared = false;
    w->links = 0;
    w->rest = w->text;
    w->text[0] = '\0';
    if (path[0] != '/' && getcwd(w->text, sizeof w->text) == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "the working directory: %s; give an absolute path",
                         espt_errno_text(errno));
    const size_t len = strlen(w->text), room = sizeof w->text - len;
    if (strlen(path) + strlen(end) + 2 > room)
        return trust_fail_call(path, "openat", ENAMETOOLONG, err);
    snprintf(w->text + len, room, "/%s%s", near ? path + strlen(w->at) : path, end);
    return near ? 0 : enter_root(w, err);
}

static void leave(struct trust_walk *w)
{
    if (w->dir >= 0)
        close(w->dir);
    w->dir = -1;
}

int trust_walk_end(struct trust_walk *w, int code, struct espt_error *err)
{
    if (code != 0 && w->links > 0 && err != NULL &&
        strncmp(err->message, w->path, strlen(w->path)) != 0)
        espt_fail_in(err, "%s (through a symbolic link)", w->path);
    if (code != 0)
        leave(w);
    return code;
}

struct trust_walk *trust_walk_new(struct espt_error *err)
{
    struct trust_walk *w = malloc(sizeof *w);
    if (w == NULL) {
        espt_fail(err, ESPT_UNUSABLE, "out of memory");
        return NULL;
    }
    w->dir = -1;
    w->sticky = false;
    w->at[0] = w->name[0] = '\0';
    return w;
}

void trust_walk_free(struct trust_walk *w)
{
    if (w != NULL)
        leave(w);
    free(w);
}
