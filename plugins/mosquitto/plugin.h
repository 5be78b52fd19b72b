/*
 * What the parts of mosquitto_esp_token.so share.
 *
 *   plugin.c    options, and the broker's three entries
 *   events.c    who is let in, reads, subscribes and publishes; asking again
 *   clients.c   who was let in
 *   topics.c    topics and filters
 *
 * The broker has one thread, and calls one function at a time; but a call that ends a connection
 * comes back as that client's disconnect event and its will's publication.
 */
#ifndef ESP_TOKEN_PLUGIN_H
#define ESP_TOKEN_PLUGIN_H

#include "clients.h"
#include "load.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

struct options {
    const char *validator, *config; /* NULL: the installed one */
    const char *prefix;
    bool publish; /* whether a client with a token may publish is the broker's acl_file's to say */
    int64_t recheck; /* seconds */
    int64_t away;    /* seconds */
};

struct plugin {
    mosquitto_plugin_id_t *identifier;
    struct options options;
    struct espt_loaded validator;
    espt_ctx *ctx;
    struct clients clients;
    int64_t started, next_check;
    bool ticked;    /* the broker gives ticks */
    bool reloading; /* between a reload and the next tick, the broker asks for all its sessions */
    bool hurry;     /* a token was found to be good no more */
};

/* The callbacks, with a struct plugin as userdata. */
int on_basic_auth(int event, void *event_data, void *userdata);
int on_acl_check(int event, void *event_data, void *userdata);
int on_disconnect(int event, void *event_data, void *userdata);
int on_reload(int event, void *event_data, void *userdata);
int on_tick(int event, void *event_data, void *userdata);

/* Seconds of a clock that only goes forward. */
int64_t monotonic_seconds(void);

#endif
