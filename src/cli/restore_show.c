/* SPDX-License-Identifier: ISC */
/* What a restore shows, in both of its ways. */
#include "cli/restore.h"

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
