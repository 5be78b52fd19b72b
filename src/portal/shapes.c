/* SPDX-License-Identifier: ISC */
#include "portal/shapes.h"

#include "common/token.h"
#include "shapes/shapes.h"
#include "shapes/words.h"

#include <sodium.h>
#include <string.h>

#define ADD(state, field) \
    crypto_generichash_update((state), (const uint8_t *)&(field), sizeof(field))

static void add_text(crypto_generichash_state *state, const char *text)
{
    crypto_generichash_update(state, (const uint8_t *)text, strlen(text) + 1);
}

static void finish(crypto_generichash_state *state, char out[static REVISION_SIZE])
{
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_final(state, hash, sizeof hash);
    sodium_bin2hex(out, REVISION_SIZE, hash, (REVISION_SIZE - 1) / 2);
}

void revision_of_token(const struct token *token, char out[static REVISION_SIZE])
{
    crypto_generichash_state state;
    const uint8_t flags[] = {token->active, token->retiring, (uint8_t)token->off_by};
    crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES_MIN);
    ADD(&state, token->id);
    ADD(&state, token->created);
    ADD(&state, token->expires);
    ADD(&state, flags);
    add_text(&state, token->entity);
    add_text(&state, token->name);
    add_text(&state, token->note);
    finish(&state, out);
}

void revision_of_entity(const struct entity *entity, char out[static REVISION_SIZE])
{
    crypto_generichash_state state;
    const uint8_t flags[] = {(uint8_t)entity->kind, entity->active, (uint8_t)entity->off_by};
    crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES_MIN);
    ADD(&state, entity->number);
    ADD(&state, entity->created);
    ADD(&state, flags);
    add_text(&state, entity->name);
    add_text(&state, entity->reseller);
    add_text(&state, entity->tier);
    add_text(&state, entity->contact);
    finish(&state, out);
}

static json_t *off_word(enum off_by off_by)
{
    return off_by == OFF_NOBODY ? json_null() : json_string(off_by_word(off_by));
}

json_t *portal_token(const struct token *token, const char *text, uint64_t of, int64_t now)
{
    char revision[REVISION_SIZE], id[TOKEN_ID_LEN + 1] = "";
    json_t *json = json_of_token(token, text, now);
    revision_of_token(token, revision);
    if (of != 0)
        token_id_format(of, id);
    json_object_set_new(json, "off_by", off_word(token->off_by));
    json_object_set_new(json, "of", json_text_or_null(id));
    json_object_set_new(json, "revealable", json_boolean(token->has_text));
    json_object_set_new(json, "revision", json_string(revision));
    return json;
}

json_t *portal_entity(const struct entity *entity, const struct tier_table *tiers)
{
    char revision[REVISION_SIZE];
    const struct tier *tier = tier_of(entity, tiers);
    json_t *json = json_of_entity(entity, tiers);
    revision_of_entity(entity, revision);
    json_object_set_new(json, "off_by", off_word(entity->off_by));
    json_object_set_new(json, "suspended", json_boolean(entity_suspends(entity)));
    json_object_set_new(json, "customers", json_integer(entity->customers));
    json_object_set_new(json, "tier_label", tier != NULL ? json_string(tier->label) : json_null());
    json_object_set_new(json, "upgrade", tier != NULL ? json_string(tier->upgrade) : json_null());
    json_object_set_new(json, "revision", json_string(revision));
    return json;
}
