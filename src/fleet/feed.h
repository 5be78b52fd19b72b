/* SPDX-License-Identifier: ISC */
/*
 * The feed: a folder that any web server can show, from which edges follow the fleet (journal
 * `http`). One site's `fleet publish` writes it. docs/journal-format.md lists the bytes.
 *
 *   head             small, replaced: the signed head (head.h), which pieces there are, and the
 *                    newest entries, so that an edge that keeps up needs one request a change
 *   p/FIRST-LAST-HASH    a piece: entries in order, head and edge part of each
 *   p/edge-LENGTH-HASH   a file of a snapshot for edges (edge_snapshot.h)
 *   p/tiers-HASH         the fleet's tier table
 *   r/NAME               the report of an edge, which a web server may write (feed_reports.c)
 *
 * MUST 1: what no head names does not exist. Files in p never change; `head` is replaced last, and
 *         each file is on the disk before its name is, and its name before the next step.
 * MUST 2: no two heads have one size within a second, because servers and caches tell versions of a
 *         file by its time in seconds and its size.
 * MUST 3: a head is signed only after the journal was read to its end, with the time before that.
 * MUST 4: entries are left out only behind a snapshot that was read back from the feed and proved.
 *
 * One publisher at a time also leads: it puts its heads, and snapshots for sites and edges, into
 * the journal, and removes there what no member needs any more (feed_journal.c).
 *
 * MUST 5: entries and pieces are removed from the journal only while its head is ours and names a
 *         snapshot that this process, by its child, has read back from the journal and proved. The
 *         last two snapshots stay, and the entries since the older one.
 * MUST 6: while the head of another publisher is fresh, this one removes and replaces nothing in
 *         the journal.
 * MUST 7: nothing that takes as long as a snapshot is done between two heads: a child does it
 *         (feed_child.h). Meanwhile no piece is removed, in the feed and in the journal, because
 *         those that the child writes are named by no head yet.
 */
#ifndef ESPT_FLEET_FEED_H
#define ESPT_FLEET_FEED_H

#include "fleet/edge_snapshot.h"
#include "fleet/feed_child.h"

#include <sys/types.h>

#define FEED_FORM 1
#define FEED_NEWEST 8192       /* bytes of entries in a head, at most */
#define FEED_PIECE (4UL << 20) /* a piece ends when it is as long as this */
#define FEED_PIECES 64         /* after so many new pieces they are merged, up to FEED_PIECE each */
#define FEED_RECENT 16 /* the newest pieces stay as they are: edges that keep up need them */
#define FEED_SNAPSHOT (1 << 20) /* a snapshot is made after so many bytes of entries at least */
#define FEED_LOG_SHARE 16       /* what a snapshot has for sites counts for its size by this part */
#define FEED_LEASE 60           /* seconds: another publisher leads no more if its head is older */
#define FEED_TRIM 1000          /* entries that one step removes from the journal, at most */
#define FEED_GRACE 600          /* seconds: how long caches may need what no head names any more */
#define FEED_SIZES 61           /* MUST 2 */
#define FEED_PAUSE_MS 50        /* between two steps: fewer than FEED_SIZES heads a second */

struct feed_piece {
    uint64_t first, last;
    uint32_t len;
    uint8_t hash[FLEET_HASH_LEN];
};
/* u32 length of the head, u32 length of the edge part, and both: as it is in a piece. */
struct feed_entry {
    uint64_t number;
    uint8_t *bytes; /* owned */
    size_t len;
};

struct feed {
    struct fleet *fleet;
    char path[PATH_MAX];
    struct fleet_trust trust;
    int folder, pieces_folder; /* `folder` is locked: one publisher at a time */
    uint64_t count;            /* heads that were ever written */
    struct head head;          /* the last one; number 0: there is none */
    struct feed_piece *pieces; /* without gaps; owned */
    size_t piece_count;
    size_t unmerged; /* how many of them were written since the last merging, or spared by it */
    struct feed_entry *tail; /* the newest entries, up to the last; those after the last piece are
                                here alone; owned */
    size_t tail_count, tail_room;
    uint64_t number;              /* of the last entry in `tail` or `pieces`; 0: there is none */
    uint8_t hash[FLEET_HASH_LEN]; /* of that entry */
    uint64_t grown;               /* bytes of entries since the last snapshot */
    struct head_snapshot which, which_before; /* number 0: there is none */
    struct edge_snapshot snapshot, before;    /* those */
    uint8_t *got;                             /* what feed_files().get returned; owned */
    int64_t retry;                            /* monotonic milliseconds: no snapshot before */
    int64_t look_at;                          /* monotonic milliseconds: for reports, not before */
    int64_t reports;                          /* Unix seconds: those that came before were taken */
    int64_t swept;                            /* monotonic milliseconds; 0: not yet */
    bool fits;                                /* the feed was found to be on the fleet's chain */
    struct feed_child child;                  /* makes or proves a snapshot */

    /* --- feed_journal.c --- */
    bool leads;                      /* MUST 6 */
    char leader[SITE_NAME_MAX + 1];  /* the site that leads instead */
    struct head_snapshot in_journal; /* what the journal's head names; number 0: nothing */
    bool shared;                     /* the journal has `snapshot`, with what sites need */
    bool proved;                     /* and this process has read it back (MUST 5) */
    bool broken;    /* this process has found that the journal lacks a part of `snapshot` */
    bool untidy;    /* there may be pieces in the journal that no member needs */
    bool dropping;  /* the last step has removed some of them, and there are more */
    bool unproved;  /* something is to be removed, and `snapshot` must be proved before that */
    int64_t other;  /* time of the last head of another publisher in the journal; 0: none */
    int64_t early;  /* time of the last head of feed_put_early_head(); 0: none */
    uint64_t first; /* the journal begins with this entry, as far as known */
};

/* Opens the feed in the folder, which must exist; makes no feed yet. feed_free() frees it.
   ESPT_REFUSED: the folder is in use, or holds another fleet. */
ESPT_MUST_USE int feed_new(struct feed **ret_feed, struct fleet *fleet, const char *path,
                           struct espt_error *err);
void feed_free(struct feed *feed); /* NULL is allowed */
/* Catches up, and writes what is new; a head at least every HEAD_EVERY seconds. To be called at
   most once in FEED_PAUSE_MS (MUST 2). *ret_written: a head was written, which is possible even if
   the step fails. ESPT_REFUSED: the feed is not of this fleet's history, or this machine is not a
   site. */
ESPT_MUST_USE int feed_step(struct feed *feed, struct store *store, bool *ret_written,
                            struct espt_error *err);
/* Returns 1 when there may be a new entry, 0 after `wait_ms`, or sooner while a child works. Only a
   hint. */
ESPT_MUST_USE int feed_wait(struct feed *feed, uint32_t wait_ms, struct espt_error *err);

/* --- feed_files.c --- */
/* Writes a file in place of one that may be there (MUST 1). `folder` is one of the feed's. */
ESPT_MUST_USE int feed_write(struct feed *feed, int folder, const char *name, const uint8_t *bytes,
                             size_t len, struct espt_error *err);
/* 1: *ret_bytes is allocated, *ret_len long. 0: there is no such file. */
ESPT_MUST_USE int feed_read(struct feed *feed, int folder, const char *name, uint8_t **ret_bytes,
                            size_t *ret_len, struct espt_error *err);
/* The length of a file; -1: there is none. */
off_t feed_length(const struct feed *feed, int folder, const char *name);
/* Removes what no head names any more, and what killed publishers left. */
void feed_sweep(struct feed *feed);
/* The files of snapshots. They are read from the feed, and written to it; a publisher that leads
   also writes them to the journal. */
struct edge_files feed_files(struct feed *feed);
void feed_piece_name(const struct feed_piece *piece,
                     char ret_name[static ESPT_JOURNAL_NAME_MAX + 1]);
void feed_tiers_name(const uint8_t hash[static FLEET_HASH_LEN],
                     char ret_name[static ESPT_JOURNAL_NAME_MAX + 1]);

/* --- feed_head.c --- */
/* Signs and writes a head for the state of the feed. */
ESPT_MUST_USE int feed_put_head(struct feed *feed, int64_t time, struct espt_error *err);
/* Puts a head into the journal alone, at least every HEAD_EVERY seconds. There is no feed before
   the first snapshot is made; meanwhile this head tells members that follow the journal how old
   their state is. */
ESPT_MUST_USE int feed_put_early_head(struct feed *feed, const struct fleet_position *position,
                                      int64_t time, struct espt_error *err);
/* Reads the feed that is there, if it is whole. */
ESPT_MUST_USE int feed_load(struct feed *feed, struct espt_error *err);
/* Forgets the feed that is there, but for the count. */
void feed_forget(struct feed *feed);

/* --- feed_snapshot.c --- */
/* Takes what a child has made or proved. Without a new snapshot the feed goes on, if it has an
   older one: *ret_late is that failure then. */
ESPT_MUST_USE int feed_snapshot_take(struct feed *feed, struct espt_error *ret_late,
                                     struct espt_error *err);
/* Begins to make a snapshot, or to prove the last one, if it is time. */
ESPT_MUST_USE int feed_snapshot_begin(struct feed *feed, struct store *store,
                                      struct espt_error *ret_late, struct espt_error *err);

/* Whether a snapshot has a file of that name. */
bool feed_in_snapshot(const struct head_snapshot *which, const struct edge_snapshot *snapshot,
                      const char *name);

/* --- feed_journal.c --- */
/* Looks at the journal's head: whether this publisher leads. `sites` may write now. */
ESPT_MUST_USE int feed_look(struct feed *feed, const struct sites *sites, struct espt_error *err);
/* What the head that goes into the journal names: a snapshot that is there. */
struct head_snapshot feed_named(const struct feed *feed);
/* Proves that the journal has `snapshot` (MUST 5). */
ESPT_MUST_USE int feed_prove_shared(struct feed *feed, const struct edge_snapshot *snapshot,
                                    const struct edge_snapshot *known, struct espt_error *err);
/* Removes from the journal what no member needs, a part at a time. Call it after the head. */
ESPT_MUST_USE int feed_tidy(struct feed *feed, const struct sites *sites, struct espt_error *err);

/* --- feed_reports.c --- */
/* Puts the reports that have come from edges into the journal. Call it in every step; it limits how
   often it looks. */
ESPT_MUST_USE int feed_reports(struct feed *feed, struct store *store, struct espt_error *err);

/* --- feed_pieces.c --- */
ESPT_MUST_USE int feed_add(struct feed *feed, uint64_t number, const espt_journal_entry *entry,
                           struct espt_error *err);
/* Writes the entries that a head cannot carry into a piece. */
ESPT_MUST_USE int feed_flush(struct feed *feed, size_t most, struct espt_error *err);
/* Leaves out pieces that end before the entry. */
void feed_trim(struct feed *feed, uint64_t first);
/* The first entry that the feed has; 0: none. */
uint64_t feed_first(const struct feed *feed);

#endif
