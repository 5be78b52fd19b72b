/* The reveal key: another one, or another passphrase. */
#include "cli/output.h"
#include "cli/progress.h"

#include "store/keyfile.h"

#include <stdio.h>
#include <string.h>

static void free_keys(struct keys **keys)
{
    keys_free(keys);
}

static int open_keys(struct cli *cli, struct keys **ret_keys, struct espt_error *err)
{
    int code = cli_store(cli, err);
    if (code != 0)
        return code;
    *ret_keys = keys_new(err);
    return *ret_keys != NULL ? keyfile_read_secret(&cli->config, *ret_keys, err) : ESPT_UNUSABLE;
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct progress *progress = arg;
    progress->total = total;
    progress_step(progress, done, done);
}

int run_key_rotate(struct cli *cli, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    struct progress progress;
    char public[PATH_MAX], secret[PATH_MAX];
    int code = open_keys(cli, &keys, err);
    if (code != 0)
        return code;
    progress_begin(&progress, "texts", 0);
    code = store_key_rotate(cli->store, keys, on_progress, &progress, err);
    progress_end(&progress);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(json_pack("{s:o, s:o}", "public_key", json_bytes(cli->config.public_key),
                                    "secret_key", json_bytes(cli->config.secret_key)),
                          err);
    printf("every text is sealed to a new reveal key\nkept %s, %s: keep a copy of the secret one "
           "elsewhere\nOlder backups open by the old key alone.\n",
           path_seen(cli->config.public_key, public), path_seen(cli->config.secret_key, secret));
    return 0;
}

int run_key_passphrase(struct cli *cli, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    const bool remove = given(cli, OPTION_REMOVE);
    char secret[PATH_MAX];
    int code = open_keys(cli, &keys, err);
    if (code == 0 && !remove)
        code = cli_new_passphrase(cli, keys->passphrase, sizeof keys->passphrase, err);
    if (code != 0)
        return code;
    keys->guarded = !remove;
    code = store_key_guard(cli->store, keys, err);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(json_pack("{s:o, s:b}", "secret_key", json_bytes(cli->config.secret_key),
                                    "passphrase", !remove),
                          err);
    printf("%s has %s passphrase now\n", path_seen(cli->config.secret_key, secret),
           remove ? "no" : "a new");
    return 0;
}
