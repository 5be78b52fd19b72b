/* SPDX-License-Identifier: ISC */
/* What one snapshot of the store says about a presented token. */
#ifndef VALIDATOR_FACTS_H
#define VALIDATOR_FACTS_H

#include "memo.h"
#include "reader/reader.h"

#include "espt/validator.h"

struct facts {
    const espt_query *query;
    uint64_t id;
    const struct memo *memo;
    bool hashed, from_memo;             /* `digest` is filled; it is from the memo */
    bool direct;                        /* the snapshot cache knew the places of all records */
    struct state_id state;              /* of the snapshot */
    int64_t fresh;                      /* the time for which a fleet has signed it; 0: none */
    struct place place, reseller_place; /* of the records in the snapshot */
    uint8_t digest[TOKEN_DIGEST_LEN];   /* of the presented text */
    bool foreign;                       /* the store has tokens of other systems */
    bool known;                         /* the id exists, and the digests are equal */
    struct auth_record auth;
    struct reseller_record reseller; /* if the entity has one */
    bool may_read;                   /* the token may read the data of the entity asked for */
    int64_t clock;                   /* Unix seconds */
};

/* For reader_look_up(); `arg` is a struct facts. Reads what the snapshot says about the token
   facts->id. */
enum reader_status facts_read_own(void *arg, struct snapshot *snapshot);
/* The same for another system's token, which it looks up by its digest, if the store has any. */
enum reader_status facts_read_foreign(void *arg, struct snapshot *snapshot);

#endif
