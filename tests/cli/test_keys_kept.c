/* SPDX-License-Identifier: ISC */
/*
 * A new reveal key loses no text. Old keys are kept, texts that no key opens are counted, and only
 * an explicit command removes a key.
 */
#include "cli/terminal.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *config, *folder, *secret;

static void setup(void)
{
    config = populated(&folder);
    secret = keep_string(strdup(in_folder(folder, "reveal.key")));
}

static void does(struct run run)
{
    ck_assert_msg(run.status == 0, "%d: %s%s", run.status, run.out, run.err);
}

static size_t lines_of(const char *path)
{
    size_t lines = 0;
    for (const char *text = file_read(path, NULL); *text != '\0'; text++)
        lines += *text == '\n';
    return lines;
}

static const char *backup(const char *name)
{
    const char *path = keep_string(strdup(in_folder(temp_folder(), name)));
    does(CTL(config, NULL, "backup", path));
    return path;
}

/* Returns the eight digits of a kept key by its index in the list. */
static const char *id_of(size_t place)
{
    json_t *json = done(CTL(config, NULL, "--json", "key", "list"));
    json_t *key = json_array_get(json_object_get(json, "keys"), place);
    const char *id = keep_string(strdup(text_of(key, "key")));
    json_decref(json);
    return id;
}

static json_int_t opens(size_t place, const char *state)
{
    json_t *json = done(CTL(config, NULL, "--json", "key", "list"));
    json_t *key = json_array_get(json_object_get(json, "keys"), place);
    ck_assert_str_eq(text_of(key, "state"), state);
    json_int_t texts = json_integer_value(json_object_get(key, "texts"));
    json_decref(json);
    return texts;
}

/* After backup, key rotate and restore, the restored texts are sealed to the previous key. */
START_TEST(a_restored_store_is_open)
{
    const char *old = keep_string(strdup(revealed(config, "bolt/default")));
    const char *copy = backup("a.mdb");
    does(CTL(config, NULL, "key", "rotate"));
    does(CTL(config, NULL, "restore", copy, "--yes"));
    ck_assert_str_eq(revealed(config, "bolt/default"), old);
    does(CTL(config, NULL, "check", "--texts"));
    ck_assert_int_eq(opens(0, "in force"), 0);
    ck_assert_int_eq(opens(1, "kept"), 3);
    does(CTL(config, NULL, "key", "rotate"));
    ck_assert_str_eq(revealed(config, "bolt/default"), old);
    ck_assert_int_eq(opens(0, "in force"), 3);
    ck_assert_uint_eq(lines_of(secret), 3);
    does(CTL(config, NULL, "restore", copy, "--yes"));
    ck_assert_str_eq(revealed(config, "bolt/default"), old);
    struct stat st;
    ck_assert_int_eq(stat(secret, &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

static void lose_the_key(void)
{
    ck_assert_int_eq(unlink(secret), 0);
    ck_assert_int_eq(unlink(in_folder(folder, "reveal.pub")), 0);
    does(CTL(config, NULL, "init"));
}

/* check reports the texts that no key opens, as text and as numbers. key rotate continues, and
   names the texts that it leaves. */
START_TEST(what_no_key_opens_is_told)
{
    const char *before = file_read(secret, NULL);
    lose_the_key();
    does(CTL(config, NULL, "create", "acme", "new"));
    for (int texts = 0; texts < 2; texts++) {
        struct run run = texts ? CTL(config, NULL, "--json", "check", "--texts")
                               : CTL(config, NULL, "--json", "check");
        ck_assert_int_eq(run.status, 1);
        json_t *json = document(run.out);
        json_t *finding = json_array_get(json_object_get(json, "findings"), 0);
        ck_assert_str_eq(text_of(finding, "kind"), "text");
        ck_assert_ptr_nonnull(
            strstr(text_of(finding, "message"), "none of its keys opens 3 of the 4 texts"));
        ck_assert_ptr_nonnull(strstr(text_of(finding, "message"), "zed/default"));
        json_decref(json);
    }
    for (size_t i = 1; i <= 2; i++) {
        struct run run = CTL(config, NULL, "key", "rotate");
        does(run);
        ck_assert_ptr_nonnull(strstr(run.err, "opens 3 texts, left unchanged"));
        ck_assert_ptr_nonnull(strstr(run.err, "acme/default"));
        ck_assert_uint_eq(lines_of(secret), i + 1);
    }
    free(strdup(revealed(config, "acme/new")));
    struct run run = CTL(config, NULL, "show", "zed/default", "--reveal");
    ck_assert_int_eq(run.status, 5);
    /* the key is found and added on a line of its own */
    char *both = NULL;
    ck_assert_int_gt(asprintf(&both, "%s%s", file_read(secret, NULL), before), 0);
    file_write(secret, both, strlen(both), 0600);
    free(both);
    free(strdup(revealed(config, "zed/default")));
    does(CTL(config, NULL, "check"));
    run = CTL(config, NULL, "key", "rotate");
    does(run);
    ck_assert_str_eq(run.err, "");
    does(CTL(config, NULL, "check", "--texts"));
}
END_TEST

/* A record names one of our keys, but no key opens the box: only an attempt to open it shows
   that. */
START_TEST(texts_are_opened)
{
    char *lines = strdup(CTL(config, NULL, "export", "--sealed").out);
    char *box = strstr(lines, "\"sealed\":\"");
    ck_assert_ptr_nonnull(box);
    box[20] = box[20] == 'A' ? 'B' : 'A';
    const char *to_folder, *to = store_folder(&to_folder);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "reveal.key" : "reveal.pub";
        const char *from = keep_string(strdup(in_folder(folder, name)));
        const char *key = file_read(from, NULL);
        file_write(in_folder(to_folder, name), key, strlen(key), i == 0 ? 0600 : 0644);
    }
    struct run run = CTL(to, lines, "import", "-");
    does(run);
    ck_assert_ptr_nonnull(strstr(run.err, "opens 1 of the imported texts"));
    ck_assert_int_eq(CTL(to, NULL, "check").status, 1);
    ck_assert_int_eq(CTL(to, NULL, "check", "--texts").status, 1);
    free(lines);
    /* texts of another store, whose key is missing here */
    run = CTL(config, NULL, "export", "--sealed");
    const char *other = store_folder(NULL);
    run = CTL(other, run.out, "import", "-");
    does(run);
    ck_assert_ptr_nonnull(strstr(run.err, "opens 3 of the imported texts"));
    run = CTL(other, NULL, "check");
    ck_assert_int_eq(run.status, 1);
    ck_assert_ptr_nonnull(strstr(run.out, "3 of the 3 texts"));
}
END_TEST

/* The key of an interrupted rotation is not kept for ever: the file has the same size after each
   try. */
START_TEST(broken_off_ones_do_not_pile_up)
{
    const char *in_force = file_read(secret, NULL);
    char *two = NULL;
    ck_assert_int_gt(
        asprintf(&two,
                 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff "
                 "e42e39f7de9f8bde39a2a5e8a3d2bf4cd2a2a0e4a3d2bf4cd2a2a0e4a3d2bf4c next\n%s",
                 in_force),
        0);
    file_write(secret, two, strlen(two), 0600);
    free(strdup(revealed(config, "bolt/default")));
    json_t *json = done(CTL(config, NULL, "--json", "key", "list"));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "keys")), 2);
    json_decref(json);
    ck_assert_int_eq(opens(0, "next"), 0);
    does(CTL(config, NULL, "key", "rotate"));
    ck_assert_uint_eq(lines_of(secret), 2);
    ck_assert_ptr_null(strstr(file_read(secret, NULL), "00112233445566778899aabbccddeeff0011"));
    free(two);
}
END_TEST

static void remove_one(const char *at)
{
    does(CTL(at, NULL, "remove", "bolt/default", "--yes", "--last"));
}

/* The question says how many texts are lost, so the answer counts for that number alone. */
START_TEST(texts_changed_meanwhile)
{
    const char *copy = backup("a.mdb");
    does(CTL(config, NULL, "key", "rotate"));
    does(CTL(config, NULL, "restore", copy, "--yes")); /* its texts are sealed to the first key */
    struct seen seen = AT_TERMINAL(config, "y\n", remove_one, "key", "forget", id_of(1));
    ck_assert_msg(seen.status == 4 && strstr(seen.text, "nothing was forgotten") != NULL, "%s",
                  seen.text);
    ck_assert_uint_eq(lines_of(secret), 2);
}
END_TEST

START_TEST(one_is_forgotten)
{
    const char *copy = backup("a.mdb");
    does(CTL(config, NULL, "key", "rotate"));
    does(CTL(config, NULL, "key", "rotate"));
    ck_assert_uint_eq(lines_of(secret), 3);
    const char *oldest = id_of(2);
    struct run run = CTL(config, NULL, "key", "forget", oldest);
    ck_assert_int_eq(run.status, 2); /* no terminal for the question */
    run = CTL(config, NULL, "key", "forget", id_of(0), "--yes");
    ck_assert_msg(run.status == 4 && strstr(run.err, "in force") != NULL, "%s", run.err);
    run = CTL(config, NULL, "key", "forget", "01234567", "--yes");
    ck_assert_msg(run.status == 3 && strstr(run.err, "key list") != NULL, "%s", run.err);
    char today[11];
    const time_t now = time(NULL);
    strftime(today, sizeof today, "%Y-%m-%d", gmtime(&now));
    run = CTL(config, NULL, "key", "forget", today, "--yes");
    ck_assert_msg(run.status == 2 || run.status == 3, "%s", run.err); /* date may change */
    ck_assert_uint_eq(lines_of(secret), 3);
    struct seen seen = AT_TERMINAL(config, "n\n", NULL, "key", "forget", oldest);
    ck_assert_msg(seen.status != 0 && strstr(seen.text, "for ever?") != NULL, "%s", seen.text);
    ck_assert_uint_eq(lines_of(secret), 3);
    json_t *json = done(CTL(config, NULL, "--json", "key", "forget", oldest, "--yes"));
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(json, "forgotten"), "texts")), 0);
    json_decref(json);
    ck_assert_uint_eq(lines_of(secret), 2);
    ck_assert_ptr_nonnull(strstr(CTL(config, NULL, "log").out, "key forget"));
    free(strdup(revealed(config, "bolt/default")));
    /* the texts that only this key opened stay shut, and a message says so */
    run = CTL(config, NULL, "restore", copy, "--yes");
    does(run);
    ck_assert_msg(strstr(run.err, "opens 3 of the texts in the backup") != NULL, "%s", run.err);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 1);
    run = CTL(config, NULL, "key", "list");
    ck_assert_msg(strstr(run.out, "none of them opens 3 texts") != NULL, "%s", run.out);
}
END_TEST

START_TEST(a_passphrase_is_over_all)
{
    const char *words = keep_string(strdup(in_folder(folder, "words")));
    file_write(words, "correct horse\n", 14, 0600);
    const char *copy = backup("a.mdb");
    const char *old = keep_string(strdup(revealed(config, "bolt/default")));
    char first[65];
    snprintf(first, sizeof first, "%.64s", file_read(secret, NULL));
    does(CTL(config, NULL, "key", "rotate"));
    does(CTL(config, NULL, "key", "passphrase", "--new-passphrase-file", words));
    const char *guarded = file_read(secret, NULL);
    ck_assert_ptr_null(strstr(guarded, first));
    ck_assert_uint_eq(lines_of(secret), 2);
    does(CTL(config, NULL, "key", "rotate", "--passphrase-file", words));
    ck_assert_uint_eq(lines_of(secret), 3);
    does(CTL(config, NULL, "restore", copy, "--yes"));
    json_t *json = done(CTL(config, NULL, "--json", "show", "bolt/default", "--reveal",
                            "--passphrase-file", words));
    ck_assert_str_eq(text_of(json, "token"), old);
    json_decref(json);
    /* neither command asks for a passphrase: the public halves identify the keys */
    does(CTL(config, NULL, "check"));
    ck_assert_int_eq(opens(2, "kept"), 3);
    does(CTL(config, NULL, "create", "acme", "new"));
    ck_assert_int_eq(opens(0, "in force"), 1);
    ck_assert_int_ne(CTL(config, NULL, "check", "--texts").status, 0); /* no terminal */
    does(CTL(config, NULL, "check", "--texts", "--passphrase-file", words));
    does(CTL(config, NULL, "key", "forget", id_of(1), "--yes", "--passphrase-file", words));
    does(CTL(config, NULL, "check", "--texts", "--passphrase-file", words));
    /* texts that cannot be checked without it are no findings */
    ck_assert_int_eq(unlink(in_folder(folder, "reveal.pub")), 0);
    struct run run = CTL(config, NULL, "check");
    does(run);
    ck_assert_ptr_nonnull(strstr(run.err, "1 text could not be tried without"));
    run = CTL(config, NULL, "key", "list");
    ck_assert_msg(strstr(run.out, "1 text could not be tried without") != NULL, "%s%s", run.out,
                  run.err);
    does(CTL(config, NULL, "check", "--texts", "--passphrase-file", words));
}
END_TEST

/* A file with too many keys is refused, not truncated. */
START_TEST(there_is_a_most)
{
    char *many = calloc(64, 200);
    snprintf(many, 200, "%s", file_read(secret, NULL));
    for (int i = 0; i < 63; i++)
        snprintf(many + strlen(many), 200, "%062d%02d %062d%02d kept 2026-11-29T12:00:00Z\n", 0,
                 10 + i, 0, 10 + i);
    file_write(secret, many, strlen(many), 0600);
    struct run run = CTL(config, NULL, "key", "rotate");
    ck_assert_msg(run.status == 4 && strstr(run.err, "64 keys already") != NULL, "%d %s",
                  run.status, run.err);
    ck_assert_str_eq(file_read(secret, NULL), many);
    does(CTL(config, NULL, "check"));
    free(many);
}
END_TEST

int main(void)
{
    cheap_crypto();
    Suite *suite = suite_create("kept keys");
    TCase *tcase = tcase_create("keys");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 180);
    tcase_add_test(tcase, a_restored_store_is_open);
    tcase_add_test(tcase, what_no_key_opens_is_told);
    tcase_add_test(tcase, texts_are_opened);
    tcase_add_test(tcase, broken_off_ones_do_not_pile_up);
    tcase_add_test(tcase, texts_changed_meanwhile);
    tcase_add_test(tcase, one_is_forgotten);
    tcase_add_test(tcase, a_passphrase_is_over_all);
    tcase_add_test(tcase, there_is_a_most);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
