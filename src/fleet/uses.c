/* SPDX-License-Identifier: ISC */
/* What other machines have reported, checked and added up. */
#include "fleet/uses.h"

#include "fleet/member.h"
#include "fleet/report.h"
#include "store/clock.h"
#include "store/usage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collecting {
    struct fleet *fleet;
    const struct sites *sites;
    const uint8_t *id; /* of the fleet */
    struct fleet_uses *uses;
    size_t room;
    int64_t now;
    bool out_of_memory;
};

static struct reporter *reporter_of(struct fleet_uses *uses, const char *name)
{
    for (size_t i = 0; i < uses->count; i++) {
        if (strcmp(uses->reporters[i].name, name) == 0)
            return &uses->reporters[i];
    }
    return NULL;
}

static void add_uses(struct collecting *c, const struct report *report)
{
    struct elsewhere *elsewhere = &c->uses->elsewhere;
    if (elsewhere->count + report->count > c->room) {
        const size_t room = 2 * c->room + report->count;
        void *more = reallocarray(elsewhere->items, room, sizeof *elsewhere->items);
        if (more == NULL) {
            c->out_of_memory = true;
            return;
        }
        elsewhere->items = more;
        c->room = room;
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct report_use use = report_use_at(report, i);
        elsewhere->items[elsewhere->count++] =
            (struct elsewhere_use){use.id, use.uses, use.last_used};
    }
}

/* Only the first reason is kept. */
ESPT_PRINTF(2, 3)
static void not_known(struct collecting *c, const char *format, ...)
{
    va_list args;
    if (c->uses->elsewhere.unknown[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(c->uses->elsewhere.unknown, sizeof c->uses->elsewhere.unknown, format, args);
    va_end(args);
}

/* MUST 2 of report.h. A report that is refused counts as missing. */
static int add_report(void *arg, const char *name, const uint8_t *bytes, size_t len)
{
    struct collecting *c = arg;
    struct report report;
    const struct site *member = sites_member(c->sites, name);
    struct reporter *reporter = member != NULL ? reporter_of(c->uses, name) : NULL;
    if (reporter == NULL || !report_good(bytes, len, name, c->id, member->key, &report) ||
        report.time > c->now + REPORT_AHEAD_MAX)
        return 0;
    reporter->time = report.time;
    reporter->number = report.number;
    if (!report.whole)
        not_known(c, "%s reports the uses of more tokens than fit into a report", name);
    add_uses(c, &report);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    const uint64_t one = ((const struct elsewhere_use *)a)->id,
                   other = ((const struct elsewhere_use *)b)->id;
    return (one > other) - (one < other);
}

/* One item for each token. */
static void add_up(struct elsewhere *elsewhere)
{
    size_t kept = 0;
    if (elsewhere->count > 0)
        qsort(elsewhere->items, elsewhere->count, sizeof *elsewhere->items, by_id);
    for (size_t i = 0; i < elsewhere->count; i++) {
        const struct elsewhere_use *item = &elsewhere->items[i];
        struct elsewhere_use *last = kept > 0 ? &elsewhere->items[kept - 1] : NULL;
        if (last == NULL || last->id != item->id) {
            elsewhere->items[kept++] = *item;
            continue;
        }
        last->uses = uses_add(last->uses, item->uses);
        if (last->last_used < item->last_used)
            last->last_used = item->last_used;
    }
    elsewhere->count = kept;
}

/* Every edge of the list must report; a site only once it has reported before. */
static void find_silent(struct collecting *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->uses->count; i++) {
        const struct reporter *reporter = &c->uses->reporters[i];
        if (!reporter->edge && reporter->time == 0)
            continue;
        if (reporter->time == 0)
            not_known(c,
                      "edge %s has not reported its uses yet: run 'esp-tokenctl usage fold' "
                      "there",
                      reporter->name);
        else if (reporter->time < c->now - REPORT_AGE_MAX)
            not_known(c,
                      "%s has not reported its uses for a day: look at it, or remove it from "
                      "the fleet",
                      reporter->name);
        c->uses->reporters[kept++] = *reporter;
    }
    c->uses->count = kept;
}

/* Every other machine of the list. */
static int list_reporters(struct collecting *c, struct espt_error *err)
{
    c->uses->reporters = calloc(c->sites->count + 1, sizeof *c->uses->reporters);
    if (c->uses->reporters == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    for (size_t i = 0; i < c->sites->count; i++) {
        const struct site *site = &c->sites->items[i];
        if (strcmp(site->name, c->fleet->config->fleet_name) == 0)
            continue;
        struct reporter *reporter = &c->uses->reporters[c->uses->count++];
        reporter->edge = site->edge;
        name_copy(reporter->name, sizeof reporter->name, site->name);
    }
    return 0;
}

static int collect(struct collecting *c, struct espt_error *err)
{
    struct espt_error why;
    int code = list_reporters(c, err);
    if (code != 0 || c->uses->count == 0)
        return code;
    if (journal_report_each(c->fleet, add_report, c, &why) < 0) {
        c->uses->elsewhere.count = 0;
        if (sites_count(c->sites, true) > 0)
            not_known(c, "the reports of edges cannot be read: %s", why.message);
        return 0;
    }
    if (c->out_of_memory)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    find_silent(c);
    add_up(&c->uses->elsewhere);
    return 0;
}

int fleet_uses(struct fleet *fleet, struct store *store, struct fleet_uses *ret,
               struct espt_error *err)
{
    struct sites sites;
    struct fleet_place place;
    *ret = (struct fleet_uses){0};
    int code = fleet_place(store, &place, err);
    if (code == 0)
        code = fleet_sites(store, &sites, err);
    if (code != 0)
        return code;
    struct collecting c = {
        .fleet = fleet, .sites = &sites, .id = place.position.id, .uses = ret, .now = clock_now()};
    code = collect(&c, err);
    sites_clear(&sites);
    if (code != 0)
        fleet_uses_clear(ret);
    return code;
}

void fleet_uses_clear(struct fleet_uses *uses)
{
    free(uses->elsewhere.items);
    free(uses->reporters);
    *uses = (struct fleet_uses){0};
}
