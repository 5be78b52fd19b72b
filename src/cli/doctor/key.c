/* SPDX-License-Identifier: ISC */
/* The reveal key: whether its two halves belong together, and whether it opens the texts. */
#include "cli/doctor/doctor.h"
#include "cli/progress.h"

#include "common/trust.h"
#include "store/keyfile.h"
#include "store/texts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE 100 /* texts that are opened; each takes some 50 microseconds */

static void free_keys(struct keys **keys)
{
    keys_free(keys);
}

static const struct key *in_force(const struct keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->key[i].state == KEY_IN_FORCE)
            return &keys->key[i];
    }
    return NULL;
}

static void compare_halves(struct doctor *doctor, const struct keys *keys)
{
    const struct config *config = &doctor->cli->config;
    struct espt_error why;
    uint8_t public[KEY_LEN];
    static const uint8_t unknown[KEY_LEN];
    char remedy[REMEDY_MAX];
    const struct key *key = in_force(keys);
    if (keys->count > 0 && keys->key[0].state == KEY_NEXT)
        doctor_found(doctor, DOCTOR_WARNING, config->secret_key, "esp-tokenctl key rotate",
                     "%s: a rotation of the key was interrupted", config->secret_key);
    if (trust_missing(config->public_key) || key == NULL ||
        memcmp(key->public, unknown, KEY_LEN) == 0)
        return;
    if (keyfile_read_public(config->public_key, public, &why) != 0)
        doctor_failed(doctor, DOCTOR_ERROR, config->public_key, &why);
    else if (memcmp(key->public, public, KEY_LEN) == 0)
        doctor_looked(doctor, "the public half belongs to the secret key in force");
    else
        doctor_found(doctor, DOCTOR_ERROR, config->public_key,
                     doctor_remedy(remedy, "rm", config->public_key),
                     "%s: it belongs to another key than %s, which cannot open the texts of new "
                     "tokens; remove it, and 'esp-tokenctl init' makes it again",
                     config->public_key, config->secret_key);
}

/* --- the sample --- */

struct sample {
    const struct keys *keys;
    unsigned tried, shut;
};

static int try_one(void *arg, const struct token *token, const struct token_secret *secret,
                   struct espt_error *err)
{
    struct sample *sample = arg;
    size_t place;
    (void)err;
    if (!token->has_text)
        return 0;
    const enum text_verdict verdict =
        text_check(sample->keys, secret->key, secret->sealed, secret->digest, true, &place);
    sample->tried += verdict != TEXT_UNTRIED;
    sample->shut += verdict == TEXT_SHUT;
    return sample->tried == SAMPLE ? 1 : 0;
}

static int pass_entity(void *arg, const struct entity *entity, struct espt_error *err)
{
    (void)arg, (void)entity, (void)err;
    return 0;
}

static void try_sample(struct doctor *doctor, const struct keys *keys)
{
    struct espt_error why;
    struct sample sample = {.keys = keys};
    if (store_export(doctor->cli->store, pass_entity, try_one, &sample, &why) < 0)
        doctor_failed(doctor, DOCTOR_ERROR, doctor->cli->config.store, &why);
    else if (sample.shut > 0)
        doctor_found(doctor, DOCTOR_ERROR, doctor->cli->config.secret_key,
                     "esp-tokenctl check --texts",
                     "%s: it does not open %u of the %u texts that were tried",
                     doctor->cli->config.secret_key, sample.shut, sample.tried);
    else if (sample.tried > 0)
        doctor_looked(doctor, "it opens the %u %s tried", sample.tried,
                      plural(sample.tried, "text that was", "texts that were"));
}

/* --- all texts, by the key that each record names --- */

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct progress *progress = arg;
    progress->total = total;
    progress_step(progress, done, done);
}

static void report_texts(struct doctor *doctor, const struct texts *texts)
{
    const char *secret = doctor->cli->config.secret_key;
    if (texts->shut.count > 0)
        doctor_found(doctor, DOCTOR_ERROR, secret, NULL,
                     "%s: none of its keys opens %llu of the %llu texts (%.300s); add the key that "
                     "sealed them, as a line of its own, or rotate those tokens",
                     secret, (unsigned long long)texts->shut.count, (unsigned long long)texts->all,
                     texts->shut.names);
    else if (texts->all > texts->untried)
        doctor_looked(doctor, "%llu %s sealed to its keys",
                      (unsigned long long)(texts->all - texts->untried),
                      plural(texts->all - texts->untried, "text is", "texts are"));
    if (texts->untried > 0)
        doctor_skipped(doctor, "%llu %s, without the passphrase; use --texts",
                       (unsigned long long)texts->untried, plural(texts->untried, "text", "texts"));
}

static void count_texts(struct doctor *doctor, const struct keys *keys, bool tries)
{
    struct espt_error why;
    struct progress progress;
    struct texts texts;
    progress_begin(&progress, "texts", 0);
    const int code =
        store_texts(doctor->cli->store, keys, tries, &texts, on_progress, &progress, &why);
    progress_end(&progress);
    if (code != 0) {
        doctor_failed(doctor, DOCTOR_ERROR, doctor->cli->config.store, &why);
        return;
    }
    report_texts(doctor, &texts);
    if (!tries && texts.shut.count == 0)
        try_sample(doctor, keys);
}

void doctor_key(struct doctor *doctor)
{
    const struct config *config = &doctor->cli->config;
    const bool tries = given(doctor->cli, OPTION_TEXTS);
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    struct espt_error why;
    doctor->part = DOCTOR_KEY;
    if (doctor->cli->store != NULL && store_not_edge(doctor->cli->store, &why) != 0) {
        doctor_looked(doctor, "not needed: this is an edge");
        return;
    }
    if (access(config->secret_key, R_OK) != 0) {
        doctor_skipped(doctor, "%s: %s", config->secret_key,
                       errno == ENOENT ? "it is not on this machine"
                                       : "this user may not read it; run as its owner");
        return;
    }
    keys = keys_new(&why);
    if (keys == NULL ||
        (tries ? keyfile_read_secret : keyfile_read_known)(config, keys, &why) != 0) {
        doctor_failed(doctor, DOCTOR_ERROR, config->secret_key, &why);
        return;
    }
    compare_halves(doctor, keys);
    if (doctor->cli->store != NULL)
        count_texts(doctor, keys, tries);
}
