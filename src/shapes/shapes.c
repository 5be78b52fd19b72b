/* SPDX-License-Identifier: ISC */
/* The JSON shapes of specification §6, and the memory in which documents are built. */
#include "shapes/shapes.h"

#include "common/name.h"
#include "common/when.h"
#include "shapes/words.h"

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- memory --- */

void json_wipe_and_free(void *memory)
{
    if (memory == NULL)
        return;
    sodium_memzero(memory, malloc_usable_size(memory));
    free(memory);
}

/* Set when memory runs out. jansson then omits values, and most of its calls do not report that. */
static bool lacks_json;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        lacks_json = true;
    return memory;
}

bool json_lacks(void)
{
    return lacks_json;
}

void json_begin(void)
{
    json_set_alloc_funcs(allocate, json_wipe_and_free);
}

/* --- shapes --- */

const struct tier *tier_of(const struct entity *entity, const struct tier_table *tiers)
{
    return tiers != NULL ? tier_find(tiers, entity->tier) : NULL;
}

json_t *json_time(int64_t when)
{
    char text[WHEN_TEXT_SIZE];
    if (when == WHEN_NEVER)
        return json_null();
    when_format(when, text);
    return json_string(text);
}

json_t *json_text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *json_bytes(const char *bytes)
{
    char *text = NULL;
    size_t len, count;
    FILE *stream = open_memstream(&text, &len);
    for (; stream != NULL && *bytes != '\0'; bytes += count) {
        count = utf8_len(bytes, strlen(bytes));
        if (count > 0)
            fwrite(bytes, count, 1, stream);
        else
            fprintf(stream, "\\x%02x", (unsigned char)*bytes);
        count += count == 0;
    }
    if (stream == NULL || fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    json_t *json = json_string(text);
    free(text);
    return json;
}

json_t *json_of_token(const struct token *token, const char *text, int64_t now)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    json_t *uses = token->counted ? json_integer((json_int_t)token->uses) : json_null();
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "id", id, "name", token->name,
                  "entity", token->entity, "status", token_status_word(token_status(token, now)),
                  "created", json_time(token->created), "expires", json_time(token->expires),
                  "last_used", json_time(token->last_used), "uses", uses, "note", token->note);
    if (token->retiring && token_status(token, now) != TOKEN_RETIRING)
        json_object_set_new(json, "retiring", json_true());
    if (text != NULL)
        json_object_set_new(json, "token", json_string(text));
    return json;
}

json_t *json_of_entity(const struct entity *entity, const struct tier_table *tiers)
{
    const struct tier *tier = tier_of(entity, tiers);
    json_t *most = tier != NULL && tier->max_tokens != TIER_UNLIMITED
                       ? json_integer(tier->max_tokens)
                       : json_null();
    if (entity->slim)
        return json_pack("{s:s, s:s, s:o, s:s, s:b, s:s, s:n, s:n, s:o, s:n}", "name", entity->name,
                         "kind", kind_word(entity->kind), "reseller",
                         json_text_or_null(entity->reseller), "tier", entity->tier, "tier_known",
                         tier != NULL, "status", status_word(entity->active), "created", "tokens",
                         "max_tokens", most, "contact");
    return json_pack("{s:s, s:s, s:o, s:s, s:b, s:s, s:o, s:i, s:o, s:s}", "name", entity->name,
                     "kind", kind_word(entity->kind), "reseller",
                     json_text_or_null(entity->reseller), "tier", entity->tier, "tier_known",
                     tier != NULL, "status", status_word(entity->active), "created",
                     json_time(entity->created), "tokens", (int)entity->tokens, "max_tokens", most,
                     "contact", entity->contact);
}

json_t *json_of_tier(const struct tier *tier)
{
    json_t *metrics = json_array();
    for (size_t i = 0; i < tier->patterns; i++)
        json_array_append_new(metrics, json_string(tier->pattern[i]));
    return json_pack("{s:s, s:s, s:i, s:o, s:b, s:o, s:s}", "name", tier->name, "label",
                     tier->label, "rank", (int)tier->rank, "max_tokens",
                     tier->max_tokens == TIER_UNLIMITED ? json_null()
                                                        : json_integer(tier->max_tokens),
                     "default", tier->is_default, "metrics", metrics, "upgrade", tier->upgrade);
}
