#include "store/prove.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct sum {
    uint64_t a, b;
};

struct proof {
    struct check *check;
    const struct tier_table *tiers;
    struct facts *facts;
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    bool whole;
    struct auth_record last; /* whose entity's facts were found right; `entity` 0: none yet */
    /* of the records, and of the index */
    struct sum names[2], resellers[2], customers[2], by_entity[2], foreign[2];
};

/* Order does not matter to a sum, and what is there twice does not vanish. */
static void add(const struct proof *proof, struct sum *sum, const void *bytes, size_t len)
{
    uint64_t hash[2];
    _Static_assert(sizeof hash == crypto_shorthash_siphashx24_BYTES, "two words");
    crypto_shorthash_siphashx24((unsigned char *)hash, bytes, len, proof->key);
    sum->a += hash[0];
    sum->b += hash[1];
}

/* A key, and what it leads to. */
static void add_pair(const struct proof *proof, struct sum *sum, const struct record_key *key,
                     uint64_t value)
{
    uint8_t bytes[RECORD_KEY_MAX + sizeof value];
    memcpy(bytes, key->bytes, key->len);
    memcpy(bytes + key->len, &value, sizeof value);
    add(proof, sum, bytes, key->len + sizeof value);
}

static bool same(const struct sum sums[2])
{
    return sums[0].a == sums[1].a && sums[0].b == sums[1].b;
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

static struct fact *fact_of(const struct proof *proof, uint64_t number)
{
    if (number >= proof->facts->count || !proof->facts->fact[number].there)
        return NULL;
    return &proof->facts->fact[number];
}

static void doubt(struct proof *proof)
{
    proof->whole = false;
}

static bool next(const struct proof *proof, struct walk *walk)
{
    check_step(proof->check);
    return proof->whole && walk_next(walk);
}

/* --- entities, and what leads to them --- */

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
    add_pair(proof, &proof->names[0], &name, number);
    if (fact->is_reseller) {
        add_pair(proof, &proof->resellers[0], &key, entity->active);
        add_pair(proof, &proof->resellers[0], &name, number);
    }
    if (entity->reseller != 0) {
        const struct record_key pair = key_pair(entity->reseller, (uint32_t)number);
        add_pair(proof, &proof->customers[0], &pair, 0);
    }
    if (number == 0 || number >= proof->check->txn->state.next_number ||
        (fact->is_reseller && entity->reseller != 0))
        doubt(proof);
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
        doubt(proof);
    }
    walk_begin(&walk, proof->check->txn, TABLE_ENTITIES, NULL, 0);
    while (next(proof, &walk)) {
        struct entity_record entity;
        if (entity_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &entity))
            take_entity(proof, check_integer(&walk.key), &entity);
        else
            doubt(proof);
    }
    walk_end(&walk);
}

static void read_names(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_NAMES, NULL, 0);
    while (next(proof, &walk)) {
        uint32_t number;
        if (number_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &number))
            add_pair(proof, &proof->names[1], &walk.key, number);
        else
            doubt(proof);
    }
    walk_end(&walk);
}

static void read_resellers(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_RESELLERS, NULL, 0);
    while (next(proof, &walk)) {
        struct reseller_record reseller;
        if (!reseller_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &reseller)) {
            doubt(proof);
            continue;
        }
        const struct record_key name = key_name(reseller.name, strlen(reseller.name));
        add_pair(proof, &proof->resellers[1], &walk.key, reseller.active);
        add_pair(proof, &proof->resellers[1], &name, check_integer(&walk.key));
    }
    walk_end(&walk);
}

static void read_customers(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_CUSTOMERS, NULL, 0);
    while (next(proof, &walk)) {
        uint32_t pair[2];
        struct fact *reseller = NULL;
        if (walk.key.len == sizeof pair &&
            empty_decode(TABLE_CUSTOMERS, &walk.key, walk.value.mv_data, walk.value.mv_size)) {
            memcpy(pair, walk.key.bytes, sizeof pair);
            reseller = fact_of(proof, be32toh(pair[0]));
        }
        if (reseller == NULL || !reseller->is_reseller) {
            doubt(proof);
            continue;
        }
        reseller->seen_customers++;
        add_pair(proof, &proof->customers[1], &walk.key, 0);
    }
    walk_end(&walk);
}

/* --- tokens, and what leads to them --- */

/* What auth repeats of its entity. Those of one entity often come one after another. */
static bool repeats(struct proof *proof, const struct auth_record *auth)
{
    const struct auth_record *last = &proof->last;
    if (auth->entity == last->entity && auth->kind == last->kind &&
        auth->entity_active == last->entity_active && auth->reseller == last->reseller &&
        strcmp(auth->entity_name, last->entity_name) == 0 && strcmp(auth->tier, last->tier) == 0)
        return true;
    const struct fact *fact = fact_of(proof, auth->entity);
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
        doubt(proof);
        return;
    }
    if (auth.entity != token.entity || !repeats(proof, &auth))
        doubt(proof);
    const struct record_key indexed = key_indexed(token.entity, token.name, token.retiring, id);
    add_pair(proof, &proof->by_entity[0], &indexed, id);
    if (token.foreign) {
        const struct record_key digest = key_digest(auth.digest);
        add_pair(proof, &proof->foreign[0], &digest, id);
    }
}

static void read_tokens(struct proof *proof)
{
    struct walk tokens, auths, usages;
    walk_begin(&tokens, proof->check->txn, TABLE_TOKENS, NULL, 0);
    walk_begin(&auths, proof->check->txn, TABLE_AUTH, NULL, 0);
    walk_begin(&usages, proof->check->txn, TABLE_USAGE, NULL, 0);
    bool used = next(proof, &usages);
    while (next(proof, &tokens)) {
        if (!next(proof, &auths)) {
            doubt(proof);
            break;
        }
        take_token(proof, &tokens, &auths);
        if (used && check_integer(&usages.key) == check_integer(&tokens.key)) {
            struct usage_record usage;
            if (!usage_decode(&usages.key, usages.value.mv_data, usages.value.mv_size, &usage))
                doubt(proof);
            used = next(proof, &usages);
        }
    }
    if (used || next(proof, &auths))
        doubt(proof);
    walk_end(&usages);
    walk_end(&auths);
    walk_end(&tokens);
}

static void read_by_entity(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_BY_ENTITY, NULL, 0);
    while (next(proof, &walk)) {
        uint32_t number = 0;
        uint64_t id;
        if (walk.key.len > sizeof number)
            memcpy(&number, walk.key.bytes, sizeof number);
        struct fact *fact = fact_of(proof, be32toh(number));
        if (fact == NULL ||
            !id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.mv_data, walk.value.mv_size, &id)) {
            doubt(proof);
            continue;
        }
        fact->seen_tokens += walk.key.bytes[sizeof number] != '\0'; /* not a retiring one */
        add_pair(proof, &proof->by_entity[1], &walk.key, id);
    }
    walk_end(&walk);
}

static void read_foreign(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_FOREIGN, NULL, 0);
    while (next(proof, &walk)) {
        uint64_t id;
        if (id_decode(TABLE_FOREIGN, &walk.key, walk.value.mv_data, walk.value.mv_size, &id))
            add_pair(proof, &proof->foreign[1], &walk.key, id);
        else
            doubt(proof);
    }
    walk_end(&walk);
}

static void compare_counts(struct proof *proof)
{
    for (uint64_t i = 0; i < proof->facts->count; i++) {
        const struct fact *fact = &proof->facts->fact[i];
        if (fact->tokens != fact->seen_tokens || fact->customers != fact->seen_customers)
            doubt(proof);
    }
}

bool prove(struct check *check, const struct tier_table *tiers, struct facts *ret_facts)
{
    struct proof proof = {.check = check, .tiers = tiers, .facts = ret_facts, .whole = true};
    *ret_facts = (struct facts){0};
    randombytes_buf(proof.key, sizeof proof.key);
    read_entities(&proof);
    read_names(&proof);
    read_resellers(&proof);
    read_customers(&proof);
    read_tokens(&proof);
    read_by_entity(&proof);
    read_foreign(&proof);
    compare_counts(&proof);
    return proof.whole && check->txn->code == 0 && same(proof.names) && same(proof.resellers) &&
           same(proof.customers) && same(proof.by_entity) && same(proof.foreign);
}

void facts_clear(struct facts *facts)
{
    free(facts->fact);
    *facts = (struct facts){0};
}
