/* SPDX-License-Identifier: ISC */
#include "store/changes.h"

#include "common/grow.h"

#include <stdlib.h>
#include <string.h>

void changes_add(struct changes *changes, struct txn *txn, const struct change *change)
{
    struct change *items = grown(changes->items, changes->count, &changes->room, sizeof *items);
    if (items == NULL) {
        txn_fail(txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    changes->items = items;
    changes->items[changes->count++] = *change;
}

void changes_clear(struct changes *changes)
{
    free(changes->items);
    *changes = (struct changes){0};
}

void change_note(struct change *ret_change, const char *word, const char *detail)
{
    *ret_change = (struct change){.type = CHANGE_NOTE};
    text_copy(ret_change->note.word, sizeof ret_change->note.word, word);
    text_copy(ret_change->note.detail, sizeof ret_change->note.detail, detail);
}
