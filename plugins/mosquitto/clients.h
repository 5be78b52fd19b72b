/*
 * The clients that a token let in: their token's text, to ask again, as long as they are connected;
 * and what was found last.
 *
 * A client that went is kept for a while as absent, without the text: its will is still to be
 * judged, and a session that outlasts the connection may have messages queued, each judged again on
 * return.
 */
#ifndef ESP_TOKEN_CLIENTS_H
#define ESP_TOKEN_CLIENTS_H

#include "espt/validator.h"

#include <stdbool.h>

#define TOKEN_MAX 256 /* bytes; another system's may be so long */
#define BUCKETS 1024

struct client {
    struct client *next;    /* in its bucket */
    const void *connection; /* the broker's name for it: compared, never looked into */
    char *id;
    bool connected;
    bool refused;          /* its token is good no more: it is to lose its connection */
    bool lasting;          /* its session outlasts the connection */
    char token[TOKEN_MAX]; /* wiped when it goes */
    size_t token_len;
    espt_result result;      /* the last verdict over the token alone that was one */
    int64_t confirmed, left; /* monotonic seconds */
};

struct clients {
    struct client *bucket[BUCKETS];
};

/* NULL: not let in by a token. Addresses are used again, so the id must be the same. */
struct client *client_find(const struct clients *clients, const void *connection, const char *id);
/* A new one, or that connection's with all of it forgotten. NULL: out of memory. */
struct client *client_add(struct clients *clients, const void *connection, const char *id);
/* Absent from `now` on. */
void client_leaves(struct client *client, int64_t now);
void client_remove(struct clients *clients, const void *connection);

/* Calls `each` for every client; one for which it returns false is removed. `each` may let clients
   go, but must not add or remove any. */
void clients_keep(struct clients *clients, bool (*each)(void *arg, struct client *client),
                  void *arg);
void clients_remove_all(struct clients *clients);

#endif
