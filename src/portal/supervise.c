/* SPDX-License-Identifier: ISC */
#include "portal/supervise.h"

#include "common/clock.h"
#include "portal/control.h"
#include "portal/load.h"
#include "portal/notify.h"
#include "portal/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALM_MS 10000  /* a child that ran so long did not fail at its start */
#define BACKOFF_MS 250 /* the first wait before a child is started again */
#define BACKOFF_MAX_MS 8000
#define DRAIN_MS 30000 /* how long a worker may take to end */

enum role {
    READER,
    CHANGER,
    WORKER,
    LEAVING,
    ROLES
}; /* LEAVING: the worker before, after SIGHUP */

struct child {
    pid_t pid;                     /* 0: it does not run */
    int control;                   /* our end */
    int64_t started, due, backoff; /* monotonic milliseconds; due: when it is started again */
    int64_t killed_at;             /* LEAVING: when it is killed; 0: never */
};

struct state {
    struct supervised *supervised;
    struct child child[ROLES];
    bool ending;
};

/* --- children --- */

static int pair(int ret_ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends);
}

_Noreturn static void run_worker(const struct state *state, int control, int reads, int changes)
{
    const struct listeners *listeners = &state->supervised->listeners;
    int kept[PORTAL_LISTEN_MAX + 4] = {control, reads, changes};
    for (size_t i = 0; i < listeners->count; i++)
        kept[3 + i] = listeners->socket[i].fd;
    kept[3 + listeners->count] = -1;
    child_begin("portal-worker", kept);
    const struct worker_start start = {
        .settings = &state->supervised->portal.settings,
        .listeners = listeners,
        .pages = &state->supervised->pages,
        .certificate = state->supervised->certificate,
        .key = state->supervised->key,
        .uid = state->supervised->uid,
        .gid = state->supervised->gid,
        .drops = state->supervised->drops,
        .control = control,
        .reads = reads,
        .changes = changes,
    };
    worker_run(&start);
}

static void forget(struct child *child)
{
    if (child->pid != 0)
        close(child->control);
    child->pid = 0;
}

/* Connects a broker with the worker. Returns the worker's end, or -1. */
static int connect_broker(const struct child *broker)
{
    int ends[2];
    if (broker->pid == 0 || pair(ends) != 0)
        return -1;
    const int rc = control_send(broker->control, CONTROL_LINK, ends[0]);
    close(ends[0]);
    if (rc == 0)
        return ends[1];
    close(ends[1]);
    return -1;
}

/* A broker that was started again gets the worker that runs. */
static void connect_worker(struct state *state, enum role broker)
{
    const struct child *worker = &state->child[WORKER];
    const int end = worker->pid != 0 ? connect_broker(&state->child[broker]) : -1;
    if (end < 0)
        return;
    (void)!control_send(worker->control, broker == READER ? CONTROL_LINK : CONTROL_CHANGES, end);
    close(end);
}

static bool start_child(struct state *state, enum role role)
{
    struct child *child = &state->child[role];
    int control[2], reads = -1, changes = -1;
    if (pair(control) != 0)
        return false;
    if (role == WORKER) {
        reads = connect_broker(&state->child[READER]);
        changes = connect_broker(&state->child[CHANGER]);
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        if (role == WORKER)
            run_worker(state, control[1], reads, changes);
        child_begin(role == CHANGER ? "portal-changes" : "portal-reads",
                    (const int[]){control[1], -1});
        if (state->supervised->key != NULL)
            sodium_memzero(state->supervised->key, strlen(state->supervised->key));
        broker_run(&state->supervised->portal, role == CHANGER, control[1]);
    }
    close(control[1]);
    if (reads >= 0)
        close(reads);
    if (changes >= 0)
        close(changes);
    if (pid < 0) {
        close(control[0]);
        return false;
    }
    child->pid = pid;
    child->control = control[0];
    child->started = monotonic_ms();
    return true;
}

/* Waits until a child says that it is ready. False: it has ended. */
static bool wait_ready(const struct child *child)
{
    int fd;
    return control_receive(child->control, &fd) == CONTROL_READY;
}

static void restart_later(struct child *child)
{
    const int64_t now = monotonic_ms();
    if (now - child->started >= CALM_MS)
        child->backoff = 0;
    else
        child->backoff = child->backoff == 0 ? BACKOFF_MS : 2 * child->backoff;
    if (child->backoff > BACKOFF_MAX_MS)
        child->backoff = BACKOFF_MAX_MS;
    child->due = now + child->backoff;
}

static void on_child(struct state *state)
{
    static const char *const names[] = {"broker that reads", "broker that changes", "worker",
                                        "worker before"};
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int role = 0; role < ROLES; role++) {
            struct child *child = &state->child[role];
            if (child->pid != pid)
                continue;
            forget(child);
            if (state->ending || role == LEAVING)
                continue;
            if (WIFSIGNALED(status))
                fprintf(stderr,
                        "esp-token-portal: the %s was ended by signal %d; it is started "
                        "again\n",
                        names[role], WTERMSIG(status));
            else
                fprintf(stderr,
                        "esp-token-portal: the %s ended with status %d; it is started "
                        "again\n",
                        names[role], WEXITSTATUS(status));
            restart_later(child);
        }
    }
}

static void start_due(struct state *state)
{
    for (int role = READER; role <= WORKER; role++) {
        struct child *child = &state->child[role];
        if (state->ending || child->pid != 0 || monotonic_ms() < child->due)
            continue;
        if (!start_child(state, (enum role)role))
            restart_later(child);
        else if (role != WORKER)
            connect_worker(state, (enum role)role);
    }
}

/* --- signals --- */

/* Another worker takes over, with the certificates as they are now. */
static void on_hangup(struct state *state)
{
    struct espt_error err;
    struct child *worker = &state->child[WORKER], *leaving = &state->child[LEAVING];
    if (certificates_load(state->supervised, &err) != 0) {
        fprintf(stderr, "esp-token-portal: %s; the certificate before is kept\n", err.message);
        return;
    }
    if (worker->pid == 0)
        return;
    if (leaving->pid != 0)
        kill(leaving->pid, SIGKILL);
    forget(leaving);
    *leaving = *worker;
    worker->pid = 0;
    leaving->killed_at = monotonic_ms() + DRAIN_MS;
    if (!start_child(state, WORKER))
        restart_later(worker);
    (void)!control_send(leaving->control, CONTROL_END, -1);
}

static void end_child(struct child *child)
{
    int status;
    if (child->pid == 0)
        return;
    (void)!control_send(child->control, CONTROL_END, -1);
    const int64_t until = monotonic_ms() + DRAIN_MS;
    while (waitpid(child->pid, &status, WNOHANG) == 0) {
        if (monotonic_ms() > until)
            kill(child->pid, SIGKILL);
        poll(NULL, 0, 10);
    }
    forget(child);
}

/* The worker first: it finishes the requests that are open. */
static void end_all(struct state *state)
{
    static const enum role order[] = {LEAVING, WORKER, READER, CHANGER};
    state->ending = true;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        end_child(&state->child[order[i]]);
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int next_due(const struct state *state)
{
    int64_t wait = 60000;
    const int64_t now = monotonic_ms();
    for (int role = READER; role <= LEAVING; role++) {
        const struct child *child = &state->child[role];
        const int64_t due = role == LEAVING ? child->killed_at : child->due;
        if ((role == LEAVING) == (child->pid != 0) && due - now < wait)
            wait = due > now ? due - now : 0;
    }
    return (int)wait;
}

static void run(struct state *state, int signals)
{
    struct signalfd_siginfo info;
    while (!state->ending) {
        struct pollfd polled = {.fd = signals, .events = POLLIN};
        poll(&polled, 1, next_due(state));
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
            if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
                state->ending = true;
            else if (info.ssi_signo == SIGHUP)
                on_hangup(state);
        }
        on_child(state);
        struct child *leaving = &state->child[LEAVING];
        if (leaving->pid != 0 && monotonic_ms() >= leaving->killed_at)
            kill(leaving->pid, SIGKILL);
        start_due(state);
    }
}

/* --- start --- */

int supervise(struct supervised *supervised, struct espt_error *err)
{
    struct state state = {.supervised = supervised};
    const int signals = signals_open();
    int code = signals < 0 ? espt_fail_call(err, "esp-token-portal", "signalfd", errno, "") : 0;
    for (int role = READER; role <= WORKER && code == 0; role++) {
        if (!start_child(&state, (enum role)role) || !wait_ready(&state.child[role]))
            code = espt_fail(err, ESPT_UNUSABLE, "a part of the portal did not start");
    }
    if (code == 0) {
        notify_ready();
        run(&state, signals);
        notify_stopping();
    }
    end_all(&state);
    return code;
}
