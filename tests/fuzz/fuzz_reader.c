/* SPDX-License-Identifier: ISC */
/*
 * The reader on any file. An input that begins with a zero byte is the file itself. Any other input
 * is a list of changes to a small store: offset (2 bytes), length (1 byte), bytes. The store has
 * pages of 1 KiB, so that an input can change any part of it. For half of the lists, a thread with
 * a second mapping makes and reverts the changes repeatedly while the reader reads.
 */
#include "fuzz/fuzz.h"

#include "common/record.h"
#include "reader/meta.h"
#include "reader/reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 1024u
#define PAGES 13u
#define MOVING_ROUNDS 40
#define TRANSACTION 8u
#define MAIN 2u
#define MAIN_BEFORE 3u
#define FREE 10u /* the free list, of which one record is on an overflow page */

static uint8_t base[PAGES * PAGE];

static void put(uint32_t page, size_t at, uint64_t value, size_t len)
{
    memcpy(base + page * PAGE + at, &value, len);
}

static uint16_t get16(uint32_t page, size_t at)
{
    uint16_t value;
    memcpy(&value, base + page * PAGE + at, sizeof value);
    return value;
}

static void begin_page(uint32_t page, uint16_t flags)
{
    put(page, 0, page, 8);
    put(page, 10, flags, 2);
    put(page, 12, 16, 2);
    put(page, 14, PAGE, 2);
}

/* Appends a node: the keys are written in order. */
static void add_node(uint32_t page, uint64_t head, const void *key, size_t key_len,
                     const void *data, size_t len)
{
    uint16_t lower = get16(page, 12);
    uint16_t upper = (uint16_t)((get16(page, 14) - 8 - key_len - len) & ~1u);
    MUST_HOLD(lower + 2 <= upper);
    put(page, upper, head, 6);
    put(page, upper + 6u, key_len, 2);
    memcpy(base + page * PAGE + upper + 8, key, key_len);
    if (len > 0)
        memcpy(base + page * PAGE + upper + 8 + key_len, data, len);
    put(page, lower, upper, 2);
    put(page, 12, lower + 2u, 2);
    put(page, 14, upper, 2);
}

static void add_value(uint32_t page, const struct record_key *key, const uint8_t *value, size_t len)
{
    add_node(page, len, key->bytes, key->len, value, len);
}

static void add_tokens(uint32_t page, uint64_t from)
{
    begin_page(page, 2);
    for (uint64_t id = from; id < from + 4; id++) {
        struct record_key key = key_integer(id);
        struct auth_record auth = {.active = true,
                                   .entity_active = true,
                                   .kind = KIND_CUSTOMER,
                                   .entity = 2,
                                   .reseller = 1,
                                   .entity_name = "shop",
                                   .tier = "lite"};
        uint8_t value[RECORD_MAX];
        add_value(page, &key, value, auth_encode(&key, &auth, value));
    }
}

/* The MDB_db record of a named table. */
static void add_table(uint32_t page, enum table table, uint64_t root, uint16_t depth)
{
    uint8_t record[48] = {0};
    uint64_t entries = root != UINT64_MAX, flags = table_has_integer_key(table) ? 8 : 0;
    memcpy(record + 4, &flags, 2);
    memcpy(record + 6, &depth, 2);
    memcpy(record + 32, &entries, 8);
    memcpy(record + 40, &root, 8);
    const char *name = table_name(table);
    add_node(page, sizeof record | UINT64_C(2) << 32, name, strlen(name), record, sizeof record);
}

static void add_main(uint32_t page, uint64_t transaction)
{
    begin_page(page, 2);
    const char *last = "";
    for (;;) { /* tables and state, in the order of their names */
        enum table next = TABLE_COUNT;
        for (enum table t = TABLE_STATE; t < TABLE_COUNT; t++)
            if (strcmp(table_name(t), last) > 0 &&
                (next == TABLE_COUNT || strcmp(table_name(t), table_name(next)) < 0))
                next = t;
        if (next == TABLE_COUNT)
            return;
        last = table_name(next);
        if (next == TABLE_STATE) {
            struct record_key key = key_state();
            struct state_record state = {
                .transaction = transaction, .revision = transaction, .next_number = 3};
            uint8_t value[RECORD_MAX];
            add_value(page, &key, value, state_encode(&state, value));
        } else {
            bool there = next == TABLE_AUTH || next == TABLE_RESELLERS || next == TABLE_NAMES ||
                         next == TABLE_ENTITIES;
            uint64_t root = next == TABLE_AUTH        ? 4
                            : next == TABLE_RESELLERS ? 7
                            : next == TABLE_NAMES     ? 8
                                                      : 9;
            add_table(page, next, there ? root : UINT64_MAX, there ? 1 : 0);
        }
    }
}

static void add_meta(uint32_t page, uint64_t transaction, uint64_t root)
{
    put(page, META_AT_NUMBER, page, 8);
    put(page, META_AT_FLAGS, 8, 2);
    put(page, META_AT_MAGIC, META_MAGIC, 4);
    put(page, META_AT_VERSION, META_VERSION, 4);
    put(page, META_AT_MAP_SIZE, UINT64_C(1) << 20, 8);
    put(page, META_AT_PAGE_SIZE, PAGE, 4);
    put(page, META_AT_FREE_ROOT, FREE, 8);
    put(page, META_AT_MAIN_ROOT, root, 8);
    put(page, META_AT_LAST_PAGE, PAGES - 1, 8);
    put(page, META_AT_TRANSACTION, transaction, 8);
}

static void add_free(void)
{
    const uint64_t list[] = {1, PAGES - 1}, big = FREE + 1, len = 2 * sizeof *list;
    struct record_key key = key_integer(TRANSACTION - 1);
    begin_page(FREE, 2);
    add_node(FREE, len | UINT64_C(1) << 32, key.bytes, key.len, &big, sizeof big);
    key = key_integer(TRANSACTION);
    add_node(FREE, len, key.bytes, key.len, list, len);
    begin_page(FREE + 1, 4);
    put(FREE + 1, 12, 1, 4);
    put(FREE + 1, 16, 0, 8); /* the page has no free space */
}

static void make_base(void)
{
    uint8_t value[RECORD_MAX];
    add_meta(0, TRANSACTION, MAIN);
    add_meta(1, TRANSACTION - 1, MAIN_BEFORE);
    add_free();
    add_main(MAIN, TRANSACTION);
    add_main(MAIN_BEFORE, TRANSACTION - 1);
    begin_page(4, 1);
    add_node(4, 5, "", 0, NULL, 0);
    struct record_key key = key_integer(100);
    add_node(4, 6, key.bytes, key.len, NULL, 0);
    add_tokens(5, 1);
    add_tokens(6, 100);
    begin_page(7, 2);
    key = key_integer(1);
    struct reseller_record reseller = {.active = true, .name = "acme"};
    add_value(7, &key, value, reseller_encode(&key, &reseller, value));
    begin_page(8, 2);
    key = key_name("shop", 4);
    add_value(8, &key, value, number_encode(&key, 2, value));
    begin_page(9, 2);
    key = key_integer(2);
    struct entity_record entity = {
        .kind = KIND_CUSTOMER, .active = true, .reseller = 1, .name = "shop", .tier = "lite"};
    add_value(9, &key, value, entity_encode(&key, &entity, value));
}

struct survey {
    unsigned found;
};

static enum reader_status look_up(void *arg, struct snapshot *snapshot)
{
    struct survey *survey = arg;
    const struct {
        enum table table;
        struct record_key key;
    } asked[] = {
        {TABLE_STATE, key_state()},        {TABLE_AUTH, key_integer(1)},
        {TABLE_AUTH, key_integer(103)},    {TABLE_AUTH, key_integer(50)},
        {TABLE_RESELLERS, key_integer(1)}, {TABLE_NAMES, key_name("shop", 4)},
        {TABLE_ENTITIES, key_integer(2)},  {TABLE_TOKENS, key_integer(1)},
        {TABLE_BY_ENTITY, key_pair(1, 2)}, {TABLE_AUTH, key_integer(UINT64_MAX)},
        {TABLE_NAMES, key_name("aa", 2)},  {TABLE_CUSTOMERS, key_pair(1, 2)},
    };
    survey->found = 0;
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        uint8_t value[RECORD_MAX];
        size_t len = 0;
        struct auth_record auth;
        enum reader_status status =
            reader_get(snapshot, asked[i].table, &asked[i].key, value, &len);
        MUST_HOLD(status <= READER_OK && status >= READER_OLDER);
        if (status != READER_OK)
            continue;
        MUST_HOLD(len <= RECORD_MAX);
        survey->found++;
        if (asked[i].table == TABLE_AUTH && auth_decode(&asked[i].key, value, len, &auth))
            MUST_HOLD(strcmp(auth.entity_name, "shop") == 0); /* the checksum holds */
    }
    return READER_OK;
}

/* Returns the file's length. */
static size_t write_file(int fd, const uint8_t *data, size_t size)
{
    static uint8_t bytes[sizeof base];
    if (size > 0 && data[0] == 0) {
        MUST_HOLD(ftruncate(fd, 0) == 0 && pwrite(fd, data + 1, size - 1, 0) == (ssize_t)size - 1);
        return size - 1;
    }
    memcpy(bytes, base, sizeof bytes);
    for (size_t at = 1; at + 3 < size;) {
        size_t place = (size_t)(data[at] | data[at + 1] << 8) % sizeof bytes;
        size_t len = 1 + data[at + 2] % 64u;
        at += 3;
        if (len > size - at)
            len = size - at;
        if (len > sizeof bytes - place)
            len = sizeof bytes - place;
        memcpy(bytes + place, data + at, len);
        at += len;
    }
    MUST_HOLD(ftruncate(fd, sizeof bytes) == 0);
    MUST_HOLD(pwrite(fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    return sizeof bytes;
}

/* --- the same changes while the reader reads; a deliberate race, so not under ThreadSanitizer ---
 */

#ifndef __SANITIZE_THREAD__

struct mover {
    int file;
    uint8_t changed[sizeof base];
    atomic_bool stop;
};

static void *move(void *arg)
{
    struct mover *mover = arg;
    volatile uint8_t *map =
        mmap(NULL, sizeof base, PROT_READ | PROT_WRITE, MAP_SHARED, mover->file, 0);
    MUST_HOLD(map != MAP_FAILED);
    while (!atomic_load(&mover->stop)) {
        for (size_t i = 0; i < sizeof base; i++) {
            if (mover->changed[i] != base[i])
                map[i] = map[i] == base[i] ? mover->changed[i] : base[i];
        }
    }
    munmap((void *)(uintptr_t)map, sizeof base);
    return NULL;
}

static void read_while_moving(int file, struct reader *reader)
{
    struct mover mover = {.file = file};
    struct survey survey;
    struct snapshot snapshot;
    pthread_t thread;
    MUST_HOLD(pread(file, mover.changed, sizeof mover.changed, 0) == sizeof mover.changed);
    MUST_HOLD(pthread_create(&thread, NULL, move, &mover) == 0);
    for (int i = 0; i < MOVING_ROUNDS; i++) {
        if (reader_begin(&snapshot, reader) == READER_OK) {
            MUST_HOLD(look_up(&survey, &snapshot) == READER_OK);
            (void)!reader_end(&snapshot);
        }
    }
    (void)!reader_look_up(reader, look_up, &survey);
    atomic_store(&mover.stop, true);
    MUST_HOLD(pthread_join(thread, NULL) == 0);
}

#endif

FUZZ(reader)
{
    static int file = -1;
    struct reader reader;
    struct snapshot snapshot;
    struct survey survey = {0};
    struct espt_error err = {0};
    if (file < 0) {
        file = memfd_create("store", MFD_CLOEXEC);
        MUST_HOLD(file >= 0);
        make_base();
    }
    const size_t len = write_file(file, data, size);
    int fd = dup(file);
    MUST_HOLD(fd >= 0);
    if (reader_open(&reader, fd, "store", UINT64_C(1) << 20, &err) != 0) {
        MUST_HOLD(strncmp(err.message, "store: ", 7) == 0);
        return 0;
    }
    enum reader_status status = reader_begin(&snapshot, &reader);
    MUST_HOLD(size != 0 || status == READER_OK);
    if (status == READER_OK) {
        MUST_HOLD(look_up(&survey, &snapshot) == READER_OK);
        MUST_HOLD(reader_end(&snapshot) == READER_OK); /* there is no writer */
        if (size <= 1)
            MUST_HOLD(size != 0 || survey.found == 6); /* the unchanged store has all keys */
    } else if (size > 0 && data[size - 1] % 64 == 0) {
        (void)!reader_look_up(&reader, look_up, &survey); /* slow, because it retries */
    }
#ifdef __SANITIZE_THREAD__
    (void)len;
#else
    if (size > 1 && data[0] != 0 && data[0] % 2 == 0 && len == sizeof base)
        read_while_moving(file, &reader);
#endif
    reader_close(&reader);
    return 0;
}
