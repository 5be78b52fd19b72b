/* SPDX-License-Identifier: ISC */
/* restore in a fleet: the changes that lead back to a backup, as one entry of the journal. */
#include "cli/restore.h"

#include "cli/fleet.h"
#include "cli/output.h"

#include <stdio.h>

static void print_items(const char *what, const struct restored_items *items)
{
    fprintf(stderr, "%-10s %llu removed, %llu changed, %llu added again\n", what,
            (unsigned long long)items->removed, (unsigned long long)items->changed,
            (unsigned long long)items->added);
}

static int ask(struct cli *cli, const struct restore_counts *counts,
               const struct backup_facts *facts, const struct restore_preview *preview,
               struct espt_error *err)
{
    struct backup_facts now;
    int code = store_facts(cli->store, &now, err);
    if (code != 0)
        return code;
    restore_print_facts("the store", &now);
    if (given(cli, OPTION_NO_MANIFEST))
        fprintf(stderr, "%-10s without a manifest\n", "the backup");
    else
        restore_print_facts("the backup", facts);
    restore_print_age(cli, facts->made, preview->last_change);
    print_items("entities", &counts->entities);
    print_items("tokens", &counts->tokens);
    fputs("Every machine of the fleet loses every change made since the backup. Nothing is kept "
          "aside: take a backup first.\n",
          stderr);
    restore_print_undone(cli, preview);
    restore_print_shut(cli, preview);
    return prompt("lead the whole fleet back to the backup?", err);
}

static json_t *json_of_items(const struct restored_items *items)
{
    return json_pack("{s:I, s:I, s:I}", "removed", (json_int_t)items->removed, "changed",
                     (json_int_t)items->changed, "added", (json_int_t)items->added);
}

static int print_done(struct cli *cli, const struct restore_wish *wish,
                      const struct restore_counts *counts, const struct backup_facts *facts,
                      const struct restore_preview *preview, struct espt_error *err)
{
    char seen[PATH_MAX];
    if (cli->json) {
        json_t *json =
            json_pack("{s:o, s:n, s:o, s:o}", "file", json_bytes(wish->path), "kept", "entities",
                      json_of_items(&counts->entities), "tokens", json_of_items(&counts->tokens));
        restore_json_undone(cli, json, facts, preview);
        return json_print(json_pack("{s:o}", "restored", json), err);
    }
    printf("restored %s in the whole fleet: %llu tokens removed, %llu changed, %llu added again\n",
           path_seen(wish->path, seen), (unsigned long long)counts->tokens.removed,
           (unsigned long long)counts->tokens.changed, (unsigned long long)counts->tokens.added);
    return 0;
}

int restore_within(struct cli *cli, const struct restore_wish *wish,
                   const struct backup_facts *facts, const struct restore_preview *preview,
                   struct espt_error *err)
{
    struct restoring *restoring = NULL;
    struct restore_counts counts = {0};
    int code = cli_fleet_open(cli, err);
    if (code == 0)
        code = fleet_catch_up(cli->fleet, cli->store, err);
    if (code == 0)
        code = restoring_open(&restoring, cli->store, cli->tiers, wish, err);
    if (code == 0 && !wish->unasked)
        code = restoring_compare(restoring, &counts, err);
    if (code == 0 && !wish->unasked)
        code = ask(cli, &counts, facts, preview, err);
    if (code == 0) {
        const struct restore_counts shown = counts;
        code = restoring_apply(restoring, wish->unasked ? NULL : &shown, &counts, err);
    }
    restoring_close(restoring);
    if (code != 0)
        return code;
    if (wish->unasked) {
        restore_print_undone(cli, preview);
        restore_print_shut(cli, preview);
    }
    return print_done(cli, wish, &counts, facts, preview, err);
}
