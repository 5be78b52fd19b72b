/* SPDX-License-Identifier: ISC */
/*
 * Changes of the reveal key: rotate, forget, guard (set or remove the passphrase).
 *
 * A rotation opens every text with the key that it was sealed to, and seals it to a new key, in
 * one transaction. The order of the steps ensures that a command that is killed at any point
 * leaves files that open every text:
 *
 *   1. The secret file gets the new key beside the old ones.
 *   2. The texts are sealed to the new key.
 *   3. The public file gets the new key.
 *   4. The secret file marks the new key as in force. It keeps the old keys, for older backups.
 *
 * The writers' lock is held from the first step to the last.
 *
 * In a fleet step 2 is made of several transactions (key_seal.h).
 *
 * MUST 1: only store_key_forget() removes a key from the secret file. The one exception is a key
 *         that an interrupted rotation left there and that no text is sealed to: otherwise the file
 *         would grow with each attempt.
 */
#include "store/apply.h"
#include "store/begin.h"
#include "store/changes.h"
#include "store/clock.h"
#include "store/db/lock.h"
#include "store/db/publish.h"
#include "store/key_seal.h"
#include "store/texts.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void drop(struct keys *keys, size_t place)
{
    memmove(&keys->key[place], &keys->key[place + 1],
            (keys->count - place - 1) * sizeof keys->key[0]);
    keys->count--;
    sodium_memzero(&keys->key[keys->count], sizeof keys->key[0]);
}

/* Drops the new keys of interrupted rotations that no text is sealed to. */
static int drop_unused(struct store *store, struct keys *keys,
                       const uint8_t in_force[static KEY_LEN], struct espt_error *err)
{
    struct texts texts;
    bool any = false;
    for (size_t i = 0; i < keys->count; i++)
        any = any || keys->key[i].state == KEY_NEXT;
    int code = any ? store_texts(store, keys, false, &texts, NULL, NULL, err) : 0;
    for (size_t i = keys->count; any && code == 0 && i > 0; i--) {
        const struct key *key = &keys->key[i - 1];
        if (key->state == KEY_NEXT && texts.by_key[i - 1] == 0 &&
            memcmp(key->public, in_force, KEY_LEN) != 0)
            drop(keys, i - 1);
    }
    return code;
}

/* Adds a fresh key before the others. */
static int add_next(const struct config *config, struct keys *keys, struct espt_error *err)
{
    if (keys->count == KEYS_MAX)
        return espt_fail(err, ESPT_REFUSED,
                         "%s: it has %d keys already; run 'esp-tokenctl key list' to see them, and "
                         "'esp-tokenctl key forget' for those that open no backup you keep",
                         config->secret_key, KEYS_MAX);
    memmove(&keys->key[1], &keys->key[0], keys->count * sizeof keys->key[0]);
    keys->count++;
    keys->key[0] = (struct key){.state = KEY_NEXT, .is_open = true};
    crypto_box_keypair(keys->key[0].public, keys->key[0].secret);
    return keyfile_put_secret(config->secret_key, keys, err);
}

static void mark_others_kept(struct keys *keys)
{
    keys->key[0].state = KEY_IN_FORCE;
    for (size_t i = 1; i < keys->count; i++) {
        struct key *key = &keys->key[i];
        if (key->state != KEY_KEPT)
            key->since = clock_now();
        key->state = KEY_KEPT;
    }
}

static int rotate(struct store *store, struct keys *keys, struct sealing *sealing,
                  struct espt_error *err)
{
    const struct config *config = &store->config;
    uint8_t in_force[KEY_LEN];
    int code = keyfile_read_public(config->public_key, in_force, err);
    if (code == 0)
        code = drop_unused(store, keys, in_force, err);
    if (code == 0)
        code = add_next(config, keys, err);
    sealing->keys = keys;
    if (code == 0)
        code = key_seal(store, sealing, err);
    if (code == 0)
        code = keyfile_put_public(config->public_key, keys->key[0].public, err);
    if (code != 0)
        return code;
    mark_others_kept(keys);
    return keyfile_put_secret(config->secret_key, keys, err);
}

static int locked_rotate(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    return rotate(store, keys, arg, err);
}

struct rewriting {
    const char *word;
    char detail[128];
    const uint8_t *forget;  /* public half of the key to remove; NULL: all stay */
    uint64_t only_it_opens; /* number of texts that were shown, unless `unasked` */
    bool unasked;
};

/* The new file is written whole, and the log entry is committed, before the file is renamed into
   place. */
static int rewrite(struct store *store, struct keys *keys, const struct rewriting *how,
                   struct espt_error *err)
{
    const char *path = store->config.secret_key;
    char temporary[PATH_MAX] = "";
    bool taken;
    struct txn txn;
    struct change change;
    struct changes changes = {0};
    int code = store_begin_locked(&txn, store, err);
    if (code != 0)
        return code;
    change_note(&change, how->word, how->detail);
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
    code = publish_finish(temporary, path, &taken, err);
    if (code != 0)
        espt_fail_in(
            err,
            taken ? "the change of the secret key file is done"
                  : "the secret key file was not changed, but the log has an entry for the change");
    return code;
}

static int locked_guard(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    return rewrite(store, keys, arg, err);
}

static int locked_forget(struct store *store, struct keys *keys, void *arg, struct espt_error *err)
{
    const struct rewriting *how = arg;
    struct texts texts;
    const struct key *key = keys_find(keys, how->forget);
    int code = store_texts(store, keys, false, &texts, NULL, NULL, err);
    if (code != 0)
        return code;
    const size_t place = (size_t)(key - keys->key);
    if (!how->unasked && texts.by_key[place] != how->only_it_opens)
        return espt_fail(
            err, ESPT_REFUSED,
            "the store was changed meanwhile; nothing was forgotten; look at it again");
    drop(keys, place);
    return rewrite(store, keys, how, err);
}

/* Takes the writers' lock. The secret file must not have changed since it was read. */
static int with_lock(struct store *store, struct keys *keys,
                     int (*fn)(struct store *, struct keys *, void *, struct espt_error *),
                     void *arg, struct espt_error *err)
{
    int code = txn_may_write(store, err);
    if (code == 0)
        code = db_lock(store, err);
    if (code != 0)
        return code;
    publish_sweep(store->config.secret_key); /* a killed command may have left a key in clear */
    code = keyfile_unchanged(store->config.secret_key, keys, err);
    if (code == 0)
        code = fn(store, keys, arg, err);
    db_unlock(store);
    return code;
}

int store_key_rotate(struct store *store, struct keys *keys, struct texts *ret_texts,
                     progress_fn progress, void *arg, struct espt_error *err)
{
    struct sealing sealing = {.progress = progress, .arg = arg};
    int code = with_lock(store, keys, locked_rotate, &sealing, err);
    *ret_texts = sealing.texts;
    return code;
}

int store_key_guard(struct store *store, struct keys *keys, struct espt_error *err)
{
    struct rewriting how = {.word = "key passphrase"};
    snprintf(how.detail, sizeof how.detail, "it was %s", keys->has_passphrase ? "set" : "removed");
    return with_lock(store, keys, locked_guard, &how, err);
}

int store_key_forget(struct store *store, struct keys *keys, const struct key *key,
                     const uint64_t *shown, struct espt_error *err)
{
    struct rewriting how = {.word = "key forget", .unasked = shown == NULL};
    uint8_t public[KEY_LEN];
    memcpy(public, key->public, sizeof public);
    how.forget = public;
    how.only_it_opens = shown != NULL ? *shown : 0;
    snprintf(how.detail, sizeof how.detail, "key %08x", (unsigned)key_id(public));
    return with_lock(store, keys, locked_forget, &how, err);
}
