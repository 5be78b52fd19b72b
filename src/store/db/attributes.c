/* SPDX-License-Identifier: ISC */
#include "store/db/attributes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ACL "system.posix_acl_access"

struct copying {
    int from, to;
    struct attributes_lost *lost;
    bool group_bits; /* the group's bits of the mode still have their old meaning */
};

static void lose(struct copying *copying, const char *what, unsigned long number)
{
    char *out = copying->lost->what;
    const size_t len = strlen(out), size = sizeof copying->lost->what - len;
    if (number != (unsigned long)-1)
        snprintf(out + len, size, "%s%s %lu", len > 0 ? ", " : "", what, number);
    else
        snprintf(out + len, size, "%s%s", len > 0 ? ", " : "", what);
}

/* True: the change is not permitted or not supported. Any other error is a failure. */
static bool is_refusal(void)
{
    return errno == EPERM || errno == EACCES || errno == ENOTSUP || errno == EINVAL;
}

static int copy_owner(struct copying *copying, const struct stat *old, const struct stat *new)
{
    if (old->st_gid != new->st_gid && fchown(copying->to, (uid_t)-1, old->st_gid) != 0) {
        if (!is_refusal())
            return -1;
        lose(copying, "group", old->st_gid);
        copying->group_bits = false;
    }
    if (old->st_uid != new->st_uid && fchown(copying->to, old->st_uid, (gid_t)-1) != 0) {
        if (!is_refusal())
            return -1;
        lose(copying, "owner", old->st_uid);
    }
    return 0;
}

/* The value of one attribute, which the caller frees. *ret_len is negative if there is none. */
static char *read_value(int fd, const char *name, ssize_t *ret_len)
{
    char *value = NULL;
    ssize_t len = fgetxattr(fd, name, NULL, 0);
    if (len >= 0 && (value = malloc((size_t)len + 1)) != NULL)
        len = fgetxattr(fd, name, value, (size_t)len);
    *ret_len = value != NULL ? len : -1;
    return value;
}

/* The kernel computes these attributes from the file itself. */
static bool is_computed(const char *name)
{
    return strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

static int copy_one(struct copying *copying, const char *name)
{
    ssize_t len, has;
    char *value = read_value(copying->from, name, &len);
    char *own = read_value(copying->to, name, &has);
    const bool same = len >= 0 && len == has && memcmp(value, own, (size_t)len) == 0;
    bool taken = same || is_computed(name);
    if (!taken && len >= 0)
        taken = fsetxattr(copying->to, name, value, (size_t)len, 0) == 0;
    const bool failed = !taken && len >= 0 && !is_refusal();
    free(value);
    free(own);
    if (failed)
        return -1;
    if (!taken) {
        lose(copying, name, (unsigned long)-1);
        if (strcmp(name, ACL) == 0)
            copying->group_bits = false;
    }
    return 0;
}

/* The default list of the folder may have given the new file an access control list that the old
   file does not have. */
static int drop_other_acl(struct copying *copying)
{
    if (fgetxattr(copying->from, ACL, NULL, 0) >= 0 || fgetxattr(copying->to, ACL, NULL, 0) < 0)
        return 0;
    return fremovexattr(copying->to, ACL);
}

static int copy_all(struct copying *copying)
{
    ssize_t len = flistxattr(copying->from, NULL, 0);
    if (len < 0)
        return errno == ENOTSUP ? 0 : -1;
    char *names = malloc((size_t)len + 1);
    int rc = names != NULL ? 0 : -1;
    if (rc == 0)
        len = flistxattr(copying->from, names, (size_t)len);
    if (rc == 0 && len < 0)
        rc = -1;
    for (ssize_t at = 0; rc == 0 && at < len; at += (ssize_t)strlen(names + at) + 1)
        rc = copy_one(copying, names + at);
    free(names);
    return rc == 0 ? drop_other_acl(copying) : rc;
}

int attributes_copy(int from, int to, const char *path, mode_t most,
                    struct attributes_lost *ret_lost, struct espt_error *err)
{
    struct stat old, new;
    struct copying copying = {.from = from, .to = to, .lost = ret_lost, .group_bits = true};
    ret_lost->what[0] = '\0';
    int rc = fstat(from, &old) == 0 && fstat(to, &new) == 0 ? 0 : -1;
    if (rc == 0)
        rc = copy_owner(&copying, &old, &new);
    if (rc == 0)
        rc = copy_all(&copying);
    if (rc == 0)
        rc = fchmod(to, old.st_mode & most & (copying.group_bits ? 07777 : ~(mode_t)S_IRWXG));
    return rc == 0 ? 0 : espt_fail_file(err, path, errno, "check the kernel log (dmesg)");
}
