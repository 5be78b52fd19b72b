/* SPDX-License-Identifier: ISC */
/* Copies of the store: complete backups, restores under running hosts, and upgrades to this
   schema. */
#include "cli/drive.h"

/* clang-format off: host.h declares names that drive.h uses for parameters */
#include "abi/host.h"
/* clang-format on */

#include "common/crc32.h"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *copies; /* a folder beside the store's */

static void setup(void)
{
    config = populated(&folder);
    count_no_uses(config);
    copies = temp_folder();
    host_load();
}

static const char *copy_path(const char *name)
{
    char *path = NULL;
    ck_assert_int_gt(asprintf(&path, "%s/%s", copies, name), 0);
    return keep_string(path);
}

static int32_t verdict_of(const char *text, uint64_t *ret_revision)
{
    espt_query query = {.size = sizeof query, .token = text, .token_len = strlen(text)};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    if (ret_revision != NULL)
        *ret_revision = result.revision;
    return result.status;
}

static char *kept_text(const char *token)
{
    return strdup(revealed(config, token));
}

/* In a host that stays open, tokens created since the backup are gone and removed tokens are
   back. */
START_TEST(a_backup_comes_back_at_once)
{
    const char *file = copy_path("a.mdb");
    host_open();
    char *old = kept_text("bolt/default");
    struct run run = CTL(config, NULL, "backup", file);
    ck_assert_msg(run.status == 0, "%s", run.err);
    const char *before = lists_of(config);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/default", "--yes", "--last").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "new").status, 0);
    char *new = kept_text("acme/new");
    uint64_t revision, later;
    ck_assert_int_eq(verdict_of(old, NULL), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(verdict_of(new, &revision), ESPT_ALLOW);

    run = CTL(config, NULL, "restore", file, "--yes");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(verdict_of(old, &later), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(new, NULL), ESPT_DENY_UNKNOWN);
    ck_assert_uint_gt(later, revision);
    ck_assert_str_eq(lists_of(config), before);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify").status, 0);

    /* the kept store is restored */
    const char *kept = strstr(run.out, "kept as ");
    ck_assert_ptr_nonnull(kept);
    char *name = strdup(kept + 8);
    name[strcspn(name, "\n")] = '\0';
    ck_assert_int_eq(CTL(config, NULL, "restore", name, "--yes").status, 5);
    run = CTL(config, NULL, "restore", name, "--yes", "--no-manifest");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(verdict_of(new, &revision), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(old, NULL), ESPT_DENY_UNKNOWN);
    ck_assert_uint_gt(revision, later);
    free(name);
    free(old);
    free(new);
}
END_TEST

static void fails_saying(struct run run, const char *words)
{
    ck_assert_int_eq(run.status, 5);
    ck_assert_msg(strstr(run.err, words) != NULL, "%s", run.err);
    ck_assert_msg(strstr(run.err, "esp-token.conf") == NULL, "%s", run.err);
}

/* The message names what is missing, also where nobody can be asked. */
START_TEST(what_is_missing_is_named)
{
    const char *bare = keep_string(strdup(in_folder(copies, "bare")));
    fails_saying(CTL(config, NULL, "backup", "/nonexistent/x"),
                 "/nonexistent: there is no such folder; create it first");
    fails_saying(CTL(config, NULL, "restore", "/nonexistent/x"), "name a backup");
    fails_saying(CTL(config, NULL, "restore", "nosuch", "--yes"),
                 "nosuch: there is no such file; name a backup");
    fails_saying(CTL(config, NULL, "restore", copies, "--yes"), "it is a folder");
    file_text(bare, "x");
    fails_saying(CTL(config, NULL, "restore", bare, "--yes"),
                 "bare.manifest: there is no such file; copy it");
    ck_assert_int_eq(CTL(config, NULL, "restore", bare).status, 2); /* nobody can be asked */
    unlink(bare);
}
END_TEST

static void flip(const char *path, off_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    byte ^= 0x40;
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

/* A damaged copy is refused because of its manifest or, if the manifest matches, because of its
   records. */
START_TEST(a_damaged_backup_is_refused)
{
    const char *file = copy_path("a.mdb");
    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 0);
    const char *before = snapshot(config);
    size_t len;
    const char *bytes = file_read(file, &len);
    const char *name = memmem(bytes, len, "zed", 3);
    ck_assert_ptr_nonnull(name);
    flip(file, name - bytes);
    struct run run = CTL(config, NULL, "restore", file, "--yes");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "its SHA-256 differs from the one in its manifest"));
    run = CTL(config, NULL, "restore", file, "--yes", "--no-manifest");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "the copy is damaged"));
    ck_assert_str_eq(snapshot(config), before);

    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 4); /* no overwriting */
    char *manifest = NULL;
    ck_assert_int_gt(asprintf(&manifest, "%s.manifest", file), 0);
    unlink(manifest);
    ck_assert_int_eq(CTL(config, NULL, "restore", file, "--yes").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "restore", file).status, 2);
    ck_assert_int_eq(CTL(config, NULL, "restore", copy_path("none"), "--yes").status, 5);
    ck_assert_str_eq(snapshot(config), before);
    free(manifest);
}
END_TEST

/* Only the copy and its manifest remain, readable by the owner only. */
START_TEST(a_backup_is_private)
{
    const char *file = copy_path("a.mdb");
    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 0);
    struct stat st;
    ck_assert_int_eq(stat(file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    struct run run = run_process((const char *const[]){"ls", copies, NULL}, NULL);
    ck_assert_str_eq(run.out, "a.mdb\na.mdb.manifest\n");
    char *script = NULL;
    ck_assert_int_gt(asprintf(&script, "cd %s && sha256sum -c a.mdb.manifest", copies), 0);
    run = run_process((const char *const[]){"sh", "-c", script, NULL}, NULL);
    ck_assert_int_eq(run.status, 0);
    free(script);
}
END_TEST

/* A backup replaces a destroyed store. */
START_TEST(a_ruined_store_is_replaced)
{
    const char *file = copy_path("a.mdb");
    char *text = kept_text("bolt/default");
    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 0);
    file_write(in_folder(folder, "tokens.mdb"), "nonsense", 8, 0640);
    ck_assert_int_eq(CTL(config, NULL, "list").status, 5);
    struct run run = CTL(config, NULL, "restore", file, "--yes");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    host_open();
    ck_assert_int_eq(verdict_of(text, NULL), ESPT_ALLOW);
    free(text);
}
END_TEST

/* Commands that run during a restore find the old store or the new one, never an empty one. */
START_TEST(commands_go_on_meanwhile)
{
    const char *file = copy_path("a.mdb");
    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 0);
    pid_t readers[3];
    for (int i = 0; i < 3; i++) {
        readers[i] = fork();
        if (readers[i] != 0)
            continue;
        for (int n = 0; n < 60; n++) {
            struct run run = CTL(config, NULL, "show", "bolt/default");
            if (run.status != 0) {
                fprintf(stderr, "%d: %s", run.status, run.err);
                _exit(1);
            }
        }
        _exit(0);
    }
    for (int n = 0; n < 12; n++) {
        struct run run = CTL(config, NULL, "restore", file, "--yes");
        ck_assert_msg(run.status == 0, "%s", run.err);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        waitpid(readers[i], &status, 0);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

/* --- upgrade --- */

/* Uses a copy of the store that 0.1.0 made. */
static void take_fixture(void)
{
    static const char *const files[] = {"esp-token.conf", "tiers.ini", "reveal.pub", "reveal.key",
                                        "tokens.mdb"};
    folder = temp_folder();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        char from[256];
        snprintf(from, sizeof from, "tests/fixtures/schema1/%s", files[i]);
        char *bytes = file_read(from, &len);
        ck_assert_msg(bytes != NULL, "%s", from);
        file_write(in_folder(folder, files[i]), bytes, len,
                   strcmp(files[i], "reveal.key") == 0 ? 0600 : 0644);
    }
    config = strdup(in_folder(folder, "esp-token.conf"));
}

/* A kept store is never replaced. The name of each has the date and a number, up to a hundred a
   day. */
START_TEST(a_hundred_are_kept)
{
    const char *file = copy_path("a.mdb");
    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 0);
    for (int day = 0; day < 2; day++) { /* the date may change at midnight */
        const time_t when = time(NULL) + day * 24 * 3600;
        char date[16], name[64];
        strftime(date, sizeof date, "%Y-%m-%d", gmtime(&when));
        for (int i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "tokens.mdb.%s.%d", date, i);
            file_text(in_folder(folder, name), "kept");
        }
    }
    const char *before = snapshot(config);
    struct run run = CTL(config, NULL, "restore", file, "--yes");
    ck_assert_msg(run.status == 5 &&
                      strstr(run.err, "no free name to keep the old store under") != NULL,
                  "%s", run.err);
    ck_assert_str_eq(snapshot(config), before);
}
END_TEST

START_TEST(schema_1_is_upgraded)
{
    take_fixture();
    struct run run = CTL("/nonexistent.conf", NULL, "upgrade");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "/nonexistent.conf: there is no configuration"));
    run = CTL(config, NULL, "list");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "upgrade"));
    char err[512];
    ck_assert_int_eq(plugin->open(&ctx, config, NULL, NULL, err, sizeof err), 1);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 0);
    ck_assert_ptr_nonnull(strstr(err, "upgrade"));

    json_t *json = done(CTL(config, NULL, "--json", "upgrade"));
    ck_assert_int_eq(json_integer_value(json_object_get(json, "from")), 1);
    ck_assert_int_eq(access(text_of(json, "kept"), R_OK), 0);
    json_decref(json);
    ck_assert_str_eq(CTL(config, NULL, "--json", "list").out,
                     file_read("tests/fixtures/schema1/tokens.json", NULL));
    ck_assert_str_eq(CTL(config, NULL, "--json", "entity", "list").out,
                     file_read("tests/fixtures/schema1/entities.json", NULL));
    run = CTL(config, NULL, "check");
    ck_assert_msg(run.status == 0, "%s", run.out);
    ck_assert_int_eq(plugin->refresh(ctx, err, sizeof err), 1);
    ck_assert_int_eq(verdict_of(revealed(config, "bolt/web site"), NULL), ESPT_ALLOW);
    ck_assert_int_eq(verdict_of(revealed(config, "bolt/old"), NULL), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(verdict_of(revealed(config, "late/default"), NULL), ESPT_DENY_SUSPENDED);
    ck_assert_int_eq(CTL(config, NULL, "create", "north", "more").status, 0);
    run = CTL(config, NULL, "upgrade");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "already; nothing was changed"));
}
END_TEST

START_TEST(an_upgrade_keeps_what_was)
{
    take_fixture();
    const char *store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    size_t len;
    char *before = file_read(store, &len);
    file_text(in_folder(folder, "tokens.mdb.schema-1"), "something");
    struct run run = CTL(config, NULL, "upgrade");
    ck_assert_int_eq(run.status, 4);
    ck_assert_mem_eq(file_read(store, NULL), before, len);
    unlink(in_folder(folder, "tokens.mdb.schema-1"));
    /* a damaged record stops the upgrade, and the store is unchanged */
    const char *name = memmem(before, len, "bolt\10advanced", 13);
    ck_assert_ptr_nonnull(name);
    while (name != NULL) {
        flip(store, name - before);
        name = memmem(name + 1, len - (size_t)(name + 1 - before), "bolt\10advanced", 13);
    }
    run = CTL(config, NULL, "upgrade");
    ck_assert_int_eq(run.status, 5);
    run = CTL(config, NULL, "list");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "older version"));
}
END_TEST

/* --- damage in a store of schema 1 --- */

/* Seals a record of schema 1: a checksum over table letter, key and value, as in record_bytes.h. */
static void seal_1(char letter, const char *key, size_t key_len, uint8_t *value, size_t len)
{
    uint32_t crc = crc32(crc32(crc32(0, &letter, 1), key, key_len), value, len - sizeof crc);
    memcpy(value + len - sizeof crc, &crc, sizeof crc);
}

enum harm { ANOTHER_PROGRAM, STATE_TURNED, ENTITY_TURNED, TOKEN_CUT };

static void harm_old(enum harm harm)
{
    static const char *const tables[] = {"names", NULL, "entities", "tokens"};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi, main;
    MDB_cursor *cursor;
    MDB_val key, value, state_key = {5, (char[]){"state"}}, state;
    uint8_t bytes[512];
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, 16), 0);
    ck_assert_int_eq(mdb_env_open(env, in_folder(folder, "tokens.mdb"), MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &main), 0);
    if (tables[harm] != NULL) {
        ck_assert_int_eq(mdb_dbi_open(txn, tables[harm], 0, &dbi), 0);
        ck_assert_int_eq(mdb_cursor_open(txn, dbi, &cursor), 0);
        ck_assert_int_eq(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
        memcpy(bytes, value.mv_data, value.mv_size);
        bytes[value.mv_size / 2] ^= harm == ENTITY_TURNED;
        value.mv_data = bytes;
        value.mv_size = harm == TOKEN_CUT ? 3 : value.mv_size;
        ck_assert_int_eq(mdb_cursor_put(cursor, &key, &value, MDB_CURRENT), 0);
        mdb_cursor_close(cursor);
    }
    ck_assert_int_eq(mdb_get(txn, main, &state_key, &state), 0);
    uint8_t stamped[64];
    const uint64_t id = mdb_txn_id(txn);
    ck_assert_uint_le(state.mv_size, sizeof stamped);
    memcpy(stamped, state.mv_data, state.mv_size);
    if (harm != ANOTHER_PROGRAM) {
        memcpy(stamped + 3, &id, sizeof id); /* after the version, schema and closed bytes */
        seal_1('s', "state", 5, stamped, state.mv_size);
    }
    stamped[12] ^= harm == STATE_TURNED;
    state.mv_data = stamped;
    ck_assert_int_eq(mdb_put(txn, main, &state_key, &state, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(no_upgrade_of_damage)
{
    static const char *const words[] = {
        [ANOTHER_PROGRAM] = "another program than esp-tokenctl has written to the store",
        [STATE_TURNED] = "the state record is damaged or missing",
        [ENTITY_TURNED] = "in table entities is damaged",
        [TOKEN_CUT] = "in table tokens is damaged",
    };
    take_fixture();
    harm_old((enum harm)_i);
    struct run run = CTL(config, NULL, "upgrade");
    ck_assert_msg(run.status == 5 && strstr(run.err, words[_i]) != NULL, "status %d: %s",
                  run.status, run.err);
    ck_assert_int_eq(access(in_folder(folder, "tokens.mdb.schema-1"), F_OK), -1);
    run = CTL(config, NULL, "list");
    ck_assert_int_eq(run.status, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backup");
    TCase *tcase = tcase_create("copies");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_backup_comes_back_at_once);
    tcase_add_test(tcase, what_is_missing_is_named);
    tcase_add_test(tcase, a_damaged_backup_is_refused);
    tcase_add_test(tcase, a_backup_is_private);
    tcase_add_test(tcase, a_ruined_store_is_replaced);
    tcase_add_test(tcase, commands_go_on_meanwhile);
    tcase_add_test(tcase, a_hundred_are_kept);
    tcase_add_test(tcase, schema_1_is_upgraded);
    tcase_add_test(tcase, an_upgrade_keeps_what_was);
    tcase_add_loop_test(tcase, no_upgrade_of_damage, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
