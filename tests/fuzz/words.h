/* SPDX-License-Identifier: ISC */
/*
 * Words for the harnesses of command lines, which no mutation would find. One control character
 * stands for each word.
 */
#ifndef TESTS_FUZZ_WORDS_H
#define TESTS_FUZZ_WORDS_H

#include "common/crc32.h"
#include "common/token.h"
#include "fuzz/fuzz.h"

struct word {
    char byte;
    const char *text;
};

/* Copies `data` and replaces each byte that stands for a word. Stops where `room` ends, and adds a
   terminator. Returns the length. */
static inline size_t words_put(const struct word *words, size_t count, const uint8_t *data,
                               size_t size, char *ret_text, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        const char *from = (const char *)data + i;
        size_t len = 1;
        for (size_t w = 0; w < count; w++) {
            if (words[w].byte == (char)data[i]) {
                from = words[w].text;
                len = strlen(from);
            }
        }
        if (len >= room - used)
            break;
        memcpy(ret_text + used, from, len);
        used += len;
    }
    ret_text[used] = '\0';
    return used;
}

/* Writes a well-formed token text with the id. */
static inline void word_token(uint64_t id, char ret_text[static TOKEN_TEXT_LEN + 1])
{
    char digits[TOKEN_ID_LEN + 1];
    token_id_format(id, digits);
    snprintf(ret_text, TOKEN_TEXT_LEN + 1, "esptk_%s_%030d", digits, 7);
    base62_encode(crc32(0, ret_text, TOKEN_CHECKED_LEN), ret_text + TOKEN_CHECKED_LEN,
                  TOKEN_CHECKSUM_LEN);
    ret_text[TOKEN_TEXT_LEN] = '\0';
}

/* Finds the first complete token text in `text`. NULL: there is none. */
static inline const char *word_secret(const char *text)
{
    uint64_t id;
    while ((text = strstr(text, TOKEN_PREFIX)) != NULL) {
        if (strnlen(text, TOKEN_TEXT_LEN) == TOKEN_TEXT_LEN &&
            token_parse(text, TOKEN_TEXT_LEN, &id))
            return text;
        text++;
    }
    return NULL;
}

#endif
