/* SPDX-License-Identifier: ISC */
/*
 * On a full disk, and in a store at its map_size, a leaked token can still be switched off, again
 * and again, whatever takes the space that becomes free meanwhile.
 */
#include "cli/drive.h"

#include "fault/space.h"
#include "fault/world.h"
#include "store/db/copy.h"
#include "store/store.h"
#include "support/namespace.h"

#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKENS 60

static const char *config, *folder;

#define DO(...)                                           \
    do {                                                  \
        struct run run_ = CTL(config, NULL, __VA_ARGS__); \
        ck_assert_msg(run_.status == 0, "%s", run_.err);  \
    } while (0)

static const char *names_of(const char *prefix, int count)
{
    const char *path = keep_string(strdup(in_folder(folder, "names")));
    FILE *names = fopen(path, "w");
    for (int i = 0; i < count; i++)
        fprintf(names, "%s%d\n", prefix, i);
    fclose(names);
    return path;
}

static void make_in(const char *path)
{
    folder = path;
    struct run run = run_process((const char *const[]){ctl_path(), "init", folder, NULL}, NULL);
    ck_assert_msg(run.status == 0, "%s", run.err);
    config = keep_string(strdup(in_folder(folder, "esp-token.conf")));
    count_no_uses(config);
    world_lift_limit(folder);
    DO("entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    DO("entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    DO("entity", "add", "zed", "--kind", "customer");
    DO("create", "acme", "--from", names_of("t", TOKENS), "-q");
}

static bool make(enum space_kind kind)
{
    const char *place = space_mount(kind, space_names[kind]);
    if (place == NULL)
        return false;
    make_in(keep_string(strdup(in_folder(place, "store"))));
    return true;
}

static off_t reserved(void)
{
    struct stat st;
    return stat(in_folder(folder, "tokens.mdb.reserve"), &st) == 0 ? st.st_blocks * 512 : 0;
}

/* Removes the free pages from the store, so that every page written needs new disk space. */
static void pack(void)
{
    struct config whole, packed;
    struct store *store;
    struct espt_error err;
    config_in(&whole, folder);
    packed = whole;
    snprintf(packed.store, sizeof packed.store, "%s", in_folder(folder, "packed"));
    ck_assert_int_eq(store_open(&store, &whole, &err), 0);
    ck_assert_int_eq(copy_write(store, packed.store, true, &err), 0);
    store_close(store);
    ck_assert_int_eq(copy_stamp(&packed, &err), 0);
    ck_assert_int_eq(copy_set_mode(packed.store, &err), 0);
    ck_assert_int_eq(rename(packed.store, whole.store), 0);
    unlink(in_folder(folder, "tokens.mdb-lock"));
    DO("list"); /* creates the lock file again */
}

static struct run switch_off(int number)
{
    char name[32];
    snprintf(name, sizeof name, "acme/t%d", number);
    return CTL(config, NULL, "edit", name, "--status", "inactive");
}

static void hosts_deny(const char *text)
{
    struct run run = CTL(config, text, "--json", "verify");
    ck_assert_msg(run.status == 1 && strstr(run.out, "\"inactive\"") != NULL, "%d: %s%s",
                  run.status, run.out, run.err);
}

/* New tokens are refused; every token of the store can be switched off. */
START_TEST(switch_off_on_a_full_disk)
{
    if (!make((enum space_kind)_i))
        return;
    const char *text = keep_string(strdup(revealed(config, "acme/t7")));
    ck_assert_int_ge(reserved(), 2 << 20);
    struct stat st;
    ck_assert_int_eq(stat(in_folder(folder, "tokens.mdb.reserve"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    pack();
    space_fill(0);
    struct run run = CTL(config, NULL, "create", "acme", "--from", names_of("more", 0), "-q");
    for (int i = 0; run.status == 0 && i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "more%d", i);
        run = CTL(config, NULL, "create", "acme", name);
    }
    if ((enum space_kind)_i != SPACE_INODES)
        ck_assert_int_eq(run.status, 5);
    for (int i = 0; i < TOKENS; i++) {
        run = switch_off(i);
        ck_assert_msg(run.status == 0, "token %d: %s", i, run.err);
    }
    hosts_deny(text);
    DO("remove", "acme/t1", "--yes");
    DO("entity", "edit", "bolt", "--status", "inactive");
    DO("entity", "remove", "zed", "--yes");
    DO("check");
    space_free();
    DO("edit", "acme/t2", "--name", "renamed");
    ck_assert_int_ge(reserved(), 2 << 20);
}
END_TEST

/* The command warns that it uses the reserve, also in JSON. */
START_TEST(warns_that_it_uses_the_reserve)
{
    if (!make(SPACE_TMPFS))
        return;
    pack();
    space_fill(0);
    struct run run = {0};
    bool warned = false;
    for (int i = 0; !warned && i < TOKENS; i++) {
        char name[32];
        snprintf(name, sizeof name, "acme/t%d", i);
        run = CTL(config, NULL, "--json", "edit", name, "--status", "inactive");
        ck_assert_msg(run.status == 0, "%s", run.err);
        warned = run.err[0] != '\0';
    }
    ck_assert(warned);
    json_t *warning = document(run.err);
    ck_assert_ptr_nonnull(
        strstr(text_of(json_object_get(warning, "warning"), "message"), "the disk is full"));
    json_decref(warning);
}
END_TEST

/* The process that filled the disk takes what a revocation left of its step at once. */
START_TEST(others_take_what_is_free)
{
    if (!make((enum space_kind)_i))
        return;
    int done = 0;
    pack();
    do {
        space_fill(0);
        struct run run = switch_off(done);
        if (run.status != 0)
            break;
    } while (++done < TOKENS);
    ck_assert_msg(done >= 10, "only %d", done);
}
END_TEST

/* Without the lock files, which LMDB needs in full size. */
START_TEST(without_lock_files)
{
    if (!make(SPACE_TMPFS))
        return;
    unlink(in_folder(folder, "tokens.mdb-lock"));
    unlink(in_folder(folder, "tokens.mdb.writer"));
    space_fill(0);
    struct run run = switch_off(1);
    ck_assert_msg(run.status == 0, "%s", run.err);
}
END_TEST

/* A reserve that others can access is not used, and no link is followed. */
START_TEST(untrusted_reserve_is_not_touched)
{
    make_in(keep_string(strdup(in_folder(temp_folder(), "store"))));
    const char *path = keep_string(strdup(in_folder(folder, "tokens.mdb.reserve")));
    const char *target = keep_string(strdup(in_folder(folder, "target")));
    file_text(target, "precious");
    chmod(target, 0600);
    unlink(path);
    ck_assert_int_eq(symlink(target, path), 0);
    DO("edit", "acme/t1", "--status", "inactive");
    ck_assert_str_eq(file_read(target, NULL), "precious");
    unlink(path);
    ck_assert_int_eq(link(target, path), 0);
    DO("edit", "acme/t1", "--status", "active");
    ck_assert_str_eq(file_read(target, NULL), "precious");
    unlink(path);
    file_text(path, "open to others");
    DO("edit", "acme/t1", "--status", "inactive");
    ck_assert_str_eq(file_read(path, NULL), "open to others");
}
END_TEST

/* --- map_size --- */

static void set_map_size(const char *size)
{
    char *text = file_read(config, NULL);
    char *at = strstr(text, "map_size = ");
    ck_assert_ptr_nonnull(at);
    memcpy(at + strlen("map_size = "), size, strlen(size));
    file_text(config, text);
}

/* Starts a process with an endless read transaction: pages freed since then stay in use. */
static pid_t pin(void)
{
    int ends[2];
    char held;
    ck_assert_int_eq(pipe(ends), 0);
    const pid_t child = fork_child();
    if (child == 0) {
        MDB_env *env;
        MDB_txn *txn;
        if (mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, 1 << 26) == 0 &&
            mdb_env_open(env, in_folder(folder, "tokens.mdb"), MDB_NOSUBDIR, 0600) == 0 &&
            mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0 && write(ends[1], "y", 1) == 1)
            pause();
        _exit(1);
    }
    ck_assert_int_eq(read(ends[0], &held, 1), 1);
    return child;
}

START_TEST(switch_off_at_map_size)
{
    make_in(keep_string(strdup(in_folder(temp_folder(), "store"))));
    const char *text = keep_string(strdup(revealed(config, "acme/t7")));
    set_map_size("32M");
    struct run run = {0};
    for (int i = 0; run.status == 0 && i < 100; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "fill-%d-", i);
        run = CTL(config, NULL, "create", "acme", "--from", names_of(prefix, 9000), "-q");
    }
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "raise [store] map_size in "));
    const pid_t child = pin();
    run.status = 0;
    for (int i = 0; run.status == 0 && i < 400; i++)
        run = CTL(config, NULL, "edit", "acme/t1", "--expires", i % 2 == 0 ? "90d" : "80d");
    ck_assert_int_eq(run.status, 5);
    char culprit[64];
    snprintf(culprit, sizeof culprit, "map_size is used up; process %d (test_reserve) holds state ",
             (int)child);
    ck_assert_msg(strstr(run.err, culprit) != NULL, "%s", run.err);
    ck_assert_ptr_nonnull(strstr(run.err, " transactions old; end it, or raise [store] map_size"));
    for (int i = 0; i < TOKENS / 2; i++) {
        run = switch_off(i);
        ck_assert_msg(run.status == 0, "token %d: %s", i, run.err);
    }
    hosts_deny(text);
    DO("remove", "acme/t1", "--yes");
    DO("entity", "edit", "bolt", "--status", "inactive");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    /* the pages freed meanwhile are used again */
    DO("edit", "acme/t2", "--expires", "70d");
    DO("check");
}
END_TEST

int main(void)
{
    if (!mounts_apart("reserve"))
        return 77;
    cheap_crypto();
    Suite *suite = suite_create("reserve");
    TCase *tests = tcase_create("reserve");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, switch_off_on_a_full_disk, 0, SPACE_KINDS);
    tcase_add_test(tests, warns_that_it_uses_the_reserve);
    tcase_add_loop_test(tests, others_take_what_is_free, 0, SPACE_KINDS);
    tcase_add_test(tests, without_lock_files);
    tcase_add_test(tests, untrusted_reserve_is_not_touched);
    tcase_add_test(tests, switch_off_at_map_size);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
