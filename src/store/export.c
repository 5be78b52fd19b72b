/* SPDX-License-Identifier: ISC */
/* export: all entities and tokens of one snapshot, in an order that can be imported. */
#include "store/begin.h"
#include "store/load.h"
#include "store/rights.h"

#include <string.h>

struct exporting {
    struct txn *txn;
    enum entity_kind kind; /* kind of this pass: resellers come first, then their customers */
    entity_fn on_entity;
    export_fn on_token;
    void *arg;
};

static int export_entity(void *arg, const struct entity *entity, struct espt_error *err)
{
    const struct exporting *exporting = arg;
    struct walk walk;
    struct token_full token;
    if (entity->kind != exporting->kind)
        return 0;
    int result = exporting->on_entity(exporting->arg, entity, err);
    walk_tokens(&walk, exporting->txn, entity->number);
    while (result == 0 && walk_next_token(&walk, &token)) {
        struct token_secret secret;
        memcpy(secret.digest, token.digest, sizeof secret.digest);
        memcpy(secret.sealed, token.sealed, sizeof secret.sealed);
        secret.key = token.key;
        result = exporting->on_token(exporting->arg, &token.token, &secret, err);
    }
    walk_end(&walk);
    return result;
}

int store_export(struct store *store, entity_fn on_entity, export_fn on_token, void *arg,
                 struct espt_error *err)
{
    struct txn txn;
    int result = store_begin(&txn, store, false, err);
    if (result != 0)
        return result;
    struct exporting exporting = {
        .txn = &txn, .on_entity = on_entity, .on_token = on_token, .arg = arg};
    for (int kind = KIND_RESELLER; result == 0 && kind <= KIND_CUSTOMER; kind++) {
        exporting.kind = (enum entity_kind)kind;
        result = visible_each(&txn, export_entity, &exporting);
    }
    txn_abort(&txn);
    return txn.code != 0 ? txn.code : result;
}
