/* SPDX-License-Identifier: ISC */
#include "reload.h"

#include "usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define CHECK_MS 1000
#define OPEN_TRIES 3 /* a file may be replaced between the open and the checks */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

/* The errors are too large for a host's stack. The context has one set, so that a check normally
   allocates nothing. A second check at the same time, or a child that was forked during a check,
   allocates another. */
static struct reload_errors *errors_borrow(struct espt_ctx *ctx)
{
    struct reload_errors *errors = atomic_exchange(&ctx->errors, NULL);
    return errors != NULL ? errors : malloc(sizeof *errors);
}

static void errors_return(struct espt_ctx *ctx, struct reload_errors *errors)
{
    struct reload_errors *spare = errors != NULL ? atomic_exchange(&ctx->errors, errors) : NULL;
    if (spare != NULL)
        free(spare);
}

/* FNV-1a, 64 bits, to distinguish versions of a file and messages. Never 0. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash | 1;
}

static uint64_t hash_signature(uint64_t basis, const struct signature *s)
{
    const int64_t fields[] = {(int64_t)s->dev,    (int64_t)s->ino,     s->size,
                              s->modified.tv_sec, s->modified.tv_nsec, s->changed.tv_sec,
                              s->changed.tv_nsec};
    return hash_bytes(basis, fields, sizeof fields);
}

static bool same_signature(const struct signature *a, const struct signature *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Logs an error once. It is logged again after it was resolved, after another error, or (with `of`)
   after the file changed. */
static void log_once(struct espt_ctx *ctx, _Atomic uint64_t *logged, const char *message,
                     const struct signature *of)
{
    uint64_t hash = hash_bytes(HASH_BASIS, message, strlen(message));
    if (of != NULL)
        hash = hash_signature(hash, of);
    if (atomic_exchange(logged, hash) != hash)
        context_log(ctx, LOG_WARNING, message);
}

/* Whether `/` is another folder than at open. Then the paths may name files of another user. If
   stat fails, `/` may be another folder too. */
static bool chrooted(struct espt_ctx *ctx, struct espt_error *err)
{
    struct stat root;
    if (stat("/", &root) != 0) {
        espt_fail_call(err, "/", "stat", errno, "");
        espt_add(err, "; until then no file is opened again");
    } else if (root.st_dev != ctx->root_dev || root.st_ino != ctx->root_ino) {
        espt_fail(err, ESPT_UNUSABLE,
                  "/: the root folder is not the one at open (chroot), so no file is opened again; "
                  "restart the process to reload");
    } else {
        atomic_store(&ctx->logged_root, 0);
        return false;
    }
    log_once(ctx, &ctx->logged_root, err->message, NULL);
    return true;
}

/* Whether the save is finished: by the file's times, or, if the clock was set back, because two
   checks found the same signature. */
static bool settled(struct espt_ctx *ctx, const struct signature *now)
{
    if (settled_by_times(now))
        return true;
    uint64_t hash = hash_signature(HASH_BASIS, now);
    return atomic_exchange(&ctx->pending, hash) == hash;
}

static int report_tiers(struct espt_ctx *ctx, const struct signature *of, struct espt_error *err)
{
    espt_fail_in(err, "the old tier table stays in force");
    log_once(ctx, &ctx->logged_tiers, err->message, of);
    return err->code;
}

static int reload_tiers(struct espt_ctx *ctx, struct tiers_view *seen, const struct signature *now,
                        bool settle, struct espt_error *err)
{
    struct tiers_view *view;
    if (tiers_open(ctx, &view, err) != 0)
        return report_tiers(ctx, now, err);
    atomic_store(&ctx->logged_tiers, 0);
    if (settle && !same_signature(&view->signature, now)) {
        tiers_view_free(view); /* saved again meanwhile: the next check loads it */
        return 0;
    }
    if (settle)
        view->unsettled = false;
    bool edited = !same_signature(&view->signature, &seen->signature);
    if (!atomic_compare_exchange_strong(&ctx->tiers, &seen, view)) {
        tiers_view_free(view); /* another thread was faster */
        return 0;
    }
    reclaim_retire(&ctx->reclaim, seen, tiers_view_free);
    if (edited)
        context_log(ctx, LOG_INFO, "the edited tier table is in force");
    return 0;
}

/* Reads the current table inside a reclaim slot, because another thread may replace it meanwhile.
 */
static int check_tiers(struct espt_ctx *ctx, bool settle, struct espt_error *err)
{
    struct stat st;
    if (stat(ctx->config.tiers, &st) != 0) {
        espt_fail_call(err, ctx->config.tiers, "stat", errno, "");
        return report_tiers(ctx, NULL, err);
    }
    const struct signature now = {st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
    unsigned slot = reclaim_enter(&ctx->reclaim);
    struct tiers_view *seen = atomic_load(&ctx->tiers);
    int code = 0;
    if (same_signature(&seen->signature, &now) && !seen->unsettled && st.st_nlink > 0)
        atomic_store(&ctx->logged_tiers, 0);
    else if (!settle || settled(ctx, &now))
        code = reload_tiers(ctx, seen, &now, settle, err);
    reclaim_leave(&ctx->reclaim, slot);
    return code;
}

static int reopen_store(struct espt_ctx *ctx, struct store_view *seen, struct espt_error *err)
{
    struct store_view *view = NULL;
    int code = store_view_open(ctx, &view, err);
    for (int tries = 1; code != 0 && tries < OPEN_TRIES; tries++)
        code = store_view_open(ctx, &view, err);
    if (code != 0)
        log_once(ctx, &ctx->logged_store, err->message, NULL);
    if (view == seen)
        return code; /* no store was open, and none can be opened */
    if (!atomic_compare_exchange_strong(&ctx->store, &seen, view)) {
        store_view_free(view); /* another thread was faster */
        return code;
    }
    reclaim_retire(&ctx->reclaim, seen, store_view_free);
    if (view != NULL) {
        atomic_store(&ctx->logged_store, 0);
        context_log(ctx, LOG_INFO, "the store was opened again");
    }
    return code;
}

static bool is_at_path(const struct espt_ctx *ctx, const struct store_view *view)
{
    struct stat st;
    return stat(ctx->config.store, &st) == 0 && st.st_dev == view->dev && st.st_ino == view->ino;
}

/* Whether the descriptor still is the store that was opened, and the file still has a name. Opens
   nothing, so that an unlinked store is noticed after a chroot too. */
static int check_descriptor(struct espt_ctx *ctx, const struct store_view *seen,
                            struct espt_error *err)
{
    struct stat st;
    const char *path = ctx->config.store;
    if (seen == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "%s: no store is open", path);
    const int why = fstat(seen->reader.fd, &st) != 0 ? errno : 0;
    if (why != 0 && why != EBADF)
        return espt_fail_call(err, path, "fstat", why, "");
    if (why != 0 || st.st_dev != seen->dev || st.st_ino != seen->ino)
        return espt_fail(err, ESPT_UNUSABLE, "%s: the host closed the store's descriptor", path);
    return st.st_nlink > 0 ? 0 : espt_fail(err, ESPT_UNUSABLE, "%s: the store was replaced", path);
}

static int check_store(struct espt_ctx *ctx, bool may_open, struct espt_error *err)
{
    unsigned slot = reclaim_enter(&ctx->reclaim);
    struct store_view *seen = atomic_load(&ctx->store);
    int code = check_descriptor(ctx, seen, err);
    if (may_open && (code != 0 || !is_at_path(ctx, seen))) {
        code = reopen_store(ctx, seen, err);
    } else if (code != 0) {
        espt_add(err, "; it is not opened again");
        if (seen != NULL)
            log_once(ctx, &ctx->logged_store, err->message, NULL);
        if (seen != NULL && atomic_compare_exchange_strong(&ctx->store, &seen, NULL))
            reclaim_retire(&ctx->reclaim, seen, store_view_free);
    }
    reclaim_leave(&ctx->reclaim, slot);
    return code;
}

/* `errors->first` gets the first error. The store is checked even if the tier table has one. */
static int check_files(struct espt_ctx *ctx, bool settle, struct reload_errors *errors)
{
    struct espt_error *first = &errors->first;
    bool may_open = !chrooted(ctx, first);
    int code = may_open ? check_tiers(ctx, settle, first) : ESPT_UNUSABLE;
    int store = check_store(ctx, may_open, code == 0 ? first : &errors->second);
    usage_check(ctx);
    reclaim_collect(&ctx->reclaim);
    return code != 0 ? code : store;
}

void reload_if_due(struct espt_ctx *ctx)
{
    int64_t now = monotonic_ms();
    int64_t due = atomic_load_explicit(&ctx->next_check, memory_order_relaxed);
    if (now < due || !atomic_compare_exchange_strong(&ctx->next_check, &due, now + CHECK_MS))
        return;
    struct reload_errors *errors = errors_borrow(ctx);
    if (errors != NULL) /* errors are logged; the old tier table stays, or no store answers */
        (void)!check_files(ctx, true, errors);
    errors_return(ctx, errors);
}

static void fail_older(struct espt_ctx *ctx, const struct state_id *answered,
                       struct espt_error *err)
{
    espt_fail(err, ESPT_UNUSABLE,
              "%s: the store is older than revision %llu, which this process has answered from; "
              "put a backup in place with 'esp-tokenctl restore', or restart this process",
              ctx->config.store, (unsigned long long)answered->revision);
}

void log_older_store(struct espt_ctx *ctx, const struct state_id *answered)
{
    struct reload_errors *errors = errors_borrow(ctx);
    if (errors == NULL)
        return;
    fail_older(ctx, answered, &errors->first);
    log_once(ctx, &ctx->logged_store, errors->first.message, NULL);
    errors_return(ctx, errors);
}

static enum reader_status read_state(void *arg, struct snapshot *snapshot)
{
    *(struct state_id *)arg = reader_state_id(snapshot);
    return READER_OK;
}

int reload_now(struct espt_ctx *ctx, struct espt_error *err)
{
    struct views views;
    struct state_id state;
    const struct state_id answered = {.revision = atomic_load(&ctx->answered)};
    struct reload_errors *errors = errors_borrow(ctx);
    if (errors == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = check_files(ctx, false, errors);
    if (code != 0)
        *err = errors->first;
    errors_return(ctx, errors);
    views_enter(ctx, &views);
    enum reader_status status = views.store != NULL
                                    ? reader_look_up(&views.store->reader, read_state, &state)
                                    : READER_CLOSED;
    views_leave(ctx, &views);
    if (code == 0 && status != READER_OK)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s", ctx->config.store, store_fault(status));
    if (code == 0 && !state_may_follow(&answered, &state)) {
        fail_older(ctx, &answered, err);
        code = err->code;
    }
    return code;
}

/* Maps the store's file again, because it has outgrown its mapping. This works after a chroot and
   at any time, because it opens nothing. */
static bool widen_store(struct espt_ctx *ctx, struct store_view *used, struct espt_error *err)
{
    struct store_view *view = NULL, *seen = used;
    if (store_view_widen(ctx, used, &view, err) != 0) {
        log_once(ctx, &ctx->logged_store, err->message, NULL);
        return false;
    }
    if (atomic_compare_exchange_strong(&ctx->store, &seen, view))
        reclaim_retire(&ctx->reclaim, used, store_view_free);
    else
        store_view_free(view);      /* another thread was faster */
    reclaim_collect(&ctx->reclaim); /* a store may outgrow many mappings in a second */
    return true;
}

/* A writer marks the old file as closed shortly before it renames the new file to the path, and its
   command returns after both. So every call may open the path again, but only for one second after
   the mark was first seen. A store that appears later is found by the check of each second. */
bool reload_store(struct espt_ctx *ctx, struct store_view *used, bool outgrown)
{
    if (atomic_load(&ctx->store) != used)
        return true;
    int64_t now = monotonic_ms(), first = 0;
    const bool late = !outgrown && !atomic_compare_exchange_strong(&used->closed_at, &first, now) &&
                      now - first >= CHECK_MS;
    struct reload_errors *errors = late ? NULL : errors_borrow(ctx);
    if (errors == NULL)
        return false;
    if (outgrown)
        (void)!widen_store(ctx, used, &errors->first);
    else if (!chrooted(ctx, &errors->first) && !is_at_path(ctx, used))
        (void)!reopen_store(ctx, used, &errors->first);
    errors_return(ctx, errors);
    return atomic_load(&ctx->store) != used;
}
