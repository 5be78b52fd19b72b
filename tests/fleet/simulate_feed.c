/* SPDX-License-Identifier: ISC */
/* The rules by which fleet/feed_pieces.c makes and merges pieces, for entries of one size. */
#include "fleet/simulate_feed.h"

#include "fleet/feed.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_LINE (8 + 8 + 4 + FLEET_HASH_LEN) /* in a head */
#define IDLE_MS (HEAD_EVERY * 1000)

struct publisher_of {
    struct sim_feed *feed;
    struct sim_piece *pieces;
    size_t count, unmerged;
    uint64_t last, tail_first;
    double entry;
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static size_t bytes_of(const struct publisher_of *p, uint64_t entries)
{
    return (size_t)(p->entry * (double)entries);
}

static uint64_t last_in_pieces(const struct publisher_of *p)
{
    return p->count > 0 ? p->pieces[p->count - 1].last : 0;
}

static void merge(struct publisher_of *p, size_t recent)
{
    size_t count = 0;
    const size_t most = p->count - recent;
    for (size_t from = 0, to; from < most; from = to) {
        struct sim_piece piece = p->pieces[from];
        for (to = from + 1; to < most && piece.len + p->pieces[to].len <= FEED_PIECE; to++) {
            piece.len += p->pieces[to].len;
            piece.last = p->pieces[to].last;
        }
        if (to > from + 1) {
            piece.id = p->feed->pieces_made++;
            p->feed->merges++;
        }
        p->pieces[count++] = piece;
    }
    memmove(p->pieces + count, p->pieces + most, recent * sizeof *p->pieces);
    p->count = count + recent;
    p->unmerged = recent;
}

/* As feed_flush(). */
static void flush(struct publisher_of *p, size_t recent)
{
    const uint64_t from = last_in_pieces(p) + 1;
    const size_t len = bytes_of(p, p->last + 1 - from);
    if (len > FEED_NEWEST) {
        p->pieces = must(reallocarray(p->pieces, p->count + 1, sizeof *p->pieces));
        p->pieces[p->count++] = (struct sim_piece){
            .first = from, .last = p->last, .len = len, .id = p->feed->pieces_made++};
        p->unmerged++;
    }
    if ((recent > 0 ? p->unmerged : p->count) > FEED_PIECES)
        merge(p, recent);
    while (bytes_of(p, p->last + 1 - p->tail_first) > FEED_NEWEST &&
           p->tail_first <= last_in_pieces(p))
        p->tail_first++;
}

static void put_head(struct publisher_of *p, const struct sizes *sizes, int64_t at)
{
    struct sim_feed *feed = p->feed;
    feed->heads = must(reallocarray(feed->heads, feed->head_count + 1, sizeof *feed->heads));
    struct sim_head *head = &feed->heads[feed->head_count++];
    *head = (struct sim_head){.at = at,
                              .last = p->last,
                              .newest_first = p->tail_first,
                              .piece_count = p->count,
                              .len = (size_t)sizes->head + PIECE_LINE * p->count +
                                     bytes_of(p, p->last + 1 - p->tail_first)};
    head->pieces = must(calloc(p->count + 1, sizeof *p->pieces));
    memcpy(head->pieces, p->pieces, p->count * sizeof *p->pieces);
}

/* Fills the feed with pieces of full length, at most `bytes` in all, as after a long time. */
static void fill(struct publisher_of *p, uint64_t bytes)
{
    const uint64_t each = (uint64_t)((double)FEED_PIECE / p->entry);
    for (uint64_t sum = 0; sum + FEED_PIECE <= bytes; sum += FEED_PIECE) {
        p->pieces = must(reallocarray(p->pieces, p->count + 1, sizeof *p->pieces));
        p->pieces[p->count++] = (struct sim_piece){.first = p->last + 1,
                                                   .last = p->last + each,
                                                   .len = bytes_of(p, each),
                                                   .id = p->feed->pieces_made++};
        p->last += each;
    }
    p->tail_first = p->last + 1;
}

void sim_feed_make(struct sim_feed *ret, const struct scenario *scenario, const struct sizes *sizes,
                   int64_t until_ms)
{
    struct publisher_of p = {.feed = ret, .entry = sizes->entry};
    *ret = (struct sim_feed){0};
    fill(&p, scenario->kept);
    ret->begin = p.last + 1;
    int64_t signed_at = -IDLE_MS;
    for (int64_t at = 0; at <= until_ms; at += PUBLISH_MS) {
        const uint64_t last = ret->begin - 1 + (uint64_t)((double)at * scenario->changes / 1000);
        if (last == p.last && at - signed_at < IDLE_MS)
            continue;
        p.last = last;
        flush(&p, scenario->recent);
        put_head(&p, sizes, at);
        signed_at = at;
    }
    free(p.pieces);
}

void sim_feed_free(struct sim_feed *feed)
{
    for (size_t i = 0; i < feed->head_count; i++)
        free(feed->heads[i].pieces);
    free(feed->heads);
}

size_t sim_feed_at(const struct sim_feed *feed, int64_t at)
{
    size_t low = 0, high = feed->head_count;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (feed->heads[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

double sim_made_ms(const struct sim_feed *feed, const struct scenario *scenario, uint64_t number)
{
    return (double)(number - feed->begin + 1) * 1000 / scenario->changes;
}
