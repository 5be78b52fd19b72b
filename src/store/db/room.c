/* SPDX-License-Identifier: ISC */
/* Room in the map and on the disk that only revocations use (reserve.h). */
#include "store/db/db.h"

#include "store/db/reserve.h"

#include <lmdb.h>
#include <stdlib.h>

/* If the file is already larger than that, LMDB continues with its size. */
int db_leave_room(struct store *store, struct espt_error *err)
{
    const uint64_t size = store->config.map_size;
    if (!store->leaves_room)
        return 0;
    int rc = mdb_env_set_mapsize(store->env, size - reserve_map(size));
    return rc == 0 ? 0 : db_fail(err, rc, &store->config);
}

int store_leave_room(struct store *store, struct espt_error *err)
{
    store->leaves_room = !store->reads && !store->read_only && !private_copy_open(&store->copy);
    return db_leave_room(store, err);
}

int store_use_room(struct store *store, struct espt_error *err)
{
    if (!store->leaves_room)
        return 0;
    store->leaves_room = false;
    int rc = mdb_env_set_mapsize(store->env, store->config.map_size);
    return rc == 0 ? 0 : db_fail(err, rc, &store->config);
}

bool store_make_room_to_open(const struct config *config)
{
    char path[PATH_MAX];
    return realpath(config->store, path) != NULL && reserve_release(path);
}

void store_refill_reserve(const struct config *config)
{
    char path[PATH_MAX];
    if (realpath(config->store, path) != NULL)
        reserve_refill(path);
}
