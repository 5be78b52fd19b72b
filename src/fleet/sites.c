/* SPDX-License-Identifier: ISC */
#include "fleet/sites.h"

#include "store/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[2][2] = {/* by `edge` and `added` */
                                        {"fleet site remove", "fleet site add"},
                                        {"fleet edge remove", "fleet edge add"}};
#define CHANGES_MAX (2UL * (SITES_MAX + EDGES_MAX))
#define KEY_HEX (2UL * SITE_KEY_LEN)

void site_change_note(const struct site_change *change, struct change *ret_note)
{
    char detail[256], key[KEY_HEX + 1];
    sodium_bin2hex(key, sizeof key, change->key, sizeof change->key);
    snprintf(detail, sizeof detail, "%s%s%s; list before: %llu", change->name,
             change->added ? " " : "", change->added ? key : "",
             (unsigned long long)change->before);
    change_note(ret_note, words[change->edge][change->added], detail);
}

static bool parse_detail(const char *detail, struct site_change *ret)
{
    static const char before[] = "; list before: ";
    const char *end = strstr(detail, before);
    const size_t name = strcspn(detail, " ;");
    size_t len = 0;
    char *rest;
    if (end == NULL || name > SITE_NAME_MAX || !entity_name_ok(detail, name))
        return false;
    memcpy(ret->name, detail, name);
    ret->name[name] = '\0';
    if (ret->added && ((size_t)(end - detail) != name + 1 + KEY_HEX ||
                       sodium_hex2bin(ret->key, sizeof ret->key, detail + name + 1, KEY_HEX, NULL,
                                      &len, NULL) != 0 ||
                       len != sizeof ret->key))
        return false;
    ret->before = strtoull(end + sizeof before - 1, &rest, 10);
    return *rest == '\0' && (ret->added || end == detail + name);
}

/* 1: the change is one of the list. 0: another. -1: it is damaged. */
static int parse_change(const struct log_change *change, struct site_change *ret)
{
    *ret = (struct site_change){0};
    if (change->what != LOG_NOTE)
        return 0;
    for (int i = 0; i < 4; i++) {
        ret->edge = i >= 2;
        ret->added = i % 2 == 1;
        if (strcmp(change->word, words[i / 2][i % 2]) == 0)
            return parse_detail(change->detail, ret) ? 1 : -1;
    }
    return 0;
}

/* Finds the change of the list in an entry of the log; returns as parse_change(). */
static int find_change(const struct record_key *key, const struct record_value *value,
                       struct site_change *ret)
{
    struct log_entry entry;
    struct log_bytes bytes;
    struct log_change change;
    struct log_place place = {0};
    if (!log_decode(key, value->data, value->len, &bytes, &entry))
        return -1;
    while (log_next_change(&entry, &place, &change)) {
        const int found = parse_change(&change, ret);
        if (found != 0)
            return found < 0 || ret->before >= entry.sequence ? -1 : 1;
    }
    return 0;
}

int site_change_of(struct txn *txn, uint64_t number, struct site_change *ret_change)
{
    const struct record_key key = key_integer(number);
    struct record_value value;
    if (txn_get(txn, TABLE_LOG, &key, &value) <= 0)
        return txn->code;
    const int found = find_change(&key, &value, ret_change);
    return found >= 0 ? found : txn_damaged(txn, TABLE_LOG, "a change of the list of sites");
}

void site_change_put(struct txn *txn, uint64_t number, const struct site_change *change)
{
    const uint8_t none[LOG_HASH_LEN] = {0};
    const struct record_key key = key_integer(number);
    struct log_entry entry = {.sequence = number};
    struct changes changes = {0};
    struct change note;
    size_t len;
    site_change_note(change, &note);
    changes_add(&changes, txn, &note);
    uint8_t *bytes = txn->code == 0 ? log_encode(&entry, &changes, &len) : NULL;
    changes_clear(&changes);
    if (bytes == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    log_hash(none, number, bytes, len, entry.hash);
    txn_put(txn, TABLE_LOG, &key, bytes, log_seal(&key, bytes, len, entry.hash));
    free(bytes);
}

/* --- the list --- */

static int read_change(struct txn *txn, uint64_t number, struct site_change *ret)
{
    struct record_key key = key_integer(number);
    struct record_value value = {0};
    const int found = txn_get(txn, TABLE_LOG, &key, &value);
    if (found > 0 && find_change(&key, &value, ret) == 1)
        return 0;
    return found < 0 ? found : txn_damaged(txn, TABLE_LOG, "a change of the list of sites");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct site *)a)->name, ((const struct site *)b)->name);
}

/* Walks from the last change to the first: the last change of a name counts. */
static void collect(struct sites *all, struct txn *txn)
{
    for (uint64_t at = txn->state.position.sites; at != 0 && txn->code == 0;) {
        struct site_change change = {0};
        if (read_change(txn, at, &change) != 0)
            return;
        if (sites_member(all, change.name) == NULL) {
            if (all->count == CHANGES_MAX) {
                txn_fail(txn, ESPT_UNUSABLE, "the fleet has had too many sites and edges");
                return;
            }
            struct site *site = &all->items[all->count++];
            *site = (struct site){.since = change.added ? at : 0, .edge = change.edge};
            memcpy(site->name, change.name, sizeof site->name);
            memcpy(site->key, change.key, sizeof site->key);
        }
        at = change.before;
    }
}

int sites_read(struct sites *ret, struct txn *txn)
{
    struct sites all = {.items = calloc(CHANGES_MAX, sizeof *all.items),
                        .from = txn->state.position.sites};
    if (all.items == NULL)
        return txn_fail(txn, ESPT_UNUSABLE, "out of memory");
    collect(&all, txn);
    if (txn->code != 0) {
        free(all.items);
        return txn->code;
    }
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++) {
        if (all.items[i].since != 0) /* not removed */
            all.items[kept++] = all.items[i];
    }
    all.count = kept;
    if (kept > 0)
        qsort(all.items, kept, sizeof *all.items, by_name);
    sites_clear(ret);
    *ret = all;
    return 0;
}

void sites_clear(struct sites *sites)
{
    free(sites->items);
    *sites = (struct sites){0};
}

const struct site *sites_member(const struct sites *sites, const char *name)
{
    for (size_t i = 0; i < sites->count; i++) {
        if (strcmp(sites->items[i].name, name) == 0)
            return &sites->items[i];
    }
    return NULL;
}

const struct site *sites_find(const struct sites *sites, const char *name)
{
    const struct site *member = sites_member(sites, name);
    return member != NULL && !member->edge ? member : NULL;
}

size_t sites_count(const struct sites *sites, bool edge)
{
    size_t count = 0;
    for (size_t i = 0; i < sites->count; i++)
        count += sites->items[i].edge == edge;
    return count;
}
