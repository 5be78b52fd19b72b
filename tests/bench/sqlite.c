/* SPDX-License-Identifier: ISC */
/* SQLite at its best: one table clustered by digest, a prepared SELECT, WAL and mmap. */
#include "bench/bench.h"

#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct sqlite3_rival {
    sqlite3 *db;
    sqlite3_stmt *find;
};

static void need(struct sqlite3_rival *rival, int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE)
        die("sqlite: %s", sqlite3_errmsg(rival->db));
}

static void fill(struct sqlite3_rival *rival, const struct corpus *corpus)
{
    sqlite3_stmt *add;
    need(rival, sqlite3_exec(rival->db, "BEGIN", NULL, NULL, NULL));
    need(rival, sqlite3_prepare_v2(rival->db,
                                   "INSERT INTO token VALUES (?, 1, 0, 'customer-1', 'advanced')",
                                   -1, &add, NULL));
    for (size_t i = 0; i < corpus->count; i++) {
        uint8_t digest[TOKEN_DIGEST_LEN];
        token_digest(corpus->text[i], digest);
        need(rival, sqlite3_bind_blob(add, 1, digest, sizeof digest, SQLITE_STATIC));
        need(rival, sqlite3_step(add));
        need(rival, sqlite3_reset(add));
    }
    need(rival, sqlite3_finalize(add));
    need(rival,
         sqlite3_exec(rival->db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
}

struct sqlite3_rival *sqlite_make(const struct corpus *corpus)
{
    char path[128];
    int64_t begin = clock_ns();
    struct sqlite3_rival *rival = calloc(1, sizeof *rival);
    if (rival == NULL)
        die("out of memory");
    snprintf(path, sizeof path, "%s/sqlite.db", corpus->folder);
    need(rival, sqlite3_open(path, &rival->db));
    need(rival, sqlite3_exec(rival->db,
                             "PRAGMA journal_mode = WAL; PRAGMA mmap_size = 17179869184;"
                             "PRAGMA cache_size = -262144;"
                             "CREATE TABLE token (digest BLOB PRIMARY KEY, active INTEGER,"
                             " expires INTEGER, entity TEXT, tier TEXT) WITHOUT ROWID",
                             NULL, NULL, NULL));
    fill(rival, corpus);
    need(rival, sqlite3_prepare_v3(
                    rival->db, "SELECT active, expires, entity, tier FROM token WHERE digest = ?",
                    -1, SQLITE_PREPARE_PERSISTENT, &rival->find, NULL));
    progress("the same in SQLite, made in %.1f s", (double)(clock_ns() - begin) / 1e9);
    return rival;
}

bool sqlite_validate(void *arg, const char *text, size_t len)
{
    struct sqlite3_rival *rival = arg;
    uint8_t digest[TOKEN_DIGEST_LEN];
    crypto_hash_sha256(digest, (const unsigned char *)text, len);
    sqlite3_bind_blob(rival->find, 1, digest, sizeof digest, SQLITE_STATIC);
    bool good = sqlite3_step(rival->find) == SQLITE_ROW &&
                sqlite3_column_int(rival->find, 0) == 1 &&
                sqlite3_column_text(rival->find, 2) != NULL;
    sqlite3_reset(rival->find);
    return good;
}

void sqlite_end(struct sqlite3_rival *rival)
{
    sqlite3_finalize(rival->find);
    sqlite3_close(rival->db);
    free(rival);
}
