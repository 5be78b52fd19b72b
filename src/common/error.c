#include "common/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_KEPT 200UL /* bytes of a message that is too long */
#define CUT_MIN 32       /* in less room nothing of the end would be understood */
#define CUT "..."

void espt_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            *c = '?';
        else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
            c[0] = c[1] = '?';
    }
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

void espt_fit(char *out, size_t size, const char *message)
{
    const size_t len = strlen(message);
    size_t begin = size > 2 * BEGIN_KEPT ? BEGIN_KEPT : size / 4, end;
    if (size == 0)
        return;
    if (len < size || size < CUT_MIN) {
        begin = len < size ? len : size - 1;
        end = len;
    } else {
        end = len - (size - begin - sizeof CUT);
    }
    while (begin > 0 && continues(message[begin]))
        begin--;
    while (continues(message[end]))
        end++;
    snprintf(out, size, "%.*s%s%s", (int)begin, message, end < len ? CUT : "", message + end);
}

static void fill(char *out, size_t size, const char *format, va_list args)
{
    char *whole = NULL;
    va_list again;
    va_copy(again, args);
    if (vsnprintf(out, size, format, args) >= (int)size && vasprintf(&whole, format, again) >= 0) {
        espt_fit(out, size, whole);
        free(whole);
    }
    va_end(again);
    espt_printable(out);
}

int espt_vfail(struct espt_error *err, int code, const char *format, va_list args)
{
    if (err == NULL)
        return code;
    fill(err->message, sizeof err->message, format, args);
    err->code = code;
    return code;
}

int(espt_fail)(struct espt_error *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    espt_vfail(err, code, format, args);
    va_end(args);
    return code;
}

int espt_fail_file(struct espt_error *err, const char *path, int why, const char *otherwise)
{
    if (why == EROFS)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the file system is read-only; mount it writable",
                         path);
    return espt_fail(err, ESPT_UNUSABLE, "%s: %s; %s", path, strerror(why),
                     why == ENOSPC || why == EDQUOT ? "free some space"
                     : why == EIO                   ? "look at the kernel's log"
                     : why == ENOENT                ? "make its folder first"
                                                    : otherwise);
}

int espt_fail_in(struct espt_error *err, const char *format, ...)
{
    if (err == NULL)
        return ESPT_UNUSABLE;
    char context[sizeof err->message], message[sizeof err->message];
    memcpy(message, err->message, sizeof message);
    va_list args;
    va_start(args, format);
    fill(context, sizeof context, format, args);
    va_end(args);
    return espt_fail(err, err->code, "%s: %s", context, message);
}

void espt_add(struct espt_error *err, const char *format, ...)
{
    char more[sizeof err->message / 2], whole[sizeof err->message + sizeof more];
    va_list args;
    va_start(args, format);
    fill(more, sizeof more, format, args);
    va_end(args);
    snprintf(whole, sizeof whole, "%s%s", err->message, more);
    espt_fit(err->message, sizeof err->message, whole);
}
