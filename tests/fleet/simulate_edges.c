/* SPDX-License-Identifier: ISC */
/* The edges and caches of a simulation. The only event of an edge is its next request, so the
   calendar of events is a list of edges for each millisecond. */
#include "fleet/simulate_feed.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WARM_S 30 /* before the measured time */
#define END_MS ((WARM_S + SECONDS) * 1000)
#define POLL_MS 250           /* an edge asks again after once to twice this time */
#define LINK_BYTES_MS 12500.0 /* an edge's link: 100 Mbit/s */
#define CACHES_MOST 8
#define DELAY_MOST 600000 /* ms */

struct cache {
    size_t head;
    int64_t until; /* milliseconds: when the head expires; 0: there is none */
    size_t next;   /* a head that an edge requested past the cache; it is stored here ... */
    int64_t comes; /* ... at this millisecond; 0: there is none */
    uint8_t *has;  /* 1 for each piece that it holds, by id */
};
struct edge {
    uint64_t number;
    size_t head; /* that it has seen */
    int32_t next;
};
struct world {
    const struct scenario *scenario;
    const struct sizes *sizes;
    struct sim_feed feed;
    struct cache cache[REGIONS][CACHES_MOST];
    struct edge *edges;
    int32_t *calendar;       /* the first edge of each millisecond; -1: none */
    uint64_t *delays;        /* how many of each number of milliseconds */
    double *region, *origin; /* bytes in each second of region 0 and of the origin */
    struct result *result;
};

static uint32_t below(uint32_t bound)
{
    static uint64_t state = 0x9e3779b97f4a7c15u; /* the same run each time */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * bound >> 32);
}

static bool measured(int64_t at)
{
    return at >= WARM_S * 1000 && at < END_MS;
}

static void origin_answers(struct world *w, int64_t at, double bytes)
{
    if (!measured(at))
        return;
    w->origin[at / 1000] += bytes;
    w->result->origin.requests++;
}

static void region_answers(struct world *w, size_t region, int64_t at, double bytes)
{
    if (!measured(at))
        return;
    w->result->edge_bytes += bytes;
    if (region != 0)
        return;
    w->region[at / 1000] += bytes;
    w->result->region.requests++;
}

static size_t head_bytes(const struct world *w, size_t head)
{
    return (size_t)w->sizes->reply + w->feed.heads[head].len;
}

/* --- a head --- */

/* The head that the cache returns at that time. One request at a time renews it; others wait for
   it, *ret_later milliseconds. */
static size_t cached_head(struct world *w, size_t region, struct cache *cache, int64_t at,
                          int64_t *ret_later)
{
    const unsigned trip = ORIGIN_MS(region);
    *ret_later = 0;
    if (cache->comes > 0 && at >= cache->comes) {
        cache->head = cache->next;
        cache->until = cache->comes + w->scenario->head_ms;
        cache->comes = 0;
    }
    if (at >= cache->until) {
        const size_t head = sim_feed_at(&w->feed, at + trip / 2);
        const bool same = head == cache->head && cache->until > 0;
        origin_answers(w, at, same ? w->sizes->not_changed : (double)head_bytes(w, head));
        cache->head = head;
        cache->until = at + trip + w->scenario->head_ms;
    }
    const int64_t ready = cache->until - w->scenario->head_ms;
    if (at < ready)
        *ret_later = ready - at;
    return cache->head;
}

/* As in plugins/journal/http: if the cache has an older head than the edge has seen, the edge asks
   again, past the caches. */
static size_t ask_head(struct world *w, struct edge *edge, size_t region, struct cache *cache,
                       int64_t *at)
{
    int64_t later;
    size_t head;
    if (w->scenario->head_ms == 0) { /* no cache */
        head = sim_feed_at(&w->feed, *at + ORIGIN_MS(region) / 2);
        origin_answers(w, *at,
                       head == edge->head ? w->sizes->not_changed : (double)head_bytes(w, head));
        region_answers(w, region, *at,
                       head == edge->head ? w->sizes->not_changed : (double)head_bytes(w, head));
        *at += ORIGIN_MS(region);
        return head;
    }
    head = cached_head(w, region, cache, *at, &later);
    region_answers(w, region, *at,
                   head == edge->head ? w->sizes->not_changed : (double)head_bytes(w, head));
    *at += EDGE_MS + later;
    if (head >= edge->head)
        return head;
    head = sim_feed_at(&w->feed, *at + ORIGIN_MS(region) / 2);
    origin_answers(w, *at, (double)head_bytes(w, head));
    region_answers(w, region, *at, (double)head_bytes(w, head));
    w->result->past_caches += measured(*at);
    if (cache->comes == 0) {
        cache->next = head;
        cache->comes = *at + ORIGIN_MS(region);
    }
    *at += EDGE_MS + ORIGIN_MS(region);
    return head;
}

/* --- entries --- */

static void take(struct world *w, struct edge *edge, uint64_t last, int64_t at)
{
    for (; edge->number < last; edge->number++) {
        const double made = sim_made_ms(&w->feed, w->scenario, edge->number + 1);
        const int64_t delay = at - (int64_t)made;
        if (measured((int64_t)made))
            w->delays[delay < DELAY_MOST ? delay : DELAY_MOST - 1]++;
    }
}

static void get_piece(struct world *w, size_t region, struct cache *cache,
                      const struct sim_piece *piece, int64_t *at)
{
    const double bytes = w->sizes->reply + (double)piece->len;
    const bool has = cache->has[piece->id] != 0;
    region_answers(w, region, *at, bytes);
    if (w->scenario->head_ms == 0 || !has)
        origin_answers(w, *at, bytes);
    cache->has[piece->id] = 1;
    *at += (has ? EDGE_MS : EDGE_MS + ORIGIN_MS(region)) +
           (int64_t)((double)piece->len / LINK_BYTES_MS);
}

static void poll_edge(struct world *w, size_t index, int64_t now)
{
    struct edge *edge = &w->edges[index];
    const size_t region = index % REGIONS;
    struct cache *caches = w->cache[region];
    struct cache *cache = &caches[w->scenario->spread ? below(w->scenario->caches)
                                                      : index / REGIONS % w->scenario->caches];
    int64_t at = now;
    const size_t seen = ask_head(w, edge, region, cache, &at);
    const struct sim_head *head = &w->feed.heads[seen];
    for (size_t i = 0; edge->number + 1 < head->newest_first && i < head->piece_count; i++) {
        if (head->pieces[i].last <= edge->number)
            continue;
        get_piece(w, region, cache, &head->pieces[i], &at);
        take(w, edge, head->pieces[i].last, at);
    }
    take(w, edge, head->last, at);
    edge->head = seen;
    at += POLL_MS + below(POLL_MS);
    if (at >= END_MS)
        return;
    edge->next = w->calendar[at];
    w->calendar[at] = (int32_t)index;
}

/* --- a run --- */

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        abort();
    return memory;
}

static void begin(struct world *w)
{
    sim_feed_make(&w->feed, w->scenario, w->sizes, END_MS + 1000);
    w->edges = zeroed(w->scenario->edges, sizeof *w->edges);
    w->calendar = zeroed(END_MS, sizeof *w->calendar);
    w->delays = zeroed(DELAY_MOST, sizeof *w->delays);
    w->region = zeroed(WARM_S + SECONDS, sizeof *w->region);
    w->origin = zeroed(WARM_S + SECONDS, sizeof *w->origin);
    for (size_t r = 0; r < REGIONS; r++) {
        for (size_t c = 0; c < CACHES_MOST; c++)
            w->cache[r][c] = (struct cache){.has = zeroed(w->feed.pieces_made + 1, 1),
                                            .until = below(w->scenario->head_ms + 1)};
    }
    for (size_t ms = 0; ms < END_MS; ms++)
        w->calendar[ms] = -1;
    for (size_t i = 0; i < w->scenario->edges; i++) {
        const uint32_t at = below(2 * POLL_MS);
        w->edges[i] = (struct edge){.number = w->feed.begin - 1, .next = w->calendar[at]};
        w->calendar[at] = (int32_t)i;
    }
}

static double quantile(const struct world *w, double share)
{
    uint64_t sum = 0, before = 0;
    for (size_t ms = 0; ms < DELAY_MOST; ms++)
        sum += w->delays[ms];
    for (size_t ms = 0; ms < DELAY_MOST; ms++) {
        before += w->delays[ms];
        if (before > 0 && (double)before >= share * (double)sum)
            return (double)ms / 1000;
    }
    return 0;
}

static void end_load(const double *bytes, struct load *load)
{
    load->requests /= SECONDS;
    for (size_t s = WARM_S; s < WARM_S + SECONDS; s++) {
        load->bytes += bytes[s] / SECONDS;
        load->most_bytes = bytes[s] > load->most_bytes ? bytes[s] : load->most_bytes;
    }
}

static void end(struct world *w)
{
    struct result *result = w->result;
    end_load(w->region, &result->region);
    end_load(w->origin, &result->origin);
    result->edge_bytes /= (double)w->scenario->edges * SECONDS;
    result->past_caches /= SECONDS;
    result->p50 = quantile(w, 0.5);
    result->p99 = quantile(w, 0.99);
    result->most = quantile(w, 1);
    result->heads = (double)w->feed.head_count / (WARM_S + SECONDS);
    result->pieces = (double)w->feed.pieces_made / (WARM_S + SECONDS);
    result->merges = (double)w->feed.merges / (WARM_S + SECONDS);
    for (size_t r = 0; r < REGIONS; r++) {
        for (size_t c = 0; c < CACHES_MOST; c++)
            free(w->cache[r][c].has);
    }
    sim_feed_free(&w->feed);
    free(w->edges);
    free(w->calendar);
    free(w->delays);
    free(w->region);
    free(w->origin);
}

void simulate(const struct scenario *scenario, const struct sizes *sizes, struct result *ret)
{
    struct world w = {.scenario = scenario, .sizes = sizes, .result = ret};
    *ret = (struct result){0};
    begin(&w);
    for (int64_t now = 0; now < END_MS; now++) {
        for (int32_t i = w.calendar[now], next; i >= 0; i = next) {
            next = w.edges[i].next;
            poll_edge(&w, (size_t)i, now);
        }
    }
    end(&w);
}
