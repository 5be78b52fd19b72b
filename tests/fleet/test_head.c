/* SPDX-License-Identifier: ISC */
/* The head of a fleet: it is decoded as it was encoded, and only if it was signed. */
#include "fleet/head.h"
#include "fleet/signature.h"
#include "support/support.h"

#include <string.h>

static uint8_t public[SITE_KEY_LEN], secret[crypto_sign_SECRETKEYBYTES];

static void setup(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public, secret);
}

static size_t make(struct head *ret, uint8_t out[static HEAD_MAX])
{
    *ret = (struct head){.fleet = {7},
                         .number = 41,
                         .hash = {9},
                         .time = 1796000000,
                         .snapshot = {.number = 40, .len = 1234, .hash = {3}},
                         .site = "hq-1"};
    return head_encode(ret, secret, out);
}

START_TEST(round_trip)
{
    uint8_t bytes[HEAD_MAX];
    char needs[ENTRY_NEEDS_MAX + 1];
    struct head head, back;
    const size_t len = make(&head, bytes);
    ck_assert_int_eq(head_decode(bytes, len, &back, needs), ENTRY_GOOD);
    ck_assert(head_signed_by(bytes, len, public));
    ck_assert_mem_eq(back.fleet, head.fleet, sizeof head.fleet);
    ck_assert_uint_eq(back.number, 41);
    ck_assert_mem_eq(back.hash, head.hash, sizeof head.hash);
    ck_assert_int_eq(back.time, head.time);
    ck_assert_uint_eq(back.snapshot.number, 40);
    ck_assert_uint_eq(back.snapshot.len, 1234);
    ck_assert_mem_eq(back.snapshot.hash, head.snapshot.hash, sizeof head.hash);
    ck_assert_str_eq(back.site, "hq-1");
}
END_TEST

START_TEST(longest)
{
    uint8_t bytes[HEAD_MAX];
    char needs[ENTRY_NEEDS_MAX + 1];
    struct head head, back;
    make(&head, bytes);
    memset(head.site, 'a', SITE_NAME_MAX);
    const size_t len = head_encode(&head, secret, bytes);
    ck_assert_uint_le(len, HEAD_MAX);
    ck_assert_int_eq(head_decode(bytes, len, &back, needs), ENTRY_GOOD);
    ck_assert_str_eq(back.site, head.site);
}
END_TEST

START_TEST(every_bit_counts)
{
    uint8_t bytes[HEAD_MAX], other[SITE_KEY_LEN], other_secret[crypto_sign_SECRETKEYBYTES];
    char needs[ENTRY_NEEDS_MAX + 1];
    struct head head, back;
    const size_t len = make(&head, bytes);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(head_decode(bytes, len, &back, needs) != ENTRY_GOOD ||
                          !head_signed_by(bytes, len, public),
                      "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t shorter = 0; shorter < len; shorter++)
        ck_assert_int_eq(head_decode(bytes, shorter, &back, needs), ENTRY_DAMAGED);
    crypto_sign_keypair(other, other_secret);
    ck_assert(!head_signed_by(bytes, len, other));
}
END_TEST

/* What no publisher signs is refused even with a good signature. */
START_TEST(senseless)
{
    uint8_t bytes[HEAD_MAX];
    char needs[ENTRY_NEEDS_MAX + 1];
    struct head head, back;
    for (int i = 0; i < 4; i++) {
        make(&head, bytes);
        if (i == 0)
            head.number = 0;
        else if (i == 1)
            head.time = -1;
        else if (i == 2)
            head.snapshot.number = head.number + 1;
        else
            strcpy(head.site, "no site");
        const size_t len = head_encode(&head, secret, bytes);
        ck_assert_int_eq(head_decode(bytes, len, &back, needs), ENTRY_DAMAGED);
    }
}
END_TEST

START_TEST(newer_form)
{
    uint8_t bytes[HEAD_MAX];
    char needs[ENTRY_NEEDS_MAX + 1];
    struct head head, back;
    const size_t len = make(&head, bytes);
    bytes[4] = HEAD_FORM + 1;
    ck_assert_int_eq(head_decode(bytes, len, &back, needs), ENTRY_NEWER);
    ck_assert_str_eq(needs, ENTRY_NEEDS);
}
END_TEST

/* A signature of the same bytes that was made for another purpose does not count. */
START_TEST(own_label)
{
    uint8_t bytes[HEAD_MAX];
    struct head head;
    const size_t len = make(&head, bytes), body = len - crypto_sign_BYTES;
    signature_make("esp-token journal entry", bytes, body, secret, bytes + body);
    ck_assert(!head_signed_by(bytes, len, public));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("head");
    TCase *test = tcase_create("head");
    tcase_add_checked_fixture(test, setup, NULL);
    tcase_add_test(test, round_trip);
    tcase_add_test(test, longest);
    tcase_add_test(test, every_bit_counts);
    tcase_add_test(test, senseless);
    tcase_add_test(test, newer_form);
    tcase_add_test(test, own_label);
    suite_add_tcase(suite, test);
    return run_suite(suite);
}
