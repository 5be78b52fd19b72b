/* SPDX-License-Identifier: ISC */
/* The texts of a request: from its query string and its body. */
#include "portal/http.h"

#include "common/name.h"

#include <jansson.h>
#include <string.h>

/* The texts before they are put into the request, in the order of enum field. */
struct texts {
    struct exchange *exchange;
    struct {
        const char *text;
        size_t len;
    } text[FIELD_COUNT];
    const char *wrong, *field;
};

static bool find_field(uint64_t among, const char *name, enum field *ret_field)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if ((among & FIELD_BIT(i)) == 0 || field_name((enum field)i) == NULL ||
            strcmp(field_name((enum field)i), name) != 0)
            continue;
        *ret_field = (enum field)i;
        return true;
    }
    return false;
}

static bool wrong(struct texts *texts, const char *what, const char *field)
{
    texts->wrong = what;
    texts->field = field;
    return false;
}

static bool is_text(const char *text, size_t len, const char *wanted)
{
    return len == strlen(wanted) && memcmp(text, wanted, len) == 0;
}

static bool set(struct texts *texts, enum field field, const char *text, size_t len)
{
    const char *name = field_name(field);
    if (texts->text[field].text != NULL)
        return wrong(texts, "it is there twice", name);
    if (len > FIELD_TEXT_MAX)
        return wrong(texts, "the text is too long", name);
    if (!utf8_ok(text, len) || memchr(text, '\0', len) != NULL)
        return wrong(texts, "the text is not UTF-8", name);
    if (field == FIELD_DOWNLOAD && !is_text(text, len, "yes"))
        return wrong(texts, "download is yes, or absent", name);
    texts->text[field].text = text;
    texts->text[field].len = len;
    return true;
}

/* --- the query string --- */

static enum MHD_Result on_parameter(void *arg, enum MHD_ValueKind kind, const char *key,
                                    size_t key_len, const char *value, size_t value_len)
{
    struct texts *texts = arg;
    const uint64_t query = portal_commands[texts->exchange->route.command].query;
    enum field field;
    (void)kind;
    if (strlen(key) != key_len || !find_field(query, key, &field))
        wrong(texts, "a parameter of the query string is not known", NULL);
    else
        set(texts, field, value != NULL ? value : "", value_len);
    return texts->wrong == NULL ? MHD_YES : MHD_NO;
}

/* --- the body --- */

/* null clears a field, where that can be. */
static bool add_member(struct texts *texts, enum field field, json_t *value)
{
    const bool clears = field == FIELD_EXPIRES || field == FIELD_NOTE || field == FIELD_CONTACT;
    if (json_is_null(value) && clears)
        return set(texts, field, "", 0);
    if (!json_is_string(value))
        return wrong(texts, "it is not a text", field_name(field));
    return set(texts, field, json_string_value(value), json_string_length(value));
}

static bool add_body(struct texts *texts, json_t *body)
{
    const uint64_t takes = portal_commands[texts->exchange->route.command].body;
    const char *key;
    json_t *value;
    enum field field;
    if (!json_is_object(body))
        return wrong(texts, "the body is not a JSON object", NULL);
    json_object_foreach(body, key, value)
    {
        if (!find_field(takes, key, &field))
            return wrong(texts, "a member of the body is not known", NULL);
        if (!add_member(texts, field, value))
            return false;
    }
    return true;
}

/* The references in `texts` are valid until the caller drops *ret_body. */
static bool read_body(struct texts *texts, json_t **ret_body)
{
    const struct exchange *exchange = texts->exchange;
    json_error_t error;
    if (exchange->body_len == 0)
        return true;
    *ret_body = json_loadb(exchange->body, exchange->body_len, JSON_REJECT_DUPLICATES, &error);
    if (*ret_body == NULL)
        return wrong(texts, "the body is not JSON, or not UTF-8", NULL);
    return add_body(texts, *ret_body);
}

/* --- both --- */

static bool add_conditions(struct texts *texts)
{
    const struct exchange *exchange = texts->exchange;
    const struct portal_command_entry *entry = &portal_commands[exchange->route.command];
    const char *match = exchange->header[HEADER_IF_MATCH], *key = exchange->header[HEADER_KEY];
    if (match != NULL && (entry->headers & FIELD_BIT(FIELD_IF_MATCH)) != 0 &&
        !set(texts, FIELD_IF_MATCH, match, strlen(match)))
        return false;
    if (key == NULL || (entry->headers & FIELD_BIT(FIELD_KEY)) == 0)
        return true;
    if (key[0] == '\0' || strlen(key) > 64 || plain_len(key, strlen(key)) != strlen(key))
        return wrong(texts, "Idempotency-Key is 1 to 64 printable ASCII characters", NULL);
    return set(texts, FIELD_KEY, key, strlen(key));
}

/* A download is everything: it has its own cursor and limit. */
static void begin_download(struct texts *texts)
{
    struct exchange *exchange = texts->exchange;
    exchange->downloads = true;
    texts->text[FIELD_CURSOR].text = texts->text[FIELD_LIMIT].text = NULL;
    memcpy(exchange->entity, exchange->route.entity,
           exchange->route.entity_len <= ENTITY_NAME_MAX ? exchange->route.entity_len : 0);
}

const char *fields_add(struct exchange *exchange, const char **ret_field)
{
    struct texts texts = {.exchange = exchange};
    const struct route *route = &exchange->route;
    json_t *body = NULL;
    if (route->entity != NULL)
        set(&texts, FIELD_ENTITY, route->entity, route->entity_len);
    if (route->token != NULL)
        set(&texts, FIELD_TOKEN, route->token, route->token_len);
    MHD_get_connection_values_n(exchange->mhd, MHD_GET_ARGUMENT_KIND, on_parameter, &texts);
    if (texts.wrong == NULL && read_body(&texts, &body))
        add_conditions(&texts);
    if (texts.text[FIELD_DOWNLOAD].text != NULL)
        begin_download(&texts);
    for (int i = 0; i < FIELD_COUNT && texts.wrong == NULL; i++) {
        if (texts.text[i].text != NULL)
            request_add(exchange->request, (enum field)i, texts.text[i].text, texts.text[i].len);
    }
    json_decref(body);
    if (exchange->downloads)
        download_prepare(exchange);
    if (texts.wrong == NULL && exchange->request->failed)
        wrong(&texts, "the request is too long", NULL);
    *ret_field = texts.field;
    return texts.wrong;
}
