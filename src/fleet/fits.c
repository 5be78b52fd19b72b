/* SPDX-License-Identifier: ISC */
/* Whether the journal still has the entry at which a store stands. */
#include "fleet/member.h"

#include <string.h>

int fleet_other_history(const struct fleet_position *position, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "the fleet's journal has another entry %llu than this store: the fleet went "
                     "on without changes that were made here; run 'esp-tokenctl fleet join', which "
                     "lists them first",
                     (unsigned long long)position->number);
}

static int journal_is_short(struct fleet *fleet, const struct fleet_position *position,
                            struct espt_error *err)
{
    struct fleet_range range;
    int code = fleet_range(fleet, &range, err);
    if (code != 0)
        return code;
    if (range.first > position->number)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the fleet's journal begins at entry %llu, and this store stands at entry "
                         "%llu; run 'esp-tokenctl fleet join' to begin again with a snapshot",
                         (unsigned long long)range.first, (unsigned long long)position->number);
    return espt_fail(err, ESPT_UNUSABLE,
                     "the fleet's journal ends at entry %llu, and this store has entry %llu: the "
                     "journal was set back; restore the newer journal, or run 'esp-tokenctl fleet "
                     "refill' to put back what it lacks, or 'esp-tokenctl fleet join' to give that "
                     "up",
                     (unsigned long long)range.last, (unsigned long long)position->number);
}

/* 1: the journal has that entry with that hash. 0: another one. ENTRY_MISSING: none. Negative: a
   failure. */
#define ENTRY_MISSING 2
static int compare_entry(struct fleet *fleet, uint64_t number,
                         const uint8_t hash[static FLEET_HASH_LEN], struct espt_error *err)
{
    espt_journal_entry pieces;
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    const int found = journal_read(fleet, number, &pieces, err);
    if (found <= 0)
        return found == 0 ? ENTRY_MISSING : found;
    return entry_decode(&pieces, fleet->pieces, &entry, needs) == ENTRY_GOOD &&
           entry.number == number && memcmp(entry.hash, hash, sizeof entry.hash) == 0;
}

int fleet_has_entry(struct fleet *fleet, uint64_t number, const uint8_t hash[static FLEET_HASH_LEN],
                    bool *ret_has, struct espt_error *err)
{
    const int found = compare_entry(fleet, number, hash, err);
    if (found < 0)
        return found;
    *ret_has = found == 1;
    return 0;
}

int replay_fits(struct fleet *fleet, const struct fleet_position *position, struct espt_error *err)
{
    if (fleet_is_first(position))
        return 0;
    const int found = compare_entry(fleet, position->number, position->hash, err);
    if (found == ENTRY_MISSING)
        return journal_is_short(fleet, position, err);
    if (found < 0)
        return found;
    return found == 1 ? 0 : fleet_other_history(position, err);
}
