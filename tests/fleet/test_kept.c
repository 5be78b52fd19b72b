/* SPDX-License-Identifier: ISC */
/* The files of kept entries: whatever is damaged, only entries that were written are read. */
#include "fleet/kept.h"
#include "support/support.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t secret[crypto_sign_SECRETKEYBYTES];
static const char *store;

static const char *file(const char *suffix)
{
    static char path[2][4096];
    static int turn;
    turn = 1 - turn;
    snprintf(path[turn], sizeof path[turn], "%s%s", store, suffix);
    return path[turn];
}

static void setup(void)
{
    uint8_t public[SITE_KEY_LEN];
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public, secret);
    store = keep_string(strdup(in_folder(temp_folder(), "tokens.mdb")));
}

/* Writes entry `number`, with a log part of `len` bytes. */
static void write_entry(uint64_t number, size_t len)
{
    struct kept kept = {0};
    struct espt_error err;
    espt_journal_entry pieces;
    uint8_t *bytes, *log = malloc(len + 1);
    size_t all;
    memset(log, (int)(number % 251), len);
    struct entry entry = {.number = number, .time = 1796000000, .next_number = 3, .site = "hq-1"};
    entry.part[PART_LOG] = (struct entry_bytes){log, len};
    entry.part[PART_EDGE] = entry.part[PART_VAULT] = (struct entry_bytes){(const uint8_t *)"", 0};
    ck_assert_int_eq(entry_encode(&entry, secret, &bytes, &all, &pieces, &err), 0);
    kept_add(&kept, &pieces);
    ck_assert_msg(kept_write(&kept, store, &err) == 0, "%s", err.message);
    ck_assert_ptr_null(kept.bytes);
    free(bytes);
    free(log);
}

/* The numbers that the files hold, as text. */
static const char *numbers(void)
{
    static char text[4096];
    struct kept_list list;
    struct espt_error err;
    size_t used = 0;
    ck_assert_msg(kept_read(&list, store, &err) == 0, "%s", err.message);
    text[0] = '\0';
    for (size_t i = 0; i < list.count; i++) {
        const struct kept_entry *item = &list.items[i];
        ck_assert_uint_eq(item->pieces.log[0], item->number % 251);
        used += (size_t)snprintf(text + used, sizeof text - used, "%llu ",
                                 (unsigned long long)item->number);
    }
    kept_list_clear(&list);
    return text;
}

START_TEST(reads_what_was_written)
{
    struct stat st;
    ck_assert_str_eq(numbers(), "");
    write_entry(7, 10);
    write_entry(8, 100000);
    write_entry(9, 1);
    ck_assert_str_eq(numbers(), "7 8 9 ");
    ck_assert_int_eq(stat(file(".kept"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    ck_assert_int_ne(access(file(".kept.old"), F_OK), 0);
}
END_TEST

#define BIG (7UL << 20)

START_TEST(the_oldest_go)
{
    struct stat st;
    for (uint64_t number = 1; number <= 14; number++) {
        char all[4096];
        write_entry(number, BIG);
        snprintf(all, sizeof all, "%s", numbers());
        /* at least the last five are there */
        for (uint64_t at = number < 5 ? 1 : number - 4; at <= number; at++) {
            char word[24];
            snprintf(word, sizeof word, "%llu ", (unsigned long long)at);
            ck_assert_msg(strstr(all, word) != NULL, "%s lacks %s", all, word);
        }
        ck_assert(stat(file(".kept"), &st) != 0 || st.st_size < KEPT_FILE_MAX + (off_t)BIG + 4096);
    }
    ck_assert_int_eq(stat(file(".kept.old"), &st), 0);
    ck_assert_int_ne(strncmp(numbers(), "1 ", 2), 0);
}
END_TEST

/* A flipped bit, or a missing end of the file, loses only the entries that it touches. */
START_TEST(damage)
{
    for (uint64_t number = 1; number <= 5; number++)
        write_entry(number, 40);
    size_t len;
    char *whole = file_read(file(".kept"), &len);
    for (size_t i = 0; i < len; i++) {
        whole[i] ^= 1;
        file_write(file(".kept"), whole, len, 0600);
        whole[i] ^= 1;
        ck_assert_uint_eq(strlen(numbers()), 8);
    }
    for (size_t end = 0; end < len; end++) {
        file_write(file(".kept"), whole, end, 0600);
        ck_assert_uint_eq(strlen(numbers()), 2 * (end / (len / 5)));
    }
    /* an entry written after a truncated one is found */
    file_write(file(".kept"), whole, len - 30, 0600);
    write_entry(6, 3);
    ck_assert_str_eq(numbers(), "1 2 3 4 6 ");
}
END_TEST

START_TEST(refuses_what_others_may_write)
{
    struct espt_error err;
    struct kept_list list;
    write_entry(1, 10);
    ck_assert_int_eq(chmod(file(".kept"), 0644), 0);
    ck_assert_int_ne(kept_read(&list, store, &err), 0);
    kept_list_clear(&list);
    ck_assert_ptr_nonnull(strstr(err.message, ".kept"));
}
END_TEST

/* A file of an earlier version: whole, and a chain. tests/fixtures/make_kept1.sh made it. */
START_TEST(earlier_form)
{
    struct kept_list list;
    struct espt_error err;
    size_t len;
    const char *bytes = file_read("tests/fixtures/kept1", &len);
    ck_assert_ptr_nonnull(bytes);
    file_write(file(".kept"), bytes, len, 0600);
    ck_assert_msg(kept_read(&list, store, &err) == 0, "%s", err.message);
    ck_assert_uint_eq(list.count, 4);
    for (size_t i = 1; i < list.count; i++) {
        ck_assert_uint_eq(list.items[i].number, list.items[i - 1].number + 1);
        ck_assert_mem_eq(list.items[i].before, list.items[i - 1].hash, sizeof list.items[i].before);
    }
    kept_list_clear(&list);
}
END_TEST

int main(void)
{
    use_memory();
    /* the files are read again and again, whole: what was freed is not given back to the kernel */
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    Suite *suite = suite_create("kept entries");
    TCase *tcase = tcase_create("kept");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, reads_what_was_written);
    tcase_add_test(tcase, the_oldest_go);
    tcase_add_test(tcase, damage);
    tcase_add_test(tcase, refuses_what_others_may_write);
    tcase_add_test(tcase, earlier_form);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
