/* SPDX-License-Identifier: ISC */
#include "verdict.h"

#include "common/copy.h"
#include "common/when.h"
#include "memo.h"
#include "reload.h"
#include "usage.h"

#include <stdio.h>
#include <string.h>

#define CACHE_ONE_IN 8
#define REOPEN_TRIES 2
#define WIDEN_TRIES 8

/* Everything that one snapshot says about a token. */
struct facts {
    const espt_query *query;
    uint64_t id;
    const struct memo *memo;
    bool hashed, from_memo;             /* `digest` is filled; it is from the memo */
    bool direct;                        /* the snapshot cache knew the places of all records */
    struct state_id state;              /* of the snapshot */
    int64_t fresh;                      /* for which time a fleet has signed it; 0: none */
    struct place place, reseller_place; /* of the records in the snapshot */
    uint8_t digest[TOKEN_DIGEST_LEN];   /* of the presented text */
    bool foreign;                       /* the store has tokens of other systems */
    bool known;                         /* the id exists, and the digests are equal */
    struct auth_record auth;
    struct reseller_record reseller; /* if the entity has one */
    bool may_read;                   /* the token may read the data of the entity asked for */
    int64_t clock;                   /* Unix seconds */
};

/* For a record that another record refers to: if it is absent, the store is damaged. */
static enum reader_status must_exist(enum reader_status status)
{
    return status == READER_NONE ? READER_CORRUPT : status;
}

/* Reads the entity that the query names. The token may read its data if the token's entity is its
   reseller. An unknown name is no error. */
static enum reader_status read_asked_entity(struct facts *facts, struct snapshot *snapshot)
{
    const espt_query *query = facts->query;
    uint8_t value[RECORD_MAX];
    size_t len;
    uint32_t number;
    struct entity_record asked;
    struct record_key name = key_name(query->entity, query->entity_len);
    enum reader_status status = reader_get(snapshot, TABLE_NAMES, &name, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    if (!number_decode(&name, value, len, &number))
        return READER_CORRUPT;
    struct record_key key = key_integer(number);
    status = must_exist(reader_get(snapshot, TABLE_ENTITIES, &key, value, &len));
    if (status != READER_OK)
        return status;
    if (!entity_decode(&key, value, len, &asked) || strlen(asked.name) != name.len ||
        memcmp(asked.name, name.bytes, name.len) != 0)
        return READER_CORRUPT;
    facts->may_read = asked.reseller == facts->auth.entity;
    return READER_OK;
}

static void seek_reseller(struct facts *facts, struct snapshot *snapshot, uint32_t number)
{
    const struct record_key key = key_integer(number);
    facts->reseller_place = reader_seek(snapshot, TABLE_RESELLERS, &key);
    facts->direct = facts->direct && facts->reseller_place.node != 0;
}

static enum reader_status read_reseller(struct facts *facts, struct snapshot *snapshot)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    const struct record_key key = key_integer(facts->auth.reseller);
    enum reader_status status = must_exist(
        reader_fetch(snapshot, TABLE_RESELLERS, &key, &facts->reseller_place, value, &len));
    if (status == READER_OK && !reseller_decode(&key, value, len, &facts->reseller))
        return READER_CORRUPT;
    return status;
}

/* Runs after reader_seek(), so that the processor prefetches the record meanwhile. */
static void digest_own(struct facts *facts)
{
    const char *text = facts->query->token;
    facts->from_memo = memo_find(facts->memo, facts->id, text, facts->digest);
    if (!facts->from_memo)
        token_digest(text, facts->digest);
    facts->hashed = true;
}

static enum reader_status read_facts(struct facts *facts, struct snapshot *snapshot)
{
    const espt_query *query = facts->query;
    const struct auth_record *auth = &facts->auth;
    uint8_t value[RECORD_MAX];
    size_t len;
    struct record_key key = key_integer(facts->id);
    facts->known = facts->may_read = false;
    facts->state = reader_state_id(snapshot);
    facts->fresh = snapshot->state.position.fresh;
    facts->place = reader_seek(snapshot, TABLE_AUTH, &key);
    facts->direct = facts->place.node != 0;
    if (!facts->hashed)
        digest_own(facts);
    enum reader_status status =
        reader_fetch(snapshot, TABLE_AUTH, &key, &facts->place, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    const uint32_t reseller = auth_peek_reseller(value, len);
    if (reseller != 0) /* prefetch its record while this one is checked */
        seek_reseller(facts, snapshot, reseller);
    if (!auth_decode(&key, value, len, &facts->auth))
        return READER_CORRUPT;
    facts->known = token_digest_same(auth->digest, facts->digest);
    if (!facts->known)
        return READER_OK;
    if (auth->reseller != 0) {
        status = read_reseller(facts, snapshot);
        if (status != READER_OK)
            return status;
    }
    if (query->entity == NULL)
        facts->may_read = true;
    else if (!entity_name_ok(query->entity, query->entity_len))
        facts->may_read = false;
    else if (strlen(auth->entity_name) == query->entity_len &&
             memcmp(auth->entity_name, query->entity, query->entity_len) == 0)
        facts->may_read = true;
    else if (auth->kind == KIND_RESELLER)
        return read_asked_entity(facts, snapshot);
    return READER_OK;
}

static enum reader_status read_own(void *arg, struct snapshot *snapshot)
{
    return read_facts(arg, snapshot);
}

/* Looks up another system's token by its digest, if the store has any. */
static enum reader_status read_foreign(void *arg, struct snapshot *snapshot)
{
    struct facts *facts = arg;
    uint8_t value[RECORD_MAX];
    size_t len;
    facts->known = false;
    facts->state = reader_state_id(snapshot);
    facts->fresh = snapshot->state.position.fresh;
    facts->foreign = snapshot->state.foreign;
    if (!facts->foreign)
        return READER_OK;
    token_foreign_digest(facts->query->token, facts->query->token_len, facts->digest);
    facts->hashed = true;
    struct record_key key = key_digest(facts->digest);
    enum reader_status status = reader_get(snapshot, TABLE_FOREIGN, &key, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    if (!id_decode(TABLE_FOREIGN, &key, value, len, &facts->id))
        return READER_CORRUPT;
    status = read_facts(facts, snapshot);
    /* damage: the index entry refers to an absent token, or to another token */
    return status == READER_OK && !facts->known ? READER_CORRUPT : status;
}

/* `text` fits into `out`, which is zeroed: the terminator need not be copied. */
static inline void copy_text(char *out, const char *text)
{
    copy_small(out, text, strlen(text));
}

/* `detail` fits: it is one of the plugin's own texts. Returns `status`. */
static inline int32_t finish(espt_result *result, int32_t status, const char *detail)
{
    copy_text(result->detail, detail);
    return status;
}

static int32_t finish_metric(espt_result *result, const espt_query *query, const char *tier)
{
    if (!metric_name_ok(query->metric, query->metric_len))
        return finish(result, ESPT_DENY_METRIC, "not a metric name");
    snprintf(result->detail, sizeof result->detail, "tier %s does not show %.*s", tier,
             (int)(query->metric_len < 100 ? query->metric_len : 100), query->metric);
    return ESPT_DENY_METRIC;
}

static int32_t decide(const struct facts *facts, const struct tier_table *table,
                      espt_result *result)
{
    const espt_query *query = facts->query;
    const struct auth_record *auth = &facts->auth;
    const struct tier *tier = tier_find(table, auth->tier);
    const int64_t now = query->now != 0 ? query->now : facts->clock;
    result->expires = auth->expires;
    result->kind = (uint32_t)auth->kind;
    result->tier_rank = tier != NULL ? (int32_t)tier->rank : 0;
    copy_text(result->entity, auth->entity_name);
    copy_text(result->tier, auth->tier);
    if (auth->reseller != 0)
        copy_text(result->reseller, facts->reseller.name);

    if (!auth->active)
        return finish(result, ESPT_DENY_INACTIVE, "the token is switched off");
    if (auth->expires != 0 && now >= auth->expires) {
        char when[WHEN_TEXT_SIZE];
        when_format(auth->expires, when);
        snprintf(result->detail, sizeof result->detail, "expired at %s", when);
        return ESPT_DENY_EXPIRED;
    }
    if (!auth->entity_active)
        return finish(result, ESPT_DENY_SUSPENDED, "the entity is inactive");
    if (auth->reseller != 0 && !facts->reseller.active)
        return finish(result, ESPT_DENY_SUSPENDED, "the entity's reseller is inactive");
    if (tier == NULL)
        return finish(result, ESPT_DENY_TIER, "the entity's tier is not in the tier table");
    if (!facts->may_read)
        return finish(result, ESPT_DENY_ENTITY,
                      "the requested data does not belong to this entity");
    if (query->metric != NULL && !tier_allows(table, tier, query->metric, query->metric_len))
        return finish_metric(result, query, auth->tier);
    return finish(result, ESPT_ALLOW, "allowed");
}

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

/* The store of a fleet may stand still while the fleet goes on. By the clock of this machine, not
   by the time that the query asks about. */
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
        return finish(result, ESPT_DENY_MALFORMED, "not a token text");
    }
    facts.clock = realtime_seconds();

    struct views views;
    const struct state_id last = {.revision =
                                      atomic_load_explicit(&ctx->answered, memory_order_relaxed)};
    enum reader_status status = read_store(ctx, &views, own ? read_own : read_foreign, &facts);
    int32_t verdict;
    if (status == READER_OK && !may_answer(ctx, &last, &facts.state)) {
        status = READER_AGAIN;
        verdict =
            finish(result, ESPT_ERR_UNAVAILABLE, "the store is older than one that has answered");
    } else if (status == READER_OK && too_old(ctx, &facts)) {
        status = READER_AGAIN;
        verdict = finish(result, ESPT_ERR_UNAVAILABLE,
                         "the store is older than max_age; run 'esp-tokenctl fleet status'");
    } else if (status == READER_OK && !own && !facts.foreign) {
        verdict = finish(result, ESPT_DENY_MALFORMED, "not a token text");
    } else if (status == READER_OK) {
        if (facts.known && !own)
            token_id_format(facts.id, result->token_id);
        result->revision = facts.state.revision;
        verdict = facts.known ? decide(&facts, views.tiers->table, result)
                              : finish(result, ESPT_DENY_UNKNOWN, "no such token");
    } else {
        verdict = finish(result, status == READER_CORRUPT ? ESPT_ERR_CORRUPT : ESPT_ERR_UNAVAILABLE,
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
