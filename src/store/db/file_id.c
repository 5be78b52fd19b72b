/* SPDX-License-Identifier: ISC */
#include "store/db/file_id.h"

#include <sys/stat.h>

bool fd_identify(int fd, struct state_id *id)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    id->dev = st.st_dev;
    id->ino = st.st_ino;
    return st.st_nlink > 0;
}

bool fd_is_at(int fd, const char *path)
{
    struct stat st;
    struct state_id opened = {0};
    if (!fd_identify(fd, &opened) || stat(path, &st) != 0)
        return false;
    const struct state_id named = {.dev = st.st_dev, .ino = st.st_ino};
    return state_same_file(&opened, &named);
}
