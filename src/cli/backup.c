/* Copies of the whole store: made, put back, and brought to this schema. */
#include "cli/output.h"

#include "store/backup.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *json_of_facts(const struct backup_facts *facts)
{
    char sum[2 * sizeof facts->sha256 + 1];
    sodium_bin2hex(sum, sizeof sum, facts->sha256, sizeof facts->sha256);
    return json_pack("{s:I, s:I, s:I, s:I, s:s}", "revision", (json_int_t)facts->revision,
                     "entities", (json_int_t)facts->entities, "tokens", (json_int_t)facts->tokens,
                     "bytes", (json_int_t)facts->bytes, "sha256", sum);
}

/* That one was made is entered in the log, but a full disk must not stand in its way. */
static void note(struct cli *cli, const char *file)
{
    struct espt_error err;
    if (store_log_note(cli->store, "backup", file, &err) == 0)
        return;
    espt_fail_in(&err, "the backup is whole, but not entered in the log");
    cli_warn(cli, err.message);
}

int run_backup(struct cli *cli, struct espt_error *err)
{
    const char *file = cli->options.operand[0];
    char seen[PATH_MAX], key[PATH_MAX];
    struct backup_facts facts;
    int code = cli_store(cli, err);
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
    printf("wrote %s: %llu entities, %llu tokens, revision %llu\n"
           "wrote %s.manifest: its SHA-256, as sha256sum -c takes it\n"
           "The reveal key is not in it: keep %s elsewhere.\n",
           seen, (unsigned long long)facts.entities, (unsigned long long)facts.tokens,
           (unsigned long long)facts.revision, seen, path_seen(cli->config.secret_key, key));
    return 0;
}

/* --- restore --- */

static void print_facts(const char *what, const struct backup_facts *facts)
{
    fprintf(stderr, "%-10s revision %llu, %llu entities, %llu tokens\n", what,
            (unsigned long long)facts->revision, (unsigned long long)facts->entities,
            (unsigned long long)facts->tokens);
}

/* Shows both, and asks. A store that cannot be read is shown as what it is. */
static int ask(struct cli *cli, const struct backup_facts *copy, uint64_t *ret_revision,
               struct espt_error *err)
{
    struct backup_facts now = {0};
    struct espt_error why;
    struct store *store;
    int code = store_open(&store, &cli->config, &why);
    if (code == 0) {
        code = store_facts(store, &now, &why);
        store_close(store);
    }
    *ret_revision = now.revision;
    if (given(cli, OPTION_YES))
        return 0;
    if (code == 0)
        print_facts("the store", &now);
    else
        fprintf(stderr, "%-10s %s\n", "the store", why.message);
    if (given(cli, OPTION_NO_MANIFEST))
        fprintf(stderr, "%-10s without a manifest\n", "the backup");
    else
        print_facts("the backup", copy);
    fputs("What was changed since the backup is lost to hosts; the old store is kept beside.\n",
          stderr);
    return prompt("put the backup in the store's place?", err);
}

int run_restore(struct cli *cli, struct espt_error *err)
{
    const char *file = cli->options.operand[0];
    char kept[PATH_MAX], seen[PATH_MAX];
    struct backup_facts facts = {0};
    struct actor actor;
    uint64_t shown = 0;
    int code = prompt_possible(cli, err);
    if (code == 0)
        code = cli_config(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0 && !given(cli, OPTION_NO_MANIFEST))
        code = backup_verify(file, &facts, err);
    if (code == 0)
        code = ask(cli, &facts, &shown, err);
    if (code != 0)
        return code;
    cli_actor(cli->command, &actor);
    code = store_restore(&cli->config, cli->tiers, &actor, file, shown, kept, err);
    if (code != 0)
        return code;
    if (cli->json)
        return json_print(json_pack("{s:{s:o, s:o}}", "restored", "file", json_bytes(file), "kept",
                                    kept[0] != '\0' ? json_bytes(kept) : json_null()),
                          err);
    printf("restored %s\n", path_seen(file, seen));
    if (kept[0] != '\0')
        printf("the old store is kept as %s\n", path_seen(kept, seen));
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
    if (cli->json)
        return json_print(json_pack("{s:i, s:i, s:o}", "from", (int)from, "to", STORE_SCHEMA,
                                    "kept", kept[0] != '\0' ? json_bytes(kept) : json_null()),
                          err);
    if (from == STORE_SCHEMA)
        printf("the store is of schema %d already: nothing was to do\n", STORE_SCHEMA);
    else
        printf("brought the store from schema %u to %d\nits old form is kept as %s\n", from,
               STORE_SCHEMA, path_seen(kept, seen));
    return 0;
}
