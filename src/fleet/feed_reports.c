/* SPDX-License-Identifier: ISC */
/*
 * The reports of edges that follow the feed. A web server writes them into the folder `r` of the
 * feed, each under the name of its edge, and the publisher puts them into the journal.
 *
 * MUST 1: whoever may write there is trusted with nothing. The folder is not listed: only files
 *         that have the name of an edge of the list are read.
 * MUST 2: a file counts only if it is no longer than a report may be, if the key of that edge has
 *         signed it, and if it is later than the report that the journal has.
 */
#include "fleet/feed.h"

#include "common/clock.h"
#include "fleet/report.h"
#include "store/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "r"
#define REPORTS_SHARE 100 /* looks take at most 1/REPORTS_SHARE of the time */
#define REPORTS_MS 10000  /* between two looks, at most */
#define SLACK 2           /* seconds, by which the time of a file may be behind the clock */

struct collecting {
    struct feed *feed;
    struct sites sites;
    int64_t *times; /* of the report in the journal, for each of the sites; owned */
    int folder;
    int64_t since, now;
};

/* By the time at which the file last changed, which only the system sets. */
static bool is_new(const struct collecting *c, const struct site *site)
{
    struct stat st;
    return site->edge && fstatat(c->folder, site->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && st.st_size <= (off_t)ESPT_JOURNAL_HEAD_MAX &&
           st.st_ctim.tv_sec + SLACK >= c->since;
}

static int note_time(void *arg, const char *name, const uint8_t *bytes, size_t len)
{
    struct collecting *c = arg;
    struct report report;
    const struct site *site = sites_member(&c->sites, name);
    if (site != NULL && report_good(bytes, len, name, c->feed->trust.id, site->key, &report))
        c->times[site - c->sites.items] = report.time;
    return 0;
}

static int take(struct collecting *c, const struct site *site, struct espt_error *err)
{
    struct report report;
    uint8_t *bytes;
    size_t len;
    const int found = feed_read(c->feed, c->folder, site->name, &bytes, &len, err);
    if (found <= 0)
        return found;
    const bool good = len <= ESPT_JOURNAL_HEAD_MAX &&
                      report_good(bytes, len, site->name, c->feed->trust.id, site->key, &report) &&
                      report.time > c->times[site - c->sites.items] &&
                      report.time <= c->now + REPORT_AHEAD_MAX;
    const int code = good ? journal_report_put(c->feed->fleet, site->name, bytes, len, err) : 0;
    free(bytes);
    return code;
}

/* One that fails does not keep the others from being taken. */
static int take_all(struct collecting *c, struct espt_error *err)
{
    struct espt_error why;
    int code = 0;
    for (size_t i = 0; i < c->sites.count; i++) {
        const struct site *site = &c->sites.items[i];
        if (is_new(c, site) && take(c, site, &why) != 0 && code == 0) {
            *err = why;
            code = why.code;
        }
    }
    return code;
}

static int collect(struct collecting *c, struct espt_error *err)
{
    bool any = false;
    for (size_t i = 0; !any && i < c->sites.count; i++)
        any = is_new(c, &c->sites.items[i]);
    if (!any)
        return 0;
    c->times = calloc(c->sites.count, sizeof *c->times);
    if (c->times == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = journal_report_each(c->feed->fleet, note_time, c, err);
    if (code == 0)
        code = take_all(c, err);
    free(c->times);
    return code;
}

/* Looks at the files of all edges. */
static int look(struct feed *feed, struct store *store, struct espt_error *err)
{
    const int64_t begun = realtime_seconds();
    struct collecting c = {
        .feed = feed,
        .since = feed->reports <= begun ? feed->reports : 0,
        .now = clock_now(),
        .folder = openat(feed->folder, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)};
    if (c.folder < 0)
        return errno == ENOENT
                   ? 0
                   : espt_fail(err, ESPT_UNUSABLE,
                               "%s: the folder " FOLDER " of reports cannot be used: %s",
                               feed->path, espt_errno_text(errno));
    int code = fleet_sites(store, &c.sites, err);
    if (code == 0)
        code = collect(&c, err);
    sites_clear(&c.sites);
    close(c.folder);
    if (code == 0)
        feed->reports = begun;
    return code;
}

/* A look takes microseconds in a fleet of some edges, and much longer in one of 100,000. */
int feed_reports(struct feed *feed, struct store *store, struct espt_error *err)
{
    const int64_t begun = monotonic_ms();
    if (begun < feed->look_at)
        return 0;
    const int code = look(feed, store, err);
    const int64_t ended = monotonic_ms(), pause = REPORTS_SHARE * (ended - begun);
    feed->look_at = ended + (code == 0 && pause < REPORTS_MS ? pause : REPORTS_MS);
    return code;
}
