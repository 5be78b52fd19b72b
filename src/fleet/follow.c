/* SPDX-License-Identifier: ISC */
#include "fleet/follow.h"

#include "common/clock.h"
#include "fleet/member.h"
#include "store/db/lock.h"

#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_SUFFIX ".follow"
#define RETRY_MS 1000 /* after a snapshot that cannot be used; doubled by each one that follows */
#define RETRY_MAX_MS 10000

/* MUST 1 */
static int take_lock(struct follower *follower, struct espt_error *err)
{
    const char *path = follower->store->config.store;
    int code = lock_open(path, LOCK_SUFFIX, &follower->lock, err);
    if (code == 0 && flock(follower->lock, LOCK_EX | LOCK_NB) != 0)
        code = espt_fail(
            err, ESPT_UNUSABLE,
            "%s: another 'esp-tokenctl fleet follow' runs for this store; end it first", path);
    return code == 0 ? lock_still_there(follower->lock, path, LOCK_SUFFIX, err) : code;
}

int follower_begin(struct follower *ret, struct fleet *fleet, struct store *store,
                   struct espt_error *err)
{
    *ret = (struct follower){.fleet = fleet, .store = store, .lock = -1};
    int code = fleet_place(store, &ret->place, err);
    if (code == 0)
        code = take_lock(ret, err);
    if (code != 0)
        follower_end(ret);
    return code;
}

void follower_end(struct follower *follower)
{
    if (follower->lock >= 0)
        close(follower->lock);
    follower->lock = -1;
}

/* Another process may have replaced the store, moved it on, or made it join again. The list of
   sites in memory is valid only after the entries that this process has applied. */
static int read_place(struct follower *follower, struct espt_error *err)
{
    struct fleet_place place;
    struct fleet *fleet = follower->fleet;
    const struct fleet_position *position = &place.position, *before = &follower->place.position;
    int code = fleet_place(follower->store, &place, err);
    if (code != 0)
        return code;
    if (memcmp(position->id, before->id, sizeof position->id) != 0 ||
        place.edge != fleet_is_edge(fleet))
        return espt_fail(
            err, ESPT_REFUSED,
            "%s: the store now belongs to another fleet, or is another kind of member; "
            "run 'esp-tokenctl fleet follow' again",
            follower->store->config.store);
    if (position->number != before->number ||
        memcmp(position->hash, before->hash, sizeof position->hash) != 0)
        sites_clear(&fleet->sites);
    follower->place = place;
    return 0;
}

/* A snapshot can be large, so one that cannot be used is asked for less and less often. */
static int rejoin(struct follower *follower, uint64_t *ret_entries, struct espt_error *err)
{
    if (monotonic_ms() < follower->retry) {
        *err = follower->failure;
        return err->code;
    }
    const int code = fleet_rejoin(follower->fleet, follower->store, err);
    follower->rejoined = code == 0;
    *ret_entries = code == 0;
    if (code == 0) {
        follower->pause = 0;
        return 0;
    }
    follower->failure = *err;
    follower->pause = follower->pause == 0 ? RETRY_MS : 2 * follower->pause;
    if (follower->pause > RETRY_MAX_MS)
        follower->pause = RETRY_MAX_MS;
    follower->retry = monotonic_ms() + follower->pause;
    return code;
}

static int apply_or_age(struct follower *follower, uint64_t *ret_entries, struct espt_error *err)
{
    espt_journal_entry next;
    struct fleet *fleet = follower->fleet;
    struct store *store = follower->store;
    const struct fleet_position *position = &follower->place.position;
    const int more = journal_read(fleet, position->number + 1, &next, err);
    const int code = more < 0 ? more : replay_fits(fleet, position, err);
    if (code != 0 && fleet_is_edge(fleet) && fleet_is_behind(fleet, position))
        return rejoin(follower, ret_entries, err);
    if (code != 0)
        return code;
    return more > 0 ? fleet_apply_batch(fleet, store, false, ret_entries, err)
                    : fresh_head(fleet, store, false, err);
}

int follower_step(struct follower *follower, uint64_t *ret_entries, struct espt_error *err)
{
    struct fleet_place place;
    struct espt_error ignored;
    *ret_entries = 0;
    follower->rejoined = false;
    int code = fleet_reopen(follower->store, err);
    if (code == 0)
        code = read_place(follower, err);
    if (code == 0)
        code = apply_or_age(follower, ret_entries, err);
    if (*ret_entries > 0 && fleet_place(follower->store, &place, &ignored) == 0)
        follower->place = place;
    return code;
}

int follower_wait(struct follower *follower, uint32_t wait_ms, struct espt_error *err)
{
    store_rest(follower->store);
    return journal_wait(follower->fleet, follower->place.position.number, wait_ms, err);
}
