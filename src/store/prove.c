#include "store/prove.h"

#include "store/proof.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

void proof_add(const struct proof *proof, struct sum *sum, const struct record_key *key,
               uint64_t value)
{
    uint8_t bytes[RECORD_KEY_MAX + sizeof value];
    uint64_t hash[2];
    _Static_assert(sizeof hash == crypto_shorthash_siphashx24_BYTES, "two words");
    memcpy(bytes, key->bytes, key->len);
    memcpy(bytes + key->len, &value, sizeof value);
    crypto_shorthash_siphashx24((unsigned char *)hash, bytes, key->len + sizeof value, proof->key);
    sum->a += hash[0];
    sum->b += hash[1];
}

struct fact *proof_fact(const struct proof *proof, uint64_t number)
{
    if (number >= proof->facts->count || !proof->facts->fact[number].there)
        return NULL;
    return &proof->facts->fact[number];
}

void proof_doubt(struct proof *proof)
{
    proof->whole = false;
}

bool proof_next(const struct proof *proof, struct walk *walk)
{
    check_step(proof->check);
    return proof->whole && walk_next(walk);
}

/* All that auth repeats of an entity. */
static uint64_t print_of(const struct proof *proof, enum entity_kind kind, bool active,
                         uint32_t reseller, const char *name, const char *tier)
{
    uint8_t bytes[8 + ENTITY_NAME_MAX + 1 + TIER_NAME_MAX] = {(uint8_t)kind, active};
    const size_t name_len = strlen(name), tier_len = strlen(tier);
    uint64_t hash[2];
    memcpy(bytes + 4, &reseller, sizeof reseller);
    memcpy(bytes + 8, name, name_len + 1);
    memcpy(bytes + 8 + name_len + 1, tier, tier_len);
    crypto_shorthash_siphashx24((unsigned char *)hash, bytes, 8 + name_len + 1 + tier_len,
                                proof->key);
    return hash[0];
}

/* --- entities --- */

static uint8_t tier_place(const struct tier_table *tiers, const char *name)
{
    const struct tier *tier = tier_find(tiers, name);
    return tier != NULL ? (uint8_t)(tier - tiers->tier + 1) : 0;
}

static void take_entity(struct proof *proof, uint64_t number, const struct entity_record *entity)
{
    struct fact *fact = &proof->facts->fact[number];
    const struct record_key name = key_name(entity->name, strlen(entity->name));
    const struct record_key key = key_integer(number);
    *fact = (struct fact){
        .print = print_of(proof, entity->kind, entity->active, entity->reseller, entity->name,
                          entity->tier),
        .tokens = entity->tokens,
        .customers = entity->customers,
        .reseller = entity->reseller,
        .tier = tier_place(proof->tiers, entity->tier),
        .there = true,
        .is_reseller = entity->kind == KIND_RESELLER,
    };
    proof_add(proof, &proof->names, &name, number);
    if (fact->is_reseller) {
        proof_add(proof, &proof->resellers, &key, entity->active);
        proof_add(proof, &proof->resellers, &name, number);
    }
    if (entity->reseller != 0) {
        const struct record_key pair = key_pair(entity->reseller, (uint32_t)number);
        proof_add(proof, &proof->customers, &pair, 0);
    }
    if (number == 0 || number >= proof->check->txn->state.next_number ||
        (fact->is_reseller && entity->reseller != 0))
        proof_doubt(proof);
}

static void read_entities(struct proof *proof)
{
    struct walk walk;
    struct record_key last;
    MDB_val value;
    if (txn_last(proof->check->txn, TABLE_ENTITIES, &last, &value) <= 0)
        return;
    proof->facts->count = check_integer(&last) + 1;
    if (proof->facts->count > proof->check->txn->state.next_number)
        proof->facts->count = 0;
    proof->facts->fact = calloc(proof->facts->count + 1, sizeof *proof->facts->fact);
    if (proof->facts->fact == NULL || proof->facts->count == 0) {
        proof->facts->count = 0;
        proof_doubt(proof);
    }
    walk_begin(&walk, proof->check->txn, TABLE_ENTITIES, NULL, 0);
    while (proof_next(proof, &walk)) {
        struct entity_record entity;
        if (entity_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &entity))
            take_entity(proof, check_integer(&walk.key), &entity);
        else
            proof_doubt(proof);
    }
    walk_end(&walk);
}

/* --- tokens --- */

/* What auth repeats of its entity. Those of one entity often come one after another. */
static bool repeats(struct proof *proof, const struct auth_record *auth)
{
    const struct auth_record *last = &proof->last;
    if (auth->entity == last->entity && auth->kind == last->kind &&
        auth->entity_active == last->entity_active && auth->reseller == last->reseller &&
        strcmp(auth->entity_name, last->entity_name) == 0 && strcmp(auth->tier, last->tier) == 0)
        return true;
    const struct fact *fact = proof_fact(proof, auth->entity);
    if (fact == NULL || fact->print != print_of(proof, auth->kind, auth->entity_active,
                                                auth->reseller, auth->entity_name, auth->tier))
        return false;
    proof->last = *auth;
    return true;
}

/* One token: its record, what validators judge by, and its use. They come in the same order. */
static void take_token(struct proof *proof, const struct walk *tokens, const struct walk *auths)
{
    const uint64_t id = check_integer(&tokens->key);
    struct token_record token;
    struct auth_record auth;
    if (!token_decode(&tokens->key, tokens->value.mv_data, tokens->value.mv_size, &token) ||
        check_integer(&auths->key) != id ||
        !auth_decode(&auths->key, auths->value.mv_data, auths->value.mv_size, &auth)) {
        proof_doubt(proof);
        return;
    }
    if (auth.entity != token.entity || !repeats(proof, &auth))
        proof_doubt(proof);
    const struct record_key indexed = key_indexed(token.entity, token.name, token.retiring, id);
    proof_add(proof, &proof->by_entity, &indexed, id);
    if (token.foreign) {
        const struct record_key digest = key_digest(auth.digest);
        proof_add(proof, &proof->foreign, &digest, id);
    }
}

static void read_tokens(struct proof *proof)
{
    struct walk tokens, auths, usages;
    walk_begin(&tokens, proof->check->txn, TABLE_TOKENS, NULL, 0);
    walk_begin(&auths, proof->check->txn, TABLE_AUTH, NULL, 0);
    walk_begin(&usages, proof->check->txn, TABLE_USAGE, NULL, 0);
    bool used = proof_next(proof, &usages);
    while (proof_next(proof, &tokens)) {
        if (!proof_next(proof, &auths)) {
            proof_doubt(proof);
            break;
        }
        take_token(proof, &tokens, &auths);
        if (used && check_integer(&usages.key) == check_integer(&tokens.key)) {
            struct usage_record usage;
            if (!usage_decode(&usages.key, usages.value.mv_data, usages.value.mv_size, &usage))
                proof_doubt(proof);
            used = proof_next(proof, &usages);
        }
    }
    if (used || proof_next(proof, &auths))
        proof_doubt(proof);
    walk_end(&usages);
    walk_end(&auths);
    walk_end(&tokens);
}

static void compare_counts(struct proof *proof)
{
    for (uint64_t i = 0; i < proof->facts->count; i++) {
        const struct fact *fact = &proof->facts->fact[i];
        if (fact->tokens != fact->seen_tokens || fact->customers != fact->seen_customers)
            proof_doubt(proof);
    }
}

/* --- both sides --- */

static bool same(struct sum left, struct sum right)
{
    return left.a == right.a && left.b == right.b;
}

static bool agree(const struct proof *records, const struct proof *indexes)
{
    return records->whole && indexes->whole && same(records->names, indexes->names) &&
           same(records->resellers, indexes->resellers) &&
           same(records->customers, indexes->customers) &&
           same(records->by_entity, indexes->by_entity) && same(records->foreign, indexes->foreign);
}

struct other_side {
    struct proof proof;
    bool log_whole;
};

static void *prove_other_side(void *arg)
{
    struct other_side *other = arg;
    proof_indexes(&other->proof);
    other->log_whole = proof_log(other->proof.check);
    return NULL;
}

bool prove(struct check *check, struct check *beside, const struct tier_table *tiers,
           struct facts *ret_facts, bool *ret_log_whole)
{
    struct proof proof = {.check = check, .tiers = tiers, .facts = ret_facts, .whole = true};
    pthread_t thread;
    *ret_facts = (struct facts){0};
    randombytes_buf(proof.key, sizeof proof.key);
    struct other_side other = {.proof = proof};
    read_entities(&proof);
    other.proof.check = beside != NULL ? beside : check;
    const bool two = beside != NULL && pthread_create(&thread, NULL, prove_other_side, &other) == 0;
    read_tokens(&proof);
    if (two)
        pthread_join(thread, NULL);
    else
        prove_other_side(&other);
    compare_counts(&proof);
    *ret_log_whole = other.log_whole;
    return agree(&proof, &other.proof) && check->txn->code == 0 &&
           other.proof.check->txn->code == 0;
}

void facts_clear(struct facts *facts)
{
    free(facts->fact);
    *facts = (struct facts){0};
}
