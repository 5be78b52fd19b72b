/* SPDX-License-Identifier: ISC */
/* The file `head` of a feed: the signed head, and around it what plugins/journal/http needs to find
   the entries. Only the inner head is signed; a reader trusts the rest as little as the server. */
#include "common/record_bytes.h"
#include "fleet/feed.h"

#include <stdlib.h>

static const uint8_t magic[4] = {'E', 'S', 'P', 'F'};

#define HEAD_FIXED (sizeof magic + 1 + 8 + 8 + 4 + HEAD_MAX + 8 + 4 + FLEET_HASH_LEN + 4 + 4)
#define PIECE_FIXED (8UL + 8 + 4 + FLEET_HASH_LEN)

/* --- writing --- */

static void write_snapshot(struct writer *w, const struct head_snapshot *which)
{
    write_u64(w, which->number);
    write_u32(w, which->len);
    write_bytes(w, which->hash, sizeof which->hash);
}

static void write_all_fields(struct writer *w, const struct feed *feed, const struct head *head)
{
    uint8_t signed_head[HEAD_MAX];
    const size_t len = head_encode(head, feed->fleet->secret, signed_head);
    write_bytes(w, magic, sizeof magic);
    write_u8(w, FEED_FORM);
    write_u64(w, feed->count + 1);
    write_u64(w, head->number);
    write_u32(w, (uint32_t)len);
    write_bytes(w, signed_head, len);
    write_snapshot(w, &feed->which_before);
    write_u32(w, (uint32_t)feed->piece_count);
    for (size_t i = 0; i < feed->piece_count; i++) {
        write_u64(w, feed->pieces[i].first);
        write_u64(w, feed->pieces[i].last);
        write_u32(w, feed->pieces[i].len);
        write_bytes(w, feed->pieces[i].hash, FLEET_HASH_LEN);
    }
    write_u32(w, (uint32_t)feed->tail_count);
    for (size_t i = 0; i < feed->tail_count; i++)
        write_bytes(w, feed->tail[i].bytes, feed->tail[i].len);
}

/* MUST 2: the size modulo FEED_SIZES is the count. */
static size_t pad(uint8_t *bytes, size_t len, uint64_t count)
{
    while (len % FEED_SIZES != count % FEED_SIZES)
        bytes[len++] = 0;
    return len;
}

static size_t tail_bytes(const struct feed *feed)
{
    size_t sum = 0;
    for (size_t i = 0; i < feed->tail_count; i++)
        sum += feed->tail[i].len;
    return sum;
}

/* The head goes into the journal last: the feed is at least as new as the head that is there. */
static int write_head(struct feed *feed, const struct head *head, struct espt_error *err)
{
    uint8_t signed_head[HEAD_MAX];
    const size_t room =
        HEAD_FIXED + feed->piece_count * PIECE_FIXED + tail_bytes(feed) + FEED_SIZES;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    struct writer w = {.out = bytes};
    write_all_fields(&w, feed, head);
    const size_t len = pad(bytes, w.len, feed->count + 1);
    int code = feed_write(feed, feed->folder, "head", bytes, len, err);
    free(bytes);
    if (code != 0)
        return code;
    feed->count++;
    feed->head = *head;
    if (!feed->leads)
        return 0;
    struct head shared = *head;
    shared.snapshot = feed_named(feed);
    const size_t signed_len = head_encode(&shared, feed->fleet->secret, signed_head);
    code = journal_head_put(feed->fleet, signed_head, signed_len, err);
    if (code == 0)
        feed->in_journal = shared.snapshot;
    return code;
}

static struct head new_head(const struct feed *feed, uint64_t number,
                            const uint8_t hash[static FLEET_HASH_LEN], int64_t time)
{
    struct head head = {.number = number, .time = time};
    memcpy(head.fleet, feed->trust.id, sizeof head.fleet);
    memcpy(head.hash, hash, sizeof head.hash);
    name_copy(head.site, sizeof head.site, feed->fleet->config->fleet_name);
    return head;
}

int feed_put_head(struct feed *feed, int64_t time, struct espt_error *err)
{
    struct head head = new_head(feed, feed->number, feed->hash, time);
    head.snapshot = feed->which;
    return write_head(feed, &head, err);
}

int feed_put_early_head(struct feed *feed, const struct fleet_position *position, int64_t time,
                        struct espt_error *err)
{
    uint8_t bytes[HEAD_MAX];
    if (time >= feed->early && time - feed->early < HEAD_EVERY)
        return 0;
    struct head head = new_head(feed, position->number, position->hash, time);
    head.snapshot = feed_named(feed);
    const size_t len = head_encode(&head, feed->fleet->secret, bytes);
    const int code = journal_head_put(feed->fleet, bytes, len, err);
    if (code == 0)
        feed->early = time;
    return code;
}

/* --- reading --- */

void feed_forget(struct feed *feed)
{
    feed_child_stop(feed);
    for (size_t i = 0; i < feed->tail_count; i++)
        free(feed->tail[i].bytes);
    free(feed->tail);
    free(feed->pieces);
    edge_snapshot_clear(&feed->snapshot);
    edge_snapshot_clear(&feed->before);
    feed->tail = NULL;
    feed->pieces = NULL;
    feed->tail_count = feed->tail_room = feed->piece_count = feed->unmerged = 0;
    feed->number = feed->grown = 0;
    feed->head = (struct head){0};
    feed->shared = feed->proved = false;
    feed->which = feed->which_before = (struct head_snapshot){0};
}

static bool parse_head(struct parser *p, struct feed *feed)
{
    char needs[ENTRY_NEEDS_MAX + 1];
    const size_t len = parse_u32(p);
    if (!p->good || len > p->left || head_decode(p->in, len, &feed->head, needs) != ENTRY_GOOD)
        return false;
    p->in += len;
    p->left -= len;
    feed->number = feed->head.number;
    memcpy(feed->hash, feed->head.hash, sizeof feed->hash);
    feed->which = feed->head.snapshot;
    feed->which_before.number = parse_u64(p);
    feed->which_before.len = parse_u32(p);
    parse_bytes(p, feed->which_before.hash, FLEET_HASH_LEN);
    return p->good;
}

/* The pieces follow each other, and their files are there. */
static bool parse_pieces(struct parser *p, struct feed *feed)
{
    const size_t count = parse_u32(p);
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    if (!p->good || count > p->left / PIECE_FIXED)
        return false;
    feed->pieces = calloc(count + 1, sizeof *feed->pieces);
    if (feed->pieces == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct feed_piece *piece = &feed->pieces[feed->piece_count++];
        piece->first = parse_u64(p);
        piece->last = parse_u64(p);
        piece->len = parse_u32(p);
        parse_bytes(p, piece->hash, FLEET_HASH_LEN);
        feed_piece_name(piece, name);
        if (piece->first > piece->last || (i > 0 && piece->first != piece[-1].last + 1) ||
            feed_length(feed, feed->pieces_folder, name) != (off_t)piece->len)
            return false;
        feed->grown += piece->last > feed->which.number ? piece->len : 0;
    }
    feed->unmerged = count;
    return p->good;
}

static bool parse_tail(struct parser *p, struct feed *feed)
{
    const size_t count = parse_u32(p);
    struct espt_error ignored;
    if (!p->good || count > p->left / 8 || count > feed->number)
        return false;
    for (size_t i = 0; i < count; i++) {
        const uint64_t number = feed->head.number - count + 1 + i;
        espt_journal_entry entry = {0};
        entry.head_len = parse_u32(p);
        entry.edge_len = parse_u32(p);
        if (!p->good || entry.head_len > p->left || entry.edge_len > p->left - entry.head_len)
            return false;
        entry.head = p->in;
        entry.edge = p->in + entry.head_len;
        p->in += entry.head_len + entry.edge_len;
        p->left -= entry.head_len + entry.edge_len;
        feed->number = number - 1;
        if (feed_add(feed, number, &entry, &ignored) != 0)
            return false;
    }
    memcpy(feed->hash, feed->head.hash, sizeof feed->hash);
    const uint64_t pieced = feed->piece_count > 0 ? feed->pieces[feed->piece_count - 1].last : 0;
    return count > 0 ? feed->piece_count == 0 || feed->tail[0].number <= pieced + 1
                     : pieced == feed->number;
}

static bool load_snapshot(struct feed *feed, const struct edge_files *files,
                          const struct head_snapshot *which, struct edge_snapshot *ret)
{
    struct espt_error ignored;
    return which->number > 0 && edge_snapshot_open(ret, files, which, &feed->trust, &ignored) == 0;
}

static bool load(struct feed *feed, struct parser *p)
{
    const struct edge_files files = feed_files(feed);
    if (!p->good || !parse_pieces(p, feed) || !parse_tail(p, feed) ||
        !load_snapshot(feed, &files, &feed->which, &feed->snapshot))
        return false;
    if (!load_snapshot(feed, &files, &feed->which_before, &feed->before))
        feed->which_before = (struct head_snapshot){0};
    return true;
}

int feed_load(struct feed *feed, struct espt_error *err)
{
    uint8_t *bytes, begin[sizeof magic];
    size_t len;
    const int found = feed_read(feed, feed->folder, "head", &bytes, &len, err);
    if (found <= 0)
        return found;
    struct parser p = {.in = bytes, .left = len, .good = true};
    parse_bytes(&p, begin, sizeof begin);
    const uint8_t form = parse_u8(&p);
    feed->count = parse_u64(&p);
    (void)parse_u64(&p); /* the number, which the signed head says too */
    int code = 0;
    if (!p.good || memcmp(begin, magic, sizeof begin) != 0 || form > FEED_FORM)
        code = espt_fail(err, ESPT_REFUSED,
                         "%s/head is not that of a feed, or of a newer version; remove it to begin "
                         "the feed again",
                         feed->path);
    else if (parse_head(&p, feed) && memcmp(feed->head.fleet, feed->trust.id, FLEET_ID_LEN) != 0)
        code = espt_fail(err, ESPT_REFUSED,
                         "%s: the feed of another fleet is here; name an empty folder", feed->path);
    else if (feed->head.number == 0 || !load(feed, &p))
        feed_forget(feed); /* the feed begins again */
    free(bytes);
    return code;
}
