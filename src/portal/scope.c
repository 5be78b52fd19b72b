/* SPDX-License-Identifier: ISC */
#include "portal/scope.h"

#include "common/when.h"
#include "shapes/shapes.h"

#include <stdio.h>

#define CHANGES_MAX 200 /* of one entry; a bulk command may have made any number */

int scope_begin(struct scope *ret_scope, struct broker *broker, const struct who *who,
                const char *entity, bool customers, struct espt_error *err)
{
    struct entity found;
    int code = store_entity_get(broker->store, entity, &found, err);
    if (code == 0)
        *ret_scope = (struct scope){.entity = found.number,
                                    .customers = customers && found.number == who->entity.number};
    return code;
}

static bool is_within(const struct scope *scope, const struct log_change *change)
{
    if (scope->by_token) {
        const struct token *token =
            change->what == LOG_ADD ? &change->after.token : &change->before.token;
        if (!change->is_token || token->id != scope->token)
            return false;
    }
    return scope->customers || change->about == scope->entity;
}

/* {level, entity, person}: who made the entry, as far as the entity that asks may know. The changes
   of the entry are about `subject`. */
static json_t *made_by(const struct log_entry *entry, uint32_t subject)
{
    const char *level = entry->as[0] == '\0'       ? "platform"
                        : entry->acting == subject ? "entity"
                                                   : "reseller";
    return json_pack("{s:s, s:o, s:o}", "level", level, "entity", json_text_or_null(entry->as),
                     "person", json_text_or_null(entry->person));
}

json_t *scope_entry(const struct scope *scope, const struct log_entry *entry)
{
    struct log_place place = {0};
    struct log_change change;
    char when[WHEN_TEXT_SIZE], more[64];
    uint32_t subject = 0;
    size_t count = 0;
    json_t *changes = json_array();
    while (log_next_change(entry, &place, &change)) {
        if (!is_within(scope, &change))
            continue;
        subject = change.about;
        if (count++ < CHANGES_MAX)
            json_array_append_new(changes, json_of_log_change(&change));
    }
    if (count == 0) {
        json_decref(changes);
        return NULL;
    }
    if (count > CHANGES_MAX) {
        snprintf(more, sizeof more, "and %zu more changes", count - CHANGES_MAX);
        json_array_append_new(
            changes, json_pack("{s:s, s:s, s:s}", "what", "note", "word", "more", "detail", more));
    }
    when_format(entry->time, when);
    return json_pack("{s:I, s:s, s:o, s:s, s:o}", "sequence", (json_int_t)entry->sequence, "time",
                     when, "by", made_by(entry, subject), "command", entry->actor.command,
                     "changes", changes);
}
