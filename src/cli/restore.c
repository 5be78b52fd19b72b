/* SPDX-License-Identifier: ISC */
/* restore: a backup in the store's place. */
#include "cli/restore.h"

#include "cli/fleet.h"
#include "cli/output.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>

void restore_print_facts(const char *what, const struct backup_facts *facts)
{
    fprintf(stderr, "%-10s revision %llu, %llu %s, %llu %s\n", what,
            (unsigned long long)facts->revision, (unsigned long long)facts->entities,
            plural(facts->entities, "entity", "entities"), (unsigned long long)facts->tokens,
            plural(facts->tokens, "token", "tokens"));
}

/* Groups of changes that a restore would undo. */
struct group {
    const char *word;       /* in JSON */
    const char *one, *many; /* in text output */
    const struct name_list *of;
};
#define GROUPS 5
struct groups {
    struct group group[GROUPS];
};

static struct groups groups_of(const struct restore_preview *preview)
{
    return (struct groups){{
        {"removed", "token that was removed", "tokens that were removed", &preview->removed},
        {"switched_off", "token that was switched off", "tokens that were switched off",
         &preview->off},
        {"ended", "token that has ended", "tokens that have ended", &preview->ended},
        {"suspended", "entity that was switched off", "entities that were switched off",
         &preview->suspended},
        {"entities_removed", "entity that was removed", "entities that were removed",
         &preview->gone},
    }};
}

#define UNDONE_SIZE 4096

/* "2 tokens that were removed (acme/web, acme/old), 1 ..."; empty if there are none. */
static void undone(const struct restore_preview *preview, char out[static UNDONE_SIZE])
{
    const struct groups groups = groups_of(preview);
    out[0] = '\0';
    for (size_t i = 0; i < GROUPS; i++) {
        const struct group *group = &groups.group[i];
        const size_t used = strlen(out);
        if (group->of->count > 0)
            snprintf(out + used, UNDONE_SIZE - used, "%s%llu %s (%s)", used > 0 ? ", " : "",
                     (unsigned long long)group->of->count,
                     group->of->count == 1 ? group->one : group->many, group->of->names);
    }
}

static json_t *json_undone(const struct restore_preview *preview)
{
    if (!preview->is_compared)
        return json_null();
    const struct groups groups = groups_of(preview);
    json_t *json = json_object(), *first = json_array();
    for (size_t i = 0; i < GROUPS; i++) {
        const struct group *group = &groups.group[i];
        json_object_set_new(json, group->word, json_integer((json_int_t)group->of->count));
        if (group->of->count > 0)
            json_array_append_new(first, json_string(group->of->names));
    }
    json_object_set_new(json, "first", first);
    return json;
}

/* Printed before the question, or after the restore if no question is asked. */
void restore_print_undone(const struct cli *cli, const struct restore_preview *preview)
{
    char what[UNDONE_SIZE], line[UNDONE_SIZE + 256];
    const bool keeps = given(cli, OPTION_KEEP_REMOVED);
    undone(preview, what);
    if (!preview->is_compared)
        snprintf(
            line, sizeof line,
            "the backup and the store could not be compared, so tokens that were removed since "
            "may work again");
    else if (what[0] != '\0' && keeps)
        snprintf(line, sizeof line, "since the backup: %s; the restore keeps these changes", what);
    else if (what[0] != '\0')
        snprintf(line, sizeof line,
                 "since the backup: %s; the restore undoes these changes, so those tokens and "
                 "entities work again; add --keep-removed to keep the changes",
                 what);
    else
        return;
    cli_warn(cli, line);
}

void restore_print_shut(const struct cli *cli, const struct restore_preview *preview)
{
    char line[PATH_MAX + 1024], seen[PATH_MAX];
    const struct texts *texts = &preview->texts;
    if (!preview->has_keys || texts->shut.count == 0)
        return;
    snprintf(
        line, sizeof line,
        "no key in %s opens %llu of the texts in the backup (%s): those tokens work, but their "
        "texts cannot be shown; add the key that sealed them to that file, as a line of its own",
        path_seen(cli->config.secret_key, seen), (unsigned long long)texts->shut.count,
        texts->shut.names);
    cli_warn(cli, line);
}

void restore_print_age(const struct cli *cli, int64_t made, int64_t last_change)
{
    char when[WHEN_TEXT_SIZE], away[WHEN_AWAY_SIZE] = "";
    const int64_t age_of = made != 0 ? made : last_change;
    if (age_of == 0)
        return;
    when_format(age_of, when);
    const bool has_away = when_away(age_of, cli->now, away);
    fprintf(stderr, "%-10s %s %s%s%s%s\n", "", made != 0 ? "made" : "last changed", when,
            has_away ? " (" : "", away, has_away ? ")" : "");
}

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

static bool undoes(const struct restore_preview *preview)
{
    char what[UNDONE_SIZE];
    undone(preview, what);
    return what[0] != '\0' || !preview->is_compared;
}

void restore_json_undone(const struct cli *cli, json_t *json, const struct backup_facts *facts,
                         const struct restore_preview *preview)
{
    if (!undoes(preview))
        return;
    json_object_set_new(json, "made",
                        json_time(facts->made != 0 ? facts->made : preview->last_change));
    json_object_set_new(json, given(cli, OPTION_KEEP_REMOVED) ? "kept_removed" : "works_again",
                        json_undone(preview));
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
    int code = backup_there(file, err);
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
