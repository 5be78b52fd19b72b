/* SPDX-License-Identifier: ISC */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

/* No SA_RESTART: a signal also ends a read that waits. */
static void handle(void (*handler)(int))
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = handler};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

void interrupt_catch(void)
{
    handle(on_signal);
}

int interrupt_release(void)
{
    handle(SIG_DFL);
    return interrupted;
}

int interrupt_number(void)
{
    return interrupted;
}
