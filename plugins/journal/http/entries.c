/* SPDX-License-Identifier: ISC */
/* Entries and pieces. MUST 3 and 4 of http.h. */
#include "journal/http/http.h"

#include "journal/names.h"

#include <sodium.h>
#include <stdlib.h>

#define TIERS_MAX (1u << 20)

int http_range(espt_journal *journal, uint64_t *ret_first, uint64_t *ret_last, char *err,
               size_t err_len)
{
    const int status = http_refresh(journal, false, http_now() + journal->limit_ms, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    *ret_first = journal->head.first;
    *ret_last = journal->head.last;
    return ESPT_JOURNAL_DONE;
}

/* Fetches a file that has a hash. NONE: the server has none of that name. */
static int fetch_hashed(espt_journal *journal, const struct fetch *fetch,
                        const uint8_t hash[static HASH_LEN], struct bytes *ret, char *err,
                        size_t err_len)
{
    uint8_t found[HASH_LEN];
    struct bytes body;
    const long status = http_fetch(journal, fetch, &body, err, err_len);
    if (status == 404)
        return ESPT_JOURNAL_NONE;
    if (status != 200)
        return ESPT_JOURNAL_FAILED;
    crypto_generichash(found, sizeof found, body.at, body.len, NULL, 0);
    if (memcmp(found, hash, sizeof found) != 0) {
        free(body.at);
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "%s/%s is cut off or damaged",
                        journal->url, fetch->path);
    }
    free(ret->at);
    *ret = body;
    return ESPT_JOURNAL_DONE;
}

/* --- entries --- */

static const struct http_piece *find_piece(const struct feed_head *head, uint64_t number)
{
    for (size_t i = 0; i < head->piece_count; i++) {
        if (number >= head->pieces[i].first && number <= head->pieces[i].last)
            return &head->pieces[i];
    }
    return NULL;
}

static int load_piece(espt_journal *journal, const struct http_piece *piece, bool past_caches,
                      int64_t deadline, char *err, size_t err_len)
{
    char hex[2 * HASH_LEN + 1], path[160];
    if (journal->at_number != 0 && memcmp(journal->piece_hash, piece->hash, HASH_LEN) == 0)
        return ESPT_JOURNAL_DONE;
    sodium_bin2hex(hex, sizeof hex, piece->hash, HASH_LEN);
    snprintf(path, sizeof path, "p/%llx-%llx-%s", (unsigned long long)piece->first,
             (unsigned long long)piece->last, hex);
    const struct fetch fetch = {
        .path = path, .most = piece->len, .past_caches = past_caches, .deadline = deadline};
    const int status = fetch_hashed(journal, &fetch, piece->hash, &journal->piece, err, err_len);
    if (status != ESPT_JOURNAL_DONE)
        return status;
    memcpy(journal->piece_hash, piece->hash, HASH_LEN);
    journal->at_number = piece->first;
    journal->at = 0;
    return ESPT_JOURNAL_DONE;
}

/* Callers read rising numbers, so the search goes on where it was. */
static bool find_in_piece(espt_journal *journal, const struct http_piece *piece, uint64_t number,
                          espt_journal_entry *ret)
{
    if (number < journal->at_number) {
        journal->at_number = piece->first;
        journal->at = 0;
    }
    for (;;) {
        if (!http_entry(journal->piece.at + journal->at, journal->piece.len - journal->at, ret))
            return false;
        if (journal->at_number == number)
            return true;
        journal->at_number++;
        journal->at += 8 + ret->head_len + ret->edge_len;
    }
}

static bool find_in_head(const struct feed_head *head, uint64_t number, espt_journal_entry *ret)
{
    const uint8_t *at = head->newest, *end = head->bytes.at + head->bytes.len;
    for (uint64_t i = head->newest_first; http_entry(at, (size_t)(end - at), ret); i++) {
        if (i == number)
            return true;
        at += 8 + ret->head_len + ret->edge_len;
    }
    return false;
}

static int read_piece(espt_journal *journal, uint64_t number, bool past_caches, int64_t deadline,
                      espt_journal_entry *ret, char *err, size_t err_len)
{
    const struct http_piece *piece = find_piece(&journal->head, number);
    if (piece == NULL)
        return ESPT_JOURNAL_NONE;
    const int status = load_piece(journal, piece, past_caches, deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE || find_in_piece(journal, piece, number, ret))
        return status;
    return http_say(ESPT_JOURNAL_FAILED, err, err_len, "%s: the piece with entry %llu is damaged",
                    journal->url, (unsigned long long)number);
}

static int read_known(espt_journal *journal, uint64_t number, bool past_caches, int64_t deadline,
                      espt_journal_entry *ret, char *err, size_t err_len)
{
    if (number < journal->head.first || number > journal->head.last)
        return ESPT_JOURNAL_NONE;
    if (number >= journal->head.newest_first)
        return find_in_head(&journal->head, number, ret) ? ESPT_JOURNAL_DONE : ESPT_JOURNAL_FAILED;
    return read_piece(journal, number, past_caches, deadline, ret, err, err_len);
}

int http_read(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
              size_t err_len)
{
    const int64_t deadline = http_now() + journal->limit_ms;
    int status = ESPT_JOURNAL_DONE;
    if (journal->head.bytes.len == 0 || number > journal->head.last)
        status = http_refresh(journal, false, deadline, err, err_len);
    if (status != ESPT_JOURNAL_DONE || number < journal->head.first || number > journal->head.last)
        return status == ESPT_JOURNAL_DONE ? ESPT_JOURNAL_NONE : status;
    status = read_known(journal, number, false, deadline, ret, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        return status;
    status = http_refresh(journal, true, deadline, err, err_len);
    if (status == ESPT_JOURNAL_DONE)
        status = read_known(journal, number, true, deadline, ret, err, err_len);
    if (status == ESPT_JOURNAL_NONE && number >= journal->head.first &&
        number <= journal->head.last)
        return http_say(ESPT_JOURNAL_FAILED, err, err_len,
                        "%s: the server lacks the piece with entry %llu", journal->url,
                        (unsigned long long)number);
    return status;
}

/* --- pieces that have a name --- */

/* The name ends with the hash: edge-LENGTH-HASH, or tiers-HASH. */
static bool parse_name(const char *name, size_t *ret_most, uint8_t ret_hash[static HASH_LEN])
{
    const char *dash = strrchr(name, '-');
    size_t len = 0;
    char *end;
    if (dash == NULL || strlen(dash + 1) != 2UL * HASH_LEN ||
        sodium_hex2bin(ret_hash, HASH_LEN, dash + 1, 2UL * HASH_LEN, NULL, &len, NULL) != 0)
        return false;
    *ret_most = TIERS_MAX;
    if (strncmp(name, "tiers-", 6) == 0)
        return dash == name + 5;
    const unsigned long long most = strtoull(name + 5, &end, 10);
    *ret_most = (size_t)most;
    return strncmp(name, "edge-", 5) == 0 && end == dash && most <= ESPT_JOURNAL_ENTRY_MAX;
}

int http_get(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
             char *err, size_t err_len)
{
    uint8_t hash[HASH_LEN];
    char path[ESPT_JOURNAL_NAME_MAX + 3];
    struct fetch fetch = {.path = path, .deadline = http_now() + journal->limit_ms};
    if (!piece_name_ok(name))
        return http_say(ESPT_JOURNAL_FAILED, err, err_len, "not the name of a piece");
    if (!parse_name(name, &fetch.most, hash))
        return ESPT_JOURNAL_NONE; /* a feed has no others */
    snprintf(path, sizeof path, "p/%s", name);
    int status = fetch_hashed(journal, &fetch, hash, &journal->got, err, err_len);
    if (status != ESPT_JOURNAL_DONE) {
        fetch.past_caches = true;
        status = fetch_hashed(journal, &fetch, hash, &journal->got, err, err_len);
    }
    if (status == ESPT_JOURNAL_DONE) {
        *ret_bytes = journal->got.at;
        *ret_len = journal->got.len;
    }
    return status;
}
