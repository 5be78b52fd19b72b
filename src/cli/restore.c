/* SPDX-License-Identifier: ISC */
/* restore: a backup in the store's place. */
#include "cli/restore.h"

#include "cli/fleet.h"
#include "cli/output.h"

#include <stdio.h>

/* Shows the copy and what the restore would undo, and asks. If the store cannot be read, the reason
   is shown instead of the changes. */
static int ask(struct cli *cli, const struct backup_facts *copy,
               const struct restore_preview *preview, uint64_t *ret_revision,
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
    if (code == 0)
        restore_print_facts("the store", &now);
    else
        fprintf(stderr, "%-10s %s\n", "the store", why.message);
    if (given(cli, OPTION_NO_MANIFEST))
        fprintf(stderr, "%-10s without a manifest\n", "the backup");
    else
        restore_print_facts("the backup", copy);
    restore_print_age(cli, copy->made, preview->last_change);
    fputs("Hosts lose every change made since the backup. The old store is kept beside the new "
          "one.\n",
          stderr);
    restore_print_undone(cli, preview);
    restore_print_shut(cli, preview);
    return prompt("put the backup in the store's place?", err);
}

/* Warns of attributes that the restored store lacks, and of an old store that was not marked. */
static void warn_restored(struct cli *cli, const struct restored *restored)
{
    struct espt_error warning;
    if (restored->lost.what[0] != '\0') {
        espt_fail(&warning, ESPT_UNUSABLE,
                  "%s: the restored store could not take over these attributes of the old one: %s; "
                  "set them as root with chown, chgrp, setfacl or setfattr",
                  cli->config.store, restored->lost.what);
        cli_warn(cli, warning.message);
    }
    if (restored->unmarked[0] != '\0') {
        espt_fail(&warning, ESPT_UNUSABLE,
                  "the old store could not be marked as replaced (%s), so the command waited until "
                  "hosts had noticed%s",
                  restored->unmarked,
                  restored->still_there ? "; restart hosts that run in another root (chroot)" : "");
        cli_warn(cli, warning.message);
    }
}

static json_t *json_of_restored(const struct cli *cli, const char *file, const char *kept,
                                const struct backup_facts *facts,
                                const struct restore_preview *preview)
{
    json_t *json = json_pack("{s:o, s:o}", "file", json_bytes(file), "kept",
                             kept[0] != '\0' ? json_bytes(kept) : json_null());
    restore_json_undone(cli, json, facts, preview);
    return json_pack("{s:o}", "restored", json);
}

int run_restore(struct cli *cli, struct espt_error *err)
{
    const char *file = cli->options.operand[0];
    struct restored restored;
    char seen[PATH_MAX];
    struct backup_facts facts = {0};
    struct restore_preview preview;
    struct actor actor;
    struct restore_wish wish = {.path = file,
                                .unasked = given(cli, OPTION_YES),
                                .keeps_removed = given(cli, OPTION_KEEP_REMOVED)};
    int code = backup_require(file, err);
    if (code == 0)
        code = prompt_possible(cli, err);
    if (code == 0)
        code = cli_config(cli, err);
    crash_begin(cli->json);
    bool member = false;
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = cli_fleet_is_member(cli, &member, err);
    if (code == 0 && !given(cli, OPTION_NO_MANIFEST))
        code = backup_verify(file, &facts, err);
    if (code != 0)
        return code;
    restore_preview(&cli->config, file, &preview);
    if (member)
        return restore_within(cli, &wish, &facts, &preview, err);
    if (!wish.unasked)
        code = ask(cli, &facts, &preview, &wish.shown, err);
    if (code != 0)
        return code;
    cli_actor(cli->command, &actor);
    code = store_restore(&cli->config, cli->tiers, &actor, &wish, &restored, err);
    warn_restored(cli, &restored);
    if (code != 0)
        return code;
    if (wish.unasked) { /* after the last possible error, because an error is one line */
        restore_print_undone(cli, &preview);
        restore_print_shut(cli, &preview);
    }
    const char *kept = restored.kept;
    if (cli->json)
        return json_print(json_of_restored(cli, file, kept, &facts, &preview), err);
    printf("restored %s\n", path_seen(file, seen));
    if (kept[0] != '\0')
        printf("the old store is kept as %s\n", path_seen(kept, seen));
    return 0;
}
