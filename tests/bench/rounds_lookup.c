/* SPDX-License-Identifier: ISC */
/* Look-ups one after another, in every back end, and logins by PAM. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define QUICK 20000 /* look-ups in a round */
#define LOGINS 40   /* logins by PAM in a round */
#define SLOW 2000   /* in a round, if another process answers */

static const char *const malformed_names[MALFORMED_KINDS] = {"length", "prefix", "alphabet",
                                                             "checksum"};

enum who {
    FLOOR_HOT,
    FLOOR_UNIFORM,
    PLUGIN_HOT,
    PLUGIN_UNIFORM,
    ALLOWS,
    SQLITE_HOT,
    SQLITE_UNIFORM,
    REDIS_UNIFORM,
    PAM_TOKEN,
    PAM_PERMIT,
    MALFORMED,
    ALL = MALFORMED + MALFORMED_KINDS
};

static void report(const double *ns)
{
    double worst = 0;
    char about[96];
    const char *kind = "";
    for (int k = 0; k < MALFORMED_KINDS; k++) {
        if (ns[MALFORMED + k] > worst) {
            worst = ns[MALFORMED + k];
            kind = malformed_names[k];
        }
    }
    report_time("floor_uniform", "liblmdb floor, uniform", ns[FLOOR_UNIFORM]);
    report_time("validate_uniform", "validate, uniform", ns[PLUGIN_UNIFORM]);
    report_time("floor_hot", "liblmdb floor, 1,000 hot", ns[FLOOR_HOT]);
    report_time("validate_hot", "validate, 1,000 hot", ns[PLUGIN_HOT]);
    report_time("allows", "allows", ns[ALLOWS]);
    for (int k = 0; k < MALFORMED_KINDS; k++) {
        char key[32];
        snprintf(key, sizeof key, "malformed_%s", malformed_names[k]);
        snprintf(about, sizeof about, "malformed: %s", malformed_names[k]);
        report_time(key, about, ns[MALFORMED + k]);
    }
    report_time("sqlite_uniform", "SQLite, uniform", ns[SQLITE_UNIFORM]);
    report_time("sqlite_hot", "SQLite, 1,000 hot", ns[SQLITE_HOT]);
    report_time("redis_uniform", "Redis GET, uniform", ns[REDIS_UNIFORM]);

    report_time("pam_token", "PAM login by pam_esp_token", ns[PAM_TOKEN]);
    report_time("pam_permit", "PAM login by pam_permit", ns[PAM_PERMIT]);

    report_figure("uniform", "validate / floor, uniform", ns[PLUGIN_UNIFORM] / ns[FLOOR_UNIFORM],
                  AT_MOST, 0.60);
    report_figure("hot", "validate / floor, 1,000 hot tokens", ns[PLUGIN_HOT] / ns[FLOOR_HOT],
                  AT_MOST, 0.35);
    snprintf(about, sizeof about, "malformed text (worst: %s) / floor hot", kind);
    report_figure("malformed", about, worst / ns[FLOOR_HOT], AT_MOST, 0.10);
    report_figure("allows", "allows / validate hot", ns[ALLOWS] / ns[PLUGIN_HOT], AT_MOST, 0.15);
    report_figure("sqlite_uniform", "SQLite / validate, uniform",
                  ns[SQLITE_UNIFORM] / ns[PLUGIN_UNIFORM], AT_LEAST, 4);
    report_figure("sqlite_hot", "SQLite / validate, hot", ns[SQLITE_HOT] / ns[PLUGIN_HOT], AT_LEAST,
                  12);
    report_figure("redis_uniform", "Redis / validate, uniform",
                  ns[REDIS_UNIFORM] / ns[PLUGIN_UNIFORM], AT_LEAST, 50);
    report_figure("pam", "PAM login by pam_esp_token / by pam_permit",
                  ns[PAM_TOKEN] / ns[PAM_PERMIT], AT_MOST, 3);
}

void bench_lookups(struct corpus *corpus, unsigned rounds)
{
    struct floor *floor = floor_open(corpus);
    struct plugin plugin;
    plugin_open(&plugin, corpus);
    struct sqlite3_rival *sqlite = sqlite_make(corpus);
    struct redis_rival *redis = redis_start(corpus);
    const char(*hot)[TOKEN_TEXT_LEN] = hot_texts(corpus);
    struct pam_rival *pam = pam_make(corpus, false), *permit = pam_make(corpus, true);
    struct lookups asked[ALL] = {
        [FLOOR_HOT] = {.hot = hot, .count = QUICK, .fn = floor_validate, .arg = floor},
        [FLOOR_UNIFORM] = {.count = QUICK, .fn = floor_validate, .arg = floor},
        [PLUGIN_HOT] = {.hot = hot, .count = QUICK, .fn = plugin_validate, .arg = &plugin},
        [PLUGIN_UNIFORM] = {.count = QUICK, .fn = plugin_validate, .arg = &plugin},
        [ALLOWS] = {.hot = hot, .count = QUICK, .fn = plugin_allows, .arg = &plugin},
        [SQLITE_HOT] = {.hot = hot, .count = QUICK, .fn = sqlite_validate, .arg = sqlite},
        [SQLITE_UNIFORM] = {.count = QUICK, .fn = sqlite_validate, .arg = sqlite},
        [REDIS_UNIFORM] = {.count = SLOW, .fn = redis_validate, .arg = redis, .waits = true},
        [PAM_TOKEN] = {.hot = hot, .count = LOGINS, .fn = pam_validate, .arg = pam},
        [PAM_PERMIT] = {.hot = hot, .count = LOGINS, .fn = pam_validate, .arg = permit},
    };
    const char(*malformed[MALFORMED_KINDS])[TOKEN_TEXT_LEN];
    for (int k = 0; k < MALFORMED_KINDS; k++) {
        malformed[k] = malformed_texts(corpus, (enum malformed)k);
        asked[MALFORMED + k] = (struct lookups){
            .hot = malformed[k],
            .text_len = k == MALFORMED_LENGTH ? TOKEN_TEXT_LEN - 1 : 0,
            .count = QUICK,
            .fn = plugin_refuses,
            .arg = &plugin,
        };
    }
    struct series series[ALL];
    struct series *all[ALL];
    double ns[ALL];
    for (int i = 0; i < ALL; i++) {
        asked[i].corpus = corpus;
        series[i] = (struct series){.run = lookups_run, .arg = &asked[i]};
        all[i] = &series[i];
    }
    /* `allows` needs a result: that of the validation before it */
    interleave(all, ALL, rounds);
    for (int i = 0; i < ALL; i++)
        ns[i] = median(&series[i]);
    report(ns);
    for (int k = 0; k < MALFORMED_KINDS; k++)
        free((void *)(uintptr_t)malformed[k]);
    free((void *)(uintptr_t)hot);
    pam_forget(pam);
    pam_forget(permit);
    redis_stop(redis);
    sqlite_end(sqlite);
    plugin_close(&plugin);
    floor_close(floor);
}
