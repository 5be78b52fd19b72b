/*
 * The table that hosts call through: arguments are judged here, before anything looks at them.
 *
 * MUST 1: never read or write beyond the sizes that the host gave; its structs may lie on any
 *         address, change meanwhile, or share memory with each other and with texts: a query is
 *         copied, and of a result nothing is read but its size.
 * MUST 2: every field of a result that is not filled is zero, on every return.
 * MUST 3: errno is the host's: each entry leaves it as it was.
 */
#include "judge.h"
#include "look.h"
#include "memo.h"
#include "places.h"
#include "usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* What follows this version's fields in a larger struct. */
static bool zero_beyond(const void *object, size_t known, size_t size)
{
    const unsigned char *byte = object;
    for (size_t i = known; i < size; i++) {
        if (byte[i] != 0)
            return false;
    }
    return true;
}

static bool query_take(espt_query *ret_query, const espt_query *query)
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

/* A result of less than this version's fields: no field but the status is certain to be there. */
static void refuse_small(void *result, uint32_t size)
{
    const int32_t status = ESPT_ERR_USAGE;
    const size_t at = offsetof(espt_result, status);
    if (size > at)
        memset((unsigned char *)result + at, 0, size - at);
    if (size >= at + sizeof status)
        memcpy((unsigned char *)result + at, &status, sizeof status);
}

static bool apart(const void *a, size_t a_len, const void *b, size_t b_len)
{
    const uintptr_t left = (uintptr_t)a, right = (uintptr_t)b;
    return left < right ? right - left >= a_len : left - right >= b_len;
}

/* Then it can be filled where it lies: a copy would take a twentieth of a hot validation. */
static bool fills_in_place(const espt_result *result, const espt_query *asked)
{
    return (uintptr_t)result % _Alignof(espt_result) == 0 &&
           apart(result, sizeof *result, asked->token, asked->token_len) &&
           apart(result, sizeof *result, asked->metric, asked->metric_len) &&
           apart(result, sizeof *result, asked->entity, asked->entity_len);
}

static int32_t answer(espt_ctx *ctx, const espt_query *asked, espt_result *ret_answer,
                      uint32_t size)
{
    memset(ret_answer, 0, sizeof *ret_answer);
    ret_answer->size = size;
    look_if_due(ctx);
    const int32_t status = judge(ctx, asked, ret_answer);
    ret_answer->status = status;
    return status;
}

static int32_t answer_aside(espt_ctx *ctx, const espt_query *asked, espt_result *result,
                            uint32_t size)
{
    espt_result aside;
    const int32_t status = answer(ctx, asked, &aside, size);
    memcpy(result, &aside, sizeof aside);
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
        refuse_small(result, size);
        return 0;
    }
    const int kept = errno;
    espt_query asked;
    int32_t status;
    if (ctx == NULL || !query_take(&asked, query))
        status = refuse(result, size);
    else if (fills_in_place(result, &asked))
        status = answer(ctx, &asked, result, size);
    else
        status = answer_aside(ctx, &asked, result, size);
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
    look_if_due(ctx);
    views_take(ctx, &views);
    const struct tier *tier = tier_find(views.tiers->table, name);
    bool allowed = tier != NULL && tier_allows(views.tiers->table, tier, metric, metric_len);
    views_give(ctx, &views);
    errno = kept;
    return allowed;
}

static void tell(char *err, size_t err_len, const struct espt_error *error)
{
    if (err != NULL && err_len > 0)
        espt_fit(err, err_len, error->message);
}

static int refresh(espt_ctx *ctx, char *err, size_t err_len)
{
    struct espt_error error = {0};
    if (ctx == NULL) {
        espt_fail(&error, ESPT_USAGE, "refresh of no context");
        tell(err, err_len, &error);
        return 0;
    }
    const int kept = errno;
    int code = look_now(ctx, &error);
    tell(err, err_len, &error);
    errno = kept;
    return code == 0;
}

static void close_context(espt_ctx *ctx)
{
    if (ctx == NULL)
        return;
    guard_clear(&ctx->guard);
    usage_close(ctx);
    memo_close(ctx->memo);
    tiers_view_free(atomic_load(&ctx->tiers));
    store_view_free(atomic_load(&ctx->store));
    free(ctx);
}

static int open_context(espt_ctx *ctx, const char *config, struct espt_error *error)
{
    struct stat root;
    struct tiers_view *tiers = NULL;
    struct store_view *store = NULL;
    if (stat("/", &root) != 0)
        return espt_fail(error, ESPT_UNUSABLE, "/: %s", strerror(errno));
    ctx->root_dev = root.st_dev;
    ctx->root_ino = root.st_ino;
    ctx->owner = geteuid();
    int code = config_load(&ctx->config, config, ctx->owner, error);
    if (code == 0)
        code = tiers_open(ctx, &tiers, error);
    atomic_store(&ctx->tiers, tiers);
    if (code == 0)
        code = store_view_open(ctx, &store, error);
    atomic_store(&ctx->store, store);
    if (code == 0 && (ctx->memo = memo_open()) == NULL)
        code = espt_fail(error, ESPT_UNUSABLE, "no memory, or no random bytes");
    if (code == 0)
        usage_open(ctx);
    atomic_store(&ctx->next_look, monotonic_ms() + 1000);
    return code;
}

static int open_validator(espt_ctx **ret, const char *config, espt_log_fn log, void *log_arg,
                          char *err, size_t err_len)
{
    struct espt_error error = {0};
    int code = ESPT_USAGE;
    const int kept = errno;
    espt_ctx *ctx = ret != NULL ? aligned_alloc(_Alignof(espt_ctx), sizeof *ctx) : NULL;
    if (ctx == NULL) {
        espt_fail(&error, code,
                  ret == NULL ? "open without a place for the context" : "out of memory");
    } else {
        memset(ctx, 0, sizeof *ctx);
        ctx->log = log;
        ctx->log_arg = log_arg;
        code = open_context(
            ctx, config != NULL ? config : ESPT_SYSCONFDIR "/esp-token/esp-token.conf", &error);
    }
    if (code == 0) {
        *ret = ctx;
    } else {
        tell(err, err_len, &error);
        close_context(ctx);
    }
    errno = kept;
    return code == 0;
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
        .open = open_validator,
        .validate = validate,
        .allows = allows,
        .refresh = refresh,
        .close = close_context,
        .reason = reason,
    };
    return host_abi >> 16 == ESPT_ABI >> 16 ? &validator : NULL;
}
