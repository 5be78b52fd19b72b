/* SPDX-License-Identifier: ISC */
/* The JSON shapes of specification §6.5, for esp-tokenctl and esp-token-portal. Functions return
   new references. `text` and `tiers` may be NULL. */
#ifndef ESPT_SHAPES_SHAPES_H
#define ESPT_SHAPES_SHAPES_H

#include "common/tier.h"
#include "store/store.h"

#include <jansson.h>

/* Call once, before any document: makes jansson wipe memory before it frees it. */
void json_begin(void);
/* True: memory ran out while a document was built. For code that builds a document without
   json_print(). */
bool json_lacks(void);
/* Frees a text that jansson returned, wiped. NULL is allowed. */
void json_wipe_and_free(void *memory);

/* The tier of an entity. NULL: the table lacks it, or `tiers` is NULL. */
const struct tier *tier_of(const struct entity *entity, const struct tier_table *tiers);

json_t *json_of_token(const struct token *token, const char *text, int64_t now);
json_t *json_of_entity(const struct entity *entity, const struct tier_table *tiers);
json_t *json_of_tier(const struct tier *tier);
json_t *json_time(int64_t when);             /* RFC 3339, or null for never */
json_t *json_bytes(const char *bytes);       /* bytes that are not UTF-8 become \xNN */
json_t *json_text_or_null(const char *text); /* null if empty */

/* --- log_shapes.c --- */
#define LOG_HASH_HEX (2 * LOG_HASH_LEN + 1)
/* The status in an entry of the log: active, inactive or retiring. */
const char *log_state_word(const struct token *token);
json_t *json_of_log_change(const struct log_change *change);
/* Takes the reference to `changes`. `limited`: for the entity of --as. */
json_t *json_of_log_entry(const struct log_entry *entry, json_t *changes, bool limited);

#endif
