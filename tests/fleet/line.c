/* SPDX-License-Identifier: ISC */
#include "fleet/line.h"

#include "fleet/postgres.h"
#include "support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t line;

struct pair {
    int client, server; /* -1: closed */
    bool silent;
};

static int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)postgres_port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
        _exit(126);
    return fd;
}

static void cut(struct pair *pair, enum line_fault fault, const char *bytes, size_t len)
{
    if (fault == LINE_SILENT) {
        pair->silent = send(pair->server, bytes, len, MSG_NOSIGNAL) > 0;
        return;
    }
    if (fault == LINE_AFTER)
        send(pair->server, bytes, len, MSG_NOSIGNAL);
    /* a reset, so that the client knows at once */
    setsockopt(pair->client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(pair->client);
    pair->client = -1;
    if (fault == LINE_LATE) {
        usleep(LATE_MS * 1000);
        send(pair->server, bytes, len, MSG_NOSIGNAL);
    }
    if (fault == LINE_BEFORE) {
        close(pair->server);
        pair->server = -1;
    }
    /* else the server answers into the void until line_end() */
}

/* One connection after the other: esp-tokenctl has one at a time. */
static void serve(int listener, enum line_fault fault, int chunks)
{
    struct pair pair = {-1, -1, false};
    static char bytes[1 << 16];
    for (int sent = 0;;) {
        fd_set ready;
        FD_ZERO(&ready);
        FD_SET(listener, &ready);
        if (pair.client >= 0)
            FD_SET(pair.client, &ready);
        if (pair.client >= 0 && pair.server >= 0 && !pair.silent)
            FD_SET(pair.server, &ready);
        if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) < 0)
            _exit(125);
        if (FD_ISSET(listener, &ready)) {
            pair = (struct pair){accept(listener, NULL, NULL), dial(), false};
            continue;
        }
        if (pair.client >= 0 && FD_ISSET(pair.client, &ready)) {
            const ssize_t len = recv(pair.client, bytes, sizeof bytes, 0);
            if (len <= 0) {
                close(pair.client);
                close(pair.server);
                pair = (struct pair){-1, -1, false};
            } else if (++sent == chunks) {
                raise(SIGUSR1); /* noted: it broke */
                cut(&pair, fault, bytes, (size_t)len);
            } else {
                send(pair.server, bytes, (size_t)len, MSG_NOSIGNAL);
            }
        } else if (pair.server >= 0 && FD_ISSET(pair.server, &ready)) {
            const ssize_t len = recv(pair.server, bytes, sizeof bytes, 0);
            if (len > 0)
                send(pair.client, bytes, (size_t)len, MSG_NOSIGNAL);
            if (len <= 0) {
                close(pair.client);
                close(pair.server);
                pair = (struct pair){-1, -1, false};
            }
        }
    }
}

static volatile sig_atomic_t broke;

static void on_break(int number)
{
    (void)number;
    broke = 1;
}

static void on_end(int number)
{
    (void)number;
    _exit(broke ? 1 : 0);
}

int line_begin(enum line_fault fault, int chunks)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    line = fork_child();
    if (line == 0) {
        signal(SIGUSR1, on_break);
        signal(SIGTERM, on_end);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener, fault, chunks);
    }
    close(listener);
    return ntohs(at.sin_port);
}

bool line_end(void)
{
    int status;
    ck_assert_int_eq(kill(line, SIGTERM), 0);
    ck_assert_int_eq(waitpid(line, &status, 0), line);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "%x", status);
    return WEXITSTATUS(status) == 1;
}
