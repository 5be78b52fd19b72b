/* SPDX-License-Identifier: ISC */
/*
 * The clients that were admitted by a token. While a client is connected, its entry contains the
 * text of the token, to validate it again, and the last verdict.
 *
 * The entry of a client that disconnected stays for a while as absent, without the text: the plugin
 * must still check its will, and messages that the broker queues for a session that outlasts the
 * connection. Each queued message is checked again when the client returns.
 */
#ifndef ESP_TOKEN_CLIENTS_H
#define ESP_TOKEN_CLIENTS_H

#include "espt/validator.h"

#include <stdbool.h>

#define TOKEN_MAX 256 /* bytes; the longest foreign token */
#define BUCKETS 1024

struct client {
    struct client *next;    /* in the same bucket */
    const void *connection; /* the broker's handle; compared, never dereferenced */
    char *id;
    bool connected;
    bool refused;          /* its token is refused: its connection must end */
    bool lasting;          /* its session outlasts the connection */
    char token[TOKEN_MAX]; /* wiped on disconnect */
    size_t token_len;
    espt_result result;      /* the last conclusive verdict on the token alone */
    int64_t confirmed, left; /* monotonic seconds */
};

struct clients {
    struct client *bucket[BUCKETS];
};

/* NULL: the client was not admitted by a token. The broker uses addresses again, so the id must
   match too. */
struct client *client_find(const struct clients *clients, const void *connection, const char *id);
/* Adds an entry; an earlier one of the same connection is removed. NULL: out of memory. */
struct client *client_add(struct clients *clients, const void *connection, const char *id);
/* Marks the client as absent since `now`, and wipes its token. */
void client_set_absent(struct client *client, int64_t now);
void client_remove(struct clients *clients, const void *connection);

/* Calls `wanted` for every client, and removes the client if it returns false. `wanted` MUST NOT
   add or remove clients. It may mark them as absent. */
void clients_filter(struct clients *clients, bool (*wanted)(void *arg, struct client *client),
                    void *arg);
void clients_remove_all(struct clients *clients);

#endif
