/* SPDX-License-Identifier: ISC */
/* fleet publish: the daemon that writes the feed. */
#include "cli/fleet.h"
#include "cli/fleet_daemon.h"
#include "cli/interrupt.h"

#include "common/clock.h"
#include "fleet/feed.h"
#include "portal/notify.h"

#include <stdio.h>
#include <string.h>

struct publishing {
    struct fleet_daemon daemon;
    struct feed *feed;
    bool ready;                     /* a head was written */
    uint64_t number;                /* of the last head */
    char leader[SITE_NAME_MAX + 1]; /* see struct feed */
};

static void say_written(struct publishing *p)
{
    const struct head *head = &p->feed->head;
    const bool again = daemon_went_on(&p->daemon);
    if (!p->ready)
        notify_ready();
    if (!p->ready || again)
        fprintf(stderr, "esp-tokenctl: publishing in %s from entry %llu\n", p->feed->path,
                (unsigned long long)head->number);
    if (!p->ready || again || p->number != head->number)
        daemon_entry(head->number);
    if (strcmp(p->leader, p->feed->leader) != 0 && p->feed->leader[0] != '\0')
        fprintf(
            stderr,
            "esp-tokenctl: site %s publishes too; this one writes its own feed, and takes care of "
            "the journal when that one stops\n",
            p->feed->leader);
    else if (strcmp(p->leader, p->feed->leader) != 0)
        fprintf(stderr, "esp-tokenctl: takes care of the journal now\n");
    snprintf(p->leader, sizeof p->leader, "%s", p->feed->leader);
    p->ready = true;
    p->number = head->number;
}

/* Returns when there may be something new, or it is time to look. */
static void wait_for_more(struct publishing *p)
{
    struct espt_error ignored;
    const int64_t begun = monotonic_ms();
    store_rest(p->daemon.cli->store);
    daemon_pause(FEED_PAUSE_MS);
    if (interrupt_number() == 0 && feed_wait(p->feed, DAEMON_ASK_MS, &ignored) < 0 &&
        monotonic_ms() - begun < DAEMON_CALM_MS)
        daemon_pause(DAEMON_CALM_MS);
}

static int publish(struct publishing *p, struct espt_error *err)
{
    while (interrupt_number() == 0) {
        bool written = false;
        const int code = feed_step(p->feed, p->daemon.cli->store, &written, err);
        if (code == ESPT_REFUSED)
            return code;
        if (code != 0)
            daemon_failed(&p->daemon, err);
        else if (written)
            say_written(p);
        notify_alive();
        if (code == 0)
            wait_for_more(p);
        else
            daemon_pause(DAEMON_CALM_MS);
    }
    return 0;
}

int run_fleet_publish(struct cli *cli, struct espt_error *err)
{
    struct publishing p = {.daemon = {.cli = cli}};
    struct fleet_place place;
    int code = cli_fleet_member(cli, &place, err);
    if (code == 0 && cli->config.fleet_publish[0] == '\0')
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: [fleet] has no publish; name the folder of the feed there",
                         cli->config.file);
    if (code == 0)
        code = feed_new(&p.feed, cli->fleet, cli->config.fleet_publish, err);
    if (code != 0)
        return code;
    fleet_alive(cli->fleet, notify_alive);
    interrupt_catch();
    code = publish(&p, err);
    notify_stopping();
    interrupt_release();
    feed_free(p.feed);
    return code;
}
