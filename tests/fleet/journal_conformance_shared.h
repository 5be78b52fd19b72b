/* SPDX-License-Identifier: ISC */
/* The part of the conformance tests for what members share besides entries and pieces: head,
   reports, waiting and removing. journal_conformance.h includes it. */
#ifndef TESTS_FLEET_JOURNAL_CONFORMANCE_SHARED_H
#define TESTS_FLEET_JOURNAL_CONFORMANCE_SHARED_H

#include "fleet/journal_calls.h"

static const char *conformance_settings(void);

/* A new head replaces the previous one, also for another handle of the journal. */
START_TEST(conformance_head)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *one = opened(p, settings, "one"),
                 *two = opened_for(p, settings, "two", ESPT_JOURNAL_EDGE);
    const uint8_t *bytes;
    size_t len;
    ck_assert_int_eq(p->head_get(two, &bytes, &len, said, sizeof said), ESPT_JOURNAL_NONE);
    for (int i = 0; i < 3; i++) {
        const char *text = i == 1 ? "" : "a head\0 and more"; /* the first one comes back */
        const size_t text_len = i == 1 ? 0 : 16;
        ck_assert_int_eq(p->head_put(one, (const uint8_t *)text, text_len, said, sizeof said), 0);
        ck_assert_int_eq(p->head_get(two, &bytes, &len, said, sizeof said), 0);
        same_bytes(bytes, len, (const uint8_t *)text, text_len);
    }
    p->close(one);
    p->close(two);
}
END_TEST

/* Appends or puts a head when the parent is in wait(). */
static pid_t later(const espt_journal_plugin *p, const char *settings, uint64_t number)
{
    pid_t child = fork_child();
    if (child != 0)
        return child;
    espt_journal *j = NULL;
    usleep(150000);
    if (p->open(&j, settings, "later", ESPT_JOURNAL_WHOLE, LIMIT_MS, said, sizeof said) != 0)
        _exit(1);
    const int status = number > 0 ? append(p, j, number, "later")
                                  : p->head_put(j, (const uint8_t *)"new", 3, said, sizeof said);
    p->close(j);
    _exit(status);
}

START_TEST(conformance_wait)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *j = opened(p, settings, "one");
    const uint8_t *bytes;
    size_t len;
    int status;
    ck_assert_int_eq(p->wait(j, 0, 50, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(append(p, j, 1, "one"), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->wait(j, 0, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->wait(j, 1, 50, said, sizeof said), ESPT_JOURNAL_NONE);
    ck_assert_int_eq(p->head_put(j, (const uint8_t *)"old", 3, said, sizeof said), 0);
    ck_assert_int_eq(p->wait(j, 1, LIMIT_MS, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->head_get(j, &bytes, &len, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->wait(j, 1, 50, said, sizeof said), ESPT_JOURNAL_NONE);
    for (uint64_t number = 2; number != 1; number = number == 2 ? 0 : 1) {
        pid_t child = later(p, settings, number);
        ck_assert_int_eq(p->wait(j, number == 2 ? 1 : 2, 3 * LIMIT_MS, said, sizeof said), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    has(p, j, 2, "later");
    ck_assert_int_eq(p->head_get(j, &bytes, &len, said, sizeof said), ESPT_JOURNAL_DONE);
    same_bytes(bytes, len, (const uint8_t *)"new", 3);
    p->close(j);
}
END_TEST

START_TEST(conformance_trim)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *j = opened(p, settings, "one"), *other;
    uint64_t first, last;
    ck_assert_int_eq(p->trim(j, 5, said, sizeof said), ESPT_JOURNAL_DONE);
    for (uint64_t number = 3; number <= 12; number++)
        ck_assert_int_eq(append(p, j, number, "entry"), ESPT_JOURNAL_DONE);
    for (int twice = 0; twice < 2; twice++) {
        ck_assert_int_eq(p->trim(j, 9, said, sizeof said), ESPT_JOURNAL_DONE);
        ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
        ck_assert_uint_eq(first, 9);
        ck_assert_uint_eq(last, 12);
    }
    ck_assert_int_eq(p->trim(j, 4, said, sizeof said), ESPT_JOURNAL_DONE);
    other = opened(p, settings, "other");
    lacks(p, other, 8);
    has(p, other, 9, "entry");
    /* what was removed is not added again */
    ck_assert_int_eq(append(p, other, 8, "entry"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, other, 3, "entry"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, other, 9, "entry"), ESPT_JOURNAL_DONE);
    p->close(other);
    /* the last entry stays, so that the next one has its number */
    ck_assert_int_eq(p->trim(j, UINT64_MAX, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_int_eq(p->range(j, &first, &last, said, sizeof said), ESPT_JOURNAL_DONE);
    ck_assert_uint_eq(first, 12);
    ck_assert_uint_eq(last, 12);
    ck_assert_int_eq(append(p, j, 20, "entry"), ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(append(p, j, 13, "entry"), ESPT_JOURNAL_DONE);
    p->close(j);
}
END_TEST

#define REPORTS 80
struct reports {
    int seen[REPORTS], all, stop_at;
};

static int see_report(void *arg, const char *name, const uint8_t *bytes, size_t len)
{
    struct reports *reports = arg;
    int number;
    char text[32];
    ck_assert_int_eq(sscanf(name, "Edge_%d.net", &number), 1);
    ck_assert(number >= 0 && number < REPORTS);
    snprintf(text, sizeof text, "new %d", number);
    same_bytes(bytes, len, (const uint8_t *)text, strlen(text));
    reports->seen[number]++;
    return ++reports->all == reports->stop_at;
}

START_TEST(conformance_reports)
{
    const espt_journal_plugin *p = load();
    const char *settings = conformance_settings();
    espt_journal *j = opened(p, settings, "one");
    static const char *const wrong[] = {"", ".", "..", ".new", "a/b", "-a", "a b", "\xc3\xa4"};
    struct reports reports = {.stop_at = -1};
    ck_assert_int_eq(p->report_each(j, see_report, &reports, said, sizeof said), 0);
    ck_assert_int_eq(reports.all, 0);
    for (int i = 0; i < 2 * REPORTS; i++) {
        char name[32], text[32];
        snprintf(name, sizeof name, "Edge_%d.net", i % REPORTS);
        snprintf(text, sizeof text, "%s %d", i < REPORTS ? "old" : "new", i % REPORTS);
        ck_assert_int_eq(
            p->report_put(j, name, (const uint8_t *)text, strlen(text), said, sizeof said), 0);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_int_eq(p->report_put(j, wrong[i], (const uint8_t *)"x", 1, said, sizeof said),
                         ESPT_JOURNAL_FAILED);
    ck_assert_int_eq(p->report_each(j, see_report, &reports, said, sizeof said), 0);
    ck_assert_int_eq(reports.all, REPORTS);
    for (int i = 0; i < REPORTS; i++)
        ck_assert_int_eq(reports.seen[i], 1);
    reports = (struct reports){.stop_at = 70};
    ck_assert_int_eq(p->report_each(j, see_report, &reports, said, sizeof said), 0);
    ck_assert_int_eq(reports.all, 70);
    p->close(j);
}
END_TEST

#endif
