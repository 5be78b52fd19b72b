/*
 * The one place through which every change of the store passes: a list of typed changes, applied
 * within one transaction. Tables, indexes and counts are kept in step here and nowhere else.
 */
#ifndef ESPT_STORE_APPLY_H
#define ESPT_STORE_APPLY_H

#include "store/load.h"

enum change_type {
    CHANGE_ENTITY_ADD,
    CHANGE_ENTITY_SET,
    CHANGE_ENTITY_REMOVE, /* after its tokens */
    CHANGE_TOKEN_ADD,
    CHANGE_TOKEN_SET, /* name, status, expiration; that it is retiring */
    CHANGE_TOKEN_REMOVE,
    CHANGE_TOKEN_REVEAL, /* changes no record: the log alone; `before` */
    CHANGE_NOTE,         /* the same, of the store as a whole */
};

/* `before` is unused in an add, `after` in a remove. Counts (tokens, customers) are apply's own. */
struct change {
    enum change_type type;
    union {
        struct {
            struct entity before, after;
        } entity;
        struct {
            struct token_full before, after;
        } token;
        struct {
            char word[32], detail[256];
        } note;
    };
};

struct changes {
    size_t count, room;
    struct change *items; /* owned */
};

/* Appends; out of memory fails the transaction. */
void changes_add(struct changes *changes, struct txn *txn, const struct change *change);
void changes_clear(struct changes *changes);
/* Makes it a CHANGE_NOTE; texts are cut, and what is no text is said with `?`. */
void change_note(struct change *ret_change, const char *word, const char *detail);

/* The token's box alone is another: nothing that a person set. */
void apply_sealed(struct txn *txn, const struct token_full *token);
/* Applies those from number `from` on; who applies a list part by part enters it in the log at
   last, by log_append(). */
void apply_from(struct txn *txn, const struct changes *changes, size_t from);
/* Where txn->holds_tokens, added tokens' own records are held back, and put here in order of id.
   Ids of one millisecond come in no order, and each that is not behind the last splits a page in
   halves; in order, pages are filled to the brim. Until then a token of the list is not found by
   its id: bulk creation asks for none. */
void apply_held(struct txn *txn, const struct changes *changes);
/* Applies all, in order, to a write transaction, and enters them in the log. */
void apply(struct txn *txn, const struct changes *changes);

/* A write transaction and the list of its changes: begun, filled by makers and rules, and ended as
   a whole. */
struct writing {
    struct txn txn;
    struct changes changes;
};
ESPT_MUST_USE int writing_begin(struct writing *ret_writing, struct store *store,
                                struct espt_error *err);
/* Applies the list, enters it in the log and commits, durably; or, if anything failed, does
   nothing. Returns the transaction's code. */
ESPT_MUST_USE int writing_end(struct writing *writing);

#endif
