/* SPDX-License-Identifier: ISC */
#include "store/token_set.h"

#include "store/apply.h"
#include "store/begin.h"
#include "store/rights.h"
#include "store/usage.h"

#include "common/grow.h"

#include <stdlib.h>
#include <string.h>

void tokens_clear(struct token_set *set)
{
    free(set->item);
    set->item = NULL;
    set->count = 0;
    for (size_t i = 0; i < set->refusals; i++)
        free(set->refusal[i].message);
    free(set->refusal);
    set->refusal = NULL;
    set->refusals = set->refusal_room = 0;
}

bool set_refused(struct txn *txn, struct token_set *set, size_t ref)
{
    if (!set->dry || txn->code == 0)
        return false;
    const int code = txn_forgive(txn);
    if (txn->code != 0)
        return false;
    struct token_refusal *all =
        grown(set->refusal, set->refusals, &set->refusal_room, sizeof *set->refusal);
    set->refusal = all != NULL ? all : set->refusal;
    char *message = strdup(txn->err->message);
    if (all == NULL || message == NULL) {
        free(message);
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return false;
    }
    struct token_refusal *added = &all[set->refusals++];
    added->ref = ref;
    added->code = code;
    added->message = message;
    return true;
}

static int by_id(const void *a, const void *b)
{
    const struct token_item *left = *(const struct token_item *const *)a;
    const struct token_item *right = *(const struct token_item *const *)b;
    if (left->token.id != right->token.id)
        return left->token.id < right->token.id ? -1 : 1;
    return (left->ref > right->ref) - (left->ref < right->ref);
}

static int by_entity(const void *a, const void *b)
{
    const struct token_item *left = *(const struct token_item *const *)a;
    const struct token_item *right = *(const struct token_item *const *)b;
    if (left->entity != right->entity)
        return left->entity < right->entity ? -1 : 1;
    return (left->ref > right->ref) - (left->ref < right->ref);
}

/* The items in another order. The caller frees it; NULL: the transaction has failed. */
static struct token_item **in_order(struct txn *txn, struct token_set *set,
                                    int (*order)(const void *, const void *))
{
    struct token_item **items = calloc(set->count + 1, sizeof(struct token_item *));
    if (items == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < set->count; i++)
        items[i] = &set->item[i];
    qsort(items, set->count, sizeof *items, order);
    return items;
}

void set_drop_done(struct token_set *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (!set->item[i].done)
            set->item[kept++] = set->item[i];
    }
    set->count = kept;
}

/* A token may be named by its id and by its name. */
static void drop_duplicates(struct txn *txn, struct token_set *set)
{
    struct token_item **items = in_order(txn, set, by_id);
    if (items == NULL)
        return;
    for (size_t i = 1; i < set->count; i++)
        items[i]->done = items[i]->token.id == items[i - 1]->token.id;
    free(items);
    set_drop_done(set);
}

void set_find(struct txn *txn, struct token_set *set)
{
    struct token_full token;
    tokens_clear(set);
    set->item = calloc(set->refs + 1, sizeof *set->item);
    if (set->item == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    for (size_t ref = 0; ref < set->refs; ref++) {
        set->failed = ref;
        if (need_token(txn, &set->ref[ref], &token) > 0)
            set->item[set->count++] =
                (struct token_item){.token = token.token, .ref = ref, .entity = token.entity};
        else if (!set_refused(txn, set, ref))
            return;
    }
    drop_duplicates(txn, set);
}

struct token_item **set_by_entity(struct txn *txn, struct token_set *set)
{
    return in_order(txn, set, by_entity);
}

void set_each(struct writing *w, struct token_set *set, set_fn fn, void *arg)
{
    struct set_change change = {.w = w, .arg = arg};
    struct token_item **items = set_by_entity(&w->txn, set);
    for (size_t i = 0; items != NULL && i < set->count && w->txn.code == 0; i++) {
        const size_t from = w->changes.count;
        set->failed = items[i]->ref;
        fn(&change, items[i]);
        if (set_refused(&w->txn, set, items[i]->ref)) {
            items[i]->done = true;
            w->changes.count = from;
        }
        apply_from(&w->txn, &w->changes, from);
    }
    retiring_clear(&change.list);
    free(items);
    if (set->dry)
        set_drop_done(set);
}

int set_end(struct writing *w, const struct token_set *set)
{
    if (!set->dry)
        return writing_end_applied(w);
    txn_abort(&w->txn);
    changes_clear(&w->changes);
    return w->txn.code;
}

int store_tokens_get(struct store *store, struct token_set *set, struct espt_error *err)
{
    struct txn txn;
    struct usage_files *files;
    int code = usage_begin(&txn, store, set->refs > 1, &files, err);
    if (code != 0)
        return code;
    set_find(&txn, set);
    for (size_t i = 0; i < set->count && txn.code == 0; i++)
        usage_load(&txn, files, &set->item[i].token);
    txn_abort(&txn);
    usage_files_close(files);
    return txn.code;
}

bool token_same(const struct token *shown, const struct token *now)
{
    return shown->id == now->id && shown->active == now->active &&
           shown->retiring == now->retiring && shown->created == now->created &&
           shown->expires == now->expires && shown->off_by == now->off_by &&
           strcmp(shown->name, now->name) == 0 && strcmp(shown->entity, now->entity) == 0 &&
           strcmp(shown->note, now->note) == 0;
}
