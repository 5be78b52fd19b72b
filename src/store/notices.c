/* SPDX-License-Identifier: ISC */
#include "store/notices.h"

#include "store/begin.h"
#include "store/db/lock.h"
#include "store/load.h"

#include <endian.h>
#include <string.h>
#include <unistd.h>

#define LOCK_SUFFIX ".notify"

/* --- which are due --- */

/* The stage that has begun last. NULL: none has. */
static const struct notify_stage *stage_of(const struct notices *wanted, int64_t expires)
{
    const struct notify_stage *found = NULL;
    const int64_t left = expires - wanted->now;
    if (expires == 0 || left < -NOTICE_LATEST || (wanted->within != 0 && left > wanted->within))
        return NULL;
    for (size_t i = 0; i < wanted->stages->count; i++) {
        const struct notify_stage *stage = &wanted->stages->stage[i];
        const bool begun = stage->seconds == 0 ? left <= 0 : left <= (int64_t)stage->seconds;
        if (begun && (found == NULL || stage->seconds < found->seconds))
            found = stage;
    }
    return found;
}

/* Whether that notice, or one of a later stage, was sent for this expiration. */
static bool was_sent(struct txn *txn, const struct record_key *key, int64_t expires,
                     const struct notify_stage *stage)
{
    struct record_value value;
    struct notice_record sent;
    if (txn_get(txn, TABLE_NOTICES, key, &value) <= 0)
        return false;
    if (!notice_decode(key, value.data, value.len, &sent)) {
        txn_damaged(txn, TABLE_NOTICES, "a token's notice");
        return true;
    }
    return sent.expires == expires && sent.stage <= stage->seconds;
}

/* The stage that is due by the auth record alone. NULL: none is. */
static const struct notify_stage *due_stage(struct txn *txn, const struct notices *wanted,
                                            const struct walk *walk)
{
    struct auth_record auth;
    if (!auth_decode(&walk->key, walk->value.data, walk->value.len, &auth)) {
        txn_damaged(txn, TABLE_AUTH, "a token");
        return NULL;
    }
    const struct notify_stage *stage =
        auth.active && auth.entity_active ? stage_of(wanted, auth.expires) : NULL;
    return stage != NULL && !was_sent(txn, &walk->key, auth.expires, stage) ? stage : NULL;
}

static bool load(struct txn *txn, uint64_t id, struct notice *ret_notice)
{
    struct token_full token;
    struct notice *notice = ret_notice;
    if (load_token_id(txn, id, &token) <= 0 || token.token.retiring)
        return false;
    notice->token = token.token;
    if (find_entity(txn, token.token.entity, &notice->entity) <= 0 ||
        entity_suspends(&notice->entity))
        return false;
    notice->has_reseller = notice->entity.reseller[0] != '\0';
    return !notice->has_reseller ||
           find_entity(txn, notice->entity.reseller, &notice->reseller) > 0;
}

static uint64_t id_of(const struct record_key *key)
{
    uint64_t id = 0;
    memcpy(&id, key->bytes, key->len == sizeof id ? sizeof id : 0);
    return le64toh(id);
}

static bool next_due(const struct notices *wanted, struct walk *walk, struct notice *ret_notice)
{
    while (walk_next(walk)) {
        const struct notify_stage *stage = due_stage(walk->txn, wanted, walk);
        if (stage == NULL || !load(walk->txn, id_of(&walk->key), ret_notice))
            continue;
        ret_notice->stage = stage;
        return true;
    }
    return false;
}

int store_notice_next(struct store *store, const struct notices *wanted, uint64_t from,
                      struct notice *ret_notice, bool *ret_found, struct espt_error *err)
{
    struct txn txn;
    struct walk walk;
    const struct record_key key = key_integer(from);
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    walk_begin(&walk, &txn, TABLE_AUTH, &key, 0);
    const bool found = next_due(wanted, &walk, ret_notice);
    walk_end(&walk);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_found = found;
    return txn.code;
}

int store_notice_count(struct store *store, const struct notices *wanted, uint64_t *ret_count,
                       struct espt_error *err)
{
    struct txn txn;
    struct walk walk;
    struct notice notice;
    uint64_t count = 0;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    walk_begin(&walk, &txn, TABLE_AUTH, NULL, 0);
    while (next_due(wanted, &walk, &notice))
        count++;
    walk_end(&walk);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_count = count;
    return txn.code;
}

/* --- what was sent --- */

int store_notice_try(struct store *store, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin_local(&txn, store, false, err);
    if (code == 0)
        code = txn_commit(&txn);
    store_result_printed();
    return code;
}

int store_notice_sent(struct store *store, const struct notice *notice, struct espt_error *err)
{
    struct txn txn;
    struct record_value value;
    uint8_t out[RECORD_MAX];
    const struct record_key key = key_integer(notice->token.id);
    const struct notice_record sent = {notice->token.expires, notice->stage->seconds};
    int code = store_begin_local(&txn, store, false, err);
    if (code != 0)
        return code;
    if (txn_get(&txn, TABLE_TOKENS, &key, &value) > 0)
        txn_put(&txn, TABLE_NOTICES, &key, out, notice_encode(&key, &sent, out));
    code = txn_commit(&txn);
    store_result_printed();
    return code;
}

/* --- one at a time --- */

int store_notice_lock(const struct store *store, int *ret_fd, struct espt_error *err)
{
    const char *path = store->config.store;
    const struct config_wait how = {.seconds = store->config.wait.seconds};
    int fd = -1;
    int code = lock_open(path, LOCK_SUFFIX, &fd, err);
    if (code != 0)
        return code;
    if (lock_acquire(fd, &how, err) != 0)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "another 'esp-tokenctl notify' is still running after %u second%s; "
                         "nothing was sent; try again later, or use a longer --wait",
                         how.seconds, how.seconds == 1 ? "" : "s");
    if (code == 0)
        code = lock_still_there(fd, path, LOCK_SUFFIX, err);
    if (code == 0)
        *ret_fd = fd;
    else
        close(fd);
    return code;
}
