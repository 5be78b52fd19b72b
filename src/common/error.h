/*
 * One error, owned by the caller and passed last. Functions return 0 or one of these negative codes
 * and leave their `ret_` outputs untouched on failure. -code is esp-tokenctl's exit status
 * (contract §6). A message is one line without a newline: what is wrong, and what to do.
 */
#ifndef ESPT_COMMON_ERROR_H
#define ESPT_COMMON_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#define ESPT_MUST_USE __attribute__((warn_unused_result))
#define ESPT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum espt_code {
    ESPT_USAGE = -2,    /* bad option, name, WHEN, TOKEN form */
    ESPT_MISSING = -3,  /* no such entity, token or tier */
    ESPT_REFUSED = -4,  /* by a rule of contract §5 */
    ESPT_UNUSABLE = -5, /* config, key, store or clipboard: missing, denied, damaged, full */
};

struct espt_error {
    int code;
    char message[1024];
};

/* Fills `err` (which may be NULL) and returns `code`. Control characters become `?`; what is too
   long is cut in the middle of its first half, where a path stands. */
int espt_fail(struct espt_error *err, int code, const char *format, ...) ESPT_PRINTF(3, 4);
#ifdef __clang_analyzer__ /* it sees one file at a time, and would take 0 for possible */
#define espt_fail(err, code, ...) (espt_fail((err), (code), __VA_ARGS__), (code))
#endif
int espt_vfail(struct espt_error *err, int code, const char *format, va_list args)
    ESPT_PRINTF(3, 0);

/* A file or folder that could not be made or written, by errno's `why`: ESPT_UNUSABLE. `otherwise`
   is what to do where the disk is neither full nor read-only, and its folder is there. */
int espt_fail_file(struct espt_error *err, const char *path, int why, const char *otherwise);

/* Puts "context: " before the message that `err` holds; returns its code. */
int espt_fail_in(struct espt_error *err, const char *format, ...) ESPT_PRINTF(2, 3);

/* Puts more behind that message: what to do is told whole, however long the message was. */
void espt_add(struct espt_error *err, const char *format, ...) ESPT_PRINTF(2, 3);

/* One line: control characters, those of C1 in UTF-8 too, become `?`, whatever a file's name or a
   library's text held. */
void espt_printable(char *text);

/* `message` in `size` bytes with its NUL. One that is too long is so by the path that it begins
   with: what follows is kept, and no character is cut in two. */
void espt_fit(char *out, size_t size, const char *message);

#endif
