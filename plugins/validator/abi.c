/* SPDX-License-Identifier: ISC */
/*
 * The table of functions that hosts call. It checks all arguments before other files use them.
 *
 * MUST 1: never read or write beyond the sizes that the host gave. The host's structs may be
 *         unaligned, may change during the call, and may overlap each other and the texts. So a
 *         query is copied first, and only the size of a result is read.
 * MUST 2: every field of a result that is not filled is zero, on every return.
 * MUST 3: every function restores the host's errno before it returns.
 */
#include "build_config.h"
#include "common/trust.h"
#include "memo.h"
#include "reload.h"
#include "usage.h"
#include "verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* Whether the bytes after this version's fields are zero. A newer host has a larger struct. */
static bool zero_beyond(const void *object, size_t known, size_t size)
{
    const unsigned char *byte = object;
    for (size_t i = known; i < size; i++) {
        if (byte[i] != 0)
            return false;
    }
    return true;
}

static bool query_copy(espt_query *ret_query, const espt_query *query)
{
    uint32_t size;
    if (query == NULL)
        return false;
    memcpy(&size, query, sizeof size);
    if (size < sizeof *query || !zero_beyond(query, sizeof *query, size))
        return false;
    memcpy(ret_query, query, sizeof *ret_query);
    return ret_query->flags == 0 && (ret_query->token != NULL || ret_query->token_len == 0);
}

/* Fills the status of a result that is smaller than this version's struct, if there is room for it.
 */
static void refuse_short(void *result, uint32_t size)
{
    const int32_t status = ESPT_ERR_USAGE;
    const size_t at = offsetof(espt_result, status);
    if (size > at)
        memset((unsigned char *)result + at, 0, size - at);
    if (size >= at + sizeof status)
        memcpy((unsigned char *)result + at, &status, sizeof status);
}

/* Whether two ranges of memory do not overlap. */
static bool disjoint(const void *a, size_t a_len, const void *b, size_t b_len)
{
    const uintptr_t left = (uintptr_t)a, right = (uintptr_t)b;
    return left < right ? right - left >= a_len : left - right >= b_len;
}

/* Whether the host's result can be filled directly. A copy would take a twentieth of the time of a
   validation whose data is in the processor's caches. */
static bool fills_in_place(const espt_result *result, const espt_query *asked)
{
    return (uintptr_t)result % _Alignof(espt_result) == 0 &&
           disjoint(result, sizeof *result, asked->token, asked->token_len) &&
           disjoint(result, sizeof *result, asked->metric, asked->metric_len) &&
           disjoint(result, sizeof *result, asked->entity, asked->entity_len);
}

static int32_t answer(espt_ctx *ctx, const espt_query *asked, espt_result *ret_answer,
                      uint32_t size)
{
    memset(ret_answer, 0, sizeof *ret_answer);
    ret_answer->size = size;
    reload_if_due(ctx);
    const int32_t status = verdict_of(ctx, asked, ret_answer);
    ret_answer->status = status;
    return status;
}

static int32_t answer_in_copy(espt_ctx *ctx, const espt_query *asked, espt_result *result,
                              uint32_t size)
{
    espt_result copy;
    const int32_t status = answer(ctx, asked, &copy, size);
    memcpy(result, &copy, sizeof copy);
    return status;
}

static int32_t refuse(espt_result *result, uint32_t size)
{
    static const char detail[] = "the query breaks the rules of validator.h";
    espt_result refused = {.size = size, .status = ESPT_ERR_USAGE};
    memcpy(refused.detail, detail, sizeof detail);
    memcpy(result, &refused, sizeof refused);
    return ESPT_ERR_USAGE;
}

static int validate(espt_ctx *ctx, const espt_query *query, espt_result *result)
{
    uint32_t size;
    if (result == NULL)
        return 0;
    memcpy(&size, result, sizeof size);
    if (size < sizeof *result) {
        refuse_short(result, size);
        return 0;
    }
    const int kept = errno;
    espt_query asked;
    int32_t status;
    if (ctx == NULL || !query_copy(&asked, query))
        status = refuse(result, size);
    else if (fills_in_place(result, &asked))
        status = answer(ctx, &asked, result, size);
    else
        status = answer_in_copy(ctx, &asked, result, size);
    memset((unsigned char *)result + sizeof *result, 0, size - sizeof *result);
    errno = kept;
    return status == ESPT_ALLOW;
}

static int allows(espt_ctx *ctx, const espt_result *result, const char *metric, size_t metric_len)
{
    uint32_t size;
    int32_t status;
    if (ctx == NULL || result == NULL || metric == NULL)
        return 0;
    memcpy(&size, result, sizeof size);
    if (size < sizeof *result)
        return 0;
    memcpy(&status, (const char *)result + offsetof(espt_result, status), sizeof status);
    const char *name = (const char *)result + offsetof(espt_result, tier);
    if (status != ESPT_ALLOW || strnlen(name, sizeof result->tier) == sizeof result->tier)
        return 0;
    const int kept = errno;
    struct views views;
    reload_if_due(ctx);
    views_enter(ctx, &views);
    const struct tier *tier = tier_find(views.tiers->table, name);
    bool allowed = tier != NULL && tier_allows(views.tiers->table, tier, metric, metric_len);
    views_leave(ctx, &views);
    errno = kept;
    return allowed;
}

static void copy_message(char *err, size_t err_len, const struct espt_error *error)
{
    if (err != NULL && err_len > 0)
        espt_fit(err, err_len, error->message);
}

static int refresh(espt_ctx *ctx, char *err, size_t err_len)
{
    struct espt_error error = {0};
    if (ctx == NULL) {
        espt_fail(&error, ESPT_USAGE, "refresh: the context is NULL");
        copy_message(err, err_len, &error);
        return 0;
    }
    const int kept = errno;
    int code = reload_now(ctx, &error);
    copy_message(err, err_len, &error);
    errno = kept;
    return code == 0;
}

static void close_context(espt_ctx *ctx)
{
    if (ctx == NULL)
        return;
    reclaim_clear(&ctx->reclaim);
    usage_close(ctx);
    memo_close(ctx->memo);
    free(atomic_load(&ctx->errors));
    tiers_view_free(atomic_load(&ctx->tiers));
    store_view_free(atomic_load(&ctx->store));
    free(ctx);
}

static int open_context(espt_ctx *ctx, const char *config, bool counts, struct espt_error *error)
{
    struct stat root;
    struct tiers_view *tiers = NULL;
    struct store_view *store = NULL;
    if (stat("/", &root) != 0)
        return espt_fail_call(error, "/", "stat", errno, "");
    ctx->root_dev = root.st_dev;
    ctx->root_ino = root.st_ino;
    ctx->owner = geteuid();
    if ((ctx->walk = trust_walk_new(error)) == NULL)
        return ESPT_UNUSABLE;
    int code = config_open_saved(ctx, config, error);
    if (code == 0)
        code = tiers_open_saved(ctx, &tiers, error);
    atomic_store(&ctx->tiers, tiers);
    if (code == 0)
        code = store_view_open(ctx, &store, error);
    atomic_store(&ctx->store, store);
    if (code == 0 && (ctx->memo = memo_open()) == NULL)
        code = espt_fail(error, ESPT_UNUSABLE, "out of memory, or the system has no random bytes");
    atomic_store(&ctx->errors, malloc(sizeof(struct reload_errors)));
    if (code == 0 && counts)
        usage_open(ctx);
    trust_walk_free(ctx->walk);
    ctx->walk = NULL;
    atomic_store(&ctx->next_check, monotonic_ms() + 1000);
    return code;
}

static int open_either(espt_ctx **ret, const char *config, bool counts, espt_log_fn log,
                       void *log_arg, char *err, size_t err_len)
{
    struct espt_error error = {0};
    int code = ESPT_USAGE;
    const int kept = errno;
    espt_ctx *ctx = ret != NULL ? aligned_alloc(_Alignof(espt_ctx), sizeof *ctx) : NULL;
    if (ctx == NULL) {
        espt_fail(&error, code,
                  ret == NULL ? "open: the pointer to the context is NULL" : "out of memory");
    } else {
        memset(ctx, 0, sizeof *ctx);
        ctx->log = log;
        ctx->log_arg = log_arg;
        code =
            open_context(ctx, config != NULL ? config : ESPT_SYSCONFDIR "/esp-token/esp-token.conf",
                         counts, &error);
    }
    if (code == 0) {
        *ret = ctx;
    } else {
        copy_message(err, err_len, &error);
        close_context(ctx);
    }
    errno = kept;
    return code == 0;
}

static int open_counted(espt_ctx **ret, const char *config, espt_log_fn log, void *log_arg,
                        char *err, size_t err_len)
{
    return open_either(ret, config, true, log, log_arg, err, err_len);
}

static int open_uncounted(espt_ctx **ret, const char *config, espt_log_fn log, void *log_arg,
                          char *err, size_t err_len)
{
    return open_either(ret, config, false, log, log_arg, err, err_len);
}

static const char *reason(int32_t status)
{
    switch (status) {
    case ESPT_ALLOW:
        return "allow";
    case ESPT_DENY_MALFORMED:
        return "malformed";
    case ESPT_DENY_UNKNOWN:
        return "unknown";
    case ESPT_DENY_INACTIVE:
        return "inactive";
    case ESPT_DENY_EXPIRED:
        return "expired";
    case ESPT_DENY_SUSPENDED:
        return "suspended";
    case ESPT_DENY_TIER:
        return "tier";
    case ESPT_DENY_ENTITY:
        return "entity";
    case ESPT_DENY_METRIC:
        return "metric";
    case ESPT_ERR_UNAVAILABLE:
        return "unavailable";
    case ESPT_ERR_CORRUPT:
        return "corrupt";
    case ESPT_ERR_USAGE:
        return "usage";
    default:
        return "unset";
    }
}

EXPORT const espt_validator *espt_validator_get(uint32_t host_abi)
{
    static const espt_validator validator = {
        .abi = ESPT_ABI,
        .size = sizeof validator,
        .version = ESPT_VERSION,
        .open = open_counted,
        .validate = validate,
        .allows = allows,
        .refresh = refresh,
        .close = close_context,
        .reason = reason,
        .open_uncounted = open_uncounted,
    };
    return host_abi >> 16 == ESPT_ABI >> 16 ? &validator : NULL;
}
