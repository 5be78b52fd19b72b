/* SPDX-License-Identifier: ISC */
/* Writes the lines of an export; transfer_read.c reads them. */
#include "cli/transfer.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL

/* --- writing --- */

static void put_off_by(json_t *json, enum off_by off_by)
{
    if (off_by != OFF_NOBODY)
        json_object_set_new(json, "off_by", json_string(off_by_word(off_by)));
}

json_t *transfer_of_entity(const struct entity *entity)
{
    json_t *json = json_pack("{s:s, s:s, s:o, s:s, s:s, s:o}", "name", entity->name, "kind",
                             kind_word(entity->kind), "reseller",
                             json_text_or_null(entity->reseller), "tier", entity->tier, "status",
                             status_word(entity->active), "created", json_time(entity->created));
    put_off_by(json, entity->off_by);
    if (entity->contact[0] != '\0')
        json_object_set_new(json, "contact", json_string(entity->contact));
    return json_pack("{s:o}", "entity", json);
}

json_t *transfer_of_token(const struct token *token, const struct token_secret *secret, bool sealed)
{
    char id[TOKEN_ID_LEN + 1], sum[2 * TOKEN_DIGEST_LEN + 1];
    char box[sodium_base64_ENCODED_LEN(SEALED_TEXT_LEN, BASE64)], key[KEY_DIGITS + 1];
    token_id_format(token->id, id);
    sodium_bin2hex(sum, sizeof sum, secret->digest, sizeof secret->digest);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s}", "id", id, "entity", token->entity, "name",
                  token->name, "status", status_word(token->active), "created",
                  json_time(token->created), "expires", json_time(token->expires), "sha256", sum);
    if (sealed && token->has_text) {
        sodium_bin2base64(box, sizeof box, secret->sealed, sizeof secret->sealed, BASE64);
        json_object_set_new(json, "sealed", json_string(box));
        snprintf(key, sizeof key, "%08x", (unsigned)secret->key);
        if (secret->key != 0)
            json_object_set_new(json, "key", json_string(key));
    }
    if (token->retiring)
        json_object_set_new(json, "retiring", json_true());
    if (token->foreign)
        json_object_set_new(json, "foreign", json_true());
    put_off_by(json, token->off_by);
    if (token->note[0] != '\0')
        json_object_set_new(json, "note", json_string(token->note));
    return json_pack("{s:o}", "token", json);
}
