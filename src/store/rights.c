#include "store/rights.h"

#include "store/load.h"

#include <stdlib.h>
#include <string.h>

#define ASK "ask your account manager"

void rights_take(struct txn *txn)
{
    const char *name = txn->store->as;
    struct entity reseller;
    if (name[0] == '\0')
        return;
    if (need_entity(txn, name, &txn->as) <= 0)
        return;
    bool active = txn->as.active;
    if (txn->as.reseller[0] != '\0' && find_entity(txn, txn->as.reseller, &reseller) > 0)
        active = active && reseller.active;
    if (!active)
        txn_fail(txn, ESPT_REFUSED, "%s, or its reseller, is inactive and may do nothing; " ASK,
                 name);
    txn->limited = true;
}

bool rights_see(const struct txn *txn, const struct entity *entity)
{
    if (!txn->limited || entity->number == txn->as.number)
        return true;
    return txn->as.kind == KIND_RESELLER && strcmp(entity->reseller, txn->as.name) == 0;
}

/* --- every entity --- */

static int all_each(struct txn *txn, entity_fn fn, void *arg)
{
    struct walk names;
    int result = 0;
    walk_begin(&names, txn, TABLE_NAMES, NULL, 0);
    while (result == 0 && walk_next(&names)) {
        uint32_t number;
        struct entity entity;
        if (number_decode(&names.key, names.value.mv_data, names.value.mv_size, &number) &&
            load_entity_number(txn, number, &entity) > 0)
            result = fn(arg, &entity, txn->err);
        else
            txn_damaged(txn, TABLE_NAMES, "an entity");
    }
    walk_end(&names);
    return result;
}

static int by_name(const void *a, const void *b)
{
    const struct entity *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* The customers of a reseller are kept by number: its own, and they, are put in order here. */
static int own_each(struct txn *txn, entity_fn fn, void *arg)
{
    const size_t room = (size_t)txn->as.customers + 1;
    struct entity *own = calloc(room, sizeof *own);
    if (own == NULL)
        return txn_fail(txn, ESPT_UNUSABLE, "out of memory");
    size_t count = 0;
    own[count++] = txn->as;
    struct walk walk;
    walk_customers(&walk, txn, txn->as.number);
    while (count < room && walk_next_customer(&walk, &own[count]))
        count++;
    walk_end(&walk);
    qsort(own, count, sizeof *own, by_name);
    int result = 0;
    for (size_t i = 0; i < count && result == 0 && txn->code == 0; i++)
        result = fn(arg, &own[i], txn->err);
    free(own);
    return result;
}

int visible_each(struct txn *txn, entity_fn fn, void *arg)
{
    return txn->limited ? own_each(txn, fn, arg) : all_each(txn, fn, arg);
}

/* --- what may be changed --- */

void rights_add(struct txn *txn, enum entity_kind kind, const char **reseller)
{
    if (!txn->limited)
        return;
    if (txn->as.kind != KIND_RESELLER || kind != KIND_CUSTOMER) {
        txn_fail(txn, ESPT_REFUSED, "%s may create %s; " ASK, txn->as.name,
                 txn->as.kind == KIND_RESELLER ? "customers alone" : "no entities");
        return;
    }
    if (*reseller != NULL && strcmp(*reseller, txn->as.name) != 0)
        no_entity(txn);
    *reseller = txn->as.name;
}

static bool itself(struct txn *txn, const struct entity *entity)
{
    if (!txn->limited || entity->number != txn->as.number)
        return false;
    txn_fail(txn, ESPT_REFUSED, "%s does not change itself; " ASK, entity->name);
    return true;
}

void rights_edit(struct txn *txn, const struct entity *entity, const struct entity_edit *edit)
{
    if (itself(txn, entity) || !txn->limited || edit->reseller == NULL)
        return;
    if (edit->reseller[0] == '\0')
        txn_fail(txn, ESPT_REFUSED, "%s may not give a customer away; " ASK, txn->as.name);
    else if (strcmp(edit->reseller, txn->as.name) != 0)
        no_entity(txn);
}

void rights_remove(struct txn *txn, const struct entity *entity)
{
    itself(txn, entity);
}
