/* SPDX-License-Identifier: ISC */
/*
 * A journal that is read over HTTP: the feed that `fleet publish` writes, shown by any web server,
 * cache or CDN. It is for edges; nothing is appended to it. docs/journal-format.md lists the bytes.
 *
 * MUST 1: only the statuses 200 and 304 are an answer. The page of an error is none.
 * MUST 2: no answer is longer than the feed said before, and the head is at most
 *         ESPT_JOURNAL_HEAD_MAX. A transfer that exceeds this is ended at once, and fails.
 * MUST 3: no part of a piece is used or kept before its hash is found to be the one in its name.
 * MUST 4: after an answer that cannot be used, the next request bypasses caches, and the head is
 *         fetched again: a cache may hold a head whose pieces are gone, or a piece that was cut
 *         off.
 * MUST 5: every call ends within its time limit. No proxy, password or other setting is taken from
 *         the environment, no redirection is followed, and no other protocol than the URL's is
 *         spoken.
 */
#ifndef ESPT_JOURNAL_HTTP_H
#define ESPT_JOURNAL_HTTP_H

#include "espt/journal.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>

#define HASH_LEN 32
#define URL_MAX 2048
#define TAG_MAX 256

struct bytes {
    uint8_t *at; /* owned */
    size_t len;
};

struct http_piece {
    uint64_t first, last;
    uint32_t len;
    uint8_t hash[HASH_LEN];
};

/* The head of the feed, as it was read last. */
struct feed_head {
    struct bytes bytes; /* the others refer to it; length 0: none was read */
    char tag[TAG_MAX];  /* its ETag, else its Last-Modified; empty: none */
    bool is_etag;
    uint64_t count; /* heads that the publisher had written */
    const uint8_t *signed_head;
    size_t signed_len;
    struct http_piece *pieces; /* without gaps; owned */
    size_t piece_count;
    const uint8_t *newest; /* entries, up to the last one */
    uint64_t newest_first; /* number of the first of them; last + 1: there is none */
    uint64_t first, last;  /* of the feed */
};

struct espt_journal {
    char url[URL_MAX]; /* without a slash at its end */
    char ca[URL_MAX], user[TAG_MAX], password[TAG_MAX];
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    uint32_t limit_ms;
    CURL *curl;
    char why[CURL_ERROR_SIZE];
    int64_t date; /* of the last answer, Unix seconds; 0: none */

    struct feed_head head;
    int64_t asked;      /* when the head was asked for last; monotonic milliseconds */
    uint64_t returned;  /* `count` of the head that head_get() returned last; 0: none */
    struct bytes piece; /* the one that was read last */
    uint8_t piece_hash[HASH_LEN];
    uint64_t at_number; /* the entry at `at` in it; 0: no piece is there */
    size_t at;
    struct bytes got; /* what get() returned last */
};

#define http_say(status, err, err_len, ...) (snprintf((err), (err_len), __VA_ARGS__), (status))

int64_t http_now(void); /* monotonic milliseconds */

/* --- fetch.c --- */
struct fetch {
    const char *path; /* below the URL */
    size_t most;      /* bytes */
    bool past_caches; /* MUST 4 */
    int64_t deadline;
    struct feed_head *known;  /* for a conditional request; NULL: none. Its tag is replaced */
    const struct bytes *body; /* to PUT; NULL: to GET */
};
/* The status of HTTP: 200, 304, or another one with a message; 0: no answer, with a message. The
   caller frees ret_body->at, which is NULL unless it is 200. */
long http_fetch(espt_journal *journal, const struct fetch *fetch, struct bytes *ret_body, char *err,
                size_t err_len);
void http_fetch_close(espt_journal *journal);

/* --- head.c --- */
/* Asks for the head, unless that was just done. DONE or FAILED. */
int http_refresh(espt_journal *journal, bool past_caches, int64_t deadline, char *err,
                 size_t err_len);
/* Reads the lengths in front of an entry. False: it is not whole. */
bool http_entry(const uint8_t *at, size_t left, espt_journal_entry *ret);
void http_head_free(struct feed_head *head);

/* --- entries.c --- */
int http_range(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
               size_t err_len);
int http_read(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
              size_t err_len);
int http_get(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
             char *err, size_t err_len);

#endif
