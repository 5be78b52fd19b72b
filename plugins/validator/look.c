#include "look.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#define LOOK_MS 1000
#define SETTLE_MS 200

/* FNV-1a, 64 bits: only to tell one state of a file from the next. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_text(const char *text)
{
    return hash_bytes(UINT64_C(0xcbf29ce484222325), text, strlen(text)) | 1;
}

static uint64_t hash_signature(const struct signature *s)
{
    const int64_t fields[] = {(int64_t)s->dev,    (int64_t)s->ino,     s->size,
                              s->modified.tv_sec, s->modified.tv_nsec, s->changed.tv_sec,
                              s->changed.tv_nsec};
    return hash_bytes(UINT64_C(0xcbf29ce484222325), fields, sizeof fields) | 1;
}

/* Each fault once: again only after it went, or became another. */
static void log_once(struct espt_ctx *ctx, _Atomic uint64_t *told, const char *message)
{
    uint64_t hash = hash_text(message);
    if (atomic_exchange(told, hash) != hash)
        context_log(ctx, LOG_WARNING, message);
}

/* Another `/` than at open: a stranger's files could lie at the paths. */
static bool chrooted(struct espt_ctx *ctx)
{
    struct stat root;
    if (stat("/", &root) == 0 && root.st_dev == ctx->root_dev && root.st_ino == ctx->root_ino)
        return false;
    if (!atomic_exchange(&ctx->told_root, true))
        context_log(ctx, LOG_WARNING,
                    "the root folder is another than at open: no file is opened again");
    return true;
}

static int64_t age_ms(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
}

/* Has it stayed the same for long enough? By its times, or, where clocks went back, by two looks.
 */
static bool settled(struct espt_ctx *ctx, const struct signature *now)
{
    uint64_t hash = hash_signature(now);
    if (age_ms(&now->modified) >= SETTLE_MS && age_ms(&now->changed) >= SETTLE_MS)
        return true;
    return atomic_exchange(&ctx->pending, hash) == hash;
}

static int reload_tiers(struct espt_ctx *ctx, struct tiers_view *seen, struct espt_error *err)
{
    struct tiers_view *view;
    int code = tiers_open(ctx, &view, err);
    if (code != 0) {
        log_once(ctx, &ctx->told_tiers, err->message);
        return code;
    }
    atomic_store(&ctx->told_tiers, 0);
    if (!atomic_compare_exchange_strong(&ctx->tiers, &seen, view)) {
        tiers_view_free(view); /* another look was faster */
        return 0;
    }
    guard_retire(&ctx->guard, seen, tiers_view_free);
    context_log(ctx, LOG_INFO, "the edited tier table is in force");
    return 0;
}

/* The table in force is looked at inside the guard: another look could replace it meanwhile. */
static int look_at_tiers(struct espt_ctx *ctx, bool settle, struct espt_error *err)
{
    struct stat st;
    if (stat(ctx->config.tiers, &st) != 0) {
        int code = espt_fail(err, ESPT_UNUSABLE, "%s: %s; the old table stays in force",
                             ctx->config.tiers, strerror(errno));
        log_once(ctx, &ctx->told_tiers, err->message);
        return code;
    }
    const struct signature now = {st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
    unsigned slot = guard_enter(&ctx->guard);
    struct tiers_view *seen = atomic_load(&ctx->tiers);
    int code = 0;
    if (hash_signature(&seen->signature) != hash_signature(&now) && (!settle || settled(ctx, &now)))
        code = reload_tiers(ctx, seen, err);
    guard_leave(&ctx->guard, slot);
    return code;
}

static int reopen_store(struct espt_ctx *ctx, struct store_view *seen, struct espt_error *err)
{
    struct store_view *view = NULL;
    int code = store_view_open(ctx, &view, err);
    if (code != 0)
        log_once(ctx, &ctx->told_store, err->message);
    else if (atomic_exchange(&ctx->told_store, 0) != 0 || seen != NULL)
        context_log(ctx, LOG_INFO, "the store was opened anew");
    if (view == seen)
        return code; /* there was none, and there is none */
    if (atomic_compare_exchange_strong(&ctx->store, &seen, view))
        guard_retire(&ctx->guard, seen, store_view_free);
    else
        store_view_free(view);
    return code;
}

/* Is the store that answers still the one at the path? Unlinked ones are seen in a chroot too. */
static int look_at_store(struct espt_ctx *ctx, bool may_open, struct espt_error *err)
{
    struct stat st;
    unsigned slot = guard_enter(&ctx->guard);
    struct store_view *seen = atomic_load(&ctx->store);
    int code = 0;
    bool same = seen != NULL && fstat(seen->reader.fd, &st) == 0 && st.st_nlink > 0 &&
                st.st_dev == seen->dev && st.st_ino == seen->ino;
    if (same && may_open)
        same =
            stat(ctx->config.store, &st) == 0 && st.st_dev == seen->dev && st.st_ino == seen->ino;
    if (!same && may_open) {
        code = reopen_store(ctx, seen, err);
    } else if (!same) {
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: the store was replaced, and is not opened again in another root",
                         ctx->config.store);
        log_once(ctx, &ctx->told_store, err->message);
        if (seen != NULL && atomic_compare_exchange_strong(&ctx->store, &seen, NULL))
            guard_retire(&ctx->guard, seen, store_view_free);
    }
    guard_leave(&ctx->guard, slot);
    return code;
}

static int look(struct espt_ctx *ctx, bool settle, struct espt_error *err)
{
    bool may_open = !chrooted(ctx);
    int tiers = may_open ? look_at_tiers(ctx, settle, err) : 0;
    int store = tiers == 0 ? look_at_store(ctx, may_open, err)
                           : look_at_store(ctx, may_open, &(struct espt_error){0});
    guard_collect(&ctx->guard);
    return tiers != 0 ? tiers : store;
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

int look_now(struct espt_ctx *ctx, struct espt_error *err)
{
    return look(ctx, false, err);
}

/* Every thread that meets a closed store opens the new one by itself, for the first second: later,
   the look of each second does. */
bool look_again(struct espt_ctx *ctx, struct store_view *used)
{
    if (atomic_load(&ctx->store) != used)
        return true;
    int64_t now = monotonic_ms(), first = 0;
    if (!atomic_compare_exchange_strong(&used->closed_at, &first, now) && now - first >= LOOK_MS)
        return false;
    if (chrooted(ctx))
        return false;
    struct espt_error err;
    return reopen_store(ctx, used, &err) == 0;
}
