/* SPDX-License-Identifier: ISC */
#include "common/trust_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OVERFLOW_UID 65534
#define UID_MAP_MAX 16384 /* bytes: 340 lines */

int trust_fail_call(const char *path, const char *call, int why, struct espt_error *err)
{
    return espt_fail_call(err, path, call, why,
                          why == EACCES   ? "; let this user read it"
                          : why == ENOENT ? "; see the paths in esp-token.conf"
                                          : "");
}

/* Whether the namespace's uid_map maps the overflow user. Each line has the first user id inside,
   the first user id outside, and a count. */
static bool maps_overflow(const char *map)
{
    char *end;
    for (const char *line = map; *line != '\0'; line = end + strspn(end, "\n")) {
        const unsigned long first = strtoul(line, &end, 10);
        (void)strtoul(end, &end, 10);
        const unsigned long count = strtoul(end, &end, 10);
        if (first <= OVERFLOW_UID && OVERFLOW_UID - first < count)
            return true;
        end += strcspn(end, "\n");
    }
    return false;
}

/* Whether this user namespace leaves users unmapped. All of these appear as the overflow user.
   False if /proc is not mounted, so that the map cannot be read. */
static bool has_unmapped_users(void)
{
    char *map = malloc(UID_MAP_MAX);
    const int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    const ssize_t len = map != NULL && fd >= 0 ? read(fd, map, UID_MAP_MAX - 1) : -1;
    bool unmapped = false;
    if (len >= 0) {
        map[len] = '\0';
        unmapped = !maps_overflow(map);
    }
    if (fd >= 0)
        close(fd);
    free(map);
    return unmapped;
}

bool trust_owner_ok(const struct stat *st, uid_t owner)
{
    return st->st_uid == 0 ||
           (st->st_uid == owner && (owner != OVERFLOW_UID || !has_unmapped_users()));
}

int trust_fail_owner(const char *path, const char *what, const struct stat *st,
                     struct espt_error *err)
{
    if (st->st_uid == OVERFLOW_UID && has_unmapped_users())
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the %s belongs to a user whom this user namespace does not map; map "
                         "that user into it",
                         path, what);
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: the %s belongs to another user (%u), not to root or this user; run "
                     "'chown root %s'",
                     path, what, (unsigned)st->st_uid, path);
}
