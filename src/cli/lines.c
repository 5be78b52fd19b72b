/* SPDX-License-Identifier: ISC */
/* Reads a file line by line, with limits and line numbers for messages. */
#include "cli/lines.h"

#include "common/name.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int lines_open(struct lines *ret_lines, const char *path, struct espt_error *err)
{
    struct stat st;
    const int is_stdin = strcmp(path, "-") == 0;
    struct lines lines = {.name = is_stdin ? "standard input" : path};
    lines.file = is_stdin ? stdin : fopen(path, "re");
    int code = 0;
    if (lines.file == NULL || fstat(fileno(lines.file), &st) != 0)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s; name a file of lines, or -", path,
                         strerror(errno));
    else if (S_ISDIR(st.st_mode))
        code = espt_fail_file(err, path, EISDIR, "");
    lines.line = code == 0 ? malloc(LINE_BYTES_MAX + 1) : NULL;
    if (code == 0 && lines.line == NULL)
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code != 0) {
        lines_close(&lines);
        return code;
    }
    if (S_ISREG(st.st_mode))
        lines.bytes = (uint64_t)st.st_size;
    *ret_lines = lines;
    return 0;
}

/* Reads up to a line feed or the end of the file, at most LINE_BYTES_MAX bytes. Returns 1, or 0 at
   the end, or a negative code. */
static int read_line(struct lines *lines, struct espt_error *err)
{
    int c;
    lines->len = 0;
    lines->number++;
    while ((c = getc_unlocked(lines->file)) != EOF && c != '\n') {
        lines->read++;
        if (c == '\0' || lines->len == LINE_BYTES_MAX) {
            lines->line[lines->len] = '\0';
            espt_fail(err, ESPT_USAGE, "a line with a NUL byte, or of over %d bytes",
                      LINE_BYTES_MAX);
            return lines_fail_in(lines, err);
        }
        lines->line[lines->len++] = (char)c;
    }
    lines->read++;
    if (ferror(lines->file) != 0)
        return espt_fail(err, ESPT_UNUSABLE, "%s: %s", lines->name, strerror(errno));
    if (lines->len > 0 && lines->line[lines->len - 1] == '\r')
        lines->len--;
    lines->line[lines->len] = '\0';
    const bool any = c != EOF || lines->len > 0;
    lines->number -= !any;
    return any;
}

/* Editors may begin a file with a byte-order mark. That of UTF-16 cannot be mistaken, because no
   line in UTF-8 begins so. */
static int skip_mark(struct lines *lines, struct espt_error *err)
{
    if (strncmp(lines->line, "\xff\xfe", 2) == 0 || strncmp(lines->line, "\xfe\xff", 2) == 0)
        return espt_fail(err, ESPT_USAGE, "%s: it is UTF-16; save it as UTF-8", lines->name);
    const size_t mark = bom_len(lines->line, lines->len);
    lines->len -= mark;
    memmove(lines->line, lines->line + mark, lines->len + 1);
    return 1;
}

static bool is_comment(const struct lines *lines)
{
    const char first = lines->line[strspn(lines->line, " \t")];
    return first == '\0' || first == '#';
}

int lines_next(struct lines *lines, struct espt_error *err)
{
    int got;
    do {
        got = read_line(lines, err);
        if (lines->number == 1 && (got > 0 || got == ESPT_USAGE)) {
            struct espt_error utf16;
            const int marked = skip_mark(lines, &utf16);
            if (marked < 0)
                *err = utf16;
            got = marked < 0 ? marked : got;
        }
    } while (got > 0 && is_comment(lines));
    return got;
}

void lines_close(struct lines *lines)
{
    if (lines->file != NULL && lines->file != stdin)
        fclose(lines->file);
    lines->file = NULL;
    if (lines->line != NULL)
        sodium_memzero(lines->line, LINE_BYTES_MAX + 1);
    free(lines->line);
    lines->line = NULL;
}

int lines_fail_in(const struct lines *lines, struct espt_error *err)
{
    return espt_fail_in(err, "%s:%llu", lines->name, (unsigned long long)lines->number);
}
