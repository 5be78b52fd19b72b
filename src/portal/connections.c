/* SPDX-License-Identifier: ISC */
/* Accepts connections, and closes those that are too slow or too many. */
#include "portal/http.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void connection_state(struct connection *connection, enum connection_state state)
{
    connection->state = state;
    connection->since = monotonic_ms();
}

/* libmicrohttpd notices the end, and frees the connection. */
static void end(struct connection *connection)
{
    if (!connection->closing)
        shutdown(connection->fd, SHUT_RDWR);
    connection->closing = true;
}

/* Makes room for a new connection: the one that has waited longest between two requests ends, or
   else the one whose request takes longest to arrive. */
static void end_oldest(struct worker *worker)
{
    struct connection *idle = NULL, *reading = NULL;
    for (struct connection *c = worker->connections; c != NULL; c = c->next) {
        if (c->closing)
            continue;
        if (c->state == IDLE && (idle == NULL || c->since < idle->since))
            idle = c;
        if (c->state == READING && (reading == NULL || c->since < reading->since))
            reading = c;
    }
    if (idle != NULL || reading != NULL)
        end(idle != NULL ? idle : reading);
}

static bool is_peer(const struct config_portal *settings, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof cred;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
        return false;
    for (size_t i = 0; i < settings->peers; i++) {
        if (settings->peer[i] == cred.uid)
            return true;
    }
    return false;
}

static void add(struct worker *worker, size_t listener, int fd,
                const struct sockaddr_storage *address, socklen_t len)
{
    const struct worker_start *start = worker->start;
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        close(fd);
        return;
    }
    connection->fd = fd;
    connection->by_path = start->listeners->socket[listener].by_path;
    connection->loopback = start->listeners->socket[listener].loopback;
    connection->tls = worker->tls != NULL && !connection->by_path;
    connection_state(connection, READING);
    if (connection->by_path && start->settings->proxy && is_peer(start->settings, fd)) {
        broker_ticket(worker, fd);
        connection->is_proxy = worker->ticket[0] != '\0';
    }
    worker->adding = connection;
    const enum MHD_Result done = MHD_add_connection(connection->tls ? worker->tls : worker->plain,
                                                    fd, (const struct sockaddr *)address, len);
    if (worker->adding != NULL) { /* on_connection() did not take it, and fd is closed */
        worker->adding = NULL;
        free(connection);
    }
    (void)done;
}

void connection_accept(struct worker *worker, size_t listener)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    if (worker->count >= CONNECTIONS_MAX)
        end_oldest(worker);
    const int fd = accept4(worker->start->listeners->socket[listener].fd,
                           (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        add(worker, listener, fd, &address, len);
}

void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct worker *worker = arg;
    struct connection *connection = *context;
    (void)mhd;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection = worker->adding;
        worker->adding = NULL;
        connection->next = worker->connections;
        if (connection->next != NULL)
            connection->next->before = connection;
        worker->connections = connection;
        worker->count++;
        *context = connection;
    } else if (connection != NULL) {
        if (connection->before != NULL)
            connection->before->next = connection->next;
        else
            worker->connections = connection->next;
        if (connection->next != NULL)
            connection->next->before = connection->before;
        worker->count--;
        *context = NULL;
        free(connection);
    }
}

void connections_sweep(struct worker *worker)
{
    static const int64_t limits[] = {[READING] = READ_MS,
                                     [WAITING] = INT64_MAX,
                                     [WRITING] = WRITE_MS,
                                     [DOWNLOADING] = DOWNLOAD_MS,
                                     [IDLE] = IDLE_MS};
    const int64_t now = monotonic_ms();
    for (struct connection *c = worker->connections; c != NULL; c = c->next) {
        if (now - c->since > limits[c->state] || (worker->ending && c->state == IDLE))
            end(c);
    }
}
