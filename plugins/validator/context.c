/* SPDX-License-Identifier: ISC */
#include "context.h"

#include "common/ini.h"
#include "common/trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_MS 200
#define SAVE_WAIT_MS 20
#define SAVE_WAITS 50

void views_enter(struct espt_ctx *ctx, struct views *ret_views)
{
    ret_views->slot = reclaim_enter(&ctx->reclaim);
    ret_views->tiers = atomic_load(&ctx->tiers);
    ret_views->store = atomic_load(&ctx->store);
}

void views_leave(struct espt_ctx *ctx, const struct views *views)
{
    reclaim_leave(&ctx->reclaim, views->slot);
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
        return "the store is damaged; run 'esp-tokenctl check'";
    case READER_NEWER:
        return "the store has a newer version than this validator; update the validator and "
               "restart this process";
    case READER_OLDER:
        return "the store has an older version; run 'esp-tokenctl upgrade'";
    case READER_CLOSED:
        return "the store was replaced, and the new one cannot be opened; run 'esp-tokenctl check'";
    default:
        return "the store cannot be read now";
    }
}

void context_log(struct espt_ctx *ctx, int level, const char *message)
{
    if (ctx->log != NULL)
        ctx->log(ctx->log_arg, level, message, strlen(message));
}

static int open_trusted(const struct espt_ctx *ctx, const char *path, int *ret_fd,
                        struct espt_error *err)
{
    return ctx->walk != NULL
               ? trust_walk_open(ctx->walk, path, ctx->owner, TRUST_PUBLIC, ret_fd, err)
               : trust_open(path, ctx->owner, TRUST_PUBLIC, ret_fd, err);
}

/* Requires the same signature before and after the read, because editors save in several steps. */
int tiers_open(struct espt_ctx *ctx, struct tiers_view **ret_view, struct espt_error *err)
{
    const char *path = ctx->config.tiers;
    struct stat before, after;
    char *text = NULL;
    size_t len = 0;
    int fd;
    int code = open_trusted(ctx, path, &fd, err);
    if (code != 0)
        return code;
    struct tiers_view *view = calloc(1, sizeof *view);
    if (view == NULL || fstat(fd, &before) != 0)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s", path, espt_errno_text(errno));
    if (code == 0)
        code = trust_read_fd(fd, path, INI_FILE_MAX, &text, &len, err);
    if (code == 0 && (fstat(fd, &after) != 0 || before.st_size != after.st_size ||
                      before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                      before.st_mtim.tv_nsec != after.st_mtim.tv_nsec))
        code = espt_fail(err, ESPT_UNUSABLE, "%s: the file changed while it was read; try again",
                         path);
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

/* Whether the file changed less than SETTLE_MS ago. If it is missing, an editor may have moved it;
   then the folder's time counts. */
static bool just_saved(const char *path)
{
    struct stat st;
    int rc = stat(path, &st);
    if (rc != 0 && errno == ENOENT) {
        char *folder = strdup(path);
        char *slash = folder != NULL ? strrchr(folder, '/') : NULL;
        if (slash != NULL) {
            slash[slash == folder] = '\0';
            rc = stat(folder, &st);
        }
        free(folder);
    }
    if (rc != 0)
        return false;
    const struct signature signature = {.changed = st.st_ctim};
    return !settled_by_times(&signature);
}

static bool wait_for_save(const char *path, unsigned *waits)
{
    if (*waits == SAVE_WAITS || !just_saved(path))
        return false;
    ++*waits;
    nanosleep(&(struct timespec){.tv_nsec = SAVE_WAIT_MS * 1000000L}, NULL);
    return true;
}

int config_open_saved(struct espt_ctx *ctx, const char *path, struct espt_error *err)
{
    unsigned waits = 0;
    int code;
    do
        code = config_load_on(ctx->walk, &ctx->config, path, ctx->owner, err);
    while (code != 0 && wait_for_save(path, &waits));
    return code;
}

int tiers_open_saved(struct espt_ctx *ctx, struct tiers_view **ret_view, struct espt_error *err)
{
    unsigned waits = 0;
    int code;
    do
        code = tiers_open(ctx, ret_view, err);
    while (code != 0 && wait_for_save(ctx->config.tiers, &waits));
    return code;
}

int store_view_open(struct espt_ctx *ctx, struct store_view **ret_view, struct espt_error *err)
{
    struct stat st;
    int fd;
    int code = open_trusted(ctx, ctx->config.store, &fd, err);
    if (code != 0)
        return code;
    struct store_view *view = calloc(1, sizeof *view);
    if (view == NULL || fstat(fd, &st) != 0) {
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s", ctx->config.store, espt_errno_text(errno));
        close(fd);
    } else {
        code = reader_open(&view->reader, fd, ctx->config.store, ctx->config.map_size, err);
    }
    if (code != 0) {
        free(view);
        return code;
    }
    view->users = malloc(sizeof *view->users);
    if (view->users == NULL) {
        reader_close(&view->reader);
        free(view);
        return espt_fail(err, ESPT_UNUSABLE, "%s: out of memory", ctx->config.store);
    }
    atomic_init(view->users, 1);
    view->dev = st.st_dev;
    view->ino = st.st_ino;
    *ret_view = view;
    return 0;
}

int store_view_widen(struct espt_ctx *ctx, const struct store_view *narrow,
                     struct store_view **ret_view, struct espt_error *err)
{
    struct store_view *view = calloc(1, sizeof *view);
    if (view == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "%s: out of memory", ctx->config.store);
    int code = reader_widen(&view->reader, &narrow->reader, ctx->config.store, err);
    if (code != 0) {
        free(view);
        return code;
    }
    view->users = narrow->users;
    atomic_fetch_add(view->users, 1);
    view->dev = narrow->dev;
    view->ino = narrow->ino;
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
    const bool last = atomic_fetch_sub(view->users, 1) == 1;
    /* A host that became a daemon may have closed all descriptors, and the number may now belong to
       another file. Do not close that. */
    if (!last || fstat(view->reader.fd, &st) != 0 || st.st_dev != view->dev ||
        st.st_ino != view->ino)
        view->reader.fd = -1;
    reader_close(&view->reader);
    if (last)
        free(view->users);
    free(view);
}
