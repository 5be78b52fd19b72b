/* SPDX-License-Identifier: ISC */
/*
 * Sign-in links and sessions, in the file STORE.portal: records of 256 bytes behind a header, each
 * with a checksum. The brokers and `esp-tokenctl portal` share it. The file is allocated as a whole
 * when it is made, so that a full disk never keeps anyone from signing out.
 *
 * MUST 1: the file holds digests. A link or a cookie cannot be made from it.
 * MUST 2: a change of a record is one write, under an exclusive lock of the file, after the record
 *         was read again under that lock. So a link is used once, whatever process is killed.
 * MUST 3: a record whose checksum is wrong is no record.
 */
#ifndef ESPT_PORTAL_PASSES_H
#define ESPT_PORTAL_PASSES_H

#include "common/config.h"
#include "common/error.h"
#include "common/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSES_MAX 8192
#define PASS_DIGEST_LEN 32
#define PASS_ID_LEN 8       /* characters of a pass's public id */
#define PASS_SECRET_SIZE 44 /* 32 random bytes in base64url, and a terminator */
#define LINK_PREFIX "esplk_"

enum pass_kind { PASS_NONE, PASS_LINK, PASS_SESSION };

struct pass {
    enum pass_kind kind;
    bool manager; /* else a viewer */
    char id[PASS_ID_LEN + 1];
    uint8_t digest[PASS_DIGEST_LEN];
    uint32_t number;        /* of the entity */
    int64_t entity_created; /* with the number, what tells the entity from any other */
    int64_t created, used, ends;
    uint64_t sequence; /* the log's last entry when it was made */
    char entity[ENTITY_NAME_MAX + 1];
};

/* How far the log was read for entities that were switched off (watch.h). */
struct passes_seen {
    uint64_t sequence;
    uint8_t hash[32];
};

struct passes;
/* Opens the file, or makes it. `config->store` may be a link. */
ESPT_MUST_USE int passes_open(struct passes **ret_passes, const struct config *config,
                              struct espt_error *err);
void passes_close(struct passes *passes); /* NULL is allowed */

/* Draws a secret for a new pass, and its id and digest. The caller wipes ret_secret. */
void pass_draw(struct pass *pass, char ret_secret[static PASS_SECRET_SIZE]);
/* False: `secret` does not have the form of one. */
bool pass_digest(const char *secret, uint8_t ret_digest[static PASS_DIGEST_LEN]);
/* A session that was not used for `idle` seconds has ended. */
bool pass_ended(const struct pass *pass, int64_t idle, int64_t now);

/* Finds the pass of that digest and kind, ended or not. 1: found. 0: not found. Negative: the file
   cannot be used. */
int passes_find(struct passes *passes, const uint8_t digest[static PASS_DIGEST_LEN],
                enum pass_kind kind, struct pass *ret_pass, struct espt_error *err);
/* Adds a pass in place of one that has ended. ESPT_REFUSED: there are PASSES_MAX that have not. */
ESPT_MUST_USE int passes_add(struct passes *passes, const struct pass *pass, int64_t idle,
                             int64_t now, struct espt_error *err);
/* Replaces `before` by `after`, or removes it (`after` NULL), if it is still there as it was found.
   ESPT_MISSING: it is not. */
ESPT_MUST_USE int passes_replace(struct passes *passes, const struct pass *before,
                                 const struct pass *after, struct espt_error *err);
/* Writes when a session was last used, if that can be done without waiting. */
void passes_touch(struct passes *passes, const struct pass *pass, int64_t now);

/* Calls `fn` with each pass. It returns what shall become of it, and may change the pass. */
enum pass_fate { PASS_KEEP, PASS_CHANGE, PASS_REMOVE };
typedef enum pass_fate (*pass_fn)(void *arg, struct pass *pass);
ESPT_MUST_USE int passes_each(struct passes *passes, pass_fn fn, void *arg, struct espt_error *err);

/* Zeroes: the log was not read yet. */
ESPT_MUST_USE int passes_seen(struct passes *passes, struct passes_seen *ret_seen,
                              struct espt_error *err);
ESPT_MUST_USE int passes_saw(struct passes *passes, const struct passes_seen *seen,
                             struct espt_error *err);

#endif
