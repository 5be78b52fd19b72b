#include "cli/transfer.h"

#include "common/when.h"

#include <sodium.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL

/* --- writing --- */

json_t *transfer_of_entity(const struct entity *entity)
{
    return json_pack("{s:{s:s, s:s, s:o, s:s, s:s, s:o}}", "entity", "name", entity->name, "kind",
                     kind_word(entity->kind), "reseller", json_text_or_null(entity->reseller),
                     "tier", entity->tier, "status", status_word(entity->active), "created",
                     json_time(entity->created));
}

json_t *transfer_of_token(const struct token *token, const struct token_secret *secret, bool sealed)
{
    char id[TOKEN_ID_LEN + 1], sum[2 * TOKEN_DIGEST_LEN + 1];
    char box[sodium_base64_ENCODED_LEN(SEALED_TEXT_LEN, BASE64)];
    token_id_format(token->id, id);
    sodium_bin2hex(sum, sizeof sum, secret->digest, sizeof secret->digest);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s}", "id", id, "entity", token->entity, "name",
                  token->name, "status", status_word(token->active), "created",
                  json_time(token->created), "expires", json_time(token->expires), "sha256", sum);
    if (sealed && token->has_text) {
        sodium_bin2base64(box, sizeof box, secret->sealed, sizeof secret->sealed, BASE64);
        json_object_set_new(json, "sealed", json_string(box));
    }
    if (token->retiring)
        json_object_set_new(json, "retiring", json_true());
    if (token->foreign)
        json_object_set_new(json, "foreign", json_true());
    return json_pack("{s:o}", "token", json);
}

/* --- reading --- */

static bool take_text(char *out, size_t size, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;
    if (len >= size)
        return false;
    memcpy(out, text != NULL ? text : "", len);
    out[len] = '\0';
    return true;
}

/* RFC 3339; NULL: 0. */
static bool take_time(int64_t *ret_when, const char *text)
{
    struct espt_error ignored;
    int64_t span;
    *ret_when = 0;
    return text == NULL ||
           (!span_parse(text, &span) && when_parse(text, 0, ret_when, &ignored) == 0);
}

static bool take_status(bool *ret_active, const char *text)
{
    struct espt_error ignored;
    int active = 1;
    if (text != NULL && parse_status(text, &active, &ignored) != 0)
        return false;
    *ret_active = active != 0;
    return true;
}

static bool is_text_or_null(const json_t *json)
{
    return json == NULL || json_is_null(json) || json_is_string(json);
}

/* *ret_wrong names the field that is. */
static bool parse_entity(json_t *json, struct entity *entity, const char **ret_wrong)
{
    const char *name, *kind, *tier, *status = NULL, *created = NULL;
    json_t *reseller = NULL;
    struct espt_error ignored;
    *ret_wrong = "entity";
    if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s:s, s?o, s:s, s?s, s?s}", "name", &name,
                       "kind", &kind, "reseller", &reseller, "tier", &tier, "status", &status,
                       "created", &created) != 0)
        return false;
    *ret_wrong = "kind";
    if (parse_kind(kind, &entity->kind, &ignored) != 0)
        return false;
    *ret_wrong = "status";
    if (!take_status(&entity->active, status))
        return false;
    *ret_wrong = "created";
    if (!take_time(&entity->created, created))
        return false;
    *ret_wrong = "name, reseller or tier";
    return is_text_or_null(reseller) && take_text(entity->name, sizeof entity->name, name) &&
           take_text(entity->tier, sizeof entity->tier, tier) &&
           take_text(entity->reseller, sizeof entity->reseller, json_string_value(reseller));
}

static bool take_bytes(uint8_t *out, size_t size, const char *text, bool base64)
{
    size_t len = 0;
    int rc = base64 ? sodium_base642bin(out, size, text, strlen(text), NULL, &len, NULL, BASE64)
                    : sodium_hex2bin(out, size, text, strlen(text), NULL, &len, NULL);
    return rc == 0 && len == size;
}

static bool parse_token(json_t *json, struct token *token, struct token_secret *secret,
                        const char **ret_wrong)
{
    const char *id = NULL, *entity, *name, *status = NULL, *created = NULL, *sum;
    const char *sealed = NULL;
    json_t *expires = NULL;
    int retiring = 0, foreign = 0;
    *ret_wrong = "token";
    if (json_unpack_ex(json, NULL, JSON_STRICT,
                       "{s?s, s:s, s:s, s?s, s?s, s?o, s:s, s?s, s?b, s?b}", "id", &id, "entity",
                       &entity, "name", &name, "status", &status, "created", &created, "expires",
                       &expires, "sha256", &sum, "sealed", &sealed, "retiring", &retiring,
                       "foreign", &foreign) != 0)
        return false;
    token->retiring = retiring != 0;
    token->foreign = foreign != 0;
    token->has_text = sealed != NULL;
    *ret_wrong = "id";
    if (id == NULL ? !token->foreign : !token_id_parse(id, strlen(id), &token->id))
        return false;
    *ret_wrong = "status";
    if (!take_status(&token->active, status))
        return false;
    *ret_wrong = "created or expires";
    if (!take_time(&token->created, created) || !is_text_or_null(expires) ||
        !take_time(&token->expires, json_string_value(expires)))
        return false;
    *ret_wrong = "sha256";
    if (!take_bytes(secret->digest, sizeof secret->digest, sum, false))
        return false;
    *ret_wrong = "sealed";
    if (sealed != NULL && !take_bytes(secret->sealed, sizeof secret->sealed, sealed, true))
        return false;
    *ret_wrong = "entity or name";
    return take_text(token->entity, sizeof token->entity, entity) &&
           take_text(token->name, sizeof token->name, name);
}

int transfer_parse(struct transfer_line *ret_line, const char *text, size_t len,
                   struct espt_error *err)
{
    struct transfer_line line = {0};
    const char *wrong = "line";
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    json_t *entity = json_object_get(json, "entity"), *token = json_object_get(json, "token");
    bool good = false;
    if (json_object_size(json) == 1 && entity != NULL) {
        line.kind = TRANSFER_ENTITY;
        good = parse_entity(entity, &line.entity, &wrong);
    } else if (json_object_size(json) == 1 && token != NULL) {
        line.kind = TRANSFER_TOKEN;
        good = parse_token(token, &line.token, &line.secret, &wrong);
    } else if (json_object_get(json, "export") != NULL) {
        line.kind = TRANSFER_HEAD;
        wrong = "version";
        good = json_integer_value(json_object_get(json, "version")) == TRANSFER_VERSION;
    }
    json_decref(json);
    if (!good && json_lacks())
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (!good)
        return espt_fail(err, ESPT_USAGE, "not a line of an export: see its %s", wrong);
    *ret_line = line;
    return 0;
}
