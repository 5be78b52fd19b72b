/* SPDX-License-Identifier: ISC */
/*
 * A broker: the process that keeps the store. There are two: one runs the commands that read, the
 * other those that change something, so that a reader does not wait for a writer. Both look at the
 * same files, and neither has a state that the other needs.
 *
 * MUST 1: a broker trusts nothing in a message of the worker: it checks form and identity itself
 *         (message.h, identify.c).
 * MUST 2: a command runs with the rights of the entity that identify() found, by store_as().
 * MUST 3: no transaction is open while a broker waits for the worker.
 */
#ifndef ESPT_PORTAL_BROKER_H
#define ESPT_PORTAL_BROKER_H

#include "common/config.h"
#include "common/tier.h"
#include "portal/answer.h"
#include "portal/message.h"
#include "portal/passes.h"
#include "portal/rate.h"
#include "portal/seen.h"
#include "store/store.h"

#include <sys/types.h>

#define PROXY_SECRET_SIZE 257
#define TICKET_SIZE PASS_SECRET_SIZE

/* What the brokers and the worker know from the start. Drawn and read before the fork. */
struct portal {
    struct config config;
    struct config_portal settings;
    char ticket[TICKET_SIZE];             /* what a connection of the proxy presents */
    char proxy_secret[PROXY_SECRET_SIZE]; /* empty: none */
};

struct replays;
struct fleet;
struct broker {
    const struct portal *portal;
    bool changes;        /* this one runs the commands that change something */
    struct store *store; /* NULL: not open */
    struct fleet *fleet; /* NULL: none, or `store` is not open */
    int64_t follow_at;   /* monotonic milliseconds: when site_follow() is due */
    bool behind;         /* the last one failed */
    struct passes *passes;
    struct tier_table *tiers; /* NULL: not loaded */
    struct seen tiers_file;
    struct elsewhere elsewhere; /* site_uses.c; owned */
    struct seen uses_file;      /* the broker that reads: where it is from */
    int64_t uses_at; /* the broker that changes: monotonic milliseconds when it reads again */
    struct rates rates;
    struct replays *replays;
};

/* Who asks (identify.c). */
struct who {
    struct entity entity;
    bool manager, by_link;
    char person[64];
    struct pass pass; /* by_link */
};

/* Runs until the control socket says to end. Never returns. */
_Noreturn void broker_run(const struct portal *portal, bool changes, int control);

/* Answers one packet of a worker. False: the worker has gone, or does not read. */
bool broker_serve(struct broker *broker, int worker);
/* Answers one message. `peer` is the descriptor that came with it, or -1; it stays the caller's. */
void broker_answer(struct broker *broker, const struct request_in *request, int peer,
                   struct answer *answer);
ESPT_MUST_USE int broker_open(struct broker *broker, const struct portal *portal, bool changes,
                              struct espt_error *err);
/* Frees what broker_open() opened, and what was read since. */
void broker_close(struct broker *broker);
/* Opens the store, unless it is open. */
ESPT_MUST_USE int broker_store(struct broker *broker, struct espt_error *err);
/* A store that could not be used may be a file that was replaced, or one whose commit failed: the
   next request opens what the path names then. */
void broker_drop_store(struct broker *broker);

/* identify.c: finds who asks. On failure the answer holds the problem. */
ESPT_MUST_USE int identify(struct broker *broker, const struct request_in *request,
                           struct answer *answer, struct who *ret_who, struct espt_error *err);
/* Whether the message comes through the proxy. */
bool through_proxy(const struct broker *broker, const struct request_in *request);
/* ESPT_MISSING, or ESPT_REFUSED: the entity of a pass is not there any more, or is suspended. */
ESPT_MUST_USE int pass_entity(struct broker *broker, const struct pass *pass,
                              struct entity *ret_entity, struct espt_error *err);

/* tiers.c: the tier table as the file is now. */
ESPT_MUST_USE int broker_tiers(struct broker *broker, struct espt_error *err);

/* The token that FIELD_TOKEN names. */
ESPT_MUST_USE int broker_token(struct broker *broker, const struct request_in *request,
                               struct token *ret_token, struct espt_error *err);
/* The document of a token; of an old secret with its successor. A new reference. */
json_t *broker_token_document(struct broker *broker, const struct token *token, const char *text);
/* Makes a token the answer. `text` NULL: without its text. */
void answer_token(struct broker *broker, struct answer *answer, const struct token *token,
                  const char *text);

typedef int run_fn(struct broker *broker, const struct who *who, const struct request_in *request,
                   struct answer *answer, struct espt_error *err);
run_fn run_session, run_sign_in, run_sign_out; /* run_session.c */
run_fn run_tiers, run_entities, run_entity, run_entity_add, run_entity_edit, run_entity_remove;
run_fn run_tokens, run_token, run_explain;                                   /* run_tokens.c */
run_fn run_create, run_edit, run_remove, run_rotate, run_retire, run_reveal; /* run_changes.c */
run_fn run_log;                                                              /* run_log.c */

#endif
