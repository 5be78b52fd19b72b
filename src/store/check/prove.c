/* SPDX-License-Identifier: ISC */
#include "store/check/prove.h"

#include "store/check/proof.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* --- entities --- */

static uint8_t tier_place(const struct tier_table *tiers, const char *name)
{
    const struct tier *tier = tier_find(tiers, name);
    return tier != NULL ? (uint8_t)(tier - tiers->tier + 1) : 0;
}

static void add_entity(struct proof *proof, uint64_t number, const struct entity_record *entity)
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
        proof_fail(proof);
}

static void read_entities(struct proof *proof)
{
    struct leaves walk;
    struct record_key last;
    if (!leaves_last(proof->check->pages, TABLE_ENTITIES, &last)) {
        if (proof->check->pages->tree[TABLE_ENTITIES].entries > 0)
            proof_fail(proof);
        return;
    }
    proof->facts->count = check_integer(&last) + 1;
    if (proof->facts->count > proof->check->txn->state.next_number)
        proof->facts->count = 0;
    proof->facts->fact = calloc(proof->facts->count + 1, sizeof *proof->facts->fact);
    if (proof->facts->fact == NULL || proof->facts->count == 0) {
        proof->facts->count = 0;
        proof_fail(proof);
    }
    leaves_begin(&walk, proof->check->pages, TABLE_ENTITIES, NULL);
    while (proof_next(proof, &walk)) {
        struct entity_record entity;
        if (entity_decode(&walk.key, walk.value.data, walk.value.len, &entity))
            add_entity(proof, check_integer(&walk.key), &entity);
        else
            proof_fail(proof);
    }
}

static void compare_counts(struct proof *proof)
{
    for (uint64_t i = 0; i < proof->facts->count; i++) {
        const struct fact *fact = &proof->facts->fact[i];
        if (fact->tokens != fact->seen_tokens || fact->customers != fact->seen_customers)
            proof_fail(proof);
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

/* True: both sides together have read every record. The log has its own proof. */
static bool all_were_read(const struct proof *one, const struct proof *other)
{
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        if (t != TABLE_LOG && one->read[t] + other->read[t] != one->check->pages->tree[t].entries)
            return false;
    }
    return true;
}

static bool agree(struct proof *one, const struct proof *other)
{
    add_sums(one->records, other->records);
    add_sums(one->indexes, other->indexes);
    return one->whole && other->whole && all_were_read(one, other) &&
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
    other->log_whole = proof_log(proof);
    proof_indexes(proof);
    while (sem_wait(proof->entities_read) != 0)
        ; /* a signal interrupted it */
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
    other.proof.check = beside;
    const bool two = pthread_create(&thread, NULL, prove_other_side, &other) == 0;
    prove_one_side(&proof);
    if (two)
        pthread_join(thread, NULL);
    else
        prove_other_side(&other);
    sem_destroy(&entities_read);
    compare_counts(&proof);
    *ret_log_whole = other.log_whole;
    const bool whole = agree(&proof, &other.proof);
    ret_facts->as_logged = !whole || !other.log_whole || other.proof.older_than_log ||
                           (proof.found.a + other.proof.found.a == other.proof.logged.a &&
                            proof.found.b + other.proof.found.b == other.proof.logged.b);
    return whole;
}

void facts_clear(struct facts *facts)
{
    free(facts->fact);
    *facts = (struct facts){0};
}
