/* SPDX-License-Identifier: ISC */
/*
 * The result of one `open`: the trusted users, and the current tier table and store.
 *
 * MUST 1: trust is fixed at open. After a chroot (`/` is another folder than at open), no file is
 *         opened again.
 * MUST 2: no locks, and no state that a fork during a reload could leave half done. Everything that
 *         reloads share is atomic. A reload replaces a pointer by compare-and-swap, and only if the
 *         pointer still has the value that the reload found.
 * MUST 3: an old store never answers for a new one that cannot be opened. Then no store answers.
 * MUST 4: no state answers whose revision is lower than one that has answered (specification §5.8),
 *         whatever file is opened.
 */
#ifndef VALIDATOR_CONTEXT_H
#define VALIDATOR_CONTEXT_H

#include "common/clock.h"
#include "common/config.h"
#include "common/tier.h"
#include "espt/validator.h"
#include "reader/reader.h"
#include "reclaim.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>

/* The fields of stat that identify a version of a file. Every save changes at least one of them. */
struct signature {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified, changed;
};

struct tiers_view {
    struct tier_table *table;
    struct signature signature;
    /* The file was read so soon after a save that a second save could leave the same times. The
       next check reads it again. */
    bool unsettled;
};

struct store_view {
    struct reader reader;
    atomic_uint *users; /* number of views that share the descriptor; the last one closes it */
    dev_t dev;
    ino_t ino;
    _Atomic int64_t closed_at; /* when a call first found the store closed, in monotonic ms */
};

/* The errors of one reload: the first check that failed, and one that failed after it. */
struct reload_errors {
    struct espt_error first, second;
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
    struct reclaim reclaim;
    struct memo *memo;
    _Atomic(struct tiers_view *) tiers;
    _Atomic(struct store_view *) store; /* NULL: unavailable */
    _Atomic uint64_t answered;          /* the highest revision that has answered; it never falls */
    _Atomic(struct reload_errors *) errors; /* for the next reload; NULL: a reload uses it */
    _Atomic int64_t next_check;             /* monotonic ms */
    _Atomic uint64_t pending; /* hash of the signature of a tier file that may still change */
    _Atomic uint64_t logged_root, logged_tiers, logged_store; /* hash of the last message */
    struct trust_walk *walk; /* during open only: the files are often in one folder */
    struct usage *usage;     /* from open to close; NULL: uses are not counted */
};

/* The tier table and the store that one call uses. They stay valid until views_leave(). */
struct views {
    unsigned slot;
    const struct tiers_view *tiers;
    struct store_view *store;
};
void views_enter(struct espt_ctx *ctx, struct views *ret_views);
void views_leave(struct espt_ctx *ctx, const struct views *views);

/* Whether the file has been unchanged for SETTLE_MS, because editors save in several steps. Only
   the change time (ctime) counts: every write and rename updates it, and no program can set it, as
   programs can set the modification time. */
bool settled_by_times(const struct signature *signature);

void context_log(struct espt_ctx *ctx, int level, const char *message);
/* Why the store does not answer, and what to do. */
const char *store_fault(enum reader_status status);

/* Opens the tier table that the config names. Returns 0 or a code. */
ESPT_MUST_USE int tiers_open(struct espt_ctx *ctx, struct tiers_view **ret_view,
                             struct espt_error *err);
/* For `open`. If the file is broken or missing and was saved less than 200 ms ago, these two wait
   for a complete file, at most one second, because editors save in several steps. */
ESPT_MUST_USE int config_open_saved(struct espt_ctx *ctx, const char *path, struct espt_error *err);
ESPT_MUST_USE int tiers_open_saved(struct espt_ctx *ctx, struct tiers_view **ret_view,
                                   struct espt_error *err);
ESPT_MUST_USE int store_view_open(struct espt_ctx *ctx, struct store_view **ret_view,
                                  struct espt_error *err);
/* Makes a view of the same file with a larger mapping, because the file has outgrown `narrow`. */
ESPT_MUST_USE int store_view_widen(struct espt_ctx *ctx, const struct store_view *narrow,
                                   struct store_view **ret_view, struct espt_error *err);
void tiers_view_free(void *object);
void store_view_free(void *object);

#endif
