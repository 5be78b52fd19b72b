/* SPDX-License-Identifier: ISC */
/*
 * esp-token-authd answers gateways that can only ask by HTTP whether a request may pass. README.md
 * and esp-token-authd(8) are the manual.
 *
 *   options.c settings.c   command line and file
 *   gate.c                 options and validator in force; reload
 *   listen.c unix_socket.c the sockets
 *   server.c               connections, time limits, the end
 *   answer.c               from a request to its answer
 *   present.c              headers and the presented token
 *   verdict.c                which question is asked; the validator's verdict
 *   pattern.c uri.c        which metric a path asks for
 *
 * This thread waits for signals; those of server.c answer.
 */
#include "counters.h"
#include "gate.h"
#include "log.h"
#include "notify.h"
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 1024

static sigset_t waited;

static int next_signal(long seconds)
{
    const struct timespec wait = {.tv_sec = seconds};
    int number = sigtimedwait(&waited, NULL, &wait);
    return number > 0 ? number : 0;
}

static int ends(int number)
{
    return number == SIGTERM || number == SIGINT;
}

/* A second signal ends the wait for open requests. */
static int is_impatient(void)
{
    return ends(next_signal(0));
}

static void notify_reloading(void)
{
    struct timespec now;
    char state[64];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
             now.tv_sec * 1000000LL + now.tv_nsec / 1000);
    notify(state);
}

static void reload(int argc, char **argv, struct options *started)
{
    char err[LINE_MAX_BYTES] = "";
    notify_reloading();
    struct gate *gate = gate_new(argc, argv, err, sizeof err);
    if (gate != NULL) {
        if (options_need_restart(started, &gate->options))
            log_line(LOG_WARNING, "listen, allow-remote, socket-mode, workers and connections take "
                                  "effect after a restart");
        gate_install(gate);
        log_line(LOG_NOTICE, "reloaded");
    } else {
        log_line(LOG_ERR, "not reloaded, the old settings stay in force: %s", err);
    }
    counters_add(gate != NULL ? COUNT_RELOADS : COUNT_FAILED, 1);
    notify("READY=1");
}

static void option_limits(unsigned *ret_idle, unsigned *ret_drain)
{
    const struct gate *gate = gate_enter();
    *ret_idle = gate->options.idle;
    *ret_drain = gate->options.drain;
    gate_leave();
}

static void serve(struct server *server, int argc, char **argv, struct options *started)
{
    unsigned idle = 0, drain = 0;
    notify("READY=1");
    for (int number = 0; !ends(number);) {
        option_limits(&idle, &drain);
        server_tick(idle);
        number = next_signal(1);
        if (number == SIGHUP)
            reload(argc, argv, started);
    }
    notify("STOPPING=1");
    server_drain(server, drain, is_impatient);
}

static void block_signals(void)
{
    sigemptyset(&waited);
    sigaddset(&waited, SIGHUP);
    sigaddset(&waited, SIGTERM);
    sigaddset(&waited, SIGINT);
    sigprocmask(SIG_BLOCK, &waited, NULL); /* threads inherit it */
    signal(SIGPIPE, SIG_IGN);
}

/* Serves until a signal. Returns 0 with a message if it cannot begin. */
static int run(int argc, char **argv, char *err, size_t err_len)
{
    static struct sockets sockets;
    static struct server server;
    struct options started;
    if (!options_read(&started, argc, argv, err, err_len) ||
        !listen_open(&sockets, &started, err, err_len)) {
        options_clear(&started);
        return 0;
    }
    int done = server_start(&server, &sockets, started.connections, err, err_len);
    if (done) {
        serve(&server, argc, argv, &started);
        server_stop(&server);
    }
    listen_remove(&sockets);
    options_clear(&started);
    return done;
}

static int prints_only(const struct gate *gate)
{
    const struct options *options = &gate->options;
    if (options->help)
        options_help(stdout);
    else if (options->version)
        puts("esp-token-authd " ESPT_RELEASE);
    else if (options->check)
        puts("the options and the validator are in order");
    return options->help || options->version || options->check;
}

int main(int argc, char **argv)
{
    char err[LINE_MAX_BYTES] = "";
    block_signals();
    struct gate *gate = sodium_init() < 0 ? NULL : gate_new(argc, argv, err, sizeof err);
    int done = gate != NULL;
    gate_install(gate);
    if (done && !prints_only(gate))
        done = run(argc, argv, err, sizeof err);
    gate_remove();
    if (!done)
        log_line(LOG_ERR, "%s", err[0] != '\0' ? err : "cannot initialize libsodium");
    return done ? 0 : 1;
}
