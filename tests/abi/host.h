/* SPDX-License-Identifier: ISC */
/* A typical host: it loads the plugin with dlopen, and esp-tokenctl creates its store. A failure
   ends the test. */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include "espt/validator.h"
#include "support/support.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEXT_LEN 54

static const espt_validator *plugin;
static const char *folder, *config;
static espt_ctx *ctx;
static atomic_int warnings, notices; /* what the plugin logged */
static char last_log[1024];
static atomic_flag logging = ATOMIC_FLAG_INIT;

/* A token text lives as long as the process. */
struct text {
    char bytes[TEXT_LEN + 1];
};

static inline void count_log(void *arg, int level, const char *message, size_t len)
{
    ck_assert_ptr_eq(arg, &warnings);
    ck_assert_uint_eq(strlen(message), len);
    ck_assert_ptr_null(strstr(message, "esptk_"));
    /* keeps the message of one thread; no lock, because a child forked during it would hang */
    if (!atomic_flag_test_and_set(&logging)) {
        snprintf(last_log, sizeof last_log, "%s", message);
        atomic_flag_clear(&logging);
    }
    atomic_fetch_add(level <= 4 ? &warnings : &notices, 1);
}

static inline void host_load(void)
{
    void *library = dlopen(plugin_path(), RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    const espt_validator *(*get)(uint32_t);
    *(void **)&get = dlsym(library, "espt_validator_get");
    ck_assert_msg(get != NULL, "%s", dlerror());
    plugin = get(ESPT_ABI);
    ck_assert_ptr_nonnull(plugin);
}

static inline void host_open(void)
{
    char err[512];
    ck_assert_msg(plugin->open(&ctx, config, count_log, &warnings, err, sizeof err) == 1, "%s",
                  err);
}

static inline struct text text_in(const char *output)
{
    struct text text = {0};
    const char *at = strstr(output, "esptk_");
    ck_assert_msg(at != NULL && strlen(at) >= TEXT_LEN, "no token in: %s", output);
    memcpy(text.bytes, at, TEXT_LEN);
    return text;
}

/* Runs esp-tokenctl, which must succeed. Returns its output. */
#define DO(...) host_do((const char *const[]){__VA_ARGS__, NULL})
static inline const char *host_do(const char *const *args)
{
    struct run run = run_ctl(config, NULL, args);
    ck_assert_msg(run.status == 0, "%s %s %s: %s", args[0], args[1], args[2], run.err);
    return run.out;
}

static inline int validate_now(const struct text *text, const char *metric, const char *entity,
                               int64_t now, espt_result *ret_result)
{
    const espt_query query = {
        .size = sizeof query,
        .token = text->bytes,
        .token_len = strlen(text->bytes),
        .metric = metric,
        .metric_len = metric != NULL ? strlen(metric) : 0,
        .entity = entity,
        .entity_len = entity != NULL ? strlen(entity) : 0,
        .now = now,
    };
    memset(ret_result, 0xa5, sizeof *ret_result); /* the call must overwrite every byte */
    ret_result->size = sizeof *ret_result;
    int allowed = plugin->validate(ctx, &query, ret_result);
    if (allowed !=
        (ret_result->status == ESPT_ALLOW)) /* ck_assert would write to a file each time */
        ck_abort_msg("%d with status %d", allowed, ret_result->status);
    return ret_result->status;
}

static inline int verdict(const struct text *text)
{
    espt_result result;
    return validate_now(text, NULL, NULL, 0, &result);
}

static inline int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns the milliseconds until `text` gives `status`. Fails after `limit`. */
static inline int64_t wait_for(const struct text *text, int status, int64_t limit)
{
    int64_t start = clock_ms();
    while (verdict(text) != status) {
        ck_assert_msg(clock_ms() - start < limit, "no %s in %lld ms, but %s",
                      plugin->reason(status), (long long)limit, plugin->reason(verdict(text)));
        usleep(5000);
    }
    return clock_ms() - start;
}

static inline void host_setup(void)
{
    config = store_folder(&folder);
    host_load();
    host_open();
}

static inline void host_teardown(void)
{
    plugin->close(ctx);
    ctx = NULL;
}

#endif
