/* SPDX-License-Identifier: ISC */
/* The list of log entries that `log --follow` has shown. */
#include "cli/history.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mark_of(const struct log_entry *entry)
{
    uint64_t mark;
    memcpy(&mark, entry->hash, sizeof mark);
    return mark;
}

static bool make_room(struct history *history)
{
    if (history->count < history->room)
        return true;
    if (history->room == HISTORY_MAX) {
        history->count /= 2;
        history->first += history->count;
        memmove(history->marks, history->marks + history->count,
                history->count * sizeof *history->marks);
        return true;
    }
    const size_t room = history->room == 0 ? 256 : 2 * history->room;
    uint64_t *marks = reallocarray(history->marks, room, sizeof *marks);
    if (marks == NULL)
        return false;
    history->marks = marks;
    history->room = room;
    return true;
}

int history_add(struct history *history, const struct log_entry *entry, struct espt_error *err)
{
    if (entry->sequence != history_last(history) + 1)
        history->count = 0;
    if (!make_room(history))
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (history->count == 0)
        history->first = entry->sequence;
    history->marks[history->count++] = mark_of(entry);
    return 0;
}

bool history_has(const struct history *history, const struct log_entry *entry)
{
    return entry->sequence >= history->first && entry->sequence <= history_last(history) &&
           history->marks[entry->sequence - history->first] == mark_of(entry);
}

void history_cut(struct history *history, uint64_t last)
{
    if (last < history->first)
        history->count = 0;
    else if (last < history_last(history))
        history->count = (size_t)(last - history->first + 1);
}

void history_clear(struct history *history)
{
    free(history->marks);
    *history = (struct history){0};
}
