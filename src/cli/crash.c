/* SPDX-License-Identifier: ISC */
/*
 * liblmdb trusts the file that it maps: foreign pages or a truncated file make it crash, or search
 * for ever. Then a signal handler prints one line and sets the exit status. Hosts do not use
 * liblmdb.
 */
#include "cli/cli.h"

#include "store/store.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define SEARCH_SECONDS 3 /* of processor time: a search takes microseconds */

#define WORDS                                                                                     \
    "the store is so damaged that it cannot be read (or this program has a defect); nothing was " \
    "reported done that was not; restore a backup"

static const char plain[] = "esp-tokenctl: " WORDS "\n";
static const char json[] = "{\"error\":{\"code\":5,\"message\":\"" WORDS "\"}}\n";
static volatile sig_atomic_t wants_json;

static void on_crash(int number)
{
    (void)number;
    const char *words = wants_json ? json : plain;
    if (write(STDERR_FILENO, words, strlen(words)) < 0) {
        /* standard error is closed; the exit status remains */
    }
    _exit(-ESPT_UNUSABLE);
}

/* Called each second of processor time. */
static void on_tick(int number)
{
    static unsigned search, seconds;
    const unsigned now = store_search();
    seconds = now == search && now % 2 == 1 ? seconds + 1 : 0;
    search = now;
    if (seconds > SEARCH_SECONDS)
        on_crash(number);
}

#ifdef __has_feature /* clang's form of the test */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

void crash_begin(bool as_json)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
    const struct itimerval second = {{1, 0}, {1, 0}};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_NODEFER};
    struct sigaction tick = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    /* A sanitizer reports more than this handler does, so its handlers are kept. */
    for (size_t i = 0; !SANITIZED && i < sizeof faults / sizeof *faults; i++)
        sigaction(faults[i], &action, NULL);
    wants_json = as_json;
    sigaction(SIGVTALRM, &tick, NULL);
    setitimer(ITIMER_VIRTUAL, &second, NULL);
}
