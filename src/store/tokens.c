/* SPDX-License-Identifier: ISC */
#include "store/tokens.h"

#include "store/begin.h"
#include "store/changes.h"
#include "store/reveal.h"
#include "store/rights.h"
#include "store/usage.h"
#include "store/writing.h"

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
        usage_load(&txn, files, &token.token);
        *ret_token = token.token;
    }
    txn_abort(&txn);
    usage_files_close(files);
    return txn.code;
}

/* As the validator decides it: a reseller's token may read the data of its customers. Another
   entity and a missing one are the same, so the rights of --as need no check. */
static bool may_read(struct txn *txn, const struct entity *owner, const char *asked)
{
    struct entity other;
    if (asked == NULL || strcmp(asked, owner->name) == 0)
        return true;
    return load_entity_name(txn, asked, &other) > 0 && strcmp(other.reseller, owner->name) == 0;
}

int store_token_facts(struct store *store, const struct token_ref *ref, const char *asked,
                      struct token_facts *ret_facts, struct espt_error *err)
{
    struct txn txn;
    struct token_full token;
    struct token_facts facts = {0};
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    if (need_token(&txn, ref, &token) > 0 &&
        find_entity(&txn, token.token.entity, &facts.owner) > 0) {
        facts.token = token.token;
        facts.may_read = may_read(&txn, &facts.owner, asked);
    }
    txn_abort(&txn);
    if (txn.code == 0)
        *ret_facts = facts;
    return txn.code;
}

/* Opens the box. Its content must be this token's text. */
static void open_text(struct txn *txn, const struct keys *keys, const struct token_full *token,
                      char *ret_text)
{
    uint64_t id;
    uint8_t digest[TOKEN_DIGEST_LEN];
    if (!token->token.has_text) {
        txn_fail(txn, ESPT_REFUSED, "this token was imported without its text; ask its holder");
        return;
    }
    txn->code =
        reveal_open(&txn->store->config, keys, token->key, token->sealed, ret_text, txn->err);
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
    /* read the keys before the transaction: it may ask for a passphrase */
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
        usage_load_alone(store, ret_token);
    }
    sodium_memzero(text, sizeof text);
    return code;
}
