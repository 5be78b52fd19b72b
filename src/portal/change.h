/* SPDX-License-Identifier: ISC */
/* What commands that change something share: preconditions, room on a full disk, and which field an
   error is about. */
#ifndef ESPT_PORTAL_CHANGE_H
#define ESPT_PORTAL_CHANGE_H

#include "portal/broker.h"

/* Prepares the store for a change. `revokes`: it only takes rights away, and so may use the room
   that is kept for that. */
ESPT_MUST_USE int change_begin(struct broker *broker, bool revokes, struct espt_error *err);
/* After ESPT_UNUSABLE: whether a change that revokes may succeed now. */
bool change_again(struct broker *broker, bool revokes, int code);

/* Whether the request has an If-Match that must hold: not `*`. */
bool has_match(const struct request_in *request);
bool token_matches(const struct request_in *request, const struct token *token);
bool entity_matches(const struct request_in *request, const struct entity *entity);
/* The thing is not as If-Match says. Fills the answer with what it is now, and who changed it. */
ESPT_MUST_USE int token_changed(struct broker *broker, const struct who *who,
                                const struct token *token, struct answer *answer,
                                struct espt_error *err);
ESPT_MUST_USE int entity_changed(struct broker *broker, const struct who *who,
                                 const struct entity *entity, struct answer *answer,
                                 struct espt_error *err);
/* Finds the field that the error is about. Returns the error's code. */
int change_blame(const struct request_in *request, struct answer *answer,
                 const struct espt_error *err);

/* The field status. *ret_active is 1 or 0, and stays as it is without the field. */
ESPT_MUST_USE int change_status(const struct request_in *request, int *ret_active,
                                struct answer *answer, struct espt_error *err);

/* run_log.c: who changed the token, or the entity (`token` 0), last. A new reference, or NULL. */
json_t *last_change(struct broker *broker, const struct who *who, const struct entity *entity,
                    uint64_t token);

#endif
