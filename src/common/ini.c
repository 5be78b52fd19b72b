/* SPDX-License-Identifier: ISC */
#include "common/ini.h"

#include "common/name.h"
#include "common/token.h"

#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_NAME_MAX 32 /* inih would cut it at 49 */
#define SECTIONS_MAX 65

struct reading {
    const char *file;
    const char *next; /* the text that inih has not read yet */
    int line;         /* number of the line that inih read last */
    ini_fn fn;
    void *arg;
    struct espt_error *err;
    int code;
    char section[SECTION_NAME_MAX + 1];
    char key[INI_LINE_BYTES_MAX + 1]; /* the key of the current line */
    char value[INI_LINE_BYTES_MAX + 1];
    size_t sections;
    char seen[SECTIONS_MAX][SECTION_NAME_MAX + 1];
};

#define FAULT(reading, ...) ini_fault((reading)->err, (reading)->file, (reading)->line, __VA_ARGS__)

int ini_unknown(struct espt_error *err, const char *file, int line, const char *what,
                const char *word, const char *remedy)
{
    if (token_text_possible(word))
        return ini_fault(err, file, line, "unknown %s; %s", what, remedy);
    return ini_fault(err, file, line, "unknown %s '%s'; %s", what, word, remedy);
}

int ini_fault(struct espt_error *err, const char *file, int line, const char *format, ...)
{
    char *message = NULL;
    va_list args;
    va_start(args, format);
    const bool made = vasprintf(&message, format, args) >= 0;
    va_end(args);
    espt_fail(err, ESPT_UNUSABLE, "%s:%d: %s", file, line, made ? message : "out of memory");
    free(made ? message : NULL);
    return ESPT_UNUSABLE;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The length without a comment, which begins at a `;` after a blank, as in inih. */
static size_t without_comment(const char *line, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (line[i] == ';' && is_blank(line[i - 1]))
            len = i;
    }
    while (len > 0 && is_blank(line[len - 1]))
        len--;
    return len;
}

static int check_bytes(struct reading *r, const char *line, size_t len)
{
    if (memchr(line, '\r', len) != NULL)
        return FAULT(r, "a control character (U+000D: CR alone ends no line); save the file with "
                        "line ends of LF or CRLF");
    if (len > INI_LINE_BYTES_MAX)
        return FAULT(r, "a line of %zu bytes; shorten it to %d", len, INI_LINE_BYTES_MAX);
    if (!utf8_ok(line, len))
        return FAULT(r, "bytes that are not UTF-8; save the file as UTF-8");
    uint32_t control = control_but_tab(line, len);
    return control == 0 ? 0 : FAULT(r, "a control character (U+%04X); remove it", control);
}

static int check_section(struct reading *r, const char *line, size_t len)
{
    const char *close = memchr(line, ']', len);
    if (close == NULL)
        return FAULT(r, "a section header without ]; write [name]");
    if (without_comment(line, len) != (size_t)(close - line) + 1)
        return FAULT(r, "text after ]; put it on a line of its own");
    size_t name_len = (size_t)(close - line) - 1;
    if (!tier_name_ok(line + 1, name_len))
        return FAULT(r, "not a section name; use 1 to %d of a-z 0-9 - _", SECTION_NAME_MAX);
    memcpy(r->section, line + 1, name_len);
    r->section[name_len] = '\0';
    for (size_t i = 0; i < r->sections; i++) {
        if (strcmp(r->seen[i], r->section) == 0)
            return FAULT(r, "section [%s] is repeated; merge the two", r->section);
    }
    if (r->sections == SECTIONS_MAX)
        return FAULT(r, "more than %d sections; remove some", SECTIONS_MAX - 1);
    memcpy(r->seen[r->sections++], r->section, sizeof r->section);
    return r->fn(r->arg, r->section, NULL, NULL, r->line, r->err);
}

/* Trims blanks. inih would trim what the host's locale calls white space: in some locales that is
   0xa0, which may be the last byte of an accented letter. */
static void copy_trimmed(char *out, const char *text, size_t len)
{
    while (len > 0 && is_blank(text[0])) {
        text++;
        len--;
    }
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    memcpy(out, text, len);
    out[len] = '\0';
}

/* Checks a line before inih reads it. Returns 0, or a code. */
static int check_line(struct reading *r, const char *line, size_t len)
{
    int code = check_bytes(r, line, len);
    if (code != 0)
        return code;
    size_t indent = 0;
    while (indent < len && is_blank(line[indent]))
        indent++;
    if (indent == len || line[indent] == ';' || line[indent] == '#')
        return 0;
    if (indent > 0)
        return FAULT(r, "an indented line; begin it at the margin");
    if (line[0] == '[')
        return check_section(r, line, len);
    len = without_comment(line, len);
    const char *equals = memchr(line, '=', len), *colon = memchr(line, ':', len);
    if (equals == NULL || (colon != NULL && colon < equals))
        return FAULT(r, colon != NULL ? "`:` where `=` belongs; write key = value"
                                      : "neither a section nor a key; write key = value");
    if (equals == line)
        return FAULT(r, "a value without a key; write key = value");
    if (r->sections == 0)
        return FAULT(r, "a key before the first section; put it below one");
    copy_trimmed(r->key, line, (size_t)(equals - line));
    copy_trimmed(r->value, equals + 1, len - (size_t)(equals + 1 - line));
    return 0;
}

/* Gives inih the next line, after the checks. check_bytes() ensures that it fits into `size` bytes.
 */
static char *next_line(char *out, int size, void *stream)
{
    struct reading *r = stream;
    if (*r->next == '\0' || r->code != 0)
        return NULL;
    const char *line = r->next;
    size_t len = strcspn(line, "\n");
    r->next += len + (line[len] == '\n');
    if (len > 0 && line[len] == '\n' && line[len - 1] == '\r')
        len--;
    r->line++;
    r->code = check_line(r, line, len);
    if (r->code != 0)
        return NULL;
    snprintf(out, (size_t)size, "%.*s\n", (int)len, line);
    return out;
}

static int on_key(void *user, const char *section, const char *key, const char *value)
{
    struct reading *r = user;
    (void)key, (void)value;
    if (r->code == 0)
        r->code = r->fn(r->arg, section, r->key, r->value, r->line, r->err);
    return r->code == 0;
}

static bool is_utf16(const char *text, size_t len)
{
    return len >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 ||
                        text[0] == '\0' || text[1] == '\0');
}

/* Checks the file as a whole. */
static int check_text(const char *file, const char *text, size_t len, struct espt_error *err)
{
    const char *nul = memchr(text, '\0', len);
    if (is_utf16(text, len))
        return ini_fault(err, file, 1, "the file is UTF-16; save it as UTF-8");
    if (len > INI_FILE_MAX)
        return ini_fault(err, file, line_at(text, INI_FILE_MAX), "larger than %d bytes; shorten it",
                         INI_FILE_MAX);
    if (nul != NULL)
        return ini_fault(err, file, line_at(text, (size_t)(nul - text)), "a NUL byte; remove it");
    return 0;
}

int ini_read(const char *file, const char *text, size_t len, ini_fn fn, void *arg,
             struct espt_error *err)
{
    int code = check_text(file, text, len, err);
    if (code != 0)
        return code;
    struct reading *r = calloc(1, sizeof *r); /* hosts have small stacks */
    if (r == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    r->file = file;
    r->next = text + bom_len(text, len);
    r->fn = fn;
    r->arg = arg;
    r->err = err;
    int bad = ini_parse_stream(next_line, r, on_key, r);
    /* inih should accept every line that passed the checks; if it does not, refuse the file */
    if (r->code == 0 && bad != 0) {
        r->line = bad;
        r->code = FAULT(r, "not understood; write key = value");
    }
    code = r->code;
    free(r);
    return code;
}
