/* SPDX-License-Identifier: ISC */
/* Changing entities and tokens. Each call is one durable transaction, in which the rules are
   enforced. store.h says what all calls have in common. */
#ifndef ESPT_STORE_STORE_WRITE_H
#define ESPT_STORE_STORE_WRITE_H

#include "common/tier.h"
#include "store/store_read.h"

struct entity_new {
    const char *name;
    enum entity_kind kind;
    const char *reseller; /* NULL: none */
    const char *tier;     /* NULL: the table's default */
    const char *contact;  /* NULL: none */
};
/* Adds the entity and its token `default`. `ret_text` has 55 bytes; the caller wipes it. */
ESPT_MUST_USE int store_entity_add(struct store *store, const struct tier_table *tiers,
                                   const struct entity_new *wanted, struct entity *ret_entity,
                                   struct token *ret_token, char *ret_text, struct espt_error *err);
struct entity_edit {
    const char *name; /* NULL: unchanged, as in the fields below */
    const char *tier;
    const int *active;          /* 1: active; 0: inactive */
    const char *reseller;       /* "" for none */
    const char *contact;        /* "" for none */
    bool cascade;               /* lower the tier of its customers, too */
    const struct entity *shown; /* NULL, or what the user saw: ESPT_REFUSED if it has changed since;
                                   counts do not matter */
};
/* `tiers` may be NULL if neither tier nor reseller is edited. After the commit, `lowered` (may be
   NULL) is called for each customer that --cascade lowered. */
ESPT_MUST_USE int store_entity_edit(struct store *store, const struct tier_table *tiers,
                                    const char *name, const struct entity_edit *edit,
                                    struct entity *ret_entity, entity_fn lowered, void *arg,
                                    struct espt_error *err);
/* `shown` is the entity that the user named. If the user was asked, store_entity_removable() filled
   shown->held: then ESPT_REFUSED if the entity or its tokens have changed since. */
ESPT_MUST_USE int store_entity_remove(struct store *store, const struct entity *shown,
                                      struct espt_error *err);
/* Refuses what store_entity_remove() would refuse, before the user is asked; changes nothing. Fills
   shown->held: call it before its tokens are shown. */
ESPT_MUST_USE int store_entity_removable(struct store *store, struct entity *shown,
                                         struct espt_error *err);

struct token_new {
    const char *entity, *name;
    const int64_t *expires; /* Unix seconds, 0: never; NULL: the config's default_expiry */
    const char *note;       /* NULL: none */
};
ESPT_MUST_USE int store_token_create(struct store *store, const struct tier_table *tiers,
                                     const struct token_new *wanted, struct token *ret_token,
                                     char *ret_text, struct espt_error *err);
struct token_edit {
    const char *name;       /* NULL: unchanged, as in the fields below */
    const int64_t *expires; /* Unix seconds; 0: never */
    const int *active;
    const char *note; /* "" for none */
    const struct token
        *shown; /* NULL, or what the user saw: ESPT_REFUSED if it has changed since */
};
ESPT_MUST_USE int store_token_edit(struct store *store, const struct token_ref *ref,
                                   const struct token_edit *edit, struct token *ret_token,
                                   struct espt_error *err);
/* Gives the token a new secret and id under its name. The old secret retires: it works for
   `overlap` more seconds (negative: the default; 0: it ends at once), at most until its own
   expiration or that of the new secret. ESPT_REFUSED if `overlap` and `expires` are given, and the
   old secret would work longer than the new one. An earlier secret that still retires ends now.
   `expires` NULL: the new token gets the lifetime that the old one was created with. */
enum old_ends { OLD_ENDS_AFTER_OVERLAP, OLD_ENDS_BY_ITSELF, OLD_ENDS_WITH_NEW };
struct rotated {
    struct token token; /* the new one */
    bool retiring;      /* the old one lasts until old.expires; else it has ended */
    enum old_ends ends; /* what bounds old.expires */
    struct token old;
};
ESPT_MUST_USE int store_token_rotate(struct store *store, const struct tier_table *tiers,
                                     const struct token_ref *ref, int64_t overlap,
                                     const int64_t *expires, struct rotated *ret_rotated,
                                     char *ret_text, struct espt_error *err);
/* As store_tokens_remove() of one token that was shown. */
ESPT_MUST_USE int store_token_remove(struct store *store, const struct token *shown, bool last,
                                     struct espt_error *err);

/* --- several tokens: one transaction changes all of them, or none --- */
#define TOKENS_AT_ONCE 50000 /* the writers' lock is held for about a second then */

/* The tokens that a user named, and what became of them. Set `ref`, `refs` and `dry`, zero the
   rest; tokens_clear() frees what the functions below fill. A token that is named twice is in
   `item` once. */
struct token_set {
    const struct token_ref *ref; /* borrowed; at most TOKENS_AT_ONCE */
    size_t refs;
    struct token_item *item; /* in order of `ref` */
    size_t count;
    size_t old_secrets; /* by store_tokens_removable(): how many others are removed with them */
    size_t failed;      /* after a failure: the index in `ref` that it is about */
    bool dry;           /* set it to commit nothing, and to collect refusals instead of failing */
    struct token_refusal *refusal; /* of a dry run, in the order in which they were found */
    size_t refusals, refusal_room;
};
struct token_refusal {
    size_t ref; /* the index of its name */
    int code;
    char *message;
};
struct token_item {
    struct token token;
    size_t ref;      /* the index of its name */
    uint32_t entity; /* number */
    bool done;       /* it was changed by the change of another one */
};
void tokens_clear(struct token_set *set);
ESPT_MUST_USE int store_tokens_get(struct store *store, struct token_set *set,
                                   struct espt_error *err);
/* `edit` has no name if the set names more than one token. */
ESPT_MUST_USE int store_tokens_edit(struct store *store, struct token_set *set,
                                    const struct token_edit *edit, struct espt_error *err);
/* Ends the secret that retires under each name, or the retiring secret with that id. */
ESPT_MUST_USE int store_tokens_retire(struct store *store, struct token_set *set,
                                      struct espt_error *err);
/* Removes the tokens, and the secrets that retire under their names. `last` allows the removal of
   an entity's last token. `shown`: the set is as store_tokens_removable() left it and the user saw
   it; ESPT_REFUSED if any of it has changed. */
ESPT_MUST_USE int store_tokens_remove(struct store *store, struct token_set *set, bool last,
                                      bool shown, struct espt_error *err);
/* Refuses what store_tokens_remove() would refuse, before the user is asked; changes nothing. The
   set is as store_tokens_get() left it. */
ESPT_MUST_USE int store_tokens_removable(struct store *store, struct token_set *set, bool last,
                                         struct espt_error *err);

#endif
