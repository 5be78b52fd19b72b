/* SPDX-License-Identifier: ISC */
/* The head of a feed, as a web server sends it: refused, or a list of pieces without gaps and whole
   entries that follow it. No signature covers the list. */
#include "fuzz/fuzz.h"
#include "journal/http/http.h"

static struct bytes answer;

/* --- what the plugin would ask of a server and of the system --- */

long http_fetch(espt_journal *journal, const struct fetch *fetch, struct bytes *ret_body, char *err,
                size_t err_len)
{
    (void)journal, (void)fetch, (void)err, (void)err_len;
    *ret_body = (struct bytes){malloc(answer.len + 1), answer.len};
    MUST_HOLD(ret_body->at != NULL);
    memcpy(ret_body->at, answer.at, answer.len);
    return 200;
}

int64_t http_now(void)
{
    return 0;
}

static void check_pieces(const struct feed_head *head)
{
    for (size_t i = 0; i < head->piece_count; i++) {
        const struct http_piece *piece = &head->pieces[i];
        MUST_HOLD(piece->first <= piece->last && piece->len <= ESPT_JOURNAL_ENTRY_MAX);
        MUST_HOLD(piece->first == (i == 0 ? head->first : piece[-1].last + 1));
    }
}

/* The entries up to the last one are whole, and within the answer. */
static void check_newest(const struct feed_head *head)
{
    const uint8_t *at = head->newest, *end = head->bytes.at + head->bytes.len;
    espt_journal_entry entry;
    for (uint64_t number = head->newest_first; number <= head->last; number++) {
        MUST_HOLD(http_entry(at, (size_t)(end - at), &entry));
        MUST_HOLD(entry.edge + entry.edge_len <= end);
        at = entry.edge + entry.edge_len;
    }
}

FUZZ(feed)
{
    static espt_journal journal;
    char err[URL_MAX + 256] = "";
    answer = (struct bytes){(uint8_t *)(uintptr_t)data, size};
    journal = (espt_journal){.url = "http://x"};
    const int status = http_refresh(&journal, true, 0, err, sizeof err);
    MUST_HOLD((status == ESPT_JOURNAL_DONE) == (err[0] == '\0'));
    if (status == ESPT_JOURNAL_DONE) {
        const struct feed_head *head = &journal.head;
        MUST_HOLD(head->first > 0 && head->first <= head->last);
        check_pieces(head);
        check_newest(head);
    }
    http_head_free(&journal.head);
    return 0;
}
