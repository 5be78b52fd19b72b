/* SPDX-License-Identifier: ISC */
/*
 * The reader's snapshot cache, and the checks of a page before its contents are used: the free
 * list, and the proof of absence.
 */
#include "reader/cache.h"
#include "reader/reader.h"
#include "support/raw_store.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define STRIDE 211
#define ORDER_STRIDE 67
#else
#define STRIDE 23
#define ORDER_STRIDE 19
#endif
#define PAGE 4096
#define KEYS                                                                            \
    300 /* the even numbers below 600; they fill several leaf pages and one branch page \
         */

static const char *path;

static size_t nth_len(uint32_t n)
{
    return RAW_VALUE_MIN + 1 + n % 100;
}

static void put(const struct raw_store *store, MDB_txn *txn, enum table table,
                struct record_key key, uint32_t n)
{
    uint8_t value[RECORD_MAX];
    memset(value, (int)mdb_txn_id(txn), sizeof value);
    raw_seal(table, &key, value, nth_len(n));
    raw_put(store, txn, table, &key, value, nth_len(n));
}

static void must_open(struct reader *ret_reader)
{
    struct espt_error err;
    ck_assert_msg(raw_reader(ret_reader, path, &err) == 0, "%s", err.message);
}

/* Writes two tables of one page each. Which table is written first decides which page it gets. */
static void commit_pair(struct raw_store *raw, bool auth_first, uint32_t value)
{
    MDB_txn *txn = raw_begin(raw);
    for (int i = 0; i < 2; i++) {
        if (auth_first == (i == 0))
            put(raw, txn, TABLE_AUTH, key_integer(1), value);
        else
            put(raw, txn, TABLE_RESELLERS, key_integer(1), value + 50);
    }
    raw_commit(raw, txn);
}

/* Whether the table's record has `value`. Looks twice, and stores the place each time. */
static bool answers(struct reader *reader, enum table table, uint32_t value)
{
    bool right = true;
    for (int i = 0; i < 2; i++) {
        struct snapshot snapshot;
        struct record_key key = key_integer(1);
        uint8_t out[RECORD_MAX];
        size_t len = 0;
        ck_assert_int_eq(reader_begin(&snapshot, reader), READER_OK);
        struct place place = reader_seek(&snapshot, table, &key);
        right = reader_fetch(&snapshot, table, &key, &place, out, &len) == READER_OK && right;
        ck_assert_int_eq(reader_end(&snapshot), READER_OK);
        reader_remember(reader, snapshot.state.nonce, table, 1, &place);
        right = right && len == nth_len(table == TABLE_AUTH ? value : value + 50);
    }
    return right;
}

static void write_back(const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ck_assert(fd >= 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len && close(fd) == 0);
}

/* Readers see a commit that LMDB then revokes, because its last write failed. The next commit
   reuses its transaction id and its pages, but puts the tables elsewhere. A cache that is keyed by
   the transaction id gives wrong places. */
START_TEST(a_reused_transaction_id)
{
    const bool control = _i % 2 == 1;
    const enum table table = _i / 2 == 0 ? TABLE_AUTH : TABLE_RESELLERS;
    struct raw_store raw;
    struct reader reader;
    size_t len;
    path = in_folder(temp_folder(), "store");
    raw_open(&raw, path, MDB_NOSYNC);
    raw.id_for_nonce = control;
    commit_pair(&raw, true, 1);
    commit_pair(&raw, true, 2);
    raw_close(&raw);
    char *before = file_read(path, &len);
    must_open(&reader);
    ck_assert(answers(&reader, table, 2));

    raw_open(&raw, path, MDB_NOSYNC);
    raw.id_for_nonce = control;
    commit_pair(&raw, true, 3);
    raw_close(&raw);
    ck_assert(answers(&reader, table, 3));
    write_back(before, len);
    raw_open(&raw, path, MDB_NOSYNC);
    raw.id_for_nonce = control;
    commit_pair(&raw, false, 4);
    raw_close(&raw);
    ck_assert_int_eq(answers(&reader, table, 4), !control);
    reader_close(&reader);
    free(before);
}
END_TEST

/* The same key in two tables: a place that is stored for one is not used for the other. */
START_TEST(each_table_has_its_own_places)
{
    struct raw_store raw;
    struct reader reader;
    path = in_folder(temp_folder(), "store");
    raw_open(&raw, path, MDB_NOSYNC);
    commit_pair(&raw, true, 1);
    raw_close(&raw);
    must_open(&reader);
    for (int i = 0; i < 2; i++) {
        ck_assert(answers(&reader, TABLE_AUTH, 1));
        ck_assert(answers(&reader, TABLE_RESELLERS, 1));
    }
    reader_close(&reader);
}
END_TEST

/* The page with the auth record. */
static uint64_t page_now(void)
{
    struct reader reader;
    struct snapshot snapshot;
    struct record_key key = key_integer(1);
    uint8_t out[RECORD_MAX];
    size_t len;
    must_open(&reader);
    ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_OK);
    struct place place = reader_seek(&snapshot, TABLE_AUTH, &key);
    ck_assert_int_eq(reader_fetch(&snapshot, TABLE_AUTH, &key, &place, out, &len), READER_OK);
    reader_close(&reader);
    return place.page;
}

/* When a commit frees a page, the cache no longer says that it is in use. That holds whether the
   page was noted before the commit, or later by a reader of the earlier snapshot. */
START_TEST(a_freed_page)
{
    const bool asked = _i % 2 == 1;
    const int commits = _i / 2 + 1;
    struct raw_store raw;
    struct reader reader;
    struct snapshot before, after;
    path = in_folder(temp_folder(), "store");
    raw_open(&raw, path, MDB_NOSYNC);
    commit_pair(&raw, true, 1);
    commit_pair(&raw, true, 2);
    must_open(&reader);
    ck_assert_int_eq(reader_begin(&before, &reader), READER_OK);
    ck_assert_uint_ne(before.cached, 0);
    const uint64_t page = page_now();
    if (asked)
        ck_assert_int_eq(cache_page_in_use(&before, page), READER_OK);
    for (int i = 0; i < commits; i++)
        commit_pair(&raw, true, 3);
    ck_assert_int_eq(reader_begin(&after, &reader), READER_OK);
    ck_assert_uint_ne(after.cached, 0);
    (void)!cache_page_in_use(&before, page); /* the newer cache must ignore this */
    ck_assert_int_eq(cache_page_in_use(&after, page), READER_CORRUPT);
    ck_assert_int_eq(cache_page_in_use(&after, page_now()), READER_OK);
    reader_close(&reader);
    raw_close(&raw);
}
END_TEST

/* --- free pages --- */

/* Writes all keys, writes many more and deletes those again. LMDB then frees their pages in one
   transaction, whose list needs overflow pages. Returns the newest id. */
static size_t make_store(uint32_t keys, uint32_t more)
{
    size_t id = 0;
    struct raw_store raw;
    path = in_folder(temp_folder(), "store");
    raw_open(&raw, path, MDB_NOSYNC);
    for (int round = 0; round < 3; round++) {
        MDB_txn *txn = raw_begin(&raw);
        id = mdb_txn_id(txn);
        for (uint32_t n = 0; n < keys; n++) {
            put(&raw, txn, TABLE_AUTH, key_integer(2 * n), n);
            put(&raw, txn, TABLE_CUSTOMERS, key_pair(n, 2 * n), n);
        }
        for (uint32_t n = 0; n < more; n++) {
            struct record_key key = key_integer(n);
            if (round == 0)
                put(&raw, txn, TABLE_ENTITIES, key, n);
            else
                raw_delete(&raw, txn, TABLE_ENTITIES, &key);
        }
        raw_commit(&raw, txn);
    }
    raw_close(&raw);
    return id;
}

enum answer { RIGHT, WRONG, HIDDEN, DAMAGED };

static enum answer ask(struct reader *reader, enum table table, struct record_key key, size_t id,
                       bool there)
{
    struct snapshot snapshot;
    uint8_t value[RECORD_MAX];
    size_t len = 0;
    if (reader_begin(&snapshot, reader) != READER_OK)
        return DAMAGED;
    enum reader_status status = reader_get(&snapshot, table, &key, value, &len);
    ck_assert_int_eq(reader_end(&snapshot), READER_OK);
    if (status == READER_CORRUPT || status == READER_BEYOND)
        return DAMAGED;
    if (status == READER_NONE)
        return there ? HIDDEN : RIGHT;
    /* the reader does not check the value's checksum; validators do */
    if (!record_sealed(table, &key, value, len))
        return DAMAGED;
    return there && value[1] == (uint8_t)id ? RIGHT : WRONG;
}

static enum answer ask_nth(struct reader *reader, uint32_t n, size_t id)
{
    enum answer answer = ask(reader, TABLE_AUTH, key_integer(n), id, n % 2 == 0 && n < 2 * KEYS);
    return answer != RIGHT
               ? answer
               : ask(reader, TABLE_CUSTOMERS, key_pair(n / 2, n), id, n % 2 == 0 && n < 2 * KEYS);
}

enum long_way { KNOWN, NO_MEMORY, WRITER_LOST, WAYS };

/* The answers are the same with and without the cache, also if the free list has overflow pages. */
START_TEST(answers_do_not_depend_on_the_cache)
{
    const size_t id = make_store(KEYS, _i / WAYS == 0 ? 0 : 60000);
    struct reader reader;
    must_open(&reader);
    struct cache *cache = reader.cache;
    ck_assert_ptr_nonnull(cache);
    if (_i % WAYS == NO_MEMORY)
        reader.cache = NULL;
    if (_i % WAYS == WRITER_LOST)
        *(uint64_t *)(void *)cache |= 1; /* the seqlock's sequence: odd while a thread writes */
    for (int round = 0; round < 2; round++) {
        for (uint32_t n = 0; n < 2 * KEYS + 2; n++)
            ck_assert_int_eq(ask_nth(&reader, n, id), RIGHT);
    }
    reader.cache = cache;
    reader_close(&reader);
}
END_TEST

/* A store's file, mapped so that the test can damage it, and a reader with an empty cache. */
struct patient {
    size_t id, len, pages;
    uint8_t *file;
    struct reader reader;
    struct cache *cache;
    unsigned answers[DAMAGED + 1];
};

static void patient_open_with(struct patient *p, uint32_t more)
{
    *p = (struct patient){.id = make_store(KEYS, more)};
    free(file_read(path, &p->len));
    p->pages = p->len / PAGE;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    p->file = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(p->file, MAP_FAILED);
    close(fd);
    must_open(&p->reader);
    p->cache = p->reader.cache;
    p->reader.cache = NULL;
}

static void patient_open(struct patient *p)
{
    patient_open_with(p, 0);
}

/* Requires that no answer was wrong, and that no existing key was reported absent. */
static void patient_close(struct patient *p)
{
    printf("%u right, %u wrong, %u hidden, %u called damaged\n", p->answers[RIGHT],
           p->answers[WRONG], p->answers[HIDDEN], p->answers[DAMAGED]);
    ck_assert_uint_eq(p->answers[WRONG], 0);
    ck_assert_uint_eq(p->answers[HIDDEN], 0);
    ck_assert_uint_gt(p->answers[DAMAGED], 0);
    p->reader.cache = p->cache;
    reader_close(&p->reader);
    munmap(p->file, p->len);
}

static void ask_from(struct patient *p, uint32_t first, uint32_t last, uint32_t step)
{
    for (uint32_t n = first; n <= last; n += step)
        p->answers[ask_nth(&p->reader, n, p->id)]++;
}

/* For a reader with an empty cache, in a store that still has two older copies of its pages. */
START_TEST(one_wrong_bit)
{
    struct patient p;
    patient_open(&p);
    for (size_t bit = 0; bit < p.len * 8; bit += STRIDE) {
        p.file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ask_from(&p, (uint32_t)(bit % 101), 2 * KEYS + 1, 101);
        p.file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    patient_close(&p);
}
END_TEST

static uint32_t load(const uint8_t *at, size_t len)
{
    uint32_t value = 0;
    memcpy(&value, at, len);
    return value;
}

static uint32_t node_count(const uint8_t *page)
{
    return load(page + 10, 2) == 1 || load(page + 10, 2) == 2 ? (load(page + 12, 2) - 16) / 2 : 0;
}

static uint8_t *node_of(uint8_t *page, uint32_t index)
{
    return page + load(page + 16 + 2 * (size_t)index, 2);
}

/* The number in the key at `index`, on a page of auth or customers. UINT32_MAX: another table. */
static uint32_t number_at(uint8_t *page, uint32_t index)
{
    const uint8_t *node = node_of(page, index);
    if (load(node + 6, 2) != 8)
        return UINT32_MAX;
    return load(node + 8, 4) < 2 * KEYS ? load(node + 8, 4) : __builtin_bswap32(load(node + 12, 4));
}

/* One wrong bit in the parts of a page that define its order: its header, the node offsets, and the
   headers and keys of the nodes. Looks up every key that belongs to the page, and keys in between.
 */
START_TEST(one_wrong_bit_in_the_order)
{
    struct patient p;
    patient_open(&p);
    size_t turn = 0;
    for (size_t n = 2; n < p.pages; n++) {
        uint8_t *page = p.file + n * PAGE;
        const uint32_t count = node_count(page);
        if (count == 0 || number_at(page, count - 1) > 2 * KEYS)
            continue;
        const uint32_t first = count > 1 ? number_at(page, 1) - 2 : number_at(page, 0);
        const uint32_t last = load(page + 10, 2) == 1 ? 2 * KEYS : number_at(page, count - 1) + 1;
        const uint32_t step = load(page + 10, 2) == 1 ? 7 : 1;
        for (uint32_t i = 0; i < count + 1; i++) {
            uint8_t *place = i < count ? node_of(page, i) : page;
            for (size_t bit = turn++ % ORDER_STRIDE; bit < 16 * 8; bit += ORDER_STRIDE) {
                place[bit / 8] ^= (uint8_t)(1u << bit % 8);
                ask_from(&p, first, last, step);
                place[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
    }
    patient_close(&p);
}
END_TEST

/* Points each branch at every other page with the same first key: an older copy, or a page that a
   later transaction has freed. */
START_TEST(old_copies)
{
    struct patient p;
    unsigned led = 0;
    patient_open(&p);
    for (size_t n = 2; n < p.pages; n++) {
        uint8_t *page = p.file + n * PAGE;
        for (uint32_t i = 0; load(page + 10, 2) == 1 && i < node_count(page); i++) {
            uint8_t *node = node_of(page, i), kept[8];
            const uint32_t child = load(node, 4);
            if (child < 2 || child >= p.pages || node_count(p.file + child * PAGE) == 0)
                continue;
            memcpy(kept, node, sizeof kept);
            for (uint32_t other = 2; other < p.pages; other++) {
                uint8_t *copy = p.file + other * PAGE;
                if (other == child || node_count(copy) == 0 ||
                    number_at(copy, 0) != number_at(p.file + child * PAGE, 0))
                    continue;
                memcpy(node, &other, sizeof other);
                ask_from(&p, 0, 2 * KEYS + 1, 1);
                memcpy(node, kept, sizeof kept);
                led++;
            }
        }
    }
    ck_assert_uint_gt(led, 10);
    patient_close(&p);
}
END_TEST

/* --- pages where every node breaks the same rule --- */

enum broken { ODD_OFFSETS, NO_ROOM, BROKEN };

static void break_page(uint8_t *page, enum broken how)
{
    for (uint32_t i = 0; how == ODD_OFFSETS && i < node_count(page); i++)
        page[16 + 2 * i] |= 1;
    const uint16_t upper = PAGE - 8; /* less than a node */
    if (how == NO_ROOM)
        memcpy(page + 14, &upper, sizeof upper);
}

/* Looks up every key on the page, and absent keys next to them. */
START_TEST(broken_pages)
{
    struct patient p;
    uint8_t kept[PAGE];
    patient_open(&p);
    for (size_t n = 2; n < p.pages; n++) {
        uint8_t *page = p.file + n * PAGE;
        if (node_count(page) == 0 || number_at(page, node_count(page) - 1) > 2 * KEYS)
            continue;
        memcpy(kept, page, PAGE);
        break_page(page, (enum broken)_i);
        ask_from(&p, 0, 2 * KEYS + 1, 1);
        memcpy(page, kept, PAGE);
    }
    patient_close(&p);
}
END_TEST

/* A branch that points to itself: the descent must end. */
START_TEST(pages_in_a_ring)
{
    struct patient p;
    patient_open(&p);
    for (uint32_t n = 2; n < p.pages; n++) {
        uint8_t *page = p.file + n * PAGE;
        for (uint32_t i = 0; load(page + 10, 2) == 1 && i < node_count(page); i++) {
            uint8_t *node = node_of(page, i), kept[4];
            memcpy(kept, node, sizeof kept);
            memcpy(node, &n, sizeof n);
            ask_from(&p, 0, 2 * KEYS + 1, 1);
            memcpy(node, kept, sizeof kept);
        }
    }
    patient_close(&p);
}
END_TEST

/* --- forms of the free list --- */

static uint64_t load_number(const uint8_t *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

/* The root of the newer meta page. */
static uint64_t free_root(const struct patient *p)
{
    const bool second = load_number(p->file + PAGE + 144) > load_number(p->file + 144);
    return load_number(p->file + second * PAGE + 80);
}

/* A list on overflow pages, whose page number is wrong. */
START_TEST(an_overflow_list_with_a_wrong_page)
{
    struct patient p;
    unsigned led = 0;
    patient_open_with(&p, 60000);
    uint8_t *page = p.file + free_root(&p) * PAGE;
    ck_assert_uint_eq(load(page + 10, 2), 2); /* a leaf */
    for (uint32_t i = 0; i < node_count(page); i++) {
        uint8_t *node = node_of(page, i);
        if (load(node + 4, 2) != 1) /* not on overflow pages */
            continue;
        const uint64_t own = load_number(node + 16);
        const uint64_t others[] = {0, 2, p.pages, UINT64_MAX};
        for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
            memcpy(node + 16, &others[k], sizeof others[k]);
            ask_from(&p, 0, 2 * KEYS + 1, 101);
            led++;
        }
        memcpy(node + 16, &own, sizeof own);
    }
    ck_assert_uint_gt(led, 0);
    patient_close(&p);
}
END_TEST

/* --- forged lists: pages after the store's own, which only an attacker writes --- */

#define FORGED 8

/* Appends FORGED pages that the reader sees. Returns the number of the first. */
static uint64_t forge_room(struct patient *p)
{
    const uint64_t first = p->pages;
    munmap(p->file, p->len);
    ck_assert_int_eq(truncate(path, (off_t)(p->len + FORGED * PAGE)), 0);
    p->len += FORGED * PAGE;
    p->pages += FORGED;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    p->file = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(p->file, MAP_FAILED);
    close(fd);
    return first;
}

static void store_bytes(uint8_t *at, uint64_t value, size_t len)
{
    memcpy(at, &value, len);
}

static void set_free_root(struct patient *p, uint64_t number)
{
    const bool second = load_number(p->file + PAGE + 144) > load_number(p->file + 144);
    store_bytes(p->file + second * PAGE + 80, number, 8);
}

/* Writes a page of `count` nodes of `node_len` bytes, all copies of `node`. */
static void forge_page(struct patient *p, uint64_t number, uint16_t flags, uint32_t count,
                       const uint8_t *node, size_t node_len)
{
    uint8_t *page = p->file + number * PAGE;
    const size_t upper = PAGE - count * node_len;
    memset(page, 0, PAGE);
    store_bytes(page, number, 8);
    store_bytes(page + 10, flags, 2);
    store_bytes(page + 12, 16 + 2 * count, 2);
    store_bytes(page + 14, upper, 2);
    for (uint32_t i = 0; i < count; i++) {
        store_bytes(page + 16 + 2 * i, upper + i * node_len, 2);
        memcpy(page + upper + i * node_len, node, node_len);
    }
}

/* Six levels of branches, each with 200 pointers to the next, and one list below them. A walk that
   visits the list for each path to it (200^6 times) would never end. */
START_TEST(a_walk_that_never_ends)
{
    struct patient p;
    uint8_t node[32] = {0};
    patient_open(&p);
    const uint64_t first = forge_room(&p);
    for (uint64_t i = 0; i < 6; i++) {
        store_bytes(node, first + (_i == 0 ? i + 1 : (i + 1) % 6), 4);
        store_bytes(node + 6, 8, 2);
        forge_page(&p, first + i, 1, 200, node, 16);
    }
    memset(node, 0, sizeof node);
    store_bytes(node, 8, 4);
    store_bytes(node + 6, 8, 2);
    store_bytes(node + 8, p.id, 8); /* the newest list, and empty */
    forge_page(&p, first + 6, 2, 1, node, 24);
    set_free_root(&p, first);
    ask_from(&p, 0, 2 * KEYS + 1, 101);
    ck_assert_uint_eq(p.answers[RIGHT], 0);
    patient_close(&p);
}
END_TEST

/* A list so long that its length plus its header exceeds 32 bits. */
START_TEST(a_list_beyond_all_pages)
{
    struct patient p;
    uint8_t node[32] = {0};
    patient_open(&p);
    const uint64_t first = forge_room(&p);
    const uint32_t len = UINT32_MAX - 7;
    store_bytes(node, len, 4);
    store_bytes(node + 4, 1, 2); /* on pages of its own */
    store_bytes(node + 6, 8, 2);
    store_bytes(node + 8, p.id, 8);
    store_bytes(node + 16, first + 1, 8);
    forge_page(&p, first, 2, 1, node, 24);
    uint8_t *big = p.file + (first + 1) * PAGE;
    store_bytes(big, first + 1, 8);
    store_bytes(big + 10, 4, 2);
    store_bytes(big + 12, _i == 0 ? 1 : UINT32_MAX, 4); /* pages */
    store_bytes(big + 16, len / 8 - 1, 8);              /* numbers */
    set_free_root(&p, first);
    ask_from(&p, 0, 2 * KEYS + 1, 101);
    ck_assert_uint_eq(p.answers[RIGHT], 0);
    patient_close(&p);
}
END_TEST

/* A stopped liblmdb reader keeps LMDB from reusing pages, so the free list grows to a tree. */
START_TEST(a_tree_of_lists)
{
    const size_t id = make_store(KEYS, 0);
    struct raw_store raw;
    struct reader reader;
    MDB_txn *still;
    size_t newest = id;
    raw_open(&raw, path, MDB_NOSYNC);
    ck_assert_int_eq(mdb_txn_begin(raw.env, NULL, MDB_RDONLY, &still), 0);
    for (uint32_t i = 0; i < 400; i++) {
        MDB_txn *txn = raw_begin(&raw);
        newest = mdb_txn_id(txn);
        put(&raw, txn, TABLE_TOKENS, key_integer(i % 7), i);
        raw_commit(&raw, txn);
    }
    mdb_txn_abort(still);
    raw_close(&raw);
    size_t len;
    const uint8_t *file = (const uint8_t *)file_read(path, &len);
    const struct patient p = {.file = (uint8_t *)(uintptr_t)file};
    ck_assert_uint_eq(load(file + free_root(&p) * PAGE + 10, 2), 1); /* a branch */
    must_open(&reader);
    struct cache *cache = reader.cache;
    for (int round = 0; round < 3; round++) {
        reader.cache = round == 0 ? NULL : cache;
        for (uint32_t n = 0; n < 2 * KEYS + 2; n++)
            ck_assert_int_eq(ask_nth(&reader, n, id), RIGHT);
    }
    ck_assert_uint_gt(newest, id);
    reader_close(&reader);
}
END_TEST

/* The first transaction of a store: no page is free, and there is no state before it. */
START_TEST(the_first_transaction)
{
    struct raw_store raw;
    struct reader reader;
    path = in_folder(temp_folder(), "store");
    raw_open(&raw, path, MDB_NOSYNC);
    raw_close(&raw);
    must_open(&reader);
    struct snapshot snapshot;
    ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_OK);
    ck_assert_uint_eq(snapshot.transaction, 1);
    ck_assert_int_eq(ask(&reader, TABLE_AUTH, key_integer(1), 1, false), RIGHT);
    ck_assert_int_eq(ask(&reader, TABLE_NAMES, key_name("acme", 4), 1, false), RIGHT);
    reader_close(&reader);
    reader_close(&reader); /* closing a closed reader does nothing */
}
END_TEST

/* --- the snapshot cache --- */

/* Adds keys to the main database until the state record is on a page below the root. */
START_TEST(a_state_below_the_root)
{
    const size_t id = make_store(KEYS, 0);
    struct raw_store raw;
    struct reader reader;
    raw_open(&raw, path, MDB_NOSYNC);
    MDB_txn *txn = raw_begin(&raw);
    for (uint32_t i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "else-%03u", i);
        put(&raw, txn, TABLE_STATE, key_name(name, strlen(name)), 50);
    }
    raw_commit(&raw, txn);
    raw_close(&raw);
    must_open(&reader);
    for (int round = 0; round < 2; round++) {
        struct snapshot snapshot;
        ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_OK);
        ck_assert(!snapshot.main.leaf);
        ck_assert_uint_eq(snapshot.state_at, 0);
        for (uint32_t n = 0; n < 2 * KEYS + 2; n++)
            ck_assert_int_eq(ask_nth(&reader, n, id), RIGHT);
    }
    reader_close(&reader);
}
END_TEST

/* A wrong place in the cache: the reader checks the place, and searches if the record is not there.
 */
START_TEST(a_wrong_place)
{
    const size_t id = make_store(KEYS, 0);
    struct reader reader;
    must_open(&reader);
    const struct place places[] = {
        {.page = UINT64_C(1) << 40, .node = 100},
        {.page = reader.mapped / PAGE, .node = 100},
        {.page = 0, .node = 100},
        {.page = 2, .node = 101},
        {.page = 2, .node = PAGE - 2},
        {.page = 3, .node = 100},
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct snapshot snapshot;
        ck_assert_int_eq(reader_begin(&snapshot, &reader), READER_OK);
        for (uint32_t n = 0; n < 2 * KEYS + 2; n++)
            reader_remember(&reader, snapshot.state.nonce, TABLE_AUTH, n, &places[i]);
        for (uint32_t n = 0; n < 2 * KEYS + 2; n++)
            ck_assert_int_eq(ask_nth(&reader, n, id), RIGHT);
    }
    /* without a cache, nothing is stored */
    struct cache *cache = reader.cache;
    reader.cache = NULL;
    reader_remember(&reader, 1, TABLE_AUTH, 2, &places[0]);
    ck_assert_int_eq(ask_nth(&reader, 2, id), RIGHT);
    reader.cache = cache;
    reader_close(&reader);
}
END_TEST

static bool is_cached(struct reader *reader)
{
    struct snapshot snapshot;
    for (int i = 0; i < 2; i++) { /* the first one may store it */
        if (reader_begin(&snapshot, reader) != READER_OK)
            return false;
    }
    return snapshot.cached != 0;
}

/* qemu 7.2 accepts MADV_WIPEONFORK and does nothing. */
static bool wipes_on_fork(void)
{
    int status;
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(page != MAP_FAILED && madvise(page, PAGE, MADV_WIPEONFORK) == 0);
    *page = 1;
    const pid_t child = fork_child();
    if (child == 0)
        _exit(*page);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    munmap(page, PAGE);
    return status == 0;
}

/* A fork while another thread writes to the cache. That thread is not in the child, so it never
   releases the seqlock there. The child begins with an empty cache of its own. */
START_TEST(a_fork_beside_a_writing_thread)
{
    struct reader reader;
    int status;
    if (!wipes_on_fork()) {
        puts("SKIPPED: a fork here copies memory that it should wipe");
        return;
    }
    make_store(KEYS, 0);
    must_open(&reader);
    ck_assert(is_cached(&reader));
    *(uint64_t *)(void *)reader.cache |= 1; /* the seqlock's sequence: odd while a thread writes */
    ck_assert(!is_cached(&reader));
    pid_t child = fork_child();
    if (child == 0)
        _exit(is_cached(&reader) ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert(!is_cached(&reader));
    reader_close(&reader);
}
END_TEST

/* A thousand ids, drawn as real ones: places that are used repeatedly do not evict each other. */
START_TEST(a_thousand_places)
{
    enum { TOLD = 1000 };
    uint64_t key[TOLD], state = 1, page;
    uint32_t node, met = 0;
    struct reader reader = {.mapped = 1 << 20, .page_size = PAGE};
    struct snapshot snapshot = {.reader = &reader, .state.nonce = 0x1234567890abcdef};
    ck_assert_ptr_nonnull(reader.cache = cache_open(reader.mapped, PAGE));
    for (unsigned i = 0; i < 2 * TOLD; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        key[i % TOLD] = i < TOLD ? state : key[i % TOLD];
        if (!cache_place(&snapshot, TABLE_AUTH, key[i % TOLD], &page, &node))
            cache_note_place(&reader, snapshot.state.nonce, TABLE_AUTH, key[i % TOLD], i % TOLD,
                             100);
    }
    for (unsigned i = 0; i < TOLD; i++) {
        if (!cache_place(&snapshot, TABLE_AUTH, key[i], &page, &node))
            continue;
        ck_assert(page == i && node == 100);
        met++;
    }
    ck_assert_msg(met >= TOLD * 98 / 100, "%u places are kept", met);
    cache_close(reader.cache, reader.mapped, PAGE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("snapshot cache");
    TCase *tcase = tcase_create("snapshot cache");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_reused_transaction_id, 0, 4);
    tcase_add_loop_test(tcase, a_freed_page, 0, 4);
    tcase_add_test(tcase, each_table_has_its_own_places);
    tcase_add_loop_test(tcase, answers_do_not_depend_on_the_cache, 0, 2 * WAYS);
    tcase_add_test(tcase, one_wrong_bit);
    tcase_add_test(tcase, one_wrong_bit_in_the_order);
    tcase_add_test(tcase, old_copies);
    tcase_add_loop_test(tcase, broken_pages, 0, BROKEN);
    tcase_add_test(tcase, pages_in_a_ring);
    tcase_add_test(tcase, an_overflow_list_with_a_wrong_page);
    tcase_add_test(tcase, a_tree_of_lists);
    tcase_add_loop_test(tcase, a_walk_that_never_ends, 0, 2);
    tcase_add_loop_test(tcase, a_list_beyond_all_pages, 0, 2);
    tcase_add_test(tcase, a_fork_beside_a_writing_thread);
    tcase_add_test(tcase, the_first_transaction);
    tcase_add_test(tcase, a_state_below_the_root);
    tcase_add_test(tcase, a_wrong_place);
    tcase_add_test(tcase, a_thousand_places);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
