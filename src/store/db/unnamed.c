/* SPDX-License-Identifier: ISC */
#include "store/db/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int open_in(const char *folder)
{
    char path[PATH_MAX];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    /* A file system may not support unnamed files. */
    if (fd >= 0 || errno != EOPNOTSUPP ||
        snprintf(path, sizeof path, "%s/esp-token-XXXXXX", folder) >= (int)sizeof path)
        return fd;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

int unnamed_open(const char **ret_folder)
{
    const char *own = secure_getenv("TMPDIR");
    const char *const folders[] = {own != NULL && own[0] == '/' ? own : "/var/tmp", "/var/tmp",
                                   "/tmp"};
    int fd = -1;
    for (size_t i = 0; fd < 0 && i < sizeof folders / sizeof *folders; i++)
        fd = open_in(*ret_folder = folders[i]);
    return fd;
}
