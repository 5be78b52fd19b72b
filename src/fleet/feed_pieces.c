/* SPDX-License-Identifier: ISC */
/* The entries of a feed: the newest in memory and in the head, the others in pieces. */
#include "common/record_bytes.h"
#include "fleet/feed.h"

#include <stdlib.h>
#include <string.h>

uint64_t feed_first(const struct feed *feed)
{
    if (feed->piece_count > 0)
        return feed->pieces[0].first;
    return feed->tail_count > 0 ? feed->tail[0].number : 0;
}

static uint64_t last_in_pieces(const struct feed *feed)
{
    return feed->piece_count > 0 ? feed->pieces[feed->piece_count - 1].last : 0;
}

static int room_for_entry(struct feed *feed, struct espt_error *err)
{
    if (feed->tail_count < feed->tail_room)
        return 0;
    const size_t room = 2 * feed->tail_room + 16;
    struct feed_entry *tail = reallocarray(feed->tail, room, sizeof *tail);
    if (tail == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    feed->tail = tail;
    feed->tail_room = room;
    return 0;
}

int feed_add(struct feed *feed, uint64_t number, const espt_journal_entry *entry,
             struct espt_error *err)
{
    int code = room_for_entry(feed, err);
    uint8_t *bytes = code == 0 ? malloc(8 + entry->head_len + entry->edge_len) : NULL;
    if (bytes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    struct writer w = {.out = bytes};
    write_u32(&w, (uint32_t)entry->head_len);
    write_u32(&w, (uint32_t)entry->edge_len);
    write_bytes(&w, entry->head, entry->head_len);
    if (entry->edge_len > 0)
        write_bytes(&w, entry->edge, entry->edge_len);
    feed->tail[feed->tail_count++] =
        (struct feed_entry){.number = number, .bytes = bytes, .len = w.len};
    feed->number = number;
    feed->grown += w.len;
    return 0;
}

/* --- pieces --- */

static int put_piece(struct feed *feed, struct feed_piece *piece, const uint8_t *bytes,
                     struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    crypto_generichash(piece->hash, sizeof piece->hash, bytes, piece->len, NULL, 0);
    feed_piece_name(piece, name);
    return feed_write(feed, feed->pieces_folder, name, bytes, piece->len, err);
}

/* Reads pieces `from` to before `to` into one buffer. */
static int join_pieces(struct feed *feed, size_t from, size_t to, uint8_t *out,
                       struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    for (size_t i = from; i < to; i++) {
        uint8_t *bytes, hash[FLEET_HASH_LEN] = {0};
        size_t len;
        feed_piece_name(&feed->pieces[i], name);
        const int found = feed_read(feed, feed->pieces_folder, name, &bytes, &len, err);
        if (found < 0)
            return found;
        if (found > 0)
            crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
        const bool good = found > 0 && len == feed->pieces[i].len &&
                          memcmp(hash, feed->pieces[i].hash, sizeof hash) == 0;
        if (good)
            memcpy(out, bytes, len);
        if (found > 0)
            free(bytes);
        if (!good)
            return espt_fail(err, ESPT_UNUSABLE,
                             "%s/p/%s is missing or damaged; remove %s/head to begin the feed "
                             "again",
                             feed->path, name, feed->path);
        out += len;
    }
    return 0;
}

static int merge_run(struct feed *feed, size_t from, size_t to, struct feed_piece *ret,
                     struct espt_error *err)
{
    struct feed_piece piece = {.first = feed->pieces[from].first,
                               .last = feed->pieces[to - 1].last};
    for (size_t i = from; i < to; i++)
        piece.len += feed->pieces[i].len;
    uint8_t *bytes = malloc(piece.len + 1UL);
    if (bytes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = join_pieces(feed, from, to, bytes, err);
    if (code == 0)
        code = put_piece(feed, &piece, bytes, err);
    free(bytes);
    if (code == 0)
        *ret = piece;
    return code;
}

/* A head stays small if it names few pieces. An edge that keeps up needs the newest ones; it would
   fetch all of a long piece for a few entries. */
static int merge(struct feed *feed, struct espt_error *err)
{
    struct feed_piece *merged = calloc(feed->piece_count + 1, sizeof *merged);
    const size_t recent = feed->piece_count < FEED_RECENT ? feed->piece_count : FEED_RECENT;
    const size_t most = feed->piece_count - recent;
    size_t count = 0;
    int code = merged == NULL ? espt_fail(err, ESPT_UNUSABLE, "out of memory") : 0;
    for (size_t from = 0, to; code == 0 && from < most; from = to) {
        size_t len = feed->pieces[from].len;
        for (to = from + 1; to < most && len + feed->pieces[to].len <= FEED_PIECE; to++)
            len += feed->pieces[to].len;
        if (to == from + 1)
            merged[count++] = feed->pieces[from];
        else
            code = merge_run(feed, from, to, &merged[count++], err);
    }
    if (code != 0) {
        free(merged);
        return code;
    }
    memcpy(merged + count, feed->pieces + most, recent * sizeof *merged);
    free(feed->pieces);
    feed->pieces = merged;
    feed->piece_count = count + recent;
    feed->unmerged = recent;
    return 0;
}

/* --- flushing --- */

/* How many entries at the end of the tail are in no piece, and their bytes. */
static size_t unpieced(const struct feed *feed, size_t *ret_bytes)
{
    const uint64_t last = last_in_pieces(feed);
    size_t count = 0;
    *ret_bytes = 0;
    while (count < feed->tail_count && feed->tail[feed->tail_count - 1 - count].number > last)
        *ret_bytes += feed->tail[feed->tail_count - 1 - count++].len;
    return count;
}

static int write_piece(struct feed *feed, size_t count, size_t len, struct espt_error *err)
{
    const struct feed_entry *entries = &feed->tail[feed->tail_count - count];
    struct feed_piece piece = {
        .first = entries[0].number, .last = entries[count - 1].number, .len = (uint32_t)len};
    struct feed_piece *pieces = reallocarray(feed->pieces, feed->piece_count + 1, sizeof *pieces);
    uint8_t *bytes = malloc(len + 1);
    if (pieces != NULL)
        feed->pieces = pieces;
    int code = pieces == NULL || bytes == NULL ? espt_fail(err, ESPT_UNUSABLE, "out of memory") : 0;
    struct writer w = {.out = bytes};
    for (size_t i = 0; code == 0 && i < count; i++)
        write_bytes(&w, entries[i].bytes, entries[i].len);
    if (code == 0)
        code = put_piece(feed, &piece, bytes, err);
    if (code == 0) {
        feed->pieces[feed->piece_count++] = piece;
        feed->unmerged++;
    }
    free(bytes);
    return code;
}

/* Forgets the oldest entries that are in pieces, until the head can carry the rest. */
static void shorten_tail(struct feed *feed)
{
    size_t sum = 0, gone = 0;
    for (size_t i = 0; i < feed->tail_count; i++)
        sum += feed->tail[i].len;
    while (gone < feed->tail_count && sum > FEED_NEWEST &&
           feed->tail[gone].number <= last_in_pieces(feed)) {
        sum -= feed->tail[gone].len;
        free(feed->tail[gone++].bytes);
    }
    feed->tail_count -= gone;
    if (gone > 0)
        memmove(feed->tail, feed->tail + gone, feed->tail_count * sizeof *feed->tail);
}

int feed_flush(struct feed *feed, size_t most, struct espt_error *err)
{
    size_t len;
    const size_t count = unpieced(feed, &len);
    int code = count > 0 && len > most ? write_piece(feed, count, len, err) : 0;
    if (code == 0 && feed->unmerged > FEED_PIECES)
        code = merge(feed, err);
    if (code == 0)
        shorten_tail(feed);
    return code;
}

void feed_trim(struct feed *feed, uint64_t first)
{
    size_t gone = 0;
    while (gone < feed->piece_count && feed->pieces[gone].last < first)
        gone++;
    feed->piece_count -= gone;
    if (gone > 0)
        memmove(feed->pieces, feed->pieces + gone, feed->piece_count * sizeof *feed->pieces);
}
