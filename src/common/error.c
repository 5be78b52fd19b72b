#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line, whatever a file name or a library's text held. */
static void make_printable(char *message)
{
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
}

int espt_fail(struct espt_error *err, int code, const char *format, ...)
{
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    make_printable(err->message);
    err->code = code;
    return code;
}

int espt_fail_in(struct espt_error *err, const char *format, ...)
{
    if (err == NULL)
        return ESPT_UNUSABLE;
    char message[sizeof err->message];
    memcpy(message, err->message, sizeof message);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t at = used < 0 ? 0 : (size_t)used;
    if (at + 2 < sizeof message) {
        size_t len = strnlen(message, sizeof message - at - 3);
        memcpy(err->message + at, ": ", 2);
        memcpy(err->message + at + 2, message, len);
        err->message[at + 2 + len] = '\0';
    }
    make_printable(err->message);
    return err->code;
}
