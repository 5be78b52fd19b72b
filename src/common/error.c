#include "common/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_KEPT 200 /* bytes of a message that is too long */
#define CUT "..."

/* One line without control characters, those of C1 in UTF-8 too, whatever a file name or a
   library's text held. */
static void make_printable(char *message)
{
    for (unsigned char *c = (unsigned char *)message; *c != '\0'; c++) {
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

/* A message that is too long is so by the path that it begins with: what follows is kept, and no
   character is cut in two. */
static void fill(char *out, size_t size, const char *format, va_list args)
{
    char *whole = NULL;
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(out, size, format, args);
    if (len >= (int)size && vasprintf(&whole, format, again) >= 0) {
        size_t begin = BEGIN_KEPT, end = (size_t)len - (size - BEGIN_KEPT - sizeof CUT);
        while (begin > 0 && continues(whole[begin]))
            begin--;
        while (continues(whole[end]))
            end++;
        snprintf(out, size, "%.*s" CUT "%s", (int)begin, whole, whole + end);
        free(whole);
    }
    va_end(again);
    make_printable(out);
}

int espt_vfail(struct espt_error *err, int code, const char *format, va_list args)
{
    if (err == NULL)
        return code;
    fill(err->message, sizeof err->message, format, args);
    err->code = code;
    return code;
}

int espt_fail(struct espt_error *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    espt_vfail(err, code, format, args);
    va_end(args);
    return code;
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
