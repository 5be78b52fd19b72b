/* SPDX-License-Identifier: ISC */
/* The turn to write, and the append. */
#include "common/clock.h"
#include "fleet/member.h"
#include "store/clock.h"

#include <time.h>

#define KEEP_MS 2000 /* how often the turn is kept */
#define AGAIN_MS 100 /* between two attempts of an append */
#define SAID 512
#define CLOCK_MAX 60 /* seconds: a clock that is wrong ends retiring secrets of other sites */

int journal_hold(struct fleet *fleet, struct espt_error *err)
{
    char said[SAID] = "";
    int code = journal_open(fleet, err);
    if (code != 0)
        return code;
    const unsigned seconds = fleet->config->wait.seconds;
    const uint32_t wait = seconds > UINT32_MAX / 1000 ? UINT32_MAX : seconds * 1000;
    const int status = fleet->plugin->hold(fleet->journal, wait, said, sizeof said);
    fleet->holds = status == ESPT_JOURNAL_DONE;
    fleet->held_at = monotonic_ms();
    if (status == ESPT_JOURNAL_BUSY)
        return espt_fail(err, ESPT_UNUSABLE,
                         "another site is writing and did not end within %u s: %s; nothing was "
                         "changed; try again, or wait longer (--wait)",
                         seconds, said);
    return fleet->holds ? 0 : journal_fail(err, said);
}

void journal_release(struct fleet *fleet)
{
    if (fleet->holds)
        fleet->plugin->release(fleet->journal);
    fleet->holds = false;
}

int journal_keep(struct fleet *fleet, struct espt_error *err)
{
    char said[SAID] = "";
    const int64_t now = monotonic_ms();
    if (!fleet->holds || now - fleet->held_at < KEEP_MS)
        return 0;
    fleet->held_at = now;
    if (fleet->plugin->keep(fleet->journal, said, sizeof said) == ESPT_JOURNAL_DONE)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "the fleet's journal: the turn to write was lost: %s; nothing was changed; "
                     "run the command again",
                     said);
}

int journal_same_time(struct fleet *fleet, struct espt_error *err)
{
    char said[SAID] = "";
    int64_t there = 0;
    if (fleet->plugin->clock(fleet->journal, &there, said, sizeof said) != ESPT_JOURNAL_DONE)
        return journal_fail(err, said);
    const int64_t ahead = clock_now() - there;
    if (ahead <= CLOCK_MAX && ahead >= -CLOCK_MAX)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "the clock of this machine is %lld s %s that of the fleet's journal; nothing "
                     "was changed; set the clock",
                     (long long)(ahead < 0 ? -ahead : ahead), ahead < 0 ? "behind" : "ahead of");
}

/* --- append --- */

static int taken(const struct fleet *fleet, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "another site wrote entry %llu of the fleet's journal at the same moment; "
                     "nothing was changed; run the command again",
                     (unsigned long long)fleet->position.number);
}

static int unsure(const struct fleet *fleet, const char *said, struct espt_error *err)
{
    char hash[2 * FLEET_HASH_LEN + 1];
    sodium_bin2hex(hash, sizeof hash, fleet->position.hash, FLEET_HASH_LEN);
    return espt_fail(err, ESPT_UNSURE,
                     "whether the change was made is not known: %s; once the journal can be "
                     "reached, run 'esp-tokenctl fleet status --pin %llu:%s' to find out",
                     said, (unsigned long long)fleet->position.number, hash);
}

/* Once the outcome was unknown, only DONE and TAKEN say what became of the entry. */
int journal_append(struct fleet *fleet, struct espt_error *err)
{
    const int64_t until = monotonic_ms() + (int64_t)fleet->config->wait.seconds * 1000;
    bool sent = false;
    for (;;) {
        char said[SAID] = "";
        const int status = fleet->plugin->append(fleet->journal, fleet->position.number,
                                                 &fleet->entry, said, sizeof said);
        if (status == ESPT_JOURNAL_DONE)
            return 0;
        if (status == ESPT_JOURNAL_TAKEN)
            return taken(fleet, err);
        sent = sent || status == ESPT_JOURNAL_UNKNOWN;
        if (!sent)
            return espt_fail(err, ESPT_UNUSABLE, "the fleet's journal: %s; nothing was changed",
                             said);
        if (monotonic_ms() >= until)
            return unsure(fleet, said, err);
        nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
    }
}
