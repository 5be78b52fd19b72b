/* SPDX-License-Identifier: ISC */
#include "store/log_rights.h"

#include "store/load.h"
#include "store/log_history.h"

#include <string.h>

static bool is_ours(struct txn *txn, const char *reseller, uint64_t sequence)
{
    return txn->as.kind == KIND_RESELLER &&
           log_history_holder(txn, reseller, sequence) == txn->as.number;
}

/* Whether the entity belongs to `--as` now, or did so when it was removed. */
static bool still_ours(struct txn *txn, uint32_t number)
{
    struct entity entity;
    if (number == txn->as.number)
        return true;
    const int found = load_entity_number(txn, number, &entity);
    if (found > 0)
        return txn->as.kind == KIND_RESELLER && strcmp(entity.reseller, txn->as.name) == 0;
    const struct log_past *last = found == 0 ? log_history_last(txn, number) : NULL;
    return last != NULL && is_ours(txn, last->reseller, last->last);
}

/* MUST 1, for an entity whose record the change does not have. */
static bool sees_number(struct txn *txn, uint32_t number, uint64_t sequence)
{
    struct entity entity;
    if (number == 0 || number == txn->as.number)
        return number != 0;
    if (txn->as.kind != KIND_RESELLER || !still_ours(txn, number))
        return false;
    const struct log_past *then = log_history_then(txn, number, sequence);
    return then != NULL ? is_ours(txn, then->reseller, sequence)
                        : load_entity_number(txn, number, &entity) > 0 &&
                              is_ours(txn, entity.reseller, sequence);
}

/* The entity as it was before or after the change. */
static bool sees_entity(struct txn *txn, const struct entity *entity, uint64_t sequence)
{
    return entity->number == txn->as.number ||
           (is_ours(txn, entity->reseller, sequence) && still_ours(txn, entity->number));
}

void log_rights_limit(struct txn *txn, struct log_entry *entry)
{
    struct actor *actor = &entry->actor;
    const uint32_t acting = log_history_holder(txn, entry->as, entry->sequence);
    entry->acting = sees_number(txn, acting, entry->sequence) ? acting : 0;
    if (entry->acting != 0 && strcmp(actor->user, STORE_PORTAL_USER) == 0)
        memcpy(entry->person, actor->login, sizeof entry->person);
    actor->user[0] = actor->login[0] = actor->sudo[0] = '\0';
}

/* Sets change->about. False, too, if the transaction fails. */
static bool may_see(struct txn *txn, const struct log_entry *entry, struct log_change *change)
{
    const uint64_t sequence = entry->sequence;
    const struct entity *before = &change->before.entity, *after = &change->after.entity;
    bool seen;
    if (change->what == LOG_NOTE) {
        change->about = entry->acting;
        seen = entry->acting != 0;
    } else if (change->is_token) {
        change->about = log_history_holder(
            txn, change->what == LOG_ADD ? change->after.token.entity : change->before.token.entity,
            sequence);
        seen = sees_number(txn, change->about, sequence);
    } else {
        change->about = change->what == LOG_ADD ? after->number : before->number;
        seen = (change->what == LOG_ADD || sees_entity(txn, before, sequence)) &&
               (change->what == LOG_REMOVE || sees_entity(txn, after, sequence));
    }
    return seen && txn->code == 0;
}

bool log_next_change(const struct log_entry *entry, struct log_place *place,
                     struct log_change *ret_change)
{
    struct txn *limit = entry->bytes->limit;
    while (log_bytes_next(entry->bytes, place, ret_change)) {
        if (limit == NULL || may_see(limit, entry, ret_change))
            return true;
    }
    return false;
}
