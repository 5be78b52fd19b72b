/* SPDX-License-Identifier: ISC */
/*
 * A full disk, with everything that test_disk leaves out: creating and upgrading a store,
 * hosts that count uses, files that others read, and work in many transactions.
 */
/* clang-format off: host.h defines what the others only declare */
#include "abi/host.h"
/* clang-format on */

#include "fault/space.h"
#include "fault/step.h"
#include "fault/world.h"
#include "support/folder.h"

#include <dirent.h>
#include <sys/stat.h>

#define LEFT_MAX 800     /* in blocks: more than any of these needs */
#define LINES 25000      /* bulk work: at least three transactions, of at most 10000 items */
#define BULK_BLOCKS 1100 /* enough space for one of them, not for all */

static const char *place;

static bool begin(int kind, const char *what)
{
    char test[64];
    snprintf(test, sizeof test, "%s on %s", what, space_names[kind]);
    place = space_mount((enum space_kind)kind, test);
    return place != NULL;
}

static const char *in_place(const char *name)
{
    return keep_string(strdup(in_folder(place, name)));
}

static void make_store(const char *where)
{
    struct run run = CTL(NULL, NULL, "init", where);
    ck_assert_msg(run.status == 0, "%s", run.err);
    folder = where;
    config = keep_string(strdup(in_folder(where, "esp-token.conf")));
    DO("entity", "add", "shop", "--kind", "customer");
}

static int entries(const char *path)
{
    int count = 0;
    DIR *names = opendir(path);
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(names);
    return count;
}

static const char *where_of(unsigned long left)
{
    static char where[32];
    ck_assert_uint_lt(left, LEFT_MAX);
    snprintf(where, sizeof where, "with %lu free", left);
    return where;
}

/* --- init, upgrade, key passphrase: run again after an interruption --- */

static void works(const char *token)
{
    DO("check", "--json");
    ck_assert_ptr_nonnull(strstr(DO("show", token, "--reveal"), "esptk_"));
}

START_TEST(init_on_a_full_disk)
{
    if (!begin(_i, "init_on_a_full_disk"))
        return;
    const char *made = in_place("made");
    int status = 5;
    for (unsigned long left = 0; status != 0; left += fault_step()) {
        space_fill(left);
        struct run run = CTL(NULL, NULL, "--json", "init", made);
        status = run.status;
        if (status != 0)
            space_check_refusal(&run, where_of(left));
        space_free();
        make_store(made);
        ck_assert_int_eq(entries(made), 9); /* what init makes, its lock files and the reserve */
        works("shop/default");
        ck_assert(folder_remove(made));
    }
}
END_TEST

START_TEST(upgrade_on_a_full_disk)
{
    if (!begin(_i, "upgrade_on_a_full_disk"))
        return;
    const char *old = in_place("old");
    config = keep_string(strdup(in_folder(old, "esp-token.conf")));
    int status = 5;
    for (unsigned long left = 0; status != 0; left += fault_step()) {
        ck_assert_int_eq(mkdir(old, 0755), 0);
        world_copy_fixture(old, "schema1");
        space_fill(left);
        struct run run = CTL(config, NULL, "upgrade");
        status = run.status;
        if (status != 0)
            space_check_refusal(&run, where_of(left));
        space_free();
        ck_assert_int_eq(access(in_folder(old, "tokens.mdb.schema-1"), F_OK) == 0, status == 0);
        DO("upgrade", "--json");
        ck_assert_str_eq(DO("--json", "entity", "list"),
                         file_read("tests/fixtures/schema1/entities.json", NULL));
        DO("log", "verify");
        ck_assert(folder_remove(old));
    }
}
END_TEST

START_TEST(passphrase_on_a_full_disk)
{
    if (!begin(SPACE_TMPFS, "passphrase_on_a_full_disk"))
        return;
    const char *words = keep_string(strdup(in_folder(temp_folder(), "words")));
    file_write(words, "correct horse\n", 14, 0600);
    make_store(in_place("store"));
    works("shop/default");
    space_fill(0);
    struct run run = CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", words);
    space_check_refusal(&run, "with 0 free");
    space_free();
    works("shop/default");
    DO("key", "passphrase", "--new-passphrase-file", words);
    ck_assert_int_eq(CTL(config, NULL, "show", "shop/default", "--reveal").status, 5);
    DO("show", "shop/default", "--reveal", "--passphrase-file", words);
}
END_TEST

/* --- hosts --- */

static void check_uses(unsigned uses, const char *where)
{
    char line[64];
    snprintf(line, sizeof line, "\"uses\": %u,", uses);
    const char *out = DO("--json", "show", "shop/default");
    ck_assert_msg(strstr(out, line) != NULL, "not %u uses %s: %s", uses, where, out);
}

static void use(const struct text *text)
{
    host_open();
    ck_assert_int_eq(verdict(text), ESPT_ALLOW);
    host_teardown();
}

/* A host without space for its counts still validates, and logs that uses are not counted. */
START_TEST(hosts_on_a_full_disk)
{
    if (!begin(_i, "hosts_on_a_full_disk"))
        return;
    make_store(in_place("store"));
    host_load();
    const struct text text = text_in(DO("show", "shop/default", "--reveal"));
    space_fill(3);
    if (_i == SPACE_INODES)
        space_fill(0);
    use(&text);
    ck_assert_int_eq(atomic_load(&warnings), 1);
    ck_assert_msg(strstr(last_log, "uses are not counted") != NULL &&
                      strstr(last_log, "free some space") != NULL,
                  "%s", last_log);
    ck_assert_int_eq(entries(in_folder(folder, "usage")), 0);
    check_uses(0, "on a full disk");
    space_free();
    use(&text);
    check_uses(1, "with room again");
    ck_assert_int_eq(atomic_load(&warnings), 1);
}
END_TEST

/* Both by `usage fold` and by a command that folds before its own work. */
START_TEST(fold_on_a_full_disk)
{
    if (!begin(_i, "fold_on_a_full_disk"))
        return;
    make_store(in_place("store"));
    host_load();
    const struct text text = text_in(DO("show", "shop/default", "--reveal"));
    unsigned uses = 0;
    int status = 5;
    for (unsigned long left = 0; status != 0 || left < 3; left++) {
        use(&text);
        check_uses(++uses, where_of(left));
        space_fill(left);
        struct run run = CTL(config, NULL, "usage", "fold");
        status = run.status;
        if (status != 0)
            space_check_refusal(&run, where_of(left));
        check_uses(uses, where_of(left));
        run = CTL(config, NULL, "edit", "shop/default", "--expires", "never");
        if (run.status != 0)
            space_check_refusal(&run, where_of(left));
        check_uses(uses, where_of(left));
        space_free();
        DO("edit", "shop/default", "--expires", "90d");
        DO("usage", "fold");
        check_uses(uses, where_of(left));
        ck_assert_int_eq(entries(in_folder(folder, "usage")), 0);
    }
    DO("check", "--json");
}
END_TEST

/* --- files that others read --- */

START_TEST(metrics_on_a_full_disk)
{
    if (!begin(_i, "metrics_on_a_full_disk"))
        return;
    config = store_folder(&folder);
    DO("entity", "add", "shop", "--kind", "customer");
    const char *collected = in_place("collected");
    ck_assert_int_eq(mkdir(collected, 0755), 0);
    const char *file = keep_string(strdup(in_folder(collected, "esp.prom")));
    space_fill(0);
    struct run run = CTL(config, NULL, "stats", "--prometheus", "--output", file);
    space_check_refusal(&run, "with 0 free");
    ck_assert_int_eq(entries(collected), 0);
    space_free();
    DO("stats", "--prometheus", "--output", file);
    const char *before = file_read(file, NULL);
    ck_assert_ptr_nonnull(strstr(before, "esp_token_entities{kind=\"customer\""));
    space_fill(0);
    DO("entity", "add", "other", "--kind", "customer");
    run = CTL(config, NULL, "stats", "--prometheus", "--output", file);
    space_check_refusal(&run, "with 0 free, and one there");
    ck_assert_str_eq(file_read(file, NULL), before);
    ck_assert_int_eq(entries(collected), 1);
}
END_TEST

START_TEST(output_files_on_a_full_disk)
{
    static const char *const commands[] = {"list", "export", "--json list",
                                           "log",  "stats",  "check --json"};
    if (_i == SPACE_INODES || !begin(_i, "output_files_on_a_full_disk"))
        return;
    config = store_folder(&folder);
    DO("entity", "add", "shop", "--kind", "customer");
    const char *out = in_place("out");
    file_text(out, "");
    space_fill(0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char command[1024];
        snprintf(command, sizeof command, "exec '%s' -c '%s' %s > '%s'", ctl_path(), config,
                 commands[i], out);
        struct run run = run_process((const char *const[]){"sh", "-c", command, NULL}, NULL);
        ck_assert_msg(run.status == 5, "%s: status %d", commands[i], run.status);
        ck_assert_msg(strstr(run.err, "No space left") != NULL &&
                          strstr(run.err, "run the command again") != NULL &&
                          strchr(run.err, '\n')[1] == '\0',
                      "%s: %s", commands[i], run.err);
    }
}
END_TEST

/* --- work in many transactions --- */

static unsigned long number_behind(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    ck_assert_msg(at != NULL, "no '%s' in: %s", word, text);
    return strtoul(at + strlen(word), NULL, 10);
}

static unsigned long lines_of(const char *text)
{
    unsigned long lines = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

static unsigned long tokens(void)
{
    return lines_of(DO("list", "shop")) - 1;
}

static const char *names_from(unsigned long first)
{
    const char *names = keep_string(strdup(in_folder(temp_folder(), "names")));
    FILE *out = fopen(names, "w");
    ck_assert_ptr_nonnull(out);
    for (unsigned long i = first; i <= LINES; i++)
        fprintf(out, "name %lu\n", i);
    ck_assert_int_eq(fclose(out), 0);
    return names;
}

/* Items that were committed remain and are printed, and nothing else is. The message says how far
   the command came; it can be resumed at the next line. */
START_TEST(bulk_work_on_a_full_disk)
{
    if (_i == SPACE_INODES || !begin(_i, "bulk_work_on_a_full_disk"))
        return;
    make_store(in_place("store"));
    file_text(in_folder(folder, "tiers.ini"),
              "[lite]\nrank = 1\nmax_tokens = unlimited\ndefault = yes\n");
    space_fill(BULK_BLOCKS);
    struct run run = CTL(config, NULL, "create", "shop", "--from", names_from(1), "-q");
    ck_assert_msg(run.status == 5, "status %d: %s", run.status, run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "free some space"));
    ck_assert_ptr_eq(strchr(run.err, '\n'), run.err + strlen(run.err) - 1);
    const unsigned long made = number_behind(run.err, "lines up to ");
    ck_assert_msg(made > 0 && made < LINES, "%s", run.err);
    ck_assert_uint_eq(lines_of(run.out), made);
    ck_assert_uint_eq(tokens(), made + 1);
    DO("check", "--json");
    space_free();
    ck_assert_uint_eq(lines_of(DO("create", "shop", "--from", names_from(made + 1), "-q")),
                      LINES - made);
    ck_assert_uint_eq(tokens(), LINES + 1);
    DO("check", "--json");
}
END_TEST

int main(void)
{
    if (!mounts_apart("disk_others"))
        return 77;
    cheap_crypto();
    Suite *suite = suite_create("disk_others");
    TCase *tests = tcase_create("disk_others");
    tcase_set_timeout(tests, 900);
    tcase_add_loop_test(tests, init_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_loop_test(tests, upgrade_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_test(tests, passphrase_on_a_full_disk);
    tcase_add_loop_test(tests, hosts_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_loop_test(tests, fold_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_loop_test(tests, metrics_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_loop_test(tests, output_files_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_loop_test(tests, bulk_work_on_a_full_disk, 0, SPACE_KINDS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
