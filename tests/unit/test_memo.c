/* SPDX-License-Identifier: ISC */
/* The validator's memo of SHA-256: it returns the right digest of a text, or nothing. */
#include "store/mint.h"
#include "support/support.h"

#include "../../plugins/validator/memo.c"

#include <pthread.h>

#define TEXTS 6000 /* more than the memo has entries */

static struct memo *memo;
static struct {
    uint64_t id;
    char text[TOKEN_TEXT_LEN + 1];
    uint8_t digest[TOKEN_DIGEST_LEN];
} made[TEXTS];

static void setup(void)
{
    memo = memo_open();
    ck_assert_ptr_nonnull(memo);
    for (size_t i = 0; i < TEXTS; i++) {
        made[i].id = mint_id(INT64_C(1800000000000) + (int64_t)i);
        mint_text(made[i].id, made[i].text);
        token_digest(made[i].text, made[i].digest);
    }
}

static void teardown(void)
{
    memo_close(memo);
}

static void store(size_t i)
{
    memo_store(memo, made[i].id, made[i].text, made[i].digest);
}

/* True: the memo has the digest, which must then be right. */
static bool find(size_t i)
{
    uint8_t digest[TOKEN_DIGEST_LEN];
    if (!memo_find(memo, made[i].id, made[i].text, digest))
        return false;
    ck_assert_mem_eq(digest, made[i].digest, sizeof digest);
    return true;
}

START_TEST(finds_what_was_stored)
{
    size_t found = 0;
    ck_assert(!find(0));
    store(0);
    ck_assert(find(0));
    for (size_t i = 0; i < TEXTS; i++)
        store(i);
    for (size_t i = 0; i < TEXTS; i++)
        found += find(i);
    ck_assert_uint_gt(found, MEMO_ENTRIES / 2);
    ck_assert_uint_le(found, MEMO_ENTRIES);
}
END_TEST

/* A text with the same id whose secret differs in one character is not found. */
START_TEST(another_secret_is_not_found)
{
    uint8_t digest[TOKEN_DIGEST_LEN];
    store(0);
    for (size_t at = REST_AT; at < TOKEN_TEXT_LEN; at++) {
        char text[TOKEN_TEXT_LEN + 1];
        memcpy(text, made[0].text, sizeof text);
        text[at] = text[at] == 'a' ? 'b' : 'a';
        ck_assert(!memo_find(memo, made[0].id, text, digest));
    }
    ck_assert(!memo_find(memo, made[1].id, made[0].text, digest));
    ck_assert(find(0));
}
END_TEST

/* Empty entries have id 0 too, but no valid tag. */
START_TEST(id_zero_is_a_token_like_any_other)
{
    made[0].id = 0;
    mint_text(0, made[0].text);
    token_digest(made[0].text, made[0].digest);
    ck_assert(!find(0));
    store(0);
    ck_assert(find(0));
}
END_TEST

/* A thread that was lost by a fork left the seqlock odd: the entry returns nothing, and no thread
   waits for it. */
START_TEST(a_locked_entry_is_skipped)
{
    store(0);
    const struct memo_entry *pair = memo_pair(memo, made[0].id);
    struct memo_entry *entry = &memo->entry[pair - memo->entry];
    for (int i = 0; i < 2; i++)
        atomic_fetch_add(&entry[i].sequence, 1);
    ck_assert(!find(0));
    store(0);
    ck_assert(!find(0));
}
END_TEST

/* Two threads write the same few entries and read them. No read mixes two writes. */
static void *write_and_read(void *arg)
{
    const size_t first = *(const size_t *)arg;
    for (int round = 0; round < 300; round++) {
        for (size_t i = first; i < TEXTS; i += 20) {
            store(i);
            find(i);
            find(TEXTS - 1 - i);
        }
    }
    return NULL;
}

START_TEST(threads_never_see_half_an_entry)
{
    size_t first[] = {0, 10};
    pthread_t thread[2];
    for (size_t i = 0; i < TEXTS; i++) { /* ids that all map to a few pairs */
        while (memo_pair(memo, made[i].id) - memo->entry >= 16)
            made[i].id++;
        mint_text(made[i].id, made[i].text);
        token_digest(made[i].text, made[i].digest);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, write_and_read, &first[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memo");
    TCase *tcase = tcase_create("memo");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, finds_what_was_stored);
    tcase_add_test(tcase, another_secret_is_not_found);
    tcase_add_test(tcase, id_zero_is_a_token_like_any_other);
    tcase_add_test(tcase, a_locked_entry_is_skipped);
    tcase_add_test(tcase, threads_never_see_half_an_entry);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
