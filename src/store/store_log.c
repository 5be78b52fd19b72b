/* SPDX-License-Identifier: ISC */
/* The audit log for commands: set the actor, add a note, read, verify. */
#include "store/begin.h"
#include "store/changes.h"
#include "store/log_history.h"
#include "store/log_rights.h"
#include "store/writing.h"

#include <string.h>

void store_actor(struct store *store, const struct actor *actor)
{
    text_copy(store->actor.user, sizeof store->actor.user, actor->user);
    text_copy(store->actor.login, sizeof store->actor.login, actor->login);
    text_copy(store->actor.sudo, sizeof store->actor.sudo, actor->sudo);
    text_copy(store->actor.command, sizeof store->actor.command, actor->command);
}

int store_log_note(struct store *store, const char *word, const char *detail,
                   struct espt_error *err)
{
    struct writing w;
    int code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct change change;
    change_note(&change, word, detail);
    changes_add(&w.changes, &w.txn, &change);
    return writing_end(&w);
}

int store_log_each(struct store *store, uint64_t from, log_fn fn, void *arg, struct espt_error *err)
{
    struct txn txn;
    int result = store_begin(&txn, store, false, err);
    if (result != 0)
        return result;
    struct walk walk;
    struct record_key first = key_integer(from);
    if (txn.limited)
        log_history_follow(&txn);
    walk_begin(&walk, &txn, TABLE_LOG, &first, 0);
    while (result == 0 && walk_next(&walk)) {
        struct log_entry entry;
        struct log_bytes bytes;
        if (!log_decode(&walk.key, walk.value.data, walk.value.len, &bytes, &entry)) {
            txn_damaged(&txn, TABLE_LOG, "an entry");
            break;
        }
        if (txn.limited) {
            bytes.limit = &txn;
            log_rights_limit(&txn, &entry);
        }
        result = fn(arg, &entry, err);
    }
    walk_end(&walk);
    txn_abort(&txn);
    return txn.code != 0 ? txn.code : result;
}

int store_log_head(struct store *store, struct log_head *ret_head, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct log_head head;
    log_read_head(&txn, &head);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_head = head;
    return txn.code;
}

int store_log_verify(struct store *store, const struct log_head *pinned, struct log_head *ret_head,
                     struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct log_head head = {0};
    struct walk walk;
    walk_begin(&walk, &txn, TABLE_LOG, NULL, 0);
    while (walk_next(&walk)) {
        const char *fault = log_follow(&head, &walk.key, walk.value.data, walk.value.len);
        if (fault != NULL)
            txn_fail(&txn, ESPT_UNUSABLE,
                     "the log breaks after entry %llu: %s; compare with a backup",
                     (unsigned long long)head.sequence, fault);
        else if (pinned != NULL && pinned->sequence == head.sequence &&
                 memcmp(pinned->hash, head.hash, sizeof head.hash) != 0)
            txn_fail(&txn, ESPT_UNUSABLE,
                     "entry %llu of the log has another hash than was pinned: it was rewritten",
                     (unsigned long long)head.sequence);
    }
    walk_end(&walk);
    if (txn.code == 0 && pinned != NULL && pinned->sequence > head.sequence)
        txn_fail(&txn, ESPT_UNUSABLE,
                 "the log ends at entry %llu, before the one that was pinned: it was cut",
                 (unsigned long long)head.sequence);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_head = head;
    return txn.code;
}
