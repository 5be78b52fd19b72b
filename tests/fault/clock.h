/* SPDX-License-Identifier: ISC */
/* Runs esp-tokenctl with a clock that the test sets. A failure ends the test. */
#ifndef TESTS_FAULT_CLOCK_H
#define TESTS_FAULT_CLOCK_H

#include "cli/drive.h"
#include "common/when.h"

#include <stdint.h>
#include <stdio.h>

#define HOUR INT64_C(3600)
#define DAY (24 * HOUR)
#define LAST INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define NOW INT64_C(1800000000)

static const char *folder, *config;

/* Gives the processes that are started next a clock that reads `now` and advances by `step` seconds
   at each reading. */
static inline void clock_set(int64_t now, int64_t step)
{
    char clock[64];
    snprintf(clock, sizeof clock, "%lld %lld", (long long)now, (long long)step);
    setenv("FAULT_CLOCK", clock, 1);
    preload(SHIM);
}

static inline void clock_unset(void)
{
    preload(NULL);
    unsetenv("FAULT_CLOCK");
}

static inline struct run run_at(int64_t now, int64_t step, const char *input,
                                const char *const *args)
{
    clock_set(now, step);
    struct run run = run_ctl(config, input, args);
    clock_unset();
    return run;
}

/* The verdict of a host, which counts a use. */
static inline const char *host_reason(int64_t now, const char *text)
{
    const char *const argv[] = {OUT "/tests/torture/plain_host", plugin_path(), config, NULL};
    clock_set(now, 0);
    struct run run = run_process(argv, text);
    clock_unset();
    run.out[strcspn(run.out, "\n")] = '\0';
    return run.out;
}
#define AT(now, ...) run_at((now), 0, NULL, (const char *const[]){__VA_ARGS__, NULL})

static inline const char *done_at(int64_t now, const char *const *args)
{
    struct run run = run_at(now, 0, NULL, args);
    ck_assert_msg(run.status == 0, "%s at %lld: status %d: %s%s", args[0], (long long)now,
                  run.status, run.out, run.err);
    return run.out;
}
#define DONE_AT(now, ...) done_at((now), (const char *const[]){__VA_ARGS__, NULL})

static inline const char *written(int64_t when)
{
    static char texts[8][WHEN_TEXT_SIZE];
    static size_t next;
    char *out = texts[next++ % 8];
    when_format(when, out);
    return out;
}

/* Checks the status and expiration that `show` prints at time `now`. */
static inline void check_shown(int64_t now, const char *token, const char *status, int64_t expires)
{
    json_t *json = document(DONE_AT(now, "--json", "show", token));
    ck_assert_str_eq(text_of(json, "status"), status);
    const json_t *end = json_object_get(json, "expires");
    if (expires == 0)
        ck_assert(json_is_null(end));
    else
        ck_assert_str_eq(json_string_value(end), written(expires));
    json_decref(json);
}

static inline const char *verify_reason(int64_t now, const char *text)
{
    static char reason[32];
    struct run run = run_at(now, 0, text, (const char *const[]){"--json", "verify", NULL});
    json_t *json = document(run.out);
    snprintf(reason, sizeof reason, "%s", text_of(json, "reason"));
    ck_assert_int_eq(run.status, strcmp(reason, "allow") != 0);
    json_decref(json);
    return reason;
}

/* Makes a store with a single tier that has no token limit. */
static inline void setup(void)
{
    config = store_folder(&folder);
    file_text(in_folder(folder, "tiers.ini"),
              "[lite]\nrank = 1\nmax_tokens = unlimited\ndefault = yes\n");
}

#endif
