/* SPDX-License-Identifier: ISC */
#include "support/folder.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the kernel, because each page that passes through this process's memory costs a page fault.
   A reserve for a full disk has room and no data. */
static void copy_data(int from, int to, const struct stat *st)
{
    if (st->st_size > 0 && lseek(from, 0, SEEK_DATA) < 0) {
        ck_assert_int_eq(posix_fallocate(to, 0, st->st_size), 0);
        return;
    }
    ck_assert_int_eq(lseek(from, 0, SEEK_SET), 0);
    for (off_t left = st->st_size; left > 0;) {
        const ssize_t sent = sendfile(to, from, NULL, (size_t)left);
        ck_assert_msg(sent > 0, "%s", strerror(errno));
        left -= sent;
    }
}

void file_copy(const char *from, const char *to)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct stat st;
    ck_assert_msg(in >= 0 && out >= 0 && fstat(in, &st) == 0, "%s to %s: %s", from, to,
                  strerror(errno));
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    copy_data(in, out, &st);
    ck_assert_int_eq(fchown(out, st.st_uid, st.st_gid), 0);
    ck_assert_int_eq(fchmod(out, st.st_mode & 07777), 0);
    ck_assert_int_eq(futimens(out, times), 0); /* web servers tell versions of a file by them */
    close(in);
    close(out);
}

static struct {
    const char *to;
    size_t from_len;
} copying;

static int copy_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char to[4096];
    (void)at;
    snprintf(to, sizeof to, "%s%s", copying.to, path + copying.from_len);
    ck_assert_msg(type == FTW_D || (type == FTW_F && S_ISREG(st->st_mode)), "%s", path);
    if (type == FTW_F) {
        file_copy(path, to);
        return 0;
    }
    ck_assert_msg(mkdir(to, 0700) == 0, "%s: %s", to, strerror(errno));
    ck_assert_int_eq(chown(to, st->st_uid, st->st_gid), 0);
    ck_assert_int_eq(chmod(to, st->st_mode & 07777), 0);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

bool folder_remove(const char *folder)
{
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

void folder_copy(const char *from, const char *to)
{
    if (access(to, F_OK) == 0)
        ck_assert_msg(folder_remove(to), "%s: %s", to, strerror(errno));
    copying.to = to;
    copying.from_len = strlen(from);
    ck_assert_int_eq(nftw(from, copy_entry, 16, FTW_PHYS), 0);
}
