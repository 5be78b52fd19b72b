/* SPDX-License-Identifier: ISC */
#include "facts.h"

#include <string.h>

/* For a record that another record refers to: if it is absent, the store is damaged. */
static enum reader_status must_exist(enum reader_status status)
{
    return status == READER_NONE ? READER_CORRUPT : status;
}

/* Reads the entity that the query names. The token may read its data if the token's entity is its
   reseller. An unknown name is no error. */
static enum reader_status read_asked_entity(struct facts *facts, struct snapshot *snapshot)
{
    const espt_query *query = facts->query;
    uint8_t value[RECORD_MAX];
    size_t len;
    uint32_t number;
    struct entity_record asked;
    struct record_key name = key_name(query->entity, query->entity_len);
    enum reader_status status = reader_get(snapshot, TABLE_NAMES, &name, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    if (!number_decode(&name, value, len, &number))
        return READER_CORRUPT;
    struct record_key key = key_integer(number);
    status = must_exist(reader_get(snapshot, TABLE_ENTITIES, &key, value, &len));
    if (status != READER_OK)
        return status;
    if (!entity_decode(&key, value, len, &asked) || strlen(asked.name) != name.len ||
        memcmp(asked.name, name.bytes, name.len) != 0)
        return READER_CORRUPT;
    facts->may_read = asked.reseller == facts->auth.entity;
    return READER_OK;
}

static void seek_reseller(struct facts *facts, struct snapshot *snapshot, uint32_t number)
{
    const struct record_key key = key_integer(number);
    facts->reseller_place = reader_seek(snapshot, TABLE_RESELLERS, &key);
    facts->direct = facts->direct && facts->reseller_place.node != 0;
}

static enum reader_status read_reseller(struct facts *facts, struct snapshot *snapshot)
{
    uint8_t value[RECORD_MAX];
    size_t len;
    const struct record_key key = key_integer(facts->auth.reseller);
    enum reader_status status = must_exist(
        reader_fetch(snapshot, TABLE_RESELLERS, &key, &facts->reseller_place, value, &len));
    if (status == READER_OK && !reseller_decode(&key, value, len, &facts->reseller))
        return READER_CORRUPT;
    return status;
}

/* Runs after reader_seek(), so that the processor prefetches the record meanwhile. */
static void digest_own(struct facts *facts)
{
    const char *text = facts->query->token;
    facts->from_memo = memo_find(facts->memo, facts->id, text, facts->digest);
    if (!facts->from_memo)
        token_digest(text, facts->digest);
    facts->hashed = true;
}

static enum reader_status read_facts(struct facts *facts, struct snapshot *snapshot)
{
    const espt_query *query = facts->query;
    const struct auth_record *auth = &facts->auth;
    uint8_t value[RECORD_MAX];
    size_t len;
    struct record_key key = key_integer(facts->id);
    facts->known = facts->may_read = false;
    facts->state = reader_state_id(snapshot);
    facts->fresh = snapshot->state.position.fresh;
    facts->place = reader_seek(snapshot, TABLE_AUTH, &key);
    facts->direct = facts->place.node != 0;
    if (!facts->hashed)
        digest_own(facts);
    enum reader_status status =
        reader_fetch(snapshot, TABLE_AUTH, &key, &facts->place, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    const uint32_t reseller = auth_peek_reseller(value, len);
    if (reseller != 0) /* prefetch its record while this one is checked */
        seek_reseller(facts, snapshot, reseller);
    if (!auth_decode(&key, value, len, &facts->auth))
        return READER_CORRUPT;
    facts->known = token_digest_same(auth->digest, facts->digest);
    if (!facts->known)
        return READER_OK;
    if (auth->reseller != 0) {
        status = read_reseller(facts, snapshot);
        if (status != READER_OK)
            return status;
    }
    if (query->entity == NULL)
        facts->may_read = true;
    else if (!entity_name_ok(query->entity, query->entity_len))
        facts->may_read = false;
    else if (strlen(auth->entity_name) == query->entity_len &&
             memcmp(auth->entity_name, query->entity, query->entity_len) == 0)
        facts->may_read = true;
    else if (auth->kind == KIND_RESELLER)
        return read_asked_entity(facts, snapshot);
    return READER_OK;
}

enum reader_status facts_read_own(void *arg, struct snapshot *snapshot)
{
    return read_facts(arg, snapshot);
}

enum reader_status facts_read_foreign(void *arg, struct snapshot *snapshot)
{
    struct facts *facts = arg;
    uint8_t value[RECORD_MAX];
    size_t len;
    facts->known = false;
    facts->state = reader_state_id(snapshot);
    facts->fresh = snapshot->state.position.fresh;
    facts->foreign = snapshot->state.foreign;
    if (!facts->foreign)
        return READER_OK;
    token_foreign_digest(facts->query->token, facts->query->token_len, facts->digest);
    facts->hashed = true;
    struct record_key key = key_digest(facts->digest);
    enum reader_status status = reader_get(snapshot, TABLE_FOREIGN, &key, value, &len);
    if (status != READER_OK)
        return status == READER_NONE ? READER_OK : status;
    if (!id_decode(TABLE_FOREIGN, &key, value, len, &facts->id))
        return READER_CORRUPT;
    status = read_facts(facts, snapshot);
    /* damage: the index entry refers to an absent token, or to another token */
    return status == READER_OK && !facts->known ? READER_CORRUPT : status;
}
