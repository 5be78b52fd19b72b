/* SPDX-License-Identifier: ISC */
/*
 * log --follow during a restore. It reports that the store was replaced, and continues after the
 * last common entry. All later entries reach the program that collects the log.
 */
#include "cli/drive.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static const char *config, *folder;
static pid_t follower;
static int from_follower;
static char pending[1 << 16];
static size_t pending_len;

/* `lines` NULL: without -n. */
static void begin_with(bool json, const char *lines)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const char *argv[10] = {ctl_path(), "-c", config, "log", "--follow"};
    size_t count = 5;
    if (json)
        argv[count++] = "--json";
    if (lines != NULL) {
        argv[count++] = "-n";
        argv[count++] = lines;
    }
    follower = fork_child();
    if (follower == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execv(argv[0], (char *const *)(void *)argv);
        _exit(127);
    }
    close(ends[1]);
    from_follower = ends[0];
}

static void begin(bool json)
{
    begin_with(json, NULL);
}

static void end(void)
{
    kill(follower, SIGTERM);
    waitpid(follower, NULL, 0);
    close(from_follower);
}

/* Reads the next line; NULL: none came within `ms` milliseconds. */
static const char *line_within(int ms)
{
    static char line[8192];
    for (;;) {
        char *newline = memchr(pending, '\n', pending_len);
        if (newline != NULL) {
            const size_t len = (size_t)(newline - pending);
            ck_assert_uint_lt(len, sizeof line);
            memcpy(line, pending, len);
            line[len] = '\0';
            pending_len -= len + 1;
            memmove(pending, newline + 1, pending_len);
            return line;
        }
        struct pollfd ready = {.fd = from_follower, .events = POLLIN};
        if (poll(&ready, 1, ms) != 1)
            return NULL;
        const ssize_t got =
            read(from_follower, pending + pending_len, sizeof pending - pending_len);
        ck_assert_msg(got > 0, "the follower has ended");
        pending_len += (size_t)got;
    }
}

static json_t *next_document(void)
{
    const char *line = line_within(PATIENCE_MS);
    ck_assert_msg(line != NULL, "no line came");
    return document(line);
}

static long long number_in(const json_t *object, const char *key)
{
    ck_assert_msg(json_is_integer(json_object_get(object, key)), "no %s", key);
    return json_integer_value(json_object_get(object, key));
}

static void next_entry(long long sequence, const char *command)
{
    json_t *entry = next_document();
    ck_assert_msg(json_object_get(entry, "sequence") != NULL, "not an entry: %s",
                  json_dumps(entry, 0));
    ck_assert_int_eq(number_in(entry, "sequence"), sequence);
    ck_assert_str_eq(text_of(entry, "command"), command);
    json_decref(entry);
}

static void next_is_marker(long long common, long long lost)
{
    json_t *document = next_document();
    const json_t *replaced = json_object_get(document, "replaced");
    ck_assert_msg(replaced != NULL, "no marker: %s", json_dumps(document, 0));
    ck_assert_int_eq(number_in(replaced, "common"), common);
    ck_assert_int_eq(number_in(replaced, "lost"), lost);
    json_decref(document);
}

#define DO(...)                                           \
    do {                                                  \
        struct run run_ = CTL(config, NULL, __VA_ARGS__); \
        ck_assert_msg(run_.status == 0, "%s", run_.err);  \
    } while (0)

static void setup(void)
{
    config = populated(&folder); /* entries 1 to 3 */
}

static void restored_older(const char *backup)
{
    DO("restore", backup, "--yes");
}

/* The backup contains entry 4 (its own). The later edits are lost, and the reveal is shown. */
START_TEST(an_older_backup)
{
    const char *backup = in_folder(folder, "older.mdb");
    DO("backup", backup);
    json_t *log = done(CTL(config, NULL, "--json", "log"));
    const long long noted = (long long)json_array_size(json_object_get(log, "entries"));
    json_decref(log);
    begin(true);
    next_entry(1, "entity add");
    next_entry(2, "entity add");
    next_entry(3, "entity add");
    for (long long i = 4; i <= noted; i++)
        next_entry(i, "backup");
    DO("edit", "bolt/default", "--name", "one");
    next_entry(noted + 1, "edit");
    DO("edit", "bolt/one", "--name", "two");
    next_entry(noted + 2, "edit");
    restored_older(backup);
    next_is_marker(3, noted - 3 + 2);
    next_entry(4, "restore");
    revealed(config, "bolt/default");
    next_entry(5, "show");
    ck_assert_ptr_null(line_within(1200));
    end();
}
END_TEST

/* Only the last entry was shown, so only that one is lost; but the place where the histories part
   is known. */
START_TEST(begun_near_the_end)
{
    const char *backup = in_folder(folder, "older.mdb");
    DO("backup", backup); /* entry 4, which the backup lacks */
    DO("edit", "bolt/default", "--name", "one");
    DO("edit", "bolt/one", "--name", "two");
    begin_with(true, "1");
    next_entry(6, "edit");
    restored_older(backup);
    next_is_marker(3, 1);
    next_entry(4, "restore");
    end();
    begin_with(false, "0");
    for (int i = 0; i < 3; i++) { /* one of them comes after it has begun */
        DO("edit", "bolt/default", "--note", i % 2 == 0 ? "a" : "b");
        if (line_within(3000) != NULL)
            break;
    }
    DO("restore", backup, "--yes");
    const char *line;
    do {
        line = line_within(PATIENCE_MS);
        ck_assert_ptr_nonnull(line);
    } while (strstr(line, "the store was replaced; the new log is the same up to entry 3; ") ==
             NULL);
    end();
}
END_TEST

/* An unrelated store: all of its entries are new. */
START_TEST(an_unrelated_store)
{
    const char *other_folder;
    const char *other = populated(&other_folder);
    const char *backup = keep_string(strdup(in_folder(other_folder, "other.mdb")));
    ck_assert_int_eq(CTL(other, NULL, "backup", backup).status, 0);
    begin(true);
    next_entry(1, "entity add");
    next_entry(2, "entity add");
    next_entry(3, "entity add");
    restored_older(backup);
    next_is_marker(0, 3);
    next_entry(1, "entity add");
    next_entry(2, "entity add");
    next_entry(3, "entity add");
    next_entry(4, "restore");
    DO("edit", "bolt/default", "--name", "one");
    next_entry(5, "edit");
    end();
}
END_TEST

/* Without changes since the backup no entry is lost; the replacement is reported in any case. */
START_TEST(the_same_history)
{
    const char *backup = in_folder(folder, "same.mdb");
    DO("backup", backup);
    DO("restore", backup, "--yes");
    DO("backup", in_folder(folder, "second.mdb"));
    begin(true);
    next_entry(1, "entity add");
    next_entry(2, "entity add");
    next_entry(3, "entity add");
    next_entry(4, "restore");
    next_entry(5, "backup");
    ck_assert_int_eq(rename(in_folder(folder, "tokens.mdb"), in_folder(folder, "gone.mdb")), 0);
    ck_assert_ptr_null(line_within(1200));
    /* the same state in another file */
    char *script = NULL;
    ck_assert_int_gt(asprintf(&script,
                              "cp -p %s/gone.mdb %s/new.mdb && mv %s/new.mdb %s/tokens.mdb", folder,
                              folder, folder, folder),
                     0);
    ck_assert_int_eq(system(script), 0);
    free(script);
    unlink(in_folder(folder, "tokens.mdb-lock"));
    next_is_marker(5, 0);
    DO("edit", "bolt/default", "--name", "one");
    next_entry(6, "edit");
    end();
}
END_TEST

/* The path is a link whose target changes. */
START_TEST(a_link)
{
    char *copy = NULL;
    ck_assert_int_gt(asprintf(&copy,
                              "cd %s && mkdir -m 755 a b && mv tokens.mdb* a/ && rm -f *-lock && "
                              "cp -p a/tokens.mdb b/ && ln -s a/tokens.mdb tokens.mdb",
                              folder),
                     0);
    ck_assert_int_eq(system(copy), 0);
    free(copy);
    begin(true);
    next_entry(1, "entity add");
    next_entry(2, "entity add");
    next_entry(3, "entity add");
    ck_assert_int_eq(unlink(in_folder(folder, "tokens.mdb")), 0);
    ck_assert_int_eq(symlink("b/tokens.mdb", in_folder(folder, "tokens.mdb")), 0);
    next_is_marker(3, 0);
    DO("edit", "bolt/default", "--name", "one");
    next_entry(4, "edit");
    end();
}
END_TEST

START_TEST(for_people)
{
    const char *backup = in_folder(folder, "older.mdb");
    DO("backup", backup);
    begin(false);
    for (int i = 0; i < 7; i++) /* an entity and its token, three times; the backup's note */
        ck_assert_ptr_nonnull(line_within(PATIENCE_MS));
    restored_older(backup);
    const char *line = line_within(PATIENCE_MS);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(
        line, "-- the store was replaced; the new log is the same up to entry 3; entries 4 to "
              "4, shown above, are lost --");
    line = line_within(PATIENCE_MS);
    ck_assert_ptr_nonnull(strstr(line, "restore"));
    end();
}
END_TEST

/* Between two reads of the log, the command holds no LMDB reader slot and no lock on the store's
   files. */
START_TEST(holds_nothing)
{
    begin(true);
    next_entry(1, "entity add");
    next_entry(2, "entity add");
    next_entry(3, "entity add");
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "/proc/%d/maps", (int)follower), 0);
    int maps = 0;
    for (int i = 0; i < 20; i++) {
        const char *text = file_read(path, NULL);
        maps += text != NULL && strstr(text, "tokens.mdb-lock") != NULL;
        usleep(37000);
    }
    ck_assert_int_lt(maps, 10);
    free(path);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("follow");
    TCase *tests = tcase_create("follow");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, an_older_backup);
    tcase_add_test(tests, begun_near_the_end);
    tcase_add_test(tests, an_unrelated_store);
    tcase_add_test(tests, the_same_history);
    tcase_add_test(tests, a_link);
    tcase_add_test(tests, for_people);
    tcase_add_test(tests, holds_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
