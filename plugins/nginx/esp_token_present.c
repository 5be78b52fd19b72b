/* SPDX-License-Identifier: ISC */
/* Finds the token that a request presents: the first source that is present counts. */
#include "esp_token.h"

static int is(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}

/* Returns the number of header lines with that name, and the value of the first. */
static ngx_uint_t find_header(ngx_http_request_t *r, const ngx_str_t *name, ngx_str_t *ret_value)
{
    ngx_uint_t found = 0;
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *line = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            ngx_str_t key = {line[i].key.len, line[i].lowcase_key};
            if (line[i].hash != 0 && is(&key, name) && found++ == 0)
                *ret_value = line[i].value;
        }
    }
    return found;
}

/* Removes "SCHEME " from the value. Returns 0 if the scheme is another. */
static int strip_scheme(ngx_str_t *value, const char *scheme)
{
    size_t len = ngx_strlen(scheme);
    if (value->len < len || ngx_strncasecmp(value->data, (u_char *)scheme, len) != 0 ||
        (value->len > len && value->data[len] != ' '))
        return 0;
    while (len < value->len && value->data[len] == ' ')
        len++;
    value->data += len;
    value->len -= len;
    return 1;
}

/* Decodes "NAME:PASSWORD", and replaces the value by the password. The client chooses the name, so
   it is ignored. An empty value: not decodable. */
static void decode_password(ngx_str_t *value, u_char *decoded)
{
    ngx_str_t clear = {0, decoded};
    u_char *colon = NULL;
    if (value->len <= BASIC_MAX && ngx_decode_base64(&clear, value) == NGX_OK)
        colon = ngx_strlchr(clear.data, clear.data + clear.len, ':');
    value->len = 0;
    if (colon != NULL) {
        value->data = colon + 1;
        value->len = (size_t)(clear.data + clear.len - value->data);
    }
}

int esp_token_present(ngx_http_request_t *r, const ngx_array_t *sources,
                      struct presented *ret_presented)
{
    const struct source *source = sources->elts;
    for (ngx_uint_t i = 0; i < sources->nelts; i++) {
        ngx_str_t value;
        ngx_uint_t lines = find_header(r, &source[i].header, &value);
        if (lines == 0 || (lines == 1 && value.len == 0))
            continue;
        if (source[i].kind == SOURCE_BEARER && !strip_scheme(&value, "Bearer"))
            continue;
        if (source[i].kind == SOURCE_BASIC) {
            if (!strip_scheme(&value, "Basic"))
                continue;
            decode_password(&value, ret_presented->decoded);
        }
        /* the back end might use the second of two lines, so two count as an empty token */
        ret_presented->text = value.data;
        ret_presented->len = lines == 1 ? value.len : 0;
        return 1;
    }
    return 0;
}
