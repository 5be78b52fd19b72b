/* SPDX-License-Identifier: ISC */
#include "fleet/journal_model.h"

#include "fleet/ops.h"

#include <endian.h>

#define RULE(model, condition) \
    ck_assert_msg((condition), "entry %llu: %s", (unsigned long long)(model)->number, #condition)

static uint64_t integer_of(const struct record_key *key)
{
    uint64_t le = 0;
    memcpy(&le, key->bytes, key->len < sizeof le ? key->len : sizeof le);
    return le64toh(le);
}

/* --- what an entry changes --- */

static void take_entity(struct model *model, const struct op *op)
{
    const uint32_t number = (uint32_t)integer_of(&op->key);
    RULE(model, number > 0 && number < MODEL_MAX);
    struct model_entity *entity = &model->entities[number];
    if (op->kind == OP_DELETE) {
        RULE(model, entity->number == number);
        *entity = (struct model_entity){0};
        return;
    }
    entity->is_new = entity->number == 0;
    entity->number = number;
    RULE(model, !entity->is_new || number >= model->next_number); /* no number is reused */
    RULE(model, entity_decode(&op->key, op->value, op->len, &entity->record));
}

static void take_token(struct model *model, const struct op *op)
{
    const uint64_t id = integer_of(&op->key);
    struct model_token *token = model->tokens;
    while (token < model->tokens + MODEL_MAX && token->id != id)
        token++;
    if (op->kind == OP_DELETE) {
        RULE(model, token < model->tokens + MODEL_MAX);
        *token = (struct model_token){0};
        return;
    }
    if (token == model->tokens + MODEL_MAX) {
        for (token = model->tokens; token->id != 0; token++)
            RULE(model, token + 1 < model->tokens + MODEL_MAX);
        *token = (struct model_token){.id = id, .is_new = true};
    }
    RULE(model, token_decode(&op->key, op->value, op->len, &token->record));
}

/* --- the rules, by their numbers in the contract --- */

static const struct model_entity *entity_of(const struct model *model, uint32_t number)
{
    return number > 0 && number < MODEL_MAX && model->entities[number].number == number
               ? &model->entities[number]
               : NULL;
}

static void check_entity(const struct model *model, const struct model_entity *entity)
{
    const struct entity_record *record = &entity->record;
    const struct tier *tier = tier_find(model->tiers, record->tier);
    const struct model_entity *reseller = entity_of(model, record->reseller);
    bool has_default = false;
    uint32_t tokens = 0, customers = 0;
    for (int i = 0; i < MODEL_MAX; i++) {
        const struct model_token *token = &model->tokens[i];
        const struct model_entity *other = &model->entities[i];
        if (other->number != 0 && other != entity)
            RULE(model, strcmp(other->record.name, record->name) != 0); /* 1 */
        customers += other->number != 0 && other->record.reseller == entity->number;
        if (token->id == 0 || token->record.entity != entity->number)
            continue;
        tokens += !token->record.retiring;
        has_default = has_default || (token->is_new && strcmp(token->record.name, "default") == 0);
    }
    RULE(model, entity_name_ok(record->name, strlen(record->name)));
    RULE(model, tier != NULL);
    RULE(model, record->reseller == 0 || (record->kind == KIND_CUSTOMER && reseller != NULL &&
                                          reseller->record.kind == KIND_RESELLER)); /* 1 */
    RULE(model, !entity->is_new || has_default);                                    /* 2 */
    RULE(model,
         reseller == NULL || tier->rank <= tier_find(model->tiers, reseller->record.tier)->rank);
    RULE(model, record->tokens <= entity->before || tier->max_tokens == TIER_UNLIMITED ||
                    record->tokens <= tier->max_tokens);                     /* 4 */
    RULE(model, record->tokens == tokens && record->customers == customers); /* 7 */
    RULE(model, record->active == (record->off_by == OFF_NOBODY));           /* 9 */
}

static void check_token(const struct model *model, const struct model_token *token)
{
    const struct token_record *record = &token->record;
    RULE(model, entity_of(model, record->entity) != NULL); /* 6 */
    RULE(model, record->name[0] != '\0');
    for (const struct model_token *other = model->tokens; other < model->tokens + MODEL_MAX;
         other++) {
        const bool same = other != token && other->id != 0 && !other->record.retiring &&
                          !record->retiring && other->record.entity == record->entity &&
                          strcmp(other->record.name, record->name) == 0;
        RULE(model, !same); /* 5 */
    }
}

/* --- */

static void begin_entry(struct model *model, uint64_t number)
{
    model->number = number;
    for (int i = 0; i < MODEL_MAX; i++) {
        model->entities[i].is_new = model->tokens[i].is_new = false;
        model->entities[i].before = model->entities[i].record.tokens;
    }
}

static void take_part(struct model *model, const struct entry_bytes *part)
{
    struct ops_reader reader;
    struct op op;
    ops_begin(&reader, PART_VAULT, part);
    while (ops_next(&reader, &op)) {
        if (op.table == TABLE_ENTITIES)
            take_entity(model, &op);
        if (op.table == TABLE_TOKENS)
            take_token(model, &op);
    }
    RULE(model, !reader.wrong);
}

void model_take(struct model *model, const struct fleet_of *fleet, uint64_t number)
{
    size_t len;
    char needs[ENTRY_NEEDS_MAX + 1];
    espt_journal_entry pieces;
    struct entry entry;
    const char *bytes = file_read(fleet_entry_path(fleet, number), &len);
    begin_entry(model, number);
    RULE(model, bytes != NULL && entry_file_split(bytes, len, &pieces));
    RULE(model, entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &entry, needs) == ENTRY_GOOD);
    RULE(model, entry.number == number);
    take_part(model, &entry.part[PART_VAULT]);
    RULE(model, entry.next_number >= model->next_number);
    model->next_number = entry.next_number;
    for (int i = 0; i < MODEL_MAX; i++) {
        if (model->entities[i].number != 0)
            check_entity(model, &model->entities[i]);
        if (model->tokens[i].id != 0)
            check_token(model, &model->tokens[i]);
    }
}
