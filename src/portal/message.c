/* SPDX-License-Identifier: ISC */
#include "portal/message.h"

#include "common/name.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_LEN 5 /* id and command */

void request_begin(struct request_out *out, uint32_t id, enum portal_command command)
{
    const uint32_t le = htole32(id);
    out->failed = false;
    memcpy(out->bytes, &le, sizeof le);
    out->bytes[4] = (uint8_t)command;
    out->len = HEAD_LEN;
}

void request_add(struct request_out *out, enum field field, const char *text, size_t len)
{
    if (len > FIELD_TEXT_MAX || len + 4 > sizeof out->bytes - out->len) {
        out->failed = true;
        return;
    }
    uint8_t *at = out->bytes + out->len;
    at[0] = (uint8_t)field;
    at[1] = (uint8_t)(len & 0xff);
    at[2] = (uint8_t)(len >> 8);
    memcpy(at + 3, text, len);
    at[3 + len] = 0;
    out->len += len + 4;
}

/* Reads the field at `at`. Returns its length with everything; 0: it is malformed. */
static size_t field_decode(const uint8_t *at, size_t left, int *last, struct request_in *request)
{
    if (left < 4)
        return 0;
    const int field = at[0];
    const size_t len = at[1] | (size_t)at[2] << 8;
    const char *text = (const char *)at + 3;
    if (field >= FIELD_COUNT || field <= *last || len > FIELD_TEXT_MAX || len > left - 4 ||
        text[len] != '\0' || strlen(text) != len || !utf8_ok(text, len))
        return 0;
    *last = field;
    request->field[field] = text;
    return len + 4;
}

bool request_decode(const uint8_t *bytes, size_t len, struct request_in *ret_request)
{
    struct request_in request = {0};
    uint64_t given = 0;
    int last = -1;
    *ret_request = request;
    if (len < HEAD_LEN)
        return false;
    uint32_t le;
    memcpy(&le, bytes, sizeof le);
    request.id = ret_request->id = le32toh(le);
    if (bytes[4] >= PORTAL_COMMANDS)
        return false;
    request.command = (enum portal_command)bytes[4];
    for (size_t at = HEAD_LEN; at < len;) {
        const size_t size = field_decode(bytes + at, len - at, &last, &request);
        if (size == 0)
            return false;
        given |= FIELD_BIT(last);
        at += size;
    }
    const uint64_t takes = command_fields(request.command);
    const uint64_t from_path = takes & (FIELD_BIT(FIELD_ENTITY) | FIELD_BIT(FIELD_TOKEN));
    if ((given & ~takes) != 0 || (from_path & ~given) != 0)
        return false;
    *ret_request = request;
    return true;
}

int packet_send(int socket, const void *bytes, size_t len, int fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof fd)];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)len ? 0 : -1;
}

long packet_receive(int socket, void *bytes, size_t size, int *ret_fd)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen =
                                 CMSG_LEN(sizeof(int))}; /* no room for a second one */
    int fd = -1;
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *head = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(head), sizeof fd);
    if (fd >= 0 && (ret_fd == NULL || (message.msg_flags & MSG_TRUNC) != 0)) {
        close(fd);
        fd = -1;
    }
    if (ret_fd != NULL)
        *ret_fd = fd;
    if (got > 0 && (message.msg_flags & MSG_TRUNC) != 0) { /* longer than any message */
        errno = EMSGSIZE;
        return -1;
    }
    return got;
}
