/* SPDX-License-Identifier: ISC */
/* Entries of the audit log as JSON (specification §6.5). */
#include "shapes/shapes.h"
#include "shapes/words.h"

#include "common/when.h"

#include <sodium.h>

static const char *const whats[] = {
    [LOG_ADD] = "add",       [LOG_SET] = "set",   [LOG_REMOVE] = "remove",
    [LOG_REVEAL] = "reveal", [LOG_NOTE] = "note",
};

const char *log_state_word(const struct token *token)
{
    return token->retiring ? "retiring" : status_word(token->active);
}

static json_t *json_of_token_state(const struct token *token)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "id", id, "name", token->name, "entity",
                     token->entity, "status", log_state_word(token), "expires",
                     json_time(token->expires), "note", token->note);
}

static json_t *json_of_entity_state(const struct entity *entity)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "name", entity->name, "kind",
                     kind_word(entity->kind), "reseller", json_text_or_null(entity->reseller),
                     "tier", entity->tier, "status", status_word(entity->active), "contact",
                     entity->contact);
}

json_t *json_of_log_change(const struct log_change *change)
{
    if (change->what == LOG_NOTE)
        return json_pack("{s:s, s:s, s:s}", "what", whats[LOG_NOTE], "word", change->word, "detail",
                         change->detail);
    json_t *before = NULL, *after = NULL;
    if (change->what != LOG_ADD)
        before = change->is_token ? json_of_token_state(&change->before.token)
                                  : json_of_entity_state(&change->before.entity);
    if (change->what == LOG_ADD || change->what == LOG_SET)
        after = change->is_token ? json_of_token_state(&change->after.token)
                                 : json_of_entity_state(&change->after.entity);
    return json_pack("{s:s, s:s, s:o, s:o}", "what", whats[change->what], "subject",
                     change->is_token ? "token" : "entity", "before",
                     before != NULL ? before : json_null(), "after",
                     after != NULL ? after : json_null());
}

json_t *json_of_log_entry(const struct log_entry *entry, json_t *changes, bool limited)
{
    char when[WHEN_TEXT_SIZE], hash[LOG_HASH_HEX];
    when_format(entry->time, when);
    sodium_bin2hex(hash, sizeof hash, entry->hash, sizeof entry->hash);
    return json_pack(
        "{s:I, s:s, s:I, s:o, s:o, s:o, s:o, s:s, s:o, s:o}", "sequence",
        (json_int_t)entry->sequence, "time", when, "revision", (json_int_t)entry->revision, "user",
        limited ? json_null() : json_string(entry->actor.user), "login",
        json_text_or_null(entry->actor.login), "sudo", json_text_or_null(entry->actor.sudo), "as",
        json_text_or_null(entry->as), "command", entry->actor.command, "changes", changes, "hash",
        limited ? json_null() : json_string(hash));
}
