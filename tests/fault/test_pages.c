/* SPDX-License-Identifier: ISC */
/*
 * Pages with two owners or none, and trees whose pointers lead to wrong pages: check names the page
 * and the fault, and no command writes to such a store. Each fault is written into the file byte by
 * byte.
 */
#include "cli/drive.h"
#include "fault/page_bytes.h"

#include <stdio.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static const char *config, *folder, *store, *whole;

/* The first record of the free list that holds at least two pages. */
static size_t list_at(void)
{
    const uint64_t free_root = word_at(meta() + META_AT_FREE_ROOT);
    for (unsigned i = 0; i < node_count(free_root); i++) {
        const size_t at = node(free_root, i) + NODE_DATA;
        if (word_at(at) >= 2)
            return at;
    }
    ck_abort_msg("no list of free pages is long enough");
}

#define LAST 35 /* the last entity that is added */

static void add(unsigned i)
{
    char name[16];
    snprintf(name, sizeof name, "e%u", i);
    ck_assert_int_eq(CTL(config, NULL, "entity", "add", name, "--kind", "customer").status, 0);
}

/* Runs once, before the tests are forked: the store of which each test gets a copy. */
static void prepare(void)
{
    config = store_folder(&folder);
    ck_assert_int_eq(
        CTL(config, NULL, "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced")
            .status,
        0);
    for (unsigned i = 0; i < LAST; i++)
        add(i);
}

static void setup(void)
{
    config = copied(&folder);
    store = strdup(in_folder(folder, "tokens.mdb"));
    add(LAST); /* leaves the note of the last writer, which knows its own file alone */
    ck_assert_int_eq(access(in_folder(folder, "tokens.mdb.writer"), F_OK), 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    whole = file_read(store, &size);
    bytes = memcpy(malloc(size), whole, size);
}

static void teardown(void)
{
    free(bytes);
}

/* --- faults --- */

static void free_page_in_use(void)
{
    set_word(list_at() + 8, root_of(TABLE_NAMES) > word_at(list_at() + 16)
                                ? root_of(TABLE_NAMES)
                                : word_at(meta() + META_AT_MAIN_ROOT));
}

/* A single flipped bit, as in a bug report: the highest number becomes the number of a page in
   use. */
static void one_bit(void)
{
    const uint64_t free_root = word_at(meta() + META_AT_FREE_ROOT);
    const uint64_t roots[] = {root_of(TABLE_AUTH),      root_of(TABLE_TOKENS),
                              root_of(TABLE_NAMES),     root_of(TABLE_ENTITIES),
                              root_of(TABLE_BY_ENTITY), root_of(TABLE_LOG),
                              root_of(TABLE_CUSTOMERS)};
    for (unsigned i = 0; i < node_count(free_root); i++) {
        const size_t at = node(free_root, i) + NODE_DATA;
        for (uint64_t n = 1; n <= word_at(at); n++) {
            for (size_t r = 0; r < sizeof roots / sizeof *roots; r++) {
                const uint64_t number = word_at(at + 8 * n), turned = number ^ roots[r];
                const bool falls = (n == 1 || word_at(at + 8 * (n - 1)) > roots[r]) &&
                                   (n == word_at(at) || word_at(at + 8 * (n + 1)) < roots[r]);
                if ((turned & (turned - 1)) == 0 && turned != 0 && falls) {
                    set_word(at + 8 * n, roots[r]);
                    return;
                }
            }
        }
    }
    free_page_in_use();
}

static void listed_twice(void)
{
    const uint64_t free_root = word_at(meta() + META_AT_FREE_ROOT);
    const size_t list = list_at();
    for (unsigned i = 0; i < node_count(free_root); i++) {
        const size_t at = node(free_root, i) + NODE_DATA;
        if (at != list && word_at(at) > 0 && word_at(at + 8) > word_at(list + 16)) {
            set_word(list + 8, word_at(at + 8));
            return;
        }
    }
    ck_abort_msg("no other list");
}

static void out_of_order(void)
{
    const size_t list = list_at();
    const uint64_t first = word_at(list + 8);
    set_word(list + 8, word_at(list + 16));
    set_word(list + 16, first);
}

static void of_the_future(void)
{
    const uint64_t free_root = word_at(meta() + META_AT_FREE_ROOT);
    const unsigned last = node_count(free_root) - 1;
    set_word(node(free_root, last) + 8, word_at(meta() + META_AT_TRANSACTION) + 1);
}

static void behind_the_last(void)
{
    set_word(list_at() + 8, word_at(meta() + META_AT_LAST_PAGE) + 1);
}

static void too_long_a_list(void)
{
    set_word(list_at(), 1u << 20);
}

static void a_meta_page(void)
{
    const size_t list = list_at();
    set_word(list + 8 * word_at(list), 1);
}

static void one_lost(void)
{
    const size_t list = list_at();
    set_word(list, word_at(list) - 1);
}

static void last_page_less(void)
{
    set_word(meta() + META_AT_LAST_PAGE, word_at(meta() + META_AT_LAST_PAGE) / 2);
}

static void last_page_more(void)
{
    set_word(meta() + META_AT_LAST_PAGE, word_at(meta() + META_AT_LAST_PAGE) + 64);
}

static void shared_root(void)
{
    set_word(table_at(TABLE_AUTH) + TREE_ROOT, root_of(TABLE_TOKENS));
}

static void ring(void)
{
    const uint64_t root = root_of(TABLE_LOG);
    ck_assert_uint_eq(half_at(root * PAGE + 10), 1); /* a branch page */
    const uint16_t low = (uint16_t)root;
    memcpy(bytes + node(root, 1), &low, sizeof low);
}

static void wrong_entries(void)
{
    set_word(table_at(TABLE_AUTH) + TREE_ENTRIES, word_at(table_at(TABLE_AUTH) + TREE_ENTRIES) + 1);
}

static void wrong_leaves(void)
{
    set_word(table_at(TABLE_LOG) + TREE_LEAVES, word_at(table_at(TABLE_LOG) + TREE_LEAVES) + 1);
}

static void wrong_depth(void)
{
    bytes[table_at(TABLE_NAMES) + TREE_DEPTH] ^= 4;
}

static void wrong_flags(void)
{
    bytes[table_at(TABLE_NAMES) + TREE_FLAGS] ^= 2;
}

static void wrong_pad(void)
{
    bytes[table_at(TABLE_NAMES)] ^= 2;
}

static void flags_of_the_list(void)
{
    bytes[meta() + META_AT_PAGE_SIZE + TREE_FLAGS] ^= 4; /* several values of one key */
}

static void entries_of_the_list(void)
{
    set_word(meta() + META_AT_PAGE_SIZE + TREE_ENTRIES,
             word_at(meta() + META_AT_PAGE_SIZE + TREE_ENTRIES) + 1);
}

static void separator(void)
{
    const uint64_t root = root_of(TABLE_LOG);
    set_word(node(root, 1) + 8, word_at(node(root, 1) + 8) + 1);
}

static void older_meta(void)
{
    bytes[(PAGE - meta()) + META_AT_MAGIC] ^= 1;
}

static const struct fault {
    const char *name;
    void (*make)(void);
    const char *kind, *said;
    bool harmless; /* refused by writing commands */
} faults[] = {
    {"free page in use", free_page_in_use, "damaged", "it is listed as free, but ", false},
    {"one bit", one_bit, "damaged", "it is listed as free, but ", false},
    {"listed twice", listed_twice, "damaged", "it is listed as free twice", false},
    {"out of order", out_of_order, "damaged", "the page numbers of an entry are out of order",
     false},
    {"of the future", of_the_future, "damaged", "an impossible transaction number", false},
    {"behind the last", behind_the_last, "damaged", "is beyond the last page", false},
    {"too long a list", too_long_a_list, "damaged", "the length of an entry is wrong", false},
    {"a meta page", a_meta_page, "damaged", "it is a meta page, but is listed as free", false},
    {"one lost", one_lost, "page", "neither used nor free", true},
    {"last page less", last_page_less, "damaged", "is beyond the last page", false},
    {"last page more", last_page_more, "page", "neither used nor free", true},
    {"shared root", shared_root, "damaged", "table auth and table tokens both use it", false},
    {"ring", ring, "damaged", "table log uses it twice", false},
    {"wrong entries", wrong_entries, "count", "records, but it has", true},
    {"wrong leaves", wrong_leaves, "damaged", "its number of pages or entries differs", false},
    {"wrong depth", wrong_depth, "damaged", "it should be a branch", false},
    {"wrong flags", wrong_flags, "damaged", "its record of table names", false},
    {"wrong pad", wrong_pad, "damaged", "its record of table names", false},
    {"flags of the list", flags_of_the_list, "damaged", "its record of the list of free pages",
     false},
    {"entries of the list", entries_of_the_list, "damaged",
     "its number of pages or entries differs", false},
    {"separator", separator, "damaged", "out of order", true},
};

static void has_finding(struct run run, const struct fault *fault)
{
    ck_assert_msg(run.status == 1, "%s: status %d: %s%s", fault->name, run.status, run.out,
                  run.err);
    json_t *json = document(run.out), *finding;
    size_t i;
    bool any = false;
    json_array_foreach(json_object_get(json, "findings"), i, finding) any =
        any || (strcmp(text_of(finding, "kind"), fault->kind) == 0 &&
                strstr(text_of(finding, "message"), fault->said) != NULL);
    ck_assert_msg(any, "%s: %s is not among: %s", fault->name, fault->said, run.out);
    json_decref(json);
}

/* Such a file also cannot replace a store. */
static void is_no_backup(const struct fault *fault)
{
    const char *path = strdup(in_folder(folder, "b.mdb"));
    file_write(path, bytes, size, 0640);
    file_write(store, whole, size, 0640);
    const struct run run = CTL(config, NULL, "restore", path, "--yes", "--no-manifest");
    ck_assert_msg(run.status == 5 && strstr(run.err, "page") != NULL, "%s: %d: %s%s", fault->name,
                  run.status, run.out, run.err);
    ck_assert_mem_eq(file_read(store, &(size_t){0}), whole, size);
    free((void *)(uintptr_t)path);
}

/* A backup of such a store is refused, or is sound: restore checks the records as well. */
static void is_backed_up_or_refused(const struct fault *fault)
{
    const char *path = strdup(in_folder(folder, "c.mdb"));
    file_write(store, bytes, size, 0640);
    const struct run backup = CTL(config, NULL, "backup", path);
    if (backup.status != 0) {
        /* liblmdb may crash while it copies: esp-tokenctl reports that, unless a sanitizer does */
        ck_assert_msg(SANITIZED || backup.status == 5, "%s: %d", fault->name, backup.status);
        ck_assert_int_ne(access(path, F_OK), 0);
    } else {
        file_write(store, whole, size, 0640);
        const struct run run = CTL(config, NULL, "restore", path, "--yes");
        ck_assert_msg(run.status == 0 || strcmp(fault->kind, "count") == 0, "%s: %d: %s%s",
                      fault->name, run.status, run.out, run.err);
        if (run.status == 0)
            ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    }
    free((void *)(uintptr_t)path);
}

START_TEST(found_and_never_written_to)
{
    const struct fault *fault = &faults[_i];
    fault->make();
    file_write(store, bytes, size, 0640);
    has_finding(CTL(config, NULL, "--json", "check"), fault);
    if (fault->harmless) {
        is_backed_up_or_refused(fault);
        return;
    }
    is_no_backup(fault);
    /* with the last writer's note, which records another free list, and without a note */
    for (int noted = 1; noted >= 0; noted--) {
        if (!noted)
            unlink(in_folder(folder, "tokens.mdb.writer"));
        file_write(store, bytes, size, 0640);
        const struct run run = CTL(config, NULL, "create", "acme", "x");
        ck_assert_msg(run.status == 5 && strstr(run.err, "damaged") != NULL, "%s: %d: %s%s",
                      fault->name, run.status, run.out, run.err);
        size_t len;
        const char *after = file_read(store, &len);
        ck_assert_msg(len == size && memcmp(after, bytes, len) == 0, "%s: written to", fault->name);
    }
    is_backed_up_or_refused(fault);
}
END_TEST

/* The fault is on the path to the last leaf of the log, which every change appends to; the writer
   checks that path first. No free list shows the fault. */
START_TEST(damaged_path_to_the_log)
{
    const uint64_t root = root_of(TABLE_LOG);
    const unsigned last = node_count(root) - 1;
    const uint16_t other = half_at(node(root, last - 1));
    if (_i == 0)
        set_word(node(root, last) + 8, word_at(node(root, last) + 8) + 1); /* its separator key */
    else if (_i == 1)
        memcpy(bytes + node(root, last), &other, sizeof other); /* the page number */
    else if (_i == 2)
        bytes[half_at(node(root, last)) * PAGE + 12] ^= 2; /* the number of nodes */
    else
        bytes[half_at(node(root, last)) * PAGE + PAGE - 100] ^= 2; /* a log entry */
    file_write(store, bytes, size, 0640);
    const struct run run = CTL(config, NULL, "create", "acme", "x");
    ck_assert_msg(run.status == 5 && strstr(run.err, "table log") != NULL, "%d: %s%s", run.status,
                  run.out, run.err);
    size_t len;
    const char *after = file_read(store, &len);
    ck_assert(len == size && memcmp(after, bytes, len) == 0);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 1);
}
END_TEST

/* A lost write of a leaf: the page is sound, has the same place and the same keys, but on it a
   token ends later than it should: its expiration was brought forward since. The log shows the
   difference. */
START_TEST(an_older_leaf)
{
    enum { TIMES = 14 };
    const char *then[TIMES];
    uint64_t page[TIMES];
    config = store_folder(&folder);
    free((void *)(uintptr_t)store);
    store = strdup(in_folder(folder, "tokens.mdb"));
    ck_assert_int_eq(CTL(config, NULL, "entity", "add", "acme", "--kind", "reseller").status, 0);
    for (unsigned i = 0; i < TIMES; i++) {
        const char *when = i % 2 == 0 ? "300d" : "2d";
        ck_assert_int_eq(CTL(config, NULL, "edit", "acme/default", "--expires", when).status, 0);
        then[i] = file_read(store, &size);
        bytes = memcpy(realloc(bytes, size), then[i], size);
        page[i] = root_of(TABLE_AUTH);
    }
    unsigned i = 0;
    while (i < TIMES - 1 && (i % 2 != 0 || page[i] != page[TIMES - 1]))
        i++;
    ck_assert_uint_lt(i, TIMES - 1);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 0);
    memcpy(bytes + page[i] * PAGE, then[i] + page[i] * PAGE, PAGE);
    file_write(store, bytes, size, 0640);
    has_finding(CTL(config, NULL, "--json", "check"),
                &(struct fault){"an older leaf", NULL, "damaged",
                                "differs from the log: an older copy", false});
}
END_TEST

/* A meta page was not written, or an old copy of the file was put back: commits are missing. */
START_TEST(an_older_state)
{
    struct run run = CTL(config, NULL, "create", "acme", "x");
    ck_assert_msg(run.status == 0, "%s", run.err);
    file_write(store, bytes, size, 0640);
    has_finding(CTL(config, NULL, "--json", "check"),
                &(struct fault){"an older state", NULL, "damaged", "an older state", false});
    run = CTL(config, NULL, "create", "acme", "y");
    ck_assert_msg(run.status == 5 && strstr(run.err, "an older state") != NULL, "%d: %s",
                  run.status, run.err);
}
END_TEST

/* liblmdb checks the magic number first; its message is passed on. */
START_TEST(damaged_older_meta_page)
{
    older_meta();
    file_write(store, bytes, size, 0640);
    ck_assert_int_eq(CTL(config, NULL, "check").status, 5);
    ck_assert_int_eq(CTL(config, NULL, "create", "acme", "x").status, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pages");
    TCase *tests = tcase_create("pages");
    tcase_add_unchecked_fixture(tests, prepare, NULL);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, found_and_never_written_to, 0,
                        (int)(sizeof faults / sizeof *faults));
    tcase_add_loop_test(tests, damaged_path_to_the_log, 0, 4);
    tcase_add_test(tests, an_older_leaf);
    tcase_add_test(tests, an_older_state);
    tcase_add_test(tests, damaged_older_meta_page);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
