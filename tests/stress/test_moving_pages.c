/* SPDX-License-Identifier: ISC */
/*
 * Pages change while the reader reads them. A second mapping changes random bytes, and the fields
 * on which the reader's next steps depend. In one test another thread does this; in the other, a
 * copy of the reader changes pages between its own steps. Any answer is allowed, but there is no
 * crash and no hang, lengths are within their bounds, and no load exceeds its page.
 */
#include "reader/reader.h"
#include "stress/reader_copy.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define LOOKUPS 60000
#else
#define LOOKUPS 300000
#endif
#define PAGE 4096
#define PAGE_HEADER 16
#define KEYS 300
#define REOPEN_EACH 500

static const char *path;

struct rewriter {
    uint8_t *file;
    size_t len;
    uint64_t chance;
    uint64_t first; /* offset of the first node of the last chosen page */
    int how;
    atomic_bool stop;
    pthread_t thread;
};

static uint32_t draw(uint64_t *chance, uint32_t below)
{
    *chance = *chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(((*chance >> 32) * below) >> 32);
}

/* Atomic, as for memory that another process writes. */
static void poke(volatile uint8_t *at, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t peek(const uint8_t *at, size_t len)
{
    uint64_t value = 0;
    memcpy(&value, at, len);
    return value;
}

/* Chooses a field of a page on which a reader's next step depends, and its length. */
static size_t choose(struct rewriter *r, size_t *ret_len)
{
    uint64_t *chance = &r->chance;
    const size_t page = draw(chance, (uint32_t)(r->len / PAGE)) * PAGE;
    const uint64_t lower = peek(r->file + page + 12, 2);
    const uint64_t count = lower > 16 && lower < PAGE ? (lower - 16) / 2 : 0;
    *ret_len = 2;
    if (r->how == 0 || count == 0 || page < 2 * PAGE) {
        *ret_len = 1 + draw(chance, 8);
        return draw(chance, (uint32_t)(r->len - 8));
    }
    /* one node of each page is at its end */
    const size_t index = draw(chance, 2) == 0 ? 0 : draw(chance, (uint32_t)count);
    r->first = peek(r->file + page + 16, 2);
    const size_t node = peek(r->file + page + 16 + 2 * index, 2) % (PAGE - 8);
    switch (draw(chance, 8)) {
    case 0:
        return page + 10 + 2 * draw(chance, 3); /* flags, lower, upper */
    case 1:
        return page + 16 + 2 * index; /* a node's offset */
    case 2:
    case 3:
        *ret_len = 4;
        return page + node; /* the length of its value, or its child */
    case 4:
        return page + node + 4; /* its flags */
    default:
        return page + node + 6; /* the length of its key */
    }
}

static uint64_t new_value(struct rewriter *r, uint64_t old, size_t len)
{
    static const uint64_t odd[] = {0,         1, 2, 7, 8, 9, 16, 0x7fff, 0xffff, UINT32_MAX - 7,
                                   UINT64_MAX};
    uint64_t *chance = &r->chance;
    switch (draw(chance, 4)) {
    case 0:
        return old ^ UINT64_C(1) << draw(chance, (uint32_t)(8 * len));
    case 1:
        return draw(chance, 2) == 0 ? r->first : old + 1 - draw(chance, 3);
    case 2:
        return draw(chance, UINT32_MAX);
    default:
        return odd[draw(chance, sizeof odd / sizeof *odd)];
    }
}

/* Reverts each change, so that most of the store is intact most of the time. */
static void *rewrite_pages(void *arg)
{
    struct rewriter *r = arg;
    while (!atomic_load(&r->stop)) {
        size_t len;
        const size_t at = choose(r, &len);
        const uint64_t old = peek(r->file + at, len);
        const uint64_t value = new_value(r, old, len);
        for (uint32_t i = 1 + draw(&r->chance, 64); i > 0; i--) {
            poke(r->file + at, value, len);
            poke(r->file + at, old, len);
        }
    }
    return NULL;
}

static void make_store(void)
{
    struct raw_store raw;
    path = in_folder(temp_folder(), "store");
    raw_open(&raw, path, MDB_NOSYNC);
    for (int round = 0; round < 3; round++) {
        MDB_txn *txn = raw_begin(&raw);
        for (uint32_t n = 0; n < KEYS; n++) {
            uint8_t value[RECORD_MAX] = {0};
            const struct record_key integer = key_integer(2 * n), pair = key_pair(n, 2 * n);
            const size_t len = 16 + n % 100;
            raw_seal(TABLE_AUTH, &integer, value, len);
            raw_put(&raw, txn, TABLE_AUTH, &integer, value, len);
            raw_seal(TABLE_CUSTOMERS, &pair, value, len);
            raw_put(&raw, txn, TABLE_CUSTOMERS, &pair, value, len);
        }
        raw_commit(&raw, txn);
    }
    raw_close(&raw);
}

static void must_open(struct reader *ret_reader)
{
    struct espt_error err;
    ck_assert_msg(raw_reader(ret_reader, path, &err) == 0, "%s", err.message);
}

struct count {
    uint64_t chance;
    unsigned answer[2], other;
};

static enum reader_status look_up(void *arg, struct snapshot *snapshot)
{
    struct count *count = arg;
    for (int i = 0; i < 8; i++) {
        const uint32_t n = draw(&count->chance, 2 * KEYS + 2);
        const bool integer = draw(&count->chance, 2) == 0;
        const struct record_key key = integer ? key_integer(n) : key_pair(n / 2, n);
        uint8_t value[RECORD_MAX];
        size_t len = 0;
        enum reader_status status =
            reader_get(snapshot, integer ? TABLE_AUTH : TABLE_CUSTOMERS, &key, value, &len);
        if (len > RECORD_MAX || status > READER_OK || status < READER_OLDER)
            ck_abort_msg("%d, and %zu bytes", status, len);
        if (status >= READER_NONE)
            count->answer[status]++;
        else
            count->other++;
    }
    return READER_OK;
}

START_TEST(pages_change_under_a_reader)
{
#ifdef __SANITIZE_THREAD__
    puts("SKIPPED pages_change_under_a_reader: it races on purpose, which ThreadSanitizer reports");
    return;
#endif
    make_store();
    struct rewriter r = {.chance = (uint64_t)_i + 1, .how = _i / 2};
    struct count count = {.chance = (uint64_t)_i + 100};
    const bool cached = _i % 2 == 0;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    free(file_read(path, &r.len));
    r.file = mmap(NULL, r.len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(fd >= 0 && r.file != MAP_FAILED);
    struct reader reader;
    must_open(&reader);
    struct cache *cache = reader.cache;
    ck_assert_int_eq(pthread_create(&r.thread, NULL, rewrite_pages, &r), 0);
    for (unsigned n = 0; n < LOOKUPS / 8; n++) {
        struct snapshot snapshot;
        if (n % REOPEN_EACH ==
            0) { /* begin with an empty cache; the first page may be a changed one */
            struct reader again;
            struct espt_error err;
            if (raw_reader(&again, path, &err) == 0) {
                reader.cache = cache;
                reader_close(&reader);
                reader = again;
                cache = reader.cache;
            }
        }
        reader.cache = cached ? cache : NULL;
        if (n % 64 == 0)
            (void)!reader_look_up(&reader, look_up, &count);
        else if (reader_begin(&snapshot, &reader) == READER_OK) {
            (void)!look_up(&count, &snapshot);
            (void)!reader_end(&snapshot);
        }
    }
    atomic_store(&r.stop, true);
    pthread_join(r.thread, NULL);
    printf("%u found, %u not, %u neither\n", count.answer[1], count.answer[0], count.other);
    ck_assert(count.answer[1] > 0 && count.answer[0] > 0);
    reader.cache = cache;
    reader_close(&reader);
    munmap(r.file, r.len);
    close(fd);
}
END_TEST

/* --- between two steps --- */

static struct rewriter *moved;
static struct {
    size_t at, len; /* len 0: nothing is changed now */
    uint64_t old;
} change;

void moved_step(void)
{
    if (draw(&moved->chance, 12) != 0)
        return;
    if (change.len != 0) {
        poke(moved->file + change.at, change.old, change.len);
        change.len = 0;
        return;
    }
    size_t len;
    change.at = choose(moved, &len);
    change.old = peek(moved->file + change.at, len);
    poke(moved->file + change.at, new_value(moved, change.old, len), len);
    change.len = len;
}

static struct record_key wanted;

/* Checks that a load of keys, values or lists stays in its page, or in the key that is looked for.
   No list here has a second page. */
void moved_load(const void *at, size_t len)
{
    const size_t offset = (uintptr_t)at % PAGE;
    const uintptr_t in_key = (uintptr_t)at - (uintptr_t)&wanted;
    if (in_key < sizeof wanted && len <= sizeof wanted - in_key)
        return;
    if (len > 0 && (offset < PAGE_HEADER || offset + len > PAGE))
        ck_abort_msg("a load of %zu bytes goes beyond its page, to %zu", len, offset);
}

START_TEST(pages_change_at_each_step)
{
    make_store();
    struct rewriter r = {.chance = (uint64_t)_i + 1, .how = _i % 2};
    unsigned answers[READER_OK - READER_OLDER + 1] = {0};
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    free(file_read(path, &r.len));
    r.file = mmap(NULL, r.len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(fd >= 0 && r.file != MAP_FAILED);
    moved = &r;
    struct reader reader;
    must_open(&reader);
    uint64_t chance = (uint64_t)_i + 100;
    for (unsigned n = 0; n < LOOKUPS; n++) {
        struct snapshot snapshot;
        const uint32_t which = draw(&chance, 2 * KEYS + 2);
        const bool integer = draw(&chance, 2) == 0;
        const enum table table = integer ? TABLE_AUTH : TABLE_CUSTOMERS;
        wanted = integer ? key_integer(which) : key_pair(which / 2, which);
        uint8_t value[RECORD_MAX];
        size_t len = 0;
        moved_step(); /* a changed meta page ends a look-up before its first step */
        enum reader_status status = moved_reader.begin(&snapshot, &reader);
        if (status == READER_OK) {
            struct place place = moved_reader.seek(&snapshot, table, &wanted);
            status = moved_reader.fetch(&snapshot, table, &wanted, &place, value, &len);
            if (moved_reader.end(&snapshot) == READER_OK && status == READER_OK && integer)
                moved_reader.remember(&reader, snapshot.state.nonce, table, which, &place);
        }
        if (len > RECORD_MAX || status > READER_OK || status < READER_OLDER)
            ck_abort_msg("%d, and %zu bytes", status, len);
        answers[status - READER_OLDER]++;
    }
    printf("%u found, %u not, %u called damaged\n", answers[READER_OK - READER_OLDER],
           answers[READER_NONE - READER_OLDER], answers[READER_CORRUPT - READER_OLDER]);
    ck_assert(answers[READER_OK - READER_OLDER] > 0 && answers[READER_NONE - READER_OLDER] > 0 &&
              answers[READER_CORRUPT - READER_OLDER] > 0);
    reader_close(&reader);
    munmap(r.file, r.len);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("moving pages");
    TCase *tcase = tcase_create("moving pages");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, pages_change_under_a_reader, 0, 4);
    tcase_add_loop_test(tcase, pages_change_at_each_step, 0, 4);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
