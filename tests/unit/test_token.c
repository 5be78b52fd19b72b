/* SPDX-License-Identifier: ISC */
/* common/token.h and store/mint.h: token texts, ids and checksums. */
#include "common/crc32.h"
#include "common/token.h"
#include "store/mint.h"
#include "support/support.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

START_TEST(crc_equals_zlibs)
{
    ck_assert_uint_eq(crc32(0, "123456789", 9), 0xcbf43926);
    ck_assert_uint_eq(crc32(0, "", 0), 0);
    ck_assert_uint_eq(crc32(0, "The quick brown fox jumps over the lazy dog", 43), 0x414fa339);
    for (size_t cut = 0; cut <= 43; cut++) {
        const char *text = "The quick brown fox jumps over the lazy dog";
        ck_assert_uint_eq(crc32(crc32(0, text, cut), text + cut, 43 - cut), 0x414fa339);
    }
}
END_TEST

/* Carry-less multiplication (for multiples of sixteen bytes), the tables and a bitwise CRC agree.
 */
START_TEST(all_crc_implementations_agree)
{
    uint8_t bytes[96];
    randombytes_buf(bytes, sizeof bytes);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (uint32_t begin = 0; begin < 3; begin++) {
            uint32_t crc = ~begin;
            for (size_t i = 0; i < 8 * len; i++) {
                uint32_t low = (crc ^ (uint32_t)bytes[i / 8] >> i % 8) & 1;
                crc = crc >> 1 ^ (low != 0 ? 0xedb88320 : 0);
            }
            ck_assert_uint_eq(crc32(begin, bytes, len), ~crc);
        }
    }
}
END_TEST

/* A text from an independent program: id 1, a secret of thirty zeros. */
START_TEST(golden_text)
{
    char text[TOKEN_TEXT_LEN + 1] = "esptk_00000000001_000000000000000000000000000000";
    char checksum[TOKEN_CHECKSUM_LEN + 1] = "";
    base62_encode(crc32(0, text, TOKEN_CHECKED_LEN), checksum, TOKEN_CHECKSUM_LEN);
    ck_assert_str_eq(checksum, "3oKVkS");
    strcat(text, checksum);
    uint64_t id;
    ck_assert(token_parse(text, strlen(text), &id));
    ck_assert_uint_eq(id, 1);
}
END_TEST

START_TEST(minted_texts_parse)
{
    for (int i = 0; i < 2000; i++) {
        char text[TOKEN_TEXT_LEN + 1];
        uint64_t id = mint_id(INT64_C(1800000000000) + i), parsed;
        mint_text(id, text);
        ck_assert_uint_eq(strlen(text), TOKEN_TEXT_LEN);
        ck_assert(token_parse(text, TOKEN_TEXT_LEN, &parsed));
        ck_assert_uint_eq(parsed, id);
        ck_assert_uint_eq(id >> 22, (uint64_t)(INT64_C(1800000000000) + i - TOKEN_EPOCH_MS));
    }
}
END_TEST

/* Pearson's chi-squared test of 30,000 secrets over 62 characters, with 61 degrees of freedom. By
   chance, 160 is exceeded once in about 10^10 runs. A byte modulo 62 would give about 6,000. */
START_TEST(characters_are_uniformly_distributed)
{
    enum { TEXTS = 30000, SECRET_AT = 18 };
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char text[TOKEN_TEXT_LEN + 1];
    unsigned seen[256] = {0};
    double sum = 0, expected = 30.0 * TEXTS / 62;
    for (int i = 0; i < TEXTS; i++) {
        mint_text(42, text);
        for (int at = SECRET_AT; at < TOKEN_CHECKED_LEN; at++)
            seen[(unsigned char)text[at]]++;
    }
    for (int i = 0; i < 62; i++) {
        const double off = seen[(unsigned char)alphabet[i]] - expected;
        sum += off * off / expected;
    }
    ck_assert_msg(sum < 160, "%f", sum);
}
END_TEST

START_TEST(clocks_out_of_range_are_clamped)
{
    ck_assert_uint_eq(mint_id(0) >> 22, 0);
    ck_assert_uint_eq(mint_id(-1) >> 22, 0);
    ck_assert_uint_eq(mint_id(INT64_C(253402300799000)) >> 22, (UINT64_C(1) << 42) - 1);
}
END_TEST

/* With any one byte changed, a text is malformed: CRC-32 detects every such change. */
START_TEST(any_changed_byte_is_malformed)
{
    char text[TOKEN_TEXT_LEN + 1];
    uint64_t id;
    mint_text(mint_id(INT64_C(1800000000000)), text);
    for (size_t at = 0; at < TOKEN_TEXT_LEN; at++) {
        const char kept = text[at];
        for (int c = 0; c < 256; c++) {
            text[at] = (char)c;
            ck_assert_int_eq(token_parse(text, TOKEN_TEXT_LEN, &id), (char)c == kept);
        }
        text[at] = kept;
    }
    for (size_t len = 0; len < TOKEN_TEXT_LEN; len++)
        ck_assert(!token_parse(text, len, &id));
    ck_assert(!token_parse(text, TOKEN_TEXT_LEN + 1, &id));
}
END_TEST

START_TEST(ids_above_64_bits_are_malformed)
{
    uint64_t id;
    ck_assert(token_id_parse("LygHa16AHYF", 11, &id));
    ck_assert_uint_eq(id, UINT64_MAX);
    ck_assert(!token_id_parse("LygHa16AHYG", 11, &id));
    ck_assert(!token_id_parse("zzzzzzzzzzz", 11, &id));
    ck_assert(!token_id_parse("0000000000", 10, &id));
    ck_assert(!token_id_parse("0000000000-", 11, &id));
    /* the same in a whole text with a right checksum */
    static const char *const ids[] = {"LygHa16AHYF", "LygHa16AHYG", "Lzzzzzzzzzz", "M0000000000",
                                      "zzzzzzzzzzz"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char whole[TOKEN_TEXT_LEN + 1];
        snprintf(whole, sizeof whole, TOKEN_PREFIX "%s_%030d", ids[i], 0);
        base62_encode(crc32(0, whole, TOKEN_CHECKED_LEN), whole + TOKEN_CHECKED_LEN,
                      TOKEN_CHECKSUM_LEN);
        ck_assert_int_eq(token_parse(whole, TOKEN_TEXT_LEN, &id), i == 0);
    }
    char text[TOKEN_ID_LEN + 1];
    token_id_format(UINT64_MAX, text);
    ck_assert_str_eq(text, "LygHa16AHYF");
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *suite = suite_create("token");
    TCase *tcase = tcase_create("text");
    tcase_add_test(tcase, crc_equals_zlibs);
    tcase_add_test(tcase, all_crc_implementations_agree);
    tcase_add_test(tcase, golden_text);
    tcase_add_test(tcase, minted_texts_parse);
    tcase_add_test(tcase, characters_are_uniformly_distributed);
    tcase_add_test(tcase, clocks_out_of_range_are_clamped);
    tcase_add_test(tcase, any_changed_byte_is_malformed);
    tcase_add_test(tcase, ids_above_64_bits_are_malformed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
