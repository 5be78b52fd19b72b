/* SPDX-License-Identifier: ISC */
#include "store/key_seal.h"

#include "store/apply.h"
#include "store/begin.h"
#include "store/changes.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The most texts that one transaction seals in a fleet: about a second of work. */
#define TOGETHER 5000
/* How long the turn is left to other sites between two transactions. A site that waits for it polls
   more often. */
#define BETWEEN_MS 50

/* A text that no key opens stays as it is; the holder of the token still has the text. */
static void seal_again(struct sealing *sealing, struct txn *txn, struct token_full *token)
{
    const struct config *config = &txn->store->config;
    const uint8_t *public = sealing->keys->key[0].public;
    char text[TOKEN_TEXT_LEN + 1];
    if (token->key == key_id(public))
        return;
    if (reveal_try(sealing->keys, token->key, token->sealed, text) == NULL) {
        name_list_add(&sealing->texts.shut, token->token.entity, token->token.name);
        return;
    }
    if (txn->code == 0)
        txn->code = reveal_seal(config, public, text, token->sealed, txn->err);
    sodium_memzero(text, sizeof text);
    token->key = key_id(public);
    apply_sealed(txn, token);
    sealing->sealed++;
    sealing->here++;
}

/* Seals at most `most` texts. Sets sealing->ended after the last token. */
static void seal_some(struct sealing *sealing, struct txn *txn, uint64_t most)
{
    while (txn->code == 0 && sealing->here < most) {
        struct walk walk;
        struct token_full token;
        uint64_t id = 0;
        walk_begin_after(&walk, txn, TABLE_TOKENS, &sealing->at);
        sealing->ended = !walk_next(&walk);
        if (!sealing->ended)
            sealing->at = walk.key;
        walk_end(&walk);
        if (sealing->ended)
            return;
        memcpy(&id, sealing->at.bytes, sizeof id);
        if (load_token_id(txn, id, &token) > 0 && token.token.has_text)
            seal_again(sealing, txn, &token);
        sealing->done++;
        if (sealing->progress != NULL)
            sealing->progress(sealing->arg, sealing->done, sealing->total);
    }
}

static void look_from_the_start(struct sealing *sealing)
{
    sealing->at = (struct record_key){0};
    sealing->done = 0;
    sealing->others = sealing->ended = false;
    sealing->texts.shut = (struct name_list){0};
}

/* One transaction. */
static void seal_texts(struct sealing *sealing, struct txn *txn)
{
    const struct fleet_position *position = &txn->state.position;
    const uint64_t most = txn->state.fleet ? TOGETHER : UINT64_MAX;
    sealing->here = 0;
    if (txn->state.fleet && sealing->entry != 0 && position->number != sealing->entry)
        sealing->others = true;
    seal_some(sealing, txn, most);
    if (sealing->ended && sealing->others) {
        look_from_the_start(sealing);
        seal_some(sealing, txn, most);
    }
    sealing->texts.all = sealing->sealed + sealing->texts.shut.count;
}

static void note(const struct sealing *sealing, struct txn *txn)
{
    char detail[128] = "every text was sealed to a new reveal key";
    struct change change;
    struct changes changes = {0};
    if (!sealing->ended)
        snprintf(detail, sizeof detail, "%llu texts were sealed to a new reveal key; more follow",
                 (unsigned long long)sealing->here);
    else if (sealing->texts.shut.count > 0)
        snprintf(detail, sizeof detail,
                 "%llu texts were sealed to a new reveal key; %llu that no key opens stay",
                 (unsigned long long)sealing->sealed,
                 (unsigned long long)sealing->texts.shut.count);
    change_note(&change, "key rotate", detail);
    changes_add(&changes, txn, &change);
    apply(txn, &changes);
    changes_clear(&changes);
}

static int fail_between(const struct sealing *sealing, int code, struct espt_error *err)
{
    if (sealing->entry != 0)
        espt_add(err,
                 "; %llu texts are sealed to the new key already, and the old one stays in force: "
                 "run 'esp-tokenctl key rotate' again",
                 (unsigned long long)(sealing->sealed - sealing->here));
    return code;
}

int key_seal(struct store *store, struct sealing *sealing, struct espt_error *err)
{
    do {
        struct txn txn;
        int code = store_begin_locked(&txn, store, err);
        if (code != 0)
            return fail_between(sealing, code, err);
        sealing->total = txn_entries(&txn, TABLE_TOKENS);
        seal_texts(sealing, &txn);
        note(sealing, &txn);
        if (sealing->ended && txn.state.fleet)
            txn.state.position.reveal = key_id(sealing->keys->key[0].public);
        const uint64_t entry = txn.state.position.number + 1;
        code = txn_commit(&txn);
        if (code != 0)
            return fail_between(sealing, code, err);
        sealing->entry = entry;
        sealing->here = 0;
        if (!sealing->ended) {
            store_result_printed(); /* a held interrupt is delivered now */
            nanosleep(&(struct timespec){.tv_nsec = BETWEEN_MS * 1000000L}, NULL);
        }
    } while (!sealing->ended);
    return 0;
}
