/* SPDX-License-Identifier: ISC */
/* key rotate, list, forget and passphrase. */
#include "cli/operand.h"
#include "cli/output.h"
#include "cli/progress.h"

#include "common/when.h"
#include "store/keyfile.h"
#include "store/texts.h"

#include <stdio.h>
#include <string.h>

#define ID_SIZE 9 /* eight digits, and NUL */

static void free_keys(struct keys **keys)
{
    keys_free(keys);
}

typedef int (*read_fn)(const struct config *config, struct keys *ret_keys, struct espt_error *err);

static int open_keys(struct cli *cli, read_fn read, struct keys **ret_keys, struct espt_error *err)
{
    int code = cli_store(cli, err);
    if (code != 0)
        return code;
    *ret_keys = keys_new(err);
    return *ret_keys != NULL ? read(&cli->config, *ret_keys, err) : ESPT_UNUSABLE;
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct progress *progress = arg;
    progress->total = total;
    progress_step(progress, done, done);
}

/* Texts that no key opens do not stop the command; a warning counts them. */
static void warn_left(const struct cli *cli, const struct texts *texts)
{
    char warning[sizeof texts->shut.names + PATH_MAX + 256], secret[PATH_MAX];
    if (texts->shut.count == 0)
        return;
    snprintf(warning, sizeof warning,
             "no key in %s opens %llu text%s, left unchanged: %s; rotate those tokens, or add the "
             "key that sealed them to that file, as a line of its own",
             path_seen(cli->config.secret_key, secret), (unsigned long long)texts->shut.count,
             texts->shut.count == 1 ? "" : "s", texts->shut.names);
    cli_warn(cli, warning);
}

int run_key_rotate(struct cli *cli, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    struct progress progress;
    struct texts texts;
    char public[PATH_MAX], secret[PATH_MAX];
    int code = open_keys(cli, keyfile_read_secret, &keys, err);
    if (code != 0)
        return code;
    progress_begin(&progress, "texts", 0);
    code = store_key_rotate(cli->store, keys, &texts, on_progress, &progress, err);
    progress_end(&progress);
    if (code != 0)
        return code;
    warn_left(cli, &texts);
    const uint64_t sealed = texts.all - texts.shut.count;
    if (cli->json) {
        json_t *json = json_pack("{s:o, s:o}", "public_key", json_bytes(cli->config.public_key),
                                 "secret_key", json_bytes(cli->config.secret_key));
        if (texts.shut.count > 0)
            json_object_set_new(json, "left", json_integer((json_int_t)texts.shut.count));
        return json_print(json, err);
    }
    printf(
        "%s %llu text%s sealed to a new reveal key\nkept %s, %s: keep a copy of the secret one "
        "elsewhere\nIt also keeps the old key, for older backups: run 'esp-tokenctl key list'.\n",
        texts.shut.count == 0 ? "all" : "only", (unsigned long long)sealed,
        sealed == 1 ? " is" : "s are", path_seen(cli->config.public_key, public),
        path_seen(cli->config.secret_key, secret));
    return 0;
}

int run_key_passphrase(struct cli *cli, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    const bool remove = given(cli, OPTION_REMOVE);
    char secret[PATH_MAX];
    int code = open_keys(cli, keyfile_read_secret, &keys, err);
    if (code == 0 && !remove)
        code = cli_new_passphrase(cli, keys->passphrase, sizeof keys->passphrase, err);
    if (code != 0)
        return code;
    keys->has_passphrase = !remove;
    code = store_key_guard(cli->store, keys, err);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(json_pack("{s:o, s:b}", "secret_key", json_bytes(cli->config.secret_key),
                                    "passphrase", !remove),
                          err);
    printf("%s now has %s passphrase\n", path_seen(cli->config.secret_key, secret),
           remove ? "no" : "a new");
    return 0;
}

/* --- key list --- */

/* True for the key in the public file. New texts are sealed to it, whatever the secret file
   holds. */
static bool is_in_force(const struct cli *cli, const struct key *key)
{
    struct espt_error ignored;
    uint8_t public[KEY_LEN];
    const bool has_public = keyfile_read_public(cli->config.public_key, public, &ignored) == 0;
    return has_public ? memcmp(public, key->public, KEY_LEN) == 0 : key->state == KEY_IN_FORCE;
}

static const char *state_of(const struct cli *cli, const struct key *key)
{
    if (is_in_force(cli, key))
        return "in force";
    return key->state == KEY_NEXT ? "next" : "kept";
}

static void format_id(const struct key *key, char out[static ID_SIZE])
{
    snprintf(out, ID_SIZE, "%08x", (unsigned)key_id(key->public));
}

static int list_json(const struct cli *cli, const struct keys *keys, const struct texts *texts,
                     struct espt_error *err)
{
    json_t *list = json_array();
    char id[ID_SIZE];
    for (size_t i = 0; i < keys->count; i++) {
        format_id(&keys->key[i], id);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:I}", "key", id, "state",
                                              state_of(cli, &keys->key[i]), "replaced",
                                              json_time(keys->key[i].since), "texts",
                                              (json_int_t)texts->by_key[i]));
    }
    return json_print(json_pack("{s:o, s:I, s:I}", "keys", list, "shut",
                                (json_int_t)texts->shut.count, "untried",
                                (json_int_t)texts->untried),
                      err);
}

static int list_people(const struct cli *cli, const struct keys *keys, const struct texts *texts,
                       struct espt_error *err)
{
    static const struct table_column columns[] = {
        {"KEY", WHOLE}, {"STATE", WHOLE}, {"REPLACED", WHOLE}, {"TEXTS", WHOLE}, {0}};
    struct table_view *view;
    int code = table_new(&view, columns, false, err);
    if (code != 0)
        return code;
    for (size_t i = 0; i < keys->count; i++) {
        char id[ID_SIZE], when[WHEN_TEXT_SIZE] = "-", count[24];
        const struct key *key = &keys->key[i];
        format_id(key, id);
        if (key->since != 0)
            when_format(key->since, when);
        snprintf(count, sizeof count, "%llu", (unsigned long long)texts->by_key[i]);
        const struct table_cell cells[] = {PLAIN(id), PLAIN(state_of(cli, key)), PLAIN(when),
                                           PLAIN(count)};
        table_line(view, NULL, cells);
    }
    code = table_print(view, "keys", err);
    table_free(view);
    if (code == 0 && texts->shut.count > 0)
        printf("none of them opens %llu %s: %s\n", (unsigned long long)texts->shut.count,
               plural(texts->shut.count, "text", "texts"), texts->shut.names);
    if (code == 0 && texts->untried > 0)
        printf("%llu %s could not be tried without the passphrase\n",
               (unsigned long long)texts->untried, plural(texts->untried, "text", "texts"));
    return code;
}

int run_key_list(struct cli *cli, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    struct texts texts;
    const bool asks = given(cli, OPTION_PASSPHRASE_FILE);
    int code = open_keys(cli, asks ? keyfile_read_secret : keyfile_read_known, &keys, err);
    if (code == 0)
        code = store_texts(cli->store, keys, false, &texts, NULL, NULL, err);
    if (code != 0)
        return code;
    return cli->json ? list_json(cli, keys, &texts, err) : list_people(cli, keys, &texts, err);
}

/* `wanted` is the key's eight digits, or the time when it was replaced, or the beginning of that
   time. */
static int find_key(const struct cli *cli, const struct keys *keys, const struct key **ret_key,
                    struct espt_error *err)
{
    const char *wanted = cli->options.operand[0];
    size_t found = 0;
    for (size_t i = 0; i < keys->count; i++) {
        char id[ID_SIZE], when[WHEN_TEXT_SIZE] = "";
        format_id(&keys->key[i], id);
        if (keys->key[i].since != 0)
            when_format(keys->key[i].since, when);
        if (strcmp(id, wanted) != 0 &&
            (strlen(wanted) < strlen("2026-11-29") || strncmp(when, wanted, strlen(wanted)) != 0))
            continue;
        *ret_key = &keys->key[i];
        found++;
    }
    if (found == 0) {
        espt_fail(err, ESPT_MISSING,
                  "there is no such key; run 'esp-tokenctl key list' to see the keys");
        fail_naming(err, wanted);
        return ESPT_MISSING;
    }
    if (found > 1)
        return espt_fail(err, ESPT_USAGE,
                         "%zu keys were replaced at that time; give the eight digits of one, as "
                         "'esp-tokenctl key list' shows them",
                         found);
    if (is_in_force(cli, *ret_key) || (*ret_key)->state == KEY_IN_FORCE)
        return espt_fail(err, ESPT_REFUSED,
                         "this key is in force; run 'esp-tokenctl key rotate' first to put another "
                         "in its place");
    return 0;
}

static int ask_forget(const struct key *key, uint64_t texts, struct espt_error *err)
{
    char question[64], id[ID_SIZE], when[WHEN_TEXT_SIZE] = "never";
    format_id(key, id);
    if (key->since != 0)
        when_format(key->since, when);
    fprintf(stderr,
            "key        %s, replaced %s\n"
            "opens      %llu text%s of the store that no other key opens\n"
            "Only this key opens the texts in backups from before it was replaced.\n",
            id, when, (unsigned long long)texts, texts == 1 ? "" : "s");
    snprintf(question, sizeof question, "forget key %s for ever?", id);
    return prompt(question, err);
}

int run_key_forget(struct cli *cli, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    struct texts texts;
    const struct key *key = NULL;
    char id[ID_SIZE];
    const bool unasked = given(cli, OPTION_YES);
    int code = prompt_possible(cli, err);
    if (code == 0)
        code = open_keys(cli, keyfile_read_secret, &keys, err);
    if (code == 0)
        code = find_key(cli, keys, &key, err);
    if (code == 0)
        code = store_texts(cli->store, keys, false, &texts, NULL, NULL, err);
    if (code != 0)
        return code;
    const uint64_t only = texts.by_key[key - keys->key];
    format_id(key, id);
    if (!unasked)
        code = ask_forget(key, only, err);
    if (code == 0)
        code = store_key_forget(cli->store, keys, key, unasked ? NULL : &only, err);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(
            json_pack("{s:{s:s, s:I}}", "forgotten", "key", id, "texts", (json_int_t)only), err);
    printf("forgot key %s, the only one that opened %llu %s of the store\n", id,
           (unsigned long long)only, plural(only, "text", "texts"));
    return 0;
}
