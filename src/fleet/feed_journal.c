/* SPDX-License-Identifier: ISC */
/*
 * What the publisher that leads does in the journal. MUST 5 and MUST 6 of feed.h.
 *
 * The journal's head, which is signed every HEAD_EVERY seconds, says who leads: the publisher that
 * signed it, until the head is FEED_LEASE seconds old. A publisher that begins to lead makes a
 * snapshot at once, because the journal may lack a part of its last one.
 */
#include "common/clock.h"
#include "fleet/feed.h"
#include "fleet/site_snapshot.h"
#include "store/clock.h"

#include <stdlib.h>
#include <string.h>

#define DROP_MS 300 /* how long one step removes pieces */

/* --- who leads --- */

/* Whether the head is one that this publisher has written, perhaps before it lost its feed. Another
   publisher of this site, in another folder, writes later ones. */
static bool is_ours(const struct feed *feed, const struct head *head)
{
    return strcmp(head->site, feed->fleet->config->fleet_name) == 0 &&
           (feed->head.number == 0 || head->time <= feed->head.time);
}

static bool is_signed(const struct sites *sites, const struct head *head, const uint8_t *bytes,
                      size_t len)
{
    const struct site *site = sites_find(sites, head->site);
    return site != NULL && head_signed_by(bytes, len, site->key);
}

static bool is_fresh(const struct head *head)
{
    const int64_t age = clock_now() - head->time;
    return age < FEED_LEASE && age > -FEED_LEASE;
}

int feed_look(struct feed *feed, const struct sites *sites, struct espt_error *err)
{
    const uint8_t *bytes;
    size_t len;
    struct head head = {0};
    char needs[ENTRY_NEEDS_MAX + 1];
    const int found = journal_head_get(feed->fleet, &bytes, &len, err);
    if (found < 0)
        return found;
    const bool good = found > 0 && head_decode(bytes, len, &head, needs) == ENTRY_GOOD &&
                      memcmp(head.fleet, feed->trust.id, sizeof head.fleet) == 0;
    const bool ours = good && is_ours(feed, &head);
    /* a snapshot proves itself, even if the site that signed the head was removed */
    feed->in_journal = good ? head.snapshot : (struct head_snapshot){0};
    if (good && !ours)
        feed->other = head.time;
    feed->leads = !good || ours || !is_signed(sites, &head, bytes, len) || !is_fresh(&head);
    feed->leader[0] = '\0';
    if (!feed->leads) {
        name_copy(feed->leader, sizeof feed->leader, head.site);
        feed->shared = feed->proved = feed->unproved = false;
        feed->untidy = true;
        if (feed->child.leads)
            feed_child_stop(feed); /* MUST 6 */
    }
    if (feed->leads && ours && !feed->broken && feed->snapshot.site_count > 0 &&
        memcmp(feed->in_journal.hash, feed->which.hash, sizeof feed->which.hash) == 0)
        feed->shared = true;
    return 0;
}

struct head_snapshot feed_named(const struct feed *feed)
{
    return feed->shared ? feed->which : feed->in_journal;
}

int feed_prove_shared(struct feed *feed, const struct edge_snapshot *snapshot,
                      const struct edge_snapshot *known, struct espt_error *err)
{
    const struct edge_files files = edge_files_of(feed->fleet);
    int code = edge_snapshot_prove(snapshot, &files, err);
    return code == 0 ? site_snapshot_prove(feed->fleet, snapshot, known, err) : code;
}

/* --- pieces --- */

bool feed_in_snapshot(const struct head_snapshot *which, const struct edge_snapshot *snapshot,
                      const char *name)
{
    char own[ESPT_JOURNAL_NAME_MAX + 1];
    if (which->number == 0)
        return false;
    edge_file_name(which->len, which->hash, own);
    bool found = strcmp(own, name) == 0;
    for (uint32_t i = 0; !found && i < snapshot->count; i++) {
        edge_file_name(snapshot->pieces[i].len, snapshot->pieces[i].hash, own);
        found = strcmp(own, name) == 0;
    }
    for (uint32_t i = 0; !found && i < snapshot->site_count; i++) {
        site_file_name(&snapshot->site_pieces[i], own);
        found = strcmp(own, name) == 0;
    }
    return found;
}

/* Pieces of snapshots of this fleet; the first ones have its id in their names. */
static bool is_of_snapshot(const struct feed *feed, const char *name)
{
    char id[2 * FLEET_ID_LEN + 1];
    sodium_bin2hex(id, sizeof id, feed->trust.id, sizeof feed->trust.id);
    return strncmp(name, "site-", 5) == 0 || strncmp(name, "edge-", 5) == 0 ||
           (strncmp(name, id, sizeof id - 1) == 0 && name[sizeof id - 1] == '-');
}

struct unneeded {
    const struct feed *feed;
    char (*items)[ESPT_JOURNAL_NAME_MAX + 1]; /* owned */
    size_t count;
    bool failed;
};

static int add_name(void *arg, const char *name)
{
    struct unneeded *names = arg;
    const struct feed *feed = names->feed;
    if (!is_of_snapshot(feed, name) || feed_in_snapshot(&feed->which, &feed->snapshot, name) ||
        feed_in_snapshot(&feed->which_before, &feed->before, name))
        return 0;
    void *more = reallocarray(names->items, names->count + 1, sizeof *names->items);
    if (more == NULL) {
        names->failed = true;
        return 1;
    }
    names->items = more;
    text_copy(names->items[names->count++], sizeof *names->items, name);
    return 0;
}

/* MUST 5 and 6, checked right before each removal. 1: it may be removed. */
static int may_remove(struct feed *feed, const struct sites *sites, struct espt_error *err)
{
    const int code = feed_look(feed, sites, err);
    feed->unproved = code == 0 && feed->leads && feed->shared && !feed->proved;
    return code != 0
               ? code
               : feed->leads && feed->shared && feed->proved &&
                     memcmp(feed->in_journal.hash, feed->which.hash, sizeof feed->which.hash) == 0;
}

static int drop_names(struct feed *feed, const struct unneeded *names, const struct sites *sites,
                      struct espt_error *err)
{
    const int64_t begun = monotonic_ms();
    feed->dropping = false;
    for (size_t i = 0; i < names->count; i++) {
        if (i > 0 && monotonic_ms() - begun > DROP_MS) {
            feed->dropping = true; /* MUST 7: the next step goes on */
            return 0;
        }
        const int may = may_remove(feed, sites, err);
        if (may <= 0)
            return may;
        const int code = journal_drop(feed->fleet, names->items[i], err);
        if (code < 0)
            return code;
    }
    feed->untidy = false;
    return 0;
}

static int drop_pieces(struct feed *feed, const struct sites *sites, struct espt_error *err)
{
    struct unneeded names = {.feed = feed};
    int code = journal_piece_each(feed->fleet, add_name, &names, err);
    if (code == 0 && names.failed)
        code = espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (code == 0)
        code = drop_names(feed, &names, sites, err);
    free(names.items);
    return code;
}

/* --- entries --- */

static int trim_entries(struct feed *feed, const struct sites *sites, struct espt_error *err)
{
    struct fleet_range range;
    int code = fleet_range(feed->fleet, &range, err);
    if (code != 0)
        return code;
    feed->first = range.first;
    if (range.first == 0 || range.first >= feed->which_before.number)
        return 0;
    const uint64_t left = feed->which_before.number - range.first;
    const uint64_t to = range.first + (left < FEED_TRIM ? left : FEED_TRIM);
    const int may = may_remove(feed, sites, err);
    if (may <= 0)
        return may;
    code = journal_trim(feed->fleet, to, err);
    if (code == 0)
        feed->first = to;
    return code;
}

/* Until there are two snapshots, the first one of the fleet and all entries stay. */
int feed_tidy(struct feed *feed, const struct sites *sites, struct espt_error *err)
{
    int code = 0;
    if (!feed->leads || !feed->shared || feed->which_before.number == 0)
        return 0;
    if (feed->untidy && !feed_child_works(feed)) /* MUST 7 */
        code = drop_pieces(feed, sites, err);
    return code == 0 && feed->first < feed->which_before.number ? trim_entries(feed, sites, err)
                                                                : code;
}
