/* SPDX-License-Identifier: ISC */
/* The quick proof of the tokens, piece by piece: records, auth records, uses and notices
   (proof.h). */
#include "store/check/proof.h"

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

/* The id of the first token of that entity, or of the next entity that has tokens. */
static bool id_at(const struct proof *proof, uint32_t entity, uint64_t *ret_id)
{
    struct leaves walk;
    const struct record_key from = key_by_entity(entity, "", 0);
    leaves_begin(&walk, proof->check->pages, TABLE_BY_ENTITY, &from);
    return leaves_next(&walk) &&
           id_decode(TABLE_BY_ENTITY, &walk.key, walk.value.data, walk.value.len, ret_id);
}

/* Cuts at ids of tokens of evenly chosen entities. Ids are not evenly spaced in time, but where
   there are more tokens there are more entities. A bad cut costs only time. */
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

/* --- the tokens of one piece --- */

/* True: the auth record repeats the facts of its entity. Tokens of one entity are often
   adjacent. */
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

/* Adds one token: its record and its auth record. Both tables are in the same order. */
static void add_token(struct proof *proof, const struct leaves *tokens, const struct leaves *auths)
{
    const uint64_t id = check_integer(&tokens->key);
    struct token_record token;
    struct auth_record auth;
    if (!token_decode(&tokens->key, tokens->value.data, tokens->value.len, &token) ||
        check_integer(&auths->key) != id ||
        !auth_decode(&auths->key, auths->value.data, auths->value.len, &auth)) {
        proof_fail(proof);
        return;
    }
    if (auth.entity != token.entity || (auth.active && token.off_by != OFF_NOBODY) ||
        !repeats(proof, &auth))
        proof_fail(proof);
    proof_status(proof, &proof->found, id, auth.active, auth.expires, 1);
    const struct record_key indexed = key_indexed(token.entity, token.name, token.retiring, id);
    proof_add(proof, &proof->records[TABLE_BY_ENTITY], &indexed, id);
    if (token.foreign) {
        const struct record_key digest = key_digest(auth.digest);
        proof_add(proof, &proof->records[TABLE_FOREIGN], &digest, id);
    }
}

/* Moves to the next record, if it is in the piece that ends with `last`. */
static bool next_within(struct proof *proof, struct leaves *walk, uint64_t last)
{
    if (!proof->whole)
        return false;
    if (!leaves_next(walk)) {
        if (walk->wrong != NULL)
            proof_fail(proof);
        return false;
    }
    if (check_integer(&walk->key) > last)
        return false;
    proof->read[walk->table]++;
    check_step(proof->check);
    return true;
}

/* A table that has a record for some of the tokens, in the same order. */
struct beside {
    struct leaves walk;
    bool more; /* the walk is at a record that is not compared yet */
};

static void begin_beside(struct proof *proof, struct beside *beside, enum table table,
                         const struct record_key *from, uint64_t last)
{
    leaves_begin(&beside->walk, proof->check->pages, table, from);
    beside->more = next_within(proof, &beside->walk, last);
}

static bool decodes(const struct leaves *walk)
{
    struct usage_record usage;
    struct notice_record notice;
    return walk->table == TABLE_USAGE
               ? usage_decode(&walk->key, walk->value.data, walk->value.len, &usage)
               : notice_decode(&walk->key, walk->value.data, walk->value.len, &notice);
}

/* Moves past the record of this token, if there is one. */
static void pass_token(struct proof *proof, struct beside *beside, uint64_t id, uint64_t last)
{
    if (!beside->more || check_integer(&beside->walk.key) != id)
        return;
    if (!decodes(&beside->walk))
        proof_fail(proof);
    beside->more = next_within(proof, &beside->walk, last);
}

static void read_piece(struct proof *proof, uint64_t first, uint64_t last)
{
    struct leaves tokens, auths;
    struct beside usages, notices;
    const struct record_key from = key_integer(first);
    leaves_begin(&tokens, proof->check->pages, TABLE_TOKENS, &from);
    leaves_begin(&auths, proof->check->pages, TABLE_AUTH, &from);
    begin_beside(proof, &usages, TABLE_USAGE, &from, last);
    begin_beside(proof, &notices, TABLE_NOTICES, &from, last);
    while (next_within(proof, &tokens, last)) {
        if (!next_within(proof, &auths, last)) {
            proof_fail(proof);
            break;
        }
        add_token(proof, &tokens, &auths);
        pass_token(proof, &usages, check_integer(&tokens.key), last);
        pass_token(proof, &notices, check_integer(&tokens.key), last);
    }
    if (usages.more || notices.more || next_within(proof, &auths, last))
        proof_fail(proof);
}

void proof_tokens(struct proof *proof)
{
    struct pieces *pieces = proof->pieces;
    for (size_t i; proof->whole && (i = atomic_fetch_add(&pieces->next, 1)) < pieces->count;)
        read_piece(proof, pieces->from[i],
                   i + 1 < pieces->count ? pieces->from[i + 1] - 1 : UINT64_MAX);
}
