/* SPDX-License-Identifier: ISC */
#include "store/restore/preview.h"

#include "store/begin.h"
#include "store/clock.h"
#include "store/log.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct comparison {
    struct txn *old, *now; /* of the backup, and of the store */
    int64_t time;
    struct restore_preview *preview;
};

static bool has_ended(int64_t expires, int64_t now)
{
    return expires != 0 && expires <= now;
}

/* Moves `walk` to `key`; both tables are walked in order of id. False: the key is absent. Records
   that cannot be decoded are skipped; the proof before a restore reports them. */
static bool walk_to(struct walk *walk, bool *has, const struct record_key *key)
{
    uint64_t wanted, at;
    memcpy(&wanted, key->bytes, sizeof wanted);
    while (*has) {
        memcpy(&at, walk->key.bytes, sizeof at);
        if (le64toh(at) >= le64toh(wanted))
            return at == wanted;
        *has = walk_next(walk);
    }
    return false;
}

static bool reseller_works(struct txn *txn, uint32_t number)
{
    const struct record_key key = key_integer(number);
    struct reseller_record reseller;
    struct record_value value;
    return number == 0 ||
           (txn_get(txn, TABLE_RESELLERS, &key, &value) > 0 &&
            reseller_decode(&key, value.data, value.len, &reseller) && reseller.active);
}

static void name_token(const struct comparison *c, struct name_list *few,
                       const struct record_key *key, const struct auth_record *auth)
{
    struct token_record record = {.name = "?"};
    struct record_value value;
    if (txn_get(c->old, TABLE_TOKENS, key, &value) <= 0 ||
        !token_decode(key, value.data, value.len, &record))
        snprintf(record.name, sizeof record.name, "?");
    name_list_add(few, auth->entity_name, record.name);
}

static void compare_token(const struct comparison *c, const struct walk *old,
                          const struct walk *now)
{
    struct restore_preview *preview = c->preview;
    struct auth_record then, live;
    if (!auth_decode(&old->key, old->value.data, old->value.len, &then) || !then.active ||
        has_ended(then.expires, c->time))
        return;
    if (now == NULL) {
        if (then.entity_active && reseller_works(c->old, then.reseller))
            name_token(c, &preview->removed, &old->key, &then);
    } else if (auth_decode(&now->key, now->value.data, now->value.len, &live)) {
        if (!live.active)
            name_token(c, &preview->off, &old->key, &then);
        else if (has_ended(live.expires, c->time))
            name_token(c, &preview->ended, &old->key, &then);
    }
}

/* Compares more than the number: it is never used again, but a backup may be of another store. */
static bool same_entity(const struct entity_record *a, const struct entity_record *b)
{
    return a->kind == b->kind && a->created == b->created;
}

static void compare_entity(const struct comparison *c, const struct walk *old,
                           const struct walk *now)
{
    struct entity_record then, live;
    if (!entity_decode(&old->key, old->value.data, old->value.len, &then))
        return;
    const bool is_there = now != NULL &&
                          entity_decode(&now->key, now->value.data, now->value.len, &live) &&
                          same_entity(&then, &live);
    if (!is_there)
        name_list_add(&c->preview->gone, then.name, NULL);
    else if (then.active && !live.active)
        name_list_add(&c->preview->suspended, then.name, NULL);
}

static void compare_table(const struct comparison *c, enum table table,
                          void (*compare)(const struct comparison *, const struct walk *,
                                          const struct walk *))
{
    struct walk old, now;
    walk_begin(&old, c->old, table, NULL, 0);
    walk_begin(&now, c->now, table, NULL, 0);
    bool has = walk_next(&now);
    while (walk_next(&old))
        compare(c, &old, walk_to(&now, &has, &old.key) ? &now : NULL);
    walk_end(&now);
    walk_end(&old);
}

static bool compare(struct txn *old, const struct config *config, struct restore_preview *preview)
{
    struct espt_error ignored;
    struct store *store;
    struct txn now;
    if (store_open_to_read(&store, config, &ignored) != 0)
        return false;
    bool done = store_begin(&now, store, false, &ignored) == 0;
    if (done) {
        const struct comparison c = {old, &now, clock_now(), preview};
        compare_table(&c, TABLE_AUTH, compare_token);
        compare_table(&c, TABLE_ENTITIES, compare_entity);
        done = old->code == 0 && now.code == 0;
        txn_abort(&now);
    }
    store_close(store);
    return done;
}

/* Counts texts without asking for a passphrase: keys under one are recognised by their public
   halves. */
static void count_texts(struct txn *old, const struct config *config,
                        struct restore_preview *preview)
{
    struct espt_error ignored;
    __attribute__((cleanup(keys_free))) struct keys *keys = keys_new(&ignored);
    if (keys == NULL || keyfile_read_known(config, keys, &ignored) != 0)
        return;
    texts_count(old, keys, false, &preview->texts, NULL, NULL);
    preview->has_keys = old->code == 0;
}

static int64_t last_change(struct txn *old)
{
    struct record_key key;
    struct record_value value;
    struct log_entry entry;
    struct log_bytes bytes;
    if (txn_last(old, TABLE_LOG, &key, &value) <= 0 ||
        !log_decode(&key, value.data, value.len, &bytes, &entry))
        return 0;
    return entry.time;
}

void restore_preview(const struct config *config, const char *path,
                     struct restore_preview *ret_preview)
{
    struct espt_error ignored;
    struct store store;
    struct txn old;
    struct restore_preview preview = {0};
    if (db_begin_backup(&old, &store, config, path, &ignored)) {
        preview.last_change = last_change(&old);
        preview.is_compared = compare(&old, config, &preview);
        count_texts(&old, config, &preview);
        db_end_backup(&old);
    }
    *ret_preview = preview;
}
