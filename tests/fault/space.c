/* SPDX-License-Identifier: ISC */
#include "fault/space.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BALLAST ".ballast"
#define TMPFS_OPTIONS "size=16M,mode=0755"
#define INODE_OPTIONS "size=16M,nr_inodes=64,mode=0755"
#define IMAGE_BYTES (24L << 20)

const char *const space_names[SPACE_KINDS] = {"tmpfs", "tmpfs without inodes", "ext4"};

static const char *place;
static pid_t place_owner;
static enum space_kind kind_of_place;

static const char *skipped(const char *test, const char *why)
{
    printf("SKIPPED %s: %s\n", test, why);
    return NULL;
}

/* The kernel detaches the loop device when the file system is unmounted. */
static bool mount_ext4(const char *image, const char *folder)
{
    const int fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ck_assert(fd >= 0 && ftruncate(fd, IMAGE_BYTES) == 0);
    close(fd);
    struct run made =
        run_process((const char *const[]){"/sbin/mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0",
                                          "-J", "size=4", "-E", "lazy_itable_init=0", image, NULL},
                    NULL);
    if (made.status != 0)
        return false;
    return run_process((const char *const[]){"mount", "-o", "loop", image, folder, NULL}, NULL)
               .status == 0;
}

/* Runs before the folder is removed, because exit handlers run in reverse order. */
static void unmount(void)
{
    if (getpid() == place_owner)
        umount2(place, MNT_DETACH);
}

const char *space_mount(enum space_kind kind, const char *test)
{
    if (!mounts_apart(test))
        return NULL;
    use_memory();
    char *base = keep_string(strdup(temp_folder()));
    char *folder = keep_string(strdup(in_folder(base, "space")));
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    const bool done = kind == SPACE_EXT4
                          ? mount_ext4(in_folder(base, "image"), folder)
                          : mount("space", folder, "tmpfs", 0,
                                  kind == SPACE_INODES ? INODE_OPTIONS : TMPFS_OPTIONS) == 0;
    if (!done)
        return skipped(test, kind == SPACE_EXT4 ? "no ext4 image can be mounted here (mkfs.ext4, a "
                                                  "loop device)"
                                                : "no tmpfs can be mounted here");
    place = folder;
    place_owner = getpid();
    atexit(unmount);
    kind_of_place = kind;
    return place;
}

static struct statvfs measure(void)
{
    struct statvfs st;
    ck_assert_int_eq(statvfs(place, &st), 0);
    return st;
}

static void fill_blocks(unsigned long left)
{
    const int fd = open(in_folder(place, BALLAST), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    off_t end = 0;
    unsigned long most = ULONG_MAX;
    for (struct statvfs st = measure(); st.f_bavail > left && most > 0; st = measure()) {
        unsigned long blocks = st.f_bavail - left;
        blocks = blocks < most ? blocks : most;
        const off_t bytes = (off_t)(blocks * st.f_bsize);
        if (fallocate(fd, 0, end, bytes) == 0)
            end += bytes;
        else
            most = blocks / 2;
    }
    ck_assert_int_eq(syncfs(fd), 0);
    close(fd);
}

static void fill_inodes(unsigned long left)
{
    for (unsigned n = 0; measure().f_ffree > left; n++) {
        char name[32];
        snprintf(name, sizeof name, BALLAST "%u", n);
        file_text(in_folder(place, name), "");
    }
}

void space_fill(unsigned long left)
{
    space_free();
    if (kind_of_place == SPACE_INODES)
        fill_inodes(left);
    else
        fill_blocks(left);
}

/* ext4 hands freed blocks out again only after it has written its journal. */
void space_free(void)
{
    char name[32];
    unlink(in_folder(place, BALLAST));
    for (unsigned n = 0; n < 64; n++) {
        snprintf(name, sizeof name, BALLAST "%u", n);
        unlink(in_folder(place, name));
    }
    const int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert(fd >= 0 && syncfs(fd) == 0);
    close(fd);
}

void space_check_refusal(const struct run *run, const char *where)
{
    ck_assert_msg(run->status == 5, "status %d %s: %s", run->status, where, run->err);
    ck_assert_msg(run->out[0] == '\0', "refused, and printed %s: %s", where, run->out);
    const char *end = strchr(run->err, '\n');
    ck_assert_msg(end != NULL && end[1] == '\0', "not one line %s: %s", where, run->err);
    ck_assert_msg(strncmp(run->err, "esp-tokenctl: ", 14) == 0 ||
                      strncmp(run->err, "{\"error\":", 9) == 0,
                  "%s: %s", where, run->err);
    ck_assert_msg(strstr(run->err, "free some space") != NULL, "no mend %s: %s", where, run->err);
}

void space_read_only(bool on)
{
    ck_assert_msg(mount(NULL, place, NULL, MS_REMOUNT | (on ? MS_RDONLY : 0), NULL) == 0, "%s",
                  strerror(errno));
}
