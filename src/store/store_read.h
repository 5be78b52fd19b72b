/* SPDX-License-Identifier: ISC */
/* Reading the store. Each call uses one snapshot. store.h says what all calls have in common. */
#ifndef ESPT_STORE_STORE_READ_H
#define ESPT_STORE_STORE_READ_H

#include "store/store_types.h"

ESPT_MUST_USE int store_entity_get(struct store *store, const char *name, struct entity *ret_entity,
                                   struct espt_error *err);
ESPT_MUST_USE int store_token_get(struct store *store, const struct token_ref *ref,
                                  struct token *ret_token, struct espt_error *err);
/* What decides whether hosts allow a token, apart from its text and the tier table. `asked` names
   the entity whose data is asked for; NULL: the token's own. */
struct token_facts {
    struct token token;
    struct entity owner;
    bool may_read; /* the token may read the data of `asked` */
};
ESPT_MUST_USE int store_token_facts(struct store *store, const struct token_ref *ref,
                                    const char *asked, struct token_facts *ret_facts,
                                    struct espt_error *err);
/* `fn` is called for each, in order of name (tokens: of entity, then token name; a retiring secret
   directly after its successor). A non-zero result of `fn` stops the walk and is returned. */
typedef int (*entity_fn)(void *arg, const struct entity *entity, struct espt_error *err);
typedef int (*token_fn)(void *arg, const struct token *token, struct espt_error *err);
ESPT_MUST_USE int store_entity_each(struct store *store, entity_fn fn, void *arg,
                                    struct espt_error *err);
/* `entity` NULL: of all entities. */
ESPT_MUST_USE int store_token_each(struct store *store, const char *entity, token_fn fn, void *arg,
                                   struct espt_error *err);
/* `fn` is called for each entity (with `token` NULL), and then for each of its tokens. `entity` as
   above. *ret_revision (may be NULL) is the store's revision in that snapshot. */
typedef int (*each_fn)(void *arg, const struct entity *entity, const struct token *token,
                       struct espt_error *err);
ESPT_MUST_USE int store_each(struct store *store, const char *entity, each_fn fn, void *arg,
                             uint64_t *ret_revision, struct espt_error *err);
/* A page of an entity's tokens. `fn` is called for the entity, then for at most `most` tokens in
   order of name, from the first name above `after` (empty: from the first one), and then for each
   old secret that retires under one of these names. *ret_more: there are tokens after the page. The
   cost does not depend on the number of tokens before or after the page, but grows with the number
   of the entity's old secrets. */
struct token_page {
    const char *after;
    size_t most; /* at most TOKEN_PAGE_MAX */
};
#define TOKEN_PAGE_MAX 200
ESPT_MUST_USE int store_token_page(struct store *store, const char *entity,
                                   const struct token_page *page, each_fn fn, void *arg,
                                   bool *ret_more, struct espt_error *err);
/* Selects names that begin with `prefix`, for completion and for suggestions after a mistyped name.
   The records behind the names are not read. At most `most` names are visited. */
struct names {
    enum { NAMES_ENTITIES, NAMES_RESELLERS, NAMES_TOKENS, NAMES_IDS } of;
    const char *prefix;
    const char *entity; /* NAMES_TOKENS: the entity of the tokens */
    size_t most;
};
/* `fn` is called for the names in order (resellers: in order of number). If there are more than
   `most`, it is also called for the last name with that prefix, so that the common prefix of the
   names that `fn` saw is the common prefix of all. A non-zero result stops. */
typedef int (*name_fn)(void *arg, const char *name);
ESPT_MUST_USE int store_names(struct store *store, const struct names *names, name_fn fn, void *arg,
                              struct espt_error *err);
/* Reveals the text of a token: opens it with the secret key at config->secret_key and checks it
   against the record's id and digest. `ret_text` has 55 bytes; the caller wipes it. This call
   writes: it logs the reveal first, and fails if that fails. */
ESPT_MUST_USE int store_token_reveal(struct store *store, const struct token_ref *ref,
                                     struct token *ret_token, char *ret_text,
                                     struct espt_error *err);

/* What an export adds to a token's fields. It is no secret, but confidential. */
struct token_secret {
    uint8_t digest[TOKEN_DIGEST_LEN];
    uint8_t sealed[SEALED_TEXT_LEN]; /* valid if token.has_text */
    uint32_t key; /* key_id() of the key that `sealed` was sealed to; 0: unknown */
};
typedef int (*export_fn)(void *arg, const struct token *token, const struct token_secret *secret,
                         struct espt_error *err);
/* Exports one snapshot: resellers in order of name, then customers, each before its tokens. */
ESPT_MUST_USE int store_export(struct store *store, entity_fn on_entity, export_fn on_token,
                               void *arg, struct espt_error *err);

#endif
