/* SPDX-License-Identifier: ISC */
/* What the files of check share: one snapshot, its findings, and their output. */
#ifndef ESPT_STORE_CHECK_FINDINGS_H
#define ESPT_STORE_CHECK_FINDINGS_H

#include "store/db/writer_note.h"
#include "store/load.h"

struct check {
    struct txn *txn;
    struct pages *pages; /* the pages of the same state */
    bool noted;          /* `note` was read before the transaction began */
    struct note note;
    finding_fn fn;
    void *arg;
    size_t findings;
    progress_fn progress; /* NULL: no progress display */
    void *progress_arg;
    uint64_t steps;         /* records that this check has read */
    _Atomic uint64_t *done; /* records that all threads have read; updated now and then */
    uint64_t total;
};

/* Counts one more record as read. */
void check_step(struct check *check);

void check_report(struct check *check, const char *kind, const char *subject, const char *format,
                  ...) ESPT_PRINTF(4, 5);
/* The remedy of findings that mean damage. */
#define RESTORE "; restore a backup"
/* Reports a record that cannot be decoded. */
void check_damaged(struct check *check, enum table table, const struct record_key *key);
/* Reports an entry that refers to a missing or a wrong record. */
void check_index_fault(struct check *check, enum table table, const struct record_key *key,
                       const char *fault);

/* Calls `fn` for each record of a table. */
void check_each(struct check *check, enum table table,
                void (*fn)(struct check *check, const struct record_key *key,
                           const struct record_value *value));
bool check_look_up(struct check *check, enum table table, const struct record_key *key,
                   struct record_value *ret_value);
uint64_t check_integer(const struct record_key *key);
/* 1: intact. 0: missing. -1: damaged. */
int check_entity_record(struct check *check, uint32_t number, struct entity_record *ret);
#define CHECK_OTHER_FACTS "its facts about the entity differ from the entity's own record"
/* Whether the facts that an auth record repeats are those of its entity. */
bool check_same_facts(const struct auth_record *auth, const struct entity_record *entity);

#endif
