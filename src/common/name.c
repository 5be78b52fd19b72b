/* SPDX-License-Identifier: ISC */
#include "common/name.h"

#include <string.h>

/* In which kinds of names a byte may occur; FIRST: as the first byte of an entity's name. Names are
   checked in every validation, so the code looks up all bytes and combines the results without
   branches that could be mispredicted. */
enum { FIRST = 1, ENTITY = 2, TIER = 4, METRIC = 8 };
static const uint8_t allowed_in[256] = {
    ['0' ... '9'] = FIRST | ENTITY | TIER | METRIC,
    ['a' ... 'z'] = FIRST | ENTITY | TIER | METRIC,
    ['A' ... 'Z'] = FIRST | ENTITY,
    ['-'] = ENTITY | TIER | METRIC,
    ['_'] = ENTITY | TIER | METRIC,
    ['.'] = ENTITY | METRIC,
};

static inline unsigned eight_in(const char *name, unsigned place)
{
    for (size_t i = 0; i < 8; i++)
        place &= allowed_in[(unsigned char)name[i]];
    return place;
}

/* Checks eight bytes at a time; the last eight may overlap the ones before. A branch for each byte
   would depend on the length and be mispredicted. */
static inline bool all_in(const char *name, size_t len, unsigned place)
{
    for (size_t i = 0; i + 8 < len; i += 8)
        place &= eight_in(name + i, place);
    if (len >= 8)
        return eight_in(name + len - 8, place) != 0;
    for (size_t i = 0; i < len; i++)
        place &= allowed_in[(unsigned char)name[i]];
    return place != 0;
}

bool entity_name_ok(const char *name, size_t len)
{
    return len > 0 && len <= ENTITY_NAME_MAX && (allowed_in[(unsigned char)name[0]] & FIRST) != 0 &&
           all_in(name, len, ENTITY) && (len != 4 || memcmp(name, "none", 4) != 0);
}

bool tier_name_ok(const char *name, size_t len)
{
    return len > 0 && len <= TIER_NAME_MAX && all_in(name, len, TIER);
}

bool metric_name_ok(const char *name, size_t len)
{
    return len > 0 && len <= METRIC_NAME_MAX && all_in(name, len, METRIC);
}

/* Decodes the next code point (RFC 3629: no overlong form, no surrogate, at most 10FFFF). Returns
   its length in bytes, or 0 if it is not UTF-8. */
static size_t next_point(const char *text, size_t len, uint32_t *ret_point)
{
    const unsigned char *byte = (const unsigned char *)text;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count = byte[0] < 0x80             ? 1
                   : (byte[0] & 0xe0) == 0xc0 ? 2
                   : (byte[0] & 0xf0) == 0xe0 ? 3
                   : (byte[0] & 0xf8) == 0xf0 ? 4
                                              : 0;
    if (count == 0 || count > len)
        return 0;
    uint32_t point = count == 1 ? byte[0] : byte[0] & (0x7fu >> count);
    for (size_t i = 1; i < count; i++) {
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (byte[i] & 0x3f);
    }
    if (point < least[count] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *ret_point = point;
    return count;
}

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x2028 || point == 0x2029;
}

/* UAX #9, table 2. These characters can make a text look like another. */
static bool is_bidi_control(uint32_t point)
{
    return point == 0x61c || point == 0x200e || point == 0x200f ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* The characters of Unicode's White_Space that are not control characters. */
static bool is_blank(uint32_t point)
{
    return point == ' ' || point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x202f || point == 0x205f ||
           point == 0x3000;
}

/* A fast path: no check refuses printable ASCII, and most texts are nothing else. Eight bytes at a
   time: for a byte outside the range, the sum or the difference sets the byte's upper bit. */
size_t plain_len(const char *text, size_t len)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    size_t at = 0;
    for (uint64_t word; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (((word | (word + ones) | (word - ones * ' ')) & tops) != 0)
            break;
    }
    while (at < len && text[at] >= ' ' && text[at] <= '~')
        at++;
    return at;
}

static bool all_points(const char *text, size_t len, bool (*refused)(uint32_t point))
{
    uint32_t point;
    for (size_t plain; (plain = plain_len(text, len)) < len;) {
        text += plain;
        len -= plain;
        size_t count = next_point(text, len, &point);
        if (count == 0 || refused(point))
            return false;
        text += count;
        len -= count;
    }
    return true;
}

static bool nothing(uint32_t point)
{
    (void)point;
    return false;
}

size_t utf8_len(const char *text, size_t len)
{
    uint32_t point;
    return next_point(text, len, &point);
}

size_t bom_len(const char *text, size_t len)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    return len >= sizeof mark && memcmp(text, mark, sizeof mark) == 0 ? sizeof mark : 0;
}

bool utf8_ok(const char *text, size_t len)
{
    return all_points(text, len, nothing);
}

bool text_ok(const char *text, size_t len)
{
    return all_points(text, len, is_control);
}

uint32_t control_but_tab(const char *text, size_t len)
{
    uint32_t point;
    while (len > 0) {
        size_t count = next_point(text, len, &point);
        if (count == 0 || (is_control(point) && point != '\t'))
            return count > 0 ? point : 0;
        text += count;
        len -= count;
    }
    return 0;
}

/* A text that people read in lists (§5.5): no control characters, no bidirectional controls, and no
   blank at either end. */
static bool listed_ok(const char *name, size_t len)
{
    uint32_t point = 0, last = 0;
    if (!text_ok(name, len) || !all_points(name, len, is_bidi_control))
        return false;
    next_point(name, len, &point);
    size_t begin = len - 1;
    while (((unsigned char)name[begin] & 0xc0) == 0x80)
        begin--;
    next_point(name + begin, len - begin, &last);
    return !is_blank(point) && !is_blank(last);
}

bool token_name_ok(const char *name, size_t len)
{
    return len > 0 && len <= TOKEN_NAME_MAX && listed_ok(name, len);
}

bool note_ok(const char *note, size_t len)
{
    return len == 0 || (len <= NOTE_MAX && listed_ok(note, len));
}

int line_at(const char *text, size_t at)
{
    int line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}
