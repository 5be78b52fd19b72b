/* SPDX-License-Identifier: ISC */
/* rotate: gives a token a new secret. */
#include "store/changes.h"
#include "store/clock.h"
#include "store/retiring.h"
#include "store/rights.h"
#include "store/rules.h"
#include "store/token_make.h"
#include "store/usage.h"
#include "store/writing.h"

#include <sodium.h>
#include <string.h>

#define OVERLAP_DEFAULT INT64_C(86400) /* a day */

/* The new token gets the lifetime that the old one was created with. That lifetime is unknown if
   the clock was ahead when the old one was created; then the default applies. */
static int64_t new_expiration(const struct txn *txn, const struct token *old, const int64_t *wanted,
                              int64_t now)
{
    if (wanted != NULL)
        return *wanted;
    if (old->expires == 0)
        return 0;
    const int64_t most = txn->limited ? txn->store->config.max_expiry : 0;
    const int64_t span = old->expires - old->created;
    if (old->expires <= old->created)
        return default_expiration(txn, now);
    if (most == 0 || span <= most)
        return now + span;
    /* with `--as`, it ends when the old one ends, or by max_expiry if that is later */
    return old->expires > now + most ? old->expires : now + most;
}

/* How long the old secret works: `wanted` seconds, or by default a day, at most max_overlap if an
   entity acts. */
static int64_t overlap_of(const struct txn *txn, int64_t wanted)
{
    const int64_t most = txn->limited ? txn->store->config.max_overlap : 0;
    if (wanted >= 0)
        return wanted;
    return most != 0 && most < OVERLAP_DEFAULT ? most : OVERLAP_DEFAULT;
}

/* When the old secret ends: after the overlap, but not after its own expiration, nor after that of
   the new secret (`expires`). */
static int64_t old_end(const struct token *old, int64_t now, int64_t overlap, int64_t expires,
                       enum old_ends *ret_ends)
{
    int64_t end = now + overlap < EXPIRES_MAX ? now + overlap : EXPIRES_MAX;
    *ret_ends = OLD_ENDS_AFTER_OVERLAP;
    if (old->expires != 0 && old->expires < end) {
        end = old->expires;
        *ret_ends = OLD_ENDS_BY_ITSELF;
    }
    if (expires != 0 && expires < end) {
        end = expires;
        *ret_ends = OLD_ENDS_WITH_NEW;
    }
    return end;
}

static void rotate(struct txn *txn, const struct tier_table *tiers, const struct token_full *old,
                   int64_t overlap, const int64_t *wanted, struct changes *changes,
                   struct rotated *ret_rotated, char *ret_text)
{
    struct change change = {.type = CHANGE_TOKEN_SET, .token.before = *old};
    struct token_full *after = &change.token.after;
    struct entity owner;
    const int64_t now = clock_now();
    const int64_t expires = new_expiration(txn, &old->token, wanted, now);
    const int64_t lasts = overlap_of(txn, overlap);
    rule_not_retiring(txn, old);
    rule_expires(txn, wanted, now);
    rule_overlap(txn, lasts);
    const int64_t end = old_end(&old->token, now, lasts, expires, &ret_rotated->ends);
    if (ret_rotated->ends == OLD_ENDS_WITH_NEW && overlap >= 0 && wanted != NULL)
        txn_fail(txn, ESPT_REFUSED,
                 "the old secret would work longer than the new one; give a shorter --overlap or a "
                 "later --expires");
    if (load_entity_number(txn, old->entity, &owner) <= 0)
        return;
    rule_tier_known(txn, tiers, &owner);
    retired_sweep(txn, old->entity, now, changes);
    struct retiring_list list = {0};
    retiring_follow(txn, &list, old, NULL, changes); /* a token has at most two secrets */
    retiring_clear(&list);
    *after = *old;
    after->token.retiring = true;
    after->token.expires = end;
    if (after->token.expires <= now)
        change.type = CHANGE_TOKEN_REMOVE;
    changes_add(changes, txn, &change);
    struct token made = {.active = old->token.active,
                         .off_by = old->token.off_by,
                         .created = now,
                         .expires = expires};
    name_copy(made.name, sizeof made.name, old->token.name);
    name_copy(made.note, sizeof made.note, old->token.note);
    if (txn->code == 0)
        token_make(txn, &owner, &made, changes, &ret_rotated->token, ret_text);
    ret_rotated->retiring = change.type == CHANGE_TOKEN_SET;
    ret_rotated->old = after->token;
}

int store_token_rotate(struct store *store, const struct tier_table *tiers,
                       const struct token_ref *ref, int64_t overlap, const int64_t *expires,
                       struct rotated *ret_rotated, char *ret_text, struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct token_full old;
    struct rotated rotated = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    if (need_token(&w.txn, ref, &old) > 0)
        rotate(&w.txn, tiers, &old, overlap, expires, &w.changes, &rotated, text);
    code = writing_end(&w);
    if (code == 0) {
        *ret_rotated = rotated;
        if (rotated.retiring)
            usage_load_alone(store, &ret_rotated->old);
        memcpy(ret_text, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return code;
}
