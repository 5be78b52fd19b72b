/* SPDX-License-Identifier: ISC */
/*
 * The ABI of esp_validator.so. It answers: is this token valid, which entity has it, which tier,
 * and may it read this metric?
 *
 * A host loads the plugin with dlopen, looks up the one symbol `espt_validator_get`, and calls the
 * functions in the table that it returns. Every int function returns 1 for yes or success, and 0
 * for everything else. There is no neutral answer: only ESPT_ALLOW lets a token pass, and zeroed
 * memory does not.
 *
 * Threads: any number of threads may call `validate`, `allows` and `refresh` on one context at
 * once, before and after a fork. One thread calls `open` and `close` of a context. No other call on
 * the context may run during `close`.
 *
 * Memory: the host owns queries and results. The plugin borrows the texts of a query for the call.
 * They need no terminator, and the plugin never keeps or logs them. The context belongs to the
 * plugin until `close`.
 *
 * Stack: no call uses more than 8 KiB of stack, apart from the host's log callback. A thread with a
 * stack of 16 KiB, the minimum of pthread_attr_setstacksize(), may make every call.
 *
 * System calls: a host may install a seccomp filter after `open`. Each call needs clock_gettime, if
 * the vDSO does not provide it. `refresh`, the one call a second that checks for changed files, and
 * a call that finds that the store was replaced or has outgrown its mapping also need newfstatat,
 * fstat, openat, read, pread64, readlinkat, fstatfs, close, mmap, mremap and munmap, and the calls
 * of libc's malloc (brk, mprotect, madvise, futex). If one of them fails, the log names it. Without
 * newfstatat and fstat the plugin cannot notice that the store was replaced: the store is then
 * unavailable.
 *
 * Address space: a context uses the size of the store's file, a quarter of that more, and about
 * 20 MiB. When the store grows, the context maps the file again, and for a moment has both
 * mappings. If a limit of the process is too low for that, `open` names it (RLIMIT_AS, or
 * RLIMIT_MEMLOCK if the process locks its memory).
 *
 * Time: a context never answers from a state of the store that is older than one it has answered
 * from. If an older copy replaces the store, the context answers ESPT_ERR_UNAVAILABLE and logs that
 * once.
 */
#ifndef ESPT_VALIDATOR_H
#define ESPT_VALIDATOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* major << 16 | minor. A minor version only appends; a plugin refuses another major. */
#define ESPT_ABI 0x00010001u

/* The result of `validate`. The denials are in the order of the checks. */
enum {
    ESPT_UNSET = 0,            /* nothing was validated: zeroed memory never allows */
    ESPT_ALLOW = 1,            /* the one status that lets a token pass */
    ESPT_DENY_MALFORMED = 16,  /* not a token text: length, prefix, alphabet, id or checksum */
    ESPT_DENY_UNKNOWN,         /* no such id, or a wrong secret */
    ESPT_DENY_INACTIVE,        /* the token is switched off */
    ESPT_DENY_EXPIRED,         /* now >= expires */
    ESPT_DENY_SUSPENDED,       /* the token's entity, or its reseller, is inactive */
    ESPT_DENY_TIER,            /* the entity's tier is not in the tier table */
    ESPT_DENY_ENTITY,          /* the data belongs to another entity, or the entity is unknown */
    ESPT_DENY_METRIC,          /* the tier does not include the metric, or its name is malformed */
    ESPT_ERR_UNAVAILABLE = 64, /* the store cannot be read now */
    ESPT_ERR_CORRUPT,          /* the store is damaged */
    ESPT_ERR_USAGE             /* the query breaks the rules of this header */
};

typedef struct espt_ctx espt_ctx;

typedef struct espt_query {
    uint32_t size;      /* sizeof(espt_query) as compiled */
    uint32_t flags;     /* 0 */
    const char *token;  /* the presented text; borrowed, never kept, never logged */
    size_t token_len;   /* bytes */
    const char *metric; /* NULL: any */
    size_t metric_len;  /* bytes */
    const char *entity; /* the entity whose data is requested; NULL: the token's own */
    size_t entity_len;  /* bytes */
    int64_t now;        /* Unix seconds; 0: the clock */
} espt_query;

/* On every return, fields that are not filled are zero or empty. */
typedef struct espt_result {
    uint32_t size;     /* sizeof(espt_result) as compiled, set by the host before the call */
    int32_t status;    /* one of the statuses above */
    int64_t expires;   /* Unix seconds; 0: never */
    uint64_t revision; /* of the store's state that answered */
    int32_t tier_rank; /* 1-1000000 */
    uint32_t kind;     /* 1 reseller, 2 customer */
    char token_id[16]; /* 11 characters, for any well-formed text; public */
    char entity[80];   /* the token's entity; only if the secret matched */
    char reseller[80]; /* the entity's reseller, if it has one */
    char tier[64];     /* section name in the tier table */
    char detail[160];  /* the reason, for the host's log; never a secret */
} espt_result;

/* Called by `open`, by `refresh`, by the one call a second that checks for changed files, and by
   any `validate` that finds that the store was replaced, has outgrown its mapping or is older than
   a state that has answered. Several threads may call it at once. `syslog_level` is a LOG_*
   priority. `message` has `len` bytes and a terminator. The callback must return (no longjmp). */
typedef void (*espt_log_fn)(void *arg, int syslog_level, const char *message, size_t len);

typedef struct espt_validator { /* append only */
    uint32_t abi;               /* ESPT_ABI of the plugin */
    uint32_t size;              /* sizeof(espt_validator) of the plugin */
    const char *version;        /* never NULL */

    /* Reads `config` (NULL: the installed default) and opens the store and the tier table. The
       trusted users are fixed here: root and the effective user. `log` and `err` may be NULL. If it
       returns 0, *ret is unchanged and `err` has one line. */
    int (*open)(espt_ctx **ret, const char *config, espt_log_fn log, void *log_arg, char *err,
                size_t err_len);

    /* Validates a token. Returns 1 only with ESPT_ALLOW in `result->status`. */
    int (*validate)(espt_ctx *, const espt_query *, espt_result *);

    /* Checks a metric only, for an allowed result: does the result's tier include it in the current
       tier table? During a long connection, call `validate` again from time to time. */
    int (*allows)(espt_ctx *, const espt_result *, const char *metric, size_t metric_len);

    /* Checks for a changed tier table or store now. If it returns 0, `err` has one line. */
    int (*refresh)(espt_ctx *, char *err, size_t err_len);

    /* NULL is allowed. */
    void (*close)(espt_ctx *);

    /* The word for a status: allow malformed unknown inactive expired suspended tier entity metric
       unavailable corrupt usage, or unset. Never NULL. */
    const char *(*reason)(int32_t status);

    /* Since 1.1. As `open`, but the context counts no uses: for a program that asks about a token
       and does not use it. */
    int (*open_uncounted)(espt_ctx **ret, const char *config, espt_log_fn log, void *log_arg,
                          char *err, size_t err_len);
} espt_validator;

/* Returns NULL if `host_abi` has another major version. The table is valid until the process ends.
 */
const espt_validator *espt_validator_get(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif
