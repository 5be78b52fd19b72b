/*
 * liblmdb believes the file that it maps: pages that are not its own make it crash, and a file that
 * was cut off, too. A person gets a line all the same, and a script its status. (Hosts do not read
 * by liblmdb.)
 */
#include "cli/cli.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define WORDS                                                                                     \
    "the store is so damaged that it cannot be read (or this program has a defect); nothing was " \
    "reported done that was not; restore a backup"

static const char plain[] = "esp-tokenctl: " WORDS "\n";
static const char json[] = "{\"error\":{\"code\":5,\"message\":\"" WORDS "\"}}\n";
static volatile sig_atomic_t wants_json;

static void on_fault(int number)
{
    (void)number;
    const char *words = wants_json ? json : plain;
    if (write(STDERR_FILENO, words, strlen(words)) < 0) {
        /* nobody listens: the status says it */
    }
    _exit(-ESPT_UNUSABLE);
}

#ifdef __has_feature /* clang's word for it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

void fault_begin(bool as_json)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    for (size_t i = 0; !SANITIZED && i < sizeof faults / sizeof *faults; i++) /* it says more */
        sigaction(faults[i], &action, NULL);
    wants_json = as_json;
}
