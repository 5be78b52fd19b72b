/* SPDX-License-Identifier: ISC */
/*
 * A branch leads to a page of another table. Both tables have token ids as keys, and the ids fit,
 * so only the checksums of its records show it. LMDB moves records between a page that has become
 * small and the pages next to it. It would take that page over and free it, while the other table
 * uses it.
 */
#include "cli/drive.h"
#include "fault/page_bytes.h"

#include <stdio.h>

#define ENTITIES 240 /* their records fill several leaves */

static const char *config, *folder, *store;
static char *whole;
static size_t size;

/* Once: each test begins by writing the whole store anew. */
static void make_store(void)
{
    char *lines = keep_string(malloc(ENTITIES * 32UL)), *end = lines;
    for (unsigned i = 0; i < ENTITIES; i++)
        end += sprintf(end, "e%u customer\n", i);
    config = store_folder(&folder);
    store = keep_string(strdup(in_folder(folder, "tokens.mdb")));
    const struct run run = CTL(config, lines, "entity", "add", "--from", "-");
    ck_assert_msg(run.status == 0, "%s", run.err);
    whole = file_read(store, &size);
    bytes = keep_string(malloc(size));
}

static uint64_t key_of(uint64_t page, unsigned index)
{
    return word_at(node(page, index) + 8);
}

/* A leaf of table tokens whose ids are all in that child's range. 0: there is none. */
static uint64_t find_leaf(uint64_t branch, unsigned index)
{
    const uint64_t tokens = root_of(TABLE_TOKENS);
    for (unsigned i = 0; i < node_count(tokens); i++) {
        const uint64_t leaf = child(tokens, i);
        ck_assert_uint_eq(half_at(leaf * PAGE + 10), 2); /* a leaf */
        if (key_of(leaf, 0) >= key_of(branch, index) &&
            key_of(leaf, node_count(leaf) - 1) < key_of(branch, index + 1))
            return leaf;
    }
    return 0;
}

static void is_refused(const char *id)
{
    size_t len;
    const struct run run = CTL(config, NULL, "remove", id, "--last", "--yes");
    ck_assert_msg(run.status == 5 && strstr(run.err, "the store is damaged") != NULL,
                  "%s: %d: %s%s", id, run.status, run.out, run.err);
    const char *after = file_read(store, &len);
    ck_assert(len == size && memcmp(after, bytes, len) == 0);
}

START_TEST(next_to_a_page_of_another_table)
{
    unsigned damaged = 0;
    memcpy(bytes, whole, size);
    const uint64_t branch = root_of(TABLE_AUTH);
    for (unsigned i = 1; i + 1 < node_count(branch); i++) {
        const uint64_t leaf = find_leaf(branch, i);
        const int side = _i == 0 ? -1 : 1;
        const uint64_t beside = child(branch, i + (unsigned)side);
        if (leaf == 0)
            continue;
        damaged++;
        set_child(branch, i, leaf);
        for (unsigned k = 0; k < node_count(beside); k += 5) {
            char id[TOKEN_ID_LEN + 1];
            token_id_format(key_of(beside, k), id);
            file_write(store, bytes, size, 0640);
            is_refused(id);
        }
        memcpy(bytes, whole, size);
    }
    ck_assert_uint_ge(damaged, 1);
}
END_TEST

/* In place of a leaf there is the middle of a long log entry: flags of a leaf of keys
   alone among its bytes, and an array of nodes that ends before it begins. Its length wraps round,
   and the binary search of liblmdb overflows for ever.
   Commands that read end, and say why. check names the page. */
START_TEST(search_without_end)
{
    memcpy(bytes, whole, size);
    const uint64_t leaf = child(root_of(TABLE_TOKENS), 2);
    memset(bytes + leaf * PAGE + 8, 0, 16);
    memcpy(bytes + leaf * PAGE + 10, "\xef\x6c", 2);
    file_write(store, bytes, size, 0640);
    struct run run = CTL(config, NULL, "list");
    ck_assert_msg(run.status == 5 && strstr(run.err, "so damaged that it cannot be read") != NULL,
                  "%d: %s", run.status, run.err);
    run = CTL(config, NULL, "check");
    ck_assert_msg(run.status == 1 && strstr(run.out, "table tokens") != NULL, "%d: %s%s",
                  run.status, run.out, run.err);
    ck_assert_ptr_nonnull(strstr(run.err, "texts were not tried"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wrong_owner");
    TCase *tests = tcase_create("wrong_owner");
    tcase_add_unchecked_fixture(tests, make_store, NULL);
    tcase_add_loop_test(tests, next_to_a_page_of_another_table, 0, 2);
    tcase_add_test(tests, search_without_end);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
