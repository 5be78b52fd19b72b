#include "common/trust.h"

#include "common/name.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define OPEN_MAX_TIMES 16

static int unusable(const char *path, struct espt_error *err)
{
    const char *mend = errno == EACCES || errno == EPERM ? "; let this user read it"
                       : errno == ENOENT                 ? "; see the paths in esp-token.conf"
                                                         : "";
    return espt_fail(err, ESPT_UNUSABLE, "%s: %s%s", path, strerror(errno), mend);
}

static bool trusted(const struct stat *st, uid_t owner)
{
    return st->st_uid == 0 || st->st_uid == owner;
}

/* The folder that `path` lies in: who may write there could put another file in its place. */
int trust_folder_of(const char *path, uid_t owner, struct espt_error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof folder)
        return espt_fail(err, ESPT_UNUSABLE, "the path of a file is too long");
    snprintf(folder, sizeof folder, "%.*s", (int)len, path);
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else if (len == 0)
        snprintf(folder, sizeof folder, "/");
    struct stat st;
    if (stat(folder, &st) != 0)
        return unusable(folder, err);
    if (!trusted(&st, owner))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the folder belongs to another user than root or this one; chown it",
                         folder);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: others may write to the folder; chmod go-w %s",
                         folder, folder);
    return 0;
}

static int judge_file(const char *path, const struct stat *st, uid_t owner, enum trust_level level,
                      struct espt_error *err)
{
    if (!S_ISREG(st->st_mode))
        return espt_fail(err, ESPT_UNUSABLE, "%s: not a regular file; name another", path);
    if (!trusted(st, owner))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: it belongs to another user than root or this one; chown it", path);
    if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: others may write to it; chmod go-w %s", path,
                         path);
    if (level == TRUST_SECRET && (st->st_mode & (S_IRGRP | S_IROTH)) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: others may read it; chmod go-r %s", path, path);
    return 0;
}

/* Where links lead: the file there must be the one that was opened. */
static int judge_place(const char *path, const struct stat *opened, uid_t owner, bool *ret_other,
                       struct espt_error *err)
{
    char real[PATH_MAX];
    struct stat st;
    int code = trust_folder_of(path, owner, err);
    if (code != 0)
        return code;
    if (realpath(path, real) == NULL || stat(real, &st) != 0)
        return unusable(path, err);
    *ret_other = st.st_dev != opened->st_dev || st.st_ino != opened->st_ino;
    if (*ret_other)
        return espt_fail(err, ESPT_UNUSABLE, "%s: it was replaced meanwhile; try again", path);
    return strcmp(real, path) == 0 ? 0 : trust_folder_of(real, owner, err);
}

static int open_once(const char *path, uid_t owner, enum trust_level level, int *ret_fd,
                     bool *ret_other, struct espt_error *err)
{
    *ret_other = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return unusable(path, err);
    struct stat st;
    int code = fstat(fd, &st) != 0 ? unusable(path, err) : judge_file(path, &st, owner, level, err);
    if (code == 0)
        code = judge_place(path, &st, owner, ret_other, err);
    if (code != 0) {
        close(fd);
        return code;
    }
    *ret_fd = fd;
    return 0;
}

/* A file that is replaced by rename just then is opened again; each time all is judged anew. */
int trust_open(const char *path, uid_t owner, enum trust_level level, int *ret_fd,
               struct espt_error *err)
{
    bool other = true;
    int code = 0;
    for (int i = 0; other && i < OPEN_MAX_TIMES; i++)
        code = open_once(path, owner, level, ret_fd, &other, err);
    return code;
}

int trust_read_fd(int fd, const char *path, size_t max, char **ret_text, size_t *ret_len,
                  struct espt_error *err)
{
    char *text = malloc(max + 2);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    size_t len = 0;
    ssize_t got = 0;
    do {
        got = read(fd, text + len, max + 1 - len);
        if (got > 0)
            len += (size_t)got;
    } while ((got > 0 && len <= max) || (got < 0 && errno == EINTR));
    int code = 0;
    if (got < 0)
        code = unusable(path, err);
    else if (len > max)
        code = espt_fail(err, ESPT_UNUSABLE, "%s:%d: larger than %zu bytes; shorten it", path,
                         line_at(text, max), max);
    if (code != 0) {
        explicit_bzero(text, len);
        free(text);
        return code;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}

int trust_read(const char *path, uid_t owner, enum trust_level level, size_t max, char **ret_text,
               size_t *ret_len, struct espt_error *err)
{
    int fd;
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

int trust_filesystem(int fd, const char *path, struct espt_error *err)
{
    /* statfs(2) and linux/magic.h */
    static const struct {
        unsigned long magic;
        const char *name;
    } refused[] = {
        {0x794c7630, "overlayfs"}, {0x6969, "NFS"},       {0xff534d42, "CIFS"},
        {0xfe534d42, "SMB"},       {0x517b, "SMB"},       {0x01021997, "9P"},
        {0x00c36400, "Ceph"},      {0x5346414f, "AFS"},   {0x6b414653, "AFS"},
        {0x73757245, "Coda"},      {0x65735546, "FUSE"},  {0x0bd00bd0, "Lustre"},
        {0x01161970, "GFS2"},      {0x7461636f, "OCFS2"}, {0x47504653, "GPFS"},
    };
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return unusable(path, err);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (((unsigned long)fs.f_type & 0xffffffff) == refused[i].magic)
            return espt_fail(err, ESPT_UNUSABLE,
                             "%s: on %s, where a mapping may show old data; keep the store on a "
                             "local file system (ext4, xfs, tmpfs)",
                             path, refused[i].name);
    }
    return 0;
}
