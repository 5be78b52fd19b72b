/* SPDX-License-Identifier: ISC */
/* The worker's side of the brokers: sends requests, and builds answers from their packets. */
#include "portal/http.h"

#include "common/clock.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICKET_MS 3000

/* --- asking --- */

/* Sends what is queued. False: the broker takes no more now. */
static bool flush(struct worker *worker, enum broker_link link)
{
    struct exchange **first = &worker->first_queued[link];
    while (*first != NULL) {
        struct exchange *exchange = *first;
        if (packet_send(worker->link[link], exchange->request->bytes, exchange->request->len, -1) !=
            0)
            return false;
        *first = exchange->queued;
        exchange->queued = NULL;
        if (exchange->downloads) /* it is sent again, with a cursor */
            continue;
        sodium_memzero(exchange->request, sizeof *exchange->request);
        free(exchange->request);
        exchange->request = NULL;
    }
    worker->last_queued[link] = NULL;
    return true;
}

bool broker_queue(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;
    size_t slot = 0;
    while (slot < PENDING_MAX && worker->pending[slot] != NULL)
        slot++;
    if (slot == PENDING_MAX || worker->link[exchange->link] < 0)
        return false;
    worker->pending[slot] = exchange;
    exchange->asked = true;
    exchange->answered = false;
    exchange->answer_len = 0;
    exchange->head = (struct answer_head){0};
    const uint32_t le = exchange->id;
    memcpy(exchange->request->bytes, &le, sizeof le);
    if (worker->last_queued[exchange->link] != NULL)
        worker->last_queued[exchange->link]->queued = exchange;
    else
        worker->first_queued[exchange->link] = exchange;
    worker->last_queued[exchange->link] = exchange;
    MHD_suspend_connection(exchange->mhd);
    return true;
}

void broker_write(struct worker *worker, enum broker_link link)
{
    if (worker->link[link] >= 0 && !flush(worker, link) && errno != EAGAIN)
        broker_lost(worker, link);
}

/* --- answers --- */

static void resume(struct exchange *exchange)
{
    exchange->answered = true;
    MHD_resume_connection(exchange->mhd);
}

static struct exchange *find(const struct worker *worker, uint32_t id, enum broker_link link,
                             size_t *ret_slot)
{
    for (size_t slot = 0; slot < PENDING_MAX; slot++) {
        struct exchange *exchange = worker->pending[slot];
        if (exchange != NULL && exchange->id == id && exchange->link == link) {
            *ret_slot = slot;
            return exchange;
        }
    }
    return NULL;
}

static bool parse_text(char *out, size_t size, size_t len, const uint8_t **at, size_t *left)
{
    if (len >= size || len > *left)
        return false;
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len;
    *left -= len;
    return true;
}

/* The first packet of an answer. */
static bool parse_head(struct exchange *exchange, const uint8_t **at, size_t *left)
{
    struct answer_head *head = &exchange->head;
    if (*left < sizeof *head)
        return false;
    memcpy(head, *at, sizeof *head);
    *at += sizeof *head;
    *left -= sizeof *head;
    free(exchange->answer);
    exchange->answer = head->body_len <= ANSWER_BODY_MAX ? malloc(head->body_len + 1UL) : NULL;
    return exchange->answer != NULL &&
           parse_text(exchange->etag, sizeof exchange->etag, head->etag_len, at, left) &&
           parse_text(exchange->location, sizeof exchange->location, head->location_len, at,
                      left) &&
           parse_text(exchange->cookie, sizeof exchange->cookie, head->cookie_len, at, left);
}

static bool handle_packet(struct worker *worker, enum broker_link link, const uint8_t *at,
                          size_t left)
{
    uint32_t id;
    size_t slot;
    if (left < sizeof id)
        return false;
    memcpy(&id, at, sizeof id);
    if (id == 0) { /* a ticket */
        struct answer_head head;
        if (left < sizeof head)
            return false;
        memcpy(&head, at, sizeof head);
        worker->asks_ticket = false;
        if (head.status == 200 && head.body_len == left - sizeof head &&
            head.body_len < sizeof worker->ticket)
            memcpy(worker->ticket, at + sizeof head, head.body_len);
        return true;
    }
    struct exchange *exchange = find(worker, id, link, &slot);
    if (exchange == NULL)
        return false;
    if (exchange->head.status == 0) {
        if (!parse_head(exchange, &at, &left))
            return false;
    } else {
        at += sizeof(struct answer_more);
        left -= sizeof(struct answer_more);
    }
    if (left > exchange->head.body_len - exchange->answer_len)
        return false;
    memcpy(exchange->answer + exchange->answer_len, at, left);
    exchange->answer_len += left;
    if (exchange->answer_len == exchange->head.body_len) {
        exchange->answer[exchange->answer_len] = '\0';
        worker->pending[slot] = NULL;
        resume(exchange);
    }
    return true;
}

void broker_read(struct worker *worker, enum broker_link link)
{
    static uint8_t packet[ANSWER_PACKET];
    long len = 0;
    while (worker->link[link] >= 0 &&
           (len = packet_receive(worker->link[link], packet, sizeof packet, NULL)) > 0) {
        if (!handle_packet(worker, link, packet, (size_t)len)) {
            len = 0;
            break;
        }
    }
    sodium_memzero(packet, sizeof packet);
    if (worker->link[link] >= 0 && (len == 0 || errno != EAGAIN))
        broker_lost(worker, link);
}

void broker_lost(struct worker *worker, enum broker_link link)
{
    close(worker->link[link]);
    worker->link[link] = -1;
    worker->asks_ticket = false;
    worker->first_queued[link] = worker->last_queued[link] = NULL;
    for (size_t slot = 0; slot < PENDING_MAX; slot++) {
        struct exchange *exchange = worker->pending[slot];
        if (exchange == NULL || exchange->link != link)
            continue;
        worker->pending[slot] = NULL;
        exchange->queued = NULL;
        exchange->head = (struct answer_head){.status = 503, .retry_after = 1};
        exchange->answer_len = 0;
        free(exchange->answer);
        exchange->answer = NULL;
        resume(exchange);
    }
}

/* Waits for the answer, once: the ticket stays the same while the portal runs. */
void broker_ticket(struct worker *worker, int fd)
{
    struct request_out request;
    if (worker->ticket[0] != '\0' || worker->link[READS] < 0)
        return;
    request_begin(&request, 0, PORTAL_PEER);
    if (packet_send(worker->link[READS], request.bytes, request.len, fd) != 0)
        return;
    worker->asks_ticket = true;
    const int64_t until = monotonic_ms() + TICKET_MS;
    while (worker->asks_ticket && worker->link[READS] >= 0 && monotonic_ms() < until) {
        struct pollfd polled = {.fd = worker->link[READS], .events = POLLIN};
        if (poll(&polled, 1, TICKET_MS) > 0)
            broker_read(worker, READS);
    }
}
