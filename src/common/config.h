/* SPDX-License-Identifier: ISC */
/* The configuration file, esp-token.conf (specification §4). */
#ifndef ESPT_COMMON_CONFIG_H
#define ESPT_COMMON_CONFIG_H

#include "config_notify.h"
#include "error.h"
#include "name.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How long to wait for another writer. The program sets this, for example from an option; the file
   does not. */
struct config_wait {
    unsigned seconds, ms;      /* added up; 0: do not wait */
    void (*notify)(void *arg); /* called once, after the first second of waiting; may be NULL */
    void *arg;
};
#define CONFIG_WAIT_DEFAULT 30

#define FLEET_JOURNAL_MAX 16
/* Shorter than PATH_MAX, because every command copies and clears a struct config. */
#define FLEET_PATH_MAX 1024

/* How to get a passphrase. The program sets this too; the file does not. */
struct config_passphrase {
    /* Fills `ret` with at most `size` - 1 bytes and a terminator. NULL: there is no passphrase. */
    int (*ask)(void *arg, const char *file, char *ret, size_t size, struct espt_error *err);
    void *arg;
};

/* All paths are absolute: relative paths are joined to the folder of the file. */
struct config {
    char file[PATH_MAX];
    char store[PATH_MAX];
    uint64_t map_size; /* bytes */
    char tiers[PATH_MAX];
    int64_t default_expiry; /* seconds; 0: never */
    int64_t max_expiry;  /* the longest that an entity may set for itself, in seconds; 0: never */
    int64_t max_overlap; /* the longest overlap of a rotation, in seconds; 0: unlimited */
    char public_key[PATH_MAX];
    char secret_key[PATH_MAX];
    struct config_wait wait;
    struct config_passphrase passphrase;
    char usage[PATH_MAX];  /* the folder in which hosts count uses; empty: hosts do not count */
    uint32_t usage_tokens; /* the most tokens that one host process counts */
    struct config_notify notify;
    bool portal;                               /* [portal] has keys */
    char fleet_journal[FLEET_JOURNAL_MAX + 1]; /* kind of the journal; empty: no [fleet] */
    char fleet_settings[FLEET_PATH_MAX];       /* of the journal's plugin */
    char fleet_name[ENTITY_NAME_MAX + 1];      /* of this site */
    char fleet_key[FLEET_PATH_MAX];            /* secret key of this site */
    char fleet_trust[FLEET_PATH_MAX];          /* which fleet, and the key of its first site */
    int64_t fleet_max_age; /* seconds; hosts do not answer from an older state; 0: from any */
    char fleet_publish[FLEET_PATH_MAX]; /* folder of the feed; empty: none */
};

/* Section [portal]: what esp-token-portal reads, and `esp-tokenctl portal`. Hosts check it, as they
   check every section, but do not keep it. */
#define PORTAL_LISTEN_MAX 8
#define PORTAL_LISTEN_SIZE 108 /* as sun_path, with the terminator */
#define PORTAL_PEERS_MAX 16
#define PORTAL_URL_SIZE 200
struct config_portal {
    size_t listens;
    char listen[PORTAL_LISTEN_MAX]
               [PORTAL_LISTEN_SIZE]; /* ADDRESS:PORT, [ADDRESS]:PORT, or a path */
    bool link, proxy;                /* ways to sign in */
    size_t peers;
    uid_t peer[PORTAL_PEERS_MAX]; /* users whose processes may be the proxy at a Unix socket */
    char proxy_secret[PATH_MAX];  /* empty: none */
    bool reveal;
    int64_t idle, session;            /* seconds */
    char public_url[PORTAL_URL_SIZE]; /* an origin, without a slash at its end; empty: none */
    char tls_certificate[PATH_MAX], tls_key[PATH_MAX]; /* empty: no TLS */
    char user[64];                                     /* the user that the worker becomes */
    char example_url[PORTAL_URL_SIZE];                 /* empty: none */
};

/* Parses `text`, the contents of the file at `path`. ESPT_UNUSABLE: the message begins FILE:LINE:.
 */
ESPT_MUST_USE int config_parse(struct config *ret_config, const char *path, const char *text,
                               size_t len, struct espt_error *err);
/* Makes `path` absolute. ESPT_UNUSABLE: there is no working directory, or the path is too long. */
ESPT_MUST_USE int config_absolute(char out[static PATH_MAX], const char *path,
                                  struct espt_error *err);
/* Opens the file with trust_open() and parses it. A relative `path` is relative to the working
   directory. */
ESPT_MUST_USE int config_load(struct config *ret_config, const char *path, uid_t owner,
                              struct espt_error *err);
/* As config_load(), and keeps the section [portal], whose parts must fit each other. */
ESPT_MUST_USE int config_load_portal(struct config *ret_config, struct config_portal *ret_portal,
                                     const char *path, uid_t owner, struct espt_error *err);
/* As config_load(), with the caller's walk along paths (trust.h), which the caller also uses for
   the files that the config names. */
struct trust_walk;
ESPT_MUST_USE int config_load_on(struct trust_walk *walk, struct config *ret_config,
                                 const char *path, uid_t owner, struct espt_error *err);

#endif
