/* SPDX-License-Identifier: ISC */
/* A journal that has lost its last entries: what sites report, and how `fleet refill` puts the
   entries back. */
#include "fleet/members.h"

#include <unistd.h>

static struct fleet_of fleet;
#define LOST_MAX 64
static struct lost {
    char *bytes;
    size_t len;
} lost[LOST_MAX];

/* Removes the entries after `last` from the journal, as if a standby that lacks them took over. */
static void set_back(uint64_t last)
{
    memset(lost, 0, sizeof lost);
    for (int i = 0; i < LOST_MAX; i++) {
        const char *path = fleet_entry_path(&fleet, last + 1 + (uint64_t)i);
        lost[i].bytes = file_read(path, &lost[i].len);
        if (lost[i].bytes == NULL)
            return;
        ck_assert_int_eq(unlink(path), 0);
    }
}

/* Asserts that the journal has these entries again, byte for byte. */
static void came_back(uint64_t last)
{
    for (int i = 0; lost[i].bytes != NULL; i++) {
        size_t len;
        const char *bytes = file_read(fleet_entry_path(&fleet, last + 1 + (uint64_t)i), &len);
        ck_assert_msg(bytes != NULL, "entry %d after %llu", i + 1, (unsigned long long)last);
        ck_assert_uint_eq(len, lost[i].len);
        ck_assert_mem_eq(bytes, lost[i].bytes, len);
    }
}

static bool there(uint64_t number)
{
    return access(fleet_entry_path(&fleet, number), F_OK) == 0;
}

START_TEST(puts_back_what_was_lost)
{
    fleet_begin(&fleet, 2);
    const uint64_t last = fleet_entry(&fleet, 1);
    /* entries of both sites, small and large */
    DONE(fleet.site[0], "create", "acme", "a");
    DONE(fleet.site[1], "create", "acme", "b");
    fleet_done(CTL(fleet.site[1].config, "m1 customer\nm2 customer\n", "entity", "add", "--from",
                   "-", "-q"));
    DONE(fleet.site[0], "edit", "acme/b", "--status", "inactive");
    fleet_same(&fleet, 0, 1);
    ck_assert_str_eq(DONE(fleet.site[1], "fleet", "refill"),
                     "the journal lacks no entry of this store\n");
    set_back(last);
    for (int i = 0; i < 2; i++) {
        const char *before = DONE(fleet.site[i], "list", "--stale");
        struct run run = AT(fleet.site[i], "create", "acme", "never");
        fleet_says(run, 5, "the journal was set back");
        fleet_says(run, 5, "run 'esp-tokenctl fleet refill'");
        ck_assert_str_eq(run.out, "");
        ck_assert_str_eq(DONE(fleet.site[i], "list", "--stale"), before);
        ck_assert(!there(last + 1));
        run = AT(fleet.site[i], "list");
        ck_assert_int_eq(run.status, 0);
        ck_assert_str_eq(run.out, before);
        ck_assert_ptr_nonnull(strstr(run.err, "may be behind the fleet"));
    }
    char said[128];
    snprintf(said, sizeof said, "put entries %llu to %llu back into the journal\n",
             (unsigned long long)last + 1, (unsigned long long)last + 4);
    ck_assert_str_eq(DONE(fleet.site[1], "fleet", "refill"), said);
    came_back(last);
    fleet_same(&fleet, 0, 1);
    DONE(fleet.site[0], "create", "acme", "c");
    DONE(fleet.site[1], "create", "acme", "d");
    fleet_same(&fleet, 0, 1);
    /* again, from the other site; --json */
    set_back(last + 2);
    const char *json = DONE(fleet.site[0], "--json", "fleet", "refill");
    ck_assert_ptr_nonnull(strstr(json, "\"refilled\""));
    came_back(last + 2);
    ck_assert_ptr_nonnull(strstr(DONE(fleet.site[0], "--json", "fleet", "refill"), "null"));
    fleet_same(&fleet, 1, 0);
}
END_TEST

/* A site that lacks the lost entries writes first: refill does not replace its entry, and join
   lists what is lost. */
START_TEST(the_fleet_went_on)
{
    fleet_begin(&fleet, 2);
    const uint64_t last = fleet_entry(&fleet, 1);
    const char *behind = DONE(fleet.site[0], "list", "--stale");
    DONE(fleet.site[1], "create", "acme", "lost-a");
    DONE(fleet.site[1], "create", "acme", "lost-b");
    ck_assert_str_eq(DONE(fleet.site[0], "list", "--stale"), behind);
    set_back(last);
    DONE(fleet.site[0], "create", "acme", "other");
    size_t len, now;
    const char *other = file_read(fleet_entry_path(&fleet, last + 1), &len);
    for (int round = 0; round < 2; round++) {
        fleet_says(AT(fleet.site[1], "fleet", "refill"), 5,
                   round == 0 ? "the fleet went on without 2 entries of this store"
                              : "the fleet went on without");
        ck_assert(there(last + 1));
        ck_assert_mem_eq(file_read(fleet_entry_path(&fleet, last + 1), &now), other, len);
        ck_assert_uint_eq(now, len);
        /* in the second round the journal is as long as this store's history */
        if (round == 0)
            DONE(fleet.site[0], "create", "acme", "another");
    }
    ck_assert(!there(last + 3));
    fleet_says(AT(fleet.site[1], "fleet", "join"), 2, "--yes");
    DONE(fleet.site[1], "fleet", "join", "--yes");
    fleet_says(AT(fleet.site[1], "show", "acme/lost-a"), 3, "lost-a");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* If an entry is not kept, or is damaged, refill puts nothing back. */
START_TEST(not_kept)
{
    fleet_begin(&fleet, 2);
    const uint64_t last = fleet_entry(&fleet, 1);
    DONE(fleet.site[1], "create", "acme", "a");
    DONE(fleet.site[1], "create", "acme", "b");
    fleet_entry(&fleet, 0);
    const char *kept = in_folder(fleet.site[1].folder, "tokens.mdb.kept");
    size_t len;
    char *bytes = file_read(kept, &len);
    ck_assert_ptr_nonnull(bytes);
    set_back(last);
    ck_assert_int_eq(unlink(kept), 0);
    fleet_says(AT(fleet.site[1], "fleet", "refill"), 5, "keeps no entry before");
    bytes[len - 20] ^= 1; /* in the last entry */
    file_write(kept, bytes, len, 0600);
    fleet_says(AT(fleet.site[1], "fleet", "refill"), 5, "at another site");
    ck_assert(!there(last + 1));
    DONE(fleet.site[0], "fleet", "refill"); /* the other site has kept the entries */
    came_back(last);
    fleet_same(&fleet, 0, 1);
    /* an empty journal has lost more than entries */
    set_back(0);
    for (uint64_t number = last + 2; number > 0; number--)
        unlink(fleet_entry_path(&fleet, number));
    fleet_says(AT(fleet.site[0], "fleet", "refill"), 5, "is empty");
}
END_TEST

/* The connection fails during a refill: no entry is there twice, and another attempt completes it.
 */
START_TEST(the_line_fails)
{
    fleet_begin(&fleet, 2);
    const uint64_t last = fleet_entry(&fleet, 1);
    DONE(fleet.site[1], "create", "acme", "a");
    DONE(fleet.site[1], "create", "acme", "b");
    set_back(last);
    fleet_fault(&fleet, 1, "failed");
    fleet_says(AT(fleet.site[1], "fleet", "refill"), 5, "the line is down");
    ck_assert(!there(last + 1));
    fleet_fault(&fleet, 1, "lost");
    fleet_says(AT(fleet.site[1], "fleet", "refill", "--wait", "0"), 6, "fleet status --pin");
    ck_assert(there(last + 1) && !there(last + 2));
    fleet_fault(&fleet, 1, "late");
    DONE(fleet.site[1], "fleet", "refill");
    fleet_fault(&fleet, 1, NULL);
    came_back(last);
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* The tier table is a piece of the journal, and may be lost as well. */
START_TEST(tier_table)
{
    char command[4200];
    fleet_begin(&fleet, 2);
    const uint64_t last = fleet_entry(&fleet, 1);
    DONE(fleet.site[1], "tier", "publish", "--yes");
    set_back(last);
    snprintf(command, sizeof command, "rm '%s'/pieces/tiers-*", fleet.journal);
    ck_assert_int_eq(system(command), 0);
    DONE(fleet.site[1], "fleet", "refill");
    came_back(last);
    DONE(fleet.site[0], "tier", "pull", "--yes");
    fleet_same(&fleet, 0, 1);
}
END_TEST

/* A journal that was trimmed: a site that needs a removed entry has to join again. */
START_TEST(trimmed_away)
{
    char words[128];
    fleet_begin(&fleet, 2);
    const uint64_t last = fleet_entry(&fleet, 0);
    DONE(fleet.site[1], "create", "acme", "a");
    DONE(fleet.site[1], "create", "acme", "b");
    for (uint64_t number = last + 1; number > 0; number--)
        unlink(fleet_entry_path(&fleet, number));
    const char *before = DONE(fleet.site[0], "list", "--stale");
    snprintf(words, sizeof words, "journal begins at entry %llu", (unsigned long long)last + 2);
    fleet_says(AT(fleet.site[0], "create", "acme", "never"), 5, words);
    fleet_says(AT(fleet.site[0], "create", "acme", "never"), 5, "fleet join");
    ck_assert_str_eq(DONE(fleet.site[0], "list", "--stale"), before);
    ck_assert(!there(last + 3));
    DONE(fleet.site[1], "create", "acme", "c"); /* the others write on */
}
END_TEST

/* The files of kept entries have no token's text. */
START_TEST(holds_no_text)
{
    fleet_begin(&fleet, 1);
    struct run run = AT(fleet.site[0], "create", "acme", "a", "-q");
    fleet_done(run);
    run.out[strcspn(run.out, "\n")] = '\0';
    size_t len;
    const char *kept = file_read(in_folder(fleet.site[0].folder, "tokens.mdb.kept"), &len);
    ck_assert_ptr_nonnull(kept);
    ck_assert_ptr_nonnull(memmem(kept, len, "acme", 4));
    ck_assert_ptr_null(memmem(kept, len, run.out, strlen(run.out)));
    ck_assert_ptr_null(memmem(kept, len, run.out + 18, 30)); /* the secret */
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("refill");
    TCase *tcase = tcase_create("refill");
    tcase_set_timeout(tcase, 240);
    fleet_fixture(tcase, 2);
    tcase_add_test(tcase, puts_back_what_was_lost);
    tcase_add_test(tcase, the_fleet_went_on);
    tcase_add_test(tcase, not_kept);
    tcase_add_test(tcase, the_line_fails);
    tcase_add_test(tcase, tier_table);
    tcase_add_test(tcase, trimmed_away);
    tcase_add_test(tcase, holds_no_text);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
