#include "store/proof.h"

#include "store/log.h"

#include <endian.h>
#include <string.h>

static void read_names(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_NAMES, NULL, 0);
    while (proof_next(proof, &walk)) {
        uint32_t number;
        if (number_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &number))
            proof_add(proof, &proof->indexes[TABLE_NAMES], &walk.key, number);
        else
            proof_doubt(proof);
    }
    walk_end(&walk);
}

static void read_resellers(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_RESELLERS, NULL, 0);
    while (proof_next(proof, &walk)) {
        struct reseller_record reseller;
        if (!reseller_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &reseller)) {
            proof_doubt(proof);
            continue;
        }
        const struct record_key name = key_name(reseller.name, strlen(reseller.name));
        proof_add(proof, &proof->indexes[TABLE_RESELLERS], &walk.key, reseller.active);
        proof_add(proof, &proof->indexes[TABLE_RESELLERS], &name, check_integer(&walk.key));
    }
    walk_end(&walk);
}

static void read_customers(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_CUSTOMERS, NULL, 0);
    while (proof_next(proof, &walk)) {
        uint32_t pair[2];
        struct fact *reseller = NULL;
        if (walk.key.len == sizeof pair &&
            empty_decode(TABLE_CUSTOMERS, &walk.key, walk.value.mv_data, walk.value.mv_size)) {
            memcpy(pair, walk.key.bytes, sizeof pair);
            reseller = proof_fact(proof, be32toh(pair[0]));
        }
        if (reseller == NULL || !reseller->is_reseller) {
            proof_doubt(proof);
            continue;
        }
        reseller->seen_customers++;
        proof_add(proof, &proof->indexes[TABLE_CUSTOMERS], &walk.key, 0);
    }
    walk_end(&walk);
}

static void read_by_entity(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_BY_ENTITY, NULL, 0);
    while (proof_next(proof, &walk)) {
        uint32_t number = 0;
        uint64_t id;
        if (walk.key.len > sizeof number)
            memcpy(&number, walk.key.bytes, sizeof number);
        struct fact *fact = proof_fact(proof, be32toh(number));
        if (fact == NULL ||
            !id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.mv_data, walk.value.mv_size, &id)) {
            proof_doubt(proof);
            continue;
        }
        fact->seen_tokens += walk.key.bytes[sizeof number] != '\0'; /* not a retiring one */
        proof_add(proof, &proof->indexes[TABLE_BY_ENTITY], &walk.key, id);
    }
    walk_end(&walk);
}

static void read_foreign(struct proof *proof)
{
    struct walk walk;
    walk_begin(&walk, proof->check->txn, TABLE_FOREIGN, NULL, 0);
    while (proof_next(proof, &walk)) {
        uint64_t id;
        if (id_decode(TABLE_FOREIGN, &walk.key, walk.value.mv_data, walk.value.mv_size, &id))
            proof_add(proof, &proof->indexes[TABLE_FOREIGN], &walk.key, id);
        else
            proof_doubt(proof);
    }
    walk_end(&walk);
}

void proof_indexes(struct proof *proof)
{
    read_names(proof);
    read_resellers(proof);
    read_foreign(proof);
}

void proof_counted_indexes(struct proof *proof)
{
    read_customers(proof);
    read_by_entity(proof);
}

bool proof_log(struct check *check)
{
    struct log_head head = {0};
    struct walk walk;
    bool whole = true;
    walk_begin(&walk, check->txn, TABLE_LOG, NULL, 0);
    while (whole && walk_next(&walk)) {
        check_step(check);
        whole = log_follow(&head, &walk.key, walk.value.mv_data, walk.value.mv_size) == NULL;
    }
    walk_end(&walk);
    return whole && check->txn->code == 0;
}
