/* SPDX-License-Identifier: ISC */
/* The quick proof of the log and of the indexes (proof.h). */
#include "store/check/proof.h"

#include "store/log.h"

#include <endian.h>
#include <string.h>

static void read_names(struct proof *proof)
{
    struct leaves walk;
    leaves_begin(&walk, proof->check->pages, TABLE_NAMES, NULL);
    while (proof_next(proof, &walk)) {
        uint32_t number;
        if (number_decode(&walk.key, walk.value.data, walk.value.len, &number))
            proof_add(proof, &proof->indexes[TABLE_NAMES], &walk.key, number);
        else
            proof_fail(proof);
    }
}

static void read_resellers(struct proof *proof)
{
    struct leaves walk;
    leaves_begin(&walk, proof->check->pages, TABLE_RESELLERS, NULL);
    while (proof_next(proof, &walk)) {
        struct reseller_record reseller;
        if (!reseller_decode(&walk.key, walk.value.data, walk.value.len, &reseller)) {
            proof_fail(proof);
            continue;
        }
        const struct record_key name = key_name(reseller.name, strlen(reseller.name));
        proof_add(proof, &proof->indexes[TABLE_RESELLERS], &walk.key, reseller.active);
        proof_add(proof, &proof->indexes[TABLE_RESELLERS], &name, check_integer(&walk.key));
    }
}

static void read_customers(struct proof *proof)
{
    struct leaves walk;
    leaves_begin(&walk, proof->check->pages, TABLE_CUSTOMERS, NULL);
    while (proof_next(proof, &walk)) {
        uint32_t pair[2];
        struct fact *reseller = NULL;
        if (walk.key.len == sizeof pair &&
            empty_decode(TABLE_CUSTOMERS, &walk.key, walk.value.data, walk.value.len)) {
            memcpy(pair, walk.key.bytes, sizeof pair);
            reseller = proof_fact(proof, be32toh(pair[0]));
        }
        if (reseller == NULL || !reseller->is_reseller) {
            proof_fail(proof);
            continue;
        }
        reseller->seen_customers++;
        proof_add(proof, &proof->indexes[TABLE_CUSTOMERS], &walk.key, 0);
    }
}

static void read_by_entity(struct proof *proof)
{
    struct leaves walk;
    leaves_begin(&walk, proof->check->pages, TABLE_BY_ENTITY, NULL);
    while (proof_next(proof, &walk)) {
        uint32_t number = 0;
        uint64_t id;
        if (walk.key.len > sizeof number)
            memcpy(&number, walk.key.bytes, sizeof number);
        struct fact *fact = proof_fact(proof, be32toh(number));
        if (fact == NULL ||
            !id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.data, walk.value.len, &id)) {
            proof_fail(proof);
            continue;
        }
        const char *name = (const char *)walk.key.bytes + sizeof number;
        const size_t len = walk.key.len - sizeof number;
        const bool named = name[0] != '\0'; /* else the token is retiring */
        fact->seen_tokens += named;
        if (named && plain_len(name, len) != len)
            proof->facts->has_odd_names = true; /* only one side reads this table */
        proof_add(proof, &proof->indexes[TABLE_BY_ENTITY], &walk.key, id);
    }
}

static void read_foreign(struct proof *proof)
{
    struct leaves walk;
    leaves_begin(&walk, proof->check->pages, TABLE_FOREIGN, NULL);
    while (proof_next(proof, &walk)) {
        uint64_t id;
        if (id_decode(TABLE_FOREIGN, &walk.key, walk.value.data, walk.value.len, &id))
            proof_add(proof, &proof->indexes[TABLE_FOREIGN], &walk.key, id);
        else
            proof_fail(proof);
    }
}

static void read_folded(struct proof *proof)
{
    struct leaves walk;
    leaves_begin(&walk, proof->check->pages, TABLE_FOLDED, NULL);
    while (proof_next(proof, &walk)) {
        uint32_t next;
        if (!folded_decode(&walk.key, walk.value.data, walk.value.len, &next))
            proof_fail(proof);
    }
}

void proof_indexes(struct proof *proof)
{
    read_folded(proof);
    read_names(proof);
    read_resellers(proof);
    read_foreign(proof);
}

void proof_counted_indexes(struct proof *proof)
{
    read_customers(proof);
    read_by_entity(proof);
}

/* Replaces the status of each token that an entry of the log changes. */
static bool follow_tokens(struct proof *proof, const struct leaves *walk)
{
    struct log_entry entry;
    struct log_bytes bytes;
    struct log_change change;
    struct log_place place = {0};
    uint32_t seen = 0;
    if (!log_decode(&walk->key, walk->value.data, walk->value.len, &bytes, &entry))
        return false;
    for (; log_next_change(&entry, &place, &change); seen++) {
        const struct token *was = &change.before.token, *is = &change.after.token;
        if (entry.sequence == 1 && change.what == LOG_NOTE && strcmp(change.word, "upgrade") == 0)
            proof->older_than_log = true;
        if (!change.is_token)
            continue;
        if (change.what == LOG_SET || change.what == LOG_REMOVE)
            proof_status(proof, &proof->logged, was->id, was->active, was->expires, -1);
        if (change.what == LOG_SET || change.what == LOG_ADD)
            proof_status(proof, &proof->logged, is->id, is->active, is->expires, 1);
    }
    return seen == entry.changes;
}

bool proof_log(struct proof *proof)
{
    struct check *check = proof->check;
    struct log_head head = {0};
    struct leaves walk;
    bool whole = true;
    leaves_begin(&walk, check->pages, TABLE_LOG, NULL);
    while (whole && leaves_next(&walk)) {
        check_step(check);
        whole = log_follow(&head, &walk.key, walk.value.data, walk.value.len) == NULL &&
                follow_tokens(proof, &walk);
    }
    return whole && walk.wrong == NULL && head.sequence == check->pages->tree[TABLE_LOG].entries;
}
