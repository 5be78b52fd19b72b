/* SPDX-License-Identifier: ISC */
/*
 * Files that a stranger may have put beside the store while its folder was open to others, and
 * folders that are still open. No command opens an LMDB environment there, and each names what to
 * remove.
 */
#include "abi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define NOBODY 65534

static const char *copies;

static void setup(void)
{
    config = store_folder(&folder);
    copies = temp_folder();
    DO("entity", "add", "acme", "--kind", "customer", "--tier", "advanced");
    DO("backup", in_folder(copies, "a.mdb"));
    file_text(in_folder(copies, "lines"), CTL(config, NULL, "export").out);
}

static bool is_root(void)
{
    return geteuid() == 0;
}

/* --- what is planted --- */

static const char *other(void)
{
    return in_folder(copies, "planted");
}

static void plant_mode(const char *path)
{
    file_write(path, "planted", 7, 0666);
    ck_assert_int_eq(chmod(path, 0666), 0);
}

static void plant_group(const char *path)
{
    file_write(path, "planted", 7, 0600);
    ck_assert_int_eq(chmod(path, 0640), 0);
}

static void plant_owner(const char *path)
{
    file_write(path, "planted", 7, 0600);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
}

static void plant_link(const char *path)
{
    file_write(other(), "planted", 7, 0600);
    ck_assert_int_eq(symlink(other(), path), 0);
}

static void plant_dangling(const char *path)
{
    unlink(other());
    ck_assert_int_eq(symlink(other(), path), 0);
}

static void plant_fifo(const char *path)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void plant_name(const char *path)
{
    file_write(other(), "planted", 7, 0600);
    ck_assert_int_eq(link(other(), path), 0);
}

static void plant_folder(const char *path)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static const struct {
    void (*plant)(const char *path);
    const char *says;
    bool as_root;
} plants[] = {
    {plant_mode, "its mode lets others open it", false},
    {plant_group, "its mode lets others open it", false},
    {plant_owner, "it belongs to another user", true},
    {plant_link, "it is a symbolic link", false},
    {plant_dangling, "it is a symbolic link", false},
    {plant_fifo, "it is not a regular file", false},
    {plant_name, "it has another name (a hard link)", false},
    {plant_folder, "it is not a regular file", false},
};
#define PLANTS (sizeof plants / sizeof *plants)

/* Every command that opens an environment. An argument that begins with @ is a file among the
   copies. */
static const struct {
    const char *args[6];
    bool writes;
} commands[] = {
    {{"list"}, false},
    {{"show", "acme/default"}, false},
    {{"entity", "list"}, false},
    {{"entity", "show", "acme"}, false},
    {{"check"}, false},
    {{"log"}, false},
    {{"stats"}, false},
    {{"export"}, false},
    {{"create", "acme", "x"}, true},
    {{"edit", "acme/default", "--name", "y"}, true},
    {{"entity", "add", "new", "--kind", "customer"}, true},
    {{"show", "acme/default", "--reveal"}, true},
    {{"import", "@lines"}, true},
    {{"key", "rotate"}, true},
    {{"backup", "@b.mdb"}, false},
    {{"restore", "@a.mdb", "--yes"}, true},
    {{"upgrade"}, true},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static struct run run_command(size_t i)
{
    const char *args[7] = {NULL};
    for (size_t n = 0; n < 6 && commands[i].args[n] != NULL; n++) {
        const char *arg = commands[i].args[n];
        args[n] = arg[0] == '@' ? in_folder(copies, arg + 1) : arg;
    }
    return run_ctl(config, NULL, args);
}

static void is_refused(size_t command, const char *path, const char *says)
{
    struct run run = run_command(command);
    ck_assert_msg(run.status == 5 && strstr(run.err, says) != NULL &&
                      strstr(run.err, "remove it while no esp-tokenctl runs") != NULL &&
                      strstr(run.err, strrchr(path, '/')) != NULL,
                  "%s: status %d, not \"%s\": %s", commands[command].args[0], run.status, says,
                  run.err);
}

static void each_command(const char *suffix, size_t plant)
{
    char path[512], away[520];
    snprintf(path, sizeof path, "%s/tokens.mdb%s", folder, suffix);
    snprintf(away, sizeof away, "%s/away", copies);
    if (plants[plant].as_root && !is_root())
        return;
    unlink(path);
    plants[plant].plant(path);
    for (size_t i = 0; i < COMMANDS; i++) {
        if (commands[i].writes || strcmp(suffix, "-lock") == 0)
            is_refused(i, path, plants[plant].says);
    }
    struct stat st;
    ck_assert_int_eq(lstat(path, &st), 0);
    if (S_ISREG(st.st_mode))
        ck_assert_str_eq(file_read(path, NULL), "planted");
    /* the remedy */
    ck_assert_int_eq(rename(path, away), 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "more").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}

START_TEST(planted_lock)
{
    each_command("-lock", (size_t)_i);
}
END_TEST

START_TEST(planted_writers_lock)
{
    each_command(".writer", (size_t)_i);
}
END_TEST

/* --- folders that others may write to --- */

/* Every name that appears in a folder, in order. */
static int watch(const char *path)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ck_assert_int_ge(inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO), 0);
    return fd;
}

static bool appeared(int fd, const char *end)
{
    _Alignas(struct inotify_event) char events[16384];
    ssize_t len = read(fd, events, sizeof events);
    bool found = false;
    for (ssize_t at = 0; at < len;) {
        const struct inotify_event *event = (const void *)(events + at);
        const size_t name = strlen(event->name), tail = strlen(end);
        found = found || (name >= tail && strcmp(event->name + name - tail, end) == 0);
        at += (ssize_t)(sizeof *event + event->len);
    }
    close(fd);
    return found;
}

static const mode_t open_modes[] = {0777, 01777, 0775};

START_TEST(backup_into_an_open_folder)
{
    const char *open_folder = temp_folder();
    char below[512];
    snprintf(below, sizeof below, "%s/below", open_folder);
    ck_assert_int_eq(mkdir(below, 0700), 0);
    ck_assert_int_eq(chmod(open_folder, open_modes[_i]), 0);
    int fd = watch(open_folder);
    struct run run = CTL(config, NULL, "backup", in_folder(open_folder, "b.mdb"));
    ck_assert_msg(run.status == 5 && strstr(run.err, "others may write to") != NULL, "%d %s",
                  run.status, run.err);
    ck_assert(!appeared(fd, ""));
    /* a folder whose parent is open; a sticky folder of root's may be above */
    fd = watch(below);
    run = CTL(config, NULL, "backup", in_folder(below, "b.mdb"));
    const bool sticky = (open_modes[_i] & 01000) != 0 && is_root();
    ck_assert_msg(run.status == (sticky ? 0 : 5), "%d %s", run.status, run.err);
    ck_assert(appeared(fd, "") == sticky);
}
END_TEST

START_TEST(a_store_in_an_open_folder)
{
    ck_assert_int_eq(chmod(folder, open_modes[_i]), 0);
    /* the configuration has its own folder, so that no earlier check stops a command */
    const char *elsewhere = temp_folder();
    char text[4096];
    snprintf(text, sizeof text, "[store]\npath = %s/tokens.mdb\n[tiers]\npath = tiers.ini\n",
             folder);
    file_text(in_folder(elsewhere, "esp-token.conf"), text);
    file_text(in_folder(elsewhere, "tiers.ini"), file_read(in_folder(folder, "tiers.ini"), NULL));
    config = keep_string(strdup(in_folder(elsewhere, "esp-token.conf")));
    unlink(in_folder(folder, "tokens.mdb-lock"));
    unlink(in_folder(folder, "tokens.mdb.writer"));
    int fd = watch(folder);
    for (size_t i = 0; i < COMMANDS; i++) {
        struct run run = run_command(i);
        ck_assert_msg(run.status == 5, "%s: %d %s", commands[i].args[0], run.status, run.err);
    }
    struct run run = CTL(config, NULL, "init");
    ck_assert_msg(run.status == 5, "init: %d %s%s", run.status, run.out, run.err);
    /* and without a store: the files that restore and init would make */
    ck_assert_int_eq(rename(in_folder(folder, "tokens.mdb"), in_folder(copies, "moved")), 0);
    run = CTL(config, NULL, "restore", in_folder(copies, "a.mdb"), "--yes");
    ck_assert_msg(run.status == 5, "restore: %d %s", run.status, run.err);
    run = CTL(config, NULL, "init");
    ck_assert_msg(run.status == 5, "init: %d %s%s", run.status, run.out, run.err);
    ck_assert(!appeared(fd, ""));
}
END_TEST

/* Even a process that learns the names in a folder could plant nothing: no copy has a lock file. */
START_TEST(copies_have_no_lock_file)
{
    int beside_store = watch(folder), beside_copy = watch(copies);
    DO("backup", in_folder(copies, "b.mdb"));
    ck_assert(!appeared(beside_copy, "-lock"));
    beside_copy = watch(copies);
    DO("restore", in_folder(copies, "b.mdb"), "--yes");
    ck_assert(!appeared(beside_copy, ""));
    _Alignas(struct inotify_event) char events[16384];
    ssize_t len = read(beside_store, events, sizeof events);
    ck_assert_int_gt(len, 0);
    for (ssize_t at = 0; at < len;) {
        const struct inotify_event *event = (const void *)(events + at);
        const char *made = strstr(event->name, ".new-");
        ck_assert_msg(made == NULL || strlen(made) == strlen(".new-01234567"), "%s", event->name);
        at += (ssize_t)(sizeof *event + event->len);
    }
    close(beside_store);
}
END_TEST

int main(void)
{
    umask(022);
    Suite *suite = suite_create("planted_locks");
    TCase *tests = tcase_create("planted_locks");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, planted_lock, 0, PLANTS);
    tcase_add_loop_test(tests, planted_writers_lock, 0, PLANTS);
    tcase_add_loop_test(tests, backup_into_an_open_folder, 0, 3);
    tcase_add_loop_test(tests, a_store_in_an_open_folder, 0, 3);
    tcase_add_test(tests, copies_have_no_lock_file);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
