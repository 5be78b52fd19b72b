#include "cli/output.h"

#include "common/when.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int run_tier_list(struct cli *cli, struct espt_error *err)
{
    static const char *const columns[] = {"NAME",    "LABEL",   "RANK", "TOKENS",
                                          "DEFAULT", "METRICS", NULL};
    int code = cli_config(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code != 0)
        return code;
    json_t *list = json_array();
    struct table_view *view = NULL;
    if (!cli->json)
        code = table_new(&view, columns, false, err);
    for (size_t i = 0; code == 0 && i < cli->tiers->count; i++) {
        const struct tier *tier = &cli->tiers->tier[i];
        char rank[16], most[16] = "unlimited", metrics[1024] = "";
        if (cli->json) {
            json_array_append_new(list, json_of_tier(tier));
            continue;
        }
        snprintf(rank, sizeof rank, "%u", tier->rank);
        if (tier->max_tokens != TIER_UNLIMITED)
            snprintf(most, sizeof most, "%u", tier->max_tokens);
        for (size_t p = 0, used = 0; p < tier->patterns && used < sizeof metrics - 1; p++)
            used += (size_t)snprintf(metrics + used, sizeof metrics - used, "%s%s",
                                     p > 0 ? " " : "", tier->pattern[p]);
        const char *cells[] = {tier->name, tier->label, rank, most, tier->is_default ? "yes" : "no",
                               metrics};
        table_line(view, NULL, cells);
    }
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:O}", "tiers", list), err);
    else if (code == 0)
        table_print(view);
    json_decref(list);
    return code;
}

/* --- findings --- */

struct report {
    bool json;
    json_t *list;
};

static void on_finding(void *arg, const struct finding *finding)
{
    struct report *report = arg;
    if (report->json)
        json_array_append_new(report->list,
                              json_pack("{s:s, s:s, s:s}", "kind", finding->kind, "subject",
                                        finding->subject, "message", finding->message));
    else
        printf("%s: %s: %s\n", finding->kind, finding->subject, finding->message);
}

static int end(struct report *report, int code, size_t findings, struct espt_error *err)
{
    if (code == 0 && report->json)
        code = json_print(json_pack("{s:O}", "findings", report->list), err);
    else if (code == 0 && findings == 0)
        puts("no findings");
    json_decref(report->list);
    return code != 0 ? code : findings > 0 ? 1 : 0;
}

int run_tier_check(struct cli *cli, struct espt_error *err)
{
    struct report report = {.json = cli->json, .list = json_array()};
    size_t findings = 0;
    int code = cli_store(cli, err);
    if (code == 0 && cli->options.operands > 0)
        code = tier_table_load(&cli->tiers, cli->options.operand[0], geteuid(), err);
    else if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = store_check_tiers(cli->store, cli->tiers, on_finding, &report, &findings, err);
    return end(&report, code, findings, err);
}

int run_check(struct cli *cli, struct espt_error *err)
{
    struct report report = {.json = cli->json, .list = json_array()};
    size_t findings = 0;
    int code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = store_check(cli->store, cli->tiers, on_finding, &report, &findings, err);
    return end(&report, code, findings, err);
}
