/* SPDX-License-Identifier: ISC */
/* Parses the lines that import reads, and says what is wrong with one. A value is never repeated,
   because a wrong line may hold a secret. */
#include "cli/operand.h"
#include "cli/transfer.h"

#include "common/when.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BASE64 sodium_base64_VARIANT_ORIGINAL

/* --- the fields of an object --- */

/* A field as the table below describes it, and as the line gives it. */
struct field {
    const char *name;
    enum { TEXT, TEXT_OR_NULL, BOOLEAN } type;
    bool required;
    const char *text; /* NULL: absent, or null */
    bool is_true;     /* of BOOLEAN */
    bool is_there;    /* as null, too */
};

static struct field *field_of(struct field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

static int read_field(struct field *field, const json_t *value, struct espt_error *err)
{
    static const char *const wanted[] = {
        [TEXT] = "a text", [TEXT_OR_NULL] = "a text or null", [BOOLEAN] = "true or false"};
    const bool good =
        field->type == BOOLEAN
            ? json_is_boolean(value)
            : json_is_string(value) || (field->type == TEXT_OR_NULL && json_is_null(value));
    if (!good)
        return espt_fail(err, ESPT_USAGE, "\"%s\" is not %s", field->name, wanted[field->type]);
    field->is_there = true;
    field->text = json_string_value(value);
    field->is_true = json_is_true(value);
    return 0;
}

/* Finds each member of the object in the table. The texts live as long as `json`. */
static int read_fields(json_t *json, struct field *fields, size_t count, struct espt_error *err)
{
    const char *name;
    json_t *value;
    if (!json_is_object(json))
        return espt_fail(err, ESPT_USAGE, "not an object; write {\"NAME\": VALUE, ...}");
    json_object_foreach(json, name, value)
    {
        struct field *field = field_of(fields, count, name);
        if (field == NULL) {
            espt_fail(err, ESPT_USAGE, "no such field; remove it");
            return fail_naming(err, name);
        }
        int code = read_field(field, value, err);
        if (code != 0)
            return code;
    }
    for (size_t i = 0; i < count; i++) {
        if (fields[i].required && !fields[i].is_there)
            return espt_fail(err, ESPT_USAGE, "\"%s\" is missing", fields[i].name);
    }
    return 0;
}

/* --- values --- */

static int wrong(struct espt_error *err, const char *name, const char *wanted)
{
    return espt_fail(err, ESPT_USAGE, "\"%s\" is not %s", name, wanted);
}

/* An absent text is empty. */
static int field_text(char *out, size_t size, const struct field *field, struct espt_error *err)
{
    const char *text = field->text != NULL ? field->text : "";
    const size_t len = strlen(text);
    if (len >= size)
        return espt_fail(err, ESPT_USAGE, "\"%s\" is longer than %zu bytes", field->name, size - 1);
    memcpy(out, text, len + 1);
    return 0;
}

/* An absent time, null and `never` give 0. */
static int field_time(int64_t *ret_when, const struct field *field, struct espt_error *err)
{
    *ret_when = 0;
    return field->text == NULL || strcmp(field->text, "never") == 0 ||
                   moment_parse(field->text, ret_when)
               ? 0
               : wrong(err, field->name, "an RFC 3339 time (2027-01-31T12:00:00Z)");
}

/* `off_by` may be absent; the level then is that of the platform. */
static int field_status(bool *ret_active, enum off_by *ret_off_by, const struct field *status,
                        const struct field *off_by, struct espt_error *err)
{
    *ret_active = true;
    *ret_off_by = OFF_NOBODY;
    if (status->text != NULL && !status_from_word(status->text, ret_active))
        return wrong(err, status->name, "active or inactive");
    if (off_by->text != NULL && *ret_active)
        return espt_fail(err, ESPT_USAGE,
                         "\"%s\" is given, but the status is active; remove it, or set \"status\" "
                         "to \"inactive\"",
                         off_by->name);
    if (off_by->text != NULL && !off_by_from_word(off_by->text, ret_off_by))
        return wrong(err, off_by->name, "entity, reseller or platform");
    return 0;
}

static int field_key(uint32_t *ret_key, const struct field *key, bool sealed,
                     struct espt_error *err)
{
    *ret_key = 0;
    if (key->text == NULL)
        return 0;
    if (strlen(key->text) != KEY_DIGITS || strspn(key->text, "0123456789abcdef") != KEY_DIGITS)
        return wrong(err, key->name, "the 8 digits of a key");
    if (!sealed)
        return espt_fail(err, ESPT_USAGE, "\"%s\" is given without \"sealed\"", key->name);
    *ret_key = (uint32_t)strtoull(key->text, NULL, 16);
    return 0;
}

static bool field_bytes(uint8_t *out, size_t size, const char *text, bool base64)
{
    size_t len = 0;
    int rc = base64 ? sodium_base642bin(out, size, text, strlen(text), NULL, &len, NULL, BASE64)
                    : sodium_hex2bin(out, size, text, strlen(text), NULL, &len, NULL);
    return rc == 0 && len == size;
}

/* --- lines --- */

static int parse_entity(json_t *json, struct entity *entity, struct espt_error *err)
{
    enum { NAME, KIND, RESELLER, TIER, STATUS, CREATED, OFF_BY, CONTACT, COUNT };
    struct field f[COUNT] = {[NAME] = {.name = "name", .required = true},
                             [KIND] = {.name = "kind", .required = true},
                             [RESELLER] = {.name = "reseller", .type = TEXT_OR_NULL},
                             [TIER] = {.name = "tier", .required = true},
                             [STATUS] = {.name = "status"},
                             [CREATED] = {.name = "created"},
                             [OFF_BY] = {.name = "off_by"},
                             [CONTACT] = {.name = "contact"}};
    int code = read_fields(json, f, COUNT, err);
    if (code == 0 && !kind_from_word(f[KIND].text, &entity->kind))
        code = wrong(err, "kind", "reseller or customer");
    if (code == 0)
        code = field_status(&entity->active, &entity->off_by, &f[STATUS], &f[OFF_BY], err);
    if (code == 0)
        code = field_time(&entity->created, &f[CREATED], err);
    if (code == 0)
        code = field_text(entity->contact, sizeof entity->contact, &f[CONTACT], err);
    if (code == 0)
        code = field_text(entity->name, sizeof entity->name, &f[NAME], err);
    if (code == 0)
        code = field_text(entity->tier, sizeof entity->tier, &f[TIER], err);
    return code == 0 ? field_text(entity->reseller, sizeof entity->reseller, &f[RESELLER], err)
                     : code;
}

enum {
    TOKEN_ID,
    TOKEN_ENTITY,
    TOKEN_NAME,
    TOKEN_STATUS,
    TOKEN_CREATED,
    TOKEN_EXPIRES,
    TOKEN_SHA256,
    TOKEN_SEALED,
    TOKEN_KEY,
    TOKEN_RETIRES,
    TOKEN_FOREIGN,
    TOKEN_OFF_BY,
    TOKEN_NOTE,
    TOKEN_FIELDS
};

static int field_secret(struct transfer_line *line, const struct field *f, struct espt_error *err)
{
    struct token_secret *secret = &line->secret;
    const char *sealed = f[TOKEN_SEALED].text;
    line->token.has_text = sealed != NULL;
    if (!field_bytes(secret->digest, sizeof secret->digest, f[TOKEN_SHA256].text, false))
        return wrong(err, "sha256", "64 hexadecimal digits");
    if (sealed != NULL && !field_bytes(secret->sealed, sizeof secret->sealed, sealed, true))
        return wrong(err, "sealed", "a sealed text in base64");
    return field_key(&secret->key, &f[TOKEN_KEY], sealed != NULL, err);
}

static int parse_token_fields(struct transfer_line *line, const struct field *f,
                              struct espt_error *err)
{
    struct token *token = &line->token;
    const char *id = f[TOKEN_ID].text;
    token->retiring = f[TOKEN_RETIRES].is_true;
    token->foreign = f[TOKEN_FOREIGN].is_true;
    if (id == NULL && !token->foreign)
        return espt_fail(err, ESPT_USAGE,
                         "\"id\" is missing; only a line with \"foreign\": true needs none");
    if (id != NULL && !token_id_parse(id, strlen(id), &token->id))
        return wrong(err, "id", "an id of 11 characters");
    int code =
        field_status(&token->active, &token->off_by, &f[TOKEN_STATUS], &f[TOKEN_OFF_BY], err);
    if (code == 0)
        code = field_time(&token->created, &f[TOKEN_CREATED], err);
    if (code == 0)
        code = field_time(&token->expires, &f[TOKEN_EXPIRES], err);
    if (code == 0 && !f[TOKEN_EXPIRES].is_there)
        token->expires = EXPIRES_BY_DEFAULT;
    if (code == 0)
        code = field_secret(line, f, err);
    if (code == 0)
        code = field_text(token->note, sizeof token->note, &f[TOKEN_NOTE], err);
    if (code == 0)
        code = field_text(token->entity, sizeof token->entity, &f[TOKEN_ENTITY], err);
    return code == 0 ? field_text(token->name, sizeof token->name, &f[TOKEN_NAME], err) : code;
}

static int parse_token(json_t *json, struct transfer_line *line, struct espt_error *err)
{
    struct field f[TOKEN_FIELDS] = {[TOKEN_ID] = {.name = "id"},
                                    [TOKEN_ENTITY] = {.name = "entity", .required = true},
                                    [TOKEN_NAME] = {.name = "name", .required = true},
                                    [TOKEN_STATUS] = {.name = "status"},
                                    [TOKEN_CREATED] = {.name = "created"},
                                    [TOKEN_EXPIRES] = {.name = "expires", .type = TEXT_OR_NULL},
                                    [TOKEN_SHA256] = {.name = "sha256", .required = true},
                                    [TOKEN_SEALED] = {.name = "sealed"},
                                    [TOKEN_KEY] = {.name = "key"},
                                    [TOKEN_RETIRES] = {.name = "retiring", .type = BOOLEAN},
                                    [TOKEN_FOREIGN] = {.name = "foreign", .type = BOOLEAN},
                                    [TOKEN_OFF_BY] = {.name = "off_by"},
                                    [TOKEN_NOTE] = {.name = "note"}};
    int code = read_fields(json, f, TOKEN_FIELDS, err);
    return code == 0 ? parse_token_fields(line, f, err) : code;
}

static int parse_document(struct transfer_line *line, json_t *json, struct espt_error *err)
{
    json_t *entity = json_object_get(json, "entity"), *token = json_object_get(json, "token");
    const char *what = entity != NULL ? "entity" : "token";
    if (json_object_get(json, "export") != NULL) {
        line->kind = TRANSFER_HEAD;
        return json_integer_value(json_object_get(json, "version")) == TRANSFER_VERSION
                   ? 0
                   : espt_fail(err, ESPT_USAGE,
                               "an export of another version; this command reads version %d",
                               TRANSFER_VERSION);
    }
    if (json_object_size(json) != 1 || (entity == NULL && token == NULL))
        return espt_fail(
            err, ESPT_USAGE,
            "not a line of an export; write {\"entity\": {...}} or {\"token\": {...}}");
    line->kind = entity != NULL ? TRANSFER_ENTITY : TRANSFER_TOKEN;
    int code =
        entity != NULL ? parse_entity(entity, &line->entity, err) : parse_token(token, line, err);
    return code == 0 ? 0 : espt_fail_in(err, "%s", what);
}

/* jansson says what it met, and after " near " repeats a part of the line. */
static int fail_syntax(const json_error_t *error, struct espt_error *err)
{
    const char *near = strstr(error->text, " near ");
    if (json_error_code(error) == json_error_null_character)
        return espt_fail(err, ESPT_USAGE, "a text with \\u0000, at column %d; correct the line",
                         error->column);
    const int len = near != NULL ? (int)(near - error->text) : (int)strlen(error->text);
    return espt_fail(err, ESPT_USAGE, "not JSON, at column %d: %.*s; correct the line",
                     error->column, len, error->text);
}

int transfer_parse(struct transfer_line *ret_line, const char *text, size_t len,
                   struct espt_error *err)
{
    struct transfer_line line = {0};
    json_error_t error;
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    int code = json != NULL ? parse_document(&line, json, err) : fail_syntax(&error, err);
    json_decref(json);
    if (code != 0 && json_lacks())
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code == 0)
        *ret_line = line;
    return code;
}
