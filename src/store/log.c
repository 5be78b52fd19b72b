#include "store/log.h"

#include "common/record_bytes.h"
#include "store/clock.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* --- writing --- */

static void read_head(struct txn *txn, struct log_head *ret_head)
{
    struct record_key key;
    MDB_val value;
    struct log_entry entry;
    struct log_bytes bytes;
    *ret_head = (struct log_head){0};
    if (txn_last(txn, TABLE_LOG, &key, &value) <= 0)
        return;
    if (!log_decode(&key, value.mv_data, value.mv_size, &bytes, &entry)) {
        txn_damaged(txn, TABLE_LOG, "the last entry");
        return;
    }
    ret_head->sequence = entry.sequence;
    memcpy(ret_head->hash, entry.hash, sizeof ret_head->hash);
}

void log_append(struct txn *txn, const struct changes *changes)
{
    struct log_head head;
    if (txn->code != 0 || changes->count == 0)
        return;
    read_head(txn, &head);
    struct log_entry entry = {
        .sequence = head.sequence + 1,
        .time = clock_now(),
        .revision = txn->state.revision + 1, /* that the commit will give */
        .actor = txn->store->actor,
    };
    name_copy(entry.as, sizeof entry.as, txn->store->as);
    size_t len;
    uint8_t *bytes = log_encode(&entry, changes, &len);
    if (bytes == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    struct record_key key = key_integer(entry.sequence);
    log_hash(head.hash, entry.sequence, bytes, len, entry.hash);
    len = log_seal(&key, bytes, len, entry.hash);
    txn_append(txn, TABLE_LOG, &key, bytes, len);
    free(bytes);
}

/* What is no text (a file's name may be anything) is said with `?`. */
static void copy_text(char *out, size_t size, const char *text)
{
    name_copy(out, size, text);
    for (char *c = out; !text_ok(out, strlen(out)) && *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
}

void store_actor(struct store *store, const struct actor *actor)
{
    copy_text(store->actor.user, sizeof store->actor.user, actor->user);
    copy_text(store->actor.login, sizeof store->actor.login, actor->login);
    copy_text(store->actor.sudo, sizeof store->actor.sudo, actor->sudo);
    copy_text(store->actor.command, sizeof store->actor.command, actor->command);
}

void change_note(struct change *ret_change, const char *word, const char *detail)
{
    *ret_change = (struct change){.type = CHANGE_NOTE};
    copy_text(ret_change->note.word, sizeof ret_change->note.word, word);
    copy_text(ret_change->note.detail, sizeof ret_change->note.detail, detail);
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

/* --- reading --- */

int store_log_each(struct store *store, uint64_t from, log_fn fn, void *arg, struct espt_error *err)
{
    struct txn txn;
    int result = txn_begin(&txn, store, false, err);
    if (result != 0)
        return result;
    struct walk walk;
    struct record_key first = key_integer(from);
    walk_begin(&walk, &txn, TABLE_LOG, &first, 0);
    while (result == 0 && walk_next(&walk)) {
        struct log_entry entry;
        struct log_bytes bytes;
        if (log_decode(&walk.key, walk.value.mv_data, walk.value.mv_size, &bytes, &entry))
            result = fn(arg, &entry, err);
        else
            txn_damaged(&txn, TABLE_LOG, "an entry");
    }
    walk_end(&walk);
    txn_abort(&txn);
    return txn.code != 0 ? txn.code : result;
}

int store_log_head(struct store *store, struct log_head *ret_head, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct log_head head;
    read_head(&txn, &head);
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_head = head;
    return txn.code;
}

const char *log_follow(struct log_head *head, const struct record_key *key, const void *value,
                       size_t len)
{
    struct log_entry entry;
    struct log_bytes bytes;
    uint8_t hash[LOG_HASH_LEN];
    if (!log_decode(key, value, len, &bytes, &entry))
        return "it is damaged";
    if (entry.sequence != head->sequence + 1)
        return "entries before it are missing";
    log_hash(head->hash, entry.sequence, value, len - LOG_HASH_LEN - RECORD_CHECKSUM_LEN, hash);
    if (memcmp(hash, entry.hash, sizeof hash) != 0)
        return "its hash does not follow from the entry before it";
    head->sequence = entry.sequence;
    memcpy(head->hash, entry.hash, sizeof head->hash);
    return NULL;
}

int store_log_verify(struct store *store, const struct log_head *pinned, struct log_head *ret_head,
                     struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct log_head head = {0};
    struct walk walk;
    walk_begin(&walk, &txn, TABLE_LOG, NULL, 0);
    while (walk_next(&walk)) {
        const char *fault = log_follow(&head, &walk.key, walk.value.mv_data, walk.value.mv_size);
        if (fault != NULL)
            txn_fail(&txn, ESPT_UNUSABLE,
                     "the log breaks behind entry %llu: %s; compare with a backup",
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
