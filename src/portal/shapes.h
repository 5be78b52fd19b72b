/* SPDX-License-Identifier: ISC */
/* The documents of the portal: those of --json, with what pages need beside it. Functions return
   new references. */
#ifndef ESPT_PORTAL_SHAPES_H
#define ESPT_PORTAL_SHAPES_H

#include "common/tier.h"
#include "store/store.h"

#include <jansson.h>

/* A hash of the fields that can be edited: equal texts, equal state. It is the ETag. */
#define REVISION_SIZE 17
void revision_of_token(const struct token *token, char out[static REVISION_SIZE]);
void revision_of_entity(const struct entity *entity, char out[static REVISION_SIZE]);

/* `text` NULL: without the text. `of` is the id of the token that replaced an old secret; 0: it is
   none, or that is not known. */
json_t *portal_token(const struct token *token, const char *text, uint64_t of, int64_t now);
json_t *portal_entity(const struct entity *entity, const struct tier_table *tiers);

#endif
