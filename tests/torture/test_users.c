/* SPDX-License-Identifier: ISC */
/*
 * Three users (specification §4): the administrator, which is root; a host, which is in the group
 * esp-token; and a stranger. They are only numbers, and the group is defined in a file that only
 * this process sees in place of /etc/group. The test leaves nothing behind.
 */
#include "support/namespace.h"
#include "torture/world.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define GROUP 48100
#define HOST 48101
#define STRANGER 48102

static const char *place; /* the folder of the programs and the store, which all may enter */
static char *programs;
static struct text good;

static void copy_program(const char *from, const char *name)
{
    size_t len;
    const char *bytes = file_read(from, &len);
    ck_assert_ptr_nonnull(bytes);
    file_write(in_folder(programs, name), bytes, len, 0755);
}

static bool make_group(void)
{
    if (!mounts_apart("users"))
        return false;
    char *file = strdup(in_folder(place, "group"));
    file_text(file, "root:x:0:\nesp-token:x:48100:\n");
    ck_assert_msg(mount(file, "/etc/group", NULL, MS_BIND, NULL) == 0, "%s", strerror(errno));
    free(file);
    return true;
}

static struct run ctl(const char *const *args)
{
    char program[4096];
    const char *argv[32] = {program, "-c", config};
    size_t count = 3;
    snprintf(program, sizeof program, "%s/esp-tokenctl", programs);
    while (*args != NULL)
        argv[count++] = *args++;
    return run_process(argv, good.bytes[0] != '\0' ? good.bytes : NULL);
}
#define RUN(...) ctl((const char *const[]){__VA_ARGS__, NULL})

/* Returns false if the test is skipped; the reason was printed. */
static bool setup(unsigned mask)
{
    place = temp_folder();
    ck_assert_int_eq(chmod(place, 0755), 0);
    if (!make_group())
        return false;
    programs = strdup(in_folder(place, "programs"));
    ck_assert_int_eq(mkdir(programs, 0755), 0);
    copy_program(ctl_path(), "esp-tokenctl");
    copy_program(plugin_path(), "esp_validator.so");
    folder = strdup(in_folder(place, "store"));
    config = strdup(in_folder(folder, "esp-token.conf"));
    mode_t kept = umask(mask);
    const char *argv[] = {in_folder(programs, "esp-tokenctl"), "init", folder, NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = RUN("entity", "add", "shop", "--kind", "customer", "--tier", "advanced");
    ck_assert_msg(run.status == 0, "%s", run.err);
    umask(kept);
    good = text_in(run.out);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    host_load();
    return true;
}

static void be(uid_t user, gid_t group)
{
    const gid_t groups[] = {group};
    if (setgroups(group != 0 ? 1 : 0, groups) != 0 || setresgid(user, user, user) != 0 ||
        setresuid(user, user, user) != 0)
        _exit(100);
}

static void succeeds(void (*live)(void), uid_t user, gid_t group)
{
    int status;
    fflush(stdout);
    pid_t child = fork_child();
    if (child == 0) {
        be(user, group);
        live();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "wait status %x: line %d", status, WEXITSTATUS(status));
}

#define MUST(condition)                                        \
    do {                                                       \
        if (!(condition)) {                                    \
            fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
            _exit(1);                                          \
        }                                                      \
    } while (0)

static void has_mode(const char *name, unsigned mode, gid_t group)
{
    struct stat st;
    ck_assert_msg(stat(in_folder(folder, name), &st) == 0, "%s", name);
    ck_assert_msg((st.st_mode & 07777) == mode, "%s: %o", name, st.st_mode & 07777);
    ck_assert(st.st_uid == 0 && st.st_gid == group);
}

/* The modes do not depend on the administrator's umask. */
START_TEST(modes_of_what_init_makes)
{
    static const unsigned masks[] = {0, 022, 077};
    if (!setup(masks[_i]))
        return;
    has_mode("tokens.mdb", 0640, GROUP);
    has_mode("tokens.mdb-lock", 0600, 0);
    has_mode("tokens.mdb.writer", 0600, 0);
    has_mode("reveal.key", 0600, 0);
    has_mode("reveal.pub", 0644, 0);
    has_mode("esp-token.conf", 0644, 0);
    has_mode("tiers.ini", 0644, 0);
}
END_TEST

static bool may(const char *name, int flags)
{
    int fd = open(in_folder(folder, name), flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The host validates; it changes nothing, reads no secret, and makes nobody wait. */
static void live_as_host(void)
{
    espt_result result;
    host_open();
    MUST(validate_now(&good, "kpi.x", NULL, 0, &result) == ESPT_ALLOW);
    MUST(plugin->refresh(ctx, NULL, 0) == 1);
    struct run run = RUN("verify", "--metric", "kpi.x");
    MUST(run.status == 0 && strstr(run.out, "allow") != NULL);
    MUST(may("tokens.mdb", O_RDONLY) && !may("tokens.mdb", O_RDWR));
    MUST(!may("tokens.mdb-lock", O_RDONLY) && !may("tokens.mdb.writer", O_RDONLY));
    MUST(!may("reveal.key", O_RDONLY) && !may("esp-token.conf", O_WRONLY));
    MUST(!may("tiers.ini", O_WRONLY) && !may("mine", O_WRONLY | O_CREAT));
    MUST(unlink(in_folder(folder, "tokens.mdb")) != 0);
    MUST(RUN("list").status == 5 && RUN("entity", "list").status == 5);
    MUST(RUN("tier", "list").status == 0);
    MUST(RUN("create", "shop", "more").status == 5);
    MUST(RUN("show", "shop/default", "--reveal").status == 5);
    MUST(RUN("edit", "shop/default", "--status", "inactive").status == 5);
    MUST(RUN("remove", "shop/default", "--yes", "--last").status == 5);
    MUST(verdict(&good) == ESPT_ALLOW);
    plugin->close(ctx);
}

/* The stranger sees nothing, and the message says why. */
static void live_as_stranger(void)
{
    char err[512] = "";
    MUST(plugin->open(&ctx, config, NULL, NULL, err, sizeof err) == 0);
    MUST(strstr(err, "tokens.mdb") != NULL && strstr(err, "read") != NULL);
    MUST(!may("tokens.mdb", O_RDONLY) && !may("reveal.key", O_RDONLY));
    MUST(!may("tokens.mdb-lock", O_RDONLY) && !may("mine", O_WRONLY | O_CREAT));
    MUST(RUN("list").status == 5 && RUN("verify").status == 5);
    MUST(RUN("tier", "list").status == 0);
    MUST(RUN("create", "shop", "more").status == 5);
}

START_TEST(three_users)
{
    if (!setup(022))
        return;
    succeeds(live_as_host, HOST, GROUP);
    succeeds(live_as_stranger, STRANGER, 0);
    struct run run = RUN("show", "shop/default", "--reveal"); /* the administrator */
    ck_assert_int_eq(run.status, 0);
    ck_assert_msg(strstr(run.out, good.bytes) != NULL, "not revealed");
    ck_assert_int_eq(RUN("check").status, 0);
}
END_TEST

static int ready[2];

/* The host holds every lock that it can get on files that it may read. */
static void live_as_hostile_host(void)
{
    int fd = open(in_folder(folder, "tokens.mdb"), O_RDONLY | O_CLOEXEC);
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    MUST(fd >= 0 && flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &lock) == 0);
    MUST(write(ready[1], "x", 1) == 1);
    pause();
}

START_TEST(no_host_blocks_a_writer)
{
    char c;
    if (!setup(022))
        return;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork_child();
    if (child == 0) {
        be(HOST, GROUP);
        live_as_hostile_host();
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    struct run run = RUN("edit", "shop/default", "--status", "inactive");
    ck_assert_msg(run.status == 0 && run.err[0] == '\0', "%s", run.err);
    host_open();
    ck_assert_int_eq(verdict(&good), ESPT_DENY_INACTIVE);
    host_teardown();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}
END_TEST

/* Files that a stranger owns or may write are not trusted, even by root. */
START_TEST(files_of_strangers_are_refused)
{
    static const char *const files[] = {"esp-token.conf", "tiers.ini", "tokens.mdb", "reveal.pub"};
    if (!setup(022))
        return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct stat st;
        char err[512] = "";
        const char *path = in_folder(folder, files[i]);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(chown(path, STRANGER, st.st_gid), 0);
        struct run run = RUN("create", "shop", "more");
        ck_assert_msg(run.status == 5 && strstr(run.err, files[i]) != NULL, "%d: %s", run.status,
                      run.err);
        ck_assert_msg(strstr(run.err, "chown") != NULL, "%s", run.err);
        if (strcmp(files[i], "reveal.pub") != 0) {
            ck_assert_int_eq(plugin->open(&ctx, config, NULL, NULL, err, sizeof err), 0);
            ck_assert_msg(strstr(err, files[i]) != NULL, "%s", err);
        }
        ck_assert_int_eq(chown(path, 0, st.st_gid), 0);
        ck_assert_int_eq(chmod(path, st.st_mode | S_IWGRP), 0);
        run = RUN("create", "shop", "more");
        ck_assert_msg(run.status == 5 && strstr(run.err, "chmod") != NULL, "%s", run.err);
        ck_assert_int_eq(chmod(path, st.st_mode & 07777), 0);
    }
    ck_assert_int_eq(chmod(in_folder(folder, "reveal.key"), 0640), 0);
    struct run run = RUN("show", "shop/default", "--reveal");
    ck_assert_msg(run.status == 5 && strstr(run.err, "chmod") != NULL, "%s", run.err);
    ck_assert_int_eq(chmod(in_folder(folder, "reveal.key"), 0600), 0);
    ck_assert_int_eq(RUN("show", "shop/default", "--reveal").status, 0);
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("users");
    TCase *tcase = tcase_create("users");
    tcase_add_loop_test(tcase, modes_of_what_init_makes, 0, 3);
    tcase_add_test(tcase, three_users);
    tcase_add_test(tcase, no_host_blocks_a_writer);
    tcase_add_test(tcase, files_of_strangers_are_refused);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
