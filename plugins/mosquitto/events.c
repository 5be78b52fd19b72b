/* SPDX-License-Identifier: ISC */
/* The broker's events: admits clients, checks subscriptions and deliveries, rechecks clients. */
#include "plugin.h"

#include "topics.h"

#include <string.h>
#include <time.h>

#define TICK_MAX 5 /* seconds; the broker ticks several times a second, or never */
/* A connection ends if its token could not be checked for this many rechecks, or for a minute. */
#define UNDECIDED_RECHECKS 6
#define UNDECIDED_SECONDS 60

int64_t monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static bool undecided(int32_t status)
{
    return status >= ESPT_ERR_UNAVAILABLE;
}

/* Without ticks the plugin could never recheck a connection. */
static bool ticks_missing(const struct plugin *plugin)
{
    return !plugin->ticked && monotonic_seconds() - plugin->started > TICK_MAX;
}

/* Validates a client's token now. `topic` NULL: the token alone. */
static bool validate(struct plugin *plugin, struct client *client, const struct topic *topic,
                     espt_result *ret_result)
{
    espt_query query = {
        .size = sizeof query, .token = client->token, .token_len = client->token_len};
    *ret_result = (espt_result){.size = sizeof *ret_result};
    if (topic != NULL) {
        query.entity = topic->entity;
        query.entity_len = topic->entity_len;
        query.metric = topic->place == PLACE_ONE ? topic->metric : NULL;
        query.metric_len = topic->metric_len;
    }
    bool allowed = plugin->validator.v->validate(plugin->ctx, &query, ret_result) == 1;
    int32_t status = ret_result->status;
    if (!allowed && !undecided(status) && status != ESPT_DENY_METRIC && status != ESPT_DENY_ENTITY)
        client->refused = plugin->recheck_now = true;
    return allowed;
}

/* `who` is the id of an admitted client. For other clients it is the address: their id may be a
   token in the wrong place. */
static void log_refusal(const struct plugin *plugin, const espt_result *result, const char *what,
                        const char *who)
{
    mosquitto_log_printf(undecided(result->status) ? MOSQ_LOG_ERR : MOSQ_LOG_NOTICE,
                         "esp_token: client %s: %s refused, token %s: %s (%s)", who, what,
                         result->token_id[0] != '\0' ? result->token_id : "-",
                         plugin->validator.v->reason(result->status), result->detail);
}

/* On a reload the broker also authenticates the sessions of absent clients. They have no connection
   that could end, and are checked when they return. */
static int answer_absent(struct client *client, const espt_result *result)
{
    if (client != NULL && result->status == ESPT_ALLOW)
        client->result = *result;
    else if (client != NULL && !undecided(result->status))
        client->refused = true;
    return MOSQ_ERR_SUCCESS;
}

/* If the validator cannot decide, the broker closes the connection without an answer. The client
   then tries again. A refusal would tell it that its token is invalid. */
static int answer_refused(const struct plugin *plugin, struct client *client,
                          const espt_result *result)
{
    if (undecided(result->status))
        return plugin->reloading && client != NULL ? MOSQ_ERR_SUCCESS : MOSQ_ERR_UNKNOWN;
    if (client != NULL) {
        /* on a reload the broker now ends the connection, and publishes the will */
        client->refused = true;
        client_set_absent(client, monotonic_seconds());
    }
    return MOSQ_ERR_AUTH;
}

static int admit(struct plugin *plugin, const struct mosquitto_evt_basic_auth *auth,
                 const espt_result *result)
{
    if (auth->password == NULL || strlen(auth->password) > TOKEN_MAX)
        return MOSQ_ERR_AUTH;
    struct client *client =
        client_add(&plugin->clients, auth->client, mosquitto_client_id(auth->client));
    if (client == NULL)
        return MOSQ_ERR_NOMEM;
    client->token_len = strlen(auth->password);
    memcpy(client->token, auth->password, client->token_len);
    client->result = *result;
    client->confirmed = monotonic_seconds();
    return MOSQ_ERR_SUCCESS;
}

/* Whether the validator found no token id for the password: it does not have the form of a token,
   or it could be a foreign token, but the store does not hold it or cannot be read. Other plugins
   and the password file then decide. */
static bool is_no_token(const espt_result *result)
{
    return result->status != ESPT_ALLOW && result->token_id[0] == '\0';
}

int on_basic_auth(int event, void *event_data, void *userdata)
{
    struct mosquitto_evt_basic_auth *auth = event_data;
    struct plugin *plugin = userdata;
    struct client *client =
        client_find(&plugin->clients, auth->client, mosquitto_client_id(auth->client));
    const char *address = mosquitto_client_address(auth->client);
    espt_query query = {.size = sizeof query, .token = auth->password};
    espt_result result = {.size = sizeof result};
    (void)event;
    query.token_len = auth->password != NULL ? strlen(auth->password) : 0;
    if (auth->username != NULL)
        plugin->validator.v->validate(plugin->ctx, &query, &result);
    if (is_no_token(&result)) {
        client_remove(&plugin->clients, auth->client);
        return MOSQ_ERR_PLUGIN_DEFER;
    }
    if (ticks_missing(plugin)) {
        mosquitto_log_printf(
            MOSQ_LOG_ERR,
            "esp_token: all clients are refused: the broker sends plugins no ticks while "
            "per_listener_settings is true; set it to false");
        return MOSQ_ERR_AUTH;
    }
    /* the broker serves WebSockets between a reload and the tick, so this may be a new client */
    if (plugin->reloading && (client == NULL || !client->connected) &&
        mosquitto_client_protocol(auth->client) != mp_websockets)
        return answer_absent(client, &result);
    if (result.status != ESPT_ALLOW) {
        log_refusal(plugin, &result, "connection", address);
        return answer_refused(plugin, client, &result);
    }
    if (strcmp(result.entity, auth->username) != 0) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE,
                             "esp_token: client %s: connection refused, token %s: the user name is "
                             "not its entity",
                             address, result.token_id);
        return MOSQ_ERR_AUTH;
    }
    return admit(plugin, auth, &result);
}

static int read_topic(struct plugin *plugin, struct client *client, const struct topic *topic)
{
    espt_result result;
    if (topic->place == PLACE_NOWHERE)
        return MOSQ_ERR_ACL_DENIED;
    if (client->connected && !validate(plugin, client, topic, &result))
        return MOSQ_ERR_ACL_DENIED;
    if (topic->place == PLACE_OUTSIDE)
        return MOSQ_ERR_PLUGIN_DEFER;
    /* For an absent client the broker only queues the message, which is checked again on return. */
    if (!client->connected &&
        (client->refused || !plugin->validator.v->allows(plugin->ctx, &client->result,
                                                         topic->metric, topic->metric_len)))
        return MOSQ_ERR_ACL_DENIED;
    return MOSQ_ERR_SUCCESS;
}

/* A filter with wildcards is granted; each message that it matches is checked on delivery. */
static int subscribe(struct plugin *plugin, struct client *client, const char *text)
{
    struct topic topic;
    espt_result result;
    const char *group;
    size_t group_len;
    const char *filter = share_strip(text, &group, &group_len);
    topic_parse(plugin->options.prefix, filter, true, &topic);
    if (!client->connected || topic.place == PLACE_NOWHERE)
        return MOSQ_ERR_ACL_DENIED;
    if (!validate(plugin, client, &topic, &result)) {
        log_refusal(plugin, &result, "subscription", client->id);
        return MOSQ_ERR_ACL_DENIED;
    }
    if (filter != text && !share_owned(group, group_len, client->result.entity)) {
        mosquitto_log_printf(
            MOSQ_LOG_NOTICE,
            "esp_token: client %s: subscription refused, token %s: the groups of its "
            "entity are $share/%s/ and $share/%s:NAME/",
            client->id, client->result.token_id, client->result.entity, client->result.entity);
        return MOSQ_ERR_ACL_DENIED;
    }
    return topic.place == PLACE_OUTSIDE ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_SUCCESS;
}

/* A token lets its holder read. The broker's own rules may allow it to publish, if an option says
   so. */
static int publish(struct plugin *plugin, struct client *client)
{
    espt_result result;
    bool good = client->connected ? validate(plugin, client, NULL, &result) : !client->refused;
    return plugin->options.publish && good ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_ACL_DENIED;
}

int on_acl_check(int event, void *event_data, void *userdata)
{
    struct mosquitto_evt_acl_check *check = event_data;
    struct plugin *plugin = userdata;
    struct topic topic;
    struct client *client =
        client_find(&plugin->clients, check->client, mosquitto_client_id(check->client));
    (void)event;
    if (client == NULL)
        return MOSQ_ERR_PLUGIN_DEFER;
    if (ticks_missing(plugin))
        return MOSQ_ERR_ACL_DENIED;
    switch (check->access) {
    case MOSQ_ACL_READ:
        topic_parse(plugin->options.prefix, check->topic, false, &topic);
        return read_topic(plugin, client, &topic);
    case MOSQ_ACL_SUBSCRIBE:
        return subscribe(plugin, client, check->topic);
    case MOSQ_ACL_UNSUBSCRIBE:
        return MOSQ_ERR_SUCCESS;
    case MOSQ_ACL_WRITE:
        return publish(plugin, client);
    default:
        return MOSQ_ERR_ACL_DENIED;
    }
}

int on_disconnect(int event, void *event_data, void *userdata)
{
    struct mosquitto_evt_disconnect *gone = event_data;
    struct plugin *plugin = userdata;
    struct client *client =
        client_find(&plugin->clients, gone->client, mosquitto_client_id(gone->client));
    (void)event;
    if (client != NULL) {
        client->lasting = !mosquitto_client_clean_session(gone->client);
        client_set_absent(client, monotonic_seconds());
    }
    return MOSQ_ERR_SUCCESS;
}

int on_reload(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    char err[512] = "";
    (void)event, (void)event_data;
    plugin->reloading = true;
    if (!plugin->validator.v->refresh(plugin->ctx, err, sizeof err))
        mosquitto_log_printf(MOSQ_LOG_ERR, "esp_token: %s", err);
    return MOSQ_ERR_PLUGIN_DEFER; /* so that other plugins get the event too */
}

/* The broker then asks about the will as a publication of this client, and publish() refuses it. */
static void end_connection(struct client *client)
{
    client->refused = true;
    mosquitto_kick_client_by_clientid(client->id, true);
}

static bool undecided_too_long(const struct plugin *plugin, const struct client *client,
                               int64_t now)
{
    int64_t since = now - client->confirmed;
    return since >= UNDECIDED_SECONDS || since >= UNDECIDED_RECHECKS * plugin->options.recheck;
}

static bool recheck_client(void *arg, struct client *client)
{
    struct plugin *plugin = arg;
    espt_result result;
    int64_t now = monotonic_seconds();
    if (!client->connected)
        return client->lasting && now - client->left < plugin->options.away;
    bool good = validate(plugin, client, NULL, &result);
    if (good && strcmp(result.entity, client->result.entity) != 0) {
        mosquitto_log_printf(
            MOSQ_LOG_NOTICE,
            "esp_token: client %s: connection ended, token %s: its entity was renamed to %s",
            client->id, result.token_id, result.entity);
        end_connection(client);
    } else if (good) {
        client->refused = false;
        client->result = result;
        client->confirmed = now;
    } else if (!undecided(result.status) || undecided_too_long(plugin, client, now)) {
        log_refusal(plugin, &result, "connection", client->id);
        end_connection(client);
    }
    return true;
}

int on_tick(int event, void *event_data, void *userdata)
{
    struct plugin *plugin = userdata;
    int64_t now = monotonic_seconds();
    (void)event, (void)event_data;
    plugin->ticked = true;
    plugin->reloading = false;
    if (now < plugin->next_check && !plugin->recheck_now)
        return MOSQ_ERR_SUCCESS;
    plugin->recheck_now = false;
    plugin->next_check = now + plugin->options.recheck;
    clients_filter(&plugin->clients, recheck_client, plugin);
    return MOSQ_ERR_SUCCESS;
}
