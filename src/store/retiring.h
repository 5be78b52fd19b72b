/* SPDX-License-Identifier: ISC */
/*
 * Two secrets of one token. The new one has the name; the old one retires under its id until the
 * overlap ends. A change by name changes both, so that no secret of a token that was switched off
 * or removed still works.
 */
#ifndef ESPT_STORE_RETIRING_H
#define ESPT_STORE_RETIRING_H

#include "store/changes.h"

/* Walks over the entity's retiring tokens. Their keys sort before all names: number, zero byte,
   id. */
void walk_retiring(struct walk *ret_walk, struct txn *txn, uint32_t entity);
/* Appends the removal of the entity's retiring tokens that have expired. Each change of an entity's
   tokens begins with this call. */
void retired_sweep(struct txn *txn, uint32_t entity, int64_t now, struct changes *changes);
/* The names and ids of the secrets of one entity that retire and have not expired. A command that
   changes many tokens of an entity reads them once. */
struct retiring_name {
    char name[TOKEN_NAME_MAX + 1];
    uint64_t id;
};
struct retiring_list {
    uint32_t entity; /* 0: not read */
    size_t count, room;
    struct retiring_name *name; /* owned, in order of name */
};
/* Reads the entity's list, unless `list` holds it already. True: it was read now. */
bool retiring_read(struct txn *txn, struct retiring_list *list, uint32_t entity);
/* Adds a secret to a list that the caller fills. Call retiring_sort() when it is complete. */
void retiring_add(struct txn *txn, struct retiring_list *list, const struct token *token);
void retiring_sort(struct retiring_list *list);
/* The id of the secret that retires under the name; 0: there is none. */
uint64_t retiring_find(const struct retiring_list *list, const char *name);
/* Takes the name out of the list. */
void retiring_take(struct retiring_list *list, const char *name);
void retiring_clear(struct retiring_list *list);
/* Applies the change `before` -> `after` to the secret that retires under the same name, and
   appends the result. `after` NULL: that secret is removed, too. Reads the list if necessary. */
void retiring_follow(struct txn *txn, struct retiring_list *list, const struct token_full *before,
                     const struct token_full *after, struct changes *changes);
/* The number of the entity's retiring tokens; *ret_named: one of them has that name. */
uint32_t retiring_count(struct txn *txn, uint32_t entity, const char *name, bool *ret_named);
/* Refuses a change of a retiring token. Only retire and remove are allowed; they end it. */
void rule_not_retiring(struct txn *txn, const struct token_full *token);

#endif
