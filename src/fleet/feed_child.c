/* SPDX-License-Identifier: ISC */
#include "fleet/feed_child.h"

#include "common/clock.h"
#include "fleet/feed.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define NICENESS 10      /* hosts and the publisher come first */
#define SILENT_MS 600000 /* a child that says nothing for so long is ended */

struct answer {
    struct head_snapshot which;
    struct espt_error err; /* code 0: done */
};

/* --- in the child --- */

static int parent; /* the socket to the publisher */

/* One byte: the child still works. */
static void show_life(void)
{
    (void)!send(parent, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* MUST 1 */
static void close_others(int one, int other)
{
    const int low = one < other ? one : other, high = one < other ? other : one;
    close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
    close_range((unsigned)low + 1, (unsigned)high - 1, 0);
    close_range((unsigned)high + 1, ~0U, 0);
}

static void become_child(struct feed *feed, int told, pid_t publisher)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t none;
    close_others(told, feed->pieces_folder);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, "token-snapshot");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* MUST 2 */
    if (getppid() != publisher)
        _exit(1);
    setpriority(PRIO_PROCESS, 0, NICENESS);
    parent = told;
    feed->folder = -1;
    feed->child.inherited = feed->fleet->journal;
    feed->fleet->journal = NULL;
    feed->fleet->alive = show_life;
}

static void work_and_exit(struct feed *feed, feed_work work)
{
    struct answer answer = {.err = {.code = 0}};
    answer.err.code = work(feed, &answer.which, &answer.err);
    fleet_free(feed->fleet);
    _exit(send(parent, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer ? 0 : 1);
}

/* --- in the publisher --- */

int feed_child_begin(struct feed *feed, feed_work work, struct espt_error *err)
{
    int ends[2];
    const pid_t publisher = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return espt_fail_call(err, feed->path, "socketpair", errno, "");
    const pid_t pid = fork();
    if (pid == 0) {
        become_child(feed, ends[1], publisher);
        work_and_exit(feed, work);
    }
    const int why = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return espt_fail_call(err, feed->path, "fork", why, "");
    }
    feed->child = (struct feed_child){.pid = pid,
                                      .work = work,
                                      .told = ends[0],
                                      .heard = monotonic_ms(),
                                      .leads = feed->leads,
                                      .other = feed->other,
                                      .grown = feed->grown};
    return 0;
}

bool feed_child_works(const struct feed *feed)
{
    return feed->child.pid != 0;
}

static int end_child(struct feed *feed)
{
    int status = 0;
    close(feed->child.told);
    while (waitpid(feed->child.pid, &status, 0) < 0 && errno == EINTR)
        ;
    feed->child.pid = 0;
    return status;
}

void feed_child_stop(struct feed *feed)
{
    if (feed->child.pid == 0)
        return;
    kill(feed->child.pid, SIGKILL);
    end_child(feed);
}

static int fail_ended(struct feed *feed, struct espt_error *err)
{
    const int status = end_child(feed);
    return WIFSIGNALED(status)
               ? espt_fail(err, ESPT_UNUSABLE,
                           "the process that makes a snapshot was ended by signal %d; look at the "
                           "kernel log (dmesg) whether memory was short",
                           WTERMSIG(status))
               : espt_fail(err, ESPT_UNUSABLE,
                           "the process that makes a snapshot ended without a result");
}

static int take_answer(struct feed *feed, const struct answer *answer, struct head_snapshot *ret,
                       struct espt_error *err)
{
    end_child(feed);
    if (answer->err.code != 0) {
        *err = answer->err;
        return err->code;
    }
    *ret = answer->which;
    return 1;
}

int feed_child_answer(struct feed *feed, struct head_snapshot *ret, struct espt_error *err)
{
    struct answer answer;
    ssize_t got = 1;
    if (feed->child.pid == 0)
        return 0;
    while (got == 1) {
        got = recv(feed->child.told, &answer, sizeof answer, MSG_DONTWAIT);
        if (got == 1)
            feed->child.heard = monotonic_ms();
    }
    if (got == (ssize_t)sizeof answer)
        return take_answer(feed, &answer, ret, err);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR))
        return fail_ended(feed, err);
    if (monotonic_ms() - feed->child.heard < SILENT_MS)
        return 0;
    feed_child_stop(feed);
    return espt_fail(err, ESPT_UNUSABLE,
                     "the process that makes a snapshot did nothing for %d minutes, and was ended",
                     SILENT_MS / 60000);
}
