/* SPDX-License-Identifier: ISC */
/* fleet status and fleet check. */
#include "cli/fleet.h"
#include "cli/fleet_figures.h"
#include "cli/operand.h"
#include "cli/output.h"
#include "cli/prometheus.h"

#include "common/when.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

struct status {
    struct fleet_place place;
    struct fleet_range range;
    struct fleet_uses uses; /* what machines have reported; empty at an edge */
    char id[2 * FLEET_ID_LEN + 1], hash[2 * FLEET_HASH_LEN + 1];
};

static json_t *json_of_reports(const struct fleet_uses *uses)
{
    json_t *list = json_array();
    for (size_t i = 0; i < uses->count; i++) {
        const struct reporter *reporter = &uses->reporters[i];
        json_array_append_new(
            list, json_pack("{s:s, s:b, s:o, s:o}", "name", reporter->name, "edge", reporter->edge,
                            "time", json_time(reporter->time), "entry",
                            reporter->time != 0 ? json_integer((json_int_t)reporter->number)
                                                : json_null()));
    }
    return list;
}

static int print_json(const struct cli *cli, const struct status *s, bool reached,
                      struct espt_error *err)
{
    json_t *journal = reached ? json_pack("{s:I, s:I}", "first", (json_int_t)s->range.first, "last",
                                          (json_int_t)s->range.last)
                              : json_null();
    return json_print(json_pack("{s:s, s:s, s:b, s:{s:I, s:s, s:o}, s:o, s:o, s:o}", "fleet", s->id,
                                "site", cli->config.fleet_name, "edge", s->place.edge, "entry",
                                "number", (json_int_t)s->place.position.number, "hash", s->hash,
                                "time", json_time(s->place.time), "fresh",
                                json_time(s->place.position.fresh), "journal", journal, "reports",
                                json_of_reports(&s->uses)),
                      err);
}

static void print_text(const struct cli *cli, const struct status *s, bool reached)
{
    char when[WHEN_TEXT_SIZE];
    when_format(s->place.time, when);
    printf("fleet    %s\n%s     %s\nentry    %llu:%s\n", s->id, s->place.edge ? "edge" : "site",
           cli->config.fleet_name, (unsigned long long)s->place.position.number, s->hash);
    if (!s->place.edge)
        printf("made     %s\n", when);
    when_format(s->place.position.fresh, when);
    printf("fresh    %s\n", when);
    if (reached)
        printf("journal  entries %llu to %llu\n", (unsigned long long)s->range.first,
               (unsigned long long)s->range.last);
}

static void print_reports(const struct fleet_uses *uses)
{
    for (size_t i = 0; i < uses->count; i++) {
        const struct reporter *reporter = &uses->reporters[i];
        char when[WHEN_TEXT_SIZE];
        when_format(reporter->time, when);
        if (reporter->time == 0)
            printf("edge     %s has not reported yet\n", reporter->name);
        else
            printf("%s     %s reported entry %llu at %s\n", reporter->edge ? "edge" : "site",
                   reporter->name, (unsigned long long)reporter->number, when);
    }
}

/* 1: the journal lacks the entry that --pin names. */
static int find_pin(struct cli *cli, struct espt_error *err)
{
    struct log_head pin;
    struct fleet_range range;
    bool has = false;
    int code = parse_pin(cli->options.pin, &pin, err);
    if (code == 0)
        code = fleet_range(cli->fleet, &range, err);
    if (code == 0 && pin.sequence < range.first)
        code =
            espt_fail(err, ESPT_UNUSABLE,
                      "the fleet's journal begins at entry %llu, so it does not say any more "
                      "whether it had that entry; run 'esp-tokenctl log' to see what was changed",
                      (unsigned long long)range.first);
    if (code == 0)
        code = fleet_has_entry(cli->fleet, pin.sequence, pin.hash, &has, err);
    if (code != 0)
        return code;
    if (cli->json)
        code = json_print(json_pack("{s:I, s:b}", "entry", (json_int_t)pin.sequence, "made", has),
                          err);
    else
        printf("%s\n", has ? "the journal has this entry: the change was made"
                           : "the journal lacks this entry: the change was not made, unless it "
                             "is still on its way");
    return code != 0 ? code : !has;
}

/* A journal that cannot be reached is a figure and not a failure. */
static int print_figures(struct cli *cli, const struct status *s, struct espt_error *err)
{
    struct espt_error why;
    struct sites sites;
    struct fleet_figures figures = {.place = s->place, .uses = &s->uses};
    int code = fleet_sites(cli->store, &sites, err);
    if (code != 0)
        return code;
    figures.sites = sites_count(&sites, false);
    sites_clear(&sites);
    figures.reached = fleet_range(cli->fleet, &figures.range, &why) == 0;
    figures.stopped = figures.reached && cli->behind.code != 0;
    return fleet_figures_give(cli, &figures, err);
}

static int show_status(struct cli *cli, struct status *s, struct espt_error *err)
{
    sodium_bin2hex(s->id, sizeof s->id, s->place.position.id, FLEET_ID_LEN);
    sodium_bin2hex(s->hash, sizeof s->hash, s->place.position.hash, FLEET_HASH_LEN);
    int code = fleet_range(cli->fleet, &s->range, err);
    if (!cli->json) {
        print_text(cli, s, code == 0);
        print_reports(&s->uses);
    } else if (print_json(cli, s, code == 0, err) != 0) {
        return ESPT_UNUSABLE;
    }
    return code;
}

int run_fleet_status(struct cli *cli, struct espt_error *err)
{
    struct status s = {0};
    struct espt_error why;
    int code = prometheus_options(cli, err);
    if (code == 0)
        code = cli_fleet_member(cli, &s.place, err);
    if (code == 0 && cli->options.pin != NULL)
        return find_pin(cli, err);
    if (code != 0)
        return code;
    /* without the journal: it is asked again below, which reports the failure */
    if (!s.place.edge && fleet_uses(cli->fleet, cli->store, &s.uses, &why) != 0)
        s.uses = (struct fleet_uses){0};
    code = given(cli, OPTION_PROMETHEUS) ? print_figures(cli, &s, err) : show_status(cli, &s, err);
    fleet_uses_clear(&s.uses);
    return code;
}

int run_fleet_refill(struct cli *cli, struct espt_error *err)
{
    struct fleet_range range;
    int code = cli_fleet_open(cli, err);
    if (code == 0)
        code = fleet_refill(cli->fleet, cli->store, &range, err);
    if (code != 0)
        return code;
    const bool none = range.last == 0;
    if (cli->json)
        return json_print(json_pack("{s:o}", "refilled",
                                    none ? json_null()
                                         : json_pack("{s:I, s:I}", "first", (json_int_t)range.first,
                                                     "last", (json_int_t)range.last)),
                          err);
    if (none)
        printf("the journal lacks no entry of this store\n");
    else
        printf("put entries %llu to %llu back into the journal\n", (unsigned long long)range.first,
               (unsigned long long)range.last);
    return 0;
}

int run_fleet_check(struct cli *cli, struct espt_error *err)
{
    struct fleet_place place;
    bool same = false;
    int code = cli_fleet_member(cli, &place, err);
    if (code == 0)
        code = fleet_check(cli->store, &same, err);
    if (code != 0)
        return code;
    if (cli->json)
        code = json_print(
            json_pack("{s:I, s:b}", "entry", (json_int_t)place.position.number, "same", same), err);
    else
        printf("entry %llu: %s\n", (unsigned long long)place.position.number,
               same ? "the records are those of the fleet"
                    : "the records differ from those of the fleet; run 'esp-tokenctl fleet join'");
    return code != 0 ? code : !same;
}
