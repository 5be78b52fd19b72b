/* SPDX-License-Identifier: ISC */
/* Checks that each page has one owner and that the leaves are intact, and reports those that are
   not. */
#include "store/check/check.h"

#include "store/db/leaves.h"
#include "store/db/lock.h"
#include "store/db/page_owners.h"

#include <inttypes.h>
#include <stdio.h>

#define REPORTS_MAX 20 /* one fault high up in a tree causes many below it */

struct reports {
    struct check *check;
    size_t faults;
};

static void report(struct check *check, uint64_t page, const char *fault)
{
    char subject[32];
    snprintf(subject, sizeof subject, "page %" PRIu64, page);
    check_report(check, "damaged", subject, "%s" RESTORE, fault);
}

static void on_fault(void *arg, uint64_t page, const char *fault)
{
    struct reports *reports = arg;
    if (reports->faults++ < REPORTS_MAX)
        report(reports->check, page, fault);
}

static void report_rest(const struct reports *reports)
{
    if (reports->faults > REPORTS_MAX)
        check_report(reports->check, "damaged", "pages", "%zu more are damaged" RESTORE,
                     reports->faults - REPORTS_MAX);
}

static enum reader_status read_nothing(void *arg, struct snapshot *snapshot)
{
    (void)arg, (void)snapshot;
    return READER_OK;
}

/* Checks both meta pages, both states and the end of the list of free pages in the way validators
   do. */
static void check_as_validators(struct check *check)
{
    if (reader_look_up(&check->pages->reader, read_nothing, NULL) == READER_CORRUPT)
        report(check, check->pages->transaction % 2,
               "the two meta pages, or the states that they lead to, do not follow one another; "
               "validators deny everything");
}

static int check_owners(struct check *check, bool *ret_sound, struct espt_error *err)
{
    struct owners owners;
    struct reports reports = {.check = check};
    int code = owners_prove(&owners, check->pages, on_fault, &reports, err);
    report_rest(&reports);
    if (code == 0 && owners.faults == 0 && owners.unlisted > 0)
        check_report(check, "page", "free pages",
                     "%" PRIu64 " pages (the first is %" PRIu64 ") are neither used nor free: this "
                     "only wastes space; to get it back, make a backup and restore it",
                     owners.unlisted, owners.first_unlisted);
    *ret_sound = code == 0 && owners.trees_whole;
    owners_clear(&owners);
    return code;
}

/* The transaction must contain every commit that was noted before it began. */
static void check_note(struct check *check)
{
    const struct state_id now = note_state(check->pages, &check->txn->state);
    if (check->noted && note_is_later(&check->note, &now))
        check_report(check, "damaged", "state", NOTE_IS_LATER RESTORE);
}

int check_pages(struct check *check, bool *ret_sound, struct espt_error *err)
{
    uint64_t page;
    *ret_sound = false;
    switch (pages_read_state(check->pages, check->txn->state.transaction, &page)) {
    case PAGES_AGAIN:
        return LOCK_BUSY;
    case PAGES_DAMAGED:
        report(check, page, pages_damage(page));
        return 0;
    default:
        break;
    }
    check_note(check);
    int code = check_owners(check, ret_sound, err);
    if (code == 0 && check->findings == 0)
        check_as_validators(check);
    return code;
}

bool check_leaves(struct check *check)
{
    struct reports reports = {.check = check};
    for (enum table t = TABLE_STATE + 1; t < TABLE_COUNT; t++) {
        struct leaves walk;
        uint64_t entries = 0;
        const size_t faults = reports.faults;
        leaves_begin(&walk, check->pages, t, NULL);
        for (;;) {
            if (leaves_next(&walk)) {
                entries++;
                continue;
            }
            if (walk.wrong == NULL)
                break;
            char fault[256];
            snprintf(fault, sizeof fault, "%s: %s", tree_name(t), walk.wrong);
            on_fault(&reports, walk.number, fault);
            leaves_skip(&walk);
        }
        if (reports.faults == faults && entries != check->pages->tree[t].entries)
            check_report(check, "count", table_name(t),
                         "its record says %" PRIu64 " records, but it has %" PRIu64 RESTORE,
                         check->pages->tree[t].entries, entries);
    }
    report_rest(&reports);
    return reports.faults == 0;
}
