/* SPDX-License-Identifier: ISC */
#include "clients.h"

#include <stdlib.h>
#include <string.h>

static struct client **bucket_of(const struct clients *clients, const void *connection)
{
    uint64_t hash = (uint64_t)(uintptr_t)connection * UINT64_C(0x9e3779b97f4a7c15);
    return (struct client **)&clients->bucket[hash >> 54];
}

_Static_assert(BUCKETS == 1 << 10, "bucket_of() uses the upper ten bits of the hash");

static struct client **place_of(const struct clients *clients, const void *connection)
{
    struct client **place = bucket_of(clients, connection);
    while (*place != NULL && (*place)->connection != connection)
        place = &(*place)->next;
    return place;
}

static void remove_at(struct client **place)
{
    struct client *client = *place;
    *place = client->next;
    free(client->id);
    explicit_bzero(client, sizeof *client);
    free(client);
}

struct client *client_find(const struct clients *clients, const void *connection, const char *id)
{
    struct client *client = *place_of(clients, connection);
    return client != NULL && id != NULL && strcmp(client->id, id) == 0 ? client : NULL;
}

struct client *client_add(struct clients *clients, const void *connection, const char *id)
{
    client_remove(clients, connection);
    struct client *client = calloc(1, sizeof *client);
    char *own_id = id != NULL ? strdup(id) : NULL;
    if (client == NULL || own_id == NULL) {
        free(client);
        free(own_id);
        return NULL;
    }
    struct client **bucket = bucket_of(clients, connection);
    client->connection = connection;
    client->id = own_id;
    client->connected = true;
    client->next = *bucket;
    *bucket = client;
    return client;
}

void client_set_absent(struct client *client, int64_t now)
{
    explicit_bzero(client->token, sizeof client->token);
    client->connected = false;
    client->left = now;
}

void client_remove(struct clients *clients, const void *connection)
{
    struct client **place = place_of(clients, connection);
    if (*place != NULL)
        remove_at(place);
}

void clients_filter(struct clients *clients, bool (*wanted)(void *arg, struct client *client),
                    void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct client **place = &clients->bucket[i]; *place != NULL;) {
            if (wanted(arg, *place))
                place = &(*place)->next;
            else
                remove_at(place);
        }
    }
}

static bool none(void *arg, struct client *client)
{
    (void)arg, (void)client;
    return false;
}

void clients_remove_all(struct clients *clients)
{
    clients_filter(clients, none, NULL);
}
