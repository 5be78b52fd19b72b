#include "store/tokens.h"

#include "store/reveal.h"
#include "store/rights.h"
#include "store/usage.h"

#include <sodium.h>
#include <string.h>

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
    struct writing w;
    /* first: a passphrase may be asked for */
    __attribute__((cleanup(keys_free))) struct keys *keys = keys_new(err);
    int code = keys != NULL ? keyfile_read_secret(&store->config, keys, err) : ESPT_UNUSABLE;
    if (code == 0)
        code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    struct change change = {.type = CHANGE_TOKEN_REVEAL};
    char text[TOKEN_TEXT_LEN + 1] = "";
    if (need_token(&w.txn, ref, &change.token.before) > 0)
        open_text(&w.txn, keys, &change.token.before, text);
    changes_add(&w.changes, &w.txn, &change);
    code = writing_end(&w);
    if (code == 0) {
        memcpy(ret_text, text, sizeof text);
        *ret_token = change.token.before.token;
        usage_tell_one(store, ret_token);
    }
    sodium_memzero(text, sizeof text);
    return code;
}
