#include "common/copy.h"
#include "common/crc32c.h"
#include "common/record.h"
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

/* The bytes on disk are a format: what an earlier build wrote must open for ever. */
START_TEST(auth_has_its_layout)
{
    uint8_t value[RECORD_MAX];
    struct record_key key = key_integer(0x0102030405060708);
    ck_assert_int_eq(key.bytes[0], 8);
    size_t len = auth_encode(&key, &auth_sample, value);
    ck_assert_uint_eq(len, 1 + 1 + 1 + 1 + 4 + 4 + 8 + 32 + 4 + 4 + 4);
    ck_assert_int_eq(value[0], 2);
    ck_assert_int_eq(value[1], 3);
    ck_assert_int_eq(value[2], 4);
    ck_assert_int_eq(value[3], 4);
    ck_assert_int_eq(value[4], 7);
    ck_assert_int_eq(value[20], 1);
    ck_assert_mem_eq(value + 52, "acmelite", 8);
}
END_TEST

START_TEST(small_copies_are_whole_and_nothing_more)
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

START_TEST(a_reseller_is_seen_before_its_record_is_decoded)
{
    const struct record_key key = key_integer(7);
    struct auth_record auth = auth_sample;
    uint8_t value[RECORD_MAX];
    for (auth.reseller = 0; auth.reseller < 70000; auth.reseller += 6999) {
        const size_t len = auth_encode(&key, &auth, value);
        ck_assert_uint_eq(auth_peek_reseller(value, len), auth.reseller);
    }
    for (size_t len = 0; len < 12; len++) /* the number ends there */
        ck_assert_uint_eq(auth_peek_reseller(value, len), 0);
}
END_TEST

START_TEST(records_come_back)
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

    struct state_record state = {.transaction = 4, .revision = 5, .next_number = 6}, state_back;
    ck_assert_int_eq(state_decode(value, state_encode(&state, value), &state_back), STATE_GOOD);
    ck_assert_uint_eq(state_back.revision, 5);
    ck_assert(!state_back.closed && !state_back.foreign);
    state.closed = state.foreign = true;
    ck_assert_int_eq(state_decode(value, state_encode(&state, value), &state_back), STATE_GOOD);
    ck_assert(state_back.closed && state_back.foreign);
}
END_TEST

/* Every single bit, every length, another key, another table: doubt is damage. */
START_TEST(any_damage_is_seen)
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

/* A schema to come: said in words, not taken for damage, whatever follows it in the record. */
START_TEST(newer_schema_is_told)
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

/* As schema 1 wrote it: transaction 3, revision 5, next number 2. */
START_TEST(older_schema_is_told)
{
    uint8_t value[27] = {1, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 2};
    struct state_record state;
    ck_assert_int_eq(state_decode(value, sizeof value, &state), STATE_OLDER);
    ck_assert_uint_eq(state_schema(value, sizeof value), 1);
    ck_assert_int_eq(state_decode(value, sizeof value - 1, &state), STATE_DAMAGED);
}
END_TEST

/* The name means the successor: a retiring token stands before every name, under its id. */
START_TEST(retiring_tokens_stand_apart)
{
    struct record_key named = key_indexed(7, "web", false, 9), by_name = key_by_entity(7, "web", 3);
    struct record_key retiring = key_indexed(7, "web", true, 0x0102030405060708);
    ck_assert_uint_eq(named.len, by_name.len);
    ck_assert_mem_eq(named.bytes, by_name.bytes, named.len);
    ck_assert_uint_eq(retiring.len, 13);
    ck_assert_mem_eq(retiring.bytes, "\0\0\0\7\0\1\2\3\4\5\6\7\10", 13);
}
END_TEST

/* RFC 3720, B.4; and the table says what the instruction says, at every length and cut. */
START_TEST(checksum_is_castagnolis)
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
    tcase_add_test(tcase, small_copies_are_whole_and_nothing_more);
    tcase_add_test(tcase, a_reseller_is_seen_before_its_record_is_decoded);
    tcase_add_test(tcase, records_come_back);
    tcase_add_test(tcase, any_damage_is_seen);
    tcase_add_test(tcase, newer_schema_is_told);
    tcase_add_test(tcase, older_schema_is_told);
    tcase_add_test(tcase, retiring_tokens_stand_apart);
    tcase_add_test(tcase, checksum_is_castagnolis);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
