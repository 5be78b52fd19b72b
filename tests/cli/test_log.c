/* SPDX-License-Identifier: ISC */
/* The audit log: every change has an entry, no entry has a secret, and every alteration is
   found. */
#include "cli/terminal.h"

#include "common/crc32c.h"
#include "store/log.h"
#include "support/namespace.h"

#include <lmdb.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static json_t *entries(const char *filter, const char *value)
{
    json_t *json = done(filter != NULL ? CTL(config, NULL, "--json", "log", filter, value)
                                       : CTL(config, NULL, "--json", "log"));
    json_t *list = json_incref(json_object_get(json, "entries"));
    json_decref(json);
    return list;
}

static json_t *last_entry(void)
{
    json_t *list = entries(NULL, NULL);
    json_t *last = json_incref(json_array_get(list, json_array_size(list) - 1));
    json_decref(list);
    return last;
}

static const char *field(json_t *entry, size_t change, const char *state, const char *key)
{
    json_t *item = json_array_get(json_object_get(entry, "changes"), change);
    return text_of(json_object_get(item, state), key);
}

/* su and sudo change the user who runs a command, but not the login user, which the kernel's audit
   keeps. */
START_TEST(who_logged_in)
{
    static const char *const users[][2] = {{"0", "root"}, {"4294967294", "uid 4294967294"}};
    if (!mounts_possible("who_logged_in"))
        return;
    for (size_t i = 0; i < 2; i++) {
        const char *login = keep_string(strdup(in_folder(folder, "loginuid")));
        file_text(login, users[i][0]);
        const char *const argv[] = {"unshare",
                                    "--mount",
                                    "sh",
                                    "-ec",
                                    "mount --bind \"$1\" /proc/$$/loginuid; exec \"$0\" -c \"$2\" "
                                    "edit zed/default --name \"$3\"",
                                    ctl_path(),
                                    login,
                                    config,
                                    i == 0 ? "one" : "two",
                                    NULL};
        if (i == 1)
            ck_assert_int_eq(CTL(config, NULL, "edit", "zed/one", "--name", "default").status, 0);
        struct run run = run_process(argv, NULL);
        ck_assert_msg(run.status == 0, "%s", run.err);
        json_t *last = last_entry();
        ck_assert_str_eq(text_of(last, "login"), users[i][1]);
        json_decref(last);
    }
}
END_TEST

START_TEST(each_change_says_what_it_was)
{
    json_t *list = entries(NULL, NULL);
    ck_assert_uint_eq(json_array_size(list), 3);
    json_t *first = json_array_get(list, 0);
    HAS_KEYS(first, "sequence", "time", "revision", "user", "login", "sudo", "as", "command",
             "changes", "hash");
    ck_assert_str_eq(text_of(first, "command"), "entity add");
    ck_assert_str_eq(field(first, 0, "after", "name"), "acme");
    ck_assert_str_eq(field(first, 1, "after", "name"), "default");
    json_decref(list);

    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--name", "new", "--status",
                         "inactive", "--expires", "never", "--as", "bolt")
                         .status,
                     0);
    json_t *entry = last_entry();
    ck_assert_str_eq(text_of(entry, "as"), "bolt");
    ck_assert_str_eq(field(entry, 0, "before", "name"), "default");
    ck_assert_str_eq(field(entry, 0, "after", "name"), "new");
    ck_assert_str_eq(field(entry, 0, "before", "status"), "active");
    ck_assert_str_eq(field(entry, 0, "after", "status"), "inactive");
    json_decref(entry);

    ck_assert_int_eq(CTL(config, NULL, "entity", "edit", "acme", "--tier", "lite").status, 0);
    entry = last_entry();
    ck_assert_str_eq(field(entry, 0, "before", "tier"), "advanced");
    ck_assert_str_eq(field(entry, 0, "after", "tier"), "lite");
    json_decref(entry);

    ck_assert_int_eq(CTL(config, NULL, "entity", "remove", "zed", "--yes").status, 0);
    entry = last_entry();
    ck_assert_uint_eq(json_array_size(json_object_get(entry, "changes")), 2);
    ck_assert_str_eq(field(entry, 0, "before", "entity"), "zed");
    ck_assert_str_eq(field(entry, 1, "before", "name"), "zed");
    json_decref(entry);
    struct run text = CTL(config, NULL, "log");
    ck_assert_int_eq(text.status, 0);
    ck_assert_ptr_nonnull(strstr(text.out, "reseller acme changed tier advanced -> lite"));
}
END_TEST

START_TEST(a_refused_command_has_no_entry)
{
    json_t *before = last_entry();
    ck_assert_int_eq(CTL(config, NULL, "create", "bolt", "second").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/default", "--yes").status, 4);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/none", "--name", "x").status, 3);
    json_t *after = last_entry();
    ck_assert(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}
END_TEST

/* If the entry cannot be written, the text is not shown. */
START_TEST(a_reveal_is_entered_first)
{
    const char *text = revealed(config, "bolt/default");
    json_t *entry = last_entry();
    ck_assert_str_eq(text_of(entry, "command"), "show");
    ck_assert_str_eq(text_of(json_array_get(json_object_get(entry, "changes"), 0), "what"),
                     "reveal");
    json_decref(entry);
    size_t len;
    const char *store = file_read(in_folder(folder, "tokens.mdb"), &len);
    ck_assert_ptr_null(memmem(store, len, text, strlen(text)));
    struct run log = CTL(config, NULL, "--json", "log");
    ck_assert_ptr_null(strstr(log.out, "esptk_"));
    /* the process may not write to any file */
    char *script = NULL;
    ck_assert_int_gt(asprintf(&script,
                              "ulimit -f 0; trap '' XFSZ; exec %s -c %s show bolt/default --reveal "
                              "2>/dev/null | cat",
                              ctl_path(), config),
                     0);
    struct run run = run_process((const char *const[]){"sh", "-c", script, NULL}, NULL);
    free(script);
    ck_assert_str_eq(run.out, "");
}
END_TEST

START_TEST(filters)
{
    json_t *token = done(CTL(config, NULL, "--json", "show", "bolt/default"));
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--name", "x").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "remove", "bolt/x", "--yes", "--last").status, 0);
    json_t *list = entries("--token", text_of(token, "id"));
    ck_assert_uint_eq(json_array_size(list), 3);
    json_decref(list);
    list = entries("--entity", "bolt");
    ck_assert_uint_eq(json_array_size(list), 3);
    json_decref(list);
    list = entries("--entity", "acme"); /* also the creation of its customer */
    ck_assert_uint_eq(json_array_size(list), 2);
    json_decref(list);
    list = entries("--since", "1h");
    ck_assert_uint_eq(json_array_size(list), 5);
    json_decref(list);
    list = entries("--since", "2999-01-01");
    ck_assert_uint_eq(json_array_size(list), 0);
    json_decref(list);
    json_decref(token);
    ck_assert_int_eq(CTL(config, NULL, "log", "--since", "soon").status, 2);
    ck_assert_int_eq(CTL(config, NULL, "log", "--token", "soon").status, 2);
}
END_TEST

START_TEST(follow_goes_on)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(ctl_path(), ctl_path(), "-c", config, "--json", "log", "--follow", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    char line[8192];
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(fgets(line, sizeof line, out));
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--name", "followed").status, 0);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, out));
    json_t *entry = document(line);
    ck_assert_str_eq(field(entry, 0, "after", "name"), "followed");
    json_decref(entry);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    fclose(out);
}
END_TEST

/* Changes an entry, as any program with access to the file can. Such a change breaks the chain. */
static void alter(uint64_t sequence, int what)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, TABLE_COUNT);
    ck_assert_int_eq(mdb_env_open(env, in_folder(folder, "tokens.mdb"), MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, "log", MDB_INTEGERKEY, &dbi), 0);
    struct record_key key = key_integer(sequence);
    MDB_val k = {key.len, key.bytes}, v;
    ck_assert_int_eq(mdb_get(txn, dbi, &k, &v), 0);
    if (what == 0) {
        ck_assert_int_eq(mdb_del(txn, dbi, &k, NULL), 0);
    } else {
        /* changes a byte of the time, with a new checksum of the record */
        uint8_t bytes[4096];
        memcpy(bytes, v.mv_data, v.mv_size);
        bytes[1] ^= 1;
        uint32_t crc = crc32c(crc32c(crc32c(0, "l", 1), key.bytes, key.len), bytes, v.mv_size - 4);
        memcpy(bytes + v.mv_size - 4, &crc, 4);
        v.mv_data = bytes;
        ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
    }
    mdb_dbi_open(txn, NULL, 0, &dbi);
    struct state_record state;
    key = key_state();
    k = (MDB_val){key.len, key.bytes};
    ck_assert_int_eq(mdb_get(txn, dbi, &k, &v), 0);
    ck_assert_int_eq(state_decode(v.mv_data, v.mv_size, &state), STATE_GOOD);
    state.transaction = mdb_txn_id(txn);
    uint8_t value[RECORD_MAX];
    v = (MDB_val){state_encode(&state, value), value};
    ck_assert_int_eq(mdb_put(txn, dbi, &k, &v, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static char *head(void)
{
    struct run run = CTL(config, NULL, "log", "verify");
    ck_assert_msg(run.status == 0, "%s", run.err);
    run.out[strcspn(run.out, "\n")] = '\0';
    return run.out;
}

START_TEST(an_altered_entry_is_seen)
{
    head();
    alter(2, 1);
    struct run run = CTL(config, NULL, "log", "verify");
    ck_assert_int_eq(run.status, 5);
    ck_assert_ptr_nonnull(strstr(run.err, "after entry 1"));
    run = CTL(config, NULL, "--json", "check");
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "entry 2"));
}
END_TEST

START_TEST(a_missing_entry_is_seen)
{
    alter(2, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify").status, 5);
}
END_TEST

/* A log truncated at its end is consistent: only a pinned head shows the loss. */
START_TEST(a_cut_log_is_seen_by_its_pin)
{
    const char *pin = head();
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", pin).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/default", "--name", "x").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", pin).status, 0);
    const char *later = head();
    alter(4, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", later).status, 5);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", pin).status, 0);
    /* another change takes the place of the lost one */
    ck_assert_int_eq(CTL(config, NULL, "edit", "bolt/x", "--name", "y").status, 0);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", later).status, 5);
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", "1:00").status, 2);
}
END_TEST

/* At a terminal, an entry is printed once before its changes. A pipe gets one line for each
   change. */
START_TEST(for_a_person)
{
    struct run run = CTL(config, NULL, "log", "--entity", "zed");
    setenv("TERM", "xterm", 1);
    struct seen seen = AT_TERMINAL(config, NULL, NULL, "log", "--entity", "zed");
    ck_assert_ptr_nonnull(strstr(seen.text, "entity add\033[0m\r\n"));
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[32madded\033[0m"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/default", "--reveal").status, 0);
    seen = AT_TERMINAL(config, NULL, NULL, "log", "-n", "1");
    ck_assert_ptr_nonnull(strstr(seen.text, "\033[35mtext shown\033[0m"));
    setenv("NO_COLOR", "1", 1);
    seen = AT_TERMINAL(config, NULL, NULL, "log", "--entity", "zed");
    size_t lines = 0;
    for (const char *at = run.out; (at = strstr(at, "entity add")) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, 2);
    const char *first = strstr(seen.text, "  entity add\r\n  customer zed added");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(strstr(first, "\r\n  token zed/\"default\" ("));
    ck_assert_ptr_null(strstr(first + 4, "entity add"));
}
END_TEST

/* A name cannot forge a part of a line: the name is quoted, and quotes within it are escaped. */
START_TEST(names_are_quoted)
{
    const char *name = "now status active -> inactive", *quotes = "a\" (00000000000) added";
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", name).status, 0);
    struct run run = CTL(config, NULL, "log");
    ck_assert_ptr_nonnull(strstr(run.out, "token acme/\"now status active -> inactive\" ("));
    ck_assert_ptr_null(strstr(run.out, "acme/now status"));
    ck_assert_int_eq(
        CTL(config, NULL, "edit", "acme/now status active -> inactive", "--name", quotes).status,
        0);
    run = CTL(config, NULL, "log");
    ck_assert_ptr_nonnull(strstr(run.out, "changed name \"now status active -> inactive\" -> "
                                          "\"a\\\" (00000000000) added\""));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("audit");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, each_change_says_what_it_was);
    tcase_add_test(tcase, who_logged_in);
    tcase_add_test(tcase, names_are_quoted);
    tcase_add_test(tcase, a_refused_command_has_no_entry);
    tcase_add_test(tcase, a_reveal_is_entered_first);
    tcase_add_test(tcase, filters);
    tcase_add_test(tcase, for_a_person);
    tcase_add_test(tcase, follow_goes_on);
    tcase_add_test(tcase, an_altered_entry_is_seen);
    tcase_add_test(tcase, a_missing_entry_is_seen);
    tcase_add_test(tcase, a_cut_log_is_seen_by_its_pin);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
