/* SPDX-License-Identifier: ISC */
/* log -n: finds the last entries that the options select, from the end of the log, piece by piece,
   and shows them. */
#include "cli/log_list.h"

#include <stdlib.h>

#define PIECE_FIRST 1024
#define PIECE_MAX 65536
#define HISTORY_BEFORE 65536 /* entries that --follow knows before those that it shows */

/* The numbers of the last selected entries of a piece. */
struct ring {
    const struct log_list *list;
    uint64_t last; /* number of the last entry of the piece */
    uint64_t *numbers;
    uint64_t room, count; /* count may exceed room: older ones were overwritten */
};

static int add(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct ring *ring = arg;
    (void)err;
    if (entry->sequence > ring->last)
        return 1;
    if (log_list_has(ring->list, entry))
        ring->numbers[ring->count++ % ring->room] = entry->sequence;
    return 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Looks through the entries from `first` to `last`. *wanted: how many more are needed. If any is
   found, *ret_start becomes the oldest one. */
static int search(const struct log_list *list, uint64_t first, uint64_t last, uint64_t *wanted,
                  uint64_t *ret_start, struct espt_error *err)
{
    struct ring ring = {.list = list, .last = last, .room = smaller(*wanted, last - first + 1)};
    ring.numbers = reallocarray(NULL, ring.room, sizeof *ring.numbers);
    if (ring.numbers == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory; give a smaller -n");
    const int code = store_log_each(list->cli->store, first, add, &ring, err);
    const uint64_t found = smaller(ring.count, ring.room);
    if (found > 0)
        *ret_start = ring.numbers[(ring.count - found) % ring.room];
    *wanted -= found;
    free(ring.numbers);
    return code < 0 ? code : 0;
}

/* Sets list->first, so that list->lines selected entries follow up to number list->last. */
static int find_last(struct log_list *list, struct espt_error *err)
{
    /* With --as each search reads the whole log once to know what may be seen. */
    uint64_t piece = list->cli->options.as != NULL ? UINT64_MAX : PIECE_FIRST;
    uint64_t wanted = list->lines, start = list->last + 1;
    int code = 0;
    for (uint64_t end = list->last; code == 0 && end > 0 && wanted > 0;) {
        const uint64_t first = end > piece ? end - piece + 1 : 1;
        code = search(list, first, end, &wanted, &start, err);
        end = first - 1;
        piece = piece > PIECE_MAX / 2 ? PIECE_MAX : piece * 2;
    }
    list->first = start;
    return code;
}

/* --follow knows the entries before the first one that is shown, too, so that it finds the place
   where the log of a restored store goes on. */
int log_list_begin(struct log_list *list, struct espt_error *err)
{
    struct log_head head;
    int code = store_log_head(list->cli->store, &head, err);
    if (code != 0)
        return code;
    list->last = head.sequence;
    list->first = 0;
    if (list->lines != LOG_LINES_ALL)
        code = find_last(list, err);
    uint64_t from = list->first;
    const uint64_t known = head.sequence > HISTORY_BEFORE ? head.sequence - HISTORY_BEFORE : 0;
    if (list->follows && from > known)
        from = known;
    if (list->follows)
        list->last = 0;
    if (code == 0 && from <= head.sequence)
        code = store_log_each(list->cli->store, from, log_list_entry, list, err);
    return code < 0 ? code : 0;
}
