/* SPDX-License-Identifier: ISC */
#include "fleet/feed_edge.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool failed(struct feed_edge *edge, const char *why)
{
    if (why != edge->why)
        snprintf(edge->why, sizeof edge->why, "%s", why);
    return false;
}

void feed_edge_open(struct feed_edge *ret, const espt_journal_plugin *plugin,
                    const struct fleet_trust *trust, const char *url, const char *more,
                    uint32_t limit_ms)
{
    char settings[4096];
    *ret = (struct feed_edge){.plugin = plugin, .trust = *trust};
    snprintf(settings, sizeof settings, "url = %s\n%s", url, more);
    const int status = plugin->open(&ret->journal, settings, "edge-1", ESPT_JOURNAL_EDGE, limit_ms,
                                    ret->why, sizeof ret->why);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "%s", ret->why);
}

void feed_edge_close(struct feed_edge *edge)
{
    edge->plugin->close(edge->journal);
    sites_clear(&edge->sites);
}

static int get_file(void *arg, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
                    struct espt_error *err)
{
    struct feed_edge *edge = arg;
    const int status =
        edge->plugin->get(edge->journal, name, ret_bytes, ret_len, edge->why, sizeof edge->why);
    if (status == ESPT_JOURNAL_NONE)
        return 0;
    return status == ESPT_JOURNAL_DONE ? 1 : espt_fail(err, ESPT_UNUSABLE, "%s", edge->why);
}

static bool read_head(struct feed_edge *edge, struct head *ret, const uint8_t **ret_bytes,
                      size_t *ret_len)
{
    char needs[ENTRY_NEEDS_MAX + 1];
    if (edge->plugin->head_get(edge->journal, ret_bytes, ret_len, edge->why, sizeof edge->why) !=
        ESPT_JOURNAL_DONE)
        return false;
    if (head_decode(*ret_bytes, *ret_len, ret, needs) != ENTRY_GOOD ||
        memcmp(ret->fleet, edge->trust.id, FLEET_ID_LEN) != 0)
        return failed(edge, "the head is damaged");
    return true;
}

static bool check_head(struct feed_edge *edge)
{
    struct head head;
    const uint8_t *bytes;
    size_t len;
    if (!read_head(edge, &head, &bytes, &len))
        return false;
    const struct site *site = sites_find(&edge->sites, head.site);
    if (site == NULL || !head_signed_by(bytes, len, site->key))
        return failed(edge, "the head is signed by no site");
    if (head.number != edge->number || memcmp(head.hash, edge->hash, sizeof head.hash) != 0)
        return failed(edge, "the head names another entry than the last");
    edge->head = head;
    return true;
}

static bool take_entry(struct feed_edge *edge, const espt_journal_entry *pieces, bool first)
{
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    struct ops_reader reader;
    struct op op;
    if (entry_decode(pieces, ESPT_JOURNAL_EDGE, &entry, needs) != ENTRY_GOOD ||
        memcmp(entry.fleet, edge->trust.id, FLEET_ID_LEN) != 0)
        return failed(edge, "an entry is damaged");
    if (first)
        return memcmp(entry.hash, edge->hash, sizeof entry.hash) == 0 ||
               failed(edge, "the snapshot stands at another entry");
    const struct site *site = sites_find(&edge->sites, entry.site);
    if (entry.number != edge->number + 1 ||
        memcmp(entry.before, edge->hash, sizeof entry.before) != 0 || site == NULL ||
        !entry_signed_by(pieces, site->key))
        return failed(edge, "an entry is not the next one, or signed by no site");
    ops_begin(&reader, PART_EDGE, &entry.part[PART_EDGE]);
    while (ops_next(&reader, &op))
        ;
    if (reader.wrong)
        return failed(edge, "an entry has a malformed part");
    edge->number = entry.number;
    memcpy(edge->hash, entry.hash, sizeof edge->hash);
    return true;
}

bool feed_edge_follow(struct feed_edge *edge)
{
    for (;;) {
        espt_journal_entry pieces;
        const int status = edge->plugin->read(edge->journal, edge->number + 1, &pieces, edge->why,
                                              sizeof edge->why);
        if (status == ESPT_JOURNAL_NONE)
            return check_head(edge);
        if (status != ESPT_JOURNAL_DONE || !take_entry(edge, &pieces, false))
            return false;
    }
}

static int count_record(void *arg, const struct op *op, struct espt_error *err)
{
    (void)op, (void)err;
    ++*(uint64_t *)arg;
    return 0;
}

static bool take_snapshot(struct feed_edge *edge, struct edge_snapshot *snapshot)
{
    const struct edge_files files = {.arg = edge, .get = get_file};
    struct espt_error err;
    espt_journal_entry pieces;
    edge->records = 0;
    if (edge_snapshot_prove(snapshot, &files, &err) != 0 ||
        edge_snapshot_each(snapshot, &files, count_record, &edge->records, &err) != 0)
        return failed(edge, err.message);
    if (edge->plugin->read(edge->journal, snapshot->position.number, &pieces, edge->why,
                           sizeof edge->why) != ESPT_JOURNAL_DONE)
        return false;
    memcpy(edge->hash, snapshot->position.hash, sizeof edge->hash);
    return take_entry(edge, &pieces, true);
}

bool feed_edge_join(struct feed_edge *edge)
{
    const struct edge_files files = {.arg = edge, .get = get_file};
    struct edge_snapshot snapshot;
    struct espt_error err;
    struct head head;
    const uint8_t *bytes;
    size_t len;
    if (!read_head(edge, &head, &bytes, &len))
        return false;
    if (edge_snapshot_open(&snapshot, &files, &head.snapshot, &edge->trust, &err) != 0)
        return failed(edge, err.message);
    const bool good = take_snapshot(edge, &snapshot);
    if (good) {
        sites_clear(&edge->sites);
        edge->sites = snapshot.sites;
        snapshot.sites = (struct sites){0};
        edge->number = snapshot.position.number;
    }
    edge_snapshot_clear(&snapshot);
    return good && feed_edge_follow(edge);
}
