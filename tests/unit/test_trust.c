/* SPDX-License-Identifier: ISC */
/* The functions of common/trust.h: folders, the places of missing files, lock files, and walks over
   several files. Files that another user plants are in tests/torture/test_planted.c. */
#include "common/trust.h"

#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct espt_error err;
static const char *folder;
static char real[PATH_MAX];

static void setup(void)
{
    folder = temp_folder();
    ck_assert_ptr_nonnull(realpath(folder, real));
}

static const char *in(const char *name)
{
    return in_folder(real, name);
}

static void says(int code, const char *words)
{
    ck_assert_int_eq(code, ESPT_UNUSABLE);
    ck_assert_msg(strstr(err.message, words) != NULL, "no %s: %s", words, err.message);
}

static bool is_folder(int dir, const char *path)
{
    struct stat here, there;
    ck_assert(fstat(dir, &here) == 0 && stat(path, &there) == 0);
    close(dir);
    return here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

START_TEST(places)
{
    int dir;
    char place[PATH_MAX], expected[PATH_MAX];
    ck_assert(mkdir(in("sub"), 0755) == 0 && symlink("sub", in("way")) == 0);
    ck_assert(symlink("way/file", in("link")) == 0 && symlink("link", in("link2")) == 0);
    static const char *const names[] = {"sub/file",    "way/file", "link",
                                        "./sub//file", "link2",    "sub/../way/./file",
                                        "way/../link2"};
    snprintf(expected, sizeof expected, "%s", in("sub/file"));
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
        snprintf(place, sizeof place, "%s", in(names[i / 2])); /* the file may also be missing */
        if (i % 2 == 1)
            file_text(expected, "x");
        ck_assert_msg(trust_place(place, geteuid(), place, &dir, &err) == 0, "%s", err.message);
        ck_assert_str_eq(place, expected);
        ck_assert(is_folder(dir, in("sub")));
        unlink(expected);
    }
    ck_assert_int_eq(symlink("nowhere/file", in("lost")), 0);
    says(trust_place(in("lost"), geteuid(), place, &dir, &err), "nowhere: No such file");
    ck_assert_msg(strncmp(err.message, in("lost"), strlen(in("lost"))) == 0, "%s", err.message);
    says(trust_place(in("sub/.."), geteuid(), place, &dir, &err), "not a regular file");
    says(trust_place(in("sub/"), geteuid(), place, &dir, &err), "not a regular file");
    ck_assert_int_eq(chmod(in("sub"), 01777), 0);
    says(trust_place(in("sub/file"), geteuid(), place, &dir, &err),
         geteuid() == 0 ? "its folder" : "chmod");
    ck_assert_int_eq(trust_place("/file-of-none", 0, place, &dir, &err), 0);
    ck_assert_str_eq(place, "/file-of-none");
    ck_assert(is_folder(dir, "/"));
}
END_TEST

START_TEST(folders)
{
    int dir;
    ck_assert(mkdir(in("sub"), 0755) == 0 && symlink("sub", in("way")) == 0);
    file_text(in("file"), "x");
    ck_assert_int_eq(trust_folder(in("sub"), geteuid(), &dir, &err), 0);
    ck_assert(is_folder(dir, in("sub")));
    ck_assert_int_eq(trust_folder(in("way/"), geteuid(), &dir, &err), 0);
    ck_assert(is_folder(dir, in("sub")));
    ck_assert_int_eq(trust_folder("/", 0, &dir, &err), 0);
    ck_assert(is_folder(dir, "/"));
    says(trust_folder(in("file"), geteuid(), &dir, &err), "Not a directory");
    says(trust_folder(in("gone"), geteuid(), &dir, &err), "No such file");
    ck_assert_int_eq(chmod(in("sub"), 0777), 0);
    says(trust_folder(in("way"), geteuid(), &dir, &err), "run 'chmod go-w");
    ck_assert_int_eq(trust_shared_folder(in("way"), geteuid(), &dir, &err), 0);
    ck_assert(is_folder(dir, in("sub"))); /* the caller checks its mode */
    ck_assert_int_eq(chmod(in("sub"), 01777), 0);
    says(trust_folder(in("sub"), geteuid(), &dir, &err),
         geteuid() == 0 ? "a folder of its own" : "run 'chmod go-w");
    ck_assert_int_eq(chmod(real, 0777), 0);
    says(trust_shared_folder(in("sub"), geteuid(), &dir, &err), "run 'chmod go-w");
    ck_assert_int_eq(chmod(real, 0700), 0);
}
END_TEST

static int open_lock(const char *name, int flags)
{
    int dir, fd = -1;
    ck_assert_int_eq(trust_folder(real, geteuid(), &dir, &err), 0);
    int code = trust_open_at(dir, in(name), flags, geteuid(), TRUST_LOCK, &fd, &err);
    close(dir);
    if (code == 0) {
        ck_assert((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        ck_assert_int_eq(trust_check(fd, in(name), geteuid(), TRUST_LOCK, &err), 0);
        close(fd);
    }
    return code;
}

START_TEST(lock_files)
{
    const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601, 0666};
    const mode_t mask = umask(0);
    ck_assert_int_eq(open_lock("lock", O_RDWR), ESPT_MISSING);
    ck_assert_int_eq(open_lock("lock", O_RDWR | O_CREAT), 0);
    umask(mask);
    ck_assert_int_eq(open_lock("lock", O_RDWR), 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(in("lock"), modes[i]), 0);
        says(open_lock("lock", O_RDWR), "run 'chmod 0600");
    }
    ck_assert_int_eq(chmod(in("lock"), 0600), 0);
    ck_assert_int_eq(link(in("lock"), in("other")), 0);
    says(open_lock("lock", O_RDWR), "2 names");
    ck_assert_int_eq(unlink(in("other")), 0);
    ck_assert_int_eq(open_lock("lock", O_RDWR), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(in("lock"), 4242, (gid_t)-1), 0);
        says(open_lock("lock", O_RDWR), "run 'chown root");
        ck_assert_int_eq(chown(in("lock"), 0, (gid_t)-1), 0);
    }
    ck_assert(rename(in("lock"), in("other")) == 0 && symlink("other", in("lock")) == 0);
    says(open_lock("lock", O_RDWR), "a symbolic link");
    ck_assert(unlink(in("lock")) == 0 && mkfifo(in("lock"), 0600) == 0);
    says(open_lock("lock", O_RDWR), "not a regular file");
    ck_assert(unlink(in("lock")) == 0 && mkdir(in("lock"), 0700) == 0);
    says(open_lock("lock", O_RDONLY), "not a regular file");
}
END_TEST

START_TEST(a_file_without_a_name)
{
    file_text(in("file"), "x");
    int fd = open(in("file"), O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(trust_check(fd, in("file"), geteuid(), TRUST_PUBLIC, &err), 0);
    ck_assert_int_eq(unlink(in("file")), 0);
    says(trust_check(fd, in("file"), geteuid(), TRUST_PUBLIC, &err), "mount its folder");
    close(fd);
}
END_TEST

static int open_on(struct trust_walk *walk, const char *path)
{
    int fd;
    int code = trust_walk_open(walk, path, geteuid(), TRUST_PUBLIC, &fd, &err);
    if (code == 0)
        close(fd);
    return code;
}

/* The result for a file does not depend on the files that the walk opened before. */
START_TEST(one_walk_for_several_files)
{
    ck_assert(mkdir(in("a"), 0755) == 0 && mkdir(in("ab"), 0777) == 0 &&
              chmod(in("ab"), 0777) == 0);
    file_text(in("a/f"), "x");
    file_text(in("a/g"), "x");
    file_text(in("ab/f"), "x");
    ck_assert(symlink("../ab/f", in("a/link")) == 0 && symlink("f", in("a/near")) == 0);
    struct trust_walk *walk = trust_walk_new(&err);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(open_on(walk, in("a/f")), 0);
        ck_assert_int_eq(open_on(walk, in("a/g")), 0);
        says(open_on(walk, in("ab/f")), "run 'chmod go-w");
        ck_assert_int_eq(open_on(walk, in("a/near")), 0);
        ck_assert_int_eq(open_on(walk, in("a/../a/g")), 0);
        says(open_on(walk, in("a/link")), "run 'chmod go-w");
        says(open_on(walk, in("a/gone")), "a/gone: No such file");
        ck_assert_int_eq(open_on(walk, in("a/f")), 0);
        says(open_on(walk, in("a/../ab/f")), "run 'chmod go-w");
        says(open_on(walk, in("a")), "not a regular file");
        ck_assert_int_eq(chdir(in("a")), 0);
        ck_assert_int_eq(open_on(walk, "f"), 0);
        ck_assert_int_eq(open_on(walk, "/etc/passwd"), 0);
    }
    trust_walk_free(walk);
    trust_walk_free(NULL);
}
END_TEST

START_TEST(too_long)
{
    char path[2 * PATH_MAX];
    int dir;
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[300] = '\0';
    says(trust_folder(path, geteuid(), &dir, &err), "too long");
    for (size_t i = 0; i < sizeof path; i += 2) {
        path[i] = '/';
        path[i + 1] = '.';
    }
    path[PATH_MAX - 4] = '\0';
    ck_assert_int_eq(trust_folder(path, geteuid(), &dir, &err), 0);
    ck_assert(is_folder(dir, "/"));
    path[PATH_MAX - 4] = '/';
    path[sizeof path - 1] = '\0';
    says(trust_folder(path, geteuid(), &dir, &err), "too long");
    for (int i = 0; i < 45; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "l%d", i);
        snprintf(to, sizeof to, "l%d", i + 1);
        ck_assert_int_eq(symlink(to, in(from)), 0);
    }
    ck_assert_int_eq(mkdir(in("l45"), 0755), 0);
    ck_assert_int_eq(trust_folder(in("l5"), geteuid(), &dir, &err), 0);
    close(dir);
    says(trust_folder(in("l4"), geteuid(), &dir, &err), "symbolic links");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trust");
    TCase *tcase = tcase_create("trust");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, places);
    tcase_add_test(tcase, folders);
    tcase_add_test(tcase, lock_files);
    tcase_add_test(tcase, a_file_without_a_name);
    tcase_add_test(tcase, one_walk_for_several_files);
    tcase_add_test(tcase, too_long);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
