/* SPDX-License-Identifier: ISC */
#include "present.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_control(struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static bool is_name(struct text text)
{
    static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\0' || strchr(token, text.at[i]) == NULL)
            return false;
    }
    return text.len > 0;
}

static bool is(struct text text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

static struct header *place_of(struct headers *headers, struct text name)
{
    return is(name, MHD_HTTP_HEADER_AUTHORIZATION)       ? &headers->authorization
           : is(name, "X-API-KEY")                       ? &headers->api_key
           : is(name, MHD_HTTP_HEADER_CONTENT_LENGTH)    ? &headers->length
           : is(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) ? &headers->encoding
           : is(name, MHD_HTTP_HEADER_HOST)              ? &headers->host
           : is(name, headers->uri_name)                 ? &headers->uri
                                                         : NULL;
}

static enum MHD_Result on_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                 size_t key_len, const char *value, size_t value_len)
{
    struct headers *headers = arg;
    struct text name = {key, key_len}, text = {value != NULL ? value : "", value_len};
    struct header *header = place_of(headers, name);
    (void)kind;
    headers->malformed |= !is_name(name) || has_control(text);
    if (header != NULL && header->lines++ == 0)
        header->value = text;
    return MHD_YES;
}

void headers_read(struct MHD_Connection *connection, const char *uri_name,
                  struct headers *ret_headers)
{
    static const struct header absent = {.value = {"", 0}};
    *ret_headers =
        (struct headers){absent, absent, absent, absent, absent, absent, uri_name, false};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, ret_headers);
}

bool headers_are_ambiguous(const struct headers *headers)
{
    const struct text *length = &headers->length.value;
    return headers->length.lines + headers->encoding.lines > 1 || headers->host.lines > 1 ||
           strspn(length->at, "0123456789") != length->len ||
           (headers->length.lines == 1 && length->len == 0) ||
           (headers->encoding.lines == 1 && !is(headers->encoding.value, "chunked"));
}

size_t headers_length(const struct headers *headers)
{
    const struct text *length = &headers->length.value;
    return length->len > 9 ? SIZE_MAX : strtoul(length->at, NULL, 10);
}

/* Removes "SCHEME " from the value. Returns false if the scheme is another. */
static bool strip_scheme(struct text *value, const char *scheme)
{
    size_t len = strlen(scheme);
    if (value->len < len || strncasecmp(value->at, scheme, len) != 0 ||
        (value->len > len && value->at[len] != ' '))
        return false;
    while (len < value->len && value->at[len] == ' ')
        len++;
    *value = (struct text){value->at + len, value->len - len};
    return true;
}

/* Decodes "NAME:PASSWORD". The client chooses the name, so it is ignored. */
static struct text password_of(struct text encoded, struct presented *presented)
{
    size_t len = 0;
    const unsigned char *decoded = presented->decoded, *colon = NULL;
    if (encoded.len <= BASIC_MAX &&
        sodium_base642bin(presented->decoded, sizeof presented->decoded, encoded.at, encoded.len,
                          NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
        colon = memchr(decoded, ':', len);
    if (colon == NULL)
        return (struct text){"", 0};
    return (struct text){(const char *)colon + 1, (size_t)(decoded + len - colon - 1)};
}

static bool is_sent(const struct header *header)
{
    return header->lines > 1 || (header->lines == 1 && header->value.len != 0);
}

bool present_token(const struct headers *headers, struct presented *ret_presented)
{
    struct text value = headers->authorization.value;
    unsigned lines = headers->authorization.lines;
    if (is_sent(&headers->authorization) && strip_scheme(&value, "Bearer")) {
        ret_presented->token = value;
    } else if (is_sent(&headers->api_key)) {
        ret_presented->token = headers->api_key.value;
        lines = headers->api_key.lines;
    } else if (is_sent(&headers->authorization) && strip_scheme(&value, "Basic")) {
        ret_presented->token = password_of(value, ret_presented);
    } else {
        return false;
    }
    if (lines != 1) /* the back end might use the second of two */
        ret_presented->token = (struct text){"", 0};
    return true;
}

/* The library keeps a request in memory of the connection, which lives on. */
static void wipe(const struct header *header)
{
    if (header->value.len != 0)
        sodium_memzero((void *)(uintptr_t)header->value.at, header->value.len);
}

void present_wipe(const struct headers *headers, struct presented *presented)
{
    wipe(&headers->authorization);
    wipe(&headers->api_key);
    sodium_memzero(presented, sizeof *presented);
}
