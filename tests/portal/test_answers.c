/* SPDX-License-Identifier: ISC */
/*
 * How the worker handles packets of a broker: answers in one piece and in several, and packets that
 * no broker sends. Those end the connection with that broker, and every client that waits for it
 * gets 503. The test replaces libmicrohttpd's functions that suspend and resume a connection.
 */
#include "portal/http.h"
#include "support/support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ID 7

static struct worker worker;
static struct exchange exchange;
static int broker; /* the other end of worker.link[READS] */
static unsigned resumed;

void MHD_suspend_connection(struct MHD_Connection *connection)
{
    (void)connection;
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
    (void)connection;
    resumed++;
}

static struct request_out *new_request(void)
{
    struct request_out *request = malloc(sizeof *request);
    ck_assert_ptr_nonnull(request);
    request_begin(request, ID, PORTAL_TIERS);
    return request;
}

static void setup(void)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                     0);
    memset(&worker, 0, sizeof worker);
    worker.link[READS] = ends[0];
    worker.link[CHANGES] = -1;
    broker = ends[1];
    resumed = 0;
    exchange = (struct exchange){.worker = &worker, .id = ID, .link = READS};
    exchange.request = new_request();
    ck_assert(broker_queue(&exchange));
    broker_write(&worker, READS);
    ck_assert_ptr_null(worker.first_queued[READS]);
}

static void teardown(void)
{
    free(exchange.answer);
    free(exchange.request);
    close(broker);
    if (worker.link[READS] >= 0)
        close(worker.link[READS]);
}

static void send_packet(const struct answer_head *head, size_t head_len, const char *rest)
{
    uint8_t packet[512];
    memcpy(packet, head, head_len);
    memcpy(packet + head_len, rest, strlen(rest));
    ck_assert_int_eq(packet_send(broker, packet, head_len + strlen(rest), -1), 0);
}

START_TEST(in_pieces)
{
    const struct answer_head head = {.id = ID, .status = 200, .etag_len = 3, .body_len = 8};
    send_packet(&head, sizeof head, "\"1\"body");
    broker_read(&worker, READS);
    ck_assert_uint_eq(resumed, 0);
    send_packet(&head, sizeof(struct answer_more), "more");
    broker_read(&worker, READS);
    ck_assert_uint_eq(resumed, 1);
    ck_assert_str_eq(exchange.answer, "bodymore");
    ck_assert_str_eq(exchange.etag, "\"1\"");
    ck_assert_int_ge(worker.link[READS], 0);
    ck_assert_ptr_null(worker.pending[0]);
}
END_TEST

/* Packets that no broker sends. */
static const struct {
    struct answer_head head;
    size_t len;
    const char *rest;
} wrong[] = {
    {{.id = ID}, 2, ""},                                             /* no id */
    {{.id = 0}, sizeof(uint32_t), ""},                               /* half a ticket */
    {{.id = ID + 1, .status = 200}, sizeof(struct answer_head), ""}, /* nobody asked */
    {{.id = ID}, sizeof(uint32_t), ""},                              /* half a head */
    {{.id = ID, .status = 200, .etag_len = 24},
     sizeof(struct answer_head),
     "123456789012345678901234"},
    {{.id = ID, .status = 200, .location_len = 9}, sizeof(struct answer_head), "short"},
    {{.id = ID, .status = 200, .body_len = ANSWER_BODY_MAX + 1}, sizeof(struct answer_head), ""},
    {{.id = ID, .status = 200, .body_len = 3}, sizeof(struct answer_head), "more than 3"},
};

START_TEST(no_answers)
{
    send_packet(&wrong[_i].head, wrong[_i].len, wrong[_i].rest);
    broker_read(&worker, READS);
    ck_assert_int_eq(worker.link[READS], -1);
    ck_assert_uint_eq(resumed, 1);
    ck_assert_uint_eq(exchange.head.status, 503);
    ck_assert_ptr_null(exchange.answer);
}
END_TEST

START_TEST(broker_ends)
{
    close(broker);
    broker = -1;
    broker_read(&worker, READS);
    ck_assert_int_eq(worker.link[READS], -1);
    ck_assert_uint_eq(exchange.head.status, 503);
    struct exchange next = {
        .worker = &worker, .id = ID + 1, .link = READS, .request = exchange.request};
    ck_assert(!broker_queue(&next));
}
END_TEST

/* If a broker does not read, at most PENDING_MAX requests wait for it. */
START_TEST(not_read)
{
    static struct exchange many[PENDING_MAX];
    size_t taken = 0;
    for (size_t i = 0; i < PENDING_MAX; i++) {
        many[i] = (struct exchange){.worker = &worker, .id = ID + 1 + (uint32_t)i, .link = READS};
        many[i].request = new_request();
        many[i].request->len = sizeof many[i].request->bytes;
        memset(many[i].request->bytes, 0, sizeof many[i].request->bytes);
        taken += broker_queue(&many[i]);
    }
    ck_assert_uint_eq(taken, PENDING_MAX - 1); /* setup() has one */
    broker_write(&worker, READS);
    ck_assert_ptr_nonnull(worker.first_queued[READS]);
    ck_assert_int_ge(worker.link[READS], 0);
    close(broker);
    broker = -1;
    broker_write(&worker, READS);
    ck_assert_int_eq(worker.link[READS], -1);
    ck_assert_uint_eq(resumed, PENDING_MAX);
    for (size_t i = 0; i < PENDING_MAX; i++)
        free(many[i].request);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answers");
    TCase *tests = tcase_create("packets of a broker");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, in_pieces);
    tcase_add_loop_test(tests, no_answers, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tests, broker_ends);
    tcase_add_test(tests, not_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
