/* SPDX-License-Identifier: ISC */
/* The message of a refusal is correct, and its remedy works. */
#include "cli/drive.h"
#include "support/namespace.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns the one line on standard error, without "esp-tokenctl: " and the line feed. */
static const char *said(struct run run, int status)
{
    ck_assert_msg(run.status == status, "status %d, not %d: %s", run.status, status, run.err);
    const size_t prefix = strlen("esp-tokenctl: "), len = strlen(run.err);
    ck_assert_msg(len > prefix && strchr(run.err, '\n') == run.err + len - 1, "%s", run.err);
    run.err[len - 1] = '\0';
    return run.err + prefix;
}

#define SAYS(run, status, ...)                             \
    do {                                                   \
        char expected[1200];                               \
        snprintf(expected, sizeof expected, __VA_ARGS__);  \
        ck_assert_str_eq(said((run), (status)), expected); \
    } while (0)

START_TEST(what_is_not_there)
{
    const char *folder, *config = populated(&folder), *none = in_folder(folder, "none.conf");
    SAYS(CTL(none, NULL, "list"), 5, "%s: there is no configuration; run 'esp-tokenctl init'",
         none);
    setenv("ESP_TOKEN_CONFIG", none, 1);
    SAYS(CTL(NULL, NULL, "verify"), 5, "%s: there is no configuration; run 'esp-tokenctl init'",
         none);
    unsetenv("ESP_TOKEN_CONFIG");
    SAYS(CTL(config, NULL, "tier", "check", "nope"), 5,
         "nope: there is no such file; name a tier table");
    const char *tiers = in_folder(folder, "tiers.ini");
    ck_assert_int_eq(unlink(tiers), 0);
    SAYS(CTL(config, NULL, "tier", "list"), 5,
         "%s: there is no tier table; run 'esp-tokenctl init', or correct [tiers] path in %s",
         tiers, config);
}
END_TEST

START_TEST(not_a_folder)
{
    const char *file = in_folder(temp_folder(), "file");
    file_text(file, "");
    SAYS(CTL(NULL, NULL, "init", file), 5, "%s: it is not a folder; choose another name", file);
}
END_TEST

START_TEST(read_only)
{
    const char *folder, *config = populated(&folder);
    if (!mounts_possible("read_only"))
        return;
    pid_t child = fork();
    if (child == 0) {
        if (!mounts_apart("read_only") || mount(folder, folder, NULL, MS_BIND, NULL) != 0 ||
            mount(NULL, folder, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) != 0)
            _exit(1);
        SAYS(CTL(config, NULL, "create", "acme", "a"), 5,
             "%s/tokens.mdb: the file system is read-only; mount it writable", folder);
        const char *missing = in_folder(folder, "new");
        SAYS(CTL(NULL, NULL, "init", missing), 5,
             "%s: the file system is read-only; mount it writable", missing);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

/* Between file systems, as mv(1) does. */
static void move(const char *from, const char *to)
{
    size_t len;
    char *bytes = file_read(from, &len);
    file_write(to, bytes, len, 0600);
    free(bytes);
    ck_assert_int_eq(unlink(from), 0);
}

/* The store is not damaged, although its copy cannot be proved there. */
START_TEST(backup_to_another_file_system)
{
    const char *folder, *config = populated(&folder);
    if (!mounts_apart("backup_to_another_file_system"))
        return;
    ck_assert_int_eq(mount("space", "/mnt", "tmpfs", 0, "mode=0755"), 0);
    ck_assert(mkdir("/mnt/lower", 0755) == 0 && mkdir("/mnt/upper", 0755) == 0 &&
              mkdir("/mnt/work", 0755) == 0 && mkdir("/mnt/merged", 0755) == 0);
    if (mount("overlay", "/mnt/merged", "overlay", 0,
              "lowerdir=/mnt/lower,upperdir=/mnt/upper,workdir=/mnt/work") != 0) {
        printf("SKIPPED backup_to_another_file_system: it needs overlayfs: %s\n", strerror(errno));
        return;
    }
    SAYS(CTL(config, NULL, "backup", "/mnt/merged/b"), 5,
         "/mnt/merged: on overlayfs, where a mapping may show old data; use a local file system "
         "(ext4, xfs, tmpfs); then move the backup and its manifest");
    ck_assert_int_ne(access("/mnt/merged/b", F_OK), 0);
    ck_assert_int_eq(CTL(config, NULL, "backup", "/mnt/b").status, 0);
    move("/mnt/b", "/mnt/merged/b");
    move("/mnt/b.manifest", "/mnt/merged/b.manifest");
    struct run restored = CTL(config, NULL, "restore", "/mnt/merged/b", "--yes");
    ck_assert_msg(restored.status == 0, "%s", restored.err);
}
END_TEST

/* The command line names no unknown tier; the tier table lacks the entity's own tier. */
START_TEST(tier_of_its_own_unknown)
{
    const char *folder, *config = populated(&folder);
    file_text(in_folder(folder, "tiers.ini"),
              "[advanced]\nrank = 20\nmax_tokens = 5\ndefault = yes\n");
    SAYS(CTL(config, NULL, "entity", "edit", "zed", "--reseller", "acme"), 4,
         "the tier lite of zed is not in the tier table; put it back, or run 'esp-tokenctl entity "
         "edit --tier' to give the entity another");
    SAYS(CTL(config, NULL, "entity", "edit", "zed", "--tier", "lite"), 3,
         "'lite': there is no such tier; run 'esp-tokenctl tier list' to see them");
}
END_TEST

START_TEST(damage_is_told_once)
{
    const char *folder, *config = populated(&folder), *path = in_folder(folder, "tokens.mdb");
    const char *text = revealed(config, "acme/default");
    size_t len;
    char *bytes = file_read(path, &len);
    for (size_t at = 2 * 4096; at < len; at++)
        bytes[at] = (char)~bytes[at];
    file_write(path, bytes, len, 0640);
    SAYS(CTL(config, text, "verify"), 5, "the store is damaged; run 'esp-tokenctl check'");
}
END_TEST

START_TEST(times)
{
    const char *config = populated(NULL);
    static const char *const outside[] = {"1970-01-01", "0001-01-01", "9999-12-31T23:59:59-00:01"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        const char *words = said(CTL(config, "x", "verify", "--at", outside[i]), 2);
        ck_assert_msg(strstr(words, "before 1970-01-01T00:00:01Z or after the year 9999") != NULL,
                      "%s", words);
    }
    ck_assert_int_eq(CTL(config, "x", "verify", "--at", "1970-01-01T00:00:01Z").status, 1);
}
END_TEST

/* The remedy after failed output depends on the command. */
START_TEST(output_that_fails)
{
    const char *config = populated(NULL);
    char command[2048];
    snprintf(command, sizeof command, "exec '%s' -c '%s' list >/dev/full", ctl_path(), config);
    SAYS(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL), 5,
         "standard output: No space left on device; nothing was changed; run the command again");
    snprintf(command, sizeof command, "exec '%s' -c '%s' create acme a >/dev/full", ctl_path(),
             config);
    SAYS(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL), 5,
         "standard output: No space left on device; the command has done its work; run "
         "'esp-tokenctl list' to see it");
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/a").status, 0);
}
END_TEST

START_TEST(version)
{
    json_t *json = done(CTL(NULL, NULL, "--json", "--version"));
    HAS_KEYS(json, "version");
    json_decref(json);
}
END_TEST

/* However long a path is, the message keeps the reason and the beginning of the path. */
START_TEST(long_paths)
{
    static char path[100001];
    memset(path, 'x', sizeof path - 1);
    memcpy(path, "/begin/", 7);
    const char *words = said(CTL(path, NULL, "list"), 5);
    ck_assert_int_eq(strncmp(words, "/begin/xxx", 10), 0);
    ck_assert_ptr_nonnull(strstr(words, "xxx...xxx"));
    ck_assert_msg(strstr(words, ": File name too long") != NULL, "%s", words);
    /* no character is split */
    for (size_t i = 7; i + 2 < sizeof path; i += 2)
        memcpy(path + i, "\xc3\xb6", 2);
    for (size_t i = 0; i < 4; i++) {
        json_decref(document(CTL(path + i, NULL, "--json", "list").err));
        ck_assert_ptr_null(strstr(CTL(path + i, NULL, "--json", "list").err, "\\\\x"));
    }
}
END_TEST

/* The remedy is printed, however long the path before it is. */
START_TEST(long_paths_of_lines)
{
    const char *folder, *config = store_folder(&folder);
    char path[3001];
    file_write(in_folder(folder, "lines"), "\n\n", 2, 0600);
    file_text(in_folder(folder, "bad"), "good customer\nbad\n");
    for (int i = 0; i < 2; i++) {
        const char *real = in_folder(folder, i == 0 ? "lines" : "bad");
        memset(path, '/', sizeof path);
        memcpy(path + sizeof path - 1 - strlen(real), real, strlen(real) + 1);
        struct run run = i == 0
                             ? CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", path)
                             : CTL(config, NULL, "entity", "add", "--from", path);
        const char *words = said(run, 2);
        ck_assert_ptr_nonnull(strstr(words, "///...///"));
        if (i == 1)
            ck_assert_ptr_nonnull(strstr(words, "; 1 created; lines up to 1 are committed"));
        ck_assert_ptr_nonnull(strstr(words, "; see esp-tokenctl "));
        ck_assert_str_eq(words + strlen(words) - 6, "--help");
    }
}
END_TEST

/* JSON output escapes bytes that are not UTF-8. */
START_TEST(foreign_bytes)
{
    const char *parent = temp_folder(), *folder = in_folder(parent, "\xff\xfe");
    char place[256];
    json_t *json = done(CTL(NULL, NULL, "--json", "init", folder));
    json_t *files = json_object_get(json, "files");
    ck_assert_uint_ge(json_array_size(files), 6);
    snprintf(place, sizeof place, "%s/\\xff\\xfe/esp-token.conf", parent);
    ck_assert_str_eq(text_of(json_array_get(files, 1), "path"), place);
    json_decref(json);

    json = document(CTL("\xff"
                        "a",
                        NULL, "--json", "list")
                        .err);
    ck_assert_str_eq(text_of(json_object_get(json, "error"), "message"),
                     "\\xffa: there is no configuration; run 'esp-tokenctl init'");
    json_decref(json);
    /* no control character reaches a terminal */
    SAYS(CTL("a\xc2\x9b"
             "31m",
             NULL, "list"),
         5, "a??31m: there is no configuration; run 'esp-tokenctl init'");
}
END_TEST

static void prints_no_controls(const char *text)
{
    for (; *text != '\0'; text++)
        ck_assert_msg(((unsigned char)*text >= ' ' && *text != 0x7f) || *text == '\n', "%02x",
                      *text);
}

/* Paths with any bytes are complete in JSON and harmless to a terminal. */
START_TEST(paths_that_are_told)
{
    const char *folder = keep_string(strdup(in_folder(temp_folder(), "\x1b[31m\xff\x7f\n")));
    const char *config = keep_string(strdup(in_folder(folder, "esp-token.conf")));
    const char *copy = keep_string(strdup(in_folder(folder, "copy\xff.mdb")));
    const char *manifest = keep_string(strdup(in_folder(folder, "copy\xff.mdb.manifest")));
    prints_no_controls(CTL(NULL, NULL, "init", folder).out);
    const char *const lines[][5] = {
        {"init"},         {"key", "rotate"},          {"key", "passphrase", "--remove"},
        {"backup", copy}, {"restore", copy, "--yes"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct run run = run_ctl(config, NULL, lines[i]);
        ck_assert_msg(run.status == 0, "%s: %s", lines[i][0], run.err);
        prints_no_controls(run.out);
        if (strcmp(lines[i][0], "backup") == 0)
            ck_assert_int_eq(unlink(copy) + unlink(manifest), 0);
        const char *json[6] = {"--json"};
        memcpy(json + 1, lines[i], sizeof lines[i]);
        run = run_ctl(config, NULL, json);
        prints_no_controls(run.out);
        json_t *whole = done(run);
        char *text = keep_string(json_dumps(whole, 0));
        ck_assert_msg(strstr(text, "\\\\xff") != NULL, "%s", text);
        json_decref(whole);
    }
    /* a name that the manifest cannot represent */
    struct run run = CTL(config, NULL, "backup", in_folder(folder, "a\nb"));
    ck_assert_msg(run.status == 2 && strstr(run.err, "control character") != NULL, "%s", run.err);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mends");
    TCase *tests = tcase_create("mends");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_is_not_there);
    tcase_add_test(tests, not_a_folder);
    tcase_add_test(tests, read_only);
    tcase_add_test(tests, backup_to_another_file_system);
    tcase_add_test(tests, tier_of_its_own_unknown);
    tcase_add_test(tests, damage_is_told_once);
    tcase_add_test(tests, times);
    tcase_add_test(tests, output_that_fails);
    tcase_add_test(tests, version);
    tcase_add_test(tests, long_paths);
    tcase_add_test(tests, long_paths_of_lines);
    tcase_add_test(tests, foreign_bytes);
    tcase_add_test(tests, paths_that_are_told);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
