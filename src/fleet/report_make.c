/* SPDX-License-Identifier: ISC */
/* This machine's report of uses. */
#include "fleet/member.h"
#include "fleet/report.h"
#include "fleet/uses.h"
#include "store/clock.h"
#include "store/usage.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct totals {
    struct report_use *items; /* in order of id; owned */
    size_t count, room;
};

static bool add(struct totals *totals, const struct report_use *use)
{
    if (totals->count == totals->room) {
        const size_t room = 2 * totals->room + 256;
        void *more = reallocarray(totals->items, room, sizeof *totals->items);
        if (more == NULL)
            return false;
        totals->items = more;
        totals->room = room;
    }
    totals->items[totals->count++] = *use;
    return true;
}

/* Reads the uses of every token. `auth` is the one table of all tokens that an edge has too. */
static int read_totals(struct totals *totals, struct store *store, struct espt_error *err)
{
    struct txn txn;
    struct usage_files *files;
    struct walk walk;
    int code = usage_begin(&txn, store, true, &files, err);
    if (code != 0)
        return code;
    walk_begin(&walk, &txn, TABLE_AUTH, NULL, 0);
    while (txn.code == 0 && walk_next(&walk)) {
        struct token token = {0};
        memcpy(&token.id, walk.key.bytes, sizeof token.id);
        token.id = le64toh(token.id);
        usage_load(&txn, files, &token);
        const struct report_use use = {token.id, token.uses, token.last_used};
        if (token.unread || token.unsure)
            txn_fail(&txn, ESPT_UNUSABLE,
                     "the usage files cannot be read, so nothing was reported; check the folder of "
                     "[usage]");
        else if (token.uses > 0 && !add(totals, &use))
            txn_fail(&txn, ESPT_UNUSABLE, "out of memory");
    }
    walk_end(&walk);
    txn_abort(&txn);
    usage_files_close(files);
    return txn.code;
}

/* --- the report before --- */

struct before {
    struct fleet *fleet;
    struct totals *totals;
    const uint8_t *id; /* of the fleet */
};

static int by_id(const void *a, const void *b)
{
    const uint64_t one = ((const struct report_use *)a)->id,
                   other = ((const struct report_use *)b)->id;
    return (one > other) - (one < other);
}

/* Totals never fall, even if this machine has a new store. */
static int raise_totals(void *arg, const char *name, const uint8_t *bytes, size_t len)
{
    struct before *before = arg;
    struct report report;
    if (strcmp(name, before->fleet->config->fleet_name) != 0 ||
        !report_good(bytes, len, name, before->id, before->fleet->public, &report))
        return 0;
    const size_t known = before->totals->count;
    for (size_t i = 0; i < report.count; i++) {
        const struct report_use then = report_use_at(&report, i);
        struct report_use *now =
            known > 0 ? bsearch(&then, before->totals->items, known, sizeof then, by_id) : NULL;
        if (now == NULL) {
            if (!add(before->totals, &then))
                return 1;
            continue;
        }
        now->uses = now->uses > then.uses ? now->uses : then.uses;
        now->last_used = now->last_used > then.last_used ? now->last_used : then.last_used;
    }
    return 0;
}

/* Drops tokens that the store does not have any more. */
static int keep_tokens(struct totals *totals, struct store *store, struct espt_error *err)
{
    struct txn txn;
    size_t kept = 0;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    for (size_t i = 0; txn.code == 0 && i < totals->count; i++) {
        const struct record_key key = key_integer(totals->items[i].id);
        struct record_value value;
        if (txn_get(&txn, TABLE_AUTH, &key, &value) > 0)
            totals->items[kept++] = totals->items[i];
    }
    totals->count = kept;
    txn_abort(&txn);
    return txn.code;
}

/* --- all together --- */

static int by_last_use(const void *a, const void *b)
{
    const int64_t one = ((const struct report_use *)a)->last_used,
                  other = ((const struct report_use *)b)->last_used;
    return (one < other) - (one > other);
}

static void sort(struct totals *totals, int (*order)(const void *, const void *))
{
    if (totals->count > 0)
        qsort(totals->items, totals->count, sizeof *totals->items, order);
}

/* If not all fit, the tokens that were used last are reported. */
static int put(struct fleet *fleet, const struct fleet_place *place, struct totals *totals,
               struct espt_error *err)
{
    struct report report = {.number = place->position.number,
                            .time = clock_now(),
                            .whole = totals->count <= REPORT_USES_MAX};
    uint8_t *bytes;
    size_t len;
    if (!report.whole) {
        sort(totals, by_last_use);
        totals->count = REPORT_USES_MAX;
    }
    sort(totals, by_id);
    report.count = totals->count;
    memcpy(report.fleet, place->position.id, sizeof report.fleet);
    name_copy(report.name, sizeof report.name, fleet->config->fleet_name);
    int code = report_encode(&report, totals->items, fleet->secret, &bytes, &len, err);
    if (code != 0)
        return code;
    code = journal_report_put(fleet, report.name, bytes, len, err);
    free(bytes);
    return code;
}

int fleet_report(struct fleet *fleet, struct store *store, struct espt_error *err)
{
    struct totals totals = {0};
    struct fleet_place place;
    int code = fleet_place(store, &place, err);
    if (code == 0)
        code = key_load(fleet, err);
    if (code == 0)
        code = read_totals(&totals, store, err);
    struct before before = {fleet, &totals, place.position.id};
    if (code == 0 && journal_report_each(fleet, raise_totals, &before, err) < 0)
        code = ESPT_UNUSABLE;
    if (code == 0)
        code = keep_tokens(&totals, store, err);
    if (code == 0)
        code = put(fleet, &place, &totals, err);
    free(totals.items);
    return code;
}
