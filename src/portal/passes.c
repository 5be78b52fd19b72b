/* SPDX-License-Identifier: ISC */
#include "portal/passes_file.h"

#include "common/crc32c.h"

#include <sodium.h>
#include <string.h>

#define MAGIC UINT64_C(0x314c54524f505345)
#define TOUCH_EVERY 15 /* seconds; a use that is younger is not written */

/* The form of a record in the file. Machines are little endian. */
struct stored {
    uint8_t kind, manager, reserved[2];
    uint32_t number;
    uint8_t digest[PASS_DIGEST_LEN];
    int64_t entity_created, created, used, ends;
    uint64_t sequence;
    char id[PASS_ID_LEN];
    char entity[ENTITY_NAME_MAX + 1];
    uint8_t
        zeroes[PASSES_RECORD - 8 - PASS_DIGEST_LEN - 40 - PASS_ID_LEN - ENTITY_NAME_MAX - 1 - 4];
    uint32_t checksum;
} __attribute__((packed));
_Static_assert(sizeof(struct stored) == PASSES_RECORD, "a record has 256 bytes");

struct stored_head {
    uint64_t magic;
    struct passes_seen seen;
    uint8_t zeroes[PASSES_RECORD - 8 - sizeof(struct passes_seen) - 4];
    uint32_t checksum;
} __attribute__((packed));
_Static_assert(sizeof(struct stored_head) == PASSES_RECORD, "the header has 256 bytes");

/* --- records --- */

static uint32_t checksum(const void *record)
{
    return crc32c(0, record, PASSES_RECORD - sizeof(uint32_t));
}

/* False: there is no pass, or the record is torn. */
static bool decode(const uint8_t *bytes, struct pass *ret_pass)
{
    struct stored stored;
    memcpy(&stored, bytes, sizeof stored);
    if ((stored.kind != PASS_LINK && stored.kind != PASS_SESSION) ||
        stored.checksum != checksum(&stored) || stored.entity[ENTITY_NAME_MAX] != '\0')
        return false;
    *ret_pass = (struct pass){
        .kind = (enum pass_kind)stored.kind,
        .manager = stored.manager == 1,
        .number = stored.number,
        .entity_created = stored.entity_created,
        .created = stored.created,
        .used = stored.used,
        .ends = stored.ends,
        .sequence = stored.sequence,
    };
    memcpy(ret_pass->id, stored.id, PASS_ID_LEN);
    memcpy(ret_pass->digest, stored.digest, PASS_DIGEST_LEN);
    memcpy(ret_pass->entity, stored.entity, sizeof ret_pass->entity);
    return true;
}

static void encode(const struct pass *pass, struct stored *ret_stored)
{
    *ret_stored = (struct stored){
        .kind = (uint8_t)pass->kind,
        .manager = pass->manager,
        .number = pass->number,
        .entity_created = pass->entity_created,
        .created = pass->created,
        .used = pass->used,
        .ends = pass->ends,
        .sequence = pass->sequence,
    };
    memcpy(ret_stored->id, pass->id, PASS_ID_LEN);
    memcpy(ret_stored->digest, pass->digest, PASS_DIGEST_LEN);
    memcpy(ret_stored->entity, pass->entity, sizeof ret_stored->entity);
    ret_stored->checksum = checksum(ret_stored);
}

static const uint8_t *record_at(const struct passes *passes, size_t slot)
{
    return passes->map + (slot + 1) * PASSES_RECORD;
}

static int write_pass(struct passes *passes, size_t slot, const struct pass *pass,
                      struct espt_error *err)
{
    struct stored stored = {0};
    if (pass != NULL)
        encode(pass, &stored);
    return passes_write(passes, slot + 1, &stored, true, err);
}

/* --- passes --- */

void pass_draw(struct pass *pass, char ret_secret[static PASS_SECRET_SIZE])
{
    static const char letters[] = "abcdefghijkmnopqrstuvwxyz23456789";
    uint8_t random[32];
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(ret_secret, PASS_SECRET_SIZE, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    crypto_hash_sha256(pass->digest, (const uint8_t *)ret_secret, PASS_SECRET_SIZE - 1);
    for (size_t i = 0; i < PASS_ID_LEN; i++)
        pass->id[i] = letters[randombytes_uniform(sizeof letters - 1)];
    sodium_memzero(random, sizeof random);
}

bool pass_digest(const char *secret, uint8_t ret_digest[static PASS_DIGEST_LEN])
{
    const size_t len = strlen(secret);
    if (len != PASS_SECRET_SIZE - 1)
        return false;
    return crypto_hash_sha256(ret_digest, (const uint8_t *)secret, len) == 0;
}

bool pass_ended(const struct pass *pass, int64_t idle, int64_t now)
{
    return now >= pass->ends || (pass->kind == PASS_SESSION && now - pass->used >= idle);
}

enum match { NO_MATCH, MATCH, TORN };

static enum match is_it(const struct passes *passes, size_t slot, const uint8_t *digest,
                        enum pass_kind kind, struct pass *ret_pass)
{
    const uint8_t *record = record_at(passes, slot);
    if (memcmp(record + offsetof(struct stored, digest), digest, PASS_DIGEST_LEN) != 0)
        return NO_MATCH;
    if (!decode(record, ret_pass))
        return TORN;
    return ret_pass->kind == kind && memcmp(ret_pass->digest, digest, PASS_DIGEST_LEN) == 0
               ? MATCH
               : NO_MATCH;
}

/* PASSES_MAX: there is none. The comparison need not take constant time: a caller who learned a
   part of a digest from its duration could not make a secret with that digest. */
static size_t find(struct passes *passes, const uint8_t *digest, enum pass_kind kind,
                   struct pass *ret_pass, bool *ret_torn)
{
    uint16_t *hint = &passes->hint[(digest[0] | digest[1] << 8) % PASSES_HINTS];
    *ret_torn = false;
    if (is_it(passes, *hint, digest, kind, ret_pass) == MATCH)
        return *hint;
    for (size_t slot = 0; slot < PASSES_MAX; slot++) {
        const enum match match = is_it(passes, slot, digest, kind, ret_pass);
        *ret_torn = *ret_torn || match == TORN;
        if (match == MATCH) {
            *hint = (uint16_t)slot;
            return slot;
        }
    }
    return PASSES_MAX;
}

int passes_find(struct passes *passes, const uint8_t digest[static PASS_DIGEST_LEN],
                enum pass_kind kind, struct pass *ret_pass, struct espt_error *err)
{
    bool torn;
    int code = passes_refresh(passes, err);
    if (code != 0)
        return code;
    size_t slot = find(passes, digest, kind, ret_pass, &torn);
    if (slot == PASSES_MAX && torn) { /* it is being written */
        code = passes_lock(passes, PASSES_WAIT_MS, err);
        if (code != 0)
            return code;
        slot = find(passes, digest, kind, ret_pass, &torn);
        passes_unlock(passes);
    }
    return slot < PASSES_MAX;
}

int passes_add(struct passes *passes, const struct pass *pass, int64_t idle, int64_t now,
               struct espt_error *err)
{
    struct pass other;
    size_t slot = 0;
    int code = passes_refresh(passes, err);
    if (code == 0)
        code = passes_lock(passes, PASSES_WAIT_MS, err);
    if (code != 0)
        return code;
    while (slot < PASSES_MAX && decode(record_at(passes, slot), &other) &&
           !pass_ended(&other, idle, now))
        slot++;
    if (slot < PASSES_MAX)
        code = write_pass(passes, slot, pass, err);
    else
        code = espt_fail(err, ESPT_REFUSED,
                         "there are %d sign-in links and sessions; run 'esp-tokenctl portal end' "
                         "to end some",
                         PASSES_MAX);
    passes_unlock(passes);
    return code;
}

int passes_replace(struct passes *passes, const struct pass *before, const struct pass *after,
                   struct espt_error *err)
{
    struct pass now;
    bool torn;
    int code = passes_refresh(passes, err);
    if (code == 0)
        code = passes_lock(passes, PASSES_WAIT_MS, err);
    if (code != 0)
        return code;
    const size_t slot = find(passes, before->digest, before->kind, &now, &torn);
    code = slot < PASSES_MAX ? write_pass(passes, slot, after, err)
                             : espt_fail(err, ESPT_MISSING, "it has ended meanwhile");
    passes_unlock(passes);
    return code;
}

void passes_touch(struct passes *passes, const struct pass *pass, int64_t now)
{
    struct espt_error ignored;
    struct pass found;
    struct stored stored;
    bool torn;
    if (now - pass->used < TOUCH_EVERY || passes_lock(passes, 0, &ignored) != 0)
        return;
    const size_t slot = find(passes, pass->digest, PASS_SESSION, &found, &torn);
    if (slot < PASSES_MAX && found.used < now) {
        found.used = now;
        encode(&found, &stored);
        (void)!passes_write(passes, slot + 1, &stored, false, &ignored);
    }
    passes_unlock(passes);
}

int passes_each(struct passes *passes, pass_fn fn, void *arg, struct espt_error *err)
{
    int code = passes_refresh(passes, err);
    if (code == 0)
        code = passes_lock(passes, PASSES_WAIT_MS, err);
    if (code != 0)
        return code;
    for (size_t slot = 0; slot < PASSES_MAX && code == 0; slot++) {
        struct pass pass;
        if (!decode(record_at(passes, slot), &pass))
            continue;
        const enum pass_fate fate = fn(arg, &pass);
        if (fate != PASS_KEEP)
            code = write_pass(passes, slot, fate == PASS_CHANGE ? &pass : NULL, err);
    }
    passes_unlock(passes);
    return code;
}

/* --- the header --- */

int passes_seen(struct passes *passes, struct passes_seen *ret_seen, struct espt_error *err)
{
    struct stored_head head;
    int code = passes_refresh(passes, err);
    if (code != 0)
        return code;
    memcpy(&head, passes->map, sizeof head);
    *ret_seen = (struct passes_seen){0};
    if (head.magic == MAGIC && head.checksum == checksum(&head))
        *ret_seen = head.seen;
    return 0;
}

int passes_saw(struct passes *passes, const struct passes_seen *seen, struct espt_error *err)
{
    struct stored_head head = {.magic = MAGIC, .seen = *seen};
    head.checksum = checksum(&head);
    int code = passes_lock(passes, PASSES_WAIT_MS, err);
    if (code != 0)
        return code;
    code = passes_write(passes, 0, &head, true, err);
    passes_unlock(passes);
    return code;
}
