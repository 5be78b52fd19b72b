/* SPDX-License-Identifier: ISC */
/* import: adds the lines of an export to the store. */
#include "cli/bulk.h"
#include "cli/transfer.h"

#include "store/texts.h"

#include <stdio.h>
#include <string.h>

struct import {
    uint64_t entities, tokens, there, foreign;
    uint64_t rotated;  /* of those that are there: rotated since an earlier import */
    uint64_t shut;     /* number of texts that no key opens */
    struct keys *keys; /* NULL: the secret file cannot be read */
    bool keys_closed;  /* the keys are under a passphrase */
    uint64_t undated;  /* tokens whose lines give no expiration */
};

/* Finds the key that a text is sealed to, if that needs no passphrase. Otherwise the key id in the
   line is kept. */
static void check_text(struct import *import, struct transfer_line *line)
{
    struct token_secret *secret = &line->secret;
    size_t place;
    if (import->keys == NULL || !line->token.has_text)
        return;
    const bool tries = !import->keys_closed;
    switch (text_check(import->keys, secret->key, secret->sealed, secret->digest, tries, &place)) {
    case TEXT_OPEN:
        secret->key = key_id(import->keys->key[place].public);
        break;
    case TEXT_SHUT:
        line->is_shut = true;
        if (tries && texts_name_key(import->keys, secret->key))
            secret->key = 0; /* the line names one of our keys, which does not open the text */
        break;
    case TEXT_UNTRIED:
        break;
    }
}

static int import_line(struct bulk *bulk, struct espt_error *err)
{
    struct import *import = bulk->arg;
    struct transfer_line line;
    enum imported imported = IMPORTED_THERE;
    int code = transfer_parse(&line, bulk->lines.line, bulk->lines.len, err);
    if (code != 0 || line.kind == TRANSFER_HEAD)
        return code;
    if (line.kind == TRANSFER_ENTITY)
        code = batch_import_entity(bulk->batch, &line.entity, &imported, err);
    else
        check_text(import, &line);
    if (line.kind == TRANSFER_TOKEN)
        code = batch_import_token(bulk->batch, &line.token, &line.secret, &imported, err);
    if (code != 0)
        return code;
    const bool is_new = imported == IMPORTED_NEW;
    import->rotated += imported == IMPORTED_ROTATED;
    import->foreign += is_new && line.kind == TRANSFER_TOKEN && line.token.foreign;
    import->undated +=
        is_new && line.kind == TRANSFER_TOKEN && line.token.expires == EXPIRES_BY_DEFAULT;
    import->shut += is_new && line.is_shut;
    if (!is_new)
        import->there++;
    else if (line.kind == TRANSFER_ENTITY)
        import->entities++;
    else
        import->tokens++;
    return is_new;
}

static int import_committed(struct bulk *bulk, struct espt_error *err)
{
    (void)bulk, (void)err;
    return 0;
}

static void warn_undated(const struct cli *cli, const struct import *import)
{
    char warning[192];
    if (import->undated == 0 || cli->config.default_expiry == 0)
        return;
    snprintf(warning, sizeof warning,
             "%llu token%s without \"expires\" imported: %s the configuration's default_expiry; "
             "use 'esp-tokenctl edit --expires' to change that",
             (unsigned long long)import->undated, import->undated == 1 ? "" : "s",
             import->undated == 1 ? "it got" : "they got");
    cli_warn(cli, warning);
}

static void warn_shut(const struct cli *cli, const struct import *import)
{
    char warning[PATH_MAX + 256], seen[PATH_MAX];
    if (import->shut == 0)
        return;
    snprintf(
        warning, sizeof warning,
        "no key in %s opens %llu of the imported texts: those tokens work, but their texts cannot "
        "be shown; add the key that sealed them to that file, as a line of its own",
        path_seen(cli->config.secret_key, seen), (unsigned long long)import->shut);
    cli_warn(cli, warning);
}

static void warn_foreign(const struct cli *cli, const struct import *import)
{
    char warning[192];
    if (import->foreign == 0)
        return;
    snprintf(
        warning, sizeof warning,
        "%llu foreign token%s imported: whoever steals the store can guess weak texts from their "
        "SHA-256; rotate those that were not drawn at random",
        (unsigned long long)import->foreign, import->foreign == 1 ? "" : "s");
    cli_warn(cli, warning);
}

static int import_total(const struct bulk *bulk, struct espt_error *err)
{
    const struct import *import = bulk->arg;
    if (!bulk->dry) {
        warn_foreign(bulk->cli, import);
        warn_undated(bulk->cli, import);
    }
    warn_shut(bulk->cli, import);
    if (bulk->cli->json)
        return json_print(
            json_pack("{s:o}", "imported",
                      bulk_json(bulk, json_pack("{s:I, s:I, s:I, s:I}", "entities",
                                                (json_int_t)import->entities, "tokens",
                                                (json_int_t)import->tokens, "there_already",
                                                (json_int_t)import->there, "rotated_since",
                                                (json_int_t)import->rotated))),
            err);
    printf("%s %llu %s and %llu token%s; %llu %s there before",
           bulk->dry ? "would import" : "imported", (unsigned long long)import->entities,
           import->entities == 1 ? "entity" : "entities", (unsigned long long)import->tokens,
           import->tokens == 1 ? "" : "s", (unsigned long long)import->there,
           import->there == 1 ? "was" : "were");
    if (import->rotated > 0)
        printf(", and %llu of them rotated since", (unsigned long long)import->rotated);
    if (bulk->dry)
        printf("; %llu line%s would be refused", (unsigned long long)bulk->refused,
               bulk->refused == 1 ? "" : "s");
    putchar('\n');
    return 0;
}

/* Does not ask for a passphrase. An unreadable secret file does not stop the import. */
static int read_keys(struct cli *cli, struct import *import, struct espt_error *err)
{
    struct espt_error ignored;
    import->keys = keys_new(err);
    if (import->keys == NULL)
        return ESPT_UNUSABLE;
    if (keyfile_read_known(&cli->config, import->keys, &ignored) != 0)
        keys_free(&import->keys);
    for (size_t i = 0; import->keys != NULL && i < import->keys->count; i++)
        import->keys_closed = import->keys_closed || !import->keys->key[i].is_open;
    return 0;
}

int run_import(struct cli *cli, struct espt_error *err)
{
    struct import import = {.entities = 0};
    const struct bulk_work work = {.what = "lines",
                                   .line = import_line,
                                   .commit = import_committed,
                                   .total = import_total,
                                   .arg = &import};
    int code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = read_keys(cli, &import, err);
    if (code == 0)
        code = bulk_run(cli, cli->options.operand[0], &work, err);
    keys_free(&import.keys);
    return code;
}
