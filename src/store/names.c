/* SPDX-License-Identifier: ISC */
/* Finds names by prefix, for completion and suggestions. */
#include "store/begin.h"
#include "store/load.h"
#include "store/rights.h"

#include <string.h>

/* A range of keys: from `from` on, while keys begin with its first `prefix` bytes; ids up to
   `last`. */
struct range {
    enum table table;
    struct record_key from;
    size_t prefix;
    uint64_t last;
};

/* Finds the range of ids with that prefix: the rest is all `0` in the first id, and all `z` in the
   last. */
static bool ids_between(const char *prefix, struct range *ret_range)
{
    char text[TOKEN_ID_LEN + 1] = "";
    const size_t len = strlen(prefix);
    uint64_t first;
    if (len > TOKEN_ID_LEN)
        return false;
    memcpy(text, prefix, len);
    memset(text + len, '0', TOKEN_ID_LEN - len);
    if (!token_id_parse(text, TOKEN_ID_LEN, &first))
        return false;
    *ret_range = (struct range){.table = TABLE_TOKENS, .from = key_integer(first)};
    memset(text + len, 'z', TOKEN_ID_LEN - len);
    if (!token_id_parse(text, TOKEN_ID_LEN, &ret_range->last))
        ret_range->last = UINT64_MAX; /* eleven digits can exceed 64 bits */
    return true;
}

static uint64_t id_of(const struct walk *walk)
{
    uint64_t id = 0;
    memcpy(&id, walk->key.bytes, sizeof id);
    return id;
}

/* Reads the name from the record's key. False: the key holds no name that a command line can
   use. */
static bool name_of(const struct walk *walk, char ret_name[static RECORD_KEY_MAX + 1])
{
    const struct record_key *key = &walk->key;
    const size_t skip = walk->table == TABLE_BY_ENTITY ? sizeof(uint32_t) : 0;
    if (walk->table == TABLE_TOKENS) {
        token_id_format(id_of(walk), ret_name);
        return true;
    }
    if (key->len <= skip || key->bytes[skip] == '\0') /* a retiring token has only its id */
        return false;
    memcpy(ret_name, key->bytes + skip, key->len - skip);
    ret_name[key->len - skip] = '\0';
    return true;
}

/* The first key after the range; length 0: there is none. */
static struct record_key key_beyond(const struct range *range)
{
    struct record_key key = range->from;
    if (range->table == TABLE_TOKENS) {
        key.len = 0;
        return range->last == UINT64_MAX ? key : key_integer(range->last + 1);
    }
    key.len = range->prefix;
    while (key.len > 0 && ++key.bytes[key.len - 1] == 0)
        key.len--;
    return key;
}

static int walk_range(struct txn *txn, const struct range *range, size_t most, name_fn fn,
                      void *arg)
{
    char name[RECORD_KEY_MAX + 1];
    struct walk walk;
    size_t seen = 0;
    int result = 0;
    walk_begin(&walk, txn, range->table, &range->from, range->prefix);
    while (result == 0 && walk_next(&walk)) {
        if (range->table == TABLE_TOKENS && id_of(&walk) > range->last)
            break;
        if (seen++ == most) {
            const struct record_key beyond = key_beyond(range);
            if (walk_last(&walk, &beyond) && name_of(&walk, name))
                result = fn(arg, name);
            break;
        }
        if (name_of(&walk, name))
            result = fn(arg, name);
    }
    walk_end(&walk);
    return result;
}

/* Visits all resellers, in order of number. There are few of them, compared with customers. */
static int walk_resellers(struct txn *txn, const char *prefix, size_t most, name_fn fn, void *arg)
{
    struct walk walk;
    int result = 0;
    walk_begin(&walk, txn, TABLE_RESELLERS, NULL, 0);
    while (result == 0 && most-- > 0 && walk_next(&walk)) {
        struct reseller_record reseller;
        if (!reseller_decode(&walk.key, walk.value.data, walk.value.len, &reseller))
            txn_damaged(txn, TABLE_RESELLERS, "a reseller");
        else if (strncmp(reseller.name, prefix, strlen(prefix)) == 0)
            result = fn(arg, reseller.name);
    }
    walk_end(&walk);
    return result;
}

/* With `--as`, visits the entities that the command may see. There are few. */
struct visible {
    const struct names *names;
    name_fn fn;
    void *arg;
};

static int offer_visible(void *arg, const struct entity *entity, struct espt_error *err)
{
    const struct visible *visible = arg;
    const char *prefix = visible->names->prefix;
    (void)err;
    if (visible->names->of == NAMES_RESELLERS && entity->kind != KIND_RESELLER)
        return 0;
    return strncmp(entity->name, prefix, strlen(prefix)) == 0
               ? visible->fn(visible->arg, entity->name)
               : 0;
}

static bool find_range(struct txn *txn, const struct names *names, struct range *ret_range)
{
    const size_t len = strlen(names->prefix);
    struct range range = {
        .table = TABLE_NAMES, .from = key_name(names->prefix, len), .prefix = len};
    struct entity entity;
    if (names->of == NAMES_IDS)
        return !txn->limited && ids_between(names->prefix, ret_range);
    if (names->of == NAMES_TOKENS) {
        if (load_entity_name(txn, names->entity, &entity) <= 0 || !rights_see(txn, &entity))
            return false;
        range.table = TABLE_BY_ENTITY;
        range.from = key_by_entity(entity.number, names->prefix, len);
        range.prefix = range.from.len;
    }
    *ret_range = range;
    return true;
}

int store_names(struct store *store, const struct names *names, name_fn fn, void *arg,
                struct espt_error *err)
{
    struct visible visible = {.names = names, .fn = fn, .arg = arg};
    const bool entities = names->of == NAMES_ENTITIES || names->of == NAMES_RESELLERS;
    struct range range;
    struct txn txn;
    if (strlen(names->prefix) > TOKEN_NAME_MAX)
        return 0;
    int result = store_begin(&txn, store, false, err);
    if (result != 0)
        return result;
    if (txn.limited && entities)
        result = visible_each(&txn, offer_visible, &visible);
    else if (names->of == NAMES_RESELLERS)
        result = walk_resellers(&txn, names->prefix, names->most, fn, arg);
    else if (find_range(&txn, names, &range))
        result = walk_range(&txn, &range, names->most, fn, arg);
    txn_abort(&txn);
    return txn.code != 0 ? txn.code : result;
}
