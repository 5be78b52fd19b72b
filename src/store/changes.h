/* SPDX-License-Identifier: ISC */
/* Typed changes, and the list of changes of one transaction. The audit log is written from the same
   list. */
#ifndef ESPT_STORE_CHANGES_H
#define ESPT_STORE_CHANGES_H

#include "store/load.h"

enum change_type {
    CHANGE_ENTITY_ADD,
    CHANGE_ENTITY_SET,
    CHANGE_ENTITY_REMOVE, /* after the removal of its tokens */
    CHANGE_TOKEN_ADD,
    CHANGE_TOKEN_SET, /* name, note, status, expiration, or that it is retiring */
    CHANGE_TOKEN_REMOVE,
    CHANGE_TOKEN_REVEAL, /* changes no record, only the log; uses `before` */
    CHANGE_NOTE,         /* as above, about the store as a whole; uses `note` */
};

/* `before` is unused in an add, `after` in a remove. apply() maintains the counts (tokens,
   customers). */
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

/* Appends a change; running out of memory fails the transaction. */
void changes_add(struct changes *changes, struct txn *txn, const struct change *change);
void changes_clear(struct changes *changes);
/* Makes it a CHANGE_NOTE. Texts are cut to fit; `?` replaces what is not printable text. */
void change_note(struct change *ret_change, const char *word, const char *detail);

#endif
