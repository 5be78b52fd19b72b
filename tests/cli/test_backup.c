/* Copies of the store: whole, put back under running hosts, and brought to this schema. */
#include "cli/drive.h"

/* clang-format off: it declares names that parameters of drive.h bear */
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

static int32_t judged(const char *text, uint64_t *ret_revision)
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

/* What was made since is gone, what was removed is back, in a host that was open all the while. */
START_TEST(a_backup_comes_back_at_once)
{
    const char *file = copy_path("a.mdb");
    host_open();
    char *old = kept_text("bolt/default");
    struct run run = CTL(config, NULL, "backup", file);
    ck_assert_msg(run.status == 0, "%s", run.err);
    const char *before = snapshot(config);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/default", "--yes", "--last").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "new").status, 0);
    char *new = kept_text("acme/new");
    uint64_t revision, later;
    ck_assert_int_eq(judged(old, NULL), ESPT_DENY_UNKNOWN);
    ck_assert_int_eq(judged(new, &revision), ESPT_ALLOW);

    run = CTL(config, NULL, "restore", file, "--yes");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(judged(old, &later), ESPT_ALLOW);
    ck_assert_int_eq(judged(new, NULL), ESPT_DENY_UNKNOWN);
    ck_assert_uint_gt(later, revision);
    ck_assert_str_eq(snapshot(config), before);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify").status, 0);

    /* the kept one goes back in its place */
    const char *kept = strstr(run.out, "kept as ");
    ck_assert_ptr_nonnull(kept);
    char *name = strdup(kept + 8);
    name[strcspn(name, "\n")] = '\0';
    ck_assert_int_eq(CTL(config, NULL, "restore", name, "--yes").status, 5);
    run = CTL(config, NULL, "restore", name, "--yes", "--no-manifest");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_int_eq(judged(new, &revision), ESPT_ALLOW);
    ck_assert_int_eq(judged(old, NULL), ESPT_DENY_UNKNOWN);
    ck_assert_uint_gt(revision, later);
    free(name);
    free(old);
    free(new);
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

/* A damaged copy is no copy: by its manifest; and, where that fits all the same, by its records. */
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
    ck_assert_ptr_nonnull(strstr(run.err, "another SHA-256"));
    run = CTL(config, NULL, "restore", file, "--yes", "--no-manifest");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "not whole"));
    ck_assert_str_eq(snapshot(config), before);

    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 4); /* never over a file */
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

/* Nothing is left behind but the copy and its manifest, for its owner alone. */
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

/* What a backup is for. */
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
    ck_assert_int_eq(judged(text, NULL), ESPT_ALLOW);
    free(text);
}
END_TEST

/* Commands that meet the replacing find the one store or the other, and never an empty one. */
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

/* A copy of the store that 0.1.0 made. */
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

/* Nothing is ever put over a store that was kept: by today's date, and a hundred a day. */
START_TEST(a_hundred_are_kept)
{
    const char *file = copy_path("a.mdb");
    ck_assert_int_eq(CTL(config, NULL, "backup", file).status, 0);
    for (int day = 0; day < 2; day++) { /* midnight may pass */
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
                      strstr(run.err, "no free name to keep the old store by") != NULL,
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
    ck_assert_int_eq(judged(revealed(config, "bolt/web site"), NULL), ESPT_ALLOW);
    ck_assert_int_eq(judged(revealed(config, "bolt/old"), NULL), ESPT_DENY_INACTIVE);
    ck_assert_int_eq(judged(revealed(config, "late/default"), NULL), ESPT_DENY_SUSPENDED);
    ck_assert_int_eq(CTL(config, NULL, "create", "north", "more").status, 0);
    run = CTL(config, NULL, "upgrade");
    ck_assert_int_eq(run.status, 0);
    ck_assert_ptr_nonnull(strstr(run.out, "nothing was to do"));
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
    /* a damaged record stops it, and nothing is half converted */
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

/* --- what is wrong in a store of schema 1 --- */

/* Over table letter, key and value, as record_bytes.h has it for this schema. */
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
        memcpy(stamped + 3, &id, sizeof id); /* behind version, schema and whether it is closed */
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
