/* SPDX-License-Identifier: ISC */
/*
 * The hooks of a store of a fleet (store/db/db.h): what a transaction of a site does between its
 * begin and its commit.
 *
 *   before   catch up, in transactions of its own, while others may write
 *   begun    take the turn; apply the few entries that came meanwhile
 *   touch    note each shared record before it changes
 *   progress keep the turn
 *   ready    derive, sign and chain the entry; put the new position into the state record
 *   append   the journal decides (MUST 1 of fleet.h)
 */
#include "fleet/derive.h"
#include "fleet/member.h"
#include "fleet/sum.h"
#include "store/clock.h"
#include "store/log.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries that may come between catching up and the turn. */
#define MEANWHILE 500
/* Times that the turn is given back because of an entry that is too long to be read within it. */
#define GIVEN_BACK 8

static int unchanged(struct espt_error *err, int code)
{
    if (code == ESPT_UNUSABLE && strstr(err->message, "nothing was changed") == NULL)
        espt_add(err, "; nothing was changed");
    return code;
}

/* Whether this machine makes entries of the fleet's journal. */
static bool is_site(struct store *store, struct espt_error *err, int *ret_code)
{
    struct txn txn;
    *ret_code = txn_begin(&txn, store, false, err);
    if (*ret_code != 0)
        return false;
    const bool writes = txn.state.fleet && !txn.state.edge;
    txn_abort(&txn);
    return writes;
}

static int before(void *arg, struct store *store, bool locked, struct espt_error *err)
{
    struct fleet *fleet = arg;
    int code;
    if (!is_site(store, err, &code))
        return code;
    code = key_load(fleet, err);
    if (code == 0)
        code = fleet_catch_up_before(fleet, store, locked, err);
    return unchanged(err, code);
}

/* This machine must be one of the sites, with the key that the fleet knows. */
static void require_site(struct fleet *fleet, struct txn *txn)
{
    const char *name = fleet->config->fleet_name;
    if (fleet->sites.from != txn->state.position.sites && sites_read(&fleet->sites, txn) != 0)
        return;
    const struct site *site = sites_find(&fleet->sites, name);
    fleet->stranger = site == NULL || memcmp(site->key, fleet->public, SITE_KEY_LEN) != 0;
    if (!fleet->stranger)
        return;
    char key[SITE_KEY_TEXT];
    sodium_bin2hex(key, sizeof key, fleet->public, SITE_KEY_LEN);
    txn_fail(txn, ESPT_REFUSED,
             "site %s is %s; nothing was changed; run 'esp-tokenctl fleet site add %s %s' at a "
             "site of the fleet",
             name, site != NULL ? "in the fleet with another key" : "no site of the fleet", name,
             key);
}

/* Sites must seal texts to one key, and check by one tier table. The two commands that change that
   are let through. */
static void require_same(struct fleet *fleet, struct txn *txn)
{
    const struct fleet_position *position = &txn->state.position;
    const char *command = txn->store->actor.command;
    uint8_t tiers[FLEET_HASH_LEN];
    if (txn->code != 0)
        return;
    const uint32_t reveal = fleet_reveal(fleet->config);
    if (reveal != position->reveal && position->reveal != 0 && strcmp(command, "key rotate") != 0)
        txn_fail(
            txn, ESPT_UNUSABLE,
            "%s: the reveal key here is %08x, and that of the fleet is %08x; copy the public "
            "and the secret key file from the site that has that key, or run 'esp-tokenctl key "
            "rotate' again if it was interrupted here; nothing was changed",
            fleet->config->public_key, reveal, position->reveal);
    if (sodium_is_zero(position->tiers, sizeof position->tiers) ||
        strncmp(command, "tier ", 5) == 0)
        return;
    if (fleet_tiers_hash(fleet->config, tiers, txn->err) != 0)
        txn->code = ESPT_UNUSABLE;
    else if (memcmp(tiers, position->tiers, sizeof tiers) != 0)
        txn_fail(txn, ESPT_UNUSABLE,
                 "%s: it differs from the tier table of the fleet; nothing was changed; run "
                 "'esp-tokenctl tier pull', or 'esp-tokenctl tier publish' to give the fleet this "
                 "one",
                 fleet->config->tiers);
}

/* Returns how many entries came meanwhile. */
static uint64_t take_turn(struct fleet *fleet, struct txn *txn)
{
    uint64_t all = 0, count;
    for (int tries = 0; txn->code == 0; tries++) {
        txn->code = journal_hold(fleet, txn->err);
        fleet->too_long = false;
        replay(fleet, txn, MEANWHILE, &count);
        all += count;
        if (!fleet->too_long || tries == GIVEN_BACK)
            break;
        journal_release(fleet);
        txn->code = 0; /* nothing of that entry was read */
        replay(fleet, txn, MEANWHILE, &count);
        all += count;
    }
    return all;
}

static void begun(void *arg, struct txn *txn)
{
    struct fleet *fleet = arg;
    uint64_t count = 0;
    fleet->shares = fleet->logged = fleet->appended = fleet->stranger = false;
    if (!txn->state.fleet || txn->state.edge)
        return;
    if (txn->code == 0)
        count = take_turn(fleet, txn);
    if (txn->code == 0)
        txn->code = journal_same_time(fleet, txn->err);
    if (txn->code == 0 && fleet->more)
        txn_fail(txn, ESPT_UNUSABLE,
                 "other sites write faster than this one can read; try again when they are done");
    if (txn->code == 0)
        require_site(fleet, txn);
    require_same(fleet, txn);
    if (count > 0)
        txn->state.revision++; /* the entries before have used up the next one */
    fleet->shares = txn->code == 0;
    unchanged(txn->err, txn->code);
}

/* A turn that is not kept ends after some seconds. */
static void progress(void *arg, struct txn *txn)
{
    if (txn->code == 0)
        txn->code = journal_keep(arg, txn->err);
}

static void touch(void *arg, struct txn *txn, enum table table, const struct record_key *key)
{
    struct fleet *fleet = arg;
    if (txn->state.edge && !fleet->shares && (table == TABLE_LOG || table_shared(table))) {
        txn->code = store_not_edge(txn->store, txn->err);
        return;
    }
    progress(fleet, txn);
    if (!fleet->shares)
        return;
    fleet->logged = fleet->logged || table == TABLE_LOG;
    if (table_shared(table))
        touched_note(&fleet->touched, txn, table, key);
}

/* The value of the log's entry that this transaction has appended. */
static bool find_log(struct txn *txn, uint64_t *ret_number, struct entry_bytes *ret_log)
{
    struct record_key key;
    struct record_value value;
    uint64_t le;
    if (txn_last(txn, TABLE_LOG, &key, &value) <= 0)
        return false;
    memcpy(&le, key.bytes, sizeof le);
    *ret_number = le64toh(le);
    *ret_log = (struct entry_bytes){value.data, value.len};
    return true;
}

static void make_entry(struct fleet *fleet, struct txn *txn, const struct derived *derived)
{
    struct fleet_position *position = &txn->state.position;
    struct entry entry = {.time = clock_now(), .next_number = txn->state.next_number};
    if (!find_log(txn, &entry.number, &entry.part[PART_LOG])) {
        txn_damaged(txn, TABLE_LOG, "the last entry");
        return;
    }
    entry.part[PART_EDGE] = (struct entry_bytes){derived->edge.bytes, derived->edge.len};
    entry.part[PART_VAULT] = (struct entry_bytes){derived->vault.bytes, derived->vault.len};
    memcpy(entry.fleet, position->id, sizeof entry.fleet);
    memcpy(entry.before, position->hash, sizeof entry.before);
    memcpy(entry.sum, derived->sums.all, sizeof entry.sum);
    memcpy(entry.edge_sum, derived->sums.edge, sizeof entry.edge_sum);
    entry.reveal = position->reveal;
    memcpy(entry.tiers, position->tiers, sizeof entry.tiers);
    name_copy(entry.site, sizeof entry.site, fleet->config->fleet_name);
    int code =
        entry_encode(&entry, fleet->secret, &fleet->bytes, &fleet->len, &fleet->entry, txn->err);
    if (code == 0 && (entry.number != position->number + 1 || fleet->len > ESPT_JOURNAL_ENTRY_MAX))
        code = espt_fail(txn->err, ESPT_UNUSABLE,
                         entry.number != position->number + 1
                             ? "the log and the position in the fleet disagree; nothing was "
                               "changed; run 'esp-tokenctl check'"
                             : "this change is too large for one entry of the fleet's journal; "
                               "nothing was changed; make it in parts");
    if (code != 0) {
        txn->code = code;
        return;
    }
    position->number = entry.number;
    fresh_time(position, entry.time);
    position->sites = derived->sites ? entry.number : position->sites;
    memcpy(position->hash, entry.hash, sizeof position->hash);
    derived_sums(derived, position);
    fleet->position = *position;
}

/* If the fleet has no reveal key yet, it gets that of the site that writes next. `key rotate` sets
   the key itself. */
static void follow_key(struct fleet *fleet, struct txn *txn)
{
    struct fleet_position *position = &txn->state.position;
    if (position->reveal == 0 && strcmp(txn->store->actor.command, "key rotate") != 0)
        position->reveal = fleet_reveal(fleet->config);
}

static void ready(void *arg, struct txn *txn)
{
    struct fleet *fleet = arg;
    struct derived derived;
    if (!fleet->shares || (fleet->touched.count == 0 && !fleet->logged))
        return;
    derive(&derived, txn, &fleet->touched);
    progress(fleet, txn);
    const bool changes = derived.edge.len + derived.vault.len > 0;
    if (txn->code == 0 && changes && !fleet->logged)
        txn_fail(txn, ESPT_UNUSABLE,
                 "a change without an entry in the log cannot be shared; nothing was changed");
    if (txn->code == 0)
        follow_key(fleet, txn);
    if (txn->code == 0 && fleet->logged)
        make_entry(fleet, txn, &derived);
    derived_clear(&derived);
}

static void keep(struct fleet *fleet, const struct txn *txn)
{
    struct espt_error err;
    kept_add(&fleet->kept, &fleet->entry);
    if (kept_write(&fleet->kept, txn->store->config.store, &err) != 0)
        snprintf(fleet->warning, sizeof fleet->warning,
                 "the change is done; its entry could not be kept here for 'esp-tokenctl fleet "
                 "refill': %s",
                 err.message);
}

static void append(void *arg, struct txn *txn)
{
    struct fleet *fleet = arg;
    if (fleet->bytes == NULL)
        return;
    int code = journal_append(fleet, txn->err);
    if (code != 0)
        txn->code = code;
    fleet->appended = code == 0;
    if (fleet->appended)
        keep(fleet, txn);
}

static bool lost(void *arg, struct txn *txn)
{
    struct fleet *fleet = arg;
    if (fleet->appended)
        snprintf(fleet->warning, sizeof fleet->warning,
                 "the change is done, and in force in the fleet; this machine could not store it, "
                 "and takes it up with the next command: %s",
                 txn->err->message);
    return fleet->appended;
}

static void ended(void *arg, struct txn *txn)
{
    struct fleet *fleet = arg;
    (void)txn;
    journal_release(fleet);
    touched_clear(&fleet->touched);
    if (fleet->bytes != NULL)
        sodium_memzero(fleet->bytes, fleet->len);
    free(fleet->bytes);
    fleet->bytes = NULL;
    fleet->shares = false;
}

void fleet_attach(struct fleet *fleet, struct store *store)
{
    static const struct store_hooks hooks = {
        .before = before,
        .begun = begun,
        .touch = touch,
        .progress = progress,
        .ready = ready,
        .append = append,
        .lost = lost,
        .ended = ended,
    };
    store->hooks = &hooks;
    store->hooks_arg = fleet;
    fleet->pieces = store->edge ? ESPT_JOURNAL_EDGE : ESPT_JOURNAL_WHOLE;
}
