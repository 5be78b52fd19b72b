/* SPDX-License-Identifier: ISC */
/* stats: prints the figures as text, as JSON, and for Prometheus. */
#include "cli/stats.h"

#include "build_config.h"
#include "cli/prometheus.h"

static const enum entity_kind kinds[] = {KIND_RESELLER, KIND_CUSTOMER}; /* as in struct stats */

/* --- JSON --- */

static json_t *json_of_statuses(const uint64_t tokens[static TOKEN_STATUSES])
{
    json_t *json = json_object();
    for (enum token_status s = 0; s < TOKEN_STATUSES; s++)
        json_object_set_new(json, token_status_word(s), json_integer((json_int_t)tokens[s]));
    return json;
}

static json_t *json_of_buckets(const struct stats_bucket *buckets, size_t count, const char *key)
{
    json_t *json = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(json, json_pack("{s:s, s:I}", key, buckets[i].label, "tokens",
                                              (json_int_t)buckets[i].tokens));
    return json;
}

static json_t *json_of_stats(const struct stats *stats)
{
    json_t *entities = json_object(), *tiers = json_array();
    for (size_t k = 0; k < 2; k++)
        json_object_set_new(entities, kind_word(kinds[k]),
                            json_pack("{s:I, s:I}", status_word(true),
                                      (json_int_t)stats->entities[k][1], status_word(false),
                                      (json_int_t)stats->entities[k][0]));
    for (size_t i = 0; i < stats->tier_count; i++) {
        json_t *tier = json_of_statuses(stats->tiers[i].tokens);
        json_t *named = json_pack("{s:s, s:b, s:o}", "name", stats->tiers[i].name, "tier_known",
                                  stats->tiers[i].rank != 0, "tokens", tier);
        json_array_append_new(tiers, named);
    }
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:{s:o, s:I, s:I}, s:{s:o, s:I, s:I}, s:I}",
                     "revision", (json_int_t)stats->revision, "entities", entities, "over_limit",
                     (json_int_t)stats->over_limit, "tokens", json_of_statuses(stats->tokens),
                     "tiers", tiers, "expiring", "months",
                     json_of_buckets(stats->expiring, STATS_MONTHS, "month"), "later",
                     (json_int_t)stats->expiring_later, "never", (json_int_t)stats->expiring_never,
                     "last_used", "days", json_of_buckets(stats->used, STATS_DAYS, "day"), "before",
                     (json_int_t)stats->used_before, "never", (json_int_t)stats->used_never, "uses",
                     (json_int_t)stats->uses);
}

/* --- Prometheus: its text format and naming conventions --- */

static void write_spans(FILE *out, const char *name, const char *help, const uint64_t counts[3])
{
    prometheus_metric(out, name, help);
    for (size_t i = 0; i < 3; i++)
        fprintf(out, "%s{days=\"%d\"} %llu\n", name, stats_spans[i], (unsigned long long)counts[i]);
}

/* Names of tiers are a-z, 0-9, - and _: no label value needs escapes. */
static void write_prometheus(FILE *out, const struct stats *stats)
{
    prometheus_metric(out, "esp_token_tokens", "Tokens by the tier of their entity and by status.");
    for (size_t i = 0; i < stats->tier_count; i++) {
        for (enum token_status s = 0; s < TOKEN_STATUSES; s++)
            fprintf(out, "esp_token_tokens{tier=\"%s\",status=\"%s\"} %llu\n", stats->tiers[i].name,
                    token_status_word(s), (unsigned long long)stats->tiers[i].tokens[s]);
    }
    prometheus_metric(out, "esp_token_entities", "Resellers and customers by status.");
    for (size_t k = 0; k < 2; k++) {
        for (size_t a = 0; a < 2; a++)
            fprintf(out, "esp_token_entities{kind=\"%s\",status=\"%s\"} %llu\n",
                    kind_word(kinds[k]), status_word(a == 1),
                    (unsigned long long)stats->entities[k][a]);
    }
    prometheus_metric(out, "esp_token_entities_over_limit",
                      "Entities with more tokens than their tier allows.");
    fprintf(out, "esp_token_entities_over_limit %llu\n", (unsigned long long)stats->over_limit);
    write_spans(out, "esp_token_tokens_expiring",
                "Tokens that will expire within this number of days, without retiring ones.",
                stats->expiring_within);
    write_spans(out, "esp_token_tokens_used", "Tokens that were used within this number of days.",
                stats->used_within);
    if (stats->next_expiry != 0) {
        prometheus_metric(out, "esp_token_next_expiry_timestamp_seconds",
                          "When the next token expires, without retiring ones.");
        fprintf(out, "esp_token_next_expiry_timestamp_seconds %lld\n",
                (long long)stats->next_expiry);
    }
    prometheus_metric(out, "esp_token_store_revision",
                      "The store's revision, which rises with every change.");
    fprintf(out, "esp_token_store_revision %llu\n", (unsigned long long)stats->revision);
    prometheus_metric(out, "esp_token_build_info", "The version of esp-tokenctl that counted.");
    fputs("esp_token_build_info{version=\"" ESPT_VERSION "\"} 1\n", out);
}

static void write_stats(FILE *out, const void *arg)
{
    write_prometheus(out, arg);
}

int run_stats(struct cli *cli, struct espt_error *err)
{
    struct stats stats;
    const bool prometheus = given(cli, OPTION_PROMETHEUS);
    int code = prometheus_options(cli, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = stats_count(cli->store, cli_tiers_if_whole(cli), cli->now, &stats, err);
    if (code != 0)
        return code;
    if (prometheus)
        code = prometheus_give(cli, write_stats, &stats, err);
    else if (cli->json)
        code = json_print(json_of_stats(&stats), err);
    else
        stats_draw(&stats);
    stats_clear(&stats);
    return code;
}
