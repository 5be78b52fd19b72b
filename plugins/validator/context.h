/*
 * What one `open` made: whom to trust, and the tier table and store now in force.
 *
 * MUST 1: trust is fixed at open. When `/` is another than then, nothing is opened again.
 * MUST 2: no lock, and no state that a fork in the middle of a look could leave half done: all that
 *         looks share is atomic, and each publishes only over what it found.
 * MUST 3: no old store answers for a new one that cannot be opened: then there is none.
 */
#ifndef VALIDATOR_CONTEXT_H
#define VALIDATOR_CONTEXT_H

#include "common/config.h"
#include "common/tier.h"
#include "espt/validator.h"
#include "guard.h"
#include "reader/reader.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

/* A file as stat sees it: any save changes one of these. */
struct signature {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified, changed;
};

struct tiers_view {
    struct tier_table *table;
    struct signature signature;
    bool unsettled; /* read so soon after a save that another may have left the same times */
};

struct store_view {
    struct reader reader;
    dev_t dev;
    ino_t ino;
    _Atomic int64_t left_at; /* when it was first met closed or outgrown, in monotonic ms */
};

struct usage;
struct memo;

struct espt_ctx {
    struct config config;
    uid_t owner;
    espt_log_fn log;
    void *log_arg;
    dev_t root_dev;
    ino_t root_ino;
    struct guard guard;
    struct memo *memo;
    _Atomic(struct tiers_view *) tiers;
    _Atomic(struct store_view *) store; /* NULL: unavailable */
    _Atomic int64_t next_look;          /* monotonic ms */
    _Atomic uint64_t pending;           /* hash of a tier file's signature that may still change */
    _Atomic uint64_t told_tiers, told_store; /* hash of what was logged last */
    atomic_bool told_root;
    struct usage *usage; /* from open to close; NULL: uses are not counted */
};

/* The name of one thread's views for the length of a call. */
struct views {
    unsigned slot;
    const struct tiers_view *tiers;
    struct store_view *store;
};
void views_take(struct espt_ctx *ctx, struct views *ret_views);
void views_give(struct espt_ctx *ctx, const struct views *views);

/* Milliseconds of a coarse clock that only goes forward. */
int64_t monotonic_ms(void);
/* Unix seconds by the coarse clock. */
int64_t realtime_seconds(void);
/* Has the file stayed the same for a while? Editors save in steps. By the time of its last change
   alone: every write and every rename moves it, and nobody sets it, as all set that of
   modification.
 */
bool settled_by_times(const struct signature *signature);

void context_log(struct espt_ctx *ctx, int level, const char *message);
/* Why the store does not answer. */
const char *store_fault(enum reader_status status);

/* Opens what the config names; 0 or a code. */
ESPT_MUST_USE int tiers_open(struct espt_ctx *ctx, struct tiers_view **ret_view,
                             struct espt_error *err);
ESPT_MUST_USE int store_view_open(struct espt_ctx *ctx, struct store_view **ret_view,
                                  struct espt_error *err);
void tiers_view_free(void *object);
void store_view_free(void *object);

#endif
