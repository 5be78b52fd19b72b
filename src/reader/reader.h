/*
 * The lock-free read of the store file (ARCHITECTURE.md gives the proof). It needs read permission
 * on one file, takes no lock, owns no reader slot, and changes nothing. liblmdb is not used.
 *
 * MUST 1: nothing is kept from one look-up to the next but by the snapshot's nonce (known.h), and
 *         no record is: each is read afresh.
 * MUST 2: every offset is checked against page, file and mapping before it is followed.
 * MUST 3: both meta pages are whole, or the answer is READER_CORRUPT; never fall back to one.
 *         The older one must lead to no later revision: one wrong bit can make id 3 look like 1.
 * MUST 4: what was copied counts only after reader_end() said READER_OK.
 * MUST 5: what answers lies on a page that the snapshot uses (free.h), and what is not there is
 *         not there for certain (doubt.h): old copies of pages, whole in themselves, lie about.
 *
 * Any number of threads may read through one `struct reader`; a snapshot belongs to one thread.
 */
#ifndef ESPT_READER_READER_H
#define ESPT_READER_READER_H

#include "common/error.h"
#include "common/record.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reader_status {
    READER_OK = 1,
    READER_NONE = 0,     /* no such key */
    READER_AGAIN = -1,   /* a writer went by: begin again */
    READER_CORRUPT = -2, /* damaged, once doubt is ruled out: see each function */
    READER_CLOSED = -3,  /* this file is no longer the store */
    READER_NEWER = -4,   /* of a newer schema */
    READER_BEYOND = -5,  /* the file has outgrown the mapping: open it anew */
    READER_OLDER = -6,   /* of an older schema: esp-tokenctl upgrade */
};

struct known;

struct reader {
    const uint8_t *map;
    size_t mapped;         /* bytes of address space, beyond the file's end too */
    _Atomic uint64_t size; /* of the file, as last seen; asked again when a page lies beyond */
    uint32_t page_size;
    int fd;              /* owned */
    struct known *known; /* owned; NULL: no memory for it, and each look-up goes the long way */
};

/* A page whose header was found whole. */
struct page {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t upper; /* where nodes begin */
    uint32_t count;
    bool leaf;
};

struct tree {
    uint64_t root; /* a page's number; all ones: no keys */
    uint16_t depth;
};

struct snapshot {
    struct reader *reader;
    uint64_t transaction;
    struct page main;  /* root of the main database */
    uint32_t nonce_at; /* where on it the state's nonce lies; 0: on another page */
    uint64_t free_root, last_page;
    struct state_record state;
    struct tree auth, resellers; /* where known is not 0 */
    uint64_t known;              /* which of the known snapshots this is; 0: none */
    uint64_t line;               /* and the first that this one came from, one by one */
};

/* Maps the file behind `fd` (owned by the reader from then on, also on failure). `map_size` is the
   config's, in bytes: room to grow; a smaller room is taken where that much address space is not to
   be had. Refuses, in words, what is not a store of this format. */
ESPT_MUST_USE int reader_open(struct reader *ret_reader, int fd, const char *path,
                              uint64_t map_size, struct espt_error *err);
void reader_close(struct reader *reader);

/* Takes the newest committed state: OK, AGAIN, CORRUPT, CLOSED, NEWER, OLDER or BEYOND. A writer
   that is just then rewriting a meta page looks like damage, so CORRUPT counts after a few tries
   only; and AGAIN may never end (a copy whose state record was not stamped), so tries must be
   bounded. */
ESPT_MUST_USE enum reader_status reader_begin(struct snapshot *ret_snapshot, struct reader *reader);

/* A look-up that has come near its record: the processor fetches the page, and the caller may do
   something else meanwhile. Of one snapshot, like all else. */
struct place {
    enum reader_status status;
    uint64_t page;
    uint32_t node;  /* the record's offset on it; 0: not known yet */
    uint32_t guess; /* where on it the record may be: page.h; 0: no guess */
};
/* Asks for what reader_seek() will look at first, as soon as a key of TABLE_AUTH is known. */
void reader_bring(const struct reader *reader, uint64_t id);
/* In a named table, so not in TABLE_STATE. */
ESPT_MUST_USE struct place reader_seek(struct snapshot *snapshot, enum table table,
                                       const struct record_key *key);
/* From there on, and `place` says then where it was: copies the value under `key` into `out`
   (RECORD_MAX bytes). OK, NONE, CORRUPT or BEYOND; all of them are hearsay until reader_end() says
   OK, and so is what was copied, also of a state that never was. A table that is missing is
   CORRUPT: a store has all of them. */
ESPT_MUST_USE enum reader_status reader_take(struct snapshot *snapshot, enum table table,
                                             const struct record_key *key, struct place *place,
                                             uint8_t *out, size_t *ret_len);
/* Lets look-ups to come in the snapshot of that nonce go to the record of `key` at once, in
   TABLE_AUTH and TABLE_RESELLERS. For what reader_end() has confirmed. */
void reader_remember(const struct reader *reader, uint64_t nonce, enum table table, uint64_t key,
                     const struct place *place);
/* Both in one. */
ESPT_MUST_USE enum reader_status reader_get(struct snapshot *snapshot, enum table table,
                                            const struct record_key *key, uint8_t *out,
                                            size_t *ret_len);

/* OK: every answer since reader_begin() is of one committed state, and CORRUPT among them is real
   damage. AGAIN: they mean nothing. */
ESPT_MUST_USE enum reader_status reader_end(const struct snapshot *snapshot);

/* The whole of a look-up, with tries that are bounded by number and without sleep: begin, `fn`,
   end. `fn` may run many times and starts from nothing each time; it returns READER_OK or any other
   status, which is handed on once it counts. AGAIN: the tries are used up, unavailable. CORRUPT:
   damaged. CLOSED, NEWER, OLDER and BEYOND as above. */
typedef enum reader_status (*reader_fn)(void *arg, struct snapshot *snapshot);
ESPT_MUST_USE enum reader_status reader_look(struct reader *reader, reader_fn fn, void *arg);

#endif
