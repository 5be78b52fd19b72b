/* SPDX-License-Identifier: ISC */
#include "server.h"

#include "counters.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The library keeps the head of a request in this room, with a list of its headers. */
#define CONNECTION_BYTES 32768
/* Descriptors beside those of connections: sockets, epoll, the validator's files when it reloads.
 */
#define SPARE_DESCRIPTORS 64
/* When the server ends, a connection that has been idle for this long is closed. A gateway may be
   about to use one that was busy a moment ago. */
#define DRAIN_IDLE_MS 1000

struct client {
    struct client *next, *previous;
    int fd;
    _Atomic long long since; /* milliseconds: the last request ended, or the connection began */
    _Atomic bool busy;       /* the first line of a request has come */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under the lock, so that its descriptors are not closed meanwhile. */
static struct client *clients;
static long connections_max;
static atomic_bool draining;

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void client_add(struct client *client)
{
    pthread_mutex_lock(&lock);
    client->next = clients;
    if (clients != NULL)
        clients->previous = client;
    clients = client;
    pthread_mutex_unlock(&lock);
}

static void client_remove(struct client *client)
{
    pthread_mutex_lock(&lock);
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        clients = client->next;
    if (client->next != NULL)
        client->next->previous = client->previous;
    pthread_mutex_unlock(&lock);
    free(client);
}

static int fd_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* A connection that cannot be followed is not served. */
static void on_connection(void *arg, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct client *client = *socket_context;
    (void)arg;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        counters_add(COUNT_CONNECTIONS, 1);
        client = calloc(1, sizeof *client);
        *socket_context = client;
        if (client == NULL) {
            shutdown(fd_of(connection), SHUT_RDWR);
            return;
        }
        client->fd = fd_of(connection);
        client->since = now_ms();
        client_add(client);
        return;
    }
    counters_add(COUNT_CONNECTIONS, -1);
    if (client != NULL)
        client_remove(client);
}

/* The threads may let in a few more at the same moment; there are spare descriptors. */
static enum MHD_Result on_accept(void *arg, const struct sockaddr *address, socklen_t len)
{
    (void)arg, (void)address, (void)len;
    if (counters_get(COUNT_CONNECTIONS) < connections_max)
        return MHD_YES;
    counters_add(COUNT_REFUSED, 1);
    return MHD_NO;
}

/* The library splits and decodes the target in place, after this call. */
static void *on_target(void *arg, const char *target, struct MHD_Connection *connection)
{
    size_t len = strlen(target);
    struct request *request = calloc(1, sizeof *request + len + 1);
    struct client *client = client_of(connection);
    (void)arg;
    if (client != NULL)
        client->busy = true;
    if (request == NULL)
        return NULL;
    request->client = client;
    memcpy(request->target, target, len + 1);
    return request;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct client *client = client_of(connection);
    (void)arg, (void)code;
    free(*state);
    *state = NULL;
    if (client == NULL)
        return;
    client->since = now_ms();
    client->busy = false;
}

static int raise_limit(unsigned connections, unsigned sockets, char *err, size_t err_len)
{
    struct rlimit limit;
    /* a daemon has its socket, an epoll and an event descriptor */
    rlim_t need = (rlim_t)connections + 3 * (rlim_t)sockets + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < need) {
        limit.rlim_cur = need;
        if (limit.rlim_max < need || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            snprintf(err, err_len,
                     "%u connections need %llu open files, but this process may have %llu; raise "
                     "LimitNOFILE= of the service, or lower connections",
                     connections, (unsigned long long)need, (unsigned long long)limit.rlim_max);
            return 0;
        }
    }
    return 1;
}

static struct MHD_Daemon *start_daemon(int fd, unsigned connections)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0, on_accept,
        NULL, answer_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_target, NULL, MHD_OPTION_END);
}

int server_start(struct server *ret, const struct sockets *sockets, unsigned connections, char *err,
                 size_t err_len)
{
    memset(ret, 0, sizeof *ret);
    connections_max = connections;
    if (!raise_limit(connections, sockets->count, err, err_len))
        return 0;
    for (unsigned i = 0; i < sockets->count; i++) {
        ret->daemons[i] = start_daemon(sockets->fds[i], connections + 1);
        if (ret->daemons[i] == NULL) {
            snprintf(err, err_len, "cannot start a thread for connections: %s", strerror(errno));
            server_stop(ret);
            return 0;
        }
        ret->count++;
    }
    return 1;
}

/* Shuts down what has been without a whole request since `before`. A thread of the library then
   closes it. Returns the number of open connections. */
static long cut(long long before, bool busy_too)
{
    long open = 0;
    pthread_mutex_lock(&lock);
    for (struct client *client = clients; client != NULL; client = client->next) {
        open++;
        if (client->since > before || (client->busy && !busy_too))
            continue;
        shutdown(client->fd, SHUT_RDWR);
        client->since = now_ms(); /* once */
        counters_add(COUNT_CUT, busy_too);
    }
    pthread_mutex_unlock(&lock);
    return open;
}

void server_tick(unsigned idle)
{
    cut(now_ms() - 1000LL * idle, true);
}

bool server_is_draining(void)
{
    return draining;
}

void server_drain(struct server *server, unsigned seconds, int (*impatient)(void))
{
    const struct timespec pause = {.tv_nsec = 20000000};
    long long end = now_ms() + 1000LL * seconds;
    draining = true;
    for (unsigned i = 0; i < server->count; i++) {
        int fd = MHD_quiesce_daemon(server->daemons[i]);
        if (fd >= 0)
            close(fd);
    }
    while (cut(now_ms() - DRAIN_IDLE_MS, false) > 0 && now_ms() < end && !impatient())
        nanosleep(&pause, NULL);
}

void server_stop(struct server *server)
{
    for (unsigned i = 0; i < server->count; i++)
        MHD_stop_daemon(server->daemons[i]);
    server->count = 0;
}
