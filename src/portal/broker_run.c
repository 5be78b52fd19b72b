/* SPDX-License-Identifier: ISC */
/* The process of a broker: opens the store, then serves workers until the supervisor ends it. */
#include "portal/broker.h"
#include "portal/control.h"
#include "portal/site.h"

#include "shapes/shapes.h"

#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define WORKERS 8
#define WRITER_WAIT 5 /* seconds, until another program has written */
#define SEND_WAIT 5   /* seconds, until a worker reads its answer */

struct serving {
    struct broker broker;
    int control;
    size_t workers;
    int worker[WORKERS];
};

static void add_worker(struct serving *serving, int fd)
{
    const struct timeval wait = {.tv_sec = SEND_WAIT};
    if (serving->workers == WORKERS) {
        close(fd);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    serving->worker[serving->workers++] = fd;
}

static void serve(struct serving *serving)
{
    struct pollfd polled[WORKERS + 1] = {{.fd = serving->control, .events = POLLIN}};
    const size_t workers = serving->workers;
    int fd;
    for (size_t i = 0; i < workers; i++)
        polled[i + 1] = (struct pollfd){.fd = serving->worker[i], .events = POLLIN};
    const int ready = poll(polled, (nfds_t)workers + 1, site_wait(&serving->broker));
    site_follow(&serving->broker);
    if (ready <= 0)
        return;
    serving->workers = 0;
    for (size_t i = 0; i < workers; i++) {
        if (polled[i + 1].revents == 0 || broker_serve(&serving->broker, polled[i + 1].fd))
            serving->worker[serving->workers++] = polled[i + 1].fd;
        else
            close(polled[i + 1].fd);
    }
    if (polled[0].revents == 0)
        return;
    const enum control_word word = control_receive(serving->control, &fd);
    if (word == CONTROL_LINK && fd >= 0)
        add_worker(serving, fd);
    else if (word == CONTROL_END)
        serving->control = -1;
}

_Noreturn void broker_run(const struct portal *portal, bool changes, int control)
{
    static struct serving serving;
    static struct portal mine;
    struct espt_error err = {0};
    mine = *portal;
    mine.config.wait.seconds = WRITER_WAIT;
    serving.control = control;
    setlocale(LC_CTYPE, "C.UTF-8"); /* for letters in either case */
    json_begin();
    int code = broker_open(&serving.broker, &mine, changes, &err);
    if (code != 0)
        fprintf(stderr, "esp-token-portal: %s\n", err.message);
    else
        code = control_send(control, CONTROL_READY, -1);
    while (code == 0 && serving.control >= 0)
        serve(&serving);
    broker_close(&serving.broker);
    _exit(code == 0 ? 0 : -ESPT_UNUSABLE);
}
