/* SPDX-License-Identifier: ISC */
/*
 * A tier table in a folder as kubelet makes it for a ConfigMap: owned by root, with a mode that
 * lets anyone write, mounted read-only, with a link to the newest folder inside. It is trusted, and
 * a change is soon in force; but not if a stranger can write to it, or has written to it.
 */
#include "support/namespace.h"
#include "torture/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define STRANGER 48102

static struct text good;
static char *node, *map, *shown; /* a machine, its folder NODE/map, and where a container sees it */
static int outside;              /* NODE/map, on a writable mount */

static const char wide[] = "[low]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n";

static char *below(const char *place, const char *name)
{
    return keep_string(strdup(in_folder(place, name)));
}

/* Writes NAME/tiers.ini as kubelet does: a new folder, then the link is replaced in one step. */
static void publish(const char *name, const char *text)
{
    ck_assert_int_eq(mkdirat(outside, name, 0755), 0);
    const int dir = openat(outside, name, O_PATH | O_CLOEXEC);
    const int fd = openat(dir, "tiers.ini", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert(close(fd) == 0 && close(dir) == 0);
    ck_assert_int_eq(symlinkat(name, outside, "..data_tmp"), 0);
    ck_assert_int_eq(renameat(outside, "..data_tmp", outside, "..data"), 0);
}

static void set_read_only(unsigned long flag)
{
    ck_assert_int_eq(mount(NULL, shown, NULL, MS_BIND | MS_REMOUNT | flag, NULL), 0);
}

/* False: this machine cannot mount. Makes all folders enterable for a stranger. */
static bool plant(const char *test, unsigned mode)
{
    if (!mounts_apart(test))
        return false;
    umask(022);
    config = store_folder(&folder);
    ck_assert_int_eq(chmod(folder, 0755), 0);
    ck_assert_int_eq(chmod(in_folder(folder, "tokens.mdb"), 0644), 0);
    node = below(temp_folder(), "node");
    map = below(node, "map");
    shown = below(folder, "etc");
    ck_assert(mkdir(node, 0755) == 0 && mkdir(shown, 0755) == 0);
    ck_assert_int_eq(mount("node", node, "tmpfs", 0, "mode=0755"), 0);
    ck_assert(mkdir(map, 0755) == 0 && chmod(map, mode) == 0);
    outside = open(map, O_PATH | O_DIRECTORY | O_CLOEXEC);
    publish("..one", world_table);
    ck_assert_int_eq(symlinkat("..data/tiers.ini", outside, "tiers.ini"), 0);
    ck_assert_int_eq(mount(map, shown, NULL, MS_BIND, NULL), 0);
    set_read_only(MS_RDONLY);
    file_text(config, "[store]\npath = tokens.mdb\n[tiers]\npath = etc/tiers.ini\n");
    host_load();
    return true;
}

/* Hides the machine's own folder, as in a container. */
static void leave_node(void)
{
    ck_assert_int_eq(umount2(node, MNT_DETACH), 0);
}

static void add_a_token(void)
{
    good = text_in(DO("entity", "add", "shop", "--kind", "customer"));
}

static void refused(const char *component, const char *word)
{
    char err[1024] = "";
    struct run run = CTL(config, NULL, "entity", "add", "other", "--kind", "customer");
    ck_assert_msg(run.status == 5, "esp-tokenctl: %d: %s%s", run.status, run.out, run.err);
    ck_assert_msg(strstr(run.err, component) != NULL && strstr(run.err, word) != NULL, "%s",
                  run.err);
    ck_assert_int_eq(plugin->open(&ctx, config, NULL, NULL, err, sizeof err), 0);
    ck_assert_msg(strstr(err, component) != NULL && strstr(err, word) != NULL, "%s", err);
}

START_TEST(a_change_is_in_force_soon)
{
    espt_result result;
    if (!plant("a_change_is_in_force_soon", _i == 0 ? 0777 : 01777))
        return;
    leave_node();
    struct run run = CTL(config, NULL, "init");
    ck_assert_msg(run.status == 0 && strstr(run.out, "kept") != NULL, "%s%s", run.out, run.err);
    add_a_token();
    host_open();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(validate_now(&good, "x.y", NULL, 0, &result), ESPT_DENY_METRIC);
    publish("..two", wide);
    for (int64_t end = clock_ms() + 30000;
         validate_now(&good, "x.y", NULL, 0, &result) != ESPT_ALLOW; usleep(10000))
        ck_assert_msg(clock_ms() < end, "the new table is not in force: %s", last_log);
    ck_assert_int_eq(atomic_load(&warnings), 0);
    host_teardown();
}
END_TEST

START_TEST(a_host_of_another_user)
{
    int status;
    if (!plant("a_host_of_another_user", 0777))
        return;
    leave_node();
    add_a_token();
    const pid_t child = fork();
    if (child == 0) {
        if (setresgid(STRANGER, STRANGER, STRANGER) != 0 ||
            setresuid(STRANGER, STRANGER, STRANGER) != 0)
            _exit(1);
        host_open();
        _exit(verdict(&good) == ESPT_ALLOW ? 0 : 2);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "wait status %x", status);
}
END_TEST

START_TEST(a_writable_mount_shows_it)
{
    char *again;
    if (!plant("a_writable_mount_shows_it", 0777))
        return;
    refused(shown, "run 'chmod go-w");
    again = below(folder, "again"); /* the folder itself, and no more */
    ck_assert_int_eq(mkdir(again, 0755), 0);
    ck_assert_int_eq(mount(map, again, NULL, MS_BIND, NULL), 0);
    leave_node();
    refused(shown, "run 'chmod go-w");
    ck_assert_int_eq(umount(again), 0);
    add_a_token();
    set_read_only(0);
    refused(shown, "run 'chmod go-w");
    set_read_only(MS_RDONLY);
    DO("entity", "list");
}
END_TEST

/* Only the folder that is mounted: the machine's mount may be read-only for another reason. */
START_TEST(a_folder_below_the_mount)
{
    if (!plant("a_folder_below_the_mount", 0755))
        return;
    ck_assert(mkdirat(outside, "deeper", 0755) == 0 && fchmodat(outside, "deeper", 0777, 0) == 0);
    ck_assert_int_eq(symlinkat("../..data/tiers.ini", outside, "deeper/tiers.ini"), 0);
    leave_node();
    file_text(config, "[store]\npath = tokens.mdb\n[tiers]\npath = etc/deeper/tiers.ini\n");
    refused("etc/deeper", "run 'chmod go-w");
}
END_TEST

START_TEST(what_a_stranger_put_there)
{
    if (!plant("what_a_stranger_put_there", 0777))
        return;
    leave_node();
    add_a_token();
    ck_assert_int_eq(fchownat(outside, "..data", STRANGER, STRANGER, AT_SYMLINK_NOFOLLOW), 0);
    refused("etc/..data", "the link belongs to another user");
    ck_assert_int_eq(fchownat(outside, "..data", 0, 0, AT_SYMLINK_NOFOLLOW), 0);
    ck_assert_int_eq(fchownat(outside, "..one", STRANGER, STRANGER, 0), 0);
    refused("etc/..one", "run 'chown root");
    ck_assert_int_eq(fchownat(outside, "..one", 0, 0, 0), 0);
    ck_assert_int_eq(fchownat(outside, "", STRANGER, STRANGER, AT_EMPTY_PATH), 0);
    refused(shown, "run 'chown root");
    ck_assert_int_eq(fchownat(outside, "", 0, 0, AT_EMPTY_PATH), 0);
    DO("entity", "list");
    ck_assert_int_eq(renameat(outside, "..one/tiers.ini", outside, "tiers.ini"), 0);
    refused("etc/tiers.ini", "others may write to its folder");
}
END_TEST

START_TEST(without_proc)
{
    char err[1024] = "";
    if (!plant("without_proc", 0777))
        return;
    leave_node();
    add_a_token();
    ck_assert_int_eq(mount("none", "/proc", "tmpfs", 0, "mode=0755"), 0);
    ck_assert_int_eq(plugin->open(&ctx, config, NULL, NULL, err, sizeof err), 0);
    ck_assert_msg(strstr(err, "run 'chmod go-w") != NULL, "%s", err);
    ck_assert_int_eq(umount("/proc"), 0);
    DO("entity", "list");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("configmap");
    TCase *tcase = tcase_create("configmap");
    tcase_add_loop_test(tcase, a_change_is_in_force_soon, 0, 2);
    tcase_add_test(tcase, a_host_of_another_user);
    tcase_add_test(tcase, a_writable_mount_shows_it);
    tcase_add_test(tcase, a_folder_below_the_mount);
    tcase_add_test(tcase, what_a_stranger_put_there);
    tcase_add_test(tcase, without_proc);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
