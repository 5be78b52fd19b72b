/* SPDX-License-Identifier: ISC */
#include "store/check/proof.h"

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

void proof_status(const struct proof *proof, struct sum *sum, uint64_t id, bool active,
                  int64_t expires, int sign)
{
    const struct record_key key = key_integer(id);
    struct sum one = {0};
    proof_add(proof, &one, &key, (uint64_t)expires << 1 | active);
    sum->a += sign > 0 ? one.a : -one.a;
    sum->b += sign > 0 ? one.b : -one.b;
}

struct fact *proof_fact(const struct proof *proof, uint64_t number)
{
    if (number >= proof->facts->count || !proof->facts->fact[number].there)
        return NULL;
    return &proof->facts->fact[number];
}

void proof_fail(struct proof *proof)
{
    proof->whole = false;
}

bool proof_next(struct proof *proof, struct leaves *walk)
{
    check_step(proof->check);
    if (!proof->whole)
        return false;
    if (leaves_next(walk)) {
        proof->read[walk->table]++;
        return true;
    }
    if (walk->wrong != NULL)
        proof_fail(proof);
    return false;
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
