/* SPDX-License-Identifier: ISC */
#include "fleet/torture_daemons.h"

#include "fleet/daemon.h"
#include "fleet/feed_member.h"

#include <signal.h>
#include <sys/wait.h>

#define PG_EDGE 2
#define WEB_EDGE 3
#define PUBLISHER 3

static struct publisher publisher;
static struct web web;
static struct daemon_of follower[3]; /* of the second site and of the two edges */

void torture_daemons_begin(struct fleet_of *fleet)
{
    publisher_prepare(&publisher, fleet);
    publisher_start(&publisher);
    publisher_await(&publisher, fleet_last(fleet));
    web_start(&web, publisher.feed, "");
    fleet_let_in_edge(fleet, PG_EDGE);
    feed_member(&fleet->site[WEB_EDGE], fleet, &web);
    DONE(fleet->site[WEB_EDGE], "fleet", "join", "--edge");
    for (int i = 0; i < 3; i++)
        daemon_start(&follower[i], &fleet->site[i + 1], "follow");
}

static const char *log_of(int which)
{
    return which == PUBLISHER ? publisher.log : follower[which].log;
}

void torture_daemons_kill(int which)
{
    int status;
    const pid_t pid = which == PUBLISHER ? publisher.pid : follower[which].pid;
    ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "daemon %d ended: %s", which,
                  file_read(log_of(which), NULL));
    if (which == PUBLISHER) {
        ck_assert_int_eq(publisher_end(&publisher, SIGKILL), 128 + SIGKILL);
        publisher_start(&publisher);
        return;
    }
    ck_assert_int_eq(daemon_end(&follower[which], SIGKILL), 128 + SIGKILL);
    daemon_start(&follower[which], follower[which].member, "follow");
}

void torture_daemons_same(const struct fleet_of *fleet)
{
    fleet_same(fleet, 0, 1);
    publisher_await(&publisher, fleet_last(fleet));
    fleet_same_edge(fleet, PG_EDGE, 0);
    fleet_same_edge(fleet, WEB_EDGE, 0);
}

void torture_daemons_end(void)
{
    for (int i = 0; i < 3; i++)
        ck_assert_msg(daemon_end(&follower[i], SIGTERM) == 0, "%s",
                      file_read(follower[i].log, NULL));
    ck_assert_msg(publisher_end(&publisher, SIGTERM) == 0, "%s", file_read(publisher.log, NULL));
    web_stop(&web);
}
