#include "judge.h"

#include "common/copy.h"
#include "common/when.h"
#include "look.h"
#include "memo.h"
#include "usage.h"

#include <stdio.h>
#include <string.h>

#define MEMO_ONE_IN 8

/* All that one snapshot says of a token. */
struct facts {
    const espt_query *query;
    uint64_t id;
    const struct memo *memo;
    bool hashed, recalled;              /* the digest is there; by the memo */
    bool met;                           /* the reader went to the records at once */
    struct place place, reseller_place; /* in the snapshot of this nonce */
    uint64_t nonce;
    uint8_t digest[TOKEN_DIGEST_LEN]; /* of the presented text */
    uint64_t revision;
    bool foreign; /* the store holds other systems' tokens */
    bool known;   /* the id is there, and the secret is its own */
    struct auth_record auth;
    struct reseller_record reseller; /* where the entity has one */
    bool may_read;                   /* the entity that is asked for */
    int64_t clock;                   /* Unix seconds */
};

/* Of what another record names: then it is there. */
static enum reader_status need(enum reader_status status)
{
    return status == READER_NONE ? READER_CORRUPT : status;
}

/* A customer of this reseller? An unknown name is nobody's. */
static enum reader_status read_asked(struct facts *facts, struct snapshot *snapshot)
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
    status = need(reader_get(snapshot, TABLE_ENTITIES, &key, value, &len));
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
    facts->met = facts->met && facts->reseller_place.node != 0;
}

static enum reader_status take_reseller(struct facts *facts, struct snapshot *snapshot)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    const struct record_key key = key_integer(facts->auth.reseller);
    enum reader_status status =
        need(reader_take(snapshot, TABLE_RESELLERS, &key, &facts->reseller_place, value, &len));
    if (status == READER_OK && !reseller_decode(&key, value, len, &facts->reseller))
        return READER_CORRUPT;
    return status;
}

/* The processor brings the record near meanwhile. */
static void hash_own(struct facts *facts)
{
    const char *text = facts->query->token;
    facts->recalled = memo_find(facts->memo, facts->id, text, facts->digest);
    if (!facts->recalled)
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
    facts->revision = snapshot->state.revision;
    facts->nonce = snapshot->state.nonce;
    facts->place = reader_seek(snapshot, TABLE_AUTH, &key);
    facts->met = facts->place.node != 0;
    if (!facts->hashed)
        hash_own(facts);
    enum reader_status status = reader_take(snapshot, TABLE_AUTH, &key, &facts->place, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    const uint32_t reseller = auth_peek_reseller(value, len);
    if (reseller != 0) /* its record comes near while this one is judged */
        seek_reseller(facts, snapshot, reseller);
    if (!auth_decode(&key, value, len, &facts->auth))
        return READER_CORRUPT;
    facts->known = token_digest_same(auth->digest, facts->digest);
    if (!facts->known)
        return READER_OK;
    if (auth->reseller != 0) {
        status = take_reseller(facts, snapshot);
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
        return read_asked(facts, snapshot);
    return READER_OK;
}

static enum reader_status read_own(void *arg, struct snapshot *snapshot)
{
    return read_facts(arg, snapshot);
}

/* By the digest, where the store holds any such token. */
static enum reader_status read_foreign(void *arg, struct snapshot *snapshot)
{
    struct facts *facts = arg;
    uint8_t value[RECORD_MAX];
    size_t len;
    facts->known = false;
    facts->revision = snapshot->state.revision;
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
    /* an index that leads to no token, or to another, is damage */
    return status == READER_OK && !facts->known ? READER_CORRUPT : status;
}

/* A text that fits, into a result that was zeroed; nothing that lies behind it goes along. */
static inline void put_text(char *out, const char *text)
{
    copy_small(out, text, strlen(text));
}

/* `detail` is a text of ours. */
static inline int32_t say(espt_result *result, int32_t status, const char *detail)
{
    put_text(result->detail, detail);
    return status;
}

static int32_t say_metric(espt_result *result, const espt_query *query, const char *tier)
{
    if (!metric_name_ok(query->metric, query->metric_len))
        return say(result, ESPT_DENY_METRIC, "not a metric name");
    snprintf(result->detail, sizeof result->detail, "tier %s does not show %.*s", tier,
             (int)(query->metric_len < 100 ? query->metric_len : 100), query->metric);
    return ESPT_DENY_METRIC;
}

static int32_t weigh(const struct facts *facts, const struct tier_table *table, espt_result *result)
{
    const espt_query *query = facts->query;
    const struct auth_record *auth = &facts->auth;
    const struct tier *tier = tier_find(table, auth->tier);
    const int64_t now = query->now != 0 ? query->now : facts->clock;
    result->expires = auth->expires;
    result->kind = (uint32_t)auth->kind;
    result->tier_rank = tier != NULL ? (int32_t)tier->rank : 0;
    put_text(result->entity, auth->entity_name);
    put_text(result->tier, auth->tier);
    if (auth->reseller != 0)
        put_text(result->reseller, facts->reseller.name);

    if (!auth->active)
        return say(result, ESPT_DENY_INACTIVE, "the token is switched off");
    if (auth->expires != 0 && now >= auth->expires) {
        char when[WHEN_TEXT_SIZE];
        when_format(auth->expires, when);
        snprintf(result->detail, sizeof result->detail, "expired at %s", when);
        return ESPT_DENY_EXPIRED;
    }
    if (!auth->entity_active)
        return say(result, ESPT_DENY_SUSPENDED, "the entity is inactive");
    if (auth->reseller != 0 && !facts->reseller.active)
        return say(result, ESPT_DENY_SUSPENDED, "the entity's reseller is inactive");
    if (tier == NULL)
        return say(result, ESPT_DENY_TIER, "the entity's tier is not in the tier table");
    if (!facts->may_read)
        return say(result, ESPT_DENY_ENTITY, "the data asked for is not this entity's");
    if (query->metric != NULL && !tier_allows(table, tier, query->metric, query->metric_len))
        return say_metric(result, query, auth->tier);
    return say(result, ESPT_ALLOW, "allowed");
}

/* What the store says, by the views in force; twice where the first store was replaced. The views
   are the caller's to give back. */
static enum reader_status ask(struct espt_ctx *ctx, struct views *views, reader_fn read,
                              struct facts *facts)
{
    for (bool again = false;; again = true) {
        views_take(ctx, views);
        if (views->store == NULL)
            return READER_CLOSED;
        reader_bring(&views->store->reader, facts->id);
        enum reader_status status = reader_look(&views->store->reader, read, facts);
        if (status != READER_CLOSED && status != READER_BEYOND)
            return status;
        if (again || !look_again(ctx, views->store, status == READER_BEYOND))
            return status;
        views_give(ctx, views);
    }
}

/* Now and then: what comes often is kept soon enough. A reseller comes with each customer's token,
   a token alone. */
static void remember(struct espt_ctx *ctx, const struct views *views, const struct facts *facts)
{
    if (facts->auth.reseller != 0)
        reader_remember(&views->store->reader, facts->nonce, TABLE_RESELLERS, facts->auth.reseller,
                        &facts->reseller_place);
    if (!facts->recalled && !memo_asked_again(ctx->memo, facts->id))
        return;
    if (!facts->recalled)
        memo_keep(ctx->memo, facts->id, facts->query->token, facts->digest);
    reader_remember(&views->store->reader, facts->nonce, TABLE_AUTH, facts->id, &facts->place);
}

int32_t judge(struct espt_ctx *ctx, const espt_query *query, espt_result *result)
{
    struct facts facts; /* what is read fills it: zeroing it first would cost as much */
    facts.query = query;
    facts.memo = ctx->memo;
    facts.id = 0;
    facts.hashed = facts.recalled = false;
    const bool own = query->token != NULL && token_parse(query->token, query->token_len, &facts.id);
    if (own) {
        /* the id's characters are in the text */
        memcpy(result->token_id, query->token + sizeof TOKEN_PREFIX - 1, TOKEN_ID_LEN);
        memo_prefetch(ctx->memo, facts.id);
        usage_prefetch(ctx, facts.id);
    } else if (query->token == NULL || !token_foreign_form(query->token, query->token_len)) {
        return say(result, ESPT_DENY_MALFORMED, "not a token text");
    }
    facts.clock = realtime_seconds();

    struct views views;
    enum reader_status status = ask(ctx, &views, own ? read_own : read_foreign, &facts);
    int32_t verdict;
    if (status == READER_OK && !own && !facts.foreign) {
        verdict = say(result, ESPT_DENY_MALFORMED, "not a token text");
    } else if (status == READER_OK) {
        if (facts.known && !own)
            token_id_format(facts.id, result->token_id);
        result->revision = facts.revision;
        verdict = facts.known ? weigh(&facts, views.tiers->table, result)
                              : say(result, ESPT_DENY_UNKNOWN, "no such token");
    } else {
        verdict = say(result, status == READER_CORRUPT ? ESPT_ERR_CORRUPT : ESPT_ERR_UNAVAILABLE,
                      store_fault(status));
    }
    if (status == READER_OK && own && facts.known && !(facts.recalled && facts.met) &&
        guard_turns(&ctx->guard, views.slot) % MEMO_ONE_IN == 0)
        remember(ctx, &views, &facts);
    views_give(ctx, &views);
    if (verdict == ESPT_ALLOW)
        usage_count(ctx, facts.id, facts.clock);
    token_digest_wipe(facts.digest);
    token_digest_wipe(facts.auth.digest);
    return verdict;
}
