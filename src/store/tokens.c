#include "store/tokens.h"

#include "store/mint.h"
#include "store/reveal.h"
#include "store/rights.h"
#include "store/rotate.h"
#include "store/rules.h"
#include "store/usage.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#define EXPIRES_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec < 0 ? 0 : (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now(void)
{
    return clock_ms() / 1000;
}

int token_ref_parse(struct token_ref *ret_ref, const char *text, struct espt_error *err)
{
    struct token_ref ref = {0};
    const char *slash = strchr(text, '/');
    if (slash == NULL) {
        ref.by_id = token_id_parse(text, strlen(text), &ref.id);
    } else if (entity_name_ok(text, (size_t)(slash - text)) &&
               token_name_ok(slash + 1, strlen(slash + 1))) {
        memcpy(ref.entity, text, (size_t)(slash - text));
        name_copy(ref.name, sizeof ref.name, slash + 1);
    }
    if (!ref.by_id && ref.entity[0] == '\0')
        return espt_fail(err, ESPT_USAGE,
                         "not a TOKEN: give its id (11 characters) or ENTITY/NAME; a token's text "
                         "is never an argument");
    *ret_ref = ref;
    return 0;
}

int store_token_get(struct store *store, const struct token_ref *ref, struct token *ret_token,
                    struct espt_error *err)
{
    struct txn txn;
    struct usage_files *files;
    int code = usage_begin(&txn, store, false, &files, err);
    if (code != 0)
        return code;
    struct token_full token;
    if (need_token(&txn, ref, &token) > 0) {
        usage_tell(&txn, files, &token.token);
        *ret_token = token.token;
    }
    txn_abort(&txn);
    usage_files_close(files);
    return txn.code;
}

struct each {
    struct txn *txn;
    struct usage_files *files;
    each_fn fn;
    void *arg;
};

static int each_of(void *arg, const struct entity *entity, struct espt_error *err)
{
    const struct each *each = arg;
    struct walk walk;
    struct token_full token;
    int result = each->fn(each->arg, entity, NULL, err);
    walk_tokens(&walk, each->txn, entity->number);
    while (result == 0 && walk_next_token(&walk, &token)) {
        usage_tell(each->txn, each->files, &token.token);
        result = each->fn(each->arg, entity, &token.token, err);
    }
    walk_end(&walk);
    return result;
}

int store_each(struct store *store, const char *entity, each_fn fn, void *arg,
               uint64_t *ret_revision, struct espt_error *err)
{
    struct txn txn;
    struct entity one;
    struct each each = {.txn = &txn, .fn = fn, .arg = arg};
    int result = usage_begin(&txn, store, entity == NULL, &each.files, err);
    if (result != 0)
        return result;
    if (entity == NULL)
        result = visible_each(&txn, each_of, &each);
    else if (need_entity(&txn, entity, &one) > 0)
        result = each_of(&each, &one, err);
    if (ret_revision != NULL && txn.code == 0 && result == 0)
        *ret_revision = txn.state.revision;
    txn_abort(&txn);
    usage_files_close(each.files);
    return txn.code != 0 ? txn.code : result;
}

struct tokens_alone {
    token_fn fn;
    void *arg;
};

static int token_alone(void *arg, const struct entity *entity, const struct token *token,
                       struct espt_error *err)
{
    const struct tokens_alone *alone = arg;
    (void)entity;
    return token != NULL ? alone->fn(alone->arg, token, err) : 0;
}

int store_token_each(struct store *store, const char *entity, token_fn fn, void *arg,
                     struct espt_error *err)
{
    struct tokens_alone alone = {.fn = fn, .arg = arg};
    return store_each(store, entity, token_alone, &alone, NULL, err);
}

/* What the box held must be this token's text. */
static void open_text(struct txn *txn, const struct keys *keys, const struct token_full *token,
                      char *ret_text)
{
    uint64_t id;
    uint8_t digest[TOKEN_DIGEST_LEN];
    if (!token->token.has_text) {
        txn_fail(txn, ESPT_REFUSED,
                 "this token's text was never here: it was imported without; ask its holder");
        return;
    }
    txn->code = reveal_open(&txn->store->config, keys, token->sealed, ret_text, txn->err);
    if (txn->code != 0)
        return;
    token_digest(ret_text, digest);
    if (!token_parse(ret_text, TOKEN_TEXT_LEN, &id) || id != token->token.id ||
        sodium_memcmp(digest, token->digest, sizeof digest) != 0)
        txn_fail(txn, ESPT_UNUSABLE,
                 "the sealed text is not this token's: the store was altered; make a new token");
}

int store_token_reveal(struct store *store, const struct token_ref *ref, struct token *ret_token,
                       char *ret_text, struct espt_error *err)
{
    struct txn txn;
    /* first: a passphrase may be asked for */
    __attribute__((cleanup(keys_free))) struct keys *keys = keys_new(err);
    int code = keys != NULL ? keyfile_read_secret(&store->config, keys, err) : ESPT_UNUSABLE;
    if (code == 0)
        code = txn_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_REVEAL};
    struct changes changes = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    if (need_token(&txn, ref, &change.token.before) > 0)
        open_text(&txn, keys, &change.token.before, text);
    changes_add(&changes, &txn, &change);
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    if (code == 0) {
        memcpy(ret_text, text, sizeof text);
        *ret_token = change.token.before.token;
        usage_tell_one(store, ret_token);
    }
    sodium_memzero(text, sizeof text);
    return code;
}

/* --- write --- */

/* The public key is read once a transaction. */
void txn_seal(struct txn *txn, const char *text, uint8_t *out)
{
    if (txn->code == 0 && !txn->has_public)
        txn->code = keyfile_read_public(txn->store->config.public_key, txn->public_key, txn->err);
    txn->has_public = txn->code == 0;
    if (txn->code == 0)
        txn->code = reveal_seal(&txn->store->config, txn->public_key, text, out, txn->err);
}

/* Ids of one moment stand together at the list's end; a clock that went back makes them stand
   further off. */
static bool was_drawn(const struct changes *changes, uint64_t id)
{
    for (size_t i = changes->count; i > 0; i--) {
        const struct change *change = &changes->items[i - 1];
        const uint64_t other = change->token.after.token.id;
        if (change->type != CHANGE_TOKEN_ADD)
            continue;
        if (other == id)
            return true;
        if (mint_moment(other) < mint_moment(id))
            return false;
    }
    return false;
}

uint64_t draw_free_id(struct txn *txn, const struct changes *changes)
{
    MDB_val value;
    for (;;) {
        const uint64_t id = mint_id(clock_ms());
        struct record_key key = key_integer(id);
        if (txn_get(txn, TABLE_TOKENS, &key, &value) <= 0 && !was_drawn(changes, id))
            return id;
    }
}

int64_t default_expiration(const struct txn *txn, int64_t now)
{
    const int64_t span = txn->store->config.default_expiry;
    return span == 0 ? 0 : now + span;
}

void token_make(struct txn *txn, const struct entity *entity, const struct token *wanted,
                struct changes *changes, struct token *ret_token, char *ret_text)
{
    struct change change = {.type = CHANGE_TOKEN_ADD};
    struct token_full *made = &change.token.after;
    made->entity = entity->number;
    made->token = *wanted;
    made->token.id = draw_free_id(txn, changes);
    made->token.created = clock_now();
    made->token.has_text = true;
    made->token.counted = txn->store->config.usage[0] != '\0';
    if (made->token.expires > EXPIRES_MAX)
        made->token.expires = EXPIRES_MAX;
    name_copy(made->token.entity, sizeof made->token.entity, entity->name);
    mint_text(made->token.id, ret_text);
    token_digest(ret_text, made->digest);
    txn_seal(txn, ret_text, made->sealed);
    changes_add(changes, txn, &change);
    *ret_token = made->token;
}

void token_create(struct txn *txn, const struct tier_table *tiers, const struct token_new *wanted,
                  struct changes *changes, struct token *ret_token, char *ret_text)
{
    struct entity owner;
    const int64_t now = clock_now();
    if (need_entity(txn, wanted->entity, &owner) <= 0)
        return;
    rule_token_name(txn, &owner, wanted->name);
    rule_token_limit(txn, tiers, &owner);
    rule_expires(txn, wanted->expires != NULL ? *wanted->expires : 0, now);
    if (txn->code != 0)
        return;
    struct token token = {.active = true, .expires = default_expiration(txn, now)};
    if (wanted->expires != NULL)
        token.expires = *wanted->expires;
    name_copy(token.name, sizeof token.name, wanted->name);
    retired_sweep(txn, owner.number, now, changes);
    token_make(txn, &owner, &token, changes, ret_token, ret_text);
}

int store_token_create(struct store *store, const struct tier_table *tiers, const char *entity,
                       const char *name, const int64_t *expires, struct token *ret_token,
                       char *ret_text, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    const struct token_new wanted = {.entity = entity, .name = name, .expires = expires};
    struct changes changes = {0};
    struct token token = {0};
    char text[TOKEN_TEXT_LEN + 1] = "";
    token_create(&txn, tiers, &wanted, &changes, &token, text);
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    if (code == 0) {
        *ret_token = token;
        memcpy(ret_text, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return code;
}

int store_token_edit(struct store *store, const struct token_ref *ref,
                     const struct token_edit *edit, struct token *ret_token, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_SET};
    struct changes changes = {0};
    struct token_full *before = &change.token.before, *after = &change.token.after;
    if (need_token(&txn, ref, before) > 0) {
        *after = *before;
        if (edit->name != NULL && strcmp(edit->name, before->token.name) != 0) {
            struct entity owner;
            if (need_entity(&txn, before->token.entity, &owner) > 0)
                rule_token_name(&txn, &owner, edit->name);
            name_copy(after->token.name, sizeof after->token.name, edit->name);
        }
        if (edit->expires != NULL) {
            rule_expires(&txn, *edit->expires, clock_now());
            after->token.expires = *edit->expires;
        }
        if (edit->active != NULL)
            after->token.active = *edit->active != 0;
        rule_not_retiring(&txn, before);
        retired_sweep(&txn, before->entity, clock_now(), &changes);
        retiring_follow(&txn, before, after, &changes);
        changes_add(&changes, &txn, &change);
    }
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    if (code == 0) {
        *ret_token = after->token;
        usage_tell_one(store, ret_token);
    }
    return code;
}

static bool same_token(const struct token *a, const struct token *b)
{
    return a->id == b->id && a->active == b->active && a->created == b->created &&
           a->expires == b->expires && strcmp(a->name, b->name) == 0 &&
           strcmp(a->entity, b->entity) == 0;
}

/* Everything that can refuse a removal. */
static void judge_remove(struct txn *txn, const struct token *shown, bool last,
                         struct token_full *ret_token)
{
    struct entity owner;
    const struct token_ref ref = {.by_id = true, .id = shown->id};
    if (need_token(txn, &ref, ret_token) <= 0)
        return;
    if (!same_token(shown, &ret_token->token))
        txn_fail(txn, ESPT_REFUSED,
                 "the token was changed meanwhile; nothing was removed; look at it again");
    if (need_entity(txn, shown->entity, &owner) > 0 && !shown->retiring)
        rule_last_token(txn, &owner, last);
}

int store_token_removable(struct store *store, const struct token *shown, bool last,
                          struct espt_error *err)
{
    struct txn txn;
    struct token_full token;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    judge_remove(&txn, shown, last, &token);
    txn_abort(&txn);
    return txn.code;
}

int store_token_remove(struct store *store, const struct token *shown, bool last,
                       struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, true, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_REMOVE};
    struct changes changes = {0};
    judge_remove(&txn, shown, last, &change.token.before);
    if (txn.code == 0) {
        retiring_follow(&txn, &change.token.before, NULL, &changes);
        changes_add(&changes, &txn, &change);
    }
    apply(&txn, &changes);
    code = txn_commit(&txn);
    changes_clear(&changes);
    return code;
}
