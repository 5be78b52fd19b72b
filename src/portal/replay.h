/* SPDX-License-Identifier: ISC */
/*
 * Answers to requests with an Idempotency-Key, so that a repeated one gets the first answer again.
 * They are in memory, for REPLAY_SECONDS. After a restart of the broker a repetition is answered by
 * the rules of the store: the name is taken, or the secret is retiring already. Nothing is made
 * twice.
 */
#ifndef ESPT_PORTAL_REPLAY_H
#define ESPT_PORTAL_REPLAY_H

#include "portal/broker.h"

#define REPLAY_SECONDS INT64_C(600)

enum replay {
    REPLAY_NONE,  /* a new request, or one without a key: run it, then call replay_keep() */
    REPLAY_SAME,  /* the answer is filled */
    REPLAY_OTHER, /* the key was used for another request */
};
enum replay replay_find(struct broker *broker, const struct who *who,
                        const struct request_in *request, struct answer *answer);
void replay_keep(struct broker *broker, const struct who *who, const struct request_in *request,
                 const struct answer *answer);
void replays_free(struct replays *replays); /* wipes */

#endif
