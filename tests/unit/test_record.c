/* SPDX-License-Identifier: ISC */
/* common/record.h: the layout of records, their limits, damage, and other schemas. */
#include "common/copy.h"
#include "common/crc32c.h"
#include "common/record_bytes.h"
#include "support/support.h"

#include <string.h>

static const struct auth_record auth_sample = {
    .active = true,
    .entity_active = true,
    .kind = KIND_CUSTOMER,
    .entity = 7,
    .reseller = 3,
    .expires = 1800000000,
    .digest = {1, 2, 3},
    .entity_name = "acme",
    .tier = "lite",
};

/* The bytes on disk are a fixed format: later versions must read what this one wrote. */
START_TEST(auth_has_its_layout)
{
    uint8_t value[RECORD_MAX];
    struct record_key key = key_integer(0x0102030405060708);
    ck_assert_int_eq(key.bytes[0], 8);
    size_t len = auth_encode(&key, &auth_sample, value);
    ck_assert_uint_eq(len, 1 + 1 + 1 + 1 + 4 + 4 + 8 + 32 + 4 + 4 + 4);
    ck_assert_int_eq(value[0], 3);
    ck_assert_int_eq(value[1], 3);
    ck_assert_int_eq(value[2], 4);
    ck_assert_int_eq(value[3], 4);
    ck_assert_int_eq(value[4], 7);
    ck_assert_int_eq(value[20], 1);
    ck_assert_mem_eq(value + 52, "acmelite", 8);
}
END_TEST

START_TEST(small_copies_are_exact)
{
    enum { MAX = 200, AROUND = 64 };
    char in[MAX], out[AROUND + MAX + AROUND];
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (char)(i + 1);
    for (size_t len = 0; len <= sizeof in; len++) {
        memset(out, 0, sizeof out);
        copy_small(out + AROUND, in, len);
        ck_assert_mem_eq(out + AROUND, in, len);
        for (size_t i = 0; i < AROUND; i++)
            ck_assert(out[i] == 0 && out[AROUND + len + i] == 0);
    }
}
END_TEST

START_TEST(a_reseller_is_read_before_its_record_is_decoded)
{
    const struct record_key key = key_integer(7);
    struct auth_record auth = auth_sample;
    uint8_t value[RECORD_MAX];
    for (auth.reseller = 0; auth.reseller < 70000; auth.reseller += 6999) {
        const size_t len = auth_encode(&key, &auth, value);
        ck_assert_uint_eq(auth_peek_reseller(value, len), auth.reseller);
    }
    for (size_t len = 0; len < 12; len++) /* the number ends at byte 12 */
        ck_assert_uint_eq(auth_peek_reseller(value, len), 0);
}
END_TEST

START_TEST(records_survive_encode_and_decode)
{
    uint8_t value[RECORD_MAX];
    struct record_key key = key_integer(42);
    struct auth_record auth;
    ck_assert(auth_decode(&key, value, auth_encode(&key, &auth_sample, value), &auth));
    ck_assert_str_eq(auth.entity_name, "acme");
    ck_assert_str_eq(auth.tier, "lite");
    ck_assert_int_eq(auth.expires, 1800000000);
    ck_assert_mem_eq(auth.digest, auth_sample.digest, TOKEN_DIGEST_LEN);

    struct entity_record entity = {.kind = KIND_RESELLER,
                                   .active = true,
                                   .tokens = 2,
                                   .customers = 9,
                                   .created = 5,
                                   .name = "north",
                                   .tier = "advanced"},
                         entity_back;
    ck_assert(entity_decode(&key, value, entity_encode(&key, &entity, value), &entity_back));
    ck_assert_int_eq(entity_back.kind, KIND_RESELLER);
    ck_assert_uint_eq(entity_back.customers, 9);
    ck_assert_str_eq(entity_back.name, "north");

    struct token_record token = {.has_text = true, .entity = 1, .created = 6, .name = "default"},
                        token_back;
    memset(token.sealed, 0xab, sizeof token.sealed);
    ck_assert(token_decode(&key, value, token_encode(&key, &token, value), &token_back));
    ck_assert_str_eq(token_back.name, "default");
    ck_assert_mem_eq(token_back.sealed, token.sealed, sizeof token.sealed);
    ck_assert(!token_back.retiring && !token_back.foreign);
    size_t own = token_encode(&key, &token, value);
    ck_assert_int_eq(token_back.created, 6);
    token.created = token_id_seconds(42);
    size_t dated = token_encode(&key, &token, value);
    ck_assert_uint_eq(own - dated, sizeof token.created);
    ck_assert(token_decode(&key, value, dated, &token_back));
    ck_assert_int_eq(token_back.created, token.created);
    token.created = 6;
    token.foreign = true;
    token.has_text = false;
    size_t foreign = token_encode(&key, &token, value);
    ck_assert_uint_eq(own - foreign, SEALED_TEXT_LEN);
    ck_assert(token_decode(&key, value, foreign, &token_back));
    ck_assert(token_back.foreign && token_back.sealed[0] == 0);

    struct usage_record usage = {.uses = 7, .last_used = 1800000000}, usage_back;
    ck_assert(usage_decode(&key, value, usage_encode(&key, &usage, value), &usage_back));
    ck_assert_uint_eq(usage_back.uses, 7);
    ck_assert_int_eq(usage_back.last_used, 1800000000);
    struct notice_record notice = {.expires = 1800000000, .stage = 86400}, notice_back;
    ck_assert(notice_decode(&key, value, notice_encode(&key, &notice, value), &notice_back));
    ck_assert_int_eq(notice_back.expires, 1800000000);
    ck_assert_uint_eq(notice_back.stage, 86400);

    struct state_record state = {.transaction = 4, .revision = 5, .next_number = 6}, state_back;
    ck_assert_int_eq(state_decode(value, state_encode(&state, value), &state_back), STATE_GOOD);
    ck_assert_uint_eq(state_back.revision, 5);
    ck_assert(!state_back.closed && !state_back.foreign);
    state.closed = state.foreign = true;
    ck_assert_int_eq(state_decode(value, state_encode(&state, value), &state_back), STATE_GOOD);
    ck_assert(state_back.closed && state_back.foreign && !state_back.fleet);
    state.fleet = true;
    state.position = (struct fleet_position){.id = {1, 2},
                                             .number = 7,
                                             .hash = {3},
                                             .sum = {[31] = 4},
                                             .sites = 5,
                                             .reveal = 6,
                                             .tiers = {7}};
    ck_assert_int_eq(state_decode(value, state_encode(&state, value), &state_back), STATE_GOOD);
    ck_assert(state_back.fleet && state_back.revision == 5);
    const struct fleet_position *position = &state.position, *back = &state_back.position;
    ck_assert_mem_eq(back->id, position->id, sizeof back->id);
    ck_assert_uint_eq(back->number, 7);
    ck_assert_mem_eq(back->hash, position->hash, sizeof back->hash);
    ck_assert_mem_eq(back->sum, position->sum, sizeof back->sum);
    ck_assert_uint_eq(back->sites, 5);
    ck_assert_uint_eq(back->reveal, 6);
    ck_assert_mem_eq(back->tiers, position->tiers, sizeof back->tiers);
}
END_TEST

/* A wrong bit, another length, another key, another table: each is refused as damage. */
START_TEST(any_damage_is_detected)
{
    uint8_t value[RECORD_MAX + 1];
    struct record_key key = key_integer(42), other = key_integer(43);
    struct auth_record auth;
    size_t len = auth_encode(&key, &auth_sample, value);
    for (size_t bit = 0; bit < len * 8; bit++) {
        value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        ck_assert(!auth_decode(&key, value, len, &auth));
        value[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t cut = 0; cut < len; cut++)
        ck_assert(!auth_decode(&key, value, cut, &auth));
    ck_assert(!auth_decode(&key, value, len + 1, &auth));
    ck_assert(!auth_decode(&other, value, len, &auth));
    uint32_t number;
    uint64_t id;
    len = id_encode(TABLE_BY_ENTITY, &key, 9, value);
    ck_assert(id_decode(TABLE_BY_ENTITY, &key, value, len, &id));
    ck_assert(!id_decode(TABLE_FOREIGN, &key, value, len, &id));
    ck_assert(!number_decode(&key, value, len, &number));
    ck_assert(!empty_decode(TABLE_CUSTOMERS, &key, value, len));
}
END_TEST

/* Turns a value into one of schema 2: the same bytes with version byte 2. */
static size_t as_schema_2(enum table table, const struct record_key *key, uint8_t *value,
                          size_t len)
{
    struct writer w = {.out = value, .len = len - RECORD_CHECKSUM_LEN};
    value[0] = 2;
    return write_end(&w, table, key);
}

/* Decoders fill the fields that schema 2 lacks: what is inactive was switched off by the platform.
 */
START_TEST(schema_2_is_read)
{
    uint8_t value[RECORD_MAX];
    const struct record_key key = key_integer(77);
    struct entity_record entity = {.kind = KIND_CUSTOMER,
                                   .active = true,
                                   .name = "acme",
                                   .tier = "lite"},
                         entity_read;
    size_t len = entity_encode(&key, &entity, value);
    value[2] = 0; /* inactive, without a level, as schema 2 wrote it */
    len = as_schema_2(TABLE_ENTITIES, &key, value, len);
    ck_assert(entity_decode(&key, value, len, &entity_read));
    ck_assert(!entity_read.active && entity_read.off_by == OFF_PLATFORM);
    ck_assert_str_eq(entity_read.contact, "");
    struct token_record token = {.has_text = true, .entity = 9, .name = "web"}, token_read;
    len = as_schema_2(TABLE_TOKENS, &key, value, token_encode(&key, &token, value));
    ck_assert(token_decode(&key, value, len, &token_read));
    ck_assert_str_eq(token_read.note, "");
    ck_assert_uint_eq(token_read.key, 0);
    ck_assert_int_eq(token_off_by(&token_read, false), OFF_PLATFORM);
    ck_assert_int_eq(token_off_by(&token_read, true), OFF_NOBODY);
    /* flags that schema 2 did not have are refused in its records */
    token.off_by = OFF_ENTITY;
    len = as_schema_2(TABLE_TOKENS, &key, value, token_encode(&key, &token, value));
    ck_assert(!token_decode(&key, value, len, &token_read));
    entity.active = false;
    entity.off_by = OFF_RESELLER;
    len = as_schema_2(TABLE_ENTITIES, &key, value, entity_encode(&key, &entity, value));
    ck_assert(!entity_decode(&key, value, len, &entity_read));
}
END_TEST

/* Records of maximum length are encoded and decoded; contradictory fields are refused. */
START_TEST(schema_3_limits_and_contradictions)
{
    uint8_t value[RECORD_MAX];
    const struct record_key key = key_integer(77);
    struct entity_record entity = {.kind = KIND_RESELLER, .off_by = OFF_RESELLER}, entity_read;
    memset(entity.name, 'e', ENTITY_NAME_MAX);
    memset(entity.tier, 't', TIER_NAME_MAX);
    memset(entity.contact, 'c', NOTE_MAX);
    size_t len = entity_encode(&key, &entity, value);
    ck_assert_uint_le(len, RECORD_MAX);
    ck_assert(entity_decode(&key, value, len, &entity_read));
    ck_assert_str_eq(entity_read.contact, entity.contact);
    ck_assert_int_eq(entity_read.off_by, OFF_RESELLER);
    entity.active = true; /* contradicts off_by */
    ck_assert(!entity_decode(&key, value, entity_encode(&key, &entity, value), &entity_read));
    entity.active = false;
    entity.off_by = OFF_NOBODY;
    ck_assert(!entity_decode(&key, value, entity_encode(&key, &entity, value), &entity_read));
    struct token_record token = {.foreign = true,
                                 .has_text = true,
                                 .retiring = true,
                                 .entity = 1,
                                 .created = 5,
                                 .off_by = OFF_ENTITY,
                                 .key = 0xfedcba98},
                        token_read;
    memset(token.name, 'n', TOKEN_NAME_MAX);
    memset(token.note, 'o', NOTE_MAX);
    memset(token.sealed, 7, sizeof token.sealed);
    len = token_encode(&key, &token, value);
    ck_assert_uint_le(len, RECORD_MAX);
    ck_assert(token_decode(&key, value, len, &token_read));
    ck_assert_str_eq(token_read.note, token.note);
    ck_assert_uint_eq(token_read.key, token.key);
    ck_assert_mem_eq(token_read.sealed, token.sealed, sizeof token.sealed);
}
END_TEST

/* A future schema is reported as newer, not as damage, whatever follows in the record. */
START_TEST(newer_schema_is_reported)
{
    uint8_t value[RECORD_MAX] = {2, STORE_SCHEMA + 1, 0xff, 'x', 'y'};
    struct state_record state;
    uint32_t crc = crc32c(0, "sstate", 6);
    crc = crc32c(crc, value, 5);
    for (int i = 0; i < 4; i++)
        value[5 + i] = (uint8_t)(crc >> (8 * i));
    ck_assert_int_eq(state_decode(value, 9, &state), STATE_NEWER);
    value[5] ^= 1;
    ck_assert_int_eq(state_decode(value, 9, &state), STATE_DAMAGED);
}
END_TEST

/* The state record of schema 1: transaction 3, revision 5, next number 2. */
START_TEST(older_schema_is_reported)
{
    uint8_t value[27] = {1, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2};
    struct state_record state;
    ck_assert_int_eq(state_decode(value, sizeof value, &state), STATE_OLDER);
    ck_assert_uint_eq(state_schema(value, sizeof value), 1);
    ck_assert_int_eq(state_decode(value, sizeof value - 1, &state), STATE_DAMAGED);
}
END_TEST

/* The successor has the name. The key of a retiring token sorts before all names and has its id. */
START_TEST(retiring_tokens_have_their_own_key)
{
    struct record_key named = key_indexed(7, "web", false, 9), by_name = key_by_entity(7, "web", 3);
    struct record_key retiring = key_indexed(7, "web", true, 0x0102030405060708);
    ck_assert_uint_eq(named.len, by_name.len);
    ck_assert_mem_eq(named.bytes, by_name.bytes, named.len);
    ck_assert_uint_eq(retiring.len, 13);
    ck_assert_mem_eq(retiring.bytes, "\0\0\0\7\0\1\2\3\4\5\6\7\10", 13);
}
END_TEST

/* The vectors of RFC 3720, B.4; and table and instruction agree at every length and split. */
START_TEST(checksum_is_crc32c)
{
    uint8_t bytes[64] = {0};
    ck_assert_uint_eq(crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    ck_assert_uint_eq(crc32c(0, bytes, 32), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    ck_assert_uint_eq(crc32c(0, bytes, 32), 0x46dd794e);
    ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        uint32_t whole = crc32c(0, bytes, len);
        ck_assert_uint_eq(crc32c_by_table(0, bytes, len), whole);
        ck_assert_uint_eq(crc32c(crc32c(0, bytes, len / 3), bytes + len / 3, len - len / 3), whole);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tcase = tcase_create("bytes");
    tcase_add_test(tcase, auth_has_its_layout);
    tcase_add_test(tcase, small_copies_are_exact);
    tcase_add_test(tcase, a_reseller_is_read_before_its_record_is_decoded);
    tcase_add_test(tcase, records_survive_encode_and_decode);
    tcase_add_test(tcase, any_damage_is_detected);
    tcase_add_test(tcase, newer_schema_is_reported);
    tcase_add_test(tcase, older_schema_is_reported);
    tcase_add_test(tcase, schema_2_is_read);
    tcase_add_test(tcase, schema_3_limits_and_contradictions);
    tcase_add_test(tcase, retiring_tokens_have_their_own_key);
    tcase_add_test(tcase, checksum_is_crc32c);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
