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

uint64_t proof_print(const struct proof *proof, enum entity_kind kind, bool active,
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
        .print = proof_print(proof, entity->kind, entity->active, entity->reseller, entity->name,
                             entity->tier),
        .tokens = entity->tokens,
        .customers = entity->customers,
        .reseller = entity->reseller,
        .tier = tier_place(proof->tiers, entity->tier),
        .there = true,
        .is_reseller = entity->kind == KIND_RESELLER,
    };
    proof_add(proof, &proof->records[TABLE_NAMES], &name, number);
    if (fact->is_reseller) {
        proof_add(proof, &proof->records[TABLE_RESELLERS], &key, entity->active);
        proof_add(proof, &proof->records[TABLE_RESELLERS], &name, number);
    }
    if (entity->reseller != 0) {
        const struct record_key pair = key_pair(entity->reseller, (uint32_t)number);
        proof_add(proof, &proof->records[TABLE_CUSTOMERS], &pair, 0);
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

static void compare_counts(struct proof *proof)
{
    for (uint64_t i = 0; i < proof->facts->count; i++) {
        const struct fact *fact = &proof->facts->fact[i];
        if (fact->tokens != fact->seen_tokens || fact->customers != fact->seen_customers)
            proof_doubt(proof);
    }
}

/* --- both sides --- */

static void add_sums(struct sum *total, const struct sum *sum)
{
    for (enum table t = 0; t < TABLE_COUNT; t++) {
        total[t].a += sum[t].a;
        total[t].b += sum[t].b;
    }
}

static bool agree(struct proof *one, const struct proof *other)
{
    add_sums(one->records, other->records);
    add_sums(one->indexes, other->indexes);
    return one->whole && other->whole &&
           memcmp(one->records, one->indexes, sizeof one->records) == 0;
}

struct other_side {
    struct proof proof;
    bool log_whole;
};

static void *prove_other_side(void *arg)
{
    struct other_side *other = arg;
    struct proof *proof = &other->proof;
    other->log_whole = proof_log(proof->check);
    proof_indexes(proof);
    while (sem_wait(proof->entities_read) != 0)
        ; /* a signal came */
    proof_counted_indexes(proof);
    proof_tokens(proof);
    return NULL;
}

static void prove_one_side(struct proof *proof)
{
    read_entities(proof);
    proof_cut_tokens(proof);
    sem_post(proof->entities_read);
    proof_tokens(proof);
}

bool prove(struct check *check, struct check *beside, const struct tier_table *tiers,
           struct facts *ret_facts, bool *ret_log_whole)
{
    struct pieces pieces = {0};
    sem_t entities_read;
    struct proof proof = {.check = check,
                          .tiers = tiers,
                          .facts = ret_facts,
                          .pieces = &pieces,
                          .entities_read = &entities_read,
                          .whole = true};
    pthread_t thread;
    *ret_facts = (struct facts){0};
    sem_init(&entities_read, 0, 0);
    randombytes_buf(proof.key, sizeof proof.key);
    struct other_side other = {.proof = proof};
    other.proof.check = beside != NULL ? beside : check;
    const bool two = beside != NULL && pthread_create(&thread, NULL, prove_other_side, &other) == 0;
    prove_one_side(&proof);
    if (two)
        pthread_join(thread, NULL);
    else
        prove_other_side(&other);
    sem_destroy(&entities_read);
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
