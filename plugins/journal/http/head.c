/* SPDX-License-Identifier: ISC */
/* The head of the feed. */
#include "journal/http/http.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "ESPF"
#define FORM 1
#define AGAIN_MS 100 /* a head that was fetched this recently is not asked for again */

/* The error is sticky, as in src/common/record_bytes.h. */
struct parser {
    const uint8_t *at;
    size_t left;
    bool good;
};

static const uint8_t *parse_bytes(struct parser *p, size_t len)
{
    const uint8_t *at = p->at;
    if (!p->good || len > p->left) {
        p->good = false;
        return NULL;
    }
    p->at += len;
    p->left -= len;
    return at;
}

static uint64_t parse_u64(struct parser *p)
{
    uint64_t le = 0;
    const uint8_t *at = parse_bytes(p, sizeof le);
    if (at != NULL)
        memcpy(&le, at, sizeof le);
    return le64toh(le);
}

static uint32_t parse_u32(struct parser *p)
{
    uint32_t le = 0;
    const uint8_t *at = parse_bytes(p, sizeof le);
    if (at != NULL)
        memcpy(&le, at, sizeof le);
    return le32toh(le);
}

bool http_entry(const uint8_t *at, size_t left, espt_journal_entry *ret)
{
    struct parser p = {.at = at, .left = left, .good = true};
    *ret = (espt_journal_entry){.head_len = parse_u32(&p), .edge_len = 0};
    ret->edge_len = parse_u32(&p);
    ret->head = parse_bytes(&p, ret->head_len);
    ret->edge = parse_bytes(&p, ret->edge_len);
    return p.good;
}

void http_head_free(struct feed_head *head)
{
    free(head->bytes.at);
    free(head->pieces);
    *head = (struct feed_head){0};
}

static void parse_pieces(struct parser *p, struct feed_head *ret)
{
    const size_t fixed = 8 + 8 + 4 + HASH_LEN, count = parse_u32(p);
    if (!p->good || count > p->left / fixed ||
        (ret->pieces = calloc(count + 1, sizeof *ret->pieces)) == NULL) {
        p->good = false;
        return;
    }
    for (size_t i = 0; i < count && p->good; i++) {
        struct http_piece *piece = &ret->pieces[i];
        piece->first = parse_u64(p);
        piece->last = parse_u64(p);
        piece->len = parse_u32(p);
        memcpy(piece->hash, parse_bytes(p, HASH_LEN), HASH_LEN);
        p->good = p->good && piece->first > 0 && piece->first <= piece->last &&
                  piece->len <= ESPT_JOURNAL_ENTRY_MAX &&
                  (i == 0 || piece->first == piece[-1].last + 1);
    }
    ret->piece_count = count;
}

static void parse_newest(struct parser *p, struct feed_head *ret, uint64_t last)
{
    const size_t count = parse_u32(p);
    espt_journal_entry entry;
    ret->newest = p->at;
    ret->newest_first = last - count + 1;
    ret->last = last;
    for (size_t i = 0; i < count && p->good; i++) {
        p->good = http_entry(p->at, p->left, &entry);
        parse_bytes(p, 8 + entry.head_len + entry.edge_len);
    }
    const size_t pieces = ret->piece_count;
    ret->first = pieces > 0 ? ret->pieces[0].first : ret->newest_first;
    /* the number after the last one exists, because members ask for it */
    p->good = p->good && count <= last && last < UINT64_MAX && ret->first > 0 &&
              ret->first <= last &&
              (pieces == 0 || ret->newest_first <= ret->pieces[pieces - 1].last + 1);
}

/* Takes over the bytes. */
static bool parse(struct feed_head *ret, struct bytes bytes)
{
    struct parser p = {.at = bytes.at, .left = bytes.len, .good = true};
    const uint8_t *magic = parse_bytes(&p, 4), *form = parse_bytes(&p, 1);
    ret->bytes = bytes;
    if (!p.good || memcmp(magic, MAGIC, 4) != 0 || *form != FORM)
        return false;
    ret->count = parse_u64(&p);
    const uint64_t last = parse_u64(&p);
    ret->signed_len = parse_u32(&p);
    ret->signed_head = parse_bytes(&p, ret->signed_len);
    parse_bytes(&p, 8 + 4 + HASH_LEN); /* the publisher's */
    parse_pieces(&p, ret);
    if (p.good)
        parse_newest(&p, ret, last);
    return p.good;
}

static int fetch_head(espt_journal *journal, bool past_caches, int64_t deadline, char *err,
                      size_t err_len)
{
    struct feed_head head = {.is_etag = journal->head.is_etag};
    struct bytes body;
    memcpy(head.tag, journal->head.tag, sizeof head.tag);
    const struct fetch fetch = {.path = "head",
                                .most = ESPT_JOURNAL_HEAD_MAX,
                                .past_caches = past_caches,
                                .deadline = deadline,
                                .known = &head};
    const long status = http_fetch(journal, &fetch, &body, err, err_len);
    if (status == 304 && journal->head.bytes.len > 0)
        return ESPT_JOURNAL_DONE;
    if (status != 200)
        return ESPT_JOURNAL_FAILED;
    const bool good = parse(&head, body);
    /* an older head comes from a cache, or from a publisher that was set back: the second answer
       counts, and members judge it */
    const bool older = good && !past_caches && head.count < journal->head.count;
    if (!good || older) {
        http_head_free(&head);
        return http_say(ESPT_JOURNAL_FAILED, err, err_len,
                        "%s/head is not the head of a feed, or needs a newer version",
                        journal->url);
    }
    http_head_free(&journal->head);
    journal->head = head;
    return ESPT_JOURNAL_DONE;
}

int http_refresh(espt_journal *journal, bool past_caches, int64_t deadline, char *err,
                 size_t err_len)
{
    if (!past_caches && journal->head.bytes.len > 0 && http_now() - journal->asked < AGAIN_MS)
        return ESPT_JOURNAL_DONE;
    int status = fetch_head(journal, past_caches, deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE && !past_caches)
        status = fetch_head(journal, true, deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        journal->asked = http_now();
    return status;
}
