/* SPDX-License-Identifier: ISC */
/* fleet status --prometheus. */
#include "cli/fleet_figures.h"

#include "cli/prometheus.h"

static void gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
    prometheus_metric(out, name, help);
    fprintf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void write_journal(FILE *out, const struct fleet_figures *f)
{
    const uint64_t entry = f->place.position.number, last = f->range.last;
    const uint64_t behind = last > entry ? last - entry : 0;
    gauge(out, "esp_token_fleet_journal_first_entry",
          "Number of the first entry that the journal keeps.", f->range.first);
    gauge(out, "esp_token_fleet_journal_entry", "Number of the last entry of the journal.", last);
    gauge(out, "esp_token_fleet_behind_entries", "Entries that this store does not have yet.",
          behind);
    gauge(out, "esp_token_fleet_refused_entries",
          "Entries that this store does not have because it refuses the first of them.",
          f->stopped ? behind : 0);
    gauge(out, "esp_token_fleet_stopped",
          "1: this store cannot follow the journal, until somebody acts.", f->stopped);
}

/* Names have the form of an entity's name: no label value needs escapes. */
static void write_reports(FILE *out, const struct fleet_uses *uses)
{
    prometheus_metric(out, "esp_token_fleet_report_timestamp_seconds",
                      "When a machine has reported its uses; 0: an edge that has not yet.");
    for (size_t i = 0; i < uses->count; i++)
        fprintf(out, "esp_token_fleet_report_timestamp_seconds{name=\"%s\"} %lld\n",
                uses->reporters[i].name, (long long)uses->reporters[i].time);
    prometheus_metric(out, "esp_token_fleet_report_entry",
                      "Number of the last entry that a machine had when it reported.");
    for (size_t i = 0; i < uses->count; i++)
        fprintf(out, "esp_token_fleet_report_entry{name=\"%s\"} %llu\n", uses->reporters[i].name,
                (unsigned long long)uses->reporters[i].number);
}

static void write_figures(FILE *out, const void *arg)
{
    const struct fleet_figures *f = arg;
    gauge(out, "esp_token_fleet_entry", "Number of the last entry that this store has.",
          f->place.position.number);
    gauge(out, "esp_token_fleet_fresh_timestamp_seconds",
          "The last time for which a site has signed this state as the newest.",
          (uint64_t)f->place.position.fresh);
    gauge(out, "esp_token_fleet_journal_up", "1: the journal could be reached.", f->reached);
    if (f->reached)
        write_journal(out, f);
    gauge(out, "esp_token_fleet_sites", "Machines that may write.", f->sites);
    if (f->uses->count > 0)
        write_reports(out, f->uses);
}

int fleet_figures_give(const struct cli *cli, const struct fleet_figures *figures,
                       struct espt_error *err)
{
    return prometheus_give(cli, write_figures, figures, err);
}
