/* SPDX-License-Identifier: ISC */
/*
 * The lower bound: the best straightforward code on liblmdb, with the same store and keys. It
 * hashes the text with SHA-256, renews a read transaction, calls mdb_get, and compares the digests
 * in constant time. It checks nothing else: no checksum, status, expiration or tier.
 */
#include "bench/bench.h"

#include <lmdb.h>
#include <sodium.h>
#include <stdlib.h>

struct floor {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi auth;
};

static void need(int rc)
{
    if (rc != 0)
        die("liblmdb: %s", mdb_strerror(rc));
}

struct floor *floor_open(const struct corpus *corpus)
{
    struct floor *floor = calloc(1, sizeof *floor);
    if (floor == NULL)
        die("out of memory");
    need(mdb_env_create(&floor->env));
    need(mdb_env_set_maxdbs(floor->env, 16));
    need(mdb_env_set_mapsize(floor->env, corpus->config.map_size));
    need(mdb_env_open(floor->env, corpus->config.store, MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY, 0));
    need(mdb_txn_begin(floor->env, NULL, MDB_RDONLY, &floor->txn));
    need(mdb_dbi_open(floor->txn, "auth", MDB_INTEGERKEY, &floor->auth));
    need(mdb_txn_commit(floor->txn));
    need(mdb_txn_begin(floor->env, NULL, MDB_RDONLY, &floor->txn));
    mdb_txn_reset(floor->txn);
    return floor;
}

bool floor_validate(void *arg, const char *text, size_t len)
{
    struct floor *floor = arg;
    uint8_t digest[TOKEN_DIGEST_LEN];
    uint64_t id;
    MDB_val value, key = {.mv_size = sizeof id, .mv_data = &id};
    crypto_hash_sha256(digest, (const unsigned char *)text, len);
    if (!base62_decode(text + sizeof TOKEN_PREFIX - 1, TOKEN_ID_LEN, &id) ||
        mdb_txn_renew(floor->txn) != 0)
        return false;
    bool good =
        mdb_get(floor->txn, floor->auth, &key, &value) == 0 &&
        value.mv_size >= AUTH_DIGEST_AT + sizeof digest &&
        sodium_memcmp((const uint8_t *)value.mv_data + AUTH_DIGEST_AT, digest, sizeof digest) == 0;
    mdb_txn_reset(floor->txn);
    return good;
}

void floor_close(struct floor *floor)
{
    mdb_txn_abort(floor->txn);
    mdb_env_close(floor->env);
    free(floor);
}
