#include "common/crc32.h"
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
    ck_assert_uint_eq(len, 1 + 1 + 4 + 4 + 8 + 32 + 1 + 4 + 1 + 4 + 4);
    ck_assert_int_eq(value[0], 1);
    ck_assert_int_eq(value[1], 3);
    ck_assert_int_eq(value[2], 7);
    ck_assert_int_eq(value[18], 1);
    ck_assert_mem_eq(value + 50, "\4acme\4lite", 10);
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

    struct token_record token = {.entity = 1, .created = 6, .name = "default"}, token_back;
    memset(token.sealed, 0xab, sizeof token.sealed);
    ck_assert(token_decode(&key, value, token_encode(&key, &token, value), &token_back));
    ck_assert_str_eq(token_back.name, "default");
    ck_assert_mem_eq(token_back.sealed, token.sealed, sizeof token.sealed);

    struct state_record state = {.transaction = 4, .revision = 5, .next_number = 6}, state_back;
    ck_assert_int_eq(state_decode(value, state_encode(&state, value), &state_back), 1);
    ck_assert_uint_eq(state_back.revision, 5);
    ck_assert(!state_back.closed);
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
    len = id_encode(&key, 9, value);
    ck_assert(id_decode(&key, value, len, &id));
    ck_assert(!number_decode(&key, value, len, &number));
    ck_assert(!empty_decode(&key, value, len));
}
END_TEST

/* A schema to come: said in words, not taken for damage, whatever follows it in the record. */
START_TEST(newer_schema_is_told)
{
    uint8_t value[RECORD_MAX] = {1, STORE_SCHEMA + 1, 0xff, 'x', 'y'};
    struct state_record state;
    uint32_t crc = crc32(0, "sstate", 6);
    crc = crc32(crc, value, 5);
    for (int i = 0; i < 4; i++)
        value[5 + i] = (uint8_t)(crc >> (8 * i));
    ck_assert_int_eq(state_decode(value, 9, &state), -1);
    value[5] ^= 1;
    ck_assert_int_eq(state_decode(value, 9, &state), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tcase = tcase_create("bytes");
    tcase_add_test(tcase, auth_has_its_layout);
    tcase_add_test(tcase, records_come_back);
    tcase_add_test(tcase, any_damage_is_seen);
    tcase_add_test(tcase, newer_schema_is_told);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
