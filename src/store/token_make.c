/* SPDX-License-Identifier: ISC */
#include "store/token_make.h"

#include "store/changes.h"
#include "store/clock.h"
#include "store/mint.h"
#include "store/reveal.h"

/* Reads the public key once for each transaction. */
void txn_seal(struct txn *txn, const char *text, struct token_full *token)
{
    if (txn->code == 0 && !txn->has_public)
        txn->code = keyfile_read_public(txn->store->config.public_key, txn->public_key, txn->err);
    txn->has_public = txn->code == 0;
    if (txn->code == 0)
        txn->code =
            reveal_seal(&txn->store->config, txn->public_key, text, token->sealed, txn->err);
    token->key = key_id(txn->public_key);
}

/* Whether the list adds that id already. Ids of one millisecond are adjacent at the end of the
   list; only a clock that went back separates them. */
static bool was_drawn(const struct changes *changes, uint64_t id)
{
    for (size_t i = changes->count; i > 0; i--) {
        const struct change *change = &changes->items[i - 1];
        const uint64_t other = change->token.after.token.id;
        if (change->type != CHANGE_TOKEN_ADD)
            continue;
        if (other == id)
            return true;
        if (mint_moment(other) < mint_moment(id))
            return false;
    }
    return false;
}

uint64_t draw_free_id(struct txn *txn, const struct changes *changes)
{
    struct record_value value;
    for (;;) {
        const uint64_t id = mint_id(clock_ms());
        struct record_key key = key_integer(id);
        if (txn_get(txn, TABLE_TOKENS, &key, &value) <= 0 && !was_drawn(changes, id))
            return id;
    }
}

int64_t default_expiration(const struct txn *txn, int64_t now)
{
    const int64_t most = txn->limited ? txn->store->config.max_expiry : 0;
    int64_t span = txn->store->config.default_expiry;
    if (most != 0 && (span == 0 || span > most))
        span = most;
    return span == 0 ? 0 : now + span;
}

void token_make(struct txn *txn, const struct entity *entity, const struct token *wanted,
                struct changes *changes, struct token *ret_token, char *ret_text)
{
    struct change change = {.type = CHANGE_TOKEN_ADD};
    struct token_full *made = &change.token.after;
    made->entity = entity->number;
    made->token = *wanted;
    made->token.id = draw_free_id(txn, changes);
    made->token.has_text = true;
    made->token.suspended = entity_suspends(entity);
    made->token.counted = txn->store->config.usage[0] != '\0';
    if (made->token.expires > EXPIRES_MAX)
        made->token.expires = EXPIRES_MAX;
    name_copy(made->token.entity, sizeof made->token.entity, entity->name);
    mint_text(made->token.id, ret_text);
    token_digest(ret_text, made->digest);
    txn_seal(txn, ret_text, made);
    changes_add(changes, txn, &change);
    *ret_token = made->token;
}
