/*
 * Another reveal key: every text is opened by the old one and sealed to the new one, in one
 * transaction. In this order, so that whoever is killed at any point leaves files that open every
 * text: the secret file gets the new key beside the old one; the texts are sealed anew; the public
 * file gets the new key; the old one leaves the secret file. The writers' lock is held from the
 * first to the last.
 */
#include "store/apply.h"
#include "store/lock.h"
#include "store/publish.h"
#include "store/reveal.h"
#include "store/rights.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

struct sealing {
    const struct keys *keys;
    uint8_t public[KEY_LEN];
    uint64_t done, total;
    progress_fn progress;
    void *arg;
};

static void seal_again(struct sealing *sealing, struct txn *txn, struct token_full *token)
{
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
static void seal_all(struct sealing *sealing, struct txn *txn)
{
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
            seal_again(sealing, txn, &token);
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
    sealing->total = txn_entries(&txn, TABLE_TOKENS);
    seal_all(sealing, &txn);
    change_note(&change, "key rotate", "every text was sealed to a new reveal key");
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    return code;
}

/* Everything to the first of the keys, which the secret file has. */
static int seal_to_first(struct store *store, struct keys *keys, struct sealing *sealing,
                         struct espt_error *err)
{
    const struct config *config = &store->config;
    crypto_scalarmult_base(sealing->public, keys->key[0]);
    sealing->keys = keys;
    sealing->done = 0;
    int code = seal_store(store, sealing, err);
    if (code == 0)
        code = keyfile_put_public(config->public_key, sealing->public, err);
    if (code != 0)
        return code;
    keys->count = 1;
    return keyfile_put_secret(config->secret_key, keys, err);
}

/* Runs that were broken off leave a key each: where there is room for no other, the last of them is
   brought to its end first. */
static int rotate(struct store *store, struct keys *keys, struct sealing *sealing,
                  struct espt_error *err)
{
    uint8_t public[KEY_LEN];
    int code = keys->count == KEYS_MAX ? seal_to_first(store, keys, sealing, err) : 0;
    if (code != 0)
        return code;
    memmove(keys->key[1], keys->key[0], keys->count * KEY_LEN);
    keys->count++;
    crypto_box_keypair(public, keys->key[0]);
    code = keyfile_put_secret(store->config.secret_key, keys, err);
    return code == 0 ? seal_to_first(store, keys, sealing, err) : code;
}

static int locked_rotate(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    return rotate(store, keys, arg, err);
}

/* The new file lies there whole, and the log has the entry, before it takes its place. */
static int locked_guard(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    const char *path = store->config.secret_key;
    char temporary[PATH_MAX] = "";
    bool taken;
    struct txn txn;
    struct change change;
    struct changes changes = {0};
    (void)arg;
    int code = txn_begin_locked(&txn, store, err);
    if (code != 0)
        return code;
    change_note(&change, "key passphrase", keys->guarded ? "it was set" : "it was removed");
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    if (txn.code == 0)
        txn.code = keyfile_write_secret(path, keys, temporary, err);
    code = txn_commit(&txn);
    changes_clear(&changes);
    if (code != 0) {
        unlink(temporary);
        return code;
    }
    code = publish_take(temporary, path, &taken, err);
    if (code != 0)
        espt_fail_in(err, taken ? "what the command does is done"
                                : "the log has it, but nothing was changed");
    return code;
}

/* What was read before the lock was taken must still be what lies there. */
static int with_lock(struct store *store, struct keys *keys,
                     int (*fn)(struct store *, struct keys *, void *, struct espt_error *),
                     void *arg, struct espt_error *err)
{
    int code = txn_may_write(store, err);
    if (code == 0)
        code = lock_take(store->writer_fd, &store->config.wait, err);
    if (code != 0)
        return code;
    publish_sweep(store->config.secret_key); /* a key in clear, where one was killed */
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
    return with_lock(store, keys, locked_guard, NULL, err);
}
