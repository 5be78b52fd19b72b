/* SPDX-License-Identifier: ISC */
/* The process of the worker: one thread, one loop. */
#include "portal/control.h"
#include "portal/http.h"
#include "portal/sandbox.h"

#include "common/clock.h"
#include "shapes/shapes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_MS 1000
#define CIPHERS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Control, the brokers, the two daemons, and what is listened on. */
#define POLLED (1 + LINKS + 2 + PORTAL_LISTEN_MAX)

static struct MHD_Daemon *daemon_start(struct worker *worker, bool tls)
{
    const struct worker_start *start = worker->start;
    struct MHD_OptionItem more[] = {
        {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0,
         (void *)(uintptr_t)start->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)start->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)CIPHERS},
        {MHD_OPTION_END, 0, NULL},
    };
    const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                           (tls ? (unsigned)MHD_USE_TLS : 0);
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, worker, MHD_OPTION_ARRAY, more,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(CONNECTIONS_MAX + 2 * CONNECTIONS_ROOM),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(DOWNLOAD_MS / 1000), MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, worker, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        worker, MHD_OPTION_NOTIFY_COMPLETED, on_completed, worker, MHD_OPTION_END);
}

static int epoll_of(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        daemon != NULL ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    return info != NULL ? info->epoll_fd : -1;
}

static void set_link(struct worker *worker, enum broker_link link, int fd)
{
    if (fd < 0)
        return;
    if (worker->link[link] >= 0)
        broker_lost(worker, link);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    worker->link[link] = fd;
}

static void on_control(struct worker *worker)
{
    int fd;
    switch (control_receive(worker->start->control, &fd)) {
    case CONTROL_LINK:
        set_link(worker, READS, fd);
        break;
    case CONTROL_CHANGES:
        set_link(worker, CHANGES, fd);
        break;
    default:
        worker->ending = true;
        break;
    }
}

static int wait_time(const struct worker *worker)
{
    MHD_UNSIGNED_LONG_LONG wait;
    int least = SWEEP_MS;
    if (MHD_get_timeout(worker->plain, &wait) == MHD_YES && wait < (unsigned)least)
        least = (int)wait;
    if (worker->tls != NULL && MHD_get_timeout(worker->tls, &wait) == MHD_YES &&
        wait < (unsigned)least)
        least = (int)wait;
    return least;
}

static void poll_once(struct worker *worker)
{
    const struct worker_start *start = worker->start;
    const size_t listening = worker->ending || worker->count >= CONNECTIONS_MAX + CONNECTIONS_ROOM
                                 ? 0
                                 : start->listeners->count;
    struct pollfd polled[POLLED] = {
        {.fd = worker->ending ? -1 : start->control, .events = POLLIN},
        {.fd = epoll_of(worker->plain), .events = POLLIN},
        {.fd = epoll_of(worker->tls), .events = POLLIN},
    };
    for (int link = 0; link < LINKS; link++) {
        const bool queued = worker->first_queued[link] != NULL;
        polled[3 + link] = (struct pollfd){.fd = worker->link[link],
                                           .events = (short)(POLLIN | (queued ? POLLOUT : 0))};
    }
    for (size_t i = 0; i < listening; i++)
        polled[3 + LINKS + i] =
            (struct pollfd){.fd = start->listeners->socket[i].fd, .events = POLLIN};
    if (poll(polled, (nfds_t)(3 + LINKS + listening), wait_time(worker)) < 0)
        return;
    if (polled[0].revents != 0)
        on_control(worker);
    for (int link = 0; link < LINKS; link++) {
        if (worker->link[link] == polled[3 + link].fd && (polled[3 + link].revents & ~POLLOUT) != 0)
            broker_read(worker, (enum broker_link)link);
    }
    for (size_t i = 0; i < listening; i++) {
        if (polled[3 + LINKS + i].revents != 0)
            connection_accept(worker, i);
    }
}

static void run(struct worker *worker)
{
    int64_t swept = 0, end = INT64_MAX;
    while (!worker->ending || (worker->count > 0 && monotonic_ms() < end)) {
        poll_once(worker);
        MHD_run(worker->plain);
        if (worker->tls != NULL)
            MHD_run(worker->tls);
        for (int link = 0; link < LINKS; link++)
            broker_write(worker, (enum broker_link)link);
        if (worker->ending && end == INT64_MAX)
            end = monotonic_ms() + DRAIN_MS;
        if (worker->ending || monotonic_ms() - swept >= SWEEP_MS) {
            connections_sweep(worker);
            swept = monotonic_ms();
        }
    }
}

static int begin(struct worker *worker, struct espt_error *err)
{
    const struct worker_start *start = worker->start;
    const rlim_t files = CONNECTIONS_MAX + 3 * CONNECTIONS_ROOM;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < files) {
        limit.rlim_cur = limit.rlim_max < files ? limit.rlim_max : files;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    json_begin();
    worker->plain = daemon_start(worker, false);
    if (start->certificate != NULL)
        worker->tls = daemon_start(worker, true);
    respond_pages(worker);
    if (worker->page == NULL || worker->plain == NULL ||
        (start->certificate != NULL && worker->tls == NULL))
        return espt_fail(err, ESPT_UNUSABLE, "the HTTP server did not start");
    int code = start->drops ? sandbox_drop(start->uid, start->gid, err) : 0;
    return code == 0 ? sandbox_enter(err) : code;
}

_Noreturn void worker_run(const struct worker_start *start)
{
    static struct worker worker;
    struct espt_error err = {0};
    worker.start = start;
    worker.link[READS] = worker.link[CHANGES] = -1;
    set_link(&worker, READS, start->reads);
    set_link(&worker, CHANGES, start->changes);
    int code = begin(&worker, &err);
    if (code != 0)
        fprintf(stderr, "esp-token-portal: %s\n", err.message);
    else if (control_send(start->control, CONTROL_READY, -1) == 0)
        run(&worker);
    _exit(-code);
}
