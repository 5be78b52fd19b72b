#include "cli/progress.h"

#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 30
#define EVERY_MS 100
#define FIRST_MS 500 /* what is done sooner needs no bar */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_begin(struct progress *ret_progress, const char *what, uint64_t total)
{
    *ret_progress = (struct progress){
        .what = what, .total = total, .began = now_ms(), .is_terminal = isatty(STDERR_FILENO)};
}

static void draw_bar(double share)
{
    const char *full = in_utf8() ? "\xe2\x96\x88" : "#";
    const int filled = (int)(share * WIDTH);
    fputc('[', stderr);
    for (int i = 0; i < WIDTH; i++)
        fputs(i < filled ? full : " ", stderr);
    fprintf(stderr, "] %3.0f %% ", share * 100);
}

void progress_step(struct progress *progress, uint64_t part, uint64_t count)
{
    if (!progress->is_terminal)
        return;
    const int64_t now = now_ms(), spent = now - progress->began;
    if (spent < FIRST_MS || now - progress->drawn < EVERY_MS)
        return;
    progress->drawn = now;
    progress->shown = true;
    fputc('\r', stderr);
    if (progress->total > 0) {
        double share = (double)part / (double)progress->total;
        draw_bar(share < 1 ? share : 1);
        if (share > 0.01 && share < 1)
            fprintf(stderr, "%lld s left, ",
                    (long long)((double)spent / share * (1 - share)) / 1000);
    }
    fprintf(stderr, "%llu %s\033[K", (unsigned long long)count, progress->what);
    fflush(stderr);
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
