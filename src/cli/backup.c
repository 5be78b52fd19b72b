/* SPDX-License-Identifier: ISC */
/* backup and upgrade. */
#include "cli/fleet.h"
#include "cli/output.h"

#include "store/backup.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

static json_t *json_of_facts(const struct backup_facts *facts)
{
    char sum[2 * sizeof facts->sha256 + 1];
    sodium_bin2hex(sum, sizeof sum, facts->sha256, sizeof facts->sha256);
    return json_pack("{s:I, s:I, s:I, s:I, s:s}", "revision", (json_int_t)facts->revision,
                     "entities", (json_int_t)facts->entities, "tokens", (json_int_t)facts->tokens,
                     "bytes", (json_int_t)facts->bytes, "sha256", sum);
}

/* Enters the backup in the log. The backup stays valid if the log cannot be written, as on a full
   disk. */
static void note(struct cli *cli, const char *file)
{
    struct espt_error err;
    if (store_log_note(cli->store, "backup", file, &err) == 0)
        return;
    espt_fail_in(&err, "the backup is complete, but the log has no entry for it");
    cli_warn(cli, err.message);
}

int run_backup(struct cli *cli, struct espt_error *err)
{
    const char *file = cli->options.operand[0];
    char seen[PATH_MAX], key[PATH_MAX];
    struct backup_facts facts;
    int code = cli_config(cli, err);
    if (code == 0) {
        cli_fleet_catch_up(cli);
        code = cli_store(cli, err);
    }
    if (code == 0)
        code = store_backup(cli->store, file, &facts, err);
    if (code != 0)
        return code;
    note(cli, file);
    if (cli->json) {
        json_t *json = json_of_facts(&facts);
        json_object_set_new(json, "file", json_bytes(file));
        return json_print(json, err);
    }
    path_seen(file, seen);
    printf("wrote %s: %llu %s, %llu %s, revision %llu\n"
           "wrote %s.manifest: its SHA-256; check it with sha256sum -c\n"
           "The backup does not hold the reveal key: keep a copy of %s elsewhere.\n",
           seen, (unsigned long long)facts.entities, plural(facts.entities, "entity", "entities"),
           (unsigned long long)facts.tokens, plural(facts.tokens, "token", "tokens"),
           (unsigned long long)facts.revision, seen, path_seen(cli->config.secret_key, key));
    return 0;
}

int run_upgrade(struct cli *cli, struct espt_error *err)
{
    char kept[PATH_MAX], seen[PATH_MAX];
    struct actor actor;
    unsigned from;
    int code = cli_config(cli, err);
    if (code != 0)
        return code;
    cli_actor(cli->command, &actor);
    code = store_upgrade(&cli->config, &actor, &from, kept, err);
    if (code != 0)
        return code;
    store_refill_reserve(&cli->config);
    if (cli->json)
        return json_print(json_pack("{s:i, s:i, s:o}", "from", (int)from, "to", STORE_SCHEMA,
                                    "kept", kept[0] != '\0' ? json_bytes(kept) : json_null()),
                          err);
    if (from == STORE_SCHEMA)
        printf("the store has schema %d already; nothing was changed\n", STORE_SCHEMA);
    else
        printf("converted the store from schema %u to %d\n", from, STORE_SCHEMA);
    if (kept[0] != '\0')
        printf("the store as it was before is kept as %s\n", path_seen(kept, seen));
    return 0;
}
