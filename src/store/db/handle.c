/* SPDX-License-Identifier: ISC */
/* The store that callers hold: it is opened, put to rest (store_rest()), woken and closed here.
   open.c opens its environment. */
#include "store/db/db.h"

#include "store/db/lock.h"
#include "store/db/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct store *new_store(const struct config *config, struct espt_error *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL) {
        espt_fail(err, ESPT_UNUSABLE, "out of memory");
        return NULL;
    }
    store->config = *config;
    memcpy(store->named, config->store, sizeof store->named);
    store->writer_fd = store->gate_fd = -1;
    return store;
}

int db_open_private(struct store **ret_store, const struct config *config, struct espt_error *err)
{
    struct store *store = new_store(config, err);
    if (store == NULL)
        return ESPT_UNUSABLE;
    store->alone = true;
    int code = db_check_file(&store->config, err);
    if (code == 0)
        code = db_open_tables(store, false, err);
    if (code == 0)
        *ret_store = store;
    else
        store_close(store);
    return code;
}

/* The link may lead to another store by now. A command that writes stays with the store whose
   writers' lock it holds. */
int db_wake(struct store *store, struct espt_error *err)
{
    if (store->reads)
        memcpy(store->config.store, store->named, sizeof store->named);
    int code = db_reopen(store, err);
    store->broken = false;
    if (code != 0)
        store_rest(store);
    return code;
}

bool store_in_transaction(const struct store *store)
{
    return store->transactions > 0;
}

void store_rest(struct store *store)
{
    if (store->broken || store->transactions > 0 || private_copy_open(&store->copy))
        return; /* no other process has the copy open */
    db_close(store);
    if (store->read_only && store->writer_fd >= 0) {
        close(store->writer_fd);
        store->writer_fd = -1;
    }
}

struct store_file store_file(const struct store *store)
{
    struct stat st;
    const bool copy = private_copy_open(&store->copy);
    int fd = store->copy.reader.fd;
    if (store->env == NULL || (!copy && mdb_env_get_fd(store->env, &fd) != 0) ||
        fstat(fd, &st) != 0)
        return (struct store_file){0};
    return (struct store_file){.dev = st.st_dev, .ino = st.st_ino};
}

static int open_store(struct store **ret_store, const struct config *config, bool reads,
                      int locked_fd, struct espt_error *err)
{
    struct store *store = new_store(config, err);
    if (store == NULL)
        return ESPT_UNUSABLE;
    store->writer_fd = locked_fd >= 0 ? fcntl(locked_fd, F_DUPFD_CLOEXEC, 0) : -1;
    store->locked = locked_fd >= 0;
    store->reads = reads;
    int code = store->locked && store->writer_fd < 0
                   ? espt_fail_file(err, config->store, errno, "run it again")
                   : db_check_file(&store->config, err);
    if (code == 0)
        code = db_open_tables(store, false, err);
    if (code == 0 && !store->read_only && !reads && store->writer_fd < 0)
        code = lock_open(store->config.store, ".writer", &store->writer_fd, err);
    if (code == 0)
        *ret_store = store;
    else
        store_close(store);
    return code;
}

int store_open(struct store **ret_store, const struct config *config, struct espt_error *err)
{
    return open_store(ret_store, config, false, -1, err);
}

int store_open_to_read(struct store **ret_store, const struct config *config,
                       struct espt_error *err)
{
    return open_store(ret_store, config, true, -1, err);
}

int db_open_locked(struct store **ret_store, const struct config *config, int locked_fd,
                   struct espt_error *err)
{
    return open_store(ret_store, config, false, locked_fd, err);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    db_close(store);
    if (store->writer_fd >= 0)
        close(store->writer_fd);
    free(store->log_history);
    free(store);
}

void store_elsewhere(struct store *store, const struct elsewhere *elsewhere)
{
    store->elsewhere = elsewhere;
}

const char *store_elsewhere_unknown(const struct store *store)
{
    const bool unknown = store->elsewhere != NULL && store->elsewhere->unknown[0] != '\0';
    return unknown ? store->elsewhere->unknown : NULL;
}

const char *store_usage_warning(const struct store *store)
{
    return store->usage_warning.code != 0 ? store->usage_warning.message : NULL;
}

bool store_wrote(const struct store *store)
{
    return store->wrote;
}

bool store_make_room(struct store *store)
{
    const bool disk_full = store->disk_full;
    store->disk_full = false;
    if (!disk_full || store->transactions > 0 || !reserve_release(store->config.store))
        return false;
    store->broken = false; /* db_wake() opens it again */
    db_close(store);
    return true;
}
