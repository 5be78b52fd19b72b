/* SPDX-License-Identifier: ISC */
/* check, tier list and tier check: findings about the store, its texts and the tier table. */
#include "cli/fleet.h"
#include "cli/output.h"
#include "cli/progress.h"

#include "common/ini.h"
#include "common/trust.h"
#include "store/keyfile.h"
#include "store/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Lists only the tier's own metrics. A tier also has the metrics of all lower ranks. */
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
    const struct table_cell cells[] = {PLAIN(tier->name),
                                       PLAIN(tier->label),
                                       PLAIN(rank),
                                       PLAIN(most),
                                       PLAIN(tier->is_default ? "yes" : "no"),
                                       PLAIN(metrics)};
    table_line(view, NULL, cells);
    free(metrics);
    return 0;
}

int run_tier_list(struct cli *cli, struct espt_error *err)
{
    static const struct table_column columns[] = {{"NAME", CUT},
                                                  {"LABEL", CUT},
                                                  {"RANK", TO_THE_RIGHT},
                                                  {"TOKENS", WHOLE},
                                                  {"DEFAULT", WHOLE},
                                                  {"METRICS", WRAPPED},
                                                  {0}};
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
    json_t *list;            /* NULL: text output */
    struct table_view *view; /* NULL: JSON */
    size_t findings;
    bool pages_damaged; /* liblmdb may crash if more is read */
};

static void on_finding(void *arg, const struct finding *finding)
{
    struct report *report = arg;
    report->pages_damaged = report->pages_damaged || (strcmp(finding->kind, "damaged") == 0 &&
                                                      strncmp(finding->subject, "page", 4) == 0);
    const struct table_cell cells[] = {PLAIN(finding->kind), PLAIN(finding->subject),
                                       PLAIN(finding->message)};
    if (report->list != NULL)
        json_array_append_new(report->list,
                              json_pack("{s:s, s:s, s:s}", "kind", finding->kind, "subject",
                                        finding->subject, "message", finding->message));
    else
        table_line(report->view, NULL, cells);
}

static int begin(struct report *report, const struct cli *cli, struct espt_error *err)
{
    static const struct table_column columns[] = {
        {"KIND", WHOLE}, {"SUBJECT", CUT}, {"MESSAGE", WRAPPED}, {0}};
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

static int load_candidate(struct cli *cli, const char *file, struct espt_error *err)
{
    int code = tier_table_load_candidate(&cli->tiers, file, err);
    if (code != 0 && trust_missing(file))
        return espt_fail(err, ESPT_UNUSABLE, "%s: there is no such file; name a tier table", file);
    return code;
}

/* True if this machine has no store. Tier tables are written on such machines, too. */
static bool no_store_here(struct cli *cli)
{
    struct espt_error err;
    if (trust_missing(cli_config_path(cli))
            ? !given(cli, OPTION_CONFIG)
            : cli_config(cli, &err) == 0 && trust_missing(cli->config.store)) {
        cli_warn(cli, "there is no store; only the table itself was checked");
        return true;
    }
    return false;
}

int run_tier_check(struct cli *cli, struct espt_error *err)
{
    const struct options *o = &cli->options;
    struct report report = {0};
    const char *file = o->operands > 0 ? o->operand[0] : NULL;
    int code = file != NULL ? load_candidate(cli, file, err) : cli_config(cli, err);
    if (code == 0 && file == NULL)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = begin(&report, cli, err);
    if (code == 0 && (file == NULL || !no_store_here(cli)))
        code = cli_store(cli, err);
    if (code == 0 && cli->store != NULL)
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

/* --- the sealed texts --- */

static void free_keys(struct keys **keys)
{
    keys_free(keys);
}

static void find(struct report *report, const char *kind, const char *subject, const char *message)
{
    struct finding finding = {.kind = kind};
    snprintf(finding.subject, sizeof finding.subject, "%s", subject);
    snprintf(finding.message, sizeof finding.message, "%s", message);
    report->findings++;
    on_finding(report, &finding);
}

static void find_shut(struct report *report, const struct texts *texts)
{
    char message[sizeof((struct finding *)0)->message];
    if (texts->shut.count == 0)
        return;
    snprintf(message, sizeof message,
             "none of its keys opens %llu of the %llu texts (%.300s); add the key that sealed them "
             "to the secret key file, as a line of its own, or rotate those tokens",
             (unsigned long long)texts->shut.count, (unsigned long long)texts->all,
             texts->shut.names);
    find(report, "text", "reveal key", message);
}

static int count_texts(struct cli *cli, struct keys *keys, bool tries, struct report *report,
                       struct espt_error *err)
{
    struct progress progress;
    struct texts texts;
    progress_begin(&progress, "texts", 0);
    int code = store_texts(cli->store, keys, tries, &texts, on_progress, &progress, err);
    progress_end(&progress);
    if (code != 0)
        return code;
    find_shut(report, &texts);
    if (texts.untried > 0) {
        char warning[160];
        snprintf(warning, sizeof warning,
                 "%llu text%s could not be tried without the reveal key's passphrase; run "
                 "'esp-tokenctl check --texts'",
                 (unsigned long long)texts.untried, texts.untried == 1 ? "" : "s");
        cli_warn(cli, warning);
    }
    return 0;
}

/* The secret key may be kept on another machine. Without it the texts are not checked. */
static int check_texts(struct cli *cli, struct report *report, struct espt_error *err)
{
    __attribute__((cleanup(free_keys))) struct keys *keys = NULL;
    const bool tries = given(cli, OPTION_TEXTS);
    if (!tries && access(cli->config.secret_key, F_OK) != 0)
        return 0;
    keys = keys_new(err);
    int code = keys != NULL ? 0 : ESPT_UNUSABLE;
    if (code == 0)
        code = (tries ? keyfile_read_secret : keyfile_read_known)(&cli->config, keys, err);
    return code == 0 ? count_texts(cli, keys, tries, report, err) : code;
}

static void check_group(const struct cli *cli, struct report *report)
{
    if (store_unshared(&cli->config))
        find(report, "group", "store",
             "it was made before the group esp-token existed, so hosts of that group cannot read "
             "it; run 'esp-tokenctl init'");
}

/* An edge has no texts. Its records are proved by the sum that a site has signed. */
static int check_edge(struct cli *cli, struct report *report, struct espt_error *err)
{
    bool same = false;
    struct fleet_place place;
    int code = fleet_place(cli->store, &place, err);
    if (code == 0)
        code = fleet_check(cli->store, &same, err);
    if (code == 0 && !same)
        find(report, "sum", "fleet",
             "the records are not those that a site has signed; run 'esp-tokenctl fleet join'");
    return code;
}

/* Says what was checked, and as of when. */
static int end_edge(struct cli *cli, struct espt_error *err)
{
    struct fleet_place place;
    char said[160];
    int code = fleet_place(cli->store, &place, err);
    if (code != 0)
        return code;
    cli_fleet_age(&place, said, sizeof said);
    printf("this is an edge: %s; its five tables were checked\n", said);
    return 0;
}

/* If the texts cannot be checked, the other findings are printed first. */
int run_check(struct cli *cli, struct espt_error *err)
{
    struct report report = {0};
    struct espt_error why;
    int texts = 0, code = cli_store(cli, err);
    if (code == 0)
        code = cli_tiers(cli, err);
    if (code == 0)
        code = begin(&report, cli, err);
    if (code == 0)
        code = check_with_progress(cli, &report, err);
    if (code == 0)
        check_group(cli, &report);
    const bool edge = code == 0 && store_not_edge(cli->store, &why) != 0;
    if (edge)
        code = check_edge(cli, &report, err);
    else if (code == 0 && report.pages_damaged)
        cli_warn(cli, "the texts were not tried, because pages of the store are damaged");
    else if (code == 0)
        texts = check_texts(cli, &report, &why);
    code = end(&report, code, err);
    if (code >= 0 && edge && !cli->json && end_edge(cli, err) != 0)
        return ESPT_UNUSABLE;
    if (code < 0 || texts == 0)
        return code;
    *err = why;
    return texts;
}
