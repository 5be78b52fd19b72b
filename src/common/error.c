/* SPDX-License-Identifier: ISC */
#include "common/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_KEPT 200UL /* bytes that a shortened message keeps of its start */
#define CUT_MIN 32       /* a smaller buffer gets only the start of the message */
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

const char *espt_errno_text(int why)
{
#ifdef __GLIBC__
    const char *text = strerrordesc_np(why);
#else
    const char *text = strerror(why);
#endif
    return text != NULL ? text : "unknown error";
}

int espt_fail_file(struct espt_error *err, const char *path, int why, const char *otherwise)
{
    if (why == EROFS)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the file system is read-only; mount it writable",
                         path);
    return espt_fail(err, ESPT_UNUSABLE, "%s: %s; %s", path, espt_errno_text(why),
                     why == ENOSPC || why == EDQUOT ? "free some space"
                     : why == EIO                   ? "check the kernel log (dmesg)"
                     : why == ENOENT                ? "create its folder first"
                     : why == EISDIR                ? "name a file in it"
                                                    : otherwise);
}

int espt_fail_call(struct espt_error *err, const char *path, const char *call, int why,
                   const char *remedy)
{
    if (why == EPERM || why == ENOSYS)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: the system call %s failed: %s; allow it in the seccomp filter", path,
                         call, espt_errno_text(why));
    return espt_fail(err, ESPT_UNUSABLE, "%s: %s%s", path, espt_errno_text(why),
                     why == EISDIR ? "; name a file in it" : remedy);
}

/* Allocates, because hosts have small stacks. If memory runs out, the message stays as it is. */
static void join(struct espt_error *err, const char *begin, const char *between, const char *end)
{
    char *whole;
    if (begin == NULL || end == NULL || asprintf(&whole, "%s%s%s", begin, between, end) < 0)
        return;
    espt_fit(err->message, sizeof err->message, whole);
    espt_printable(err->message);
    free(whole);
}

static char *text_of(const char *format, va_list args) ESPT_PRINTF(1, 0);
static char *text_of(const char *format, va_list args)
{
    char *text;
    return vasprintf(&text, format, args) >= 0 ? text : NULL;
}

int espt_fail_in(struct espt_error *err, const char *format, ...)
{
    va_list args;
    if (err == NULL)
        return ESPT_UNUSABLE;
    va_start(args, format);
    char *context = text_of(format, args);
    va_end(args);
    join(err, context, ": ", err->message);
    free(context);
    return err->code;
}

void espt_add(struct espt_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *more = text_of(format, args);
    va_end(args);
    join(err, err->message, "", more);
    free(more);
}
