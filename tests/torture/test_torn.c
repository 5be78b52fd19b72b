/* SPDX-License-Identifier: ISC */
/*
 * The meta page of a commit is caught half written: its bytes may arrive in any order, and a writer
 * may stop for ever between them. Until the last byte is written, each answer is from the state
 * before, from the new state, or a denial; with the last byte it is from the new state.
 */
#include "torture/world.h"

#include <fcntl.h>

#define PAGE 4096u
#define FROM 32u /* the part of a meta page that LMDB writes */
#define TO 152u
#define RANDOM 300

static struct text good, doomed;
static uint64_t before; /* revisions */
static unsigned half, doubts;

/* The store before the last change, and after it. */
static char *old_file, *new_file;
static size_t len;
static uint8_t *file;

static uint64_t id_of(const char *bytes)
{
    uint64_t ids[2];
    memcpy(&ids[0], bytes + 144, sizeof *ids);
    memcpy(&ids[1], bytes + PAGE + 144, sizeof *ids);
    return ids[0] > ids[1] ? ids[0] : ids[1];
}

/* Makes a store whose last change has number `last`. */
static void make_store(uint64_t last)
{
    char *store;
    espt_result result;
    world_open();
    store = strdup(in_folder(folder, "tokens.mdb"));
    good = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    doomed = world_create("shop", "doomed");
    while (id_of(file_read(store, &len)) + 1 < last)
        world_switch_token("shop", "default", 1);
    old_file = file_read(store, &len);
    host_load();
    host_open();
    ck_assert_int_eq(validate_now(&doomed, NULL, NULL, 0, &result), ESPT_ALLOW);
    before = result.revision;
    world_switch_token("shop", "doomed", 0);
    world_close();
    new_file = file_read(store, &len);
    int fd = open(store, O_RDWR | O_CLOEXEC);
    file = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(fd >= 0 && file != MAP_FAILED);
    close(fd);
    free(store);
}

static void teardown(void)
{
    munmap(file, len);
    host_teardown();
    tier_table_free(world_tiers);
}

static void look(bool whole)
{
    espt_result result;
    int status = validate_now(&good, NULL, NULL, 0, &result);
    if (status == ESPT_ERR_CORRUPT || status == ESPT_ERR_UNAVAILABLE) {
        ck_assert(!whole);
        doubts++;
    } else {
        ck_assert_int_eq(status, ESPT_ALLOW);
        ck_assert(result.revision == before + 1 || (!whole && result.revision == before));
    }
    status = validate_now(&doomed, NULL, NULL, 0, &result);
    if (status == ESPT_ALLOW)
        ck_assert(!whole && result.revision == before);
    else if (status == ESPT_DENY_INACTIVE)
        ck_assert_uint_eq(result.revision, before + 1);
    else
        ck_assert(!whole && (status == ESPT_ERR_CORRUPT || status == ESPT_ERR_UNAVAILABLE));
    half++;
}

/* Which meta page this commit writes. */
static size_t written_page(void)
{
    return memcmp(old_file + FROM, new_file + FROM, TO - FROM) != 0 ? 0 : PAGE;
}

START_TEST(half_written_meta_page)
{
    make_store(250 + (uint64_t)_i); /* on either page; from 254 to 256 two bytes change */
    const size_t page = written_page();
    uint8_t *meta = file + page;
    const char *old = old_file + page, *new = new_file + page;
    ck_assert_uint_eq(id_of(new_file), 250 + (uint64_t)_i);
    ck_assert_int_ne(memcmp(old + FROM, new + FROM, TO - FROM), 0);
    look(true);
    for (size_t at = FROM; at <= TO; at++) { /* from the start, and from the end */
        memcpy(meta + FROM, old + FROM, TO - FROM);
        memcpy(meta + FROM, new + FROM, at - FROM);
        look(at == TO);
        memcpy(meta + FROM, old + FROM, TO - FROM);
        memcpy(meta + at, new + at, TO - at);
        look(at == FROM);
    }
    srandom(1);
    for (int n = 0; n < RANDOM; n++) { /* in any order, by bytes and by words */
        const size_t unit = n % 2 == 0 ? 1 : 8;
        for (size_t at = FROM; at < TO; at += unit)
            memcpy(meta + at, (random() % 2 == 0 ? old : new) + at, unit);
        look(false);
    }
    memcpy(meta + FROM, new + FROM, TO - FROM);
    look(true);
    printf("%u looks, %u times in doubt\n", half, doubts);
    ck_assert_uint_lt(doubts, half);
    teardown();
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("torn");
    TCase *tcase = tcase_create("torn");

    tcase_add_loop_test(tcase, half_written_meta_page, 0, 8);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
