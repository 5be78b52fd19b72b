/* SPDX-License-Identifier: ISC */
/* The allowed forms of names and texts (specification §3 and §5). Arguments need no terminator. */
#ifndef ESPT_COMMON_NAME_H
#define ESPT_COMMON_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTITY_NAME_MAX 64
#define TOKEN_NAME_MAX 100
#define TIER_NAME_MAX 32
#define METRIC_NAME_MAX 128
#define TIER_TEXT_MAX 120
#define NOTE_MAX 200

/* An entity's name: characters of A-Za-z0-9._-, the first one a letter or digit; not `none`. */
bool entity_name_ok(const char *name, size_t len);
bool tier_name_ok(const char *name, size_t len);   /* a-z0-9-_ */
bool metric_name_ok(const char *name, size_t len); /* a-z0-9._- */
/* UTF-8 (RFC 3629) without control characters. */
bool text_ok(const char *text, size_t len);
/* As text_ok(), but without bidirectional controls (UAX #9), and without blanks at either end. 1 to
   TOKEN_NAME_MAX bytes. */
bool token_name_ok(const char *name, size_t len);
/* As token_name_ok(), but at most NOTE_MAX bytes, and it may be empty. */
bool note_ok(const char *note, size_t len);
/* The first control character of a UTF-8 text, apart from tabs. 0: there is none. */
uint32_t control_but_tab(const char *text, size_t len);
/* The number of printable ASCII characters, including blanks, at the start of the text. */
size_t plain_len(const char *text, size_t len);
bool utf8_ok(const char *text, size_t len);
/* The length of the byte-order mark at the start of a text file: 3 or 0. */
size_t bom_len(const char *text, size_t len);
/* The length in bytes of the first character. 0: it is not UTF-8, or `len` ends inside it. */
size_t utf8_len(const char *text, size_t len);
/* The number of the line, counted from 1, that contains the byte `at`. */
int line_at(const char *text, size_t at);

#endif
