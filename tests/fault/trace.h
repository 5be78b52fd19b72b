/* SPDX-License-Identifier: ISC */
/*
 * A small tracer. It runs a command, counts its system calls from the first line of main(), and
 * does one thing at the call with a given number: it kills or stops the process, sends it a signal,
 * or makes the call fail. A failure of the tracer ends the test.
 *
 * It works on x86-64 only (see TRACE_WORKS), because other machines name the registers differently.
 */
#ifndef TESTS_FAULT_TRACE_H
#define TESTS_FAULT_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#if defined __x86_64__
#define TRACE_WORKS 1
#else
#define TRACE_WORKS 0
#endif

#define TRACE_CALLS_MAX 4096

enum trace_what {
    TRACE_COUNT,     /* only count */
    TRACE_SIGNAL,    /* send `value` before the call; SIGSTOP stops the process for good */
    TRACE_FAIL,      /* skip the call (but close), report error `value`; 0: one that it can give */
    TRACE_FAIL_DONE, /* make the call (write, fsync or close), but report error `value` */
    TRACE_SHORT,     /* write only half of what was asked */
};

struct trace_plan {
    enum trace_what what;
    unsigned long at; /* number of the call, from 1 */
    int value;
    /* Runs before each call. Returns true for the call to act on, whatever its number. */
    bool (*at_call)(void *arg, pid_t pid, long call, const unsigned long *args);
    /* Called for each process of the command, children included, while its memory still exists: at
       its end, and at a signal that ends it. */
    void (*at_end)(void *arg, pid_t pid);
    void *arg;
};

struct traced {
    pid_t pid;
    int status;                 /* exit status, or 128 + signal; -1: stopped and still there */
    unsigned long calls;        /* how many calls were made */
    long made[TRACE_CALLS_MAX]; /* their numbers */
    long call;                  /* the call at plan->at; -1: never reached */
    char *out, *err;            /* NUL-terminated, with `out_len` bytes in `out`; trace_free() */
    size_t out_len;
};

/* Whether at_call and at_end may read the command's memory, which esp-tokenctl closes to all users
   but root. If false, the reason was printed and the program skips with status 77. */
bool trace_reads_memory(void);

/* argv is NULL-terminated; `input` is the standard input (NULL: empty). */
struct traced trace_run(const char *const *argv, const char *input, const struct trace_plan *plan);
/* Ends a process that was stopped. */
void trace_kill(struct traced *traced);
void trace_free(struct traced *traced);

/* Whether the call may have failed the sanitizer and not the command: a sanitizer that gets no
   memory ends the process with a message of its own. */
bool trace_hit_sanitizer(const struct traced *traced);

/* The name of a call for messages; and an error that the call can really give (0: it cannot
   fail). */
const char *trace_call_name(long call);
int trace_call_error(long call);
bool trace_call_writes(long call);
bool trace_call_fails_late(long call);

#endif
