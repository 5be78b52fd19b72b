/* The forms of names and texts (contract §3 and §5). Bytes are judged, no terminator is needed. */
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

bool entity_name_ok(const char *name,
                    size_t len); /* A-Za-z0-9._- first a letter or digit, not none */
bool tier_name_ok(const char *name, size_t len);   /* a-z0-9-_ */
bool metric_name_ok(const char *name, size_t len); /* a-z0-9._- */
/* UTF-8 (RFC 3629) without control characters. */
bool text_ok(const char *text, size_t len);
/* As text_ok, without bidirectional controls (UAX #9) and blanks at either end; 1-100 bytes. */
bool token_name_ok(const char *name, size_t len);
/* The first control character of a UTF-8 text that is no tab; 0: none. */
uint32_t control_but_tab(const char *text, size_t len);
/* How many printable ASCII characters, blanks among them, the text begins with. */
size_t plain_len(const char *text, size_t len);
bool utf8_ok(const char *text, size_t len);
/* How many bytes the first character takes, of those that are there; 0: it is not UTF-8. */
size_t utf8_len(const char *text, size_t len);
/* On which line, counted from 1, that byte stands. */
int line_at(const char *text, size_t at);

#endif
