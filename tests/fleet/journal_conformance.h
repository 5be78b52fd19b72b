/* SPDX-License-Identifier: ISC */
/* What every journal plugin must pass (include/espt/journal.h). The test program of a plugin
   defines `conformance_settings`, and adds conformance_case() to its suite. */
#ifndef TESTS_FLEET_JOURNAL_CONFORMANCE_H
#define TESTS_FLEET_JOURNAL_CONFORMANCE_H

#include "fleet/journal_calls.h"
#include "fleet/journal_conformance_open.h"
#include "fleet/journal_conformance_shared.h"

/* The settings of a new, empty journal. */
static const char *conformance_settings(void);

START_TEST(conformance_entries)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *j = opened(p, settings, "one");
    uint64_t first = 0, last = 0;
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_NONE);
    lacks(p, j, 1);
    ck_assert_int_eq(append(p, j, 0, "zero"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, j, 5, "five"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 7, "seven"), ESPT_JOURNAL_FAILED);
    lacks(p, j, 7);
    ck_assert_int_eq(append(p, j, 6, "six"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 6, "six"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(append(p, j, 6, "SIX"), ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(append(p, j, 5, "six"), ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(append(p, j, 6, "sixty"), ESPT_JOURNAL_TAKEN);
    has(p, j, 6, "six");
    p->close(j);
    j = opened(p, settings, "two");
    has(p, j, 5, "five");
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(first, 5);
    ck_assert_uint_eq(last, 6);
    p->close(j);
    p->close(NULL);
}
END_TEST

/* An entry of the same number is another entry if the bytes or the length of any piece differ. */
START_TEST(conformance_four_pieces)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *j = opened(p, settings, "one");
    const uint8_t *t = (const uint8_t *)"abcdefgh";
    const espt_journal_entry whole = {t, t + 2, t + 4, t + 6, 2, 2, 2, 2};
    const espt_journal_entry others[] = {
        {t, t + 2, t + 4, t + 6, 2, 2, 2, 1}, {t, t + 3, t + 4, t + 6, 3, 1, 2, 2},
        {t, t + 2, t + 4, t + 6, 2, 2, 1, 3}, {t + 1, t + 2, t + 4, t + 6, 2, 2, 2, 2},
        {t, t + 1, t + 4, t + 6, 2, 2, 2, 2}, {t, t + 2, t + 5, t + 6, 2, 2, 2, 2},
        {t, t + 2, t + 4, t + 5, 2, 2, 2, 2}, {t, NULL, NULL, NULL, 8, 0, 0, 0},
    };
    espt_journal_entry entry;
    ck_assert_int_eq(p->append(j, 1, &whole, said, sizeof said), ESPT_JOURNAL_DONE);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_int_eq(p->append(j, 1, &others[i], said, sizeof said), ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(p->append(j, 1, &whole, said, sizeof said), ESPT_JOURNAL_DONE);
    p->close(j);
    j = opened_for(p, settings, "edge", ESPT_JOURNAL_EDGE);
    ck_assert_int_eq(p->read(j, 1, &entry, said, sizeof said), ESPT_JOURNAL_DONE);
    same_bytes(entry.head, entry.head_len, t, 2);
    same_bytes(entry.edge, entry.edge_len, t + 4, 2);
    ck_assert(entry.log == NULL && entry.vault == NULL && entry.log_len + entry.vault_len == 0);
    p->close(j);
}
END_TEST

START_TEST(conformance_sizes)
{
    const espt_journal_plugin *p = load();
    espt_journal *j = opened(p, conformance_settings(), "one");
    const size_t len = 3u << 20;
    uint8_t *big = malloc((size_t)ESPT_JOURNAL_ENTRY_MAX + 1);
    espt_journal_entry got;
    const uint8_t *bytes;
    size_t bytes_len;
    for (size_t i = 0; i < len; i++)
        big[i] = (uint8_t)(i * 7 + i / 251);
    const espt_journal_entry entry = {big, big + 9, big, big, 100, len - 9, 0, len};
    const espt_journal_entry longer[] = {
        {big, big, big, big, 100, 0, 0, ESPT_JOURNAL_ENTRY_MAX - 99},
        {big, big, big, big, SIZE_MAX - 50, 100, 0, 0},
    };
    ck_assert_int_eq(p->append(j, 1, &entry, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->read(j, 1, &got, said, sizeof said), ESPT_JOURNAL_DONE);
    same_bytes(got.head, got.head_len, big, 100);
    same_bytes(got.log, got.log_len, big + 9, len - 9);
    same_bytes(got.vault, got.vault_len, big, len);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(p->append(j, 2, &longer[i], said, sizeof said), ESPT_JOURNAL_FAILED);
    lacks(p, j, 2);
    ck_assert_int_eq(p->put(j, "x", big, (size_t)ESPT_JOURNAL_ENTRY_MAX + 1, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->head_put(j, big, ESPT_JOURNAL_HEAD_MAX + 1, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->report_put(j, "x", big, ESPT_JOURNAL_HEAD_MAX + 1, said, sizeof said),
                     ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->get(j, "x", &bytes, &bytes_len, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(p->head_get(j, &bytes, &bytes_len, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(p->head_put(j, big, ESPT_JOURNAL_HEAD_MAX, said, sizeof said), 0);
    ck_assert_int_eq(p->head_get(j, &bytes, &bytes_len, said, sizeof said), 0);
    same_bytes(bytes, bytes_len, big, ESPT_JOURNAL_HEAD_MAX);
    free(big);
    p->close(j);
}
END_TEST

/* Stops at the second piece. */
static int count_pieces(void *arg, const char *name)
{
    int *count = arg;
    ck_assert(strlen(name) == ESPT_JOURNAL_NAME_MAX || strcmp(name, "abc-1") == 0);
    return ++*count == 2;
}

START_TEST(conformance_pieces)
{
    int count = 0;
    const espt_journal_plugin *p = load();
    espt_journal *j = opened(p, conformance_settings(), "one");
    const uint8_t *bytes;
    size_t len;
    char longest[ESPT_JOURNAL_NAME_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    const char *const wrong[] = {"", "../x", "a/b", "A", ".new-1", "a b", longest};
    ck_assert_int_eq(p->get(j, "abc-1", &bytes, &len, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(p->put(j, "abc-1", (const uint8_t *)"\0z", 2, said, sizeof said), 0);
    ck_assert_int_eq(p->put(j, "abc-1", (const uint8_t *)"\0z", 2, said, sizeof said), 0);
    ck_assert_int_eq(p->put(j, "abc-1", (const uint8_t *)"\0y", 2, said, sizeof said),
                     ESPT_JOURNAL_TAKEN);
    ck_assert_int_eq(p->get(j, "abc-1", &bytes, &len, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(len, 2);
    ck_assert_mem_eq(bytes, "\0z", 2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(p->put(j, wrong[i], (const uint8_t *)"z", 1, said, sizeof said),
                         ESPT_JOURNAL_FAILED);
        ck_assert_int_eq(p->get(j, wrong[i], &bytes, &len, said, sizeof said), ESPT_JOURNAL_FAILED);
    }
    longest[ESPT_JOURNAL_NAME_MAX] = '\0';
    ck_assert_int_eq(p->put(j, longest, (const uint8_t *)"z", 1, said, sizeof said), 0);
    ck_assert_int_eq(p->piece_each(j, count_pieces, &count, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(p->drop(j, longest, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->piece_each(j, count_pieces, &count, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(count, 3);
    ck_assert_int_eq(p->get(j, longest, &bytes, &len, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(p->drop(j, longest, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(p->drop(j, "../entries", said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->get(j, "abc-1", &bytes, &len, said, sizeof said), ESPT_JOURNAL_DONE);
    p->close(j);
}
END_TEST

#define RACERS 4
#define RACE_ENTRIES 60

/* Tries to append under each number. The exit status is how many of the entries are its own. */
static void race(const espt_journal_plugin *p, const char *settings, int racer)
{
    char name[16];
    espt_journal *j = NULL;
    int won = 0;
    snprintf(name, sizeof name, "racer-%d", racer);
    if (p->open(&j, settings, name, ESPT_JOURNAL_WHOLE, LIMIT_MS, said, sizeof said) !=
        ESPT_JOURNAL_DONE)
        _exit(255);
    for (uint64_t number = 1; number <= RACE_ENTRIES; number++) {
        int status = append(p, j, number, name);
        if (status != ESPT_JOURNAL_DONE && status != ESPT_JOURNAL_TAKEN)
            _exit(254);
        won += status == ESPT_JOURNAL_DONE;
    }
    p->close(j);
    _exit(won);
}

START_TEST(conformance_race)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    pid_t racers[RACERS];
    int won[RACERS], all = 0, seen[RACERS] = {0};
    p->close(opened(p, settings, "first"));
    for (int i = 0; i < RACERS; i++) {
        if ((racers[i] = fork_child()) == 0)
            race(p, settings, i);
    }
    for (int i = 0; i < RACERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(racers[i], &status, 0), racers[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= RACE_ENTRIES, "%x", status);
        won[i] = WEXITSTATUS(status);
        all += won[i];
    }
    ck_assert_int_eq(all, RACE_ENTRIES);
    espt_journal *j = opened(p, settings, "reader");
    for (uint64_t number = 1; number <= RACE_ENTRIES; number++) {
        espt_journal_entry entry;
        ck_assert_int_eq(p->read(j, number, &entry, said, sizeof said), ESPT_JOURNAL_DONE);
        ck_assert_uint_eq(entry.head_len, 7);
        seen[entry.head[6] - '0']++;
    }
    for (int i = 0; i < RACERS; i++)
        ck_assert_int_eq(seen[i], won[i]);
    p->close(j);
}
END_TEST

START_TEST(conformance_turn)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *one = opened(p, settings, "site-one"), *two = opened(p, settings, "site-two");
    p->release(one);
    ck_assert_int_eq(p->keep(one, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->keep(one, said, sizeof said), ESPT_JOURNAL_DONE);
    if (p->limit != NULL)
        p->limit(one, LIMIT_MS);
    ck_assert_int_eq(p->hold(two, 0, said, sizeof said), ESPT_JOURNAL_BUSY);
    ck_assert_msg(strstr(said, "site-one") != NULL, "%s", said);
    ck_assert_int_eq(append(p, one, 1, "of one"), ESPT_JOURNAL_DONE);
    p->release(one);
    ck_assert_int_eq(p->keep(one, said, sizeof said), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->hold(two, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    has(p, two, 1, "of one");
    p->close(two); /* gives the turn back */
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    p->release(one);
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork_child();
    if (child == 0) {
        espt_journal *j = NULL;
        if (p->open(&j, settings, "killed", ESPT_JOURNAL_WHOLE, LIMIT_MS, said, sizeof said) != 0 ||
            p->hold(j, LIMIT_MS, said, sizeof said) != 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(p->hold(one, 0, said, sizeof said), ESPT_JOURNAL_BUSY);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(p->hold(one, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    p->close(one);
}
END_TEST

START_TEST(conformance_clock)
{
    const espt_journal_plugin *p = load();
    espt_journal *j = opened(p, conformance_settings(), "one");
    int64_t there = 0;
    const int64_t before = time(NULL);
    ck_assert_int_eq(p->clock(j, &there, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_ge(there, before - 2);
    ck_assert_int_le(there, time(NULL) + 2);
    p->close(j);
}
END_TEST

static TCase *conformance_case(void)
{
    TCase *tcase = tcase_create("conformance");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, conformance_symbols);
    tcase_add_test(tcase, conformance_entries);
    tcase_add_test(tcase, conformance_four_pieces);
    tcase_add_test(tcase, conformance_sizes);
    tcase_add_test(tcase, conformance_pieces);
    tcase_add_test(tcase, conformance_race);
    tcase_add_test(tcase, conformance_turn);
    tcase_add_test(tcase, conformance_clock);
    tcase_add_test(tcase, conformance_head);
    tcase_add_test(tcase, conformance_wait);
    tcase_add_test(tcase, conformance_trim);
    tcase_add_test(tcase, conformance_reports);
    tcase_add_test(tcase, conformance_settings_are_checked);
    return tcase;
}

#endif
