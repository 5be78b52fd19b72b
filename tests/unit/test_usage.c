/* SPDX-License-Identifier: ISC */
/*
 * The usage files of hosts, as esp-tokenctl reads and folds them: any files in the folder, any
 * contents, and each count is folded exactly once.
 */
#include "store/usage.h"

#include "store/clock.h"
#include "store/db/lock.h"
#include "store/reveal.h"
#include "store/tokens.h"
#include "support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TOKENS USAGE_TOKENS_MIN
#define DONE(call) ck_assert_msg((call) == 0, "%s: %s", #call, err.message)

static struct config config;
static struct tier_table *tiers;
static struct store *store;
static struct espt_error err;
static struct token token;

static void setup(void)
{
    static const char table[] = "[lite]\nrank = 10\nmax_tokens = 9\ndefault = yes\n";
    const char *folder = temp_folder();
    struct entity entity;
    char text[TOKEN_TEXT_LEN + 1];
    bool made;
    ck_assert_int_ge(sodium_init(), 0);
    config_in(&config, folder);
    snprintf(config.usage, sizeof config.usage, "%s/usage", folder);
    config.wait.seconds = 5;
    DONE(reveal_create(&config, &made, &made, &err));
    DONE(store_create(&config, &made, &err));
    DONE(store_usage_folder(&config, &made, &err));
    ck_assert(made);
    DONE(tier_table_parse(&tiers, "t", table, sizeof table - 1, &err));
    DONE(store_open(&store, &config, &err));
    const struct entity_new wanted = {.name = "acme", .kind = KIND_CUSTOMER};
    DONE(store_entity_add(store, tiers, &wanted, &entity, &token, text, &err));
}

static void teardown(void)
{
    store_close(store);
    store = NULL;
    tier_table_free(tiers);
}

/* --- files as a host writes them, with changes that a test asks for --- */

struct file {
    uint64_t identity;
    uint64_t uses;
    int64_t last;
    uint32_t tokens; /* 0: TOKENS */
    size_t size;     /* 0: the right size */
    bool sparse;
};

static const char *name_of(uint64_t n)
{
    static char names[4][USAGE_NAME_SIZE];
    static unsigned next;
    char *name = names[next++ % 4];
    usage_name(name, geteuid(), n);
    return name;
}

static void put_file(const char *name, const struct file *file)
{
    const uint32_t tokens = file->tokens != 0 ? file->tokens : TOKENS;
    const size_t size = file->size != 0 ? file->size : usage_size(tokens);
    uint8_t *bytes = calloc(1, size);
    ck_assert_ptr_nonnull(bytes);
    struct usage_header *header = (void *)bytes;
    struct usage_bucket *bucket = (struct usage_bucket *)(void *)bytes + 1;
    header->magic = USAGE_MAGIC;
    header->identity = file->identity;
    header->tokens = tokens;
    bucket += usage_home(token.id, usage_buckets(size));
    bucket->id[0] = token.id;
    bucket->uses[0] = file->uses;
    bucket->last[0] = (uint32_t)(file->last - USAGE_EPOCH);
    bucket->id[1] = token.id + 1; /* no such token */
    bucket->uses[1] = 77;
    const char *path = in_folder(config.usage, name);
    if (file->sparse) {
        file_write(path, bytes, sizeof *header, 0600);
        ck_assert_int_eq(truncate(path, (off_t)size), 0);
    } else {
        file_write(path, bytes, size, 0600);
    }
    free(bytes);
}

static struct token shown(void)
{
    struct token now;
    const struct token_ref ref = {.by_id = true, .id = token.id};
    DONE(store_token_get(store, &ref, &now, &err));
    ck_assert(now.counted);
    return now;
}

static size_t fold(void)
{
    size_t files = 99;
    DONE(store_usage_fold(store, true, &files, &err));
    return files;
}

static bool exists(const char *name)
{
    struct stat st;
    return lstat(in_folder(config.usage, name), &st) == 0;
}

static void no_finding(void *arg, const struct finding *finding)
{
    (void)arg;
    if (strcmp(finding->kind, "no-token") != 0)
        ck_abort_msg("%s: %s: %s", finding->kind, finding->subject, finding->message);
}

static void check_whole(void)
{
    size_t findings;
    DONE(store_check(store, tiers, no_finding, NULL, NULL, NULL, &findings, &err));
}

#define THEN INT64_C(1700000000)

START_TEST(sums_and_times)
{
    ck_assert_uint_eq(shown().uses, 0);
    ck_assert_int_eq(shown().last_used, 0);
    put_file(name_of(1), &(struct file){.identity = 1, .uses = 5, .last = THEN});
    put_file(name_of(2), &(struct file){.identity = 2, .uses = 7, .last = THEN + 9});
    ck_assert_uint_eq(shown().uses, 12);
    ck_assert_int_eq(shown().last_used, THEN + 9);
    ck_assert_uint_eq(fold(), 2);
    ck_assert(!exists(name_of(1)) && !exists(name_of(2)));
    ck_assert_uint_eq(shown().uses, 12);
    ck_assert_int_eq(shown().last_used, THEN + 9);
    put_file(name_of(3), &(struct file){.identity = 3, .uses = 1, .last = THEN + 4});
    ck_assert_uint_eq(shown().uses, 13);
    ck_assert_int_eq(shown().last_used, THEN + 9);
    ck_assert_uint_eq(fold(), 1);
    ck_assert_uint_eq(fold(), 0);
    check_whole();
    struct token now = shown();
    DONE(store_token_remove(store, &now, true, &err));
    check_whole(); /* the count of a removed token is removed too */
}
END_TEST

/* A host can forge its own counts. Each count is limited, and sums do not overflow. */
START_TEST(forged_numbers)
{
    put_file(name_of(1), &(struct file){.identity = 1, .uses = UINT64_MAX, .last = THEN});
    put_file(name_of(2), &(struct file){.identity = 2, .uses = UINT64_MAX, .last = THEN});
    put_file(name_of(3),
             &(struct file){.identity = 3, .uses = 1, .last = USAGE_EPOCH + UINT32_MAX});
    ck_assert_uint_eq(shown().uses, INT64_MAX);
    ck_assert_int_le(shown().last_used, clock_now());
    fold();
    ck_assert_uint_eq(shown().uses, INT64_MAX);
    ck_assert_int_le(shown().last_used, clock_now());
    ck_assert_int_gt(shown().last_used, THEN);
    put_file(name_of(4), &(struct file){.identity = 4, .uses = 9, .last = THEN});
    fold();
    ck_assert_uint_eq(shown().uses, INT64_MAX);
    check_whole();
}
END_TEST

/* Each such file is skipped and not removed. */
START_TEST(other_files_are_skipped)
{
    const struct file good = {.identity = 1, .uses = 5, .last = THEN};
    struct file bad = good;
    const char *target = in_folder(config.usage, "../target");
    put_file("../target", &good);
    ck_assert_int_eq(symlink(target, in_folder(config.usage, name_of(1))), 0);
    ck_assert_int_eq(mkfifo(in_folder(config.usage, name_of(2)), 0600), 0);
    ck_assert_int_eq(mkdir(in_folder(config.usage, name_of(3)), 0700), 0);
    file_text(in_folder(config.usage, name_of(4)), "short");
    bad.size = usage_size(TOKENS) + 4096;
    put_file(name_of(5), &bad);
    bad = good;
    bad.tokens = 4 * TOKENS;
    bad.sparse = true;
    put_file(name_of(6), &bad);
    put_file("u0-0", &good);
    put_file("u4294967296-0123456789abcdef",
             &good); /* too large for a user id; an overflow would make it root's */
    put_file("note", &good);
    put_file(name_of(7), &good);
    ck_assert_int_eq(truncate(in_folder(config.usage, name_of(7)), 64), 0);
    bad.size = (size_t)1 << 40; /* refused because of its size */
    put_file(name_of(8), &(struct file){.identity = 8, .tokens = TOKENS});
    ck_assert_int_eq(truncate(in_folder(config.usage, name_of(8)), (off_t)bad.size), 0);
    char others[USAGE_NAME_SIZE];
    usage_name(others, geteuid() + 1, 9); /* says that it is another's */
    put_file(others, &good);
    ck_assert_uint_eq(shown().uses, 0);
    ck_assert_uint_eq(fold(), 0);
    for (uint64_t n = 1; n <= 8; n++)
        ck_assert_msg(exists(name_of(n)), "%llu", (unsigned long long)n);
    ck_assert(exists(others) && exists("note") && exists("../target"));
    put_file(name_of(10), &good);
    ck_assert_uint_eq(shown().uses, 5);
}
END_TEST

/* Another user's file with the same identity neither hides this file nor counts as this one. */
START_TEST(a_forged_identity)
{
    if (geteuid() != 0) {
        puts("SKIPPED a_forged_identity: it needs root");
        return;
    }
    char forged[USAGE_NAME_SIZE];
    usage_name(forged, 65534, 1);
    put_file(name_of(1), &(struct file){.identity = 1, .uses = 5, .last = THEN});
    put_file(forged, &(struct file){.identity = 1, .uses = 100, .last = THEN});
    ck_assert_int_eq(chown(in_folder(config.usage, forged), 65534, 65534), 0);
    ck_assert_uint_eq(shown().uses, 105);
    int live = open(in_folder(config.usage, name_of(1)), O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(flock(live, LOCK_EX | LOCK_NB), 0);
    ck_assert_uint_eq(fold(), 1);
    ck_assert_uint_eq(shown().uses, 105);
    ck_assert(exists(name_of(1)));
    close(live);
    /* a second name (hard link): the file is counted once, and both names are removed */
    ck_assert_int_eq(link(in_folder(config.usage, name_of(1)), in_folder(config.usage, name_of(2))),
                     0);
    ck_assert_uint_eq(shown().uses, 105);
    fold();
    fold();
    ck_assert_uint_eq(shown().uses, 105);
    ck_assert(!exists(name_of(1)) && !exists(name_of(2)));
}
END_TEST

/* Many files of one user do not keep the files of another from being read. A command reads a random
   sample of the names, in shares by a hash of their users: in one command of 32 both are in one
   share, and three in four of those leave the other's file out. */
START_TEST(thousands_of_files)
{
    if (geteuid() != 0) {
        puts("SKIPPED thousands_of_files: it needs root");
        return;
    }
    for (uint64_t n = 1; n <= 1000; n++) {
        char crowd[USAGE_NAME_SIZE];
        usage_name(crowd, 65534, n);
        put_file(crowd, &(struct file){.identity = n, .uses = 1, .last = THEN});
        ck_assert_int_eq(chown(in_folder(config.usage, crowd), 65534, 65534), 0);
    }
    put_file(name_of(1), &(struct file){.identity = 1, .uses = 1000000, .last = THEN});
    unsigned seen = 0;
    for (unsigned i = 0; i < 20; i++)
        seen += shown().uses == 1000000 + USAGE_FILES_OF_OWNER;
    ck_assert_uint_ge(seen, 13);
    size_t total = 0, folded;
    while ((folded = fold()) > 0)
        total += folded;
    ck_assert_uint_eq(total, 1001);
    ck_assert_uint_eq(shown().uses, 1001000);
}
END_TEST

/* With more users than the limit, only the first are read, and no unread file counts as removed. */
START_TEST(many_users)
{
    if (geteuid() != 0) {
        puts("SKIPPED many_users: it needs root");
        return;
    }
    for (uid_t user = 1; user <= 70; user++) {
        char name[USAGE_NAME_SIZE];
        usage_name(name, user, user);
        put_file(name, &(struct file){.identity = user, .uses = 1, .last = THEN});
        ck_assert_int_eq(chown(in_folder(config.usage, name), user, user), 0);
    }
    ck_assert_uint_eq(shown().uses, 64);
    ck_assert_uint_eq(fold(), 64);
    ck_assert_uint_eq(fold(), 6);
    ck_assert_uint_eq(shown().uses, 70);
}
END_TEST

/* All buckets that a search visits are full: the token has no place, and no uses are shown. */
START_TEST(no_place_for_the_token)
{
    const size_t size = usage_size(TOKENS);
    const struct file file = {.identity = 1, .uses = 5, .last = THEN};
    put_file(name_of(1), &file);
    size_t len;
    char *bytes = file_read(in_folder(config.usage, name_of(1)), &len);
    ck_assert_uint_eq(len, size);
    struct usage_bucket *bucket = (struct usage_bucket *)(void *)bytes + 1;
    for (uint32_t i = 0; i < usage_buckets(size); i++) {
        for (size_t place = 0; place < USAGE_PLACES; place++)
            bucket[i].id[place] = token.id + 1 + i;
    }
    file_write(in_folder(config.usage, name_of(1)), bytes, len, 0600);
    ck_assert_uint_eq(shown().uses, 0);
}
END_TEST

/* --- exactly once --- */

/* Between the commit and the unlink, only TABLE_FOLDED shows that a file was folded. */
START_TEST(folded_but_not_removed)
{
    const struct file file = {.identity = 1, .uses = 5, .last = THEN};
    put_file(name_of(1), &file);
    ck_assert_uint_eq(fold(), 1);
    put_file(name_of(1), &file); /* as if the file had never been removed */
    ck_assert_uint_eq(shown().uses, 5);
    ck_assert_uint_eq(fold(), 1);
    ck_assert(!exists(name_of(1)));
    ck_assert_uint_eq(shown().uses, 5);
    /* after it is removed, the next fold also deletes its identity */
    put_file(name_of(2), &(struct file){.identity = 2, .uses = 1, .last = THEN});
    fold();
    struct txn txn;
    DONE(txn_begin(&txn, store, false, &err));
    ck_assert_uint_eq(txn_entries(&txn, TABLE_FOLDED), 1);
    txn_abort(&txn);
    check_whole();
}
END_TEST

/* While another process writes, the fold at the end of a command does not wait. */
START_TEST(quiet_fold_does_not_wait)
{
    size_t files;
    put_file(name_of(1), &(struct file){.identity = 1, .uses = 5, .last = THEN});
    int fd;
    DONE(lock_open(config.store, ".writer", &fd, &err));
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    ck_assert_int_ne(store_usage_fold(store, false, &files, &err), 0);
    close(fd);
    DONE(store_usage_fold(store, false, &files, &err));
    ck_assert_uint_eq(files, 1);
    ck_assert_uint_eq(shown().uses, 5);
}
END_TEST

/* A damaged total is reported by `check`, is not shown, and is not overwritten. */
START_TEST(a_damaged_total)
{
    struct record_key key = key_integer(token.id);
    put_file(name_of(1), &(struct file){.identity = 1, .uses = 5, .last = THEN});
    fold();
    struct txn txn;
    DONE(txn_begin(&txn, store, true, &err));
    txn_put(&txn, TABLE_USAGE, &key, (const uint8_t *)"damaged", 7);
    DONE(txn_commit(&txn));
    put_file(name_of(2), &(struct file){.identity = 2, .uses = 7, .last = THEN});
    size_t files;
    ck_assert_int_eq(store_usage_fold(store, true, &files, &err), ESPT_UNUSABLE);
    ck_assert_ptr_nonnull(strstr(err.message, "esp-tokenctl check"));
    ck_assert(exists(name_of(2)));
    ck_assert_uint_eq(shown().uses, 7);
    /* the file was not closed, so a host may reuse it */
    struct usage_header header;
    int fd = open(in_folder(config.usage, name_of(2)), O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(fd, &header, sizeof header), sizeof header);
    ck_assert_uint_eq(header.closed, 0);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("usage");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, sums_and_times);
    tcase_add_test(tests, forged_numbers);
    tcase_add_test(tests, other_files_are_skipped);
    tcase_add_test(tests, a_forged_identity);
    tcase_add_test(tests, thousands_of_files);
    tcase_add_test(tests, many_users);
    tcase_add_test(tests, no_place_for_the_token);
    tcase_add_test(tests, folded_but_not_removed);
    tcase_add_test(tests, quiet_fold_does_not_wait);
    tcase_add_test(tests, a_damaged_total);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
