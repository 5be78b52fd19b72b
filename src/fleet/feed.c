/* SPDX-License-Identifier: ISC */
/* What the publisher does again and again: catch up, snapshot, entries, head. */
#include "fleet/feed.h"

#include "common/clock.h"
#include "common/trust.h"
#include "store/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_MS 60000
#define BUSY_MS 100   /* between two looks at a child that works */
#define LOCK_TRIES 20 /* 50 ms apart: the child of a killed publisher ends a moment after it */

/* --- opening --- */

static bool lock_folder(int folder)
{
    int tries = 0;
    while (flock(folder, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || ++tries == LOCK_TRIES)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return true;
}

static int open_folders(struct feed *feed, struct espt_error *err)
{
    int place;
    int code = trust_folder(feed->path, geteuid(), &place, err);
    if (code != 0)
        return code;
    feed->folder = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(place);
    if (feed->folder >= 0 && !lock_folder(feed->folder))
        return espt_fail(err, ESPT_REFUSED, "%s: another 'esp-tokenctl fleet publish' runs here",
                         feed->path);
    if (feed->folder >= 0 && mkdirat(feed->folder, "p", 0755) == 0)
        (void)!fchmodat(feed->folder, "p", 0755, 0);
    if (feed->folder >= 0)
        feed->pieces_folder =
            openat(feed->folder, "p", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (feed->pieces_folder >= 0 && fsync(feed->folder) == 0)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE, "%s: the folder of the feed cannot be used: %s",
                     feed->path, espt_errno_text(errno));
}

int feed_new(struct feed **ret_feed, struct fleet *fleet, const char *path, struct espt_error *err)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    feed->fleet = fleet;
    feed->folder = feed->pieces_folder = -1;
    feed->untidy = true; /* by an earlier run */
    snprintf(feed->path, sizeof feed->path, "%s", path);
    int code = key_load(fleet, err);
    if (code == 0)
        code = trust_load(fleet->config, &feed->trust, err);
    if (code == 0)
        code = open_folders(feed, err);
    if (code == 0)
        code = feed_load(feed, err);
    if (code == 0)
        *ret_feed = feed;
    else
        feed_free(feed);
    return code;
}

void feed_free(struct feed *feed)
{
    if (feed == NULL)
        return;
    feed_forget(feed);
    free(feed->got);
    if (feed->pieces_folder >= 0)
        close(feed->pieces_folder);
    if (feed->folder >= 0)
        close(feed->folder);
    free(feed);
}

/* --- the chain --- */

static int other_history(const struct feed *feed, struct espt_error *err)
{
    return espt_fail(
        err, ESPT_REFUSED,
        "%s: the feed has another entry %llu than the fleet: the journal was set back, "
        "or replaced; remove %s/head to begin the feed again; edges refuse it until "
        "the fleet has more entries than they have",
        feed->path, (unsigned long long)feed->number, feed->path);
}

/* What a feed of an earlier run ends with must be an entry of the journal. */
static int check_chain(struct feed *feed, struct espt_error *err)
{
    struct fleet_range range;
    bool has = false;
    if (feed->fits || feed->number == 0)
        return 0;
    int code = fleet_range(feed->fleet, &range, err);
    if (code == 0 && range.first > feed->number) { /* trimmed since then */
        feed_forget(feed);
        return 0;
    }
    if (code == 0)
        code = fleet_has_entry(feed->fleet, feed->number, feed->hash, &has, err);
    if (code == 0 && !has)
        code = other_history(feed, err);
    feed->fits = code == 0;
    return code;
}

/* --- entries --- */

static int add_entry(struct feed *feed, uint64_t number, struct espt_error *err)
{
    espt_journal_entry pieces;
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    const int found = journal_read(feed->fleet, number, &pieces, err);
    if (found < 0)
        return found;
    feed->fits = found > 0; /* else the next step looks whether it was trimmed away */
    if (found == 0 || entry_decode(&pieces, ESPT_JOURNAL_EDGE, &entry, needs) != ENTRY_GOOD ||
        entry.number != number ||
        (feed->number > 0 && memcmp(entry.before, feed->hash, sizeof feed->hash) != 0))
        return espt_fail(err, ESPT_UNUSABLE,
                         "the fleet's journal does not have entry %llu as this store has it; run "
                         "'esp-tokenctl fleet status'",
                         (unsigned long long)number);
    int code = feed_add(feed, number, &pieces, err);
    if (code == 0)
        memcpy(feed->hash, entry.hash, sizeof feed->hash);
    return code == 0 ? feed_flush(feed, FEED_PIECE, err) : code;
}

/* Up to the position, which this store has verified. The feed begins with the entry at which its
   first snapshot stands. */
static int add_entries(struct feed *feed, const struct fleet_position *position,
                       struct espt_error *err)
{
    int code = 0;
    uint64_t next = feed->number > 0 ? feed->number + 1 : feed->which.number;
    while (code == 0 && next <= position->number)
        code = add_entry(feed, next++, err);
    if (code == 0 && (feed->number != position->number ||
                      memcmp(feed->hash, position->hash, sizeof feed->hash) != 0))
        code = other_history(feed, err);
    return code == 0 ? feed_flush(feed, FEED_NEWEST, err) : code;
}

/* --- the tier table --- */

static int add_tiers(struct feed *feed, const struct fleet_position *position,
                     struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    const uint8_t *bytes;
    size_t len;
    feed_tiers_name(position->tiers, name);
    if (sodium_is_zero(position->tiers, sizeof position->tiers) ||
        feed_length(feed, feed->pieces_folder, name) >= 0)
        return 0;
    const int found = journal_get(feed->fleet, name, &bytes, &len, err);
    return found > 0 ? feed_write(feed, feed->pieces_folder, name, bytes, len, err) : found;
}

/* --- a step --- */

/* At the first step too: the feed of an earlier run is as old as its head. */
static bool head_due(const struct feed *feed, int64_t now)
{
    if (feed->which.number == 0)
        return false;
    return feed->swept == 0 || feed->head.number != feed->number ||
           memcmp(feed->head.snapshot.hash, feed->which.hash, sizeof feed->which.hash) != 0 ||
           now - feed->head.time >= HEAD_EVERY || now < feed->head.time;
}

/* MUST 7 */
static bool sweep_due(const struct feed *feed)
{
    return !feed_child_works(feed) && (feed->swept == 0 || monotonic_ms() - feed->swept > SWEEP_MS);
}

/* Only a site may sign. */
static int require_site(const struct feed *feed, const struct sites *sites, struct espt_error *err)
{
    const struct site *site = sites_find(sites, feed->fleet->config->fleet_name);
    const bool good = site != NULL && memcmp(site->key, feed->fleet->public, SITE_KEY_LEN) == 0;
    return good ? 0
                : espt_fail(err, ESPT_REFUSED,
                            "%s is no site of the fleet, or has another key there; run "
                            "'esp-tokenctl fleet site add' at a site",
                            feed->fleet->config->fleet_name);
}

static int write_new(struct feed *feed, struct store *store, int64_t now,
                     struct espt_error *ret_late, struct espt_error *err)
{
    struct fleet_place place;
    int code = feed_snapshot_take(feed, ret_late, err);
    if (code == 0)
        code = fleet_place(store, &place, err);
    if (code == 0 && feed->which.number == 0) /* the feed begins with a snapshot */
        return feed->leads ? feed_put_early_head(feed, &place.position, now, err) : 0;
    if (code == 0)
        code = add_tiers(feed, &place.position, err);
    return code == 0 ? add_entries(feed, &place.position, err) : code;
}

static int step(struct feed *feed, struct store *store, struct sites *sites, bool *ret_written,
                struct espt_error *ret_late, struct espt_error *err)
{
    const int64_t now = clock_now(); /* MUST 3 */
    /* the journal's head is not taken: the next one replaces it */
    int code = fleet_catch_up_before(feed->fleet, store, false, err);
    if (code == 0)
        code = fleet_sites(store, sites, err);
    if (code == 0)
        code = require_site(feed, sites, err);
    if (code == 0)
        code = feed_look(feed, sites, err);
    if (code == 0)
        code = check_chain(feed, err);
    if (code == 0)
        code = write_new(feed, store, now, ret_late, err);
    if (code == 0 && head_due(feed, now)) {
        code = feed_put_head(feed, now, err);
        *ret_written = code == 0;
    }
    if (code == 0 && sweep_due(feed))
        feed_sweep(feed);
    if (code == 0 && ret_late->code == 0)
        ret_late->code = feed_tidy(feed, sites, ret_late);
    if (code == 0 && ret_late->code == 0)
        ret_late->code = feed_reports(feed, store, ret_late);
    return code == 0 ? feed_snapshot_begin(feed, store, ret_late, err) : code;
}

/* PostgreSQL names what it does not permit, but not what a publisher needs. The message of a
   server that is set to another language is not recognised, and stays as it is. */
static int say_role(const struct feed *feed, int code, struct espt_error *err)
{
    if (code != 0 && strcmp(feed->fleet->config->fleet_journal, "pg") == 0 &&
        strstr(err->message, "permission denied for") != NULL)
        espt_add(err, "; 'fleet publish' needs the rights of esp_token_publisher: run roles.sql, "
                      "and GRANT esp_token_publisher to the role of this site");
    return code;
}

int feed_step(struct feed *feed, struct store *store, bool *ret_written, struct espt_error *err)
{
    struct sites sites = {0};
    struct espt_error late = {.code = 0};
    *ret_written = false;
    int code = fleet_reopen(store, err);
    if (code == 0)
        code = step(feed, store, &sites, ret_written, &late, err);
    sites_clear(&sites);
    if (code == 0 && late.code != 0)
        *err = late;
    return say_role(feed, code == 0 ? late.code : code, err);
}

/* The journal also wakes for another head than the one that was read last. So ours is read first,
   which must not wake this publisher. */
int feed_wait(struct feed *feed, uint32_t wait_ms, struct espt_error *err)
{
    const uint8_t *bytes;
    size_t len;
    const int found = journal_head_get(feed->fleet, &bytes, &len, err);
    if (feed_child_works(feed) && wait_ms > BUSY_MS)
        wait_ms = BUSY_MS;
    return found < 0 ? found : journal_wait(feed->fleet, feed->number, wait_ms, err);
}
