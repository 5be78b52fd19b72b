/* SPDX-License-Identifier: ISC */
/*
 * A compromised worker sends arbitrary bytes, and every command with every field as every identity.
 * The broker answers each message, shows and changes only what the identity may see and change, and
 * is still running at the end.
 */
#include "portal/broker.h"
#include "shapes/shapes.h"
#include "support/support.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 20000
#define SECRET "0123456789abcdef"

static struct portal portal;
static struct broker brokers[2]; /* one reads, one changes */
static int ends[2];              /* ours, and the broker's */
static const char *config_path;
static char id_of[3][16]; /* of a token of each entity */
static const char *const entities[] = {"acme", "north", "stranger"};

static void add_entities(void)
{
    ck_assert_int_eq(CTL(config_path, NULL, "entity", "add", "north", "--kind", "reseller").status,
                     0);
    ck_assert_int_eq(
        CTL(config_path, NULL, "entity", "add", "acme", "--kind", "customer", "--reseller", "north")
            .status,
        0);
    ck_assert_int_eq(
        CTL(config_path, NULL, "entity", "add", "stranger", "--kind", "customer").status, 0);
    for (size_t i = 0; i < 3; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s/default", entities[i]);
        const struct run run = CTL(config_path, NULL, "show", name, "--json");
        const char *id = strstr(run.out, "\"id\": \"");
        ck_assert_ptr_nonnull(id);
        snprintf(id_of[i], sizeof id_of[i], "%.11s", id + 7);
    }
}

static void setup(void)
{
    const char *folder;
    struct espt_error err = {0};
    ck_assert_int_ge(sodium_init(), 0);
    json_begin();
    config_path = store_folder(&folder);
    add_entities();
    ck_assert_int_eq(config_load(&portal.config, config_path, geteuid(), &err), 0);
    portal.settings = (struct config_portal){.link = true,
                                             .proxy = true,
                                             .reveal = true,
                                             .idle = 1800,
                                             .session = 43200,
                                             .peers = 1,
                                             .peer = {geteuid()}};
    memcpy(portal.proxy_secret, SECRET, sizeof SECRET);
    memcpy(portal.ticket, "ticket-of-43-characters-abcdefghijklmnopqrs", TICKET_SIZE);
    for (int i = 0; i < 2; i++)
        ck_assert_msg(broker_open(&brokers[i], &portal, i == 1, &err) == 0, "%s", err.message);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void teardown(void)
{
    for (int i = 0; i < 2; i++)
        broker_close(&brokers[i]);
    close(ends[0]);
    close(ends[1]);
}

/* Sends a message to a broker and returns the status of the answer; the body is in `body`. */
static unsigned ask(struct broker *broker, const void *bytes, size_t len, int fd, char *body,
                    size_t size)
{
    static uint8_t packet[ANSWER_PACKET];
    struct answer_head head;
    size_t got = 0;
    ck_assert_int_eq(packet_send(ends[0], bytes, len, fd), 0);
    ck_assert(broker_serve(broker, ends[1]));
    long part = packet_receive(ends[0], packet, sizeof packet, NULL);
    ck_assert_int_ge(part, (long)sizeof head);
    memcpy(&head, packet, sizeof head);
    size_t skip = sizeof head + head.etag_len + head.location_len + head.cookie_len;
    ck_assert_uint_lt(head.body_len, size);
    while (true) {
        ck_assert_uint_le(got + (size_t)part - skip, head.body_len);
        memcpy(body + got, packet + skip, (size_t)part - skip);
        got += (size_t)part - skip;
        if (got == head.body_len)
            break;
        part = packet_receive(ends[0], packet, sizeof packet, NULL);
        skip = sizeof(struct answer_more);
        ck_assert_int_gt(part, (long)skip);
    }
    body[got] = '\0';
    return head.status;
}

static uint32_t draw(uint32_t below)
{
    return randombytes_uniform(below);
}

START_TEST(arbitrary_bytes)
{
    static uint8_t bytes[REQUEST_MAX];
    static char body[1 << 20];
    for (int round = 0; round < ROUNDS; round++) {
        size_t len = 1 + draw(round % 10 == 0 ? sizeof bytes : 64);
        randombytes_buf(bytes, len);
        if (round % 2 == 0 && len > 5) { /* a plausible head */
            bytes[4] = (uint8_t)draw(PORTAL_COMMANDS + 2);
            bytes[5] = (uint8_t)draw(FIELD_COUNT + 2);
        }
        const unsigned status = ask(&brokers[draw(2)], bytes, len, -1, body, sizeof body);
        ck_assert_msg(status >= 400 || bytes[4] == PORTAL_PEER, "status %u", status);
    }
}
END_TEST

START_TEST(changed_messages)
{
    static struct request_out good, bad;
    static char body[1 << 20];
    const char *before = CTL(config_path, NULL, "export").out;
    request_begin(&good, 7, PORTAL_EDIT);
    request_add(&good, FIELD_COOKIE, "x", 1);
    request_add(&good, FIELD_TOKEN, id_of[0], 11);
    request_add(&good, FIELD_NOTE, "changed", 7);
    for (int round = 0; round < ROUNDS; round++) {
        bad = good;
        for (uint32_t i = 0; i <= draw(4); i++)
            bad.bytes[4 + draw((uint32_t)good.len - 4)] ^= (uint8_t)(1 + draw(255));
        const size_t len = draw(4) == 0 ? 1 + draw((uint32_t)good.len) : good.len;
        ck_assert_uint_ge(ask(&brokers[1], bad.bytes, len, -1, body, sizeof body), 400);
    }
    ck_assert_str_eq(CTL(config_path, NULL, "export").out, before);
}
END_TEST

START_TEST(too_long)
{
    static uint8_t bytes[REQUEST_MAX + 1];
    static char body[4096];
    memset(bytes, 0, sizeof bytes);
    ck_assert_uint_eq(ask(&brokers[0], bytes, sizeof bytes, -1, body, sizeof body), 400);
}
END_TEST

/* --- every command as every identity --- */

enum identity { NOBODY, BAD_COOKIE, BAD_SECRET, BAD_TICKET, HEADERS, VIEWER, CUSTOMER, IDENTITIES };

static void add(struct request_out *out, enum field field, const char *text)
{
    if (text != NULL)
        request_add(out, field, text, strlen(text));
}

static void add_identity(struct request_out *out, enum identity identity)
{
    const bool proxy = identity == VIEWER || identity == CUSTOMER;
    add(out, FIELD_COOKIE,
        identity == BAD_COOKIE ? "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq" : NULL);
    add(out, FIELD_TICKET,
        identity == BAD_TICKET ? "ticket-of-43-characters-abcdefghijklmnopqrt" : NULL);
    add(out, FIELD_PROXY_SECRET,
        proxy                    ? SECRET
        : identity == BAD_SECRET ? "0123456789abcdeF"
                                 : NULL);
    if (identity >= BAD_SECRET) {
        add(out, FIELD_PROXY_ENTITY, "acme");
        add(out, FIELD_PROXY_PERSON, "mallory");
        add(out, FIELD_PROXY_ROLE, identity == VIEWER ? "viewer" : "manager");
    }
}

static const char *value_of(enum field field, size_t target)
{
    static const char *const values[FIELD_COUNT] = {
        [FIELD_NAME] = "taken-over", [FIELD_NOTE] = "x",       [FIELD_STATUS] = "inactive",
        [FIELD_CONTACT] = "x",       [FIELD_METRIC] = "kpi.x", [FIELD_LAST] = "yes",
        [FIELD_OVERLAP] = "0",       [FIELD_LINK] = "esplk_x", [FIELD_CUSTOMERS] = "yes",
        [FIELD_LIMIT] = "200",       [FIELD_DOWNLOAD] = "yes",
    };
    if (field == FIELD_ENTITY)
        return entities[target];
    return field == FIELD_TOKEN ? id_of[target] : values[field];
}

static unsigned ask_as(enum identity identity, enum portal_command command, size_t target,
                       char *body, size_t size)
{
    static struct request_out out;
    const uint64_t fields = command_fields(command);
    request_begin(&out, 1, command);
    if (!portal_commands[command].anyone)
        add_identity(&out, identity);
    for (int field = FIELD_ENTITY; field < FIELD_COUNT; field++) {
        if ((fields & FIELD_BIT(field)) != 0)
            add(&out, (enum field)field, value_of((enum field)field, target));
    }
    ck_assert(!out.failed);
    return ask(&brokers[portal_commands[command].changes], out.bytes, out.len, -1, body, size);
}

START_TEST(every_command)
{
    static char body[1 << 20];
    const char *before = CTL(config_path, NULL, "export").out;
    for (int command = PORTAL_SESSION; command < PORTAL_COMMANDS; command++) {
        for (int identity = 0; identity < IDENTITIES; identity++) {
            for (size_t target = 1; target < 3; target++) { /* of its reseller, and of a stranger */
                const unsigned status =
                    ask_as((enum identity)identity, (enum portal_command)command, target, body,
                           sizeof body);
                const bool names = (command_fields((enum portal_command)command) &
                                    (FIELD_BIT(FIELD_ENTITY) | FIELD_BIT(FIELD_TOKEN))) != 0;
                if (identity < VIEWER || names)
                    ck_assert_msg(status >= 400 || command == PORTAL_SIGN_IN,
                                  "command %d as %d: %u %s", command, identity, status, body);
                ck_assert_msg(strstr(body, "stranger") == NULL, "command %d as %d: %s", command,
                              identity, body);
                ck_assert_ptr_null(strstr(body, TOKEN_PREFIX));
            }
        }
    }
    ck_assert_str_eq(CTL(config_path, NULL, "export").out, before);
}
END_TEST

START_TEST(to_the_wrong_broker)
{
    static struct request_out out;
    static char body[4096];
    for (int command = PORTAL_SESSION; command < PORTAL_COMMANDS; command++) {
        const uint64_t fields = command_fields((enum portal_command)command);
        request_begin(&out, 1, (enum portal_command)command);
        if (!portal_commands[command].anyone)
            add_identity(&out, CUSTOMER);
        if ((fields & FIELD_BIT(FIELD_ENTITY)) != 0)
            add(&out, FIELD_ENTITY, "acme");
        if ((fields & FIELD_BIT(FIELD_TOKEN)) != 0)
            add(&out, FIELD_TOKEN, id_of[0]);
        ck_assert_uint_eq(ask(&brokers[!portal_commands[command].changes], out.bytes, out.len, -1,
                              body, sizeof body),
                          500);
    }
}
END_TEST

/* Only a connection of the proxy gets the ticket: not a file, and not a socket pair that the worker
   made itself. */
START_TEST(tickets)
{
    static struct request_out out;
    static char body[4096];
    int pair[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    request_begin(&out, 0, PORTAL_PEER);
    ck_assert_uint_eq(ask(&brokers[0], out.bytes, out.len, -1, body, sizeof body), 403);
    ck_assert_uint_eq(ask(&brokers[0], out.bytes, out.len, file, body, sizeof body), 403);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    portal.settings.peer[0] = geteuid() + 1;
    ck_assert_uint_eq(ask(&brokers[0], out.bytes, out.len, pair[0], body, sizeof body), 403);
    portal.settings.peer[0] = geteuid();
    ck_assert_uint_eq(ask(&brokers[0], out.bytes, out.len, pair[0], body, sizeof body), 200);
    ck_assert_str_eq(body, portal.ticket);
    close(file);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

/* A broker closes the descriptors that come with messages. */
START_TEST(descriptors)
{
    static char body[4096];
    const int before = dup(0);
    close(before);
    for (int i = 0; i < 200; i++) {
        const uint8_t bytes[] = {1, 0, 0, 0, (uint8_t)draw(PORTAL_COMMANDS + 4)};
        ask(&brokers[0], bytes, sizeof bytes, ends[0], body, sizeof body);
    }
    const int after = dup(0);
    close(after);
    ck_assert_int_eq(after, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("broker");
    TCase *tests = tcase_create("a worker that was taken over");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, arbitrary_bytes);
    tcase_add_test(tests, changed_messages);
    tcase_add_test(tests, too_long);
    tcase_add_test(tests, every_command);
    tcase_add_test(tests, to_the_wrong_broker);
    tcase_add_test(tests, tickets);
    tcase_add_test(tests, descriptors);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
