/* SPDX-License-Identifier: ISC */
#include "uri.h"

#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define UNRESERVED DIGITS LETTERS "-._~"
#define PATH_CHARACTERS UNRESERVED "/!$&'()*+,;=:@"

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = is_one_of(c, DIGITS LETTERS) ? strchr(digits, c | 0x20) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* The byte that is encoded at the beginning of `text` as %XX; -1: malformed. */
static int encoded_byte(struct text text)
{
    int high = text.len >= 3 && text.at[0] == '%' ? hex_value(text.at[1]) : -1;
    int low = high >= 0 ? hex_value(text.at[2]) : -1;
    return low >= 0 ? high * 16 + low : -1;
}

void uri_split(struct text uri, struct text *ret_path, struct text *ret_query)
{
    const char *mark = memchr(uri.at, '?', uri.len);
    *ret_path = uri;
    *ret_query = (struct text){NULL, 0};
    if (mark == NULL)
        return;
    ret_path->len = (size_t)(mark - uri.at);
    *ret_query = (struct text){mark + 1, uri.len - ret_path->len - 1};
}

/* A segment that is empty, a dot segment, or one with parameters, which Java's servers drop. */
static bool is_bad_segment(struct text segment)
{
    size_t dots = 0;
    while (dots < segment.len && segment.at[dots] == '.')
        dots++;
    return segment.len == 0 || (dots == segment.len && dots <= 2) ||
           (dots >= 1 && dots <= 2 && segment.at[dots] == ';');
}

/* Of encoded bytes only those that must be encoded and mean nothing: blanks, quotes, UTF-8. */
static bool is_harmless_byte(int byte)
{
    return byte >= 0x20 && byte != 0x7f && byte != '%' && byte != '\\' &&
           !is_one_of((char)byte, PATH_CHARACTERS "?#");
}

static bool has_normal_bytes(struct text path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.at[i] == '%') {
            if (!is_harmless_byte(encoded_byte((struct text){path.at + i, path.len - i})))
                return false;
            i += 2;
        } else if (!is_one_of(path.at[i], PATH_CHARACTERS)) {
            return false;
        }
    }
    return true;
}

bool uri_path_is_normal(struct text path)
{
    const char *end = path.at + path.len;
    if (path.len == 0 || path.at[0] != '/' || !has_normal_bytes(path))
        return false;
    for (const char *from = path.at + 1; from < end;) {
        const char *slash = memchr(from, '/', (size_t)(end - from));
        const char *until = slash != NULL ? slash : end;
        if (is_bad_segment((struct text){from, (size_t)(until - from)}))
            return false;
        from = until + 1;
    }
    return true;
}

bool uri_next_parameter(struct text *query, struct text *ret_name, struct text *ret_value)
{
    if (query->at == NULL)
        return false;
    const char *end = query->at + query->len;
    const char *mark = memchr(query->at, '&', query->len);
    const char *until = mark != NULL ? mark : end;
    const char *equals = memchr(query->at, '=', (size_t)(until - query->at));
    const char *name_end = equals != NULL ? equals : until;
    const char *value = equals != NULL ? equals + 1 : until;
    *ret_name = (struct text){query->at, (size_t)(name_end - query->at)};
    *ret_value = (struct text){value, (size_t)(until - value)};
    *query =
        mark != NULL ? (struct text){mark + 1, (size_t)(end - mark - 1)} : (struct text){NULL, 0};
    return true;
}

static bool is_exactly(struct text text, const char *name)
{
    return text.len == strlen(name) && memcmp(text.at, name, text.len) == 0;
}

/* Whether a server may take the encoded text for `name`: decoded, without blanks before it and in
   any case, it begins with `name`, and no letter, digit or hyphen follows. True for a text that
   cannot be decoded. */
static bool is_like(struct text encoded, const char *name)
{
    char decoded[256];
    size_t len = 0;
    if (!uri_decode(encoded, decoded, sizeof decoded, &len))
        return true;
    const char *begin = decoded + strspn(decoded, " ");
    size_t name_len = strlen(name);
    return strncasecmp(begin, name, name_len) == 0 &&
           !is_one_of(begin[name_len], DIGITS LETTERS "-_");
}

/* Some programs separate parameters by ";" too: then each part may begin with a name. */
static size_t count_like(struct text pair, const char *name)
{
    size_t found = 0;
    const char *end = pair.at + pair.len;
    for (const char *from = pair.at; from <= end;) {
        const char *mark = memchr(from, ';', (size_t)(end - from));
        const char *until = mark != NULL ? mark : end;
        const char *equals = memchr(from, '=', (size_t)(until - from));
        found +=
            is_like((struct text){from, (size_t)((equals != NULL ? equals : until) - from)}, name);
        from = until + 1;
    }
    return found;
}

enum uri_found uri_parameter(struct text query, const char *name, struct text *ret_value)
{
    struct text key, value;
    size_t found = 0, like = 0;
    while (uri_next_parameter(&query, &key, &value)) {
        like += count_like((struct text){key.at, (size_t)(value.at + value.len - key.at)}, name);
        if (!is_exactly(key, name))
            continue;
        found++;
        *ret_value = value;
    }
    return like == 0 ? URI_ABSENT : like == 1 && found == 1 ? URI_ONCE : URI_AMBIGUOUS;
}

bool uri_decode(struct text encoded, char *ret_text, size_t size, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < encoded.len; i++) {
        int byte = (unsigned char)encoded.at[i];
        if (byte == '%') {
            byte = encoded_byte((struct text){encoded.at + i, encoded.len - i});
            i += 2;
        } else if (byte == '+') {
            byte = ' ';
        }
        if (byte < 0x20 || byte == 0x7f || len + 1 >= size)
            return false;
        ret_text[len++] = (char)byte;
    }
    ret_text[len] = '\0';
    *ret_len = len;
    return true;
}
