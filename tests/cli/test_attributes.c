/* SPDX-License-Identifier: ISC */
/*
 * A file that replaces another takes over its owner, group, mode, access control list and other
 * extended attributes. A message names each attribute that could not be set. Mode bits are never
 * wider than the trust rules allow.
 */
#include "abi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define NOBODY 65534
#define WEBHOSTS 4242
#define ACL "system.posix_acl_access"
#define FOLDER_ACL "system.posix_acl_default"

static char store[512], backup[512], public_key[512], secret_key[512];

static void setup(void)
{
    config = store_folder(&folder);
    snprintf(store, sizeof store, "%s/tokens.mdb", folder);
    snprintf(public_key, sizeof public_key, "%s/reveal.pub", folder);
    snprintf(secret_key, sizeof secret_key, "%s/reveal.key", folder);
    snprintf(backup, sizeof backup, "%s/a.mdb", temp_folder());
    DO("entity", "add", "acme", "--kind", "customer");
    DO("backup", backup);
}

static bool is_root(void)
{
    if (geteuid() == 0)
        return true;
    puts("SKIPPED: it needs root");
    return false;
}

static struct stat of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st;
}

/* An access control list as the kernel stores it. It gives one more user read access. */
struct acl_entry {
    unsigned short tag, perm;
    unsigned id;
};
struct acl {
    unsigned version;
    struct acl_entry entry[5];
};
static const struct acl acl = {
    2, {{1, 6, ~0u}, {2, 4, WEBHOSTS}, {4, 0, ~0u}, {0x10, 4, ~0u}, {0x20, 0, ~0u}}};

static bool set(const char *path, const char *name, const void *value, size_t len)
{
    if (setxattr(path, name, value, len, 0) == 0)
        return true;
    ck_assert_int_eq(errno, ENOTSUP);
    printf("SKIPPED: %s knows no %s\n", path, name);
    return false;
}

static void has(const char *path, const char *name, const void *value, size_t len)
{
    char bytes[256];
    ssize_t got = getxattr(path, name, bytes, sizeof bytes);
    ck_assert_msg(got == (ssize_t)len && memcmp(bytes, value, len) == 0, "%s: %s: %zd", path, name,
                  got);
}

/* --- restore --- */

START_TEST(restore_keeps_the_group)
{
    if (!is_root())
        return;
    ck_assert_int_eq(chown(store, 0, WEBHOSTS), 0);
    const char *err = CTL(config, NULL, "restore", backup, "--yes").err;
    ck_assert_str_eq(err, "");
    ck_assert_uint_eq(of(store).st_gid, WEBHOSTS);
    ck_assert_uint_eq(of(store).st_mode & 07777, 0640);
}
END_TEST

static const struct {
    mode_t before, after;
} modes[] = {{0600, 0600}, {0640, 0640}, {0644, 0644}, {0604, 0604}, {04755, 0644}};

START_TEST(restore_keeps_the_mode)
{
    ck_assert_int_eq(chmod(store, modes[_i].before), 0);
    DO("restore", backup, "--yes");
    ck_assert_uint_eq(of(store).st_mode & 07777, modes[_i].after);
}
END_TEST

/* A mode that the trust rules forbid is not taken over. */
START_TEST(restore_mends_the_mode)
{
    ck_assert_int_eq(chmod(store, 0666), 0);
    DO("restore", backup, "--yes");
    ck_assert_uint_eq(of(store).st_mode & 07777, 0640);
    ck_assert_int_eq(CTL(config, NULL, "list").status, 0);
}
END_TEST

START_TEST(restore_keeps_attributes)
{
    if (!set(store, "user.note", "keep me", 7) || !set(store, ACL, &acl, sizeof acl))
        return;
    if (is_root())
        ck_assert(set(store, "trusted.note", "", 0));
    const mode_t mode = of(store).st_mode;
    ck_assert_str_eq(CTL(config, NULL, "restore", backup, "--yes").err, "");
    has(store, "user.note", "keep me", 7);
    has(store, ACL, &acl, sizeof acl);
    if (is_root())
        has(store, "trusted.note", "", 0);
    ck_assert_uint_eq(of(store).st_mode, mode);
}
END_TEST

/* The folder's default access control list applies to new files, not to the successor of the
   store. */
START_TEST(restore_adds_no_access)
{
    char bytes[64];
    if (!set(folder, FOLDER_ACL, &acl, sizeof acl))
        return;
    DO("restore", backup, "--yes");
    ck_assert_int_eq(getxattr(store, ACL, bytes, sizeof bytes), -1);
    ck_assert_uint_eq(of(store).st_mode & 07777, 0640);
}
END_TEST

/* --- a user without the privilege --- */

static void give_to_nobody(void)
{
    char command[1100];
    snprintf(command, sizeof command, "chown -R %d:%d %s %.*s", NOBODY, NOBODY, folder,
             (int)(strrchr(backup, '/') - backup), backup);
    ck_assert_int_eq(system(command), 0);
}

static struct run as_nobody(const char *command, const char *file, const char *option)
{
    const char *const argv[] = {"setpriv",
                                "--reuid=65534",
                                "--regid=65534",
                                "--clear-groups",
                                ctl_path(),
                                "-c",
                                config,
                                command,
                                file,
                                option,
                                NULL};
    return run_process(argv, NULL);
}

START_TEST(restore_says_what_it_may_not)
{
    if (!is_root())
        return;
    give_to_nobody();
    ck_assert_int_eq(chown(store, NOBODY, WEBHOSTS), 0);
    struct run run = as_nobody("restore", backup, "--yes");
    ck_assert_msg(run.status == 0 && strstr(run.err, "could not take over") != NULL &&
                      strstr(run.err, "group 4242") != NULL,
                  "%d %s", run.status, run.err);
    ck_assert_uint_eq(of(store).st_mode & 07777, 0600); /* the bits were meant for another group */
    ck_assert_uint_eq(of(store).st_gid, NOBODY);
}
END_TEST

START_TEST(key_rotate_refuses_what_it_may_not)
{
    if (!is_root())
        return;
    give_to_nobody();
    ck_assert_int_eq(chown(_i == 0 ? secret_key : public_key, NOBODY, WEBHOSTS), 0);
    struct run run = as_nobody("key", "rotate", NULL);
    ck_assert_msg(run.status == 5 && strstr(run.err, "group 4242") != NULL &&
                      strstr(run.err, "run as root") != NULL,
                  "%d %s", run.status, run.err);
    ck_assert_int_eq(chown(_i == 0 ? secret_key : public_key, NOBODY, NOBODY), 0);
    run = as_nobody("key", "rotate", NULL);
    ck_assert_msg(run.status == 0, "%s", run.err);
    run = as_nobody("show", "acme/default", "--reveal");
    ck_assert_msg(run.status == 0, "%s", run.err);
}
END_TEST

/* --- keys, and what upgrade keeps --- */

START_TEST(key_rotate_keeps_them)
{
    ck_assert_int_eq(chmod(secret_key, 0400), 0);
    ck_assert_int_eq(chmod(public_key, 0640), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(public_key, 0, WEBHOSTS), 0);
    const bool noted = set(public_key, "user.note", "keep me", 7);
    DO("key", "rotate");
    ck_assert_uint_eq(of(secret_key).st_mode & 07777, 0400);
    ck_assert_uint_eq(of(public_key).st_mode & 07777, 0640);
    if (geteuid() == 0)
        ck_assert_uint_eq(of(public_key).st_gid, WEBHOSTS);
    if (noted)
        has(public_key, "user.note", "keep me", 7);
    DO("show", "acme/default", "--reveal");
}
END_TEST

START_TEST(upgrade_keeps_them)
{
    if (!is_root())
        return;
    const char *old = temp_folder();
    const char *const argv[] = {
        "sh", "-c", "cp tests/fixtures/schema1/* \"$0\"; chmod 600 \"$0\"/reveal.key", old, NULL};
    ck_assert_int_eq(run_process(argv, NULL).status, 0);
    config = keep_string(strdup(in_folder(old, "esp-token.conf")));
    snprintf(store, sizeof store, "%s/tokens.mdb", old);
    ck_assert_int_eq(chown(store, 0, WEBHOSTS), 0);
    ck_assert_int_eq(chmod(store, 0600), 0);
    ck_assert_int_eq(CTL(config, NULL, "upgrade").status, 0);
    const char *kept = in_folder(old, "tokens.mdb.schema-1");
    ck_assert_uint_eq(of(store).st_gid, WEBHOSTS);
    ck_assert_uint_eq(of(store).st_mode & 07777, 0600);
    ck_assert_uint_eq(of(kept).st_gid, WEBHOSTS);
    ck_assert_uint_eq(of(kept).st_mode & 07777, 0600);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attributes");
    TCase *tests = tcase_create("attributes");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, restore_keeps_the_group);
    tcase_add_loop_test(tests, restore_keeps_the_mode, 0, (int)(sizeof modes / sizeof *modes));
    tcase_add_test(tests, restore_mends_the_mode);
    tcase_add_test(tests, restore_keeps_attributes);
    tcase_add_test(tests, restore_adds_no_access);
    tcase_add_test(tests, restore_says_what_it_may_not);
    tcase_add_loop_test(tests, key_rotate_refuses_what_it_may_not, 0, 2);
    tcase_add_test(tests, key_rotate_keeps_them);
    tcase_add_test(tests, upgrade_keeps_them);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
