/* SPDX-License-Identifier: ISC */
/* The newest snapshot, which the head of the journal names, for members that join. */
#include "fleet/join.h"

#include <string.h>

bool joined_already(const struct txn *txn, const struct fleet_trust *trust)
{
    const struct fleet_position *position = &txn->state.position;
    return txn->state.fleet && memcmp(position->id, trust->id, sizeof position->id) == 0;
}

/* 1: there is one. 0: no publisher has made one. */
static int find_snapshot(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
                         struct head_snapshot *ret)
{
    const struct fleet_position *position = &txn->state.position;
    const uint8_t *bytes;
    size_t len;
    struct head head;
    char needs[ENTRY_NEEDS_MAX + 1];
    const int found = journal_head_get(fleet, &bytes, &len, txn->err);
    if (found <= 0)
        return found;
    /* the snapshot's own signature counts, so that of the head need not be known here */
    if (head_decode(bytes, len, &head, needs) != ENTRY_GOOD || head.snapshot.number == 0 ||
        memcmp(head.fleet, trust->id, sizeof head.fleet) != 0)
        return 0;
    const uint64_t seen = position->head > position->number ? position->head : position->number;
    /* a site lists what it loses instead */
    if (fleet_is_edge(fleet) && joined_already(txn, trust) && head.number < seen)
        return espt_fail(txn->err, ESPT_UNUSABLE,
                         "the head of the fleet's journal names entry %llu, and this edge has seen "
                         "entry %llu; nothing was changed; if the journal was set back, move the "
                         "store away, and run 'esp-tokenctl init' and 'esp-tokenctl fleet join "
                         "--edge'",
                         (unsigned long long)head.number, (unsigned long long)seen);
    *ret = head.snapshot;
    return 1;
}

int newest_open(struct fleet *fleet, struct txn *txn, const struct fleet_trust *trust,
                struct edge_snapshot *ret)
{
    const struct edge_files files = edge_files_of(fleet);
    struct head_snapshot which;
    const int found = find_snapshot(fleet, txn, trust, &which);
    if (found <= 0)
        return found == 0 ? 0 : (txn->code = found);
    txn->code = edge_snapshot_open(ret, &files, &which, trust, txn->err);
    return txn->code == 0 ? 1 : txn->code;
}

/* So a snapshot cannot hold other records than the entry of the journal says, whoever signed it. */
void newest_require_entry(struct fleet *fleet, struct txn *txn,
                          const struct edge_snapshot *snapshot)
{
    const struct fleet_position *position = &snapshot->position;
    espt_journal_entry pieces;
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    if (txn->code != 0)
        return;
    const int found = journal_read(fleet, position->number, &pieces, txn->err);
    if (found < 0) {
        txn->code = found;
        return;
    }
    if (found == 0 || entry_decode(&pieces, fleet->pieces, &entry, needs) != ENTRY_GOOD ||
        entry.number != position->number ||
        memcmp(entry.hash, position->hash, sizeof entry.hash) != 0 ||
        memcmp(entry.sum, position->sum, sizeof entry.sum) != 0 ||
        memcmp(entry.edge_sum, position->edge_sum, sizeof entry.edge_sum) != 0 ||
        memcmp(entry.tiers, position->tiers, sizeof entry.tiers) != 0 ||
        entry.next_number != snapshot->next_number || entry.reveal != position->reveal)
        txn_fail(txn, ESPT_UNUSABLE,
                 "the fleet's newest snapshot stands at entry %llu, but the journal does not have "
                 "that entry, or has another one; nothing was changed; try again, and if it stays "
                 "so, look "
                 "at the site that runs 'esp-tokenctl fleet publish'",
                 (unsigned long long)position->number);
}

void newest_position(struct txn *txn, const struct edge_snapshot *snapshot,
                     const struct fleet_position *before)
{
    txn->state.fleet = true;
    txn->state.position = snapshot->position;
    txn->state.position.head = before->head;
    txn->state.position.fresh = before->fresh;
    fresh_time(&txn->state.position, snapshot->time);
    txn->state.next_number = snapshot->next_number;
    if (txn->state.revision < snapshot->revision)
        txn->state.revision = snapshot->revision;
}
