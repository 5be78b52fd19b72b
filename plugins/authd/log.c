/* SPDX-License-Identifier: ISC */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One write, so that lines of several threads do not mix. */
void log_line(int level, const char *format, ...)
{
    char line[1200];
    size_t len = 0;
    va_list args;
    if (getenv("JOURNAL_STREAM") != NULL)
        len = (size_t)snprintf(line, sizeof line, "<%d>", level);
    len += (size_t)snprintf(line + len, sizeof line - len, "esp-token-authd: ");
    va_start(args, format);
    int added = vsnprintf(line + len, sizeof line - len - 1, format, args);
    va_end(args);
    len += added < 0 ? 0 : (size_t)added;
    len = len < sizeof line - 2 ? len : sizeof line - 2;
    line[len++] = '\n';
    ssize_t done = write(STDERR_FILENO, line, len);
    (void)done; /* there is nowhere else to say it */
}

void log_validator(void *arg, int level, const char *message, size_t len)
{
    (void)arg;
    log_line(level, "%.*s", (int)len, message);
}
