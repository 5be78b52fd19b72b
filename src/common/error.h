/* SPDX-License-Identifier: ISC */
/*
 * The error object, owned by the caller and passed as the last argument. Functions return 0 or one
 * of these negative codes. On failure they leave their `ret_` outputs unchanged. esp-tokenctl exits
 * with -code (specification §6). A message is one line without a newline: what is wrong with which
 * thing, and what to do.
 */
#ifndef ESPT_COMMON_ERROR_H
#define ESPT_COMMON_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#define ESPT_MUST_USE __attribute__((warn_unused_result))
#define ESPT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum espt_code {
    ESPT_USAGE = -2,    /* a bad option, name, WHEN or TOKEN */
    ESPT_MISSING = -3,  /* no such entity, token or tier */
    ESPT_REFUSED = -4,  /* a rule of specification §5 forbids it */
    ESPT_UNUSABLE = -5, /* config, key, store or clipboard: missing, denied, damaged, full */
    ESPT_UNSURE = -6,   /* in a fleet: it is not known whether the change was made */
};

struct espt_error {
    int code;
    char message[1024];
};

/* Fills `err`, which may be NULL, and returns `code`. Control characters become `?`. A message that
   is too long is shortened as espt_fit() does. */
int espt_fail(struct espt_error *err, int code, const char *format, ...) ESPT_PRINTF(3, 4);
#ifdef __clang_analyzer__ /* else it assumes that 0 is possible */
#define espt_fail(err, code, ...) (espt_fail((err), (code), __VA_ARGS__), (code))
#endif
int espt_vfail(struct espt_error *err, int code, const char *format, va_list args)
    ESPT_PRINTF(3, 0);

/* The meaning of an error number, in English. Unlike strerror(), this does not read the process's
   locale or environment. */
const char *espt_errno_text(int why);

/* Reports that a file or folder could not be created or written; returns ESPT_UNUSABLE. `why` is
   the errno. `otherwise` says what to do if the disk is neither full nor read-only and the folder
   exists. */
int espt_fail_file(struct espt_error *err, const char *path, int why, const char *otherwise);

/* Reports that a system call failed; returns ESPT_UNUSABLE. `why` is the errno. `remedy` says what
   to do ("; do this") and may be empty. If a seccomp filter seems to refuse the call, the message
   names the call. */
int espt_fail_call(struct espt_error *err, const char *path, const char *call, int why,
                   const char *remedy);

/* Puts "context: " before the message that `err` holds; returns its code. */
int espt_fail_in(struct espt_error *err, const char *format, ...) ESPT_PRINTF(2, 3);

/* Appends to that message. If the result is too long, the earlier part is shortened, so that the
   end, which says what to do, stays whole. */
void espt_add(struct espt_error *err, const char *format, ...) ESPT_PRINTF(2, 3);

/* Replaces control characters, including C1 in UTF-8, with `?`. So a file name or a text of a
   library cannot break the line or control the terminal. */
void espt_printable(char *text);

/* Copies `message` into `size` bytes, terminator included. If it is too long, it usually begins
   with a long path. So the middle is replaced with "...", and the end is kept. No UTF-8 character
   is split. */
void espt_fit(char *out, size_t size, const char *message);

#endif
