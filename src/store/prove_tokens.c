#include "store/proof.h"

#include <stdlib.h>
#include <string.h>

/* --- the pieces --- */

static int by_value(const void *a, const void *b)
{
    uint64_t left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

/* The id of the first token of that entity, or of the next one that has any. */
static bool id_at(const struct proof *proof, uint32_t entity, uint64_t *ret_id)
{
    struct walk walk;
    const struct record_key from = key_by_entity(entity, "", 0);
    walk_begin(&walk, proof->check->txn, TABLE_BY_ENTITY, &from, 0);
    const bool found = walk_next(&walk) && id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.mv_data,
                                                     walk.value.mv_size, ret_id);
    walk_end(&walk);
    return found;
}

/* By the ids of some entities' tokens: ids come at times that are far from even, but there are more
   entities where there are more tokens. A bad cut costs time alone. */
void proof_cut_tokens(struct proof *proof)
{
    struct pieces *pieces = proof->pieces;
    size_t cuts = 1; /* the first piece begins with 0 */
    for (uint64_t i = 1; i < PIECES_MAX && proof->whole; i++)
        cuts += id_at(proof, (uint32_t)(proof->facts->count * i / PIECES_MAX), &pieces->from[cuts]);
    qsort(pieces->from, cuts, sizeof *pieces->from, by_value);
    for (size_t i = 0; i < cuts; i++) {
        if (i == 0 || pieces->from[i] != pieces->from[pieces->count - 1])
            pieces->from[pieces->count++] = pieces->from[i];
    }
}

/* --- the tokens in one --- */

/* What auth repeats of its entity. Those of one entity often come one after another. */
static bool repeats(struct proof *proof, const struct auth_record *auth)
{
    const struct auth_record *last = &proof->last;
    if (auth->entity == last->entity && auth->kind == last->kind &&
        auth->entity_active == last->entity_active && auth->reseller == last->reseller &&
        strcmp(auth->entity_name, last->entity_name) == 0 && strcmp(auth->tier, last->tier) == 0)
        return true;
    const struct fact *fact = proof_fact(proof, auth->entity);
    if (fact == NULL || fact->print != proof_print(proof, auth->kind, auth->entity_active,
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
    proof_add(proof, &proof->records[TABLE_BY_ENTITY], &indexed, id);
    if (token.foreign) {
        const struct record_key digest = key_digest(auth.digest);
        proof_add(proof, &proof->records[TABLE_FOREIGN], &digest, id);
    }
}

/* The next record, if it is in the piece that ends with `last`. */
static bool next_within(const struct proof *proof, struct walk *walk, uint64_t last)
{
    if (!proof->whole || !walk_next(walk) || check_integer(&walk->key) > last)
        return false;
    check_step(proof->check);
    return true;
}

static void read_piece(struct proof *proof, uint64_t first, uint64_t last)
{
    struct walk tokens, auths, usages;
    const struct record_key from = key_integer(first);
    walk_begin(&tokens, proof->check->txn, TABLE_TOKENS, &from, 0);
    walk_begin(&auths, proof->check->txn, TABLE_AUTH, &from, 0);
    walk_begin(&usages, proof->check->txn, TABLE_USAGE, &from, 0);
    bool used = next_within(proof, &usages, last);
    while (next_within(proof, &tokens, last)) {
        if (!next_within(proof, &auths, last)) {
            proof_doubt(proof);
            break;
        }
        take_token(proof, &tokens, &auths);
        if (used && check_integer(&usages.key) == check_integer(&tokens.key)) {
            struct usage_record usage;
            if (!usage_decode(&usages.key, usages.value.mv_data, usages.value.mv_size, &usage))
                proof_doubt(proof);
            used = next_within(proof, &usages, last);
        }
    }
    if (used || next_within(proof, &auths, last))
        proof_doubt(proof);
    walk_end(&usages);
    walk_end(&auths);
    walk_end(&tokens);
}

void proof_tokens(struct proof *proof)
{
    struct pieces *pieces = proof->pieces;
    for (size_t i; proof->whole && (i = atomic_fetch_add(&pieces->next, 1)) < pieces->count;)
        read_piece(proof, pieces->from[i],
                   i + 1 < pieces->count ? pieces->from[i + 1] - 1 : UINT64_MAX);
}
