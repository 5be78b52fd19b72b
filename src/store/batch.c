#include "store/batch.h"

#include "store/log.h"
#include "store/rules.h"
#include "store/tokens.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    struct store *store;
    const struct tier_table *tiers;
    bool dry;
    bool open;   /* txn is */
    bool failed; /* what was added is lost */
    struct txn txn;
    struct changes changes;
};

int batch_open(struct batch **ret_batch, struct store *store, const struct tier_table *tiers,
               bool dry, struct espt_error *err)
{
    struct batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    batch->store = store;
    batch->tiers = tiers;
    batch->dry = dry;
    *ret_batch = batch;
    return 0;
}

static void forget(struct batch *batch)
{
    changes_clear(&batch->changes);
    batch->open = false;
}

void batch_close(struct batch *batch)
{
    if (batch == NULL)
        return;
    if (batch->open)
        txn_abort(&batch->txn);
    forget(batch);
    free(batch);
}

int batch_commit(struct batch *batch, struct espt_error *err)
{
    if (!batch->open || batch->dry)
        return 0;
    batch->txn.err = err;
    if (batch->txn.holds_tokens)
        apply_held(&batch->txn, &batch->changes);
    log_append(&batch->txn, &batch->changes);
    int code = txn_commit(&batch->txn);
    batch->failed = code != 0;
    forget(batch);
    return code;
}

/* --- one item --- */

/* What stands in one transaction is of one kind: imports are looked up by id, what is made is not.
 */
static int item_begin(struct batch *batch, bool makes, struct espt_error *err)
{
    if (batch->failed)
        return espt_fail(err, ESPT_UNUSABLE, "an earlier write failed; run the command again");
    batch->txn.err = err;
    if (batch->open && batch->txn.holds_tokens == makes)
        return 0;
    int code = batch_commit(batch, err);
    if (code == 0)
        code = txn_begin(&batch->txn, batch->store, true, err);
    batch->open = code == 0;
    batch->txn.holds_tokens = makes;
    return code;
}

/* Applies what the item asked for; or, refused, forgets it: rules come before any put. */
static int item_end(struct batch *batch, size_t from)
{
    struct txn *txn = &batch->txn;
    const int code = txn_forgive(txn);
    if (code != 0 && txn->code == 0) {
        batch->changes.count = from;
        return code;
    }
    apply_from(txn, &batch->changes, from);
    if (txn->code == 0)
        return 0;
    const int failure = txn->code;
    batch->failed = true;
    txn_abort(txn);
    forget(batch);
    return failure;
}

int batch_entity_add(struct batch *batch, const struct entity_new *wanted,
                     struct entity *ret_entity, struct token *ret_token, char *ret_text,
                     struct espt_error *err)
{
    int code = item_begin(batch, true, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    entity_create(&batch->txn, batch->tiers, wanted, &batch->changes, ret_entity, ret_token,
                  ret_text);
    return item_end(batch, from);
}

int batch_token_create(struct batch *batch, const struct token_new *wanted, struct token *ret_token,
                       char *ret_text, struct espt_error *err)
{
    int code = item_begin(batch, true, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    token_create(&batch->txn, batch->tiers, wanted, &batch->changes, ret_token, ret_text);
    return item_end(batch, from);
}

/* --- import --- */

static void import_entity(struct batch *batch, const struct entity *wanted, bool *ret_new)
{
    struct txn *txn = &batch->txn;
    struct change change = {.type = CHANGE_ENTITY_ADD};
    struct entity *made = &change.entity.after, there;
    if (!entity_name_ok(wanted->name, strlen(wanted->name)) ||
        !tier_name_ok(wanted->tier, strlen(wanted->tier))) {
        txn_fail(txn, ESPT_USAGE, "not the name of an entity, or of a tier");
        return;
    }
    rule_no_secret(txn, wanted->name);
    int found = load_entity_name(txn, wanted->name, &there);
    if (found > 0) {
        *ret_new = false;
        if (there.kind != wanted->kind || there.active != wanted->active ||
            (wanted->created != 0 && there.created != wanted->created) ||
            strcmp(there.tier, wanted->tier) != 0 || strcmp(there.reseller, wanted->reseller) != 0)
            txn_fail(txn, ESPT_REFUSED,
                     "there is another entity of that name; rename or remove one of the two");
        return;
    }
    rule_reseller(txn, wanted->kind, wanted->reseller);
    *made = *wanted;
    made->number = txn->state.next_number;
    if (made->created == 0)
        made->created = clock_now();
    /* a tier that is no longer in the table is kept as it is */
    if (tier_find(batch->tiers, wanted->tier) != NULL)
        rule_ceiling(txn, batch->tiers, made);
    changes_add(&batch->changes, txn, &change);
    *ret_new = true;
}

int batch_import_entity(struct batch *batch, const struct entity *entity, bool *ret_new,
                        struct espt_error *err)
{
    int code = item_begin(batch, false, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    bool is_new = false;
    import_entity(batch, entity, &is_new);
    code = item_end(batch, from);
    if (code == 0)
        *ret_new = is_new;
    return code;
}

static bool same(const struct token_full *there, const struct token *token,
                 const struct token_secret *secret)
{
    const struct token *is = &there->token;
    return is->active == token->active && is->retiring == token->retiring &&
           is->foreign == token->foreign && is->created == token->created &&
           is->expires == token->expires && strcmp(is->name, token->name) == 0 &&
           strcmp(is->entity, token->entity) == 0 &&
           memcmp(there->digest, secret->digest, sizeof there->digest) == 0;
}

/* The token of that id; or, of a foreign one without an id, that of its digest. */
static int find_imported(struct txn *txn, const struct token *token,
                         const struct token_secret *secret, struct token_full *ret_there)
{
    uint64_t id = token->id;
    if (token->foreign && id == 0) {
        struct record_key key = key_digest(secret->digest);
        MDB_val value;
        int found = txn_get(txn, TABLE_FOREIGN, &key, &value);
        if (found <= 0)
            return found;
        if (!id_decode(TABLE_FOREIGN, &key, value.mv_data, value.mv_size, &id))
            return txn_damaged(txn, TABLE_FOREIGN, token->name);
    }
    return load_token_id(txn, id, ret_there);
}

static void judge_name(struct txn *txn, const struct entity *owner, const struct token *token)
{
    if (!token->retiring)
        rule_token_name(txn, owner, token->name);
    else if (!token_name_ok(token->name, strlen(token->name)))
        txn_fail(txn, ESPT_USAGE, "not a token name");
    rule_no_secret(txn, token->name);
}

/* Two tokens of one text could not be told apart. */
static void judge_digest(struct txn *txn, const struct token_secret *secret)
{
    struct record_key key = key_digest(secret->digest);
    MDB_val value;
    if (txn_get(txn, TABLE_FOREIGN, &key, &value) > 0)
        txn_fail(txn, ESPT_REFUSED, "a token of that SHA-256 is there already, with another id");
}

static void import_token(struct batch *batch, const struct token *token,
                         const struct token_secret *secret, bool *ret_new)
{
    struct txn *txn = &batch->txn;
    struct change change = {.type = CHANGE_TOKEN_ADD};
    struct token_full *made = &change.token.after, there = {0};
    struct entity owner;
    if (need_entity(txn, token->entity, &owner) <= 0)
        return;
    const bool numbered = !token->foreign || token->id != 0;
    int found = find_imported(txn, token, secret, &there);
    if (found > 0) {
        *ret_new = false;
        struct token expected = *token;
        if (expected.created == 0)
            expected.created = there.token.created;
        if (!same(&there, &expected, secret))
            txn_fail(txn, ESPT_REFUSED,
                     "there is another token of that %s; remove it, or leave this line out",
                     numbered ? "id" : "SHA-256");
        return;
    }
    judge_name(txn, &owner, token);
    if (token->foreign)
        judge_digest(txn, secret);
    if (!numbered)
        rule_token_limit(txn, batch->tiers, &owner);
    if (txn->code != 0)
        return;
    made->token = *token;
    made->entity = owner.number;
    memcpy(made->digest, secret->digest, sizeof made->digest);
    memcpy(made->sealed, secret->sealed, sizeof made->sealed);
    if (!numbered)
        made->token.id = draw_free_id(txn, &batch->changes);
    if (made->token.created == 0)
        made->token.created = clock_now();
    changes_add(&batch->changes, txn, &change);
    *ret_new = true;
}

int batch_import_token(struct batch *batch, const struct token *token,
                       const struct token_secret *secret, bool *ret_new, struct espt_error *err)
{
    int code = item_begin(batch, false, err);
    if (code != 0)
        return code;
    const size_t from = batch->changes.count;
    bool is_new = false;
    import_token(batch, token, secret, &is_new);
    code = item_end(batch, from);
    if (code == 0)
        *ret_new = is_new;
    return code;
}
