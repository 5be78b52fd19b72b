/* SPDX-License-Identifier: ISC */
#include "store/db/intact.h"

#include "store/db/intact_state.h"
#include "store/db/page_owners.h"
#include "store/db/writer_note.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int intact_damaged(struct txn *txn, unsigned tree, uint64_t page, const char *wrong)
{
    return txn_fail(txn, ESPT_UNUSABLE,
                    "%s: the store is damaged: page %" PRIu64 ": %s: %s; nothing was changed; run "
                    "'esp-tokenctl check', and restore a backup",
                    txn->store->config.store, page, tree_name(tree), wrong);
}

/* --- the file --- */

static void free_arrays(struct intact *intact)
{
    free(intact->listed);
    free(intact->slot);
    intact->listed = NULL;
    intact->slot = NULL;
    intact->room = intact->touched_count = 0;
}

/* Clears both arrays: no page is proved, and none is listed. A store has many pages, but a
   transaction visits few, so their slots are cleared one by one if possible. */
static int clear(struct intact *intact)
{
    const uint64_t count = intact->pages.last_page + 1;
    if (intact->room < count) {
        free_arrays(intact);
        const uint64_t room = count + count / 8;
        intact->listed = malloc(room / 8 + 1);
        intact->slot = calloc(room, sizeof *intact->slot);
        if (intact->listed == NULL || intact->slot == NULL)
            return -1;
        intact->room = room;
    }
    if (intact->touched_count > TOUCHED_MAX)
        memset(intact->slot, 0, intact->room * sizeof *intact->slot);
    for (size_t i = 0; i < intact->touched_count && intact->touched_count <= TOUCHED_MAX; i++)
        intact->slot[intact->touched[i]] = 0;
    intact->touched_count = 0;
    memset(intact->listed, 0, intact->room / 8 + 1);
    return 0;
}

void intact_close(struct store *store)
{
    if (store->intact == NULL)
        return;
    free_arrays(store->intact);
    pages_close(&store->intact->pages);
    free(store->intact);
    store->intact = NULL;
}

/* Maps the file, or maps it again if it has grown. */
static int map(struct txn *txn)
{
    struct store *store = txn->store;
    struct stat st;
    if (store->intact == NULL)
        store->intact = calloc(1, sizeof *store->intact);
    if (store->intact == NULL)
        return txn_fail(txn, ESPT_UNUSABLE, "out of memory");
    struct pages *pages = &store->intact->pages;
    if (pages->reader.map != NULL && fstat(pages->reader.fd, &st) == 0 &&
        (uint64_t)st.st_size <= pages->reader.mapped)
        return 0;
    pages_close(pages);
    const int code = pages_open(pages, store->env, &store->config, txn->err);
    if (code != 0)
        txn->code = code;
    return code;
}

static int read_state(struct txn *txn)
{
    uint64_t page;
    if (pages_read_state(&txn->store->intact->pages, txn->state.transaction, &page) != PAGES_READ)
        return intact_damaged(txn, TABLE_STATE, page, pages_damage(page));
    return 0;
}

/* --- MUST 1 --- */

static void mark_listed(void *arg, const uint8_t *numbers, uint64_t count)
{
    struct intact *intact = arg;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t number = load64_anywhere(numbers + i * sizeof number);
        if (number <= intact->pages.last_page)
            intact->listed[number / 8] |= (uint8_t)(1u << number % 8);
    }
}

struct first {
    uint64_t page;
    char wrong[256];
    bool there;
};

static void remember_first(void *arg, uint64_t page, const char *fault)
{
    struct first *first = arg;
    if (!first->there)
        snprintf(first->wrong, sizeof first->wrong, "%s", fault);
    if (!first->there)
        first->page = page;
    first->there = true;
}

static enum reader_status read_nothing(void *arg, struct snapshot *snapshot)
{
    (void)arg, (void)snapshot;
    return READER_OK;
}

/* Proves each page, because there is no note of this state. */
static void prove_pages(struct txn *txn)
{
    struct pages *pages = &txn->store->intact->pages;
    struct owners owners;
    struct first first = {.there = false};
    const int code = owners_prove(&owners, pages, remember_first, &first, txn->err);
    owners_clear(&owners);
    if (code != 0)
        txn->code = code;
    else if (first.there)
        txn_fail(txn, ESPT_UNUSABLE,
                 "%s: the store is damaged: page %" PRIu64 ": %s; nothing was changed; run "
                 "'esp-tokenctl check', and restore a backup",
                 txn->store->config.store, first.page, first.wrong);
    else if (reader_look_up(&pages->reader, read_nothing, NULL) == READER_CORRUPT)
        intact_damaged(txn, TABLE_STATE, pages->transaction % 2,
                       "the two meta pages do not follow one another");
}

/* Requires the state that the last commit left; any other state is proved. After a failed commit,
   the ids of the meta pages are not consecutive, and the note is that of the commit before it. The
   transaction may continue. */
static void require_last_state(struct txn *txn, uint64_t sum)
{
    const struct state_id now = note_state(&txn->store->intact->pages, &txn->state);
    struct note note;
    const bool noted = note_read(txn->store->writer_fd, &note);
    if (noted && state_same(&note.state, &now) && note.sum == sum)
        return;
    if (noted && note_is_later(&note, &now)) {
        txn_fail(txn, ESPT_UNUSABLE, "%s: " NOTE_IS_LATER "; nothing was changed; restore a backup",
                 txn->store->config.store);
        return;
    }
    prove_pages(txn);
    note = (struct note){now, sum};
    if (txn->code == 0)
        note_write(txn->store->writer_fd, &note);
}

void intact_begin(struct txn *txn)
{
    uint64_t sum;
    if (txn->code != 0 || map(txn) != 0)
        return;
    struct intact *intact = txn->store->intact;
    intact->begun = false;
    if (read_state(txn) != 0)
        return;
    if (clear(intact) != 0) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    if (!note_sum(&intact->pages, mark_listed, intact, &sum))
        sum = 0; /* 0 is never a sum, because a sum counts pages */
    require_last_state(txn, sum);
    intact->begun = txn->code == 0;
}

void intact_committed(struct txn *txn)
{
    struct intact *intact = txn->store->intact;
    struct note note;
    if (intact == NULL || !intact->begun)
        return;
    intact->begun = false;
    uint64_t page;
    if (pages_read_state(&intact->pages, txn->state.transaction, &page) != PAGES_READ ||
        !note_sum(&intact->pages, NULL, NULL, &note.sum))
        return;
    note.state = note_state(&intact->pages, &txn->state);
    note_write(txn->store->writer_fd, &note);
}
