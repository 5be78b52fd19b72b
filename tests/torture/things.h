/* SPDX-License-Identifier: ISC */
/* Objects of wrong kinds to put in place of a file, each with words of the refusing message. */
#ifndef TORTURE_THINGS_H
#define TORTURE_THINGS_H

#include "torture/world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STRANGER 4242 /* a user without a name on this machine */

static char *kept; /* where the test keeps the real file */

static void put_nothing(const char *path)
{
    (void)path;
}

static void put_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void put_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0644), 0);
}

static void put_device(const char *path)
{
    ck_assert_int_eq(symlink("/dev/zero", path), 0);
}

static void put_loop(const char *path)
{
    ck_assert_int_eq(symlink(path, path), 0);
}

static void put_dangling(const char *path)
{
    ck_assert_int_eq(symlink("nowhere", path), 0);
}

static void put_empty(const char *path)
{
    file_write(path, "", 0, 0644);
}

static void put_noise(const char *path)
{
    static char noise[200000];
    memset(noise, 0x5a, sizeof noise);
    file_write(path, noise, sizeof noise, 0644);
}

static void put_writable(const char *path)
{
    size_t len;
    const char *bytes = file_read(kept, &len);
    file_write(path, bytes, len, 0666);
}

static void put_group_writable(const char *path)
{
    size_t len;
    const char *bytes = file_read(kept, &len);
    file_write(path, bytes, len, 0660);
}

static void put_strangers(const char *path)
{
    size_t len;
    const char *bytes = file_read(kept, &len);
    file_write(path, bytes, len, 0644);
    ck_assert_int_eq(chown(path, STRANGER, STRANGER), 0);
}

static void put_link_to_strangers(const char *path)
{
    const char *there = in_folder(folder, "theirs");
    unlink(there);
    put_strangers(there);
    ck_assert_int_eq(symlink("theirs", path), 0);
}

static const struct {
    const char *name;
    void (*put)(const char *path);
    const char *words;
    bool as_root;
} things[] = {
    {"nothing", put_nothing, "no", false},
    {"a folder", put_folder, "regular file", false},
    {"a FIFO", put_fifo, "regular file", false},
    {"a device", put_device, "regular file", false},
    {"a link to itself", put_loop, "symbolic links", false},
    {"a link to nothing", put_dangling, "no", false},
    {"an empty file", put_empty, NULL, false},
    {"noise", put_noise, NULL, false},
    {"what others may write", put_writable, "chmod", false},
    {"what the group may write", put_group_writable, "chmod", false},
    {"a stranger's file", put_strangers, "chown", true},
    {"a link to a stranger's file", put_link_to_strangers, "chown", true},
};

static void put(size_t thing, const char *path)
{
    ck_assert_int_eq(rename(path, kept), 0);
    things[thing].put(path);
    printf("%s for %s\n", things[thing].name, path);
}

#endif
