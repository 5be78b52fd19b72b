/* SPDX-License-Identifier: ISC */
/* Tells whether no mount lets anyone write to a folder (trust.h, MUST 3). */
#include "common/trust.h"
#include "common/trust_owner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MOUNTS_MAX (4 << 20) /* bytes: some 30,000 mounts */

/* A line of /proc/PID/mountinfo; see proc_pid_mountinfo(5). Blanks in paths are written as \040. */
struct mount {
    long id;
    const char *device, *root, *point;
    bool read_only;
};

static bool parse(char *line, struct mount *ret)
{
    char *rest = line;
    const char *id = strsep(&rest, " ");
    (void)strsep(&rest, " "); /* the parent */
    ret->device = strsep(&rest, " ");
    ret->root = strsep(&rest, " ");
    ret->point = strsep(&rest, " ");
    const char *flags = strsep(&rest, " ");
    if (flags == NULL)
        return false;
    ret->id = strtol(id, NULL, 10);
    ret->read_only = strcmp(flags, "ro") == 0 || strncmp(flags, "ro,", 3) == 0;
    return true;
}

/* Whether a mount of the folder `root` shows the folder `path` of the same device. */
static bool shows(const char *root, const char *path)
{
    const size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    return strncmp(root, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* The text of a file of this thread in /proc, which the caller frees, or NULL. A thread may have a
   mount namespace of its own. stdio would call lseek(2), which validator.h does not list. */
static char *read_own(const char *name)
{
    char path[64], *text = NULL;
    size_t len;
    snprintf(path, sizeof path, "/proc/thread-self/%s", name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return NULL;
    const int code = trust_read_fd(fd, path, MOUNTS_MAX, &text, &len, NULL);
    close(fd);
    return code == 0 ? text : NULL;
}

/* The number of the mount of `fd`, or -1. */
static long mount_of(int fd)
{
    char name[32];
    snprintf(name, sizeof name, "fdinfo/%d", fd);
    char *text = read_own(name);
    const char *line = text != NULL ? strstr(text, "mnt_id:") : NULL;
    const long id = line != NULL ? strtol(line + 7, NULL, 10) : -1;
    free(text);
    return id;
}

/* Finds the mount `id`. `mounts` is the text of mountinfo; the result refers to it. */
static bool find(char *mounts, long id, struct mount *ret)
{
    bool found = false;
    for (char *line; !found && (line = strsep(&mounts, "\n")) != NULL;)
        found = parse(line, ret) && ret->id == id;
    return found;
}

/* Whether a mount lets someone write to what `own` shows. */
static bool is_writable(char *mounts, const struct mount *own)
{
    struct mount other;
    for (char *line; (line = strsep(&mounts, "\n")) != NULL;) {
        if (parse(line, &other) && !other.read_only && strcmp(other.device, own->device) == 0 &&
            shows(other.root, own->root))
            return true;
    }
    return false;
}

bool trust_read_only(int dir, const char *path)
{
    struct statfs fs;
    struct mount own;
    if (fstatfs(dir, &fs) != 0 || ((unsigned long)fs.f_flags & ST_RDONLY) == 0 ||
        trust_filesystem(dir, path, NULL) != 0)
        return false;
    char *mounts = read_own("mountinfo");
    char *again = mounts != NULL ? strdup(mounts) : NULL; /* parsing changes the text */
    const bool good = again != NULL && find(mounts, mount_of(dir), &own) &&
                      strcmp(own.point, path) == 0 && !is_writable(again, &own);
    free(again);
    free(mounts);
    return good;
}
