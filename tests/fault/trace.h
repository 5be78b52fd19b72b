/*
 * A small tracer: runs a command, counts its system calls from the first line of its main() on, and
 * does one thing at the call of a given number: kills or stops the process, sends it a signal, or
 * makes that call fail. Failures of the tracer end the test.
 *
 * x86-64 alone (TRACE_WORKS says so): elsewhere the registers have other names.
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
    TRACE_COUNT,     /* nothing: only count */
    TRACE_SIGNAL,    /* send `value`, before the call is made; SIGSTOP stops it for good */
    TRACE_FAIL,      /* the call is not made, and its error is `value`; 0: one that it may give */
    TRACE_FAIL_DONE, /* the call, a write, fsync or close, is made, and says `value` all the same */
    TRACE_SHORT,     /* a write of half of what was asked */
};

struct trace_plan {
    enum trace_what what;
    unsigned long at; /* the call's number, from 1 */
    int value;
    /* Sees each call before it is made; true: this is the one, whatever its number. */
    bool (*at_call)(void *arg, pid_t pid, long call, const unsigned long *args);
    /* Sees each process of the command, children too, while its memory is still there: at its end,
       and at a signal that ends it. */
    void (*at_end)(void *arg, pid_t pid);
    void *arg;
};

struct traced {
    pid_t pid;
    int status;          /* exit status, or 128 + signal; -1: it was stopped and is there still */
    unsigned long calls; /* that were made */
    long made[TRACE_CALLS_MAX]; /* which */
    long call;                  /* the one at plan->at; -1: it was not reached */
    char *out, *err;            /* NUL-terminated; of `out_len` and more bytes; trace_free() */
    size_t out_len;
};

/* argv is NULL-terminated; standard input is `input` (NULL: empty). */
struct traced trace_run(const char *const *argv, const char *input, const struct trace_plan *plan);
/* Ends a process that was stopped. */
void trace_kill(struct traced *traced);
void trace_free(struct traced *traced);

/* A call's name for messages, and an error that it may really give; 0: it cannot fail. */
const char *trace_call_name(long call);
int trace_call_error(long call);
bool trace_call_writes(long call);
bool trace_call_fails_late(long call);

#endif
