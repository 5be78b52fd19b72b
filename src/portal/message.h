/* SPDX-License-Identifier: ISC */
/*
 * The messages between the worker and a broker, over a SOCK_SEQPACKET socketpair: one packet is one
 * message, so that no length has to be trusted.
 *
 * A request: id u32, command u8, then for each field, in the order of enum field: its number u8,
 * the length of its text u16, the text, and a zero byte. A text is UTF-8 without a zero byte.
 *
 * An answer: struct answer_head, then etag, location, cookie and body, one after the other. The
 * body continues in further packets, each of which begins with a struct answer_more.
 *
 * MUST 1: the broker trusts nothing in a request. request_decode() refuses whatever is not in
 * this form, and what the command does not take.
 */
#ifndef ESPT_PORTAL_MESSAGE_H
#define ESPT_PORTAL_MESSAGE_H

#include "portal/commands.h"

#define REQUEST_MAX 16384   /* bytes */
#define FIELD_TEXT_MAX 1024 /* bytes */
#define ANSWER_PACKET 65536 /* bytes; a socket takes twice as many without being told */
#define ANSWER_BODY_MAX (4U << 20)

/* --- requests --- */

struct request_out {
    size_t len;
    bool failed; /* a text is too long, or the message has no room */
    uint8_t bytes[REQUEST_MAX];
};
void request_begin(struct request_out *out, uint32_t id, enum portal_command command);
/* Call it in the order of enum field. */
void request_add(struct request_out *out, enum field field, const char *text, size_t len);

struct request_in {
    uint32_t id;
    enum portal_command command;
    const char *field[FIELD_COUNT]; /* NULL: absent. They point into the message. */
};
/* False: the message is malformed. ret_request->id is set if it could be read, else 0. */
bool request_decode(const uint8_t *bytes, size_t len, struct request_in *ret_request);

/* --- answers --- */

enum cookie_change { COOKIE_KEEP, COOKIE_SET, COOKIE_CLEAR };
struct answer_head {
    uint32_t id;
    uint16_t status; /* of HTTP */
    uint16_t etag_len, location_len, cookie_len;
    uint32_t retry_after; /* seconds; 0: none */
    uint32_t cookie;      /* enum cookie_change */
    uint32_t body_len;    /* of the whole body */
};
struct answer_more {
    uint32_t id;
};

/* --- descriptors --- */

/* Sends a message, and a descriptor if `fd` is not negative. Returns 0, or -1 with errno set. */
int packet_send(int socket, const void *bytes, size_t len, int fd);
/* Receives a packet, and at most one descriptor; *ret_fd is -1 without one, and else the caller's.
   `ret_fd` NULL: descriptors are closed. Returns the length; 0: the other side has ended; -1 with
   errno set. */
long packet_receive(int socket, void *bytes, size_t size, int *ret_fd);

#endif
