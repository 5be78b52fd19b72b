/* SPDX-License-Identifier: ISC */
/* An edge that was away for so long that the journal no longer has the entries that it needs. */
#include "fleet/member.h"

bool fleet_is_behind(struct fleet *fleet, const struct fleet_position *position)
{
    struct fleet_range range;
    struct espt_error ignored;
    return fleet_range(fleet, &range, &ignored) == 0 && range.first > position->number;
}

int fleet_rejoin(struct fleet *fleet, struct store *store, struct espt_error *err)
{
    struct txn txn;
    struct fleet_trust trust;
    int code = trust_load(fleet->config, &trust, err);
    if (code == 0)
        code = fleet_begin_local(&txn, store, false, err);
    if (code != 0)
        return code;
    if (!edge_join(fleet, &txn, &trust, true))
        txn_fail(
            &txn, ESPT_UNUSABLE,
            "the fleet's journal begins after entry %llu, at which this edge stands, and names "
            "no snapshot to begin again with; start 'esp-tokenctl fleet publish' at a site",
            (unsigned long long)txn.state.position.number);
    if (txn.code == 0)
        join_tidy(&txn);
    code = txn_commit(&txn);
    store_result_printed(); /* nothing is printed for it */
    sites_clear(&fleet->sites);
    return code;
}
