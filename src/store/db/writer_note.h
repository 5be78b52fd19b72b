/* SPDX-License-Identifier: ISC */
/*
 * The note that a writer leaves in STORE.writer for the next one: the state that it committed, and
 * a sum of the pages that lead to all others. intact.h explains its use.
 */
#ifndef ESPT_STORE_DB_WRITER_NOTE_H
#define ESPT_STORE_DB_WRITER_NOTE_H

#include "common/state.h"
#include "store/db/pages.h"

struct note {
    struct state_id state;
    uint64_t sum;
};

/* `fd` is the descriptor of STORE.writer. False: there is no note, or it is damaged. */
ESPT_MUST_USE bool note_read(int fd, struct note *ret_note);
/* True: the note is of a later state than `now`, so the file has lost the last commit. */
bool note_is_later(const struct note *note, const struct state_id *now);
#define NOTE_IS_LATER "the file holds an older state than the one that was committed last"
/* If the note cannot be written, the next writer proves every page. */
void note_write(int fd, const struct note *note);

/* The identity of the state that `pages` has taken: its file, and the fields of its state
   record. */
struct state_id note_state(const struct pages *pages, const struct state_record *state);
/* Computes the sum of the meta page's record of the state, the main database and the list of free
   pages. Passes that list to `fn` (which may be NULL), list by list. False: they are damaged. */
typedef void (*note_list_fn)(void *arg, const uint8_t *numbers, uint64_t count);
ESPT_MUST_USE bool note_sum(struct pages *pages, note_list_fn fn, void *arg, uint64_t *ret_sum);

#endif
