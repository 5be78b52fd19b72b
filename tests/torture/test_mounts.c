/* SPDX-License-Identifier: ISC */
/* File systems, each in its own mount namespace: those where a mapping may show old data are
   refused; a read-only one, and a container that has only the data file, work. */
#include "support/namespace.h"
#include "torture/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

static struct text good;
static long pretended; /* the file system that files appear to be on; 0: the real one */

/* Replaces libc's function, for the plugin as well. */
__attribute__((visibility("default"))) int fstatfs(int fd, struct statfs *ret)
{
    static int (*real)(int, struct statfs *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "fstatfs");
    int rc = real(fd, ret);
    if (rc == 0 && pretended != 0)
        ret->f_type = pretended;
    return rc;
}

static void setup(void)
{
    world_open();
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    host_load();
}

static void teardown(void)
{
    tier_table_free(world_tiers);
}

START_TEST(mappings_that_may_be_stale)
{
    static const struct {
        long magic;
        const char *name; /* NULL: accepted */
    } cases[] = {
        {0x794c7630, "overlayfs"}, {0x6969, "NFS"},      {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},
        {0x517b, "SMB"},           {0x01021997, "9P"},   {0x00c36400, "Ceph"}, {0x5346414f, "AFS"},
        {0x73757245, "Coda"},      {0x65735546, "FUSE"}, {0xef53, NULL},       {0x58465342, NULL},
        {0x9123683e, NULL},        {0x01021994, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char err[512] = "";
        pretended = cases[i].magic;
        int opened = plugin->open(&ctx, config, NULL, NULL, err, sizeof err);
        struct run run = CTL(config, NULL, "entity", "list");
        ck_assert_int_eq(run.status, 0); /* this one calls the real libc function */
        if (cases[i].name == NULL) {
            ck_assert_msg(opened == 1, "%s", err);
            ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
            host_teardown();
            continue;
        }
        ck_assert_int_eq(opened, 0);
        ck_assert_msg(strstr(err, cases[i].name) != NULL && strstr(err, "tokens.mdb") != NULL, "%s",
                      err);
        ck_assert_int_ne(store_open(&world, &world_config, &world_err), 0);
        ck_assert_msg(strstr(world_err.message, cases[i].name) != NULL, "%s", world_err.message);
    }
    pretended = 0;
}
END_TEST

static char *copy_of(const char *path)
{
    char *copy = strdup(path);
    ck_assert_ptr_nonnull(copy);
    return copy;
}

static char *make_folder(const char *name)
{
    char *path = copy_of(in_folder(folder, name));
    ck_assert_int_eq(mkdir(path, 0755), 0);
    return path;
}

START_TEST(overlayfs)
{
    char options[2048], err[512] = "";
    if (!mounts_apart("overlayfs"))
        return;
    const char *where = temp_folder();
    ck_assert_int_eq(mount("space", where, "tmpfs", 0, "mode=0755"), 0);
    const char *merged = copy_of(in_folder(where, "merged"));
    ck_assert(mkdir(merged, 0755) == 0 && mkdir(in_folder(where, "upper"), 0755) == 0 &&
              mkdir(in_folder(where, "work"), 0755) == 0);
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", folder,
             where, where);
    if (mount("overlay", merged, "overlay", 0, options) != 0) {
        printf("SKIPPED overlayfs: %s\n", strerror(errno));
        return;
    }
    const char *inside = copy_of(in_folder(merged, "esp-token.conf"));
    file_text(inside, "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n");
    ck_assert_int_eq(plugin->open(&ctx, inside, NULL, NULL, err, sizeof err), 0);
    ck_assert_msg(strstr(err, "overlayfs") != NULL && strstr(err, "tokens.mdb") != NULL, "%s", err);
    struct run run = CTL(inside, NULL, "list");
    ck_assert_int_eq(run.status, 5);
    ck_assert_msg(strstr(run.err, "overlayfs") != NULL, "%s", run.err);
    umount(merged);
    umount(where);
    free((char *)(uintptr_t)merged);
    free((char *)(uintptr_t)inside);
}
END_TEST

START_TEST(a_read_only_mount)
{
    if (!mounts_apart("a_read_only_mount"))
        return;
    char *place = make_folder("read-only");
    ck_assert_int_eq(mount(folder, place, NULL, MS_BIND, NULL), 0);
    ck_assert_int_eq(mount(NULL, place, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    const char *kept = config;
    char *inside = copy_of(in_folder(place, "esp-token.conf"));
    file_text(config, "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n");
    ck_assert_int_lt(open(inside, O_WRONLY | O_CLOEXEC), 0);
    ck_assert_int_eq(errno, EROFS);
    config = inside;
    host_open();
    config = kept;
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    world_open();
    world_switch_token("shop", "default", 0);
    ck_assert_int_eq(verdict(&good), ESPT_DENY_INACTIVE);
    for (int i = 0; i < 100; i++) {
        world_switch_token("shop", "default", i % 2 == 0);
        ck_assert_int_eq(verdict(&good), i % 2 == 0 ? ESPT_ALLOW : ESPT_DENY_INACTIVE);
    }
    world_close();
    host_teardown();
    umount(place);
    free(place);
    free(inside);
}
END_TEST

/* No lock file, no folder that we own, read-only, and another user: only the file. */
START_TEST(container_with_only_the_file)
{
    int order[2], done[2], status;
    char c;
    if (!mounts_apart("container_with_only_the_file"))
        return;
    char *place = make_folder("container"), *store = copy_of(in_folder(folder, "tokens.mdb"));
    ck_assert_int_eq(mount("container", place, "tmpfs", 0, "mode=0755"), 0);
    file_text(in_folder(place, "host.conf"), "[store]\npath = data\n[tiers]\npath = tiers.ini\n");
    file_text(in_folder(place, "tiers.ini"), world_table);
    file_write(in_folder(place, "data"), "", 0, 0644);
    ck_assert_int_eq(chmod(store, 0644), 0);
    ck_assert_int_eq(mount(store, in_folder(place, "data"), NULL, MS_BIND, NULL), 0);
    ck_assert_int_eq(
        mount(NULL, in_folder(place, "data"), NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    ck_assert(pipe(order) == 0 && pipe(done) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(done[0]);
        close(order[1]);
        if (chroot(place) != 0 || chdir("/") != 0 || setresgid(65534, 65534, 65534) != 0 ||
            setresuid(65534, 65534, 65534) != 0)
            _exit(1);
        config = "/host.conf";
        host_open();
        if (verdict(&good) != ESPT_ALLOW || write(done[1], "1", 1) != 1 ||
            read(order[0], &c, 1) != 1)
            _exit(2);
        if (verdict(&good) != ESPT_DENY_INACTIVE || plugin->refresh(ctx, NULL, 0) != 1)
            _exit(3);
        if (write(done[1], "2", 1) != 1 || read(order[0], &c, 1) != 1)
            _exit(4);
        usleep(1100000); /* the mount refers to a file that has no name any more */
        if (verdict(&good) != ESPT_ERR_UNAVAILABLE || atomic_load(&warnings) != 1)
            _exit(5);
        char err[512] = "";
        _exit(plugin->open(&ctx, config, NULL, NULL, err, sizeof err) == 0 &&
                      strstr(err, "replaced") != NULL
                  ? 0
                  : 6);
    }
    close(done[1]);
    ck_assert_int_eq(read(done[0], &c, 1), 1);
    world_open();
    world_switch_token("shop", "default", 0);
    world_close();
    ck_assert(write(order[1], "x", 1) == 1 && read(done[0], &c, 1) == 1);
    size_t len;
    const char *bytes = file_read(store, &len);
    file_write(in_folder(folder, "next.mdb"), bytes, len, 0640);
    ck_assert_int_eq(rename(in_folder(folder, "next.mdb"), store), 0);
    ck_assert_int_eq(write(order[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "wait status %x", status);
    umount(in_folder(place, "data"));
    umount(place);
    free(place);
    free(store);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("mounts");
    TCase *tcase = tcase_create("mounts");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, mappings_that_may_be_stale);
    tcase_add_test(tcase, overlayfs);
    tcase_add_test(tcase, a_read_only_mount);
    tcase_add_test(tcase, container_with_only_the_file);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
