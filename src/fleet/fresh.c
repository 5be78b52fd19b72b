/* SPDX-License-Identifier: ISC */
/* The age of a store's state. It is counted from times that sites have signed, never from when
   something answered. */
#include "fleet/head.h"
#include "fleet/member.h"
#include "store/clock.h"

#include <string.h>

/* A head is signed every HEAD_EVERY seconds. Each one that is taken is a write transaction. */
#define FRESHER_BY (HEAD_EVERY / 2)

void fresh_time(struct fleet_position *position, int64_t time)
{
    if (time > position->fresh && time <= clock_now() + HEAD_FUTURE_MAX)
        position->fresh = time;
}

/* --- the head --- */

static int refuse(struct espt_error *err, const char *what)
{
    return espt_fail(err, ESPT_UNUSABLE, "the head of the fleet's journal %s; it was not taken",
                     what);
}

static int decode(const uint8_t *bytes, size_t len, struct head *ret, struct espt_error *err)
{
    char needs[ENTRY_NEEDS_MAX + 1];
    switch (head_decode(bytes, len, ret, needs)) {
    case ENTRY_GOOD:
        return 0;
    case ENTRY_NEWER:
        return espt_fail(err, ESPT_UNUSABLE,
                         "the head of the fleet's journal needs esp-token %s or later; upgrade "
                         "this machine",
                         needs);
    default:
        return refuse(err, "is damaged");
    }
}

/* MUST 3 of head.h, by the list of sites in this state. */
static int require_signed(struct fleet *fleet, struct txn *txn, const struct head *head,
                          const uint8_t *bytes, size_t len)
{
    if (fleet->sites.from != txn->state.position.sites && sites_read(&fleet->sites, txn) != 0)
        return txn->code;
    const struct site *site = sites_find(&fleet->sites, head->site);
    return site != NULL && head_signed_by(bytes, len, site->key)
               ? 0
               : refuse(txn->err, "is signed by no site of the fleet");
}

static int require_time(const struct head *head, struct espt_error *err)
{
    const int64_t ahead = head->time - clock_now();
    return ahead <= HEAD_FUTURE_MAX
               ? 0
               : espt_fail(err, ESPT_UNUSABLE,
                           "the head of the fleet's journal is %lld s ahead of the clock here; it "
                           "was not taken; set the clock of this machine, or that of site %s",
                           (long long)ahead, head->site);
}

/* 1: the head says something new about this state. 0: it does not. A head with an older entry than
   this state is not a fault, because the publisher takes a moment; nor is one that is older than a
   head that was seen (MUST 2). */
static int is_news(const struct fleet_position *position, const struct head *head,
                   struct espt_error *err)
{
    if (head->number < position->head || head->number < position->number)
        return 0;
    if (head->number > position->number)
        return head->number > position->head;
    if (memcmp(head->hash, position->hash, sizeof head->hash) != 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the head of the fleet's journal names another entry %llu than this store "
                         "has; it was not taken",
                         (unsigned long long)head->number);
    return head->time >= position->fresh + FRESHER_BY;
}

static int check_head(struct fleet *fleet, struct txn *txn, struct head *ret_head)
{
    const uint8_t *bytes;
    size_t len;
    const int found = journal_head_get(fleet, &bytes, &len, txn->err);
    if (found <= 0)
        return found;
    int code = decode(bytes, len, ret_head, txn->err);
    if (code == 0 && memcmp(ret_head->fleet, txn->state.position.id, FLEET_ID_LEN) != 0)
        code = refuse(txn->err, "belongs to another fleet");
    if (code == 0)
        code = require_signed(fleet, txn, ret_head, bytes, len);
    if (code == 0)
        code = require_time(ret_head, txn->err);
    return code == 0 ? is_news(&txn->state.position, ret_head, txn->err) : code;
}

/* The state may have moved since the head was checked. */
static int record_head(struct store *store, const struct head *head, bool locked,
                       struct espt_error *err)
{
    struct txn txn;
    int code = fleet_begin_local(&txn, store, locked, err);
    if (code != 0)
        return code;
    struct fleet_position *position = &txn.state.position;
    if (is_news(position, head, err) <= 0) {
        txn_abort(&txn);
        return 0;
    }
    position->head = head->number;
    if (head->number == position->number)
        fresh_time(position, head->time);
    code = txn_commit(&txn);
    store_result_printed(); /* nothing is printed for it */
    return code;
}

int fresh_head(struct fleet *fleet, struct store *store, bool locked, struct espt_error *err)
{
    struct txn txn;
    struct head head;
    int code = txn_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    const int news = check_head(fleet, &txn, &head);
    txn_abort(&txn);
    return news <= 0 ? news : record_head(store, &head, locked, err);
}
