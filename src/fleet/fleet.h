/* SPDX-License-Identifier: ISC */
/*
 * A store that belongs to a fleet: every change is an entry of the fleet's journal first
 * (include/espt/journal.h). A site checks a change by the store's rules on its own, current state,
 * appends it, and commits it. It applies the entries of other sites in their order.
 *
 * MUST 1: the append decides. What was appended is done, whatever happens here afterwards; what
 *         was not appended never happened.
 * MUST 2: an append whose outcome is unknown is repeated, the same bytes under the same number.
 * MUST 3: nothing of an entry is used before its signature and its place in the chain are checked.
 * MUST 4: the journal is trusted with nothing. It may lose, reorder, repeat or invent entries.
 */
#ifndef ESPT_FLEET_FLEET_H
#define ESPT_FLEET_FLEET_H

#include "common/config.h"
#include "common/error.h"
#include "fleet/sites.h"
#include "store/store.h"

struct fleet;

static inline bool fleet_configured(const struct config *config)
{
    return config->fleet_journal[0] != '\0';
}

/* `config` must outlive the fleet. `limit_ms` bounds each call of the journal. Opens nothing. */
ESPT_MUST_USE int fleet_new(struct fleet **ret_fleet, const struct config *config,
                            uint32_t limit_ms, struct espt_error *err);
void fleet_free(struct fleet *fleet); /* after the store was closed; NULL is allowed */
/* From now on, all calls of the journal together take at most `ms` milliseconds. */
void fleet_within(struct fleet *fleet, uint32_t ms);
/* `fn` is called about once a second while the fleet works long. */
void fleet_alive(struct fleet *fleet, void (*fn)(void));
/* From now on, changes of the store go through the journal if the store belongs to a fleet. */
void fleet_attach(struct fleet *fleet, struct store *store);
/* The last change is in force in the fleet but not in this store, and why; NULL: there is none. */
const char *fleet_warning(const struct fleet *fleet);
/* False: the last change was refused because this machine is no site of the fleet. */
bool fleet_admits(const struct fleet *fleet);

/* Applies what the journal has and the store lacks, and takes the age of the state from the
   journal's head. */
ESPT_MUST_USE int fleet_catch_up(struct fleet *fleet, struct store *store, struct espt_error *err);

/* Where a store stands. ESPT_REFUSED: it belongs to no fleet. */
struct fleet_place {
    struct fleet_position position;
    bool edge;
    int64_t time; /* Unix seconds: of the last entry in the log; at an edge, position.fresh. 0: not
                     known */
    uint64_t revision;
};
ESPT_MUST_USE int fleet_place(struct store *store, struct fleet_place *ret_place,
                              struct espt_error *err);
struct fleet_range {
    uint64_t first, last; /* of the journal; 0: it is empty */
};
ESPT_MUST_USE int fleet_range(struct fleet *fleet, struct fleet_range *ret_range,
                              struct espt_error *err);

/* Puts entries that this store has into a journal that was set back. *ret_range is which; zeroes:
   the journal lacks none. */
ESPT_MUST_USE int fleet_refill(struct fleet *fleet, struct store *store,
                               struct fleet_range *ret_range, struct espt_error *err);

/* Whether the journal has that entry, with that hash. */
ESPT_MUST_USE int fleet_has_entry(struct fleet *fleet, uint64_t number,
                                  const uint8_t hash[static FLEET_HASH_LEN], bool *ret_has,
                                  struct espt_error *err);

/* The size of a public key as hex, with the terminator. */
#define SITE_KEY_TEXT (2 * SITE_KEY_LEN + 1)

/* Creates the file of the site's key if it is missing. `ret_public` has SITE_KEY_LEN bytes. */
ESPT_MUST_USE int fleet_key(const struct config *config, bool *ret_made, uint8_t *ret_public,
                            struct espt_error *err);
/* Makes the store the first of a fleet, with this machine as its first site. */
ESPT_MUST_USE int fleet_init(struct fleet *fleet, struct store *store, struct espt_error *err);
/* Adds the site or the edge, or removes it (`key` NULL). */
ESPT_MUST_USE int fleet_site_change(struct fleet *fleet, struct store *store, const char *name,
                                    const uint8_t *key, bool edge, struct espt_error *err);
/* The sites and edges in force. sites_clear() frees them. */
ESPT_MUST_USE int fleet_sites(struct store *store, struct sites *ret_sites, struct espt_error *err);

/* What a store has and the fleet lacks: the store loses it when it joins. */
struct fleet_lost {
    uint64_t entities, tokens, entries; /* of the log */
    char names[512];                    /* of the first few entities and tokens */
    uint8_t print[FLEET_HASH_LEN];      /* of all of them */
};
/* Makes the store one of the fleet that `[fleet] trust` names: a verified snapshot, then the
   entries after it, in one transaction. If the store would lose something, ESPT_REFUSED with
   *ret_lost filled, unless `shown` (NULL: the user was not asked) says that the user has seen the
   same list. `anything`: loses whatever there is.
   `edge`: the store becomes that of an edge, which has only what validators need. The file must not
   have held more (ESPT_REFUSED). A store that is one already stays one in any case. */
ESPT_MUST_USE int fleet_join(struct fleet *fleet, struct store *store, bool edge, bool anything,
                             const struct fleet_lost *shown, struct fleet_lost *ret_lost,
                             struct espt_error *err);
/* Makes the text the tier table of the fleet; the caller has checked it. */
ESPT_MUST_USE int fleet_tiers_publish(struct fleet *fleet, struct store *store, const char *text,
                                      size_t len, struct espt_error *err);
/* The tier table of the fleet, which the caller frees. ESPT_REFUSED: none was published. */
ESPT_MUST_USE int fleet_tiers_get(struct fleet *fleet, struct store *store, char **ret_text,
                                  size_t *ret_len, struct espt_error *err);
/* Compares the sums in the store with its records. At an edge, it is the sum over the records that
   edges have. *ret_same: they agree. */
ESPT_MUST_USE int fleet_check(struct store *store, bool *ret_same, struct espt_error *err);

#endif
