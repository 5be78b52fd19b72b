/* SPDX-License-Identifier: ISC */
#include "listen.h"

#include "log.h"
#include "notify.h"
#include "unix_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel lowers it to net.core.somaxconn */

static int is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_UNIX)
        return 1;
    if (address->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return address->ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127));
}

static int add(struct sockets *sockets, int fd)
{
    if (fd < 0 || sockets->count == SOCKETS_MAX)
        return 0;
    sockets->fds[sockets->count++] = fd;
    return 1;
}

/* Names the address in the log, with the port that the kernel chose for port 0. */
static void announce(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 || address.ss_family == AF_UNIX ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    log_line(LOG_INFO,
             address.ss_family == AF_INET6 ? "listening on http://[%s]:%s"
                                           : "listening on http://%s:%s",
             host, port);
}

static int bind_tcp(const struct sockaddr_storage *address, socklen_t len, int shared)
{
    int on = 1, fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
        (address->ss_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

/* With SO_REUSEPORT the kernel spreads connections over the workers. A second program would share
   the port too, so first look whether the address is free. */
static int open_tcp(struct sockets *sockets, struct sockaddr_storage *address, socklen_t len,
                    unsigned workers)
{
    int probe = bind_tcp(address, len, 0);
    if (probe < 0)
        return 0;
    int known = getsockname(probe, (struct sockaddr *)address, &len) == 0;
    close(probe);
    for (unsigned i = 0; known && i < workers; i++)
        known = add(sockets, bind_tcp(address, len, 1));
    if (known)
        announce(sockets->fds[sockets->count - 1]);
    return known;
}

/* Numeric addresses only: a name could become another address. */
static int parse_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len)
{
    char host[64];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    int bracket = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (len == 0 || len >= sizeof host || (!bracket && memchr(text, ':', len) != NULL) ||
        colon[1] == '\0')
        return 0;
    memcpy(host, text + bracket, len - 2 * (size_t)bracket);
    host[len - 2 * (size_t)bracket] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return 0;
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    *ret_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 1;
}

static int open_shared(struct sockets *sockets, int fd, unsigned workers)
{
    int done = add(sockets, fd);
    for (unsigned i = 1; done && i < workers; i++)
        done = add(sockets, fcntl(fd, F_DUPFD_CLOEXEC, 0));
    return done;
}

static int open_unix(struct sockets *sockets, const char *path, const struct options *options,
                     char *err, size_t err_len)
{
    struct stat st;
    int fd = unix_socket_open(path, options->socket_mode, BACKLOG, err, err_len);
    if (fd < 0)
        return 0;
    if (lstat(path, &st) == 0) {
        snprintf(sockets->unix_sockets[sockets->unix_count].path, PATH_MAX, "%s", path);
        sockets->unix_sockets[sockets->unix_count].device = st.st_dev;
        sockets->unix_sockets[sockets->unix_count++].inode = st.st_ino;
    }
    log_line(LOG_INFO, "listening on %s", path);
    snprintf(err, err_len, "cannot listen on %s: too many open files", path);
    return open_shared(sockets, fd, options->workers);
}

static int open_address(struct sockets *sockets, const char *text, const struct options *options,
                        char *err, size_t err_len)
{
    struct sockaddr_storage address = {0};
    socklen_t len = 0;
    if (text[0] == '/')
        return open_unix(sockets, text, options, err, err_len);
    if (!parse_address(text, &address, &len)) {
        snprintf(err, err_len,
                 "option listen must be an address such as 127.0.0.1:9180, [::1]:9180 or "
                 "/run/esp-token-authd/socket");
        return 0;
    }
    if (!is_loopback(&address) && !options->allow_remote) {
        snprintf(err, err_len, "listen: %s is not loopback; use allow-remote to listen there",
                 text);
        return 0;
    }
    if (open_tcp(sockets, &address, len, options->workers))
        return 1;
    snprintf(err, err_len, "cannot listen on %s: %s", text, strerror(errno));
    return 0;
}

static int open_passed(struct sockets *sockets, int fd, const struct options *options, char *err,
                       size_t err_len)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address, flag_len = sizeof(int);
    int listening = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &flag_len) != 0 || !listening ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        snprintf(err, err_len, "descriptor %d from systemd is not a listening stream socket", fd);
        return 0;
    }
    if (!is_loopback(&address) && !options->allow_remote) {
        snprintf(err, err_len,
                 "a socket from systemd is not loopback; use allow-remote to listen there");
        return 0;
    }
    snprintf(err, err_len, "too many sockets, or too many open files");
    announce(fd);
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
           fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 &&
           open_shared(sockets, fd, options->workers);
}

static void close_all(struct sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++)
        close(sockets->fds[i]);
    listen_remove(sockets);
}

int listen_open(struct sockets *ret, const struct options *options, char *err, size_t err_len)
{
    int passed = notify_sockets(), done = 1;
    memset(ret, 0, sizeof *ret);
    for (int i = 0; done && i < passed; i++)
        done = open_passed(ret, NOTIFY_FIRST_FD + i, options, err, err_len);
    for (unsigned i = 0; done && passed == 0 && i < options->listen.count; i++)
        done = open_address(ret, options->listen.items[i], options, err, err_len);
    if (!done)
        close_all(ret);
    return done;
}

void listen_remove(struct sockets *sockets)
{
    struct stat st;
    for (unsigned i = 0; i < sockets->unix_count; i++) {
        const char *path = sockets->unix_sockets[i].path;
        if (lstat(path, &st) == 0 && st.st_dev == sockets->unix_sockets[i].device &&
            st.st_ino == sockets->unix_sockets[i].inode)
            unlink(path);
    }
    sockets->unix_count = 0;
}
