/* esp-token.conf (contract §4). */
#ifndef ESPT_COMMON_CONFIG_H
#define ESPT_COMMON_CONFIG_H

#include "error.h"

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How long to wait for another process that is writing: whoever runs says it, not the file. */
struct config_wait {
    unsigned seconds;        /* 0: not at all */
    void (*tell)(void *arg); /* called once after a second; NULL: nobody is told */
    void *arg;
};
#define CONFIG_WAIT_DEFAULT 30

/* Whom to ask for a passphrase; not a setting of the file either. */
struct config_passphrase {
    /* `ret` gets at most `size` - 1 bytes and a terminator; NULL: nobody is asked. */
    int (*ask)(void *arg, const char *file, char *ret, size_t size, struct espt_error *err);
    void *arg;
};

/* All paths are absolute: relative ones were joined to the file's folder. */
struct config {
    char file[PATH_MAX];
    char store[PATH_MAX];
    uint64_t map_size; /* bytes */
    char tiers[PATH_MAX];
    int64_t default_expiry; /* seconds; 0: never */
    char public_key[PATH_MAX];
    char secret_key[PATH_MAX];
    struct config_wait wait;
    struct config_passphrase passphrase;
    char usage[PATH_MAX];  /* the folder in which hosts count uses; empty: they do not */
    uint32_t usage_tokens; /* that one host process counts */
};

/* `text` as read from the file at `path`. ESPT_UNUSABLE says FILE:LINE: what is wrong. */
ESPT_MUST_USE int config_parse(struct config *ret_config, const char *path, const char *text,
                               size_t len, struct espt_error *err);
/* ESPT_UNUSABLE: there is no working directory, or the path is too long. */
ESPT_MUST_USE int config_absolute(char out[static PATH_MAX], const char *path,
                                  struct espt_error *err);
/* Opens by trust_read() and parses; a relative `path` is relative to the working directory. */
ESPT_MUST_USE int config_load(struct config *ret_config, const char *path, uid_t owner,
                              struct espt_error *err);

#endif
