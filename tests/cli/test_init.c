/* SPDX-License-Identifier: ISC */
/* init creates missing files and folders, never overwrites, and sets the modes of specification §4.
 */
#include "cli/drive.h"
#include "support/namespace.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED true
#else
#define SANITIZED false
#endif

static unsigned mode_of(const char *path)
{
    struct stat st;
    ck_assert_msg(stat(path, &st) == 0, "%s is missing", path);
    return st.st_mode & 07777;
}

START_TEST(makes_all_then_keeps_all)
{
    static const struct {
        const char *name;
        unsigned mode;
    } files[] = {{"esp-token.conf", 0644},
                 {"tiers.ini", 0644},
                 {"reveal.pub", 0644},
                 {"reveal.key", 0600},
                 {"tokens.mdb", 0640}};
    umask(0); /* modes come from init, not from the umask */
    const char *folder = in_folder(temp_folder(), "new");
    struct run run = CTL(NULL, NULL, "init", folder);
    ck_assert_int_eq(run.status, 0);
    ck_assert_uint_eq(mode_of(folder), 0755);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        ck_assert_uint_eq(mode_of(in_folder(folder, files[i].name)), files[i].mode);
    ck_assert_ptr_null(strstr(run.out, "kept"));

    const char *key = file_read(in_folder(folder, "reveal.key"), NULL);
    run = CTL(NULL, NULL, "init", folder);
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_null(strstr(run.out, "made"));
    ck_assert_str_eq(file_read(in_folder(folder, "reveal.key"), NULL), key);

    json_t *json = done(CTL(NULL, NULL, "--json", "init", folder));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "files")), 5);
    json_decref(json);
}
END_TEST

START_TEST(public_key_from_secret)
{
    const char *folder, *config = populated(&folder);
    const char *path = in_folder(folder, "reveal.pub"), *public = file_read(path, NULL);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "init").status, 0);
    ck_assert_str_eq(file_read(path, NULL), public);
    ck_assert_int_eq(unlink(in_folder(folder, "reveal.key")), 0);
    ck_assert_int_eq(CTL(config, NULL, "init").status, 0);
    ck_assert_int_ne(access(in_folder(folder, "reveal.key"), F_OK), 0);
}
END_TEST

/* Without DIR, init creates the files that the config names, and the folders of config and
   store. */
START_TEST(what_the_config_names)
{
    const char *folder = temp_folder(), *config = in_folder(folder, "my.conf");
    file_text(config, "[store]\npath = data/my.mdb\n[tiers]\npath = my.ini\n");
    struct run run = CTL(config, NULL, "init");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(access(in_folder(folder, "data/my.mdb"), F_OK), 0);
    ck_assert_int_eq(access(in_folder(folder, "my.ini"), F_OK), 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* Whatever the umask is, hosts of other users can enter the folders, and the owner can use all
   files. */
START_TEST(umask_of_any_kind)
{
    static const mode_t masks[] = {077, 027, 0777};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        char parent[512], folder[600], config[700];
        snprintf(parent, sizeof parent, "%s", temp_folder());
        snprintf(folder, sizeof folder, "%s/new", parent);
        snprintf(config, sizeof config, "%s/esp-token.conf", folder);
        mode_t kept = umask(masks[i]);
        struct run made = CTL(NULL, NULL, "init", folder);
        struct run added = CTL(config, NULL, "entity", "add", "acme", "--kind", "customer");
        umask(kept);
        ck_assert_msg(made.status == 0, "%o: %s", masks[i], made.err);
        ck_assert_msg(added.status == 0, "%o: %s", masks[i], added.err);
        ck_assert_uint_eq(mode_of(folder), 0755);
        ck_assert_uint_eq(mode_of(config), 0644);
        ck_assert_uint_eq(mode_of(in_folder(folder, "tiers.ini")), 0644);
        ck_assert_uint_eq(mode_of(in_folder(folder, "reveal.pub")), 0644);
        ck_assert_uint_eq(mode_of(in_folder(folder, "tokens.mdb")), 0640);
        ck_assert_uint_eq(mode_of(in_folder(folder, "tokens.mdb-lock")), 0600);
        ck_assert_uint_eq(mode_of(in_folder(folder, "tokens.mdb.writer")), 0600);
    }
}
END_TEST

/* Each path is printed once, as an absolute path. */
START_TEST(paths_are_absolute)
{
    char folder[512], line[2000];
    ck_assert_int_eq(chdir(temp_folder()), 0);
    ck_assert_ptr_nonnull(getcwd(folder, sizeof folder));
    struct run run = CTL(NULL, NULL, "init", "rel//");
    ck_assert_int_eq(run.status, 0);
    snprintf(line, sizeof line, "made %s/rel\nmade %s/rel/esp-token.conf\nmade %s/rel/tiers.ini\n",
             folder, folder, folder);
    ck_assert_msg(strncmp(run.out, line, strlen(line)) == 0, "%s", run.out);
    run = CTL("rel/esp-token.conf", NULL, "init");
    snprintf(line, sizeof line, "kept %s/rel/esp-token.conf\n", folder);
    ck_assert_msg(strncmp(run.out, line, strlen(line)) == 0, "%s", run.out);
}
END_TEST

/* Runs in a separate root, with the libraries that the program needs. */
START_TEST(root_folder)
{
    static const char script[] = "cp \"$2\" \"$1/ctl\"\n"
                                 "ldd \"$2\" | grep -o '/[^ ]*' | while read -r file; do\n"
                                 "  mkdir -p \"$1${file%/*}\"; cp -L \"$file\" \"$1$file\"\n"
                                 "done\n"
                                 "exec chroot \"$1\" /ctl init /";
    if (geteuid() != 0 || SANITIZED) {
        puts("SKIPPED: chroot needs root, and a sanitizer /proc");
        return;
    }
    const char *const argv[] = {"sh", "-ec", script, "sh", temp_folder(), ctl_path(), NULL};
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_msg(strncmp(run.out, "made /esp-token.conf\nmade /tiers.ini\n", 37) == 0, "%s",
                  run.out);
}
END_TEST

/* init refuses a folder that the trust rules would reject later. */
START_TEST(folder_that_others_may_write)
{
    const char *folder = in_folder(temp_folder(), "open");
    ck_assert(mkdir(folder, 0700) == 0 && chmod(folder, 0777) == 0);
    struct run run = CTL(NULL, NULL, "init", folder);
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "chmod go-w"));
    ck_assert_str_eq(run.out, "");
    ck_assert_int_eq(rmdir(folder), 0);

    folder = temp_folder();
    const char *config = in_folder(folder, "my.conf"), *data = in_folder(folder, "data");
    file_text(config, "[store]\npath = data/my.mdb\n[tiers]\npath = my.ini\n");
    ck_assert(mkdir(data, 0700) == 0 && chmod(data, 0777) == 0);
    ck_assert_int_eq(CTL(config, NULL, "init").status, 5);
    ck_assert_int_eq(rmdir(data), 0);
}
END_TEST

START_TEST(cannot_be_made)
{
    const char *folder = temp_folder();
    struct run run = CTL(NULL, NULL, "init", in_folder(folder, "a/b"));
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "create its parent folder first"));
    ck_assert_int_ne(access(in_folder(folder, "a"), F_OK), 0);
    file_text(in_folder(folder, "file"), "");
    ck_assert_int_eq(CTL(NULL, NULL, "init", in_folder(folder, "file")).status, 5);
    ck_assert_int_eq(CTL(NULL, NULL, "init", "").status, 2);
}
END_TEST

/* Runs the command where `groups` is /etc/group. */
static struct run in_groups(const char *groups, const char *config, const char *command)
{
    return run_process(
        (const char *const[]){"unshare", "--mount", "sh", "-ec",
                              "mount --bind \"$1\" /etc/group; exec \"$0\" -c \"$2\" \"$3\"",
                              ctl_path(), groups, config, command, NULL},
        NULL);
}

static gid_t group_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return st.st_gid;
}

/* The store was made before the group esp-token. */
START_TEST(the_group_comes_later)
{
    if (!mounts_possible("the_group_comes_later"))
        return;
    const char *folder = temp_folder();
    const char *config = keep_string(strdup(in_folder(folder, "esp-token.conf")));
    const char *store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    const char *usage = keep_string(strdup(in_folder(folder, "usage")));
    const char *none = keep_string(strdup(in_folder(folder, "none")));
    const char *group = keep_string(strdup(in_folder(folder, "group")));
    file_text(none, "root:x:0:\n");
    file_text(group, "root:x:0:\nesp-token:x:4711:\n");
    file_text(config, "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n[usage]\nfolder = "
                      "usage\n");
    struct run run = in_groups(none, config, "init");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "there is no group esp-token"));
    run = in_groups(none, config, "check");
    ck_assert_msg(run.status == 0, "%s%s", run.out, run.err);
    run = in_groups(group, config, "check");
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "\ngroup "));
    run = in_groups(group, config, "init");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.err, "belongs to that group now"));
    ck_assert_uint_eq(group_of(store), 4711);
    ck_assert_uint_eq(mode_of(store), 0640);
    ck_assert_uint_eq(group_of(usage), 4711);
    ck_assert_uint_eq(mode_of(usage), 01770);
    run = in_groups(group, config, "check");
    ck_assert_msg(run.status == 0, "%s", run.out);
    ck_assert_str_eq(in_groups(group, config, "init").err, "");
    /* a group or a mode that an administrator chose is kept */
    ck_assert_int_eq(chown(store, (uid_t)-1, 4712), 0);
    ck_assert_int_eq(in_groups(group, config, "check").status, 0);
    ck_assert_str_eq(in_groups(group, config, "init").err, "");
    ck_assert_uint_eq(group_of(store), 4712);
    ck_assert_int_eq(chown(store, (uid_t)-1, getegid()), 0);
    ck_assert_int_eq(chmod(store, 0600), 0);
    ck_assert_int_eq(in_groups(group, config, "check").status, 0);
    ck_assert_int_eq(in_groups(group, config, "init").status, 0);
    ck_assert_uint_eq(group_of(store), getegid());
}
END_TEST

/* The inode number of a removed store can be that of the next one. A note of the old store would
   then call the new one older than its last commit. */
START_TEST(no_note_of_an_earlier_store)
{
    const char *folder, *config = populated(&folder);
    const char *note = keep_string(strdup(in_folder(folder, "tokens.mdb.writer")));
    struct stat st;
    ck_assert(stat(note, &st) == 0 && st.st_size > 0);
    ck_assert_int_eq(unlink(in_folder(folder, "tokens.mdb")), 0);
    ck_assert_int_eq(CTL(config, NULL, "init").status, 0);
    ck_assert(stat(note, &st) == 0 && st.st_size == 0);
    ck_assert_int_eq(CTL(config, NULL, "entity", "add", "acme", "--kind", "customer").status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("init");
    TCase *tests = tcase_create("init");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, makes_all_then_keeps_all);
    tcase_add_test(tests, the_group_comes_later);
    tcase_add_test(tests, public_key_from_secret);
    tcase_add_test(tests, what_the_config_names);
    tcase_add_test(tests, umask_of_any_kind);
    tcase_add_test(tests, paths_are_absolute);
    tcase_add_test(tests, root_folder);
    tcase_add_test(tests, folder_that_others_may_write);
    tcase_add_test(tests, cannot_be_made);
    tcase_add_test(tests, the_group_comes_later);
    tcase_add_test(tests, no_note_of_an_earlier_store);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
