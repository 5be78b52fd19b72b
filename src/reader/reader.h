/* SPDX-License-Identifier: ISC */
/*
 * The lock-free read of the store file (ARCHITECTURE.md gives the proof). It needs read permission
 * on one file, takes no lock, uses no reader slot, and changes nothing. It does not use liblmdb.
 *
 * MUST 1: the cache (cache.h), which lives from one look-up to the next, is keyed by the identity
 *         of the state alone (common/state.h). It stores no record: each look-up reads its records
 *         again.
 * MUST 2: every offset is checked against page, file and mapping before it is followed.
 * MUST 3: both meta pages are intact, or the answer is READER_CORRUPT; the reader never falls back
 *         to one of them. The state of the older one must not have a later revision, because one
 *         wrong bit can make id 3 look like 1.
 * MUST 4: copied data counts only after reader_end() returned READER_OK: the state at the end has
 *         the same identity as the state at the beginning.
 * MUST 5: a record counts only if its page is in use in the snapshot (freelist.h), and an absent
 *         record only if its absence is proved (absence.h): the file holds old copies of pages that
 *         are intact in themselves.
 * MUST 6: each length is loaded once, then checked, then used, and each walk is bounded: any byte
 *         of the file may change at any moment.
 *
 * Any number of threads may read through one `struct reader`. A snapshot belongs to one thread.
 */
#ifndef ESPT_READER_READER_H
#define ESPT_READER_READER_H

#include "reader/types.h"

/* Maps the file behind `fd` with some room to grow. The reader owns `fd` from the call on, even on
   failure. `map_size` is the largest size of the store in bytes, from the configuration.
   ESPT_UNUSABLE: the file is not a store of this format, or a limit of the process, which the
   message names, prevents the mapping. */
ESPT_MUST_USE int reader_open(struct reader *ret_reader, int fd, const char *path,
                              uint64_t map_size, struct espt_error *err);
/* Maps the same file again after READER_BEYOND, without opening it. Both readers share the
   descriptor: before you close any but the last of them, set its `fd` to -1. */
ESPT_MUST_USE int reader_widen(struct reader *ret_reader, const struct reader *narrow,
                               const char *path, struct espt_error *err);
void reader_close(struct reader *reader);

/* Takes a snapshot of the newest committed state: OK, AGAIN, CORRUPT, CLOSED, NEWER, OLDER or
   BEYOND. A meta page that a writer is rewriting looks like damage, so CORRUPT counts only after
   several tries. AGAIN may come for ever (from a copied file whose state record was not stamped),
   so bound the tries. */
ESPT_MUST_USE enum reader_status reader_begin(struct snapshot *ret_snapshot, struct reader *reader);

/* A look-up in progress: the record's page is being prefetched, and the caller can do other work
   meanwhile. Like all results, it belongs to one snapshot. */
struct place {
    enum reader_status status;
    uint64_t page;
    uint32_t node;  /* offset of the record on the page; 0: not known yet */
    uint32_t guess; /* where on the page the record may be (page.h); 0: no guess */
};
/* Prefetches what reader_seek() reads first, as soon as a key of TABLE_AUTH is known. */
void reader_prefetch(const struct reader *reader, uint64_t id);
/* Begins a look-up in a named table, so not in TABLE_STATE. */
ESPT_MUST_USE struct place reader_seek(struct snapshot *snapshot, enum table table,
                                       const struct record_key *key);
/* Continues from `place`, and stores in it where the record is. Copies the value of `key` to `out`
   (RECORD_MAX bytes). OK, NONE, CORRUPT or BEYOND. Status and copy count only after reader_end()
   returned OK. A missing table is CORRUPT, because a store has all of them. */
ESPT_MUST_USE enum reader_status reader_fetch(struct snapshot *snapshot, enum table table,
                                              const struct record_key *key, struct place *place,
                                              uint8_t *out, size_t *ret_len);
/* Lets later look-ups in the snapshot with that nonce go directly to the record of `key`, in
   TABLE_AUTH and TABLE_RESELLERS. Call it only after reader_end() has confirmed the place. */
void reader_remember(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                     const struct place *place);
/* reader_seek() and reader_fetch() in one call. */
ESPT_MUST_USE enum reader_status reader_get(struct snapshot *snapshot, enum table table,
                                            const struct record_key *key, uint8_t *out,
                                            size_t *ret_len);

/* OK: every answer since reader_begin() is of one committed state, and a CORRUPT among them is real
   damage. AGAIN: discard the answers. */
ESPT_MUST_USE enum reader_status reader_end(const struct snapshot *snapshot);

/* Runs one look-up: begin, `fn`, end. The tries are bounded by number, and none of them sleeps.
   `fn` may run many times, and must start from scratch each time. It returns READER_OK or another
   status, which becomes the result once reader_end() confirms it. AGAIN: all tries were used, so
   the store is unavailable. CORRUPT: the store is damaged. CLOSED, NEWER, OLDER and BEYOND as
   above. */
typedef enum reader_status (*reader_fn)(void *arg, struct snapshot *snapshot);
ESPT_MUST_USE enum reader_status reader_look_up(struct reader *reader, reader_fn fn, void *arg);

#endif
