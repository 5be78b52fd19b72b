/* SPDX-License-Identifier: ISC */
#include "portal/replay.h"

#include "common/clock.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define REPLAYS 256

struct kept {
    uint8_t key[16], request[16]; /* hashes */
    int64_t until;                /* monotonic milliseconds; 0: free */
    unsigned status;
    char etag[24], location[FIELD_TEXT_MAX];
    char *body;
};
struct replays {
    struct kept kept[REPLAYS];
};

static void clear(struct kept *kept)
{
    if (kept->body != NULL)
        sodium_memzero(kept->body, strlen(kept->body));
    free(kept->body);
    *kept = (struct kept){0};
}

void replays_free(struct replays *replays)
{
    for (size_t i = 0; replays != NULL && i < REPLAYS; i++)
        clear(&replays->kept[i]);
    free(replays);
}

/* Hashes fields from `first` on, with their numbers and lengths. */
static void hash(const struct who *who, const struct request_in *request, uint64_t fields,
                 uint8_t ret_hash[static 16])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 16);
    crypto_generichash_update(&state, (const uint8_t *)&who->entity.number,
                              sizeof who->entity.number);
    crypto_generichash_update(&state, (const uint8_t *)who->person, sizeof who->person);
    for (uint32_t i = 0; i < FIELD_COUNT; i++) {
        const char *text = request->field[i];
        if ((fields & FIELD_BIT(i)) == 0 || text == NULL)
            continue;
        crypto_generichash_update(&state, (const uint8_t *)&i, sizeof i);
        crypto_generichash_update(&state, (const uint8_t *)text, strlen(text) + 1);
    }
    const uint32_t command = request->command;
    if ((fields & FIELD_BIT(FIELD_ENTITY)) != 0)
        crypto_generichash_update(&state, (const uint8_t *)&command, sizeof command);
    crypto_generichash_final(&state, ret_hash, 16);
}

static void hash_key(const struct who *who, const struct request_in *request,
                     uint8_t ret_hash[static 16])
{
    hash(who, request, FIELD_BIT(FIELD_KEY), ret_hash);
}

static void hash_request(const struct who *who, const struct request_in *request,
                         uint8_t ret_hash[static 16])
{
    hash(who, request, ~(FIELDS_IDENTITY | FIELD_BIT(FIELD_KEY)), ret_hash);
}

enum replay replay_find(struct broker *broker, const struct who *who,
                        const struct request_in *request, struct answer *answer)
{
    uint8_t key[16], wanted[16];
    const int64_t now = monotonic_ms();
    struct replays *replays = broker->replays;
    if (request->field[FIELD_KEY] == NULL || replays == NULL)
        return REPLAY_NONE;
    hash_key(who, request, key);
    hash_request(who, request, wanted);
    for (size_t i = 0; i < REPLAYS; i++) {
        struct kept *kept = &replays->kept[i];
        if (kept->until != 0 && kept->until < now)
            clear(kept);
        if (kept->until == 0 || memcmp(kept->key, key, sizeof key) != 0)
            continue;
        if (memcmp(kept->request, wanted, sizeof wanted) != 0)
            return REPLAY_OTHER;
        answer->raw = strdup(kept->body);
        if (answer->raw == NULL)
            return REPLAY_NONE;
        answer->status = kept->status;
        memcpy(answer->etag, kept->etag, sizeof answer->etag);
        memcpy(answer->location, kept->location, sizeof answer->location);
        return REPLAY_SAME;
    }
    return REPLAY_NONE;
}

void replay_keep(struct broker *broker, const struct who *who, const struct request_in *request,
                 const struct answer *answer)
{
    if (request->field[FIELD_KEY] == NULL)
        return;
    if (broker->replays == NULL && (broker->replays = calloc(1, sizeof *broker->replays)) == NULL)
        return;
    struct kept *kept = &broker->replays->kept[0];
    for (size_t i = 1; i < REPLAYS; i++) { /* a free one, else the oldest */
        if (broker->replays->kept[i].until < kept->until)
            kept = &broker->replays->kept[i];
    }
    clear(kept);
    kept->body = json_dumps(answer->body, JSON_COMPACT);
    if (kept->body == NULL)
        return;
    hash_key(who, request, kept->key);
    hash_request(who, request, kept->request);
    kept->until = monotonic_ms() + REPLAY_SECONDS * 1000;
    kept->status = answer->status;
    memcpy(kept->etag, answer->etag, sizeof kept->etag);
    memcpy(kept->location, answer->location, sizeof kept->location);
}
