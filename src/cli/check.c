#include "cli/output.h"
#include "cli/progress.h"

#include "common/ini.h"
#include "common/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Its own metrics; those of lower ranks come with them. */
static int tier_line(struct table_view *view, const struct tier *tier, struct espt_error *err)
{
    char rank[16], most[16] = "unlimited", *metrics = calloc(1, INI_FILE_MAX);
    if (metrics == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    for (size_t i = 0, used = 0; i < tier->patterns; i++)
        used += (size_t)snprintf(metrics + used, INI_FILE_MAX - used, "%s%s", i > 0 ? " " : "",
                                 tier->pattern[i]);
    snprintf(rank, sizeof rank, "%u", tier->rank);
    if (tier->max_tokens != TIER_UNLIMITED)
        snprintf(most, sizeof most, "%u", tier->max_tokens);
    const char *cells[] = {tier->name, tier->label, rank, most, tier->is_default ? "yes" : "no",
                           metrics};
    table_line(view, NULL, cells);
    free(metrics);
    return 0;
}

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
        if (cli->json)
            json_array_append_new(list, json_of_tier(tier));
        else
            code = tier_line(view, tier, err);
    }
    if (code == 0 && cli->json)
        code = json_print(json_pack("{s:O}", "tiers", list), err);
    else if (code == 0)
        code = table_print(view, "tiers", err);
    table_free(view);
    json_decref(list);
    return code;
}

/* --- findings --- */

struct report {
    json_t *list;            /* NULL: for people */
    struct table_view *view; /* NULL: JSON */
    size_t findings;
};

static void on_finding(void *arg, const struct finding *finding)
{
    struct report *report = arg;
    const char *cells[] = {finding->kind, finding->subject, finding->message};
    if (report->list != NULL)
        json_array_append_new(report->list,
                              json_pack("{s:s, s:s, s:s}", "kind", finding->kind, "subject",
                                        finding->subject, "message", finding->message));
    else
        table_line(report->view, NULL, cells);
}

static int begin(struct report *report, const struct cli *cli, struct espt_error *err)
{
    static const char *const columns[] = {"KIND", "SUBJECT", "MESSAGE", NULL};
    if (!cli->json)
        return table_new(&report->view, columns, false, err);
    report->list = json_array();
    return report->list != NULL ? 0 : espt_fail(err, ESPT_UNUSABLE, "out of memory");
}

static int end(struct report *report, int code, struct espt_error *err)
{
    if (code == 0 && report->list != NULL)
        code = json_print(json_pack("{s:O}", "findings", report->list), err);
    else if (code == 0 && report->findings == 0)
        puts("no findings");
    else if (code == 0)
        code = table_print(report->view, "findings", err);
    table_free(report->view);
    json_decref(report->list);
    return code != 0 ? code : report->findings > 0 ? 1 : 0;
}

int run_tier_check(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct report report = {0};
    int code = cli_store(cli, err);
    const char *file = o->operands > 0 ? o->operand[0] : NULL;
    if (code == 0 && file != NULL) {
        code = tier_table_load(&cli->tiers, file, geteuid(), err);
        if (code != 0 && trust_missing(file))
            return espt_fail(err, ESPT_UNUSABLE, "%s: there is no such file; name a tier table",
                             file);
    }
    if (code == 0 && file == NULL)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = begin(&report, cli, err);
    if (code == 0)
        code =
            store_check_tiers(cli->store, cli->tiers, on_finding, &report, &report.findings, err);
    return end(&report, code, err);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct progress *progress = arg;
    progress->total = total;
    progress_step(progress, done, done);
}

static int check_with_progress(struct cli *cli, struct report *report, struct espt_error *err)
{
    struct progress progress;
    progress_begin(&progress, "records", 0);
    int code = store_check(cli->store, cli->tiers, on_finding, report, on_progress, &progress,
                           &report->findings, err);
    progress_end(&progress);
    return code;
}

int run_check(struct cli *cli, struct espt_error *err)
{
    struct report report = {0};
    int code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = begin(&report, cli, err);
    if (code == 0)
        code = check_with_progress(cli, &report, err);
    return end(&report, code, err);
}
