/* SPDX-License-Identifier: ISC */
#include "store/rights.h"
#include "store/name_form.h"

#include <stdlib.h>
#include <string.h>

#define ASK "ask your account manager"

int store_as(struct store *store, const char *entity, struct espt_error *err)
{
    if (entity == NULL)
        entity = "";
    else if (!entity_name_ok(entity, strlen(entity)))
        return espt_fail(err, ESPT_USAGE, "--as takes an entity's name");
    memcpy(store->as, entity, strlen(entity) + 1);
    store->as_number = 0;
    return 0;
}

void store_as_entity(struct store *store, const struct entity *entity)
{
    memcpy(store->as, entity->name, sizeof store->as);
    store->as_number = entity->number;
}

void rights_load(struct txn *txn)
{
    const char *name = txn->store->as;
    struct entity reseller;
    if (name[0] == '\0')
        return;
    txn->limited = false; /* until the entity is found */
    if (need_entity(txn, name, &txn->as) <= 0)
        return;
    if (txn->store->as_number != 0 && txn->store->as_number != txn->as.number) {
        no_entity(txn);
        return;
    }
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

/* --- find what the user named --- */

int no_entity(struct txn *txn)
{
    return txn_fail(txn, ESPT_MISSING,
                    "there is no such entity; run 'esp-tokenctl entity list' to see them");
}

int need_entity(struct txn *txn, const char *name, struct entity *ret_entity)
{
    struct entity entity;
    int found = load_entity_name(txn, name, &entity);
    if (found < 0)
        return found;
    if (found == 0 || !rights_see(txn, &entity))
        return no_entity(txn);
    *ret_entity = entity;
    return found;
}

int need_token(struct txn *txn, const struct token_ref *ref, struct token_full *ret_token)
{
    char name[TOKEN_NAME_MAX + 1];
    uint64_t id = ref->id;
    int found = 1;
    if (!ref->by_id) {
        struct entity entity = {0};
        found = need_entity(txn, ref->entity, &entity);
        if (found > 0)
            found = load_token_named(txn, entity.number, ref->name, &id);
        /* an older version may have stored the name as given; if it did not, look for its NFC form
         */
        if (found == 0 && entity.number != 0 && name_composed(ref->name, name))
            found = load_token_named(txn, entity.number, name, &id);
    }
    struct token_full token = {0};
    struct entity owner;
    if (found > 0)
        found = load_token_id(txn, id, &token);
    if (found > 0 && load_entity_number(txn, token.entity, &owner) <= 0)
        return txn_damaged(txn, TABLE_ENTITIES, token.token.entity);
    if (found > 0 && rights_see(txn, &owner)) {
        *ret_token = token;
        ret_token->token.suspended = entity_suspends(&owner);
        return found;
    }
    if (found >= 0)
        return txn_fail(txn, ESPT_MISSING,
                        "there is no such token; run 'esp-tokenctl list' to see them");
    return found;
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
        if (number_decode(&names.key, names.value.data, names.value.len, &number) &&
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

/* The index lists a reseller's customers by number. So the reseller and its customers are sorted by
   name here. */
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

/* --- additions and edits that `--as` allows --- */

void rights_add(struct txn *txn, enum entity_kind kind, const char **reseller)
{
    if (!txn->limited)
        return;
    if (txn->as.kind != KIND_RESELLER || kind != KIND_CUSTOMER) {
        txn_fail(txn, ESPT_REFUSED, "%s may create %s; " ASK, txn->as.name,
                 txn->as.kind == KIND_RESELLER ? "customers only" : "no entities");
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
    txn_fail(txn, ESPT_REFUSED, "%s may not change itself; " ASK, entity->name);
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

/* --- switching on and off (§5.9) --- */

static enum off_by level(const struct txn *txn, const struct entity *entity)
{
    if (!txn->limited)
        return OFF_PLATFORM;
    return entity->number == txn->as.number ? OFF_ENTITY : OFF_RESELLER;
}

/* Refuses the action `what` if the actor's level is below the level that switched it off. */
static bool is_above(struct txn *txn, const struct entity *entity, const struct token *token,
                     const char *what)
{
    const enum off_by by = token != NULL ? token->off_by : entity->off_by;
    const char *slash = token != NULL ? "/" : "", *name = token != NULL ? token->name : "";
    if (by <= level(txn, entity))
        return true;
    if (by == OFF_RESELLER && entity->reseller[0] != '\0')
        txn_fail(txn, ESPT_REFUSED,
                 "%s%s%s was switched off by reseller %s, and only %s or the platform %s; ask %s",
                 entity->name, slash, name, entity->reseller, entity->reseller, what,
                 entity->reseller);
    else
        txn_fail(txn, ESPT_REFUSED, "%s%s%s was switched off by %s, and only the platform %s; " ASK,
                 entity->name, slash, name,
                 by == OFF_RESELLER ? "a former reseller" : "the platform", what);
    return false;
}

struct switched rights_switch(struct txn *txn, const struct entity *entity,
                              const struct token *token, bool active)
{
    const enum off_by by = token != NULL ? token->off_by : entity->off_by;
    const enum off_by mine = level(txn, entity);
    if (active)
        return is_above(txn, entity, token, "switches it on again")
                   ? (struct switched){.active = true, .off_by = OFF_NOBODY}
                   : (struct switched){.active = false, .off_by = by};
    return (struct switched){.active = false, .off_by = by > mine ? by : mine};
}

void rights_remove_token(struct txn *txn, const struct entity *entity, const struct token *token)
{
    is_above(txn, entity, token, "removes it");
}

void rights_remove(struct txn *txn, const struct entity *entity)
{
    if (!itself(txn, entity))
        is_above(txn, entity, NULL, "removes it");
}
