/* SPDX-License-Identifier: ISC */
/* Files that change while a host runs: the tier table, the store, and the root folder. */
#include "host.h"
#include "support/raw_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CHECK_LIMIT 1500 /* specification §7 */
#define LATE 400         /* added for a busy machine */

static struct text text;
static const char *tiers, *store;

static const char plain[] = "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = kpi.*\n";
static const char wider[] =
    "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrics = kpi.* asn.*\n";

static void setup(void)
{
    host_setup();
    tiers = strdup(in_folder(folder, "tiers.ini"));
    store = strdup(in_folder(folder, "tokens.mdb"));
    text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
}

static void teardown(void)
{
    host_teardown();
    free((char *)(uintptr_t)tiers);
    free((char *)(uintptr_t)store);
}

static int sees(const char *metric)
{
    espt_result result;
    return validate_now(&text, metric, NULL, 0, &result) == ESPT_ALLOW;
}

/* Validates continuously for a while, as a busy host does. */
static void busy(int64_t ms, int expected)
{
    for (int64_t end = clock_ms() + ms; clock_ms() < end; usleep(5000))
        ck_assert_int_eq(verdict(&text), expected);
}

static const char *refused(void)
{
    static char err[512];
    memset(err, 'x', sizeof err);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    ck_assert(memchr(err, '\0', sizeof err) != NULL && strchr(err, '\n') == NULL);
    return err;
}

/* Runs an editor's actions in another process meanwhile. */
static pid_t later(int64_t ms, void (*act)(void))
{
    pid_t child = fork_child();
    if (child == 0) {
        usleep((useconds_t)ms * 1000);
        act();
        _exit(0);
    }
    return child;
}

static void save_whole(void)
{
    file_text(tiers, wider);
}

static void save_on(void)
{
    for (;; usleep(100000))
        file_text(tiers, "[lite]\nrank = 10\n");
}

static const char *open_another(espt_ctx **ret_other)
{
    static char err[512];
    err[0] = '\0';
    return plugin->open(ret_other, config, NULL, NULL, err, sizeof err) == 1 ? NULL : err;
}

/* On a busy machine the editor may run too late; then the test tries again. */
static bool opens_beside_an_editor(void (*first_half)(void), void (*second_half)(void))
{
    for (int i = 0; i < 20; i++) {
        espt_ctx *other = NULL;
        first_half();
        pid_t editor = later(40, second_half);
        const bool opened = open_another(&other) == NULL;
        waitpid(editor, NULL, 0);
        plugin->close(other);
        if (opened)
            return true;
    }
    return false;
}

static void save_half(void)
{
    file_text(tiers, "[lite]\nrank = 10\n");
}

static void save_half_config(void)
{
    file_text(config, "[store]\npath = tokens.mdb\n[tie");
}

static void save_config(void)
{
    file_text(config, "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n");
}

static void move_away(void)
{
    ck_assert_int_eq(unlink(tiers), 0);
}

/* The PAM module calls `open` at each login. An edit in two steps must not make logins fail. */
START_TEST(open_waits_for_a_save)
{
    espt_ctx *other;
    ck_assert(opens_beside_an_editor(save_half, save_whole));
    ck_assert(opens_beside_an_editor(move_away, save_whole));
    ck_assert(opens_beside_an_editor(save_half_config, save_config));
    save_half(); /* and stays so */
    const char *err = open_another(&other);
    ck_assert_msg(err != NULL && strstr(err, "tiers.ini:1: ") != NULL, "%s", err);
    pid_t editor = later(0, save_on); /* endless saves do not delay `open` without end */
    ck_assert_ptr_nonnull(open_another(&other));
    kill(editor, SIGKILL);
    waitpid(editor, NULL, 0);
}
END_TEST

static void refreshed(void)
{
    char err[512] = "";
    ck_assert_msg(plugin->refresh(ctx, err, sizeof err) == 1, "%s", err);
    ck_assert_str_eq(err, "");
}

START_TEST(an_edit_is_loaded_in_time)
{
    espt_result result;
    ck_assert_int_eq(validate_now(&text, NULL, NULL, 0, &result), ESPT_ALLOW);
    usleep(1050000); /* by now one check for changed files has found nothing to do */
    ck_assert_int_eq(sees("asn.x"), 0);
    int64_t start = clock_ms();
    file_text(tiers, wider);
    while (!plugin->allows(ctx, &result, "asn.x", 5)) { /* `allows` checks the files too */
        ck_assert_int_lt(clock_ms() - start, CHECK_LIMIT + LATE);
        usleep(5000);
    }
    ck_assert_int_eq(sees("asn.x"), 1);
    ck_assert(atomic_load(&notices) == 1 && atomic_load(&warnings) == 0);
}
END_TEST

START_TEST(an_unfinished_save_is_not_loaded)
{
    for (int64_t end = clock_ms() + 1200; clock_ms() < end; usleep(40000)) {
        file_text(tiers, wider);
        ck_assert_int_eq(sees("asn.x"), 0);
    }
    usleep(250000);
    for (int64_t end = clock_ms() + 1000 + LATE; !sees("asn.x"); usleep(5000))
        ck_assert_int_lt(clock_ms(), end);
}
END_TEST

START_TEST(a_broken_edit_leaves_the_old_table)
{
    file_text(tiers, plain);
    refreshed();
    atomic_store(&notices, 0);
    file_text(tiers, "[lite]\nrank = 10\nmax_tokens = 5\ndefault = yes\nmetrix = kpi.*\n");
    busy(2200, ESPT_ALLOW);
    ck_assert_int_eq(sees("kpi.x"), 1);
    ck_assert_msg(atomic_load(&warnings) == 1, "%d: %s", atomic_load(&warnings), last_log);
    ck_assert_msg(strstr(last_log, "tiers.ini:5:") != NULL, "%s", last_log);
    const char *words = refused();
    ck_assert_msg(strstr(words, "tiers.ini:5:") != NULL, "%s", words);
    ck_assert_int_eq(atomic_load(&warnings), 1);
    ck_assert_int_eq(atomic_load(&notices), 0);
    file_text(tiers, wider);
    refreshed();
    ck_assert(sees("asn.x") && atomic_load(&notices) == 1);
}
END_TEST

START_TEST(an_untrusted_file_leaves_the_old_table)
{
    file_text(tiers, wider);
    ck_assert_int_eq(chmod(tiers, 0666), 0);
    const char *words = refused();
    ck_assert_msg(strstr(words, "chmod") != NULL, "%s", words);
    ck_assert_int_eq(sees("asn.x"), 0);
    ck_assert_int_eq(unlink(tiers), 0);
    words = refused();
    ck_assert_msg(strstr(words, "tiers.ini") != NULL, "%s", words);
    ck_assert_int_eq(mkfifo(tiers, 0644), 0); /* an open without O_NONBLOCK would hang */
    refused();
    ck_assert(sees("kpi.x") && !sees("asn.x"));
    ck_assert_int_eq(atomic_load(&warnings), 3);
    ck_assert_int_eq(unlink(tiers), 0);
    file_text(tiers, wider);
    refreshed();
    ck_assert_int_eq(sees("asn.x"), 1);
}
END_TEST

/* Creates another store with one token. Returns the path of its file. */
static const char *another_store(struct text *ret_text)
{
    const char *kept = config, *other_folder;
    config = store_folder(&other_folder);
    *ret_text = text_in(DO("entity", "add", "shop", "--kind", "customer"));
    config = kept;
    return in_folder(other_folder, "tokens.mdb");
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

START_TEST(a_replaced_store_is_reopened)
{
    struct text second, third;
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    ck_assert_int_eq(rename(another_store(&second), store), 0);
    wait_for(&second, ESPT_ALLOW, 1000 + LATE);
    ck_assert_int_eq(verdict(&text), ESPT_DENY_UNKNOWN);
    size_t before = open_files();
    ck_assert_int_eq(rename(another_store(&third), store), 0);
    refreshed();
    ck_assert_int_eq(verdict(&third), ESPT_ALLOW);
    ck_assert_int_eq(verdict(&second), ESPT_DENY_UNKNOWN);
    refreshed();
    ck_assert_uint_eq(open_files(), before);
}
END_TEST

/* `esp-tokenctl restore` marks the old file as closed before it renames the new one into place. */
START_TEST(a_closed_store_is_reopened_at_once)
{
    struct text second;
    const char *other = another_store(&second);
    struct raw_store raw;
    raw_open(&raw, store, MDB_NOSUBDIR);
    MDB_txn *txn = raw_begin(&raw);
    struct state_record state = {
        .transaction = mdb_txn_id(txn), .revision = 1000, .next_number = 1000, .closed = true};
    struct record_key key = key_state();
    uint8_t value[RECORD_MAX];
    raw_put(&raw, txn, TABLE_STATE, &key, value, state_encode(&state, value));
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    raw_close(&raw);

    size_t before = open_files();
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(verdict(&text), ESPT_ERR_UNAVAILABLE);
    ck_assert_uint_eq(open_files(), before);
    const char *words = refused();
    ck_assert_msg(strstr(words, "replaced") != NULL, "%s", words);
    ck_assert_int_eq(rename(other, store), 0);
    ck_assert_int_eq(verdict(&text), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict(&second), ESPT_ALLOW);
}
END_TEST

START_TEST(a_missing_store_is_unavailable_until_it_returns)
{
    espt_result result;
    const char *kept = in_folder(folder, "kept.mdb");
    ck_assert_int_eq(link(store, kept), 0);
    ck_assert_int_eq(unlink(store), 0);
    wait_for(&text, ESPT_ERR_UNAVAILABLE, 1000 + LATE);
    ck_assert_int_eq(validate_now(&text, NULL, NULL, 0, &result), ESPT_ERR_UNAVAILABLE);
    ck_assert_int_eq(strncmp(result.token_id, text.bytes + 6, 11), 0);
    ck_assert_str_eq(result.entity, "");
    ck_assert_ptr_nonnull(strstr(refused(), "tokens.mdb"));
    ck_assert_int_eq(atomic_load(&warnings), 1);
    ck_assert_int_eq(rename(kept, store), 0);
    wait_for(&text, ESPT_ALLOW, 1000 + LATE);

    ck_assert_int_eq(unlink(store), 0); /* now the file has no name */
    file_write(store, "no store", 8, 0640);
    refused();
    ck_assert_int_eq(verdict(&text), ESPT_ERR_UNAVAILABLE);
    ck_assert_int_eq(atomic_load(&warnings), 2);
}
END_TEST

/* A daemon closes all descriptors. A file that it then opens under the store's old number stays
 * open.
 */
START_TEST(descriptors_of_the_host_stay_open)
{
    for (int fd = 3; fd < 64; fd++) {
        struct stat st, own;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (stat(store, &own) != 0 || fstat(fd, &st) != 0 || st.st_ino != own.st_ino ||
            st.st_dev != own.st_dev)
            continue;
        int mine = open("/dev/null", O_RDONLY | O_CLOEXEC);
        ck_assert_int_eq(dup2(mine, fd), fd);
        refreshed();
        ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
        host_teardown();
        ck_assert_int_eq(fstat(fd, &st), 0);
        host_open();
        return;
    }
    ck_abort_msg("no descriptor of the store found");
}
END_TEST

/* After a chroot the open store continues to answer, and no file in the new root is read. */
static int child_in_root(int order, int done)
{
    char c;
    char err[512];
    if (chroot(folder) != 0 || chdir("/") != 0)
        return 1;
    if (verdict(&text) != ESPT_ALLOW || write(done, "1", 1) != 1 || read(order, &c, 1) != 1)
        return 2;
    if (verdict(&text) != ESPT_DENY_INACTIVE) /* the parent switched it off */
        return 3;
    if (plugin->refresh(ctx, err, sizeof err) != 0 || strstr(err, "root") == NULL)
        return 4;
    if (verdict(&text) != ESPT_DENY_INACTIVE || atomic_load(&warnings) != 1)
        return 5;
    if (write(done, "2", 1) != 1 || read(order, &c, 1) != 1)
        return 6;
    plugin->refresh(ctx, NULL, 0);
    return verdict(&text) == ESPT_ERR_UNAVAILABLE ? 0 : 7; /* the parent unlinked the store */
}

START_TEST(nothing_is_opened_after_a_chroot)
{
    int order[2], done[2], status;
    char c;
    if (geteuid() != 0) {
        puts("SKIPPED: chroot needs root");
        return;
    }
    ck_assert(pipe(order) == 0 && pipe(done) == 0);
    pid_t child = fork_child();
    if (child == 0)
        _exit(child_in_root(order[0], done[1]));
    close(done[1]); /* so that a child that gave up is noticed */
    ck_assert_int_eq(read(done[0], &c, 1), 1);
    DO("edit", "shop/default", "--status", "inactive");
    ck_assert(write(order[1], "x", 1) == 1 && read(done[0], &c, 1) == 1);
    ck_assert_int_eq(unlink(store), 0);
    ck_assert_int_eq(write(order[1], "x", 1), 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "step %d", WEXITSTATUS(status));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tcase = tcase_create("files");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_edit_is_loaded_in_time);
    tcase_add_test(tcase, open_waits_for_a_save);
    tcase_add_test(tcase, an_unfinished_save_is_not_loaded);
    tcase_add_test(tcase, a_broken_edit_leaves_the_old_table);
    tcase_add_test(tcase, an_untrusted_file_leaves_the_old_table);
    tcase_add_test(tcase, a_replaced_store_is_reopened);
    tcase_add_test(tcase, a_closed_store_is_reopened_at_once);
    tcase_add_test(tcase, a_missing_store_is_unavailable_until_it_returns);
    tcase_add_test(tcase, descriptors_of_the_host_stay_open);
    tcase_add_test(tcase, nothing_is_opened_after_a_chroot);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
