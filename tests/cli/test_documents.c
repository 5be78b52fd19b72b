/* SPDX-License-Identifier: ISC */
/*
 * JSON documents of commands that scripts seldom use, and output at a terminal: typed passphrases,
 * a confirmed restore, a progress bar.
 */
#include "cli/terminal.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

#define DOCUMENT(...) done(CTL(config, NULL, "--json", __VA_ARGS__))

/* --- documents --- */

START_TEST(backup_and_restore)
{
    const char *copy = keep_string(strdup(in_folder(temp_folder(), "copy.mdb")));
    json_t *made = DOCUMENT("backup", copy);
    HAS_KEYS(made, "revision", "entities", "tokens", "bytes", "sha256", "file");
    ck_assert_str_eq(text_of(made, "file"), copy);
    ck_assert_int_eq(json_integer_value(json_object_get(made, "entities")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(made, "tokens")), 3);
    struct stat st;
    ck_assert_int_eq(stat(copy, &st), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(made, "bytes")), st.st_size);
    struct run sum = run_process((const char *const[]){"sha256sum", copy, NULL}, NULL);
    ck_assert_int_eq(strncmp(sum.out, text_of(made, "sha256"), 64), 0);
    json_t *document = DOCUMENT("restore", copy, "--yes");
    HAS_KEYS(document, "restored");
    json_t *restored = json_object_get(document, "restored");
    HAS_KEYS(restored, "file", "kept");
    ck_assert_str_eq(text_of(restored, "file"), copy);
    ck_assert_int_eq(access(text_of(restored, "kept"), F_OK), 0);
    json_decref(made);
    json_decref(document);
}
END_TEST

START_TEST(nothing_was_kept)
{
    const char *copy = keep_string(strdup(in_folder(temp_folder(), "copy.mdb")));
    ck_assert_int_eq(CTL(config, NULL, "backup", copy).status, 0);
    ck_assert_int_eq(unlink(in_folder(folder, "tokens.mdb")), 0);
    json_t *document = DOCUMENT("restore", copy, "--yes");
    ck_assert(json_is_null(json_object_get(json_object_get(document, "restored"), "kept")));
    json_decref(document);
}
END_TEST

START_TEST(keys)
{
    const char *public = keep_string(strdup(in_folder(folder, "reveal.pub")));
    const char *secret = keep_string(strdup(in_folder(folder, "reveal.key")));
    const char *words = keep_string(strdup(in_folder(folder, "words")));
    json_t *rotated = DOCUMENT("key", "rotate");
    HAS_KEYS(rotated, "public_key", "secret_key");
    ck_assert_str_eq(text_of(rotated, "public_key"), public);
    ck_assert_str_eq(text_of(rotated, "secret_key"), secret);
    file_write(words, "correct horse\n", 14, 0600);
    json_t *set = DOCUMENT("key", "passphrase", "--new-passphrase-file", words);
    HAS_KEYS(set, "secret_key", "passphrase");
    ck_assert(json_is_true(json_object_get(set, "passphrase")));
    json_t *taken = DOCUMENT("key", "passphrase", "--passphrase-file", words, "--remove");
    ck_assert(json_is_false(json_object_get(taken, "passphrase")));
    json_decref(rotated);
    json_decref(set);
    json_decref(taken);
}
END_TEST

START_TEST(log_head_is_a_pin)
{
    struct run plain = CTL(config, NULL, "log", "verify");
    json_t *head = DOCUMENT("log", "verify");
    HAS_KEYS(head, "entries", "hash");
    char pin[128];
    snprintf(pin, sizeof pin, "%lld:%s",
             (long long)json_integer_value(json_object_get(head, "entries")),
             text_of(head, "hash"));
    ck_assert_ptr_nonnull(strstr(plain.out, pin));
    ck_assert_int_eq(CTL(config, NULL, "log", "verify", "--pin", pin).status, 0);
    json_decref(head);
}
END_TEST

START_TEST(fold_counts_files)
{
    const char *text = revealed(config, "acme/default");
    ck_assert_int_eq(CTL(config, text, "verify").status, 0); /* a host that ends at once */
    json_t *first = DOCUMENT("usage", "fold"), *second = DOCUMENT("usage", "fold");
    HAS_KEYS(first, "folded");
    ck_assert_int_ge(json_integer_value(json_object_get(first, "folded")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(second, "folded")), 0);
    json_decref(first);
    json_decref(second);
}
END_TEST

/* Returns "LOGIN>USER", as the log names this user after sudo from `login`. */
static const char *after_sudo(const char *login)
{
    const struct passwd *user = getpwuid(geteuid());
    char *words = NULL;
    ck_assert_int_gt(asprintf(&words, "%s>%s", login, user != NULL ? user->pw_name : "uid"), 0);
    return keep_string(words);
}

START_TEST(sudo_is_told)
{
    setenv("SUDO_USER", "someone", 1);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    unsetenv("SUDO_USER");
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "log").out, after_sudo("someone")));
}
END_TEST

START_TEST(sudo_is_printable)
{
    setenv("SUDO_USER", "some\033one", 1);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "second").status, 0);
    unsetenv("SUDO_USER");
    const char *log = CTL(config, NULL, "log").out;
    ck_assert_msg(strstr(log, after_sudo("some?one")) != NULL && strchr(log, '\033') == NULL, "%s",
                  log);
}
END_TEST

/* Each line of the manifest is changed into one that backup never writes. */
START_TEST(manifest_is_none)
{
    static const char *const edits[] = {"s/entities/things/", "s/revision/version/",
                                        "s/^[0-9a-f]\\{4\\}//", "s/^[0-9a-f]\\{4\\}/wxyz/"};
    const char *copy = keep_string(strdup(in_folder(temp_folder(), "copy.mdb")));
    ck_assert_int_eq(CTL(config, NULL, "backup", copy).status, 0);
    const char *before = snapshot(config);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char command[1024];
        snprintf(command, sizeof command,
                 "cd '%s' && cp copy.mdb.manifest kept && sed -i '%s' copy.mdb.manifest && "
                 "! cmp -s kept copy.mdb.manifest",
                 keep_string(strndup(copy, (size_t)(strrchr(copy, '/') - copy))), edits[i]);
        ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status,
                         0);
        struct run run = CTL(config, NULL, "restore", copy, "--yes");
        ck_assert_msg(run.status == 5 &&
                          strstr(run.err, "not a manifest as backup writes it") != NULL,
                      "%s: %d %s", edits[i], run.status, run.err);
        ck_assert_str_eq(snapshot(config), before);
        snprintf(command, sizeof command, "mv '%.*s/kept' '%s.manifest'",
                 (int)(strrchr(copy, '/') - copy), copy, copy);
        ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status,
                         0);
    }
    ck_assert_int_eq(CTL(config, NULL, "restore", copy, "--yes").status, 0);
}
END_TEST

/* --- at a terminal --- */

/* Runs a command and answers each question in order. Questions end in a colon. */
static struct seen types(const char *const *args, const char *const *answers)
{
    struct seen seen = {0};
    size_t len = 0, asked = 0;
    int terminal;
    pid_t child = terminal_begin(config, args, &terminal);
    ssize_t got;
    while ((got = read(terminal, seen.text + len, sizeof seen.text - 1 - len)) > 0) {
        len += (size_t)got;
        if (len > 2 && strcmp(seen.text + len - 2, ": ") == 0 && answers[asked] != NULL) {
            ck_assert_int_gt(write(terminal, answers[asked], strlen(answers[asked])), 0);
            asked++;
        }
    }
    seen.status = terminal_end(child, terminal);
    ck_assert_ptr_null(answers[asked]); /* every answer was used */
    return seen;
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(passphrase_is_typed_twice)
{
    struct seen seen =
        types(WORDS("key", "passphrase"), WORDS("correct horse\n", "correct house\n"));
    ck_assert_msg(seen.status == 4, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "the two passphrases differ; nothing was changed"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/default", "--reveal").status, 0);
    seen = types(WORDS("key", "passphrase"), WORDS("\n"));
    ck_assert_msg(seen.status == 4, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "no passphrase was given"));
    seen = types(WORDS("key", "passphrase"), WORDS("correct horse\n", "correct horse\n"));
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_ptr_null(strstr(seen.text, "horse")); /* no echo */
    seen = types(WORDS("show", "acme/default", "--reveal"), WORDS("correct horse\n"));
    ck_assert_msg(seen.status == 0 && strstr(seen.text, TEXT_PATTERN) != NULL, "%s", seen.text);
    seen = types(WORDS("show", "acme/default", "--reveal"), WORDS("correct house\n"));
    ck_assert_msg(seen.status == 4 && strstr(seen.text, TEXT_PATTERN) == NULL, "%s", seen.text);
}
END_TEST

START_TEST(restoring_is_asked)
{
    const char *copy = keep_string(strdup(in_folder(temp_folder(), "copy.mdb")));
    ck_assert_int_eq(CTL(config, NULL, "backup", copy).status, 0);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "late").status, 0);
    struct seen seen = AT_TERMINAL(config, "n\n", NULL, "restore", copy);
    ck_assert_msg(seen.status == 4, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "3 entities, 4 tokens"));
    ck_assert_ptr_nonnull(strstr(seen.text, "3 entities, 3 tokens"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/late").status, 0);
    seen = AT_TERMINAL(config, "yes\n", NULL, "restore", copy, "--no-manifest");
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "without a manifest"));
    ck_assert_int_eq(CTL(config, NULL, "show", "acme/late").status, 3);
}
END_TEST

START_TEST(restoring_over_damage_is_asked)
{
    const char *copy = keep_string(strdup(in_folder(temp_folder(), "copy.mdb")));
    ck_assert_int_eq(CTL(config, NULL, "backup", copy).status, 0);
    file_write(in_folder(folder, "tokens.mdb"), "damaged", 7, 0640);
    struct seen seen = AT_TERMINAL(config, "y\n", NULL, "restore", copy);
    ck_assert_msg(seen.status == 0, "%s", seen.text);
    ck_assert_ptr_nonnull(strstr(seen.text, "the store  "));
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
}
END_TEST

/* Creates so many tokens that the run exceeds the half second after which a bar is drawn: sealing
   their texts takes that long with the real libsodium. */
START_TEST(bar_while_it_lasts)
{
    unsetenv("LD_PRELOAD");
    char command[2048];
    const char *tiers = in_folder(folder, "tiers.ini");
    snprintf(command, sizeof command,
             "sed -i 's/^max_tokens.*/max_tokens = unlimited/' '%s' && seq 30000 > '%s/names'",
             tiers, folder);
    ck_assert_int_eq(run_process(WORDS("sh", "-c", command), NULL).status, 0);
    /* the output goes to a file, the bar to the terminal */
    snprintf(command, sizeof command,
             "'%s' -c '%s' create acme --from '%s/names' -q > '%s/made'; echo done $?", ctl_path(),
             config, folder, folder);
    int terminal;
    char text[65536] = "";
    size_t len = 0;
    ssize_t got;
    pid_t child = forkpty(&terminal, NULL, NULL, &(struct winsize){24, 80, 0, 0});
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        execlp("sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    while ((got = read(terminal, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)got;
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    close(terminal);
    ck_assert_msg(strstr(text, "done 0") != NULL, "%s", text);
    ck_assert_msg(strstr(text, " % ") != NULL && strstr(text, " s left, ") != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, "\r\033[K")); /* the bar is erased */
}
END_TEST

int main(void)
{
    setenv("LC_ALL", "C", 1);
    cheap_crypto();
    Suite *suite = suite_create("documents");
    TCase *tests = tcase_create("documents");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, backup_and_restore);
    tcase_add_test(tests, nothing_was_kept);
    tcase_add_test(tests, keys);
    tcase_add_test(tests, log_head_is_a_pin);
    tcase_add_test(tests, fold_counts_files);
    tcase_add_test(tests, sudo_is_told);
    tcase_add_test(tests, sudo_is_printable);
    tcase_add_test(tests, manifest_is_none);
    tcase_add_test(tests, passphrase_is_typed_twice);
    tcase_add_test(tests, restoring_is_asked);
    tcase_add_test(tests, restoring_over_damage_is_asked);
    tcase_add_test(tests, bar_while_it_lasts);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
