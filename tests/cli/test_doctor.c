/* SPDX-License-Identifier: ISC */
/* doctor: each problem of files, configuration, store and key is found, and the command that it
   names mends it. */
#include "cli/terminal.h"

/* clang-format off: doctor.h declares names that terminal.h uses for parameters */
#include "cli/doctor.h"
/* clang-format on */

#include <time.h>

static const char *file(const char *name)
{
    return in_folder(folder, name);
}

START_TEST(a_good_installation)
{
    static const char *const kinds[] = {"config", "files",  "store", "tiers", "key",    "usage",
                                        "space",  "notify", "clock", "hosts", "readers"};
    is_good();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        ck_assert_msg(looked("looked_at", kinds[i], ""), "%s", kinds[i]);
    if (geteuid() == 0 && !apart)
        return;
    ck_assert(looked("looked_at", "group", ""));
    struct run run = CTL(config, NULL, "doctor");
    if (strstr(run.out, "hosts") == NULL) /* those of other tests */
        ck_assert_msg(run.status == 0 && strstr(run.out, "no problems found\n") != NULL, "%s",
                      run.out);
    const struct seen seen = AT_TERMINAL(config, NULL, NULL, "doctor");
    ck_assert_msg(strstr(seen.text, "Reveal key") != NULL &&
                      strstr(seen.text, "tokens.mdb.reserve") != NULL,
                  "%s", seen.text);
}
END_TEST

/* One finding is one line, with its severity first. */
START_TEST(lines_of_text)
{
    chmod(file("tiers.ini"), 0666);
    const struct run run = CTL(config, NULL, "doctor");
    char line[4096];
    ck_assert_int_eq(run.status, 1);
    snprintf(line, sizeof line,
             "error    files    %s/tiers.ini: others may write to it; run 'chmod go-w "
             "%s/tiers.ini'\n",
             folder, folder);
    ck_assert_msg(strstr(run.out, line) != NULL, "%s", run.out);
    ck_assert_msg(strstr(run.out, "errors, ") != NULL || strstr(run.out, "1 error, ") != NULL, "%s",
                  run.out);
    const struct seen seen = AT_TERMINAL(config, NULL, NULL, "doctor");
    ck_assert_int_eq(seen.status, 1);
    ck_assert_msg(strstr(seen.text, "error: ") != NULL &&
                      strstr(seen.text, "    run 'chmod go-w ") != NULL,
                  "%s", seen.text);
    /* findings come last, whatever the order of their groups */
    const char *good = strstr(seen.text, "Reveal key");
    ck_assert_msg(good != NULL && good < strstr(seen.text, "error: "), "%s", seen.text);
}
END_TEST

/* --- files --- */

static const struct {
    const char *name;
    mode_t mode;
    const char *kind, *words;
} modes[] = {
    {"tiers.ini", 0664, "files", "others may write to it"},
    {"reveal.pub", 0666, "files", "others may write to it"},
    {"reveal.key", 0640, "files", "others may read it"},
    {"tokens.mdb", 0662, "files", "others may write to it"},
    {"tokens.mdb-lock", 0666, "files", "lock file"},
    {"tokens.mdb.writer", 0640, "files", "lock file"},
    {"tokens.mdb.reserve", 0604, "files", "lock file"},
    {"esp-token.conf", 0666, "config", "others may write to it"},
    {"", 0777, "config", "others may write to the folder"},
    {"usage", 0777, "usage", "may remove each other's files"},
};

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* A problem is reported once, although other parts need the same file. */
START_TEST(found_once)
{
    char error[4096], path[2048];
    snprintf(path, sizeof path, "%s%s%s", folder, modes[_i].name[0] != '\0' ? "/" : "",
             modes[_i].name);
    chmod(path, modes[_i].mode);
    const struct run run = CTL(config, NULL, "doctor");
    snprintf(error, sizeof error, "  %s: ", path);
    ck_assert_msg(count_of(run.out, error) == 1, "%s", run.out);
    ck_assert_msg(count_of(run.out, "error  ") == 1, "%s", run.out);
}
END_TEST

START_TEST(modes_are_mended)
{
    ck_assert_int_eq(
        chmod(modes[_i].name[0] != '\0' ? file(modes[_i].name) : folder, modes[_i].mode), 0);
    const char *remedy = finds(modes[_i].kind, "error", modes[_i].words);
    ck_assert_ptr_nonnull(remedy);
    /* what a stranger wrote into a lock file must not become trusted */
    ck_assert(strstr(modes[_i].words, "lock file") == NULL || strncmp(remedy, "rm ", 3) == 0);
    mend();
}
END_TEST

START_TEST(missing_files_are_made)
{
    static const char *const names[] = {"tiers.ini", "reveal.pub", "tokens.mdb",
                                        "tokens.mdb.reserve"};
    ck_assert_int_eq(unlink(file(names[_i])), 0);
    finds("files", _i == 3 ? "warning" : "error", "it is missing");
    mend();
    ck_assert_int_eq(access(file(names[_i]), F_OK), 0);
}
END_TEST

START_TEST(a_missing_folder_of_uses)
{
    ck_assert_int_eq(rmdir(file("usage")), 0);
    finds("usage", "error", "there is no such folder");
    ck_assert_int_eq(CTL(config, NULL, "init").status, 0);
    is_good();
}
END_TEST

START_TEST(owners_are_mended)
{
    if (geteuid() != 0) {
        puts("SKIPPED TEST: it needs root");
        return;
    }
    ck_assert_int_eq(chown(file("tiers.ini"), 65000, (gid_t)-1), 0);
    finds("files", "error", "belongs to another user (65000)");
    mend();
    ck_assert_int_eq(link(file("tokens.mdb.writer"), file("second")), 0);
    finds("files", "error", "has 2 names");
    ck_assert_int_eq(unlink(file("second")), 0);
    is_good();
}
END_TEST

START_TEST(copies_that_were_left)
{
    const char *left = keep_string(strdup(file("tokens.mdb.new-0123abcd")));
    file_write(left, "x", 1, 0600);
    is_good(); /* a command may be writing it */
    ck_assert(looked("not_looked_at", "files", "tokens.mdb.new-0123abcd"));
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 3600}, {.tv_sec = time(NULL) - 3600}};
    ck_assert_int_eq(utimensat(AT_FDCWD, left, old, 0), 0);
    file_write(file("tokens.mdb.new-0123abcX"), "x", 1, 0600); /* has another form */
    finds("files", "warning", "unfinished copy");
    mend();
    ck_assert_int_ne(access(left, F_OK), 0);
    ck_assert_int_eq(access(file("tokens.mdb.new-0123abcX"), F_OK), 0);
}
END_TEST

START_TEST(stores_that_were_kept)
{
    size_t len;
    const char *bytes = file_read(file("tokens.mdb"), &len);
    file_write(file("tokens.mdb.20261130-120000"), bytes, len, 0600);
    is_good();
    ck_assert(looked("looked_at", "files", "1 kept store in"));
    ck_assert_int_eq(chmod(file("tokens.mdb.20261130-120000"), 0666), 0);
    finds("files", "error", "tokens.mdb.20261130-120000");
    mend();
}
END_TEST

/* The remedy can be pasted into a shell. */
START_TEST(hostile_names)
{
    const char *odd = keep_string(strdup(file("a b;touch x$(id)'")));
    char command[8192];
    ck_assert_int_eq(mkdir(odd, 0755), 0);
    ck_assert_int_eq(CTL(NULL, NULL, "init", odd).status, 0);
    config = keep_string(strdup(in_folder(odd, "esp-token.conf")));
    snprintf(command, sizeof command, "%s.new-0123abcd", in_folder(odd, "tokens.mdb"));
    file_write(command, "x", 1, 0600);
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    ck_assert_int_eq(utimensat(AT_FDCWD, command, old, 0), 0);
    ck_assert_int_eq(unlink(in_folder(odd, "tiers.ini")), 0);
    mend();
    ck_assert_int_ne(access(command, F_OK), 0);
}
END_TEST

/* --- configuration --- */

START_TEST(a_broken_configuration)
{
    const char *text = keep_string(strdup(file_read(config, NULL)));
    char *more;
    ck_assert_int_ge(asprintf(&more, "%s\ncolour = red\n", text), 0);
    file_text(config, more);
    free(more);
    finds("config", "error", "; [usage] has folder, tokens");
    ck_assert(looked("looked_at", "hosts", "validator")); /* the rest is still looked at */
    ck_assert(looked("not_looked_at", "config", "until it is mended"));
    file_text(config, text);
    is_good();
    ck_assert_int_eq(unlink(config), 0);
    finds("config", "error", "there is no configuration");
    mend();
}
END_TEST

START_TEST(the_program_of_notices)
{
    char *text;
    const char *program = keep_string(strdup(file("program")));
    ck_assert_int_ge(
        asprintf(&text, "%s\n[notify]\ncommand = %s now\n", file_read(config, NULL), program), 0);
    file_text(config, text);
    free(text);
    finds("notify", "error", "No such file");
    file_write(program, "#!/bin/sh\n", 10, 0644);
    finds("notify", "error", "it is not executable");
    mend();
    ck_assert_int_eq(chmod(program, 0777), 0);
    finds("notify", "error", "others may write to it");
    mend();
}
END_TEST

/* --- tiers, store, map --- */

START_TEST(findings_of_tiers)
{
    const char *kept = file_read(file("tiers.ini"), NULL);
    file_text(file("tiers.ini"), "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n");
    finds("tiers", "warning", "acme");
    file_text(file("tiers.ini"), "[lite]\nrank = ten\n");
    finds("tiers", "error", "tiers.ini:2: ");
    ck_assert(looked("looked_at", "store", "every page")); /* the store is still proved */
    file_text(file("tiers.ini"), kept);
    is_good();
}
END_TEST

START_TEST(uses_that_are_not_counted)
{
    char *text = file_read(config, NULL), *section = strstr(text, "[usage]");
    ck_assert_ptr_nonnull(section);
    memset(section, '\n', strcspn(section + 1, "[") + 1);
    file_text(config, text);
    is_good();
    ck_assert(looked("looked_at", "usage", "uses are not counted"));
}
END_TEST

/* Many findings of one kind are shortened to a few, and a line that there are more. */
START_TEST(many_findings)
{
    char lines[32 * 24] = "";
    for (int i = 0; i < 30; i++)
        snprintf(lines + strlen(lines), 24, "many%d customer\n", i);
    ck_assert_int_eq(CTL(config, lines, "entity", "add", "--from", "-").status, 0);
    file_text(file("tiers.ini"), "[other]\nrank = 10\nmax_tokens = 1\ndefault = yes\n");
    finds("store", "warning", "more findings of the same kinds");
}
END_TEST

START_TEST(a_damaged_store)
{
    const int fd = open(file("tokens.mdb"), O_RDWR);
    struct stat st;
    char page[4096];
    ck_assert_int_eq(fstat(fd, &st), 0);
    for (off_t at = 2 * (off_t)sizeof page; at < st.st_size; at += (off_t)sizeof page) {
        ck_assert_int_eq(pread(fd, page, sizeof page, at), sizeof page);
        page[sizeof page - 9] ^= 1;
        ck_assert_int_eq(pwrite(fd, page, sizeof page, at), sizeof page);
    }
    close(fd);
    finds("store", "error", "");
}
END_TEST

START_TEST(a_store_of_an_older_schema)
{
    static const char *const files[] = {"tiers.ini", "reveal.pub", "reveal.key", "tokens.mdb"};
    ck_assert_int_eq(unlink(file("tokens.mdb-lock")), 0);
    ck_assert_int_eq(unlink(file("tokens.mdb.writer")), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        char from[256];
        snprintf(from, sizeof from, "tests/fixtures/schema2/%s", files[i]);
        const char *bytes = file_read(from, &len);
        ck_assert_ptr_nonnull(bytes);
        file_write(file(files[i]), bytes, len, strcmp(files[i], "reveal.key") == 0 ? 0600 : 0640);
    }
    ck_assert_ptr_nonnull(strstr(finds("store", "error", "older version"), " upgrade"));
    const char *remedy = finds("store", "error", "older version");
    must_sh(remedy);
    json_t *list = findings();
    char *text = json_dumps(list, 0);
    ck_assert_msg(strstr(text, "older version") == NULL, "%s", text);
    free(text);
    json_decref(list);
}
END_TEST

START_TEST(a_full_map)
{
    char *text = keep_string(strdup(file_read(config, NULL))), *size = strstr(text, "16G");
    int status = 0;
    ck_assert_ptr_nonnull(size);
    memcpy(size, "1M ", 3);
    file_text(config, text);
    for (size_t i = 0; status == 0; i++) {
        char entities[4096] = "";
        for (size_t j = 0, used = 0; j < 100; j++)
            used += (size_t)snprintf(entities + used, sizeof entities - used, "e%zu-%zu customer\n",
                                     i, j);
        status = CTL(config, entities, "entity", "add", "--from", "-").status;
    }
    ck_assert_int_eq(status, 5);
    ck_assert_ptr_null(
        finds("store", "warning", "of its map_size is used; raise [store] map_size"));
    memcpy(size, "64M", 3);
    file_text(config, text);
    is_good();
}
END_TEST

/* --- the key --- */

static void other_key(const char **ret_public, const char **ret_secret)
{
    const char *other = keep_string(strdup(file("other")));
    ck_assert_int_eq(CTL(NULL, NULL, "init", other).status, 0);
    *ret_public = file_read(in_folder(other, "reveal.pub"), NULL);
    *ret_secret = file_read(in_folder(other, "reveal.key"), NULL);
}

START_TEST(keys_that_do_not_belong_together)
{
    const char *public, *secret;
    other_key(&public, &secret);
    ck_assert(looked("looked_at", "key", "it opens the 3 texts"));
    file_text(file("reveal.pub"), public);
    finds("key", "error", "it belongs to another key");
    mend();
    const char *ours = file_read(file("reveal.key"), NULL);
    file_write(file("reveal.key"), secret, strlen(secret), 0600);
    finds("key", "error", "none of its keys opens 3 of the 3 texts");
    file_write(file("reveal.key"), ours, strlen(ours), 0600);
    is_good();
    /* key rotate was killed after it had written the new key */
    char lines[512];
    snprintf(lines, sizeof lines, "%.64s %.64s next\n%s", secret, public, ours);
    file_write(file("reveal.key"), lines, strlen(lines), 0600);
    finds("key", "warning", "a rotation of the key was interrupted");
    mend();
}
END_TEST

START_TEST(a_passphrase_is_asked_for_with_texts_only)
{
    const char *words = keep_string(strdup(file("words")));
    file_write(words, "open sesame\n", 12, 0600);
    ck_assert_int_eq(CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", words).status,
                     0);
    is_good();
    struct run run = CTL(config, NULL, "doctor", "--json", "--texts", "--passphrase-file", words);
    ck_assert_msg(strstr(run.out, "3 texts are sealed to its keys") != NULL, "%s%s", run.out,
                  run.err);
    /* without the public half, it is not known which texts the key opens */
    const char *public = file_read(file("reveal.pub"), NULL);
    ck_assert_int_eq(unlink(file("reveal.pub")), 0);
    ck_assert(looked("not_looked_at", "key", "without the passphrase; use --texts"));
    file_text(file("reveal.pub"), public);
    ck_assert_int_eq(unlink(file("reveal.key")), 0);
    is_good();
    ck_assert(looked("not_looked_at", "key", "it is not on this machine"));
}
END_TEST

int main(void)
{
    cheap_crypto();
    Suite *suite = suite_create("doctor");
    TCase *tcase = tcase_create("doctor");
    tcase_add_checked_fixture(tcase, doctor_setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_good_installation);
    tcase_add_test(tcase, lines_of_text);
    tcase_add_loop_test(tcase, modes_are_mended, 0, sizeof modes / sizeof *modes);
    tcase_add_loop_test(tcase, found_once, 0, sizeof modes / sizeof *modes);
    tcase_add_loop_test(tcase, missing_files_are_made, 0, 4);
    tcase_add_test(tcase, a_missing_folder_of_uses);
    tcase_add_test(tcase, owners_are_mended);
    tcase_add_test(tcase, copies_that_were_left);
    tcase_add_test(tcase, stores_that_were_kept);
    tcase_add_test(tcase, hostile_names);
    tcase_add_test(tcase, a_broken_configuration);
    tcase_add_test(tcase, the_program_of_notices);
    tcase_add_test(tcase, findings_of_tiers);
    tcase_add_test(tcase, uses_that_are_not_counted);
    tcase_add_test(tcase, many_findings);
    tcase_add_test(tcase, a_damaged_store);
    tcase_add_test(tcase, a_store_of_an_older_schema);
    tcase_add_test(tcase, a_full_map);
    tcase_add_test(tcase, keys_that_do_not_belong_together);
    tcase_add_test(tcase, a_passphrase_is_asked_for_with_texts_only);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
