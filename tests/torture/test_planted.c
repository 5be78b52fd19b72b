/* SPDX-License-Identifier: ISC */
/*
 * Files and folders that a stranger has planted in place of each trusted file and folder, or above
 * it: the table in SECURITY.md. esp-tokenctl and a host that opens refuse each of them and name the
 * component at fault and the remedy. After the remedy everything works again.
 */
#include "support/namespace.h"
#include "torture/world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define STRANGER 48102

static struct text good;
static const char *outer; /* OUTER/above/FOLDER holds the files */
static char *above;

/* OUTER has mode 0755, so that users other than root can enter. */
static void setup(void)
{
    outer = temp_folder();
    ck_assert_int_eq(chmod(outer, 0755), 0);
    above = keep_string(strdup(in_folder(outer, "above")));
    ck_assert_int_eq(mkdir(above, 0755), 0);
    folder = keep_string(strdup(in_folder(above, "store")));
    config = keep_string(strdup(in_folder(folder, "esp-token.conf")));
    struct run run = CTL(NULL, NULL, "init", folder);
    ck_assert_msg(run.status == 0, "%s", run.err);
    good = text_in(DO("entity", "add", "shop", "--kind", "customer", "--tier", "advanced"));
    host_load();
}

static char *path_of(const char *file)
{
    return keep_string(strdup(in_folder(folder, file)));
}

/* Which programs read a file. */
enum reader { CTL_ALONE, BOTH };

static struct run use(const char *file)
{
    return strcmp(file, "reveal.key") == 0 ? CTL(config, NULL, "show", "shop/default", "--reveal")
                                           : CTL(config, NULL, "create", "shop", "more");
}

/* The message is one line, names the component and contains the word. */
static void says(const char *message, const char *who, const char *component, const char *word)
{
    ck_assert_msg(strstr(message, component) != NULL, "%s does not name %s: %s", who, component,
                  message);
    ck_assert_msg(strstr(message, word) != NULL, "%s has no %s: %s", who, word, message);
}

static void refused_by_both(const char *file, enum reader reader, const char *component,
                            const char *word)
{
    char err[1024] = "";
    struct run run = use(file);
    ck_assert_msg(run.status == 5, "esp-tokenctl: %d: %s%s", run.status, run.out, run.err);
    says(run.err, "esp-tokenctl", component, word);
    if (reader == CTL_ALONE)
        return;
    ck_assert_msg(plugin->open(&ctx, config, NULL, NULL, err, sizeof err) == 0, "a host opens %s",
                  file);
    says(err, "a host", component, word);
}

static void everything_works(void)
{
    struct run run = CTL(config, NULL, "show", "shop/default", "--reveal");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = CTL(config, NULL, "check");
    ck_assert_msg(run.status == 0, "%s%s", run.out, run.err);
    host_open();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    host_teardown();
}

static const struct {
    const char *name;
    enum reader reader;
} files[] = {
    {"esp-token.conf", BOTH},  {"tiers.ini", BOTH},       {"tokens.mdb", BOTH},
    {"reveal.pub", CTL_ALONE}, {"reveal.key", CTL_ALONE},
};
#define FILES ((int)(sizeof files / sizeof *files))

/* --- the files themselves --- */

static mode_t mode_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_mode & 07777;
}

START_TEST(files_that_others_own_or_write)
{
    const char *file = files[_i].name;
    char *path = path_of(file);
    const mode_t mode = mode_of(path);
    ck_assert_int_eq(chmod(path, mode | S_IWGRP), 0);
    refused_by_both(file, files[_i].reader, path, "run 'chmod go-w");
    ck_assert_int_eq(chmod(path, mode | S_IWOTH), 0);
    refused_by_both(file, files[_i].reader, path, "run 'chmod go-w");
    ck_assert_int_eq(chmod(path, mode), 0);
    if (strcmp(file, "reveal.key") == 0) {
        ck_assert_int_eq(chmod(path, mode | S_IRGRP), 0);
        refused_by_both(file, files[_i].reader, path, "run 'chmod go-rw");
        ck_assert_int_eq(chmod(path, mode | S_IROTH), 0);
        refused_by_both(file, files[_i].reader, path, "run 'chmod go-rw");
        ck_assert_int_eq(chmod(path, mode), 0);
    }
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, STRANGER, (gid_t)-1), 0);
        refused_by_both(file, files[_i].reader, path, "run 'chown root");
        ck_assert_int_eq(chown(path, 0, (gid_t)-1), 0);
    }
    everything_works();
}
END_TEST

START_TEST(wrong_kinds_of_file)
{
    const char *file = files[_i].name;
    char *path = path_of(file), *aside = path_of("aside");
    ck_assert_int_eq(rename(path, aside), 0);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    refused_by_both(file, files[_i].reader, path, "not a regular file");
    ck_assert(rmdir(path) == 0 && mkfifo(path, 0600) == 0);
    refused_by_both(file, files[_i].reader, path, "not a regular file");
    ck_assert(unlink(path) == 0 && symlink("/dev/zero", path) == 0);
    refused_by_both(file, files[_i].reader, path, "not a regular file");
    ck_assert(unlink(path) == 0 && symlink(file, path) == 0);
    refused_by_both(file, files[_i].reader, path, "symbolic links");
    ck_assert(unlink(path) == 0 && symlink("aside", path) == 0);
    everything_works(); /* a link is followed */
    ck_assert(unlink(path) == 0 && rename(aside, path) == 0);
}
END_TEST

/* A link leads through a folder that a stranger may write to: every folder that the path passes is
   checked. */
START_TEST(links_through_a_strangers_folder)
{
    const char *file = files[_i].name;
    char *path = path_of(file), *open_one = keep_string(strdup(in_folder(outer, "open")));
    char *there = keep_string(strdup(in_folder(open_one, file)));
    char *by_way_of = path_of("way");
    ck_assert(mkdir(open_one, 0755) == 0 && chmod(open_one, 0777) == 0);
    ck_assert_int_eq(rename(path, there), 0);
    ck_assert_int_eq(symlink(there, path), 0);
    refused_by_both(file, files[_i].reader, open_one, "run 'chmod go-w");
    /* a link to a link in that folder, which leads back to a folder of ours */
    char *aside = path_of("aside"), *hop = keep_string(strdup(in_folder(open_one, "hop")));
    ck_assert_int_eq(rename(there, aside), 0);
    ck_assert(unlink(path) == 0 && symlink(aside, hop) == 0 && symlink(hop, path) == 0);
    refused_by_both(file, files[_i].reader, open_one, "run 'chmod go-w");
    /* a folder in the path that is such a link */
    ck_assert(unlink(path) == 0 && unlink(hop) == 0 && symlink(folder, hop) == 0);
    char through[1024];
    snprintf(through, sizeof through, "%s/aside", hop);
    ck_assert_int_eq(symlink(through, path), 0);
    refused_by_both(file, files[_i].reader, open_one, "run 'chmod go-w");
    ck_assert(unlink(path) == 0 && rename(aside, path) == 0);
    ck_assert_int_eq(access(by_way_of, F_OK), -1);
    everything_works();
}
END_TEST

/* --- the folders --- */

START_TEST(folders_that_others_write)
{
    static const mode_t modes[] = {0777, 0775, 0757, 01775};
    const char *const folders[] = {folder, above, outer};
    for (size_t f = 0; f < 3; f++) {
        const mode_t mode = mode_of(folders[f]);
        for (size_t m = 0; m < 4; m++) {
            const bool sticky = (modes[m] & S_ISVTX) != 0;
            if (sticky && f > 0 && geteuid() == 0)
                continue; /* root's folders, and those above */
            ck_assert_int_eq(chmod(folders[f], modes[m]), 0);
            refused_by_both("tokens.mdb", BOTH, folders[f],
                            sticky && geteuid() == 0 ? "a folder of its own" : "run 'chmod go-w");
        }
        ck_assert_int_eq(chmod(folders[f], mode), 0);
        everything_works();
    }
}
END_TEST

START_TEST(folders_of_others)
{
    const char *const folders[] = {folder, above, outer};
    if (geteuid() != 0) {
        puts("SKIPPED: another user's folder needs root");
        return;
    }
    for (size_t f = 0; f < 3; f++) {
        ck_assert_int_eq(chown(folders[f], STRANGER, (gid_t)-1), 0);
        refused_by_both("tokens.mdb", BOTH, folders[f], "run 'chown root");
        ck_assert_int_eq(chown(folders[f], 0, (gid_t)-1), 0);
        everything_works();
    }
}
END_TEST

/* A folder like /tmp: each file in it belongs to the user who made it. */
START_TEST(sticky_folder_above)
{
    if (geteuid() != 0) {
        puts("SKIPPED: root's folder needs root");
        return;
    }
    ck_assert_int_eq(chmod(outer, 01777), 0);
    everything_works();
    ck_assert_int_eq(chown(outer, STRANGER, (gid_t)-1), 0); /* its owner may rename its files */
    refused_by_both("tokens.mdb", BOTH, outer, "run 'chown root");
    ck_assert_int_eq(chown(outer, 0, (gid_t)-1), 0);
    ck_assert_int_eq(chmod(outer, 01777), 0);
    /* a link that a stranger made before the administrator made the folder */
    char *link = keep_string(strdup(in_folder(outer, "link"))),
         *kept_config = (char *)(uintptr_t)config;
    ck_assert_int_eq(symlink(above, link), 0);
    char through[1024];
    snprintf(through, sizeof through, "%s/store/esp-token.conf", link);
    config = through;
    everything_works();
    ck_assert_int_eq(lchown(link, STRANGER, (gid_t)-1), 0);
    refused_by_both("tokens.mdb", BOTH, link, "belongs to another user");
    config = kept_config;
}
END_TEST

/* A running host does not take a store from a folder that a stranger can write to. */
START_TEST(folder_opened_under_a_running_host)
{
    host_open();
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    char *away = keep_string(strdup(in_folder(above, "away")));
    ck_assert_int_eq(chmod(above, 0777), 0);
    ck_assert_int_eq(rename(folder, away), 0);
    ck_assert_int_eq(mkdir(folder, 0755), 0); /* an older state, which the stranger had copied */
    static const char *const names[] = {"esp-token.conf", "tiers.ini", "tokens.mdb"};
    for (size_t i = 0; i < 3; i++) {
        size_t len;
        const char *bytes = file_read(in_folder(away, names[i]), &len);
        file_write(in_folder(folder, names[i]), bytes, len, 0644);
    }
    char err[1024] = "";
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    says(err, "a host", above, "run 'chmod go-w");
    ck_assert_int_eq(verdict(&good), ESPT_ERR_UNAVAILABLE);
    ck_assert_int_eq(chmod(above, 0755), 0);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 1);
    host_teardown();
}
END_TEST

/* --- paths of all forms --- */

static void opens_as(const char *path)
{
    config = path;
    everything_works();
}

START_TEST(forms_of_paths)
{
    char path[1024];
    ck_assert_int_eq(symlink("above", in_folder(outer, "relative")), 0);
    ck_assert_int_eq(symlink("../above/store", in_folder(above, "back")), 0);
    static const struct {
        const char *before, *behind;
    } forms[] = {
        {"", "/above/store/esp-token.conf"},
        {"", "//above/./store///esp-token.conf"},
        {"", "/above/../above/store/esp-token.conf"},
        {"", "/relative/store/esp-token.conf"},
        {"", "/relative/../above/store/esp-token.conf"},
        {"", "/above/back/esp-token.conf"},
        {"", "/above/back/../store/esp-token.conf"},
        {"/../..", "/above/store/esp-token.conf"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        snprintf(path, sizeof path, "%s%s%s", forms[i].before, outer, forms[i].behind);
        opens_as(path);
    }
    ck_assert_int_eq(chdir(above), 0);
    opens_as("store/esp-token.conf");
    opens_as("./back/esp-token.conf");
    opens_as("../above/store/esp-token.conf");
    ck_assert_int_eq(chdir(folder), 0);
    opens_as("esp-token.conf");
    ck_assert_int_eq(chmod(outer, 0777), 0); /* above the working directory, too */
    refused_by_both("tokens.mdb", BOTH, outer, "run 'chmod go-w");
    ck_assert_int_eq(chmod(outer, 0755), 0);
    static const char *const not_files[] = {
        "/", "//", ".", "..", "esp-token.conf/", "esp-token.conf/."};
    for (size_t i = 0; i < sizeof not_files / sizeof *not_files; i++) {
        char err[1024] = "";
        ck_assert_int_eq(plugin->open(&ctx, not_files[i], NULL, NULL, err, sizeof err), 0);
        ck_assert_msg(strstr(err, "egular") != NULL || strstr(err, "irectory") != NULL, "%s", err);
    }
}
END_TEST

/* /proc/PID/root is not a link to `/`: it stands for the files of that process, not ours. */
START_TEST(links_of_proc)
{
    char path[1024], err[1024] = "";
    snprintf(path, sizeof path, "/proc/self/root%s", config);
    if (access(path, R_OK) != 0) {
        puts("SKIPPED: no /proc");
        return;
    }
    ck_assert_int_eq(plugin->open(&ctx, path, NULL, NULL, err, sizeof err), 0);
    says(err, "a host", "/proc/", "name the file itself");
}
END_TEST

/* --- files without a name --- */

/* The file alone is bind-mounted at its own path, as containers do; then it is replaced outside. */
static void replace_outside(const char *file, const char *bytes, size_t len)
{
    char *source = keep_string(strdup(in_folder(above, file))),
         *next = keep_string(strdup(in_folder(above, "next")));
    file_write(next, bytes, len, mode_of(path_of(file)));
    ck_assert_int_eq(rename(next, source), 0);
}

static void mount_alone(const char *file)
{
    size_t len;
    const char *bytes = file_read(path_of(file), &len);
    char *source = keep_string(strdup(in_folder(above, file)));
    file_write(source, bytes, len, mode_of(path_of(file)));
    ck_assert_int_eq(mount(source, path_of(file), NULL, MS_BIND, NULL), 0);
}

START_TEST(file_replaced_outside)
{
    const char *file = files[_i].name;
    if (!mounts_apart("file_replaced_outside"))
        return;
    size_t len;
    const char *bytes = file_read(path_of(file), &len);
    mount_alone(file);
    everything_works();
    replace_outside(file, bytes, len);
    refused_by_both(file, files[_i].reader, file, "mount its folder");
    ck_assert_int_eq(umount(path_of(file)), 0);
    everything_works();
}
END_TEST

START_TEST(backup_replaced_outside)
{
    if (!mounts_apart("backup_replaced_outside"))
        return;
    char *backup = path_of("b.mdb");
    size_t len;
    struct run run = CTL(config, NULL, "backup", backup);
    ck_assert_msg(run.status == 0, "%s", run.err);
    const char *bytes = file_read(backup, &len);
    mount_alone("b.mdb");
    replace_outside("b.mdb", bytes, len);
    run = CTL(config, NULL, "restore", backup, "--yes");
    ck_assert_msg(run.status == 5, "%d: %s", run.status, run.out);
    says(run.err, "esp-tokenctl", "b.mdb", "mount its folder");
    ck_assert_int_eq(umount(backup), 0);
    everything_works();
}
END_TEST

/* A host keeps its tier table and logs the reason once. */
START_TEST(tier_table_replaced_outside)
{
    static const char edited[] =
        "[advanced]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = *\n";
    if (!mounts_apart("tier_table_replaced_outside"))
        return;
    espt_result result;
    char err[1024] = "";
    mount_alone("tiers.ini");
    host_open();
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 1);
    atomic_store(&notices, 0);
    atomic_store(&warnings, 0);
    replace_outside("tiers.ini", edited, sizeof edited - 1);
    for (int64_t end = clock_ms() + 2500; clock_ms() < end; usleep(20000))
        ck_assert_int_eq(validate_now(&good, "kpi.x", NULL, 0, &result), ESPT_ALLOW);
    ck_assert_msg(atomic_load(&notices) == 0, "%s", last_log);
    ck_assert_int_eq(atomic_load(&warnings), 1);
    says(last_log, "a host", "tiers.ini", "mount its folder");
    says(last_log, "a host", "tiers.ini", "old tier table stays in force");
    ck_assert_int_eq(validate_now(&good, "x.y", NULL, 0, &result), ESPT_DENY_METRIC);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    says(err, "a host", "tiers.ini", "mount its folder");
    ck_assert_int_eq(umount(path_of("tiers.ini")), 0);
    file_text(path_of("tiers.ini"), edited);
    ck_assert_msg(plugin->refresh(ctx, err, sizeof err) == 1, "%s", err);
    ck_assert_int_eq(validate_now(&good, "x.y", NULL, 0, &result), ESPT_ALLOW);
    host_teardown();
}
END_TEST

/* --- the usage folder --- */

static void counts_nothing(const char *component, const char *word)
{
    atomic_store(&warnings, 0);
    host_open();
    ck_assert_int_eq(atomic_load(&warnings), 1);
    says(last_log, "a host", component, word);
    ck_assert_int_eq(verdict(&good), ESPT_ALLOW);
    host_teardown();
}

START_TEST(usage_folder)
{
    char *uses = path_of("usage");
    const mode_t mode = mode_of(uses);
    host_open();
    if (atomic_load(&warnings) != 0) {
        printf("SKIPPED usage_folder: %s\n", last_log);
        return;
    }
    host_teardown();
    ck_assert_int_eq(chmod(uses, 0777), 0);
    counts_nothing(uses, "chmod +t");
    ck_assert_int_eq(chmod(uses, mode), 0);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(uses, STRANGER, (gid_t)-1), 0);
        counts_nothing(uses, "run 'chown root");
        ck_assert_int_eq(chown(uses, 0, (gid_t)-1), 0);
    }
    char *open_one = keep_string(strdup(in_folder(outer, "open"))),
         *inside = keep_string(strdup(in_folder(open_one, "uses")));
    ck_assert(mkdir(open_one, 0755) == 0 && rename(uses, inside) == 0 &&
              symlink(inside, uses) == 0);
    host_open();
    host_teardown();
    ck_assert_int_eq(chmod(open_one, 0777), 0);
    counts_nothing(open_one, "run 'chmod go-w");
}
END_TEST

/* --- a user namespace --- */

static bool map_user(const char *file, const char *line)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line);
    close(fd);
    return done;
}

/* Only the stranger is mapped, as root: the machine's real root appears as nobody. */
static int live_in_a_namespace(void)
{
    char err[1024] = "";
    if (setresgid(STRANGER, STRANGER, STRANGER) != 0 ||
        setresuid(STRANGER, STRANGER, STRANGER) != 0)
        return 1;
    prctl(PR_SET_DUMPABLE, 1); /* allowed to write its own map */
    if (unshare(CLONE_NEWUSER) != 0 || !map_user("/proc/self/uid_map", "0 48102 1"))
        return 77;
    if (plugin->open(&ctx, config, NULL, NULL, err, sizeof err) != 0)
        return 2;
    return strstr(err, "user namespace") != NULL && strstr(err, "chown") == NULL ? 0 : 3;
}

/* A user whom the namespace does not map also does not trust the users whom it maps. */
static int live_unmapped(void)
{
    char err[1024] = "";
    if (setresgid(STRANGER, STRANGER, STRANGER) != 0 ||
        setresuid(STRANGER, STRANGER, STRANGER) != 0)
        return 1;
    if (unshare(CLONE_NEWUSER) != 0)
        return 77;
    if (geteuid() != 65534)
        return 4;
    if (plugin->open(&ctx, config, NULL, NULL, err, sizeof err) != 0)
        return 2;
    return strstr(err, "user namespace") != NULL ? 0 : 3;
}

static void in_a_child(int (*live)(void), const char *test)
{
    int status;
    fflush(stdout);
    pid_t child = fork_child();
    if (child == 0)
        _exit(live());
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("SKIPPED %s: no user namespaces here\n", test);
    else
        ck_assert_msg(status == 0, "wait status %x", status);
}

START_TEST(user_namespace)
{
    if (geteuid() != 0) {
        puts("SKIPPED: another user needs root");
        return;
    }
    in_a_child(live_in_a_namespace, "user_namespace");
    in_a_child(live_unmapped, "user_namespace");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("planted");
    TCase *tcase = tcase_create("planted");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, files_that_others_own_or_write, 0, FILES);
    tcase_add_loop_test(tcase, wrong_kinds_of_file, 0, FILES);
    tcase_add_loop_test(tcase, links_through_a_strangers_folder, 0, FILES);
    tcase_add_test(tcase, folders_that_others_write);
    tcase_add_test(tcase, folders_of_others);
    tcase_add_test(tcase, sticky_folder_above);
    tcase_add_test(tcase, folder_opened_under_a_running_host);
    tcase_add_test(tcase, forms_of_paths);
    tcase_add_test(tcase, links_of_proc);
    tcase_add_loop_test(tcase, file_replaced_outside, 0, FILES);
    tcase_add_test(tcase, backup_replaced_outside);
    tcase_add_test(tcase, tier_table_replaced_outside);
    tcase_add_test(tcase, usage_folder);
    tcase_add_test(tcase, user_namespace);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
