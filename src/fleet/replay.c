/* SPDX-License-Identifier: ISC */
/* Applies entries of other sites: checks, records, log, and proof that the result is theirs. */
#include "fleet/derive.h"
#include "fleet/member.h"
#include "store/log.h"

#include <endian.h>
#include <string.h>

#define KEEP_AT_ONCE (8UL << 20) /* bytes */
/* Entries in one transaction: another writer here must not wait long. */
#define REPLAY_BYTES (16UL << 20)

static int refuse(struct txn *txn, const struct entry *entry, const char *what)
{
    return txn_fail(txn, ESPT_UNUSABLE,
                    "entry %llu of the fleet's journal %s (it names site %s); nothing of it was "
                    "taken; this store stays at entry %llu",
                    (unsigned long long)entry->number, what, entry->site,
                    (unsigned long long)txn->state.position.number);
}

/* --- which entry, and by whom --- */

static const char unreadable[] = "is damaged";

static int decode(struct fleet *fleet, struct txn *txn, const espt_journal_entry *pieces,
                  struct entry *ret)
{
    char needs[ENTRY_NEEDS_MAX + 1];
    const unsigned long long number = txn->state.position.number + 1;
    switch (entry_decode(pieces, fleet->pieces, ret, needs)) {
    case ENTRY_GOOD:
        return 0;
    case ENTRY_NEWER:
        return txn_fail(txn, ESPT_UNUSABLE,
                        "entry %llu of the fleet's journal needs esp-token %s or later; upgrade "
                        "this machine; nothing of it was taken",
                        number, needs);
    default:
        return txn_fail(txn, ESPT_UNUSABLE,
                        "entry %llu of the fleet's journal %s; nothing of it was taken; this store "
                        "stays at entry %llu",
                        number, unreadable, number - 1);
    }
}

/* The first entry is signed by the key that the trust file names. Later ones by a site of the
   list. */
static int find_key(struct fleet *fleet, struct txn *txn, const struct entry *entry,
                    uint8_t ret_key[static SITE_KEY_LEN])
{
    struct fleet_trust trust;
    if (fleet_is_first(&txn->state.position)) {
        if (trust_load(fleet->config, &trust, txn->err) != 0)
            return txn->code = ESPT_UNUSABLE;
        memcpy(ret_key, trust.key, SITE_KEY_LEN);
        return 0;
    }
    if (fleet->sites.from != txn->state.position.sites && sites_read(&fleet->sites, txn) != 0)
        return txn->code;
    const struct site *site = sites_find(&fleet->sites, entry->site);
    if (site == NULL)
        return refuse(txn, entry, "is signed by no site of the fleet");
    memcpy(ret_key, site->key, SITE_KEY_LEN);
    return 0;
}

/* MUST 3 */
static int check_entry(struct fleet *fleet, struct txn *txn, const espt_journal_entry *pieces,
                       struct entry *ret)
{
    const struct fleet_position *position = &txn->state.position;
    uint8_t key[SITE_KEY_LEN];
    if (decode(fleet, txn, pieces, ret) != 0)
        return txn->code;
    if (memcmp(ret->fleet, position->id, sizeof position->id) != 0)
        return refuse(txn, ret, "belongs to another fleet");
    if (ret->number != position->number + 1)
        return refuse(txn, ret, "has another number");
    if (find_key(fleet, txn, ret, key) != 0)
        return txn->code;
    if (!entry_signed_by(pieces, key))
        return refuse(txn, ret, "is signed by no site of the fleet");
    if (memcmp(ret->before, position->hash, sizeof position->hash) != 0)
        return txn->code = fleet_other_history(position, txn->err);
    return 0;
}

/* --- its operations --- */

static void set_facts(struct txn *txn, const struct op *op)
{
    for (size_t i = 0; i < op->count && txn->code == 0; i++) {
        const struct record_key key = key_integer(op_id(op, i));
        struct record_value value;
        struct auth_record auth;
        uint8_t out[RECORD_MAX];
        if (txn_get(txn, TABLE_AUTH, &key, &value) <= 0 ||
            !auth_decode(&key, value.data, value.len, &auth) || auth.entity != op->facts.entity) {
            txn_damaged(txn, TABLE_AUTH, "a token of the entity");
            return;
        }
        facts_set(&auth, &op->facts);
        txn_put(txn, TABLE_AUTH, &key, out, auth_encode(&key, &auth, out));
    }
}

/* An edge has no log. It keeps the changes of the list of sites, in the form of the log. */
static void note_site(struct txn *txn, const struct op *op)
{
    struct site_change change = {.added = op->kind == OP_SITE_ADD,
                                 .before = txn->state.position.sites};
    memcpy(change.name, op->site, sizeof change.name);
    memcpy(change.key, op->site_key, sizeof change.key);
    site_change_put(txn, txn->state.position.number + 1, &change);
}

static void run(struct txn *txn, enum entry_part part, const struct op *op)
{
    const bool edge = txn->state.edge;
    if (op->kind == OP_FACTS)
        set_facts(txn, op);
    else if (op->kind != OP_PUT && op->kind != OP_DELETE && edge)
        note_site(txn, op);
    else if (op->kind != OP_PUT && op->kind != OP_DELETE)
        return; /* the log says the same */
    else if (part == PART_EDGE && op->table == TABLE_ENTITIES && !edge)
        return; /* the vault part has the whole record */
    else if (op->kind == OP_PUT)
        txn_put(txn, op->table, &op->key, op->value, op->len);
    else
        txn_delete(txn, op->table, &op->key);
    if (op->kind == OP_DELETE && op->table == TABLE_AUTH) {
        txn_delete_if_there(txn, TABLE_USAGE, &op->key);
        txn_delete_if_there(txn, TABLE_NOTICES, &op->key);
    }
}

static void run_part(struct txn *txn, const struct entry *entry, enum entry_part part)
{
    struct ops_reader reader;
    struct op op;
    ops_begin(&reader, part, &entry->part[part]);
    while (txn->code == 0 && ops_next(&reader, &op))
        run(txn, part, &op);
    if (reader.wrong)
        refuse(txn, entry, "has a malformed part");
}

static void append_log(struct txn *txn, const struct entry *entry)
{
    struct log_head head;
    struct log_entry logged;
    struct log_bytes bytes;
    const struct entry_bytes *log = &entry->part[PART_LOG];
    const struct record_key key = key_integer(entry->number);
    log_read_head(txn, &head);
    if (txn->code != 0)
        return;
    const char *fault = log_follow(&head, &key, log->at, log->len);
    if (fault != NULL || !log_decode(&key, log->at, log->len, &bytes, &logged)) {
        refuse(txn, entry, "does not continue the log");
        return;
    }
    txn_append(txn, TABLE_LOG, &key, log->at, log->len);
    if (txn->state.revision + 1 < logged.revision)
        txn->state.revision = logged.revision - 1;
}

static bool equals(const struct ops *ops, const struct entry_bytes *bytes)
{
    return ops->len == bytes->len &&
           (ops->len == 0 || memcmp(ops->bytes, bytes->at, ops->len) == 0);
}

static bool is_derived(const struct txn *txn, const struct derived *derived,
                       const struct entry *entry)
{
    const bool at_edges =
        equals(&derived->edge, &entry->part[PART_EDGE]) &&
        memcmp(derived->sums.edge, entry->edge_sum, sizeof entry->edge_sum) == 0 &&
        entry->next_number >= txn->state.next_number;
    return at_edges &&
           (txn->state.edge || (equals(&derived->vault, &entry->part[PART_VAULT]) &&
                                memcmp(derived->sums.all, entry->sum, sizeof entry->sum) == 0));
}

/* What this store derives from its own records must be what the site derived from its own. */
static void compare(struct fleet *fleet, struct txn *txn, const struct entry *entry)
{
    struct derived derived;
    struct fleet_position *position = &txn->state.position;
    derive(&derived, txn, &fleet->touched);
    if (txn->code == 0 && !is_derived(txn, &derived, entry))
        refuse(txn, entry, "does not fit the records of this store: run 'esp-tokenctl check'");
    if (txn->code == 0) {
        txn->state.next_number = entry->next_number;
        position->number = entry->number;
        memcpy(position->hash, entry->hash, sizeof position->hash);
        memcpy(position->sum, entry->sum, sizeof position->sum);
        memcpy(position->edge_sum, entry->edge_sum, sizeof position->edge_sum);
        position->sites = derived.sites ? entry->number : position->sites;
        position->reveal = entry->reveal;
        fresh_time(position, entry->time);
        memcpy(position->tiers, entry->tiers, sizeof position->tiers);
    }
    derived_clear(&derived);
}

static void apply_entry(struct fleet *fleet, struct txn *txn, const espt_journal_entry *pieces)
{
    struct entry entry;
    const bool hooked = txn->hooked, shares = fleet->shares;
    if (check_entry(fleet, txn, pieces, &entry) != 0)
        return;
    touched_clear(&fleet->touched);
    txn->hooked = fleet->shares = true; /* so that the hook notes what changes */
    run_part(txn, &entry, PART_EDGE);
    if (!txn->state.edge)
        run_part(txn, &entry, PART_VAULT);
    txn->hooked = false;
    if (!txn->state.edge)
        append_log(txn, &entry);
    if (txn->code == 0)
        compare(fleet, txn, &entry);
    txn->hooked = hooked;
    fleet->shares = shares;
    touched_clear(&fleet->touched);
}

/* Other machines keep these entries too, so a failure is not reported. */
static void keep(struct fleet *fleet, const struct txn *txn)
{
    struct espt_error ignored;
    if (kept_write(&fleet->kept, txn->store->config.store, &ignored) != 0)
        return;
}

static size_t size_of(const espt_journal_entry *pieces)
{
    return pieces->head_len + pieces->log_len + pieces->edge_len + pieces->vault_len;
}

static void apply_all(struct fleet *fleet, struct txn *txn, uint64_t most, uint64_t *ret_count)
{
    size_t bytes = 0;
    *ret_count = 0;
    fleet->more = false;
    while (txn->code == 0 && !fleet->more) {
        espt_journal_entry pieces;
        fleet->cut = !journal_in_time(fleet);
        if (fleet->cut)
            return;
        const int found = journal_read(fleet, txn->state.position.number + 1, &pieces, txn->err);
        if (found < 0)
            txn->code = found;
        if (found <= 0)
            return;
        bytes += size_of(&pieces);
        apply_entry(fleet, txn, &pieces);
        *ret_count += txn->code == 0;
        if (txn->code == 0 && fleet->pieces == ESPT_JOURNAL_WHOLE)
            kept_add(&fleet->kept, &pieces);
        if (fleet->kept.len > KEEP_AT_ONCE)
            keep(fleet, txn);
        fleet->more = *ret_count == most || bytes >= REPLAY_BYTES;
    }
}

void replay(struct fleet *fleet, struct txn *txn, uint64_t most, uint64_t *ret_count)
{
    apply_all(fleet, txn, most, ret_count);
    if (txn->code == 0)
        keep(fleet, txn);
    kept_clear(&fleet->kept);
}
