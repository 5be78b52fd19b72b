#include "look.h"

#include "usage.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#define LOOK_MS 1000
#define OPEN_TRIES 3 /* a file may be replaced between its opening and its judging */
#define HASH_BASIS UINT64_C(0xcbf29ce484222325)

/* FNV-1a, 64 bits: only to tell one state of a file from the next. Never 0. */
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

static bool same(const struct signature *a, const struct signature *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Each fault once: again only after it went, became another, or (with `of`) the file did. */
static void log_once(struct espt_ctx *ctx, _Atomic uint64_t *told, const char *message,
                     const struct signature *of)
{
    uint64_t hash = hash_bytes(HASH_BASIS, message, strlen(message));
    if (of != NULL)
        hash = hash_signature(hash, of);
    if (atomic_exchange(told, hash) != hash)
        context_log(ctx, LOG_WARNING, message);
}

/* Another `/` than at open: a stranger's files could lie at the paths. */
static bool chrooted(struct espt_ctx *ctx, struct espt_error *err)
{
    struct stat root;
    if (stat("/", &root) == 0 && root.st_dev == ctx->root_dev && root.st_ino == ctx->root_ino)
        return false;
    espt_fail(err, ESPT_UNUSABLE, "the root folder is another than at open: nothing is reopened");
    if (!atomic_exchange(&ctx->told_root, true))
        context_log(ctx, LOG_WARNING, err->message);
    return true;
}

/* By its times; or, where clocks went back, by two looks that saw the same. */
static bool settled(struct espt_ctx *ctx, const struct signature *now)
{
    if (settled_by_times(now))
        return true;
    uint64_t hash = hash_signature(HASH_BASIS, now);
    return atomic_exchange(&ctx->pending, hash) == hash;
}

static int keep_tiers(struct espt_ctx *ctx, const struct signature *of, struct espt_error *err)
{
    espt_fail_in(err, "the old tier table stays in force");
    log_once(ctx, &ctx->told_tiers, err->message, of);
    return err->code;
}

static int reload_tiers(struct espt_ctx *ctx, struct tiers_view *seen, const struct signature *now,
                        bool settle, struct espt_error *err)
{
    struct tiers_view *view;
    if (tiers_open(ctx, &view, err) != 0)
        return keep_tiers(ctx, now, err);
    atomic_store(&ctx->told_tiers, 0);
    if (settle && !same(&view->signature, now)) {
        tiers_view_free(view); /* saved again since it was judged settled: the next look's */
        return 0;
    }
    if (settle)
        view->unsettled = false;
    bool edited = !same(&view->signature, &seen->signature);
    if (!atomic_compare_exchange_strong(&ctx->tiers, &seen, view)) {
        tiers_view_free(view); /* another look was faster */
        return 0;
    }
    guard_retire(&ctx->guard, seen, tiers_view_free);
    if (edited)
        context_log(ctx, LOG_INFO, "the edited tier table is in force");
    return 0;
}

/* The table in force is looked at inside the guard: another look could replace it meanwhile. */
static int look_at_tiers(struct espt_ctx *ctx, bool settle, struct espt_error *err)
{
    struct stat st;
    if (stat(ctx->config.tiers, &st) != 0) {
        espt_fail(err, ESPT_UNUSABLE, "%s: %s", ctx->config.tiers, strerror(errno));
        return keep_tiers(ctx, NULL, err);
    }
    const struct signature now = {st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
    unsigned slot = guard_enter(&ctx->guard);
    struct tiers_view *seen = atomic_load(&ctx->tiers);
    int code = 0;
    if (same(&seen->signature, &now) && !seen->unsettled)
        atomic_store(&ctx->told_tiers, 0);
    else if (!settle || settled(ctx, &now))
        code = reload_tiers(ctx, seen, &now, settle, err);
    guard_leave(&ctx->guard, slot);
    return code;
}

static int reopen_store(struct espt_ctx *ctx, struct store_view *seen, struct espt_error *err)
{
    struct store_view *view = NULL;
    int code = store_view_open(ctx, &view, err);
    for (int tries = 1; code != 0 && tries < OPEN_TRIES; tries++)
        code = store_view_open(ctx, &view, err);
    if (code != 0)
        log_once(ctx, &ctx->told_store, err->message, NULL);
    if (view == seen)
        return code; /* there was none, and there is none */
    if (!atomic_compare_exchange_strong(&ctx->store, &seen, view)) {
        store_view_free(view); /* another look was faster */
        return code;
    }
    guard_retire(&ctx->guard, seen, store_view_free);
    if (view != NULL) {
        atomic_store(&ctx->told_store, 0);
        context_log(ctx, LOG_INFO, "the store was opened anew");
    }
    return code;
}

static bool lies_at_path(const struct espt_ctx *ctx, const struct store_view *view)
{
    struct stat st;
    return stat(ctx->config.store, &st) == 0 && st.st_dev == view->dev && st.st_ino == view->ino;
}

/* Is the store that answers still the one at the path? Unlinked ones are seen in a chroot too. */
static int look_at_store(struct espt_ctx *ctx, bool may_open, struct espt_error *err)
{
    struct stat st;
    unsigned slot = guard_enter(&ctx->guard);
    struct store_view *seen = atomic_load(&ctx->store);
    int code = 0;
    bool good = seen != NULL && fstat(seen->reader.fd, &st) == 0 && st.st_nlink > 0 &&
                st.st_dev == seen->dev && st.st_ino == seen->ino &&
                (!may_open || lies_at_path(ctx, seen));
    if (!good && may_open) {
        code = reopen_store(ctx, seen, err);
    } else if (!good) {
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: the store was replaced, and is not opened again in another root",
                         ctx->config.store);
        log_once(ctx, &ctx->told_store, err->message, NULL);
        if (seen != NULL && atomic_compare_exchange_strong(&ctx->store, &seen, NULL))
            guard_retire(&ctx->guard, seen, store_view_free);
    }
    guard_leave(&ctx->guard, slot);
    return code;
}

/* `err` says the first of what is wrong; the store is looked at whatever is wrong with the rest. */
static int look(struct espt_ctx *ctx, bool settle, struct espt_error *err)
{
    struct espt_error second;
    bool may_open = !chrooted(ctx, err);
    int code = may_open ? look_at_tiers(ctx, settle, err) : ESPT_UNUSABLE;
    int store = look_at_store(ctx, may_open, code == 0 ? err : &second);
    usage_look(ctx);
    guard_collect(&ctx->guard);
    return code != 0 ? code : store;
}

void look_if_due(struct espt_ctx *ctx)
{
    int64_t now = monotonic_ms();
    int64_t due = atomic_load_explicit(&ctx->next_look, memory_order_relaxed);
    if (now < due || !atomic_compare_exchange_strong(&ctx->next_look, &due, now + LOOK_MS))
        return;
    struct espt_error err;
    (void)!look(ctx, true, &err); /* what is wrong was logged; the old goes on, or nothing does */
}

static enum reader_status read_nothing(void *arg, struct snapshot *snapshot)
{
    (void)arg, (void)snapshot;
    return READER_OK;
}

int look_now(struct espt_ctx *ctx, struct espt_error *err)
{
    int code = look(ctx, false, err);
    struct views views;
    views_take(ctx, &views);
    enum reader_status status =
        views.store != NULL ? reader_look(&views.store->reader, read_nothing, NULL) : READER_CLOSED;
    views_give(ctx, &views);
    if (code == 0 && status != READER_OK)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s", ctx->config.store, store_fault(status));
    return code;
}

/* Between the mark of closure and the rename there are moments in which the path still names the
   closed file, and no command has returned yet: any call may ask again, but only for a second. What
   takes its place later is found by the look of each second. */
bool look_again(struct espt_ctx *ctx, struct store_view *used, bool outgrown)
{
    struct espt_error err;
    if (atomic_load(&ctx->store) != used)
        return true;
    int64_t now = monotonic_ms(), first = 0;
    if (!atomic_compare_exchange_strong(&used->left_at, &first, now) && now - first >= LOOK_MS)
        return false;
    if (chrooted(ctx, &err) || (!outgrown && lies_at_path(ctx, used)))
        return false;
    (void)!reopen_store(ctx, used, &err);
    return atomic_load(&ctx->store) != used;
}
