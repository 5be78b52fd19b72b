#include "context.h"

#include "common/ini.h"
#include "common/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 200

void views_take(struct espt_ctx *ctx, struct views *ret_views)
{
    ret_views->slot = guard_enter(&ctx->guard);
    ret_views->tiers = atomic_load(&ctx->tiers);
    ret_views->store = atomic_load(&ctx->store);
}

void views_give(struct espt_ctx *ctx, const struct views *views)
{
    guard_leave(&ctx->guard, views->slot);
}

int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t realtime_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec;
}

bool settled_by_times(const struct signature *signature)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t seconds = (int64_t)now.tv_sec - signature->changed.tv_sec;
    int64_t rest = (now.tv_nsec - signature->changed.tv_nsec) / 1000000;
    return seconds > 1 || (seconds >= 0 && seconds * 1000 + rest >= SETTLE_MS);
}

const char *store_fault(enum reader_status status)
{
    switch (status) {
    case READER_CORRUPT:
        return "the store is damaged; run esp-tokenctl check";
    case READER_NEWER:
        return "the store is of a newer version than this validator";
    case READER_OLDER:
        return "the store is of an older version: run esp-tokenctl upgrade";
    case READER_CLOSED:
        return "the store was replaced, and the new one is not there";
    default:
        return "the store cannot be read now";
    }
}

void context_log(struct espt_ctx *ctx, int level, const char *message)
{
    if (ctx->log != NULL)
        ctx->log(ctx->log_arg, level, message, strlen(message));
}

/* The file must be the same before and after it was read: editors save in steps. */
int tiers_open(struct espt_ctx *ctx, struct tiers_view **ret_view, struct espt_error *err)
{
    const char *path = ctx->config.tiers;
    struct stat before, after;
    char *text = NULL;
    size_t len = 0;
    int fd;
    int code = trust_open(path, ctx->owner, TRUST_PUBLIC, &fd, err);
    if (code != 0)
        return code;
    struct tiers_view *view = calloc(1, sizeof *view);
    if (view == NULL || fstat(fd, &before) != 0)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, strerror(errno));
    if (code == 0)
        code = trust_read_fd(fd, path, INI_FILE_MAX, &text, &len, err);
    if (code == 0 && (fstat(fd, &after) != 0 || before.st_size != after.st_size ||
                      before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                      before.st_mtim.tv_nsec != after.st_mtim.tv_nsec))
        code = espt_fail(err, ESPT_UNUSABLE, "%s: it is being written; try again", path);
    if (code == 0)
        code = tier_table_parse(&view->table, path, text, len, err);
    close(fd);
    free(text);
    if (code != 0) {
        free(view);
        return code;
    }
    view->signature = (struct signature){before.st_dev, before.st_ino, before.st_size,
                                         before.st_mtim, before.st_ctim};
    view->unsettled = !settled_by_times(&view->signature);
    *ret_view = view;
    return 0;
}

int store_view_open(struct espt_ctx *ctx, struct store_view **ret_view, struct espt_error *err)
{
    struct stat st;
    int fd;
    int code = trust_open(ctx->config.store, ctx->owner, TRUST_PUBLIC, &fd, err);
    if (code != 0)
        return code;
    struct store_view *view = calloc(1, sizeof *view);
    if (view == NULL || fstat(fd, &st) != 0) {
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s", ctx->config.store, strerror(errno));
        close(fd);
    } else if (st.st_nlink == 0) { /* a mount of the file alone outlives the file's name */
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: the store was replaced, and this is the old one; mount the new one",
                         ctx->config.store);
        close(fd);
    } else {
        code = reader_open(&view->reader, fd, ctx->config.store, ctx->config.map_size, err);
    }
    if (code != 0) {
        free(view);
        return code;
    }
    view->dev = st.st_dev;
    view->ino = st.st_ino;
    *ret_view = view;
    return 0;
}

void tiers_view_free(void *object)
{
    struct tiers_view *view = object;
    if (view == NULL)
        return;
    tier_table_free(view->table);
    free(view);
}

void store_view_free(void *object)
{
    struct store_view *view = object;
    struct stat st;
    if (view == NULL)
        return;
    /* A host that became a daemon may have closed all descriptors: not ours, not to be closed. */
    if (fstat(view->reader.fd, &st) != 0 || st.st_dev != view->dev || st.st_ino != view->ino)
        view->reader.fd = -1;
    reader_close(&view->reader);
    free(view);
}
