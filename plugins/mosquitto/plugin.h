/* SPDX-License-Identifier: ISC */
/*
 * What the parts of mosquitto_esp_token.so share.
 *
 *   plugin.c    options, and the three functions that the broker calls by name
 *   events.c    decides about connections, subscriptions, deliveries and publications; rechecks
 *   clients.c   the clients that were admitted by a token
 *   topics.c    topics and filters
 *
 * The broker has one thread. But a call that ends a connection re-enters the plugin: with that
 * client's disconnect event, and with the publication of its will.
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
    bool publish;    /* the broker's acl_file decides whether a client with a token may publish */
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
    bool ticked;      /* the broker has sent a tick */
    bool reloading;   /* from a reload to the next tick the broker authenticates all its sessions
                         again */
    bool recheck_now; /* a token was refused: recheck at the next tick */
};

/* The callbacks. `userdata` is a struct plugin. */
int on_basic_auth(int event, void *event_data, void *userdata);
int on_acl_check(int event, void *event_data, void *userdata);
int on_disconnect(int event, void *event_data, void *userdata);
int on_reload(int event, void *event_data, void *userdata);
int on_tick(int event, void *event_data, void *userdata);

/* Seconds of a clock that never goes back. */
int64_t monotonic_seconds(void);

#endif
