/* SPDX-License-Identifier: ISC */
#include "store/texts.h"

#include "store/begin.h"
#include "store/reveal.h"

#include <sodium.h>
#include <string.h>

#define STEP 4096

/* This does not need the secret halves of the keys. */
static bool find_id(const struct keys *keys, uint32_t id, size_t *ret_key)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (key_id(keys->key[i].public) == id) {
            *ret_key = i;
            return true;
        }
    }
    return false;
}

bool texts_name_key(const struct keys *keys, uint32_t id)
{
    size_t place;
    return find_id(keys, id, &place);
}

static bool all_open(const struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (!keys->key[i].is_open)
            return false;
    }
    return true;
}

/* True: the public halves of all keys are known. */
static bool all_known(const struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (sodium_is_zero(keys->key[i].public, KEY_LEN))
            return false;
    }
    return true;
}

enum text_verdict text_check(const struct keys *keys, uint32_t id,
                             const uint8_t sealed[static SEALED_TEXT_LEN],
                             const uint8_t digest[static TOKEN_DIGEST_LEN], bool tries,
                             size_t *ret_key)
{
    char text[TOKEN_TEXT_LEN + 1];
    uint8_t sum[TOKEN_DIGEST_LEN];
    if (id != 0 && !tries && find_id(keys, id, ret_key))
        return TEXT_OPEN;
    if (id != 0 && !tries && all_known(keys))
        return TEXT_SHUT;
    const struct key *key = reveal_try(keys, id, sealed, text);
    if (key == NULL)
        return all_open(keys) ? TEXT_SHUT : TEXT_UNTRIED;
    token_digest(text, sum);
    sodium_memzero(text, sizeof text);
    *ret_key = (size_t)(key - keys->key);
    return memcmp(sum, digest, sizeof sum) == 0 ? TEXT_OPEN : TEXT_SHUT;
}

/* Loads what a verdict needs besides the token's own record: its entity and its digest. */
static bool load_auth(struct txn *txn, const struct record_key *key, struct auth_record *ret_auth)
{
    struct record_value value;
    return txn_get(txn, TABLE_AUTH, key, &value) > 0 &&
           auth_decode(key, value.data, value.len, ret_auth);
}

static void count_one(struct txn *txn, const struct walk *walk, const struct keys *keys, bool tries,
                      struct texts *texts)
{
    struct token_record record;
    struct auth_record auth;
    size_t key;
    if (!token_decode(&walk->key, walk->value.data, walk->value.len, &record) || !record.has_text)
        return;
    texts->all++;
    if (record.key != 0 && !tries && find_id(keys, record.key, &key)) {
        texts->by_key[key]++;
        return;
    }
    if (!load_auth(txn, &walk->key, &auth))
        return;
    switch (text_check(keys, record.key, record.sealed, auth.digest, tries, &key)) {
    case TEXT_OPEN:
        texts->by_key[key]++;
        break;
    case TEXT_SHUT:
        name_list_add(&texts->shut, auth.entity_name, record.name);
        break;
    case TEXT_UNTRIED:
        texts->untried++;
        break;
    }
}

void texts_count(struct txn *txn, const struct keys *keys, bool tries, struct texts *ret_texts,
                 progress_fn progress, void *arg)
{
    const uint64_t total = txn_entries(txn, TABLE_TOKENS);
    uint64_t done = 0;
    struct walk walk;
    *ret_texts = (struct texts){0};
    walk_begin(&walk, txn, TABLE_TOKENS, NULL, 0);
    while (walk_next(&walk)) {
        count_one(txn, &walk, keys, tries, ret_texts);
        if (progress != NULL && ++done % STEP == 0)
            progress(arg, done, total);
    }
    walk_end(&walk);
}

int store_texts(struct store *store, const struct keys *keys, bool tries, struct texts *ret_texts,
                progress_fn progress, void *arg, struct espt_error *err)
{
    struct txn txn;
    struct texts texts;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    texts_count(&txn, keys, tries, &texts, progress, arg);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_texts = texts;
    return txn.code;
}
