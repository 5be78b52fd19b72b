/* SPDX-License-Identifier: ISC */
#include "fleet/line.h"

#include "fleet/postgres.h"
#include "support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK_MAX (1 << 16)

static pid_t line;
static bool stopped;

/* --- in the process of the line --- */

static struct {
    enum line_fault fault;
    int chunks, by;
} harm;

/* esp-tokenctl has one connection at a time. */
static struct {
    int client, server; /* -1: closed */
    bool silent;        /* answers are no longer passed on */
    bool next_answer;   /* the fault applies to the next answer */
    size_t answered;    /* bytes of the answer so far */
} pair = {.client = -1, .server = -1};

/* A chunk that has not arrived yet, for a connection that the client has lost. */
static struct {
    int server;
    int after; /* chunks of the next connection */
    size_t len;
    char bytes[CHUNK_MAX];
} late = {.server = -1};

static volatile sig_atomic_t broke;

static int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)postgres_port()),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
    if (harm.fault == LINE_STOP_LONG)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Called by a signal handler, too. */
static void arrive_late(void)
{
    if (late.server >= 0)
        send(late.server, late.bytes, late.len, MSG_NOSIGNAL);
    late.server = -1;
}

static void on_end(int number)
{
    (void)number;
    arrive_late();
    _exit(broke ? 1 : 0);
}

static void hang_up(void)
{
    close(pair.client);
    close(pair.server);
    pair.client = pair.server = -1;
    pair.silent = pair.next_answer = false;
}

/* Resets the client's connection, so that the client notices at once. The server's answers are
   discarded until line_end(). */
static void cut_client(void)
{
    setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(pair.client);
    pair.client = -1;
}

static void hold(const char *bytes, size_t len, int after)
{
    memcpy(late.bytes, bytes, len);
    late.len = len;
    late.after = after;
    late.server = pair.server;
}

static void do_harm(const char *bytes, size_t len)
{
    broke = 1;
    if (harm.fault == LINE_STOP_BEFORE)
        raise(SIGSTOP);
    if (harm.fault != LINE_BEFORE && harm.fault != LINE_LATE && harm.fault != LINE_OVERTAKEN)
        send(pair.server, bytes, len, MSG_NOSIGNAL);
    switch (harm.fault) {
    case LINE_BEFORE:
        cut_client();
        close(pair.server);
        pair.server = -1;
        break;
    case LINE_AFTER:
        cut_client();
        break;
    case LINE_LATE:
        hold(bytes, len, 0);
        cut_client();
        usleep(LATE_MS * 1000);
        arrive_late();
        break;
    case LINE_OVERTAKEN:
        hold(bytes, len, harm.by);
        cut_client();
        break;
    case LINE_SILENT:
        pair.silent = true;
        break;
    case LINE_TWICE:
        send(pair.server, bytes, len, MSG_NOSIGNAL);
        break;
    case LINE_ANSWER_TWICE:
    case LINE_STOP_AFTER:
    case LINE_STOP_LOSE:
        pair.next_answer = true;
        break;
    case LINE_STOP_BEFORE:
    case LINE_STOP_LONG:
        break;
    }
}

static void from_client(void)
{
    static int sent;
    static char bytes[CHUNK_MAX];
    const ssize_t len = recv(pair.client, bytes, sizeof bytes, 0);
    pair.answered = 0;
    if (len <= 0) {
        hang_up();
    } else if (++sent == harm.chunks) {
        do_harm(bytes, (size_t)len);
    } else {
        send(pair.server, bytes, (size_t)len, MSG_NOSIGNAL);
        if (late.server >= 0 && --late.after <= 0)
            arrive_late();
    }
}

static void from_server(void)
{
    static char bytes[CHUNK_MAX];
    const ssize_t len = recv(pair.server, bytes, sizeof bytes, 0);
    if (len <= 0) {
        hang_up();
        return;
    }
    pair.answered += (size_t)len;
    if (harm.fault == LINE_STOP_LONG && pair.answered > LONG_ANSWER && !broke) {
        broke = 1;
        raise(SIGSTOP);
    }
    if (pair.next_answer && (harm.fault == LINE_STOP_AFTER || harm.fault == LINE_STOP_LOSE))
        raise(SIGSTOP);
    if (pair.next_answer && harm.fault == LINE_STOP_LOSE) {
        cut_client();
        return;
    }
    if (pair.next_answer && harm.fault == LINE_ANSWER_TWICE)
        send(pair.client, bytes, (size_t)len, MSG_NOSIGNAL);
    pair.next_answer = false;
    send(pair.client, bytes, (size_t)len, MSG_NOSIGNAL);
}

static void accept_client(int listener)
{
    pair.client = accept(listener, NULL, NULL);
    pair.server = dial();
    pair.silent = pair.next_answer = false;
    if (pair.server < 0)
        cut_client();
}

static void serve(int listener)
{
    for (;;) {
        fd_set ready;
        FD_ZERO(&ready);
        FD_SET(listener, &ready);
        if (pair.client >= 0)
            FD_SET(pair.client, &ready);
        if (pair.client >= 0 && pair.server >= 0 && !pair.silent)
            FD_SET(pair.server, &ready);
        if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) < 0)
            _exit(125);
        if (FD_ISSET(listener, &ready))
            accept_client(listener);
        else if (pair.client >= 0 && FD_ISSET(pair.client, &ready))
            from_client();
        else if (pair.server >= 0 && FD_ISSET(pair.server, &ready))
            from_server();
    }
}

/* --- in the test --- */

static int begin(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    stopped = false;
    line = fork_child();
    if (line == 0) {
        signal(SIGTERM, on_end);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener);
    }
    close(listener);
    return ntohs(at.sin_port);
}

int line_begin(enum line_fault fault, int chunks)
{
    harm.fault = fault;
    harm.chunks = chunks;
    return begin();
}

int line_begin_overtaken(int chunks, int by)
{
    harm.by = by;
    return line_begin(LINE_OVERTAKEN, chunks);
}

bool line_stopped(void)
{
    int status;
    if (!stopped && waitpid(line, &status, WUNTRACED | WNOHANG) == line) {
        ck_assert_msg(WIFSTOPPED(status), "%x", status);
        stopped = true;
    }
    return stopped;
}

void line_go_on(void)
{
    ck_assert_int_eq(kill(line, SIGCONT), 0);
    stopped = false;
}

bool line_end(void)
{
    int status;
    ck_assert_int_eq(kill(line, SIGTERM), 0);
    kill(line, SIGCONT); /* it may have stopped since line_stopped() */
    ck_assert_int_eq(waitpid(line, &status, 0), line);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "%x", status);
    return WEXITSTATUS(status) == 1;
}
