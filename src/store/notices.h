/* SPDX-License-Identifier: ISC */
/*
 * Which notices of an expiration are due, and which were sent (table notices).
 *
 * A notice belongs to a token, an expiration and a stage. The stage is how long before the
 * expiration it is sent: of several stages that have begun, only the last one counts. A notice that
 * was sent for another expiration does not count. Retiring, inactive and suspended tokens get no
 * notice.
 *
 * No call holds a transaction when it returns, so that a slow program pins no state of the store.
 * Like the counts of uses, these records change no right: they do not pass through apply.h, and the
 * log does not record them.
 */
#ifndef ESPT_STORE_NOTICES_H
#define ESPT_STORE_NOTICES_H

#include "store/store.h"

/* A token that has been expired for longer gets no notice, so that the first run in an old store
   does not announce what ended years ago. */
#define NOTICE_LATEST (INT64_C(30) * 24 * 3600) /* seconds */

/* Which notices to look for. */
struct notices {
    int64_t now;
    int64_t within; /* only tokens that expire within these seconds, or have expired; 0: all */
    const struct config_notify *stages;
};

struct notice {
    struct token token; /* without its uses */
    struct entity entity;
    bool has_reseller;
    struct entity reseller;
    const struct notify_stage *stage; /* one of notices.stages */
};

/* Finds the first due notice of a token whose id is at least `from`. *ret_found: there is one. */
ESPT_MUST_USE int store_notice_next(struct store *store, const struct notices *wanted,
                                    uint64_t from, struct notice *ret_notice, bool *ret_found,
                                    struct espt_error *err);
ESPT_MUST_USE int store_notice_count(struct store *store, const struct notices *wanted,
                                     uint64_t *ret_count, struct espt_error *err);
/* Commits a transaction that changes nothing, to prove before the first notice is sent that sent
   ones can be remembered. */
ESPT_MUST_USE int store_notice_try(struct store *store, struct espt_error *err);
/* Remembers durably that it was sent. Does nothing if the token was removed meanwhile. */
ESPT_MUST_USE int store_notice_sent(struct store *store, const struct notice *notice,
                                    struct espt_error *err);

/* Takes the lock STORE.notify, so that one process sends at a time. Waits as config->wait says.
   The caller closes *ret_fd, which releases the lock. */
ESPT_MUST_USE int store_notice_lock(const struct store *store, int *ret_fd, struct espt_error *err);

#endif
