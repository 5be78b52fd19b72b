/* The store as lines, and back. */
#include "cli/bulk.h"
#include "cli/transfer.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* --- export --- */

static int on_entity(void *arg, const struct entity *entity, struct espt_error *err)
{
    (void)arg;
    return json_print_line(transfer_of_entity(entity), err);
}

static int on_token(void *arg, const struct token *token, const struct token_secret *secret,
                    struct espt_error *err)
{
    return json_print_line(transfer_of_token(token, secret, *(const bool *)arg), err);
}

int run_export(struct cli *cli, struct espt_error *err)
{
    bool sealed = given(cli, OPTION_SEALED);
    int code = cli_store(cli, err);
    if (code == 0)
        code = json_print_line(json_pack("{s:s, s:i, s:b}", "export", "esp-token", "version",
                                         TRANSFER_VERSION, "sealed", sealed),
                               err);
    return code == 0 ? store_export(cli->store, on_entity, on_token, &sealed, err) : code;
}

/* --- import --- */

struct import {
    bool dry;
    uint64_t entities, tokens, there, refused, foreign;
    json_t *refusals; /* a dry run's, with --json */
};

static int import_one(struct bulk *bulk, struct import *import, struct espt_error *err)
{
    struct transfer_line line;
    bool is_new = false;
    int code = transfer_parse(&line, bulk->lines.line, bulk->lines.len, err);
    if (code != 0 || line.kind == TRANSFER_HEAD)
        return code;
    if (line.kind == TRANSFER_ENTITY)
        code = batch_import_entity(bulk->batch, &line.entity, &is_new, err);
    else
        code = batch_import_token(bulk->batch, &line.token, &line.secret, &is_new, err);
    if (code != 0)
        return code;
    import->foreign += is_new && line.kind == TRANSFER_TOKEN && line.token.foreign;
    if (!is_new)
        import->there++;
    else if (line.kind == TRANSFER_ENTITY)
        import->entities++;
    else
        import->tokens++;
    return is_new;
}

/* A dry run tells each refusal and goes on. */
static int import_line(struct bulk *bulk, struct espt_error *err)
{
    struct import *import = bulk->arg;
    int code = import_one(bulk, import, err);
    if (code >= 0 || code == ESPT_UNUSABLE || !import->dry)
        return code;
    import->refused++;
    if (import->refusals != NULL) {
        json_array_append_new(import->refusals,
                              json_pack("{s:I, s:s}", "line", (json_int_t)bulk->lines.number,
                                        "message", err->message));
    } else {
        progress_end(&bulk->progress);
        printf("%llu: %s\n", (unsigned long long)bulk->lines.number, err->message);
    }
    return 0;
}

static int import_committed(struct bulk *bulk, struct espt_error *err)
{
    (void)bulk, (void)err;
    return 0;
}

static int tell(struct cli *cli, const struct import *import, struct espt_error *err)
{
    if (import->foreign > 0 && !import->dry) {
        char warning[192];
        snprintf(warning, sizeof warning,
                 "%llu foreign token%s imported: who steals the store can guess weak texts from "
                 "their SHA-256; rotate those that were not drawn at random",
                 (unsigned long long)import->foreign, import->foreign == 1 ? "" : "s");
        cli_warn(cli, warning);
    }
    if (cli->json) {
        json_t *json = json_pack("{s:I, s:I, s:I, s:b}", "entities", (json_int_t)import->entities,
                                 "tokens", (json_int_t)import->tokens, "there_already",
                                 (json_int_t)import->there, "dry_run", import->dry);
        if (import->refusals != NULL)
            json_object_set(json, "refused", import->refusals);
        return json_print(json_pack("{s:o}", "imported", json), err);
    }
    printf("%s %llu entities and %llu tokens; %llu were there already",
           import->dry ? "would import" : "imported", (unsigned long long)import->entities,
           (unsigned long long)import->tokens, (unsigned long long)import->there);
    if (import->dry)
        printf("; %llu lines would be refused", (unsigned long long)import->refused);
    putchar('\n');
    return 0;
}

int run_import(struct cli *cli, struct espt_error *err)
{
    struct import import = {.dry = given(cli, OPTION_DRY_RUN)};
    int code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code != 0)
        return code;
    if (import.dry && cli->json)
        import.refusals = json_array();
    code = bulk_run(cli, cli->options.operand[0], "lines", import_line, import_committed, &import,
                    err);
    if (code == 0)
        code = tell(cli, &import, err);
    json_decref(import.refusals);
    return code == 0 && import.refused > 0 ? 1 : code;
}
