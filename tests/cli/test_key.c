/* SPDX-License-Identifier: ISC */
/* The reveal key: rotation, and its passphrase. */
#include "cli/drive.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *config, *folder;

static void setup(void)
{
    config = populated(&folder);
}

static char *text_of_token(const char *token, const char *passphrase_file)
{
    struct run run = passphrase_file != NULL
                         ? CTL(config, NULL, "--json", "show", token, "--reveal",
                               "--passphrase-file", passphrase_file)
                         : CTL(config, NULL, "--json", "show", token, "--reveal");
    json_t *json = done(run);
    char *text = strdup(text_of(json, "token"));
    json_decref(json);
    return text;
}

static const char *secret_file(const char *name, const char *text)
{
    char *path = keep_string(strdup(in_folder(folder, name)));
    file_write(path, text, strlen(text), 0600);
    return path;
}

START_TEST(rotate_keeps_every_text)
{
    char *public = file_read(in_folder(folder, "reveal.pub"), NULL);
    char *secret = file_read(in_folder(folder, "reveal.key"), NULL);
    char *old = text_of_token("bolt/default", NULL);
    ck_assert_int_eq(CTL(config, NULL, "rotate", "acme/default").status, 0);
    struct run run = CTL(config, NULL, "key", "rotate");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_str_ne(file_read(in_folder(folder, "reveal.pub"), NULL), public);
    const char *now = file_read(in_folder(folder, "reveal.key"), NULL);
    ck_assert_int_ne(strncmp(now, secret, 64), 0);
    char kept[65];
    snprintf(kept, sizeof kept, "%.64s", secret);
    ck_assert_ptr_nonnull(strstr(now, kept)); /* for older backups */
    struct stat st;
    ck_assert_int_eq(stat(in_folder(folder, "reveal.key"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    char *new = text_of_token("bolt/default", NULL);
    ck_assert_str_eq(new, old);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "later").status, 0);
    free(text_of_token("acme/later", NULL));
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    /* the old key opens no text any more */
    file_write(in_folder(folder, "reveal.key"), secret, strlen(secret), 0600);
    ck_assert_int_eq(CTL(config, NULL, "show", "bolt/default", "--reveal").status, 5);
    free(old);
    free(new);
}
END_TEST

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

/* A killed run of 0.2.0 leaves both keys in the file. */
START_TEST(a_broken_off_one_goes_on)
{
    char *old = text_of_token("bolt/default", NULL);
    char *secret = file_read(in_folder(folder, "reveal.key"), NULL), *both = NULL;
    ck_assert_int_gt(
        asprintf(&both, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n%s",
                 secret),
        0);
    file_write(in_folder(folder, "reveal.key"), both, strlen(both), 0600);
    char *text = text_of_token("bolt/default", NULL);
    ck_assert_str_eq(text, old);
    free(text);
    ck_assert_int_eq(CTL(config, NULL, "key", "rotate").status, 0);
    text = text_of_token("bolt/default", NULL);
    ck_assert_str_eq(text, old);
    ck_assert_uint_eq(lines_of(file_read(in_folder(folder, "reveal.key"), NULL)), 3);
    free(text);
    free(both);
    free(old);
}
END_TEST

#define KEY_LINE 65
#define EIGHT_KEYS (8 * KEY_LINE + 1)

/* Adds seven keys of interrupted rotations of 0.2.0 before the current key. */
static void plant_seven(char out[static EIGHT_KEYS], const char *secret)
{
    for (int i = 0; i < 7; i++)
        snprintf(out + KEY_LINE * i, EIGHT_KEYS - KEY_LINE * (size_t)i, "%062d%02d\n", 0, 10 + i);
    snprintf(out + KEY_LINE * 7, EIGHT_KEYS - KEY_LINE * 7, "%s", secret);
    file_write(in_folder(folder, "reveal.key"), out, strlen(out), 0600);
}

/* A rotation succeeds after any number of interrupted ones. */
START_TEST(eight_broken_off_ones)
{
    char *old = text_of_token("bolt/default", NULL);
    char keys[EIGHT_KEYS];
    const char *secret = file_read(in_folder(folder, "reveal.key"), NULL);
    plant_seven(keys, secret);
    struct run run = CTL(config, NULL, "key", "rotate");
    ck_assert_msg(run.status == 0, "%s", run.err);
    ck_assert_uint_eq(lines_of(file_read(in_folder(folder, "reveal.key"), NULL)), 9);
    char *text = text_of_token("bolt/default", NULL);
    ck_assert_str_eq(text, old);
    free(text);
    free(old);
}
END_TEST

/* If the next rotation fails too, every key is still in the file. */
START_TEST(a_ninth_broken_off_one)
{
    char *old = text_of_token("bolt/default", NULL);
    char keys[EIGHT_KEYS];
    const char *secret = file_read(in_folder(folder, "reveal.key"), NULL);
    plant_seven(keys, secret);
    ck_assert_int_eq(unlink(in_folder(folder, "reveal.pub")), 0);
    struct run run = CTL(config, NULL, "key", "rotate");
    ck_assert_msg(run.status == 5 && strstr(run.err, "reveal.pub") != NULL, "%s", run.err);
    ck_assert_str_eq(file_read(in_folder(folder, "reveal.key"), NULL), keys);
    char *text = text_of_token("bolt/default", NULL);
    ck_assert_str_eq(text, old);
    free(text);
    free(old);
}
END_TEST

/* The next command removes the temporary secret file of a killed run. */
START_TEST(swept)
{
    static const char *const left = "reveal.key.new-0123abcd", *const kept[] = {
                                                                   "reveal.key.new-mine",
                                                                   "reveal.key.old",
                                                                   "reveal.key.new-0123abcd.bak"};
    static const char *const commands[][3] = {{"key", "rotate", NULL},
                                              {"key", "passphrase", "--remove"}};
    for (size_t i = 0; i < 2; i++) {
        file_write(in_folder(folder, left), "0011", 4, 0600);
        for (size_t k = 0; k < 3; k++)
            file_write(in_folder(folder, kept[k]), "0011", 4, 0600);
        struct run run = CTL(config, NULL, commands[i][0], commands[i][1], commands[i][2]);
        ck_assert_msg(run.status == 0, "%s", run.err);
        ck_assert_int_eq(access(in_folder(folder, left), F_OK), -1);
        for (size_t k = 0; k < 3; k++)
            ck_assert_int_eq(access(in_folder(folder, kept[k]), F_OK), 0);
    }
}
END_TEST

START_TEST(a_passphrase_guards_it)
{
    const char *words = secret_file("words", "correct horse\n");
    const char *other = secret_file("other", "battery staple\nand more\n");
    char *old = text_of_token("bolt/default", NULL);
    char *plain = file_read(in_folder(folder, "reveal.key"), NULL);
    struct run run = CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", words);
    ck_assert_msg(run.status == 0, "%s", run.err);
    const char *guarded = file_read(in_folder(folder, "reveal.key"), NULL);
    ck_assert_int_eq(strncmp(guarded, "argon2id:", 9), 0);
    ck_assert_ptr_null(strstr(guarded, "horse"));
    plain[64] = '\0';
    ck_assert_ptr_null(strstr(guarded, plain));
    /* create needs no passphrase; show --reveal does */
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "later").status, 0);
    run = CTL(config, NULL, "show", "bolt/default", "--reveal");
    ck_assert_int_ne(run.status, 0);
    ck_assert_ptr_null(strstr(run.out, TEXT_PATTERN));
    run = CTL(config, NULL, "show", "bolt/default", "--reveal", "--passphrase-file", other);
    ck_assert_int_eq(run.status, 4);
    ck_assert_ptr_null(strstr(run.err, "battery"));
    char *text = text_of_token("bolt/default", words);
    ck_assert_str_eq(text, old);
    free(text);
    /* another passphrase; a new key under the same passphrase; no passphrase */
    ck_assert_int_eq(CTL(config, NULL, "key", "passphrase", "--passphrase-file", words,
                         "--new-passphrase-file", other)
                         .status,
                     0);
    ck_assert_int_eq(CTL(config, NULL, "key", "rotate", "--passphrase-file", words).status, 4);
    ck_assert_int_eq(CTL(config, NULL, "key", "rotate", "--passphrase-file", other).status, 0);
    text = text_of_token("acme/later", other);
    free(text);
    ck_assert_int_eq(
        CTL(config, NULL, "key", "passphrase", "--remove", "--passphrase-file", other).status, 0);
    text = text_of_token("bolt/default", NULL);
    ck_assert_str_eq(text, old);
    free(text);
    free(old);
}
END_TEST

START_TEST(passphrase_files_are_checked)
{
    const char *before = file_read(in_folder(folder, "reveal.key"), NULL);
    char *path = strdup(in_folder(folder, "words"));
    file_write(path, "words\n", 6, 0644);
    ck_assert_int_eq(CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", path).status,
                     5);
    file_write(path, "\n", 1, 0600);
    ck_assert_int_eq(CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", path).status,
                     2);
    ck_assert_int_eq(CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", "/no").status,
                     5);
    ck_assert_str_eq(file_read(in_folder(folder, "reveal.key"), NULL), before);
    free(path);
}
END_TEST

static void is_no_key(struct run run)
{
    ck_assert_msg(run.status == 5 && strstr(run.err, "not a key as init writes it") != NULL,
                  "%d %s", run.status, run.err);
}

/* Every file that is not a key is refused. */
START_TEST(odd_files)
{
    static const char *const odd[] = {
        "",
        "\n",
        "zz",
        "argon2id:",
        "argon2id:1:2:3",
        "argon2id:0:65536:00:00:00",
        "argon2id:99999999999:1:00112233445566778899aabbccddeeff:00:00",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff next\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff other\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff kept 90d\n",
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff kept 2026-11-29\n"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        file_write(in_folder(folder, "reveal.key"), odd[i], strlen(odd[i]), 0600);
        struct run run = CTL(config, NULL, "show", "bolt/default", "--reveal");
        ck_assert_msg(run.status == 5, "%zu: %d %s", i, run.status, run.err);
    }
    char many[65 * 65 + 1];
    for (int i = 0; i < 65; i++)
        snprintf(many + 65 * i, sizeof many - 65 * (size_t)i, "%062d%02d\n", 0, 10 + i);
    file_write(in_folder(folder, "reveal.key"), many, sizeof many - 1, 0600);
    is_no_key(CTL(config, NULL, "show", "bolt/default", "--reveal"));
}
END_TEST

/* A public file without a usable key is refused: nobody could see the texts of new tokens again. */
START_TEST(odd_public_files)
{
    static const char half[] = "00112233445566778899aabbccddeeff";
    char odd[4][200];
    snprintf(odd[0], sizeof odd[0], "zz\n");
    snprintf(odd[1], sizeof odd[1], "%s\n", half);
    snprintf(odd[2], sizeof odd[2], "%s%s\n%s%s\n", half, half, half, half);
    snprintf(odd[3], sizeof odd[3], "%s%s\nmore", half, half);
    const char *before = lists_of(config);
    for (size_t i = 0; i < 4; i++) {
        file_text(in_folder(folder, "reveal.pub"), odd[i]);
        is_no_key(CTL(config, NULL, "create", "acme", "new"));
    }
    /* the digits of a key, but not a valid key */
    char zeros[70];
    snprintf(zeros, sizeof zeros, "%064d\n", 0);
    file_text(in_folder(folder, "reveal.pub"), zeros);
    struct run run = CTL(config, NULL, "create", "acme", "new");
    ck_assert_msg(run.status == 5 && strstr(run.err, "not a usable public key") != NULL, "%s",
                  run.err);
    ck_assert_str_eq(lists_of(config), before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key");
    TCase *tcase = tcase_create("reveal");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, rotate_keeps_every_text);
    tcase_add_test(tcase, a_broken_off_one_goes_on);
    tcase_add_test(tcase, eight_broken_off_ones);
    tcase_add_test(tcase, a_ninth_broken_off_one);
    tcase_add_test(tcase, swept);
    tcase_add_test(tcase, a_passphrase_guards_it);
    tcase_add_test(tcase, passphrase_files_are_checked);
    tcase_add_test(tcase, odd_files);
    tcase_add_test(tcase, odd_public_files);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
