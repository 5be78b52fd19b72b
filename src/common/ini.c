#include "common/ini.h"

#include "common/name.h"

#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SECTION_NAME_MAX 32 /* inih would cut it at 49 */
#define SECTIONS_MAX 65

struct reading {
    const char *file;
    const char *next; /* what inih has not had */
    int line;         /* that inih had last */
    ini_fn fn;
    void *arg;
    struct espt_error *err;
    int code;
    char section[SECTION_NAME_MAX + 1];
    char key[INI_LINE_BYTES_MAX + 1]; /* of the line, and its value */
    char value[INI_LINE_BYTES_MAX + 1];
    size_t sections;
    char seen[SECTIONS_MAX][SECTION_NAME_MAX + 1];
};

#define FAULT(reading, ...) ini_fault((reading)->err, (reading)->file, (reading)->line, __VA_ARGS__)

int ini_fault(struct espt_error *err, const char *file, int line, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return espt_fail(err, ESPT_UNUSABLE, "%s:%d: %s", file, line, message);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where the value ends: at a `;` behind a blank, as inih sees it, or at the line's end. */
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

static int judge_bytes(struct reading *r, const char *line, size_t len)
{
    if (len > INI_LINE_BYTES_MAX)
        return FAULT(r, "a line of %zu bytes; shorten it to %d", len, INI_LINE_BYTES_MAX);
    if (!utf8_ok(line, len))
        return FAULT(r, "bytes that are not UTF-8; save the file as UTF-8");
    uint32_t control = control_but_tab(line, len);
    return control == 0 ? 0 : FAULT(r, "a control character (U+%04X); remove it", control);
}

static int judge_section(struct reading *r, const char *line, size_t len)
{
    const char *close = memchr(line, ']', len);
    if (close == NULL)
        return FAULT(r, "a section without its ]; write [name]");
    if (without_comment(line, len) != (size_t)(close - line) + 1)
        return FAULT(r, "something after ]; put it on a line of its own");
    size_t name_len = (size_t)(close - line) - 1;
    if (!tier_name_ok(line + 1, name_len))
        return FAULT(r, "not a section name; use 1 to %d of a-z 0-9 - _", SECTION_NAME_MAX);
    memcpy(r->section, line + 1, name_len);
    r->section[name_len] = '\0';
    for (size_t i = 0; i < r->sections; i++) {
        if (strcmp(r->seen[i], r->section) == 0)
            return FAULT(r, "section [%s] is repeated; join the two", r->section);
    }
    if (r->sections == SECTIONS_MAX)
        return FAULT(r, "more than %d sections; remove some", SECTIONS_MAX - 1);
    memcpy(r->seen[r->sections++], r->section, sizeof r->section);
    return r->fn(r->arg, r->section, NULL, NULL, r->line, r->err);
}

/* inih would cut what its host's locale calls white: 0xa0, the end of an accented letter, in some.
 */
static void keep_text(char *out, const char *text, size_t len)
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

/* A line as inih will see it; 0, or a refusal. */
static int judge_line(struct reading *r, const char *line, size_t len)
{
    int code = judge_bytes(r, line, len);
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
        return judge_section(r, line, len);
    len = without_comment(line, len);
    const char *equals = memchr(line, '=', len), *colon = memchr(line, ':', len);
    if (equals == NULL || (colon != NULL && colon < equals))
        return FAULT(r, colon != NULL ? "`:` where `=` belongs; write key = value"
                                      : "neither a section nor a key; write key = value");
    if (equals == line)
        return FAULT(r, "a value without a key; write key = value");
    if (r->sections == 0)
        return FAULT(r, "a key before the first section; put it below one");
    keep_text(r->key, line, (size_t)(equals - line));
    keep_text(r->value, equals + 1, len - (size_t)(equals + 1 - line));
    return 0;
}

/* The next line for inih, judged first: at most `size` - 1 bytes, as judge_bytes() saw to. */
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
    r->code = judge_line(r, line, len);
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

int ini_read(const char *file, const char *text, size_t len, ini_fn fn, void *arg,
             struct espt_error *err)
{
    struct reading r = {.file = file, .next = text, .fn = fn, .arg = arg, .err = err};
    const char *nul = memchr(text, '\0', len);
    if (len > INI_FILE_MAX)
        return ini_fault(err, file, line_at(text, INI_FILE_MAX), "larger than %d bytes; shorten it",
                         INI_FILE_MAX);
    if (nul != NULL)
        return ini_fault(err, file, line_at(text, (size_t)(nul - text)), "a NUL byte; remove it");
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        r.next += 3;
    int bad = ini_parse_stream(next_line, &r, on_key, &r);
    /* what was judged is what inih understands: it cannot object to a line by itself */
    if (r.code == 0 && bad != 0) {
        r.line = bad;
        r.code = FAULT(&r, "not understood; write key = value");
    }
    return r.code;
}
