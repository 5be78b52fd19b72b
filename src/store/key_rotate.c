/*
 * Another reveal key: every text is opened by the old one and sealed to the new one, in one
 * transaction. In this order, so that whoever is killed at any point leaves files that open every
 * text: the secret file gets the new key beside the old one; the texts are sealed anew; the public
 * file gets the new key; the old one leaves the secret file. The writers' lock is held from the
 * first to the last.
 */
#include "store/apply.h"
#include "store/lock.h"
#include "store/reveal.h"
#include "store/rights.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

struct sealing {
    struct txn *txn;
    const struct keys *keys;
    const uint8_t *public;
    uint64_t done, total;
    progress_fn progress;
    void *arg;
};

static void seal_again(struct sealing *sealing, struct token_full *token)
{
    struct txn *txn = sealing->txn;
    const struct config *config = &txn->store->config;
    char text[TOKEN_TEXT_LEN + 1];
    if (txn->code == 0)
        txn->code = reveal_open(config, sealing->keys, token->sealed, text, txn->err);
    if (txn->code == 0)
        txn->code = reveal_seal(config, sealing->public, text, token->sealed, txn->err);
    sodium_memzero(text, sizeof text);
    apply_sealed(txn, token);
}

/* By ids: what is written moves the others. */
static void seal_all(struct sealing *sealing)
{
    struct txn *txn = sealing->txn;
    struct record_key at = {0};
    while (txn->code == 0) {
        struct walk walk;
        struct token_full token;
        uint64_t id = 0;
        walk_begin(&walk, txn, TABLE_TOKENS, at.len > 0 ? &at : NULL, 0);
        bool found = walk_next(&walk);
        if (found && at.len > 0)
            found = walk_next(&walk);
        at = walk.key;
        walk_end(&walk);
        if (!found)
            return;
        memcpy(&id, at.bytes, sizeof id);
        if (load_token_id(txn, id, &token) > 0 && token.token.has_text)
            seal_again(sealing, &token);
        sealing->done++;
        if (sealing->progress != NULL)
            sealing->progress(sealing->arg, sealing->done, sealing->total);
    }
}

static int seal_store(struct store *store, struct sealing *sealing, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin_locked(&txn, store, err);
    if (code != 0)
        return code;
    struct change change;
    struct changes changes = {0};
    sealing->txn = &txn;
    sealing->total = txn_entries(&txn, TABLE_TOKENS);
    seal_all(sealing);
    change_note(&change, "key rotate", "every text was sealed to a new reveal key");
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    return code;
}

static int rotate(struct store *store, struct keys *keys, struct sealing *sealing,
                  struct espt_error *err)
{
    const struct config *config = &store->config;
    uint8_t public[KEY_LEN];
    if (keys->count == KEYS_MAX)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s holds %d keys: earlier changes were broken off; find out why, and "
                         "restore it from a backup",
                         config->secret_key, KEYS_MAX);
    memmove(keys->key[1], keys->key[0], keys->count * KEY_LEN);
    keys->count++;
    crypto_box_keypair(public, keys->key[0]);
    sealing->keys = keys;
    sealing->public = public;
    int code = keyfile_put_secret(config->secret_key, keys, err);
    if (code == 0)
        code = seal_store(store, sealing, err);
    if (code == 0)
        code = keyfile_put_public(config->public_key, public, err);
    if (code != 0)
        return code;
    keys->count = 1;
    return keyfile_put_secret(config->secret_key, keys, err);
}

static int locked_rotate(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    return rotate(store, keys, arg, err);
}

static int locked_put(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    (void)arg;
    return keyfile_put_secret(store->config.secret_key, keys, err);
}

/* What was read before the lock was taken must still be what lies there. */
static int with_lock(struct store *store, struct keys *keys,
                     int (*fn)(struct store *, struct keys *, void *, struct espt_error *),
                     void *arg, struct espt_error *err)
{
    int code = lock_take(store->writer_fd, &store->config.wait, err);
    if (code != 0)
        return code;
    code = keyfile_unchanged(store->config.secret_key, keys, err);
    if (code == 0)
        code = fn(store, keys, arg, err);
    lock_release(store->writer_fd);
    return code;
}

int store_key_rotate(struct store *store, struct keys *keys, progress_fn progress, void *arg,
                     struct espt_error *err)
{
    struct sealing sealing = {.progress = progress, .arg = arg};
    return with_lock(store, keys, locked_rotate, &sealing, err);
}

int store_key_guard(struct store *store, struct keys *keys, struct espt_error *err)
{
    int code = with_lock(store, keys, locked_put, NULL, err);
    return code == 0 ? store_log_note(store, "key passphrase",
                                      keys->guarded ? "it was set" : "it was removed", err)
                     : code;
}
