/* SPDX-License-Identifier: ISC */
/* fleet follow: the daemon that keeps the store of a site or an edge up to date. */
#include "cli/fleet.h"
#include "cli/fleet_daemon.h"
#include "cli/interrupt.h"

#include "common/clock.h"
#include "fleet/follow.h"
#include "fleet/uses.h"
#include "portal/notify.h"

#include <stdio.h>
#include <unistd.h>

#define HINT_MS 50       /* after a hint that led to nothing */
#define REPORT_MS 600000 /* between two reports of uses */

struct following {
    struct fleet_daemon daemon;
    struct fleet_daemon reports; /* a failed report is not a failure to follow */
    int64_t report_at;           /* monotonic milliseconds */
    struct follower follower;
    bool hinted; /* the journal said that there is something new */
};

static void say_entry(struct following *f, const char *how)
{
    const uint64_t number = f->follower.place.position.number;
    if (how != NULL)
        fprintf(stderr, "esp-tokenctl: %s entry %llu\n", how, (unsigned long long)number);
    daemon_entry(number);
}

/* What was applied may switch tokens off, so it may use the room that is kept for revocations. */
static int step(struct following *f, uint64_t *ret_entries, struct espt_error *err)
{
    int code;
    struct cli *cli = f->daemon.cli;
    do
        code = follower_step(&f->follower, ret_entries, err);
    while (code == ESPT_UNUSABLE && interrupt_number() == 0 && cli_make_room(cli));
    if (*ret_entries > 0 && cli->used_room)
        store_refill_reserve(&cli->config);
    return code;
}

/* After a step without a failure. */
static void say_step(struct following *f, uint64_t entries)
{
    const bool again = daemon_went_on(&f->daemon);
    if (f->follower.rejoined)
        say_entry(
            f, "this edge was behind what the journal keeps; it began again with the snapshot at");
    else if (again || entries > 0)
        say_entry(f, again ? "following again from" : NULL);
}

/* Only when this machine has all entries: so a report never delays one. */
static void report_if_due(struct following *f)
{
    struct espt_error err;
    struct cli *cli = f->daemon.cli;
    if (monotonic_ms() < f->report_at || access(cli->config.fleet_key, F_OK) != 0)
        return;
    f->report_at = monotonic_ms() + REPORT_MS;
    if (fleet_report(cli->fleet, cli->store, &err) == 0) {
        if (daemon_went_on(&f->reports))
            say_entry(f, NULL); /* the status of the unit no longer names the failure */
        return;
    }
    espt_fail_in(&err, "the uses were not reported to the fleet");
    daemon_failed(&f->reports, &err);
}

/* Returns when there may be something new, or it is time to look. */
static void wait_for_more(struct following *f)
{
    struct espt_error ignored;
    const int64_t begun = monotonic_ms();
    if (f->hinted)
        daemon_pause(HINT_MS);
    const int hint =
        interrupt_number() == 0 ? follower_wait(&f->follower, DAEMON_ASK_MS, &ignored) : 0;
    f->hinted = hint > 0;
    if (hint < 0 && monotonic_ms() - begun < DAEMON_ASK_MS)
        daemon_pause(DAEMON_ASK_MS);
}

static int follow(struct following *f, struct espt_error *err)
{
    say_entry(f, "following from");
    notify_ready();
    while (interrupt_number() == 0) {
        uint64_t entries;
        const int code = step(f, &entries, err);
        if (code == ESPT_REFUSED)
            return code;
        if (code != 0)
            daemon_failed(&f->daemon, err);
        else
            say_step(f, entries);
        notify_alive();
        if (code != 0)
            daemon_pause(DAEMON_CALM_MS);
        else if (entries == 0) {
            report_if_due(f);
            wait_for_more(f);
        } else {
            f->hinted = false;
        }
    }
    return 0;
}

int run_fleet_follow(struct cli *cli, struct espt_error *err)
{
    struct following f = {.daemon = {.cli = cli}, .reports = {.cli = cli}};
    struct fleet_place place;
    cli->revokes = true;
    int code = cli_fleet_member(cli, &place, err);
    if (code == 0)
        code = follower_begin(&f.follower, cli->fleet, cli->store, err);
    if (code != 0)
        return code;
    fleet_alive(cli->fleet, notify_alive);
    interrupt_catch();
    code = follow(&f, err);
    notify_stopping();
    interrupt_release();
    follower_end(&f.follower);
    return code;
}
