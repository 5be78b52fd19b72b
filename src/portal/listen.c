/* SPDX-License-Identifier: ISC */
#include "portal/listen.h"

#include "common/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define PASSED_FIRST 3 /* as in sd_listen_fds(3) */

static int fail(const char *listen, int why, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "cannot listen on %s: %s; change [portal] listen, or end the program that "
                     "uses it",
                     listen, espt_errno_text(why));
}

/* --- a path --- */

/* Removes the socket that an earlier portal left. One that a program listens on stays. */
static int remove_stale(const struct sockaddr_un *address, struct espt_error *err)
{
    struct stat st;
    const char *path = address->sun_path;
    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0))
        return espt_fail(err, ESPT_UNUSABLE, "%s: not a socket of this program; remove it", path);
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool used =
        probe >= 0 && (connect(probe, (const struct sockaddr *)address, sizeof *address) == 0 ||
                       errno != ECONNREFUSED);
    if (probe >= 0)
        close(probe);
    if (used)
        return fail(path, EADDRINUSE, err);
    return unlink(path) == 0 ? 0 : fail(path, errno, err);
}

static int open_path(const char *listen, int *ret_fd, struct espt_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, listen, strlen(listen) + 1);
    int code = remove_stale(&address, err);
    if (code != 0)
        return code;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* anyone may connect; who the other side is decides what it may do */
    const mode_t mask = umask(0);
    const int rc = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&address, sizeof address);
    const int why = errno;
    umask(mask);
    if (rc == 0 && listen[0] != '\0') {
        *ret_fd = fd;
        return 0;
    }
    if (fd >= 0)
        close(fd);
    return fail(listen, why, err);
}

/* --- an address --- */

static int open_address(const char *listen, int *ret_fd, struct espt_error *err)
{
    union listen_address address;
    const socklen_t len = listen_address(listen, &address);
    const int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(listen, errno, err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (address.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    const int rc = bind(fd, &address.any, len);
    if (rc == 0) {
        *ret_fd = fd;
        return 0;
    }
    const int why = errno;
    close(fd);
    return fail(listen, why, err);
}

/* --- all --- */

static void describe(struct listeners *listeners, int fd)
{
    struct sockaddr_storage address;
    struct in6_addr six;
    struct in_addr four;
    socklen_t len = sizeof address;
    memset(&address, 0, sizeof address);
    getsockname(fd, (struct sockaddr *)&address, &len);
    memcpy(&six, &((const struct sockaddr_in6 *)&address)->sin6_addr, sizeof six);
    memcpy(&four, &((const struct sockaddr_in *)&address)->sin_addr, sizeof four);
    const size_t at = listeners->count++;
    listeners->socket[at].fd = fd;
    listeners->socket[at].by_path = address.ss_family == AF_UNIX;
    listeners->socket[at].loopback =
        address.ss_family == AF_UNIX ||
        (address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six)) ||
        (address.ss_family == AF_INET && ntohl(four.s_addr) >> 24 == 127);
}

/* How many sockets systemd passed to this process. */
static unsigned long passed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != getpid())
        return 0;
    return strtoul(count, NULL, 10);
}

int listeners_open(struct listeners *ret_listeners, const struct config_portal *settings,
                   struct espt_error *err)
{
    struct listeners listeners = {0};
    const unsigned long count = passed();
    for (unsigned long i = 0; i < count && i < PORTAL_LISTEN_MAX; i++) {
        const int fd = PASSED_FIRST + (int)i;
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        describe(&listeners, fd);
    }
    for (size_t i = 0; count == 0 && i < settings->listens; i++) {
        const char *where = settings->listen[i];
        int fd = -1;
        int code = (where[0] == '/' ? open_path : open_address)(where, &fd, err);
        if (code != 0)
            return code;
        if (listen(fd, BACKLOG) != 0)
            return fail(where, errno, err);
        describe(&listeners, fd);
    }
    *ret_listeners = listeners;
    return 0;
}
