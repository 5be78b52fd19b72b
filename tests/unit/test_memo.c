/* The memo alone: what it gives is the digest of the text that was asked for, or nothing. */
#include "store/mint.h"
#include "support/support.h"

#include "../../plugins/validator/memo.c"

#include <pthread.h>

#define TEXTS 6000 /* more than it holds */

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

static void keep(size_t i)
{
    memo_keep(memo, made[i].id, made[i].text, made[i].digest);
}

/* True: it was there; then it must be right. */
static bool find(size_t i)
{
    uint8_t digest[TOKEN_DIGEST_LEN];
    if (!memo_find(memo, made[i].id, made[i].text, digest))
        return false;
    ck_assert_mem_eq(digest, made[i].digest, sizeof digest);
    return true;
}

START_TEST(gives_what_was_kept)
{
    size_t found = 0;
    ck_assert(!find(0));
    keep(0);
    ck_assert(find(0));
    for (size_t i = 0; i < TEXTS; i++)
        keep(i);
    for (size_t i = 0; i < TEXTS; i++)
        found += find(i);
    ck_assert_uint_gt(found, MEMO_ENTRIES / 2);
    ck_assert_uint_le(found, MEMO_ENTRIES);
}
END_TEST

/* The same id with another secret, by one character anywhere, is another text. */
START_TEST(another_secret_is_not_found)
{
    uint8_t digest[TOKEN_DIGEST_LEN];
    keep(0);
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

/* The empty entries have id 0 as well. */
START_TEST(id_zero_is_a_token_like_any_other)
{
    made[0].id = 0;
    mint_text(0, made[0].text);
    token_digest(made[0].text, made[0].digest);
    ck_assert(!find(0));
    keep(0);
    ck_assert(find(0));
}
END_TEST

/* Whoever was lost while it wrote: the entry gives nothing, and nobody waits for it. */
START_TEST(an_entry_in_use_is_left_alone)
{
    keep(0);
    const struct memo_entry *pair = memo_pair(memo, made[0].id);
    struct memo_entry *entry = &memo->entry[pair - memo->entry];
    for (int i = 0; i < 2; i++)
        atomic_fetch_add(&entry[i].sequence, 1);
    ck_assert(!find(0));
    keep(0);
    ck_assert(!find(0));
}
END_TEST

/* Two write into the same few entries while each reads them: never half of the one, half of the
   other. */
static void *write_and_read(void *arg)
{
    const size_t first = *(const size_t *)arg;
    for (int round = 0; round < 300; round++) {
        for (size_t i = first; i < TEXTS; i += 20) {
            keep(i);
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
    for (size_t i = 0; i < TEXTS; i++) { /* all of them in a few pairs */
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
    tcase_add_test(tcase, gives_what_was_kept);
    tcase_add_test(tcase, another_secret_is_not_found);
    tcase_add_test(tcase, id_zero_is_a_token_like_any_other);
    tcase_add_test(tcase, an_entry_in_use_is_left_alone);
    tcase_add_test(tcase, threads_never_see_half_an_entry);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
