/* SPDX-License-Identifier: ISC */
#include "store/name_form.h"

#include <string.h>
#include <utf8proc.h>

/* A code point of a name has at least one byte, and decomposes into at most four. */
#define POINTS_MAX (4L * TOKEN_NAME_MAX)

bool name_composed(const char *name, char ret_name[static TOKEN_NAME_MAX + 1])
{
    const utf8proc_option_t nfc = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    const size_t len = strlen(name);
    utf8proc_int32_t points[POINTS_MAX + 1]; /* utf8proc writes the text, with a NUL, over them */
    if (len > TOKEN_NAME_MAX)
        return false;
    const utf8proc_ssize_t count = utf8proc_decompose(
        (const utf8proc_uint8_t *)name, (utf8proc_ssize_t)len, points, POINTS_MAX, nfc);
    if (count < 0 || count > POINTS_MAX)
        return false;
    const utf8proc_ssize_t size = utf8proc_reencode(points, count, nfc);
    if (size < 0 || size > TOKEN_NAME_MAX)
        return false;
    memcpy(ret_name, points, (size_t)size);
    ret_name[size] = '\0';
    return true;
}

bool name_is_composed(const char *name)
{
    char composed[TOKEN_NAME_MAX + 1];
    if (plain_len(name, strlen(name)) == strlen(name))
        return true;
    /* a name whose NFC form is too long is in another form */
    return name_composed(name, composed) && strcmp(composed, name) == 0;
}

/* Of ASCII, only these characters are the NFC form of others: U+212A, U+037E and U+1FEF. */
bool name_has_forms(const char *name)
{
    return plain_len(name, strlen(name)) != strlen(name) || strpbrk(name, "K;`") != NULL;
}

/* Characters that no category or property of utf8proc tells: BRAILLE PATTERN BLANK, MUSICAL SYMBOL
   NULL NOTEHEAD, the Hangul fillers, and code points reserved for characters that are ignored. */
static bool is_empty(utf8proc_int32_t point)
{
    return point == 0x2800 || point == 0x1d159 || point == 0x115f || point == 0x1160 ||
           point == 0x3164 || point == 0xffa0 || point == 0x2065 ||
           (point >= 0xfff0 && point <= 0xfff8) || (point >= 0xe0000 && point <= 0xe0fff);
}

/* Unassigned code points count as visible: a later version of Unicode may assign them, and
   terminals draw a box. */
static bool is_visible(utf8proc_int32_t point)
{
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
        return false;
    default:
        return !is_empty(point) && !utf8proc_get_property(point)->ignorable;
    }
}

bool name_is_visible(const char *name)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)name;
    utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(name), step;
    utf8proc_int32_t point;
    for (; left > 0; at += step, left -= step) {
        step = utf8proc_iterate(at, left, &point);
        if (step <= 0)
            return false;
        if (is_visible(point))
            return true;
    }
    return false;
}
