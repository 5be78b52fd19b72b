/* SPDX-License-Identifier: ISC */
/* The progress bar, and notices that never block. */
#include "cli/progress.h"

#include "common/clock.h"

#include "cli/output.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 30
#define EVERY_MS 100
#define FIRST_MS 500 /* shorter work shows no bar */

void progress_begin(struct progress *ret_progress, const char *what, uint64_t total)
{
    *ret_progress = (struct progress){.what = what,
                                      .total = total,
                                      .began = monotonic_ms(),
                                      .is_terminal = isatty(STDERR_FILENO)};
}

/* Opens a separate descriptor: O_NONBLOCK on the inherited one would affect every process that
   shares it. A regular file never blocks, and a second descriptor would write from its beginning,
   so it is not opened again. */
static int open_notices(void)
{
    struct stat st;
    if (fstat(STDERR_FILENO, &st) != 0 || S_ISREG(st.st_mode))
        return -1;
    return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* If the descriptor cannot be opened (a socket, another user's terminal), poll before each
   write. */
void notice(const char *bytes, size_t len)
{
    static int fd = -1;
    static bool opened;
    if (!opened)
        fd = open_notices();
    opened = true;
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (fd < 0 && (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0))
        return;
    if (write(fd >= 0 ? fd : STDERR_FILENO, bytes, len) < 0)
        return; /* dropped; the next one may be accepted */
}

struct drawing {
    char text[512];
    size_t len;
};

static void draw(struct drawing *drawing, const char *format, ...) ESPT_PRINTF(2, 3);
static void draw(struct drawing *drawing, const char *format, ...)
{
    const size_t left = sizeof drawing->text - drawing->len;
    va_list args;
    va_start(args, format);
    const int len = vsnprintf(drawing->text + drawing->len, left, format, args);
    va_end(args);
    drawing->len += len > 0 && (size_t)len < left ? (size_t)len : 0;
}

static void draw_bar(struct drawing *drawing, double share)
{
    const char *full = in_utf8() ? "\xe2\x96\x88" : "#";
    const int filled = (int)(share * WIDTH);
    draw(drawing, "[");
    for (int i = 0; i < WIDTH; i++)
        draw(drawing, "%s", i < filled ? full : " ");
    draw(drawing, "] %3.0f %% ", share * 100);
}

void progress_step(struct progress *progress, uint64_t part, uint64_t count)
{
    if (!progress->is_terminal)
        return;
    const int64_t now = monotonic_ms(), spent = now - progress->began;
    if (spent < FIRST_MS || now - progress->drawn < EVERY_MS)
        return;
    struct drawing drawing = {.len = 0};
    progress->drawn = now;
    progress->shown = true;
    draw(&drawing, "\r");
    if (progress->total > 0) {
        double share = (double)part / (double)progress->total;
        draw_bar(&drawing, share < 1 ? share : 1);
        if (share > 0.01 && share < 1)
            draw(&drawing, "%lld s left, ",
                 (long long)((double)spent / share * (1 - share)) / 1000);
    }
    draw(&drawing, "%llu %s\033[K", (unsigned long long)count, progress->what);
    notice(drawing.text, drawing.len);
}

void progress_end(struct progress *progress)
{
    static const char clear[] = "\r\033[K";
    if (progress->shown)
        notice(clear, strlen(clear));
    progress->shown = false;
}
