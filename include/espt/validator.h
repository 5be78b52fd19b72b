/*
 * The ABI of esp_validator.so: is this token good, whose is it, which tier, may it see this metric?
 *
 * A host loads the plugin with dlopen, takes the one symbol `espt_validator_get`, and calls through
 * the table that it returns. Every int function returns 1 for yes or done, and 0 for everything
 * else. There is no neutral answer: only ESPT_ALLOW lets a token pass, and zeroed memory does not.
 *
 * Threads: `validate`, `allows` and `refresh` may be called by any number of threads at once on one
 * context, before or after fork. `open` and `close` of one context belong to one thread; nobody may
 * be inside a call on a context while it is closed.
 *
 * Memory: the host owns queries and results; texts in a query are borrowed for the call alone, need
 * no terminator, and are never kept or logged. The context belongs to the plugin until `close`.
 */
#ifndef ESPT_VALIDATOR_H
#define ESPT_VALIDATOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* major << 16 | minor. A minor version only appends; a plugin refuses another major. */
#define ESPT_ABI 0x00010000u

/* What `validate` found, in the order in which it checks. */
enum {
    ESPT_UNSET = 0,            /* nothing was judged: zeroed memory never allows */
    ESPT_ALLOW = 1,            /* the one status that lets a token pass */
    ESPT_DENY_MALFORMED = 16,  /* not a token text: length, prefix, alphabet, id or checksum */
    ESPT_DENY_UNKNOWN,         /* no such id, or another secret */
    ESPT_DENY_INACTIVE,        /* the token is switched off */
    ESPT_DENY_EXPIRED,         /* now >= expires */
    ESPT_DENY_SUSPENDED,       /* the token's entity, or its reseller, is inactive */
    ESPT_DENY_TIER,            /* the entity's tier is not in the tier table */
    ESPT_DENY_ENTITY,          /* the data asked for is another entity's, or nobody's */
    ESPT_DENY_METRIC,          /* the tier does not show the metric, or its name is not one */
    ESPT_ERR_UNAVAILABLE = 64, /* the store cannot be read now */
    ESPT_ERR_CORRUPT,          /* what was read is damaged */
    ESPT_ERR_USAGE             /* the query breaks this header's rules */
};

typedef struct espt_ctx espt_ctx;

typedef struct espt_query {
    uint32_t size;      /* sizeof(espt_query) as compiled */
    uint32_t flags;     /* 0 */
    const char *token;  /* the presented text; borrowed, never kept, never logged */
    size_t token_len;   /* bytes */
    const char *metric; /* NULL: any */
    size_t metric_len;  /* bytes */
    const char *entity; /* whose data is asked for; NULL: the token's own */
    size_t entity_len;  /* bytes */
    int64_t now;        /* Unix seconds; 0: the clock */
} espt_query;

/* Fields that were not filled are zero or empty, on every return. */
typedef struct espt_result {
    uint32_t size;     /* sizeof(espt_result) as compiled, set by the host before the call */
    int32_t status;    /* one of the statuses above */
    int64_t expires;   /* Unix seconds; 0: never */
    uint64_t revision; /* the store's state that answered */
    int32_t tier_rank; /* 1-1000000 */
    uint32_t kind;     /* 1 reseller, 2 customer */
    char token_id[16]; /* 11 characters, for any well-formed text; public */
    char entity[80];   /* the token's entity; only after the secret matched */
    char reseller[80]; /* its reseller, if it has one */
    char tier[64];     /* section name in the tier table */
    char detail[160];  /* why, in a few words, for the host's log; never a secret */
} espt_result;

/* Called by `open` and by the one call a second that looks for changed files. `syslog_level` is a
   LOG_* priority; `message` has `len` bytes and a terminator. It must return (no longjmp). */
typedef void (*espt_log_fn)(void *arg, int syslog_level, const char *message, size_t len);

typedef struct espt_validator { /* append only */
    uint32_t abi;               /* ESPT_ABI of the plugin */
    uint32_t size;              /* sizeof(espt_validator) of the plugin */
    const char *version;        /* never NULL */

    /* Reads `config` (NULL: the installed default), opens store and tier table, and fixes whom to
       trust: root and the effective user. `log`, `err` may be NULL. On 0, *ret is untouched and
       `err` holds one line. */
    int (*open)(espt_ctx **ret, const char *config, espt_log_fn log, void *log_arg, char *err,
                size_t err_len);

    /* Judges a token. 1 only with ESPT_ALLOW in `result->status`. */
    int (*validate)(espt_ctx *, const espt_query *, espt_result *);

    /* Judges a metric alone, by the result's tier in the table now in force; only for a result that
       was allowed. A connection that lasts should call `validate` again from time to time. */
    int (*allows)(espt_ctx *, const espt_result *, const char *metric, size_t metric_len);

    /* Looks at once for a changed tier table or store, and says what is wrong. */
    int (*refresh)(espt_ctx *, char *err, size_t err_len);

    /* NULL is allowed. */
    void (*close)(espt_ctx *);

    /* The word for a status: allow malformed unknown inactive expired suspended tier entity metric
       unavailable corrupt usage, or unset. Never NULL. */
    const char *(*reason)(int32_t status);
} espt_validator;

/* NULL if `host_abi` is of another major version. The table lives as long as the process. */
const espt_validator *espt_validator_get(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif
