#include "cli/lines.h"

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

/* Bytes up to a line feed or the end, at most LINE_BYTES_MAX of them: 1, or 0 at the end. */
static int take(struct lines *lines, struct espt_error *err)
{
    int c;
    lines->len = 0;
    lines->number++;
    while ((c = getc_unlocked(lines->file)) != EOF && c != '\n') {
        lines->read++;
        if (c == '\0' || lines->len == LINE_BYTES_MAX) {
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
    return c != EOF || lines->len > 0;
}

int lines_next(struct lines *lines, struct espt_error *err)
{
    int got;
    do
        got = take(lines, err);
    while (got > 0 && lines->len == 0);
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
