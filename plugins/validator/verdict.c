/* SPDX-License-Identifier: ISC */
#include "verdict.h"

#include "decide.h"
#include "facts.h"
#include "reload.h"
#include "usage.h"

#include <string.h>

#define CACHE_ONE_IN 8
#define REOPEN_TRIES 2
#define WIDEN_TRIES 8

/* Reads the facts from the current store. If the store was replaced, tries once more with the new
   one. If the store has outgrown its mapping, tries again with a larger one, several times, because
   it may grow meanwhile. The caller calls views_leave(). */
static enum reader_status read_store(struct espt_ctx *ctx, struct views *views, reader_fn read,
                                     struct facts *facts)
{
    for (unsigned tries = 1;; tries++) {
        views_enter(ctx, views);
        if (views->store == NULL)
            return READER_CLOSED;
        reader_prefetch(&views->store->reader, facts->id);
        enum reader_status status = reader_look_up(&views->store->reader, read, facts);
        if (status != READER_CLOSED && status != READER_BEYOND)
            return status;
        const bool outgrown = status == READER_BEYOND;
        if (tries == (outgrown ? WIDEN_TRIES : REOPEN_TRIES) ||
            !reload_store(ctx, views->store, outgrown))
            return status;
        views_leave(ctx, views);
    }
}

/* `last` is the state that had answered before this look-up began. Calls that overlap may answer in
   any order, but no answer may come from an older state than an answer given before it began. */
static bool may_answer(struct espt_ctx *ctx, const struct state_id *last,
                       const struct state_id *state)
{
    if (!state_may_follow(last, state)) {
        log_older_store(ctx, last);
        return false;
    }
    uint64_t answered = atomic_load_explicit(&ctx->answered, memory_order_relaxed);
    while (answered < state->revision &&
           !atomic_compare_exchange_weak_explicit(&ctx->answered, &answered, state->revision,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    return true;
}

/* The store of a fleet may stand still while the fleet goes on. Its age is measured by this
   machine's clock, not by the time that the query asks about. */
static inline bool too_old(const struct espt_ctx *ctx, const struct facts *facts)
{
    return ctx->config.fleet_max_age != 0 &&
           facts->clock - facts->fresh > ctx->config.fleet_max_age;
}

/* Runs for one call in CACHE_ONE_IN, so a token that is presented often is soon cached. The
   reseller's place is cached at once, because each customer's token needs it. A token is cached
   when this function sees it for the second time. */
static void update_caches(struct espt_ctx *ctx, const struct views *views,
                          const struct facts *facts)
{
    if (facts->auth.reseller != 0)
        reader_remember(&views->store->reader, facts->state.nonce, TABLE_RESELLERS,
                        facts->auth.reseller, &facts->reseller_place);
    if (!facts->from_memo && !memo_seen_lately(ctx->memo, facts->id))
        return;
    if (!facts->from_memo)
        memo_store(ctx->memo, facts->id, facts->query->token, facts->digest);
    reader_remember(&views->store->reader, facts->state.nonce, TABLE_AUTH, facts->id,
                    &facts->place);
}

int32_t verdict_of(struct espt_ctx *ctx, const espt_query *query, espt_result *result)
{
    struct facts facts; /* not zeroed, because that takes time; each field is set before its use */
    facts.query = query;
    facts.memo = ctx->memo;
    facts.id = 0;
    facts.hashed = facts.from_memo = false;
    const bool own = query->token != NULL && token_parse(query->token, query->token_len, &facts.id);
    if (own) {
        /* the text contains the id's characters */
        memcpy(result->token_id, query->token + sizeof TOKEN_PREFIX - 1, TOKEN_ID_LEN);
        memo_prefetch(ctx->memo, facts.id);
        usage_prefetch(ctx, facts.id);
    } else if (query->token == NULL || !token_foreign_form(query->token, query->token_len)) {
        return result_finish(result, ESPT_DENY_MALFORMED, "not a token text");
    }
    facts.clock = realtime_seconds();

    struct views views;
    const struct state_id last = {.revision =
                                      atomic_load_explicit(&ctx->answered, memory_order_relaxed)};
    enum reader_status status =
        read_store(ctx, &views, own ? facts_read_own : facts_read_foreign, &facts);
    int32_t verdict;
    if (status == READER_OK && !may_answer(ctx, &last, &facts.state)) {
        status = READER_AGAIN;
        verdict = result_finish(result, ESPT_ERR_UNAVAILABLE,
                                "the store is older than one that has answered");
    } else if (status == READER_OK && too_old(ctx, &facts)) {
        status = READER_AGAIN;
        verdict = result_finish(result, ESPT_ERR_UNAVAILABLE,
                                "the store is older than max_age; run 'esp-tokenctl fleet status'");
    } else if (status == READER_OK && !own && !facts.foreign) {
        verdict = result_finish(result, ESPT_DENY_MALFORMED, "not a token text");
    } else if (status == READER_OK) {
        if (facts.known && !own)
            token_id_format(facts.id, result->token_id);
        result->revision = facts.state.revision;
        verdict = facts.known ? decide(&facts, views.tiers->table, result)
                              : result_finish(result, ESPT_DENY_UNKNOWN, "no such token");
    } else {
        verdict = result_finish(result,
                                status == READER_CORRUPT ? ESPT_ERR_CORRUPT : ESPT_ERR_UNAVAILABLE,
                                store_fault(status));
    }
    if (status == READER_OK && own && facts.known && !(facts.from_memo && facts.direct) &&
        reclaim_turns(&ctx->reclaim, views.slot) % CACHE_ONE_IN == 0)
        update_caches(ctx, &views, &facts);
    views_leave(ctx, &views);
    if (verdict == ESPT_ALLOW)
        usage_count(ctx, facts.id, facts.clock);
    token_digest_wipe(facts.digest);
    token_digest_wipe(facts.auth.digest);
    return verdict;
}
