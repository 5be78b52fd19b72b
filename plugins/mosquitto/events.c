#include "plugin.h"

#include "topics.h"

#include <string.h>
#include <time.h>

#define TICK_MAX 5 /* the broker ticks several times a second, or never */
/* A connection whose token could not be confirmed for so many rechecks, or a minute, ends. */
#define UNTOLD_RECHECKS 6
#define UNTOLD_SECONDS 60

int64_t monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static bool cannot_tell(int32_t status)
{
    return status >= ESPT_ERR_UNAVAILABLE;
}

/* Without ticks no connection would ever be looked at again. */
static bool ticks_missing(const struct plugin *plugin)
{
    return !plugin->ticked && monotonic_seconds() - plugin->started > TICK_MAX;
}

/* The verdict over a client's token, now; `topic` NULL: over the token alone. */
static bool ask(struct plugin *plugin, struct client *client, const struct topic *topic,
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
    if (!allowed && !cannot_tell(status) && status != ESPT_DENY_METRIC &&
        status != ESPT_DENY_ENTITY)
        client->refused = plugin->hurry = true;
    return allowed;
}

/* `who`: the id of a client that was let in, or the address of one that was not: what a stranger
   gives for a name may be a token, in the wrong place. */
static void log_refusal(const struct plugin *plugin, const espt_result *result, const char *what,
                        const char *who)
{
    mosquitto_log_printf(cannot_tell(result->status) ? MOSQ_LOG_ERR : MOSQ_LOG_NOTICE,
                         "esp_token: client %s: %s refused, token %s: %s (%s)", who, what,
                         result->token_id[0] != '\0' ? result->token_id : "-",
                         plugin->validator.v->reason(result->status), result->detail);
}

/* On a reload the broker asks for the sessions of absent clients too. They have no connection to
   lose, and are judged when they return. */
static int answer_absent(struct client *client, const espt_result *result)
{
    if (client != NULL && result->status == ESPT_ALLOW)
        client->result = *result;
    else if (client != NULL && !cannot_tell(result->status))
        client->refused = true;
    return MOSQ_ERR_SUCCESS;
}

/* Without an answer a client tries again, and does not think its token bad. */
static int answer_refused(const struct plugin *plugin, struct client *client,
                          const espt_result *result)
{
    if (cannot_tell(result->status))
        return plugin->reloading && client != NULL ? MOSQ_ERR_SUCCESS : MOSQ_ERR_UNKNOWN;
    if (client != NULL) {
        client->refused = true; /* on a reload: the broker ends it now, and publishes its will */
        client_leaves(client, monotonic_seconds());
    }
    return MOSQ_ERR_AUTH;
}

static int let_in(struct plugin *plugin, const struct mosquitto_evt_basic_auth *auth,
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

/* Nothing that names a token: not one's text, or, where the store may hold another system's, one
   that it does not know or cannot look up. It may be another plugin's, or the password file's, to
   judge. */
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
            MOSQ_LOG_ERR, "esp_token: nobody is let in: this broker gives plugins no ticks while "
                          "per_listener_settings is true; set it to false");
        return MOSQ_ERR_AUTH;
    }
    /* websockets are served between a reload and the tick */
    if (plugin->reloading && (client == NULL || !client->connected) &&
        mosquitto_client_protocol(auth->client) != mp_websockets)
        return answer_absent(client, &result);
    if (result.status != ESPT_ALLOW) {
        log_refusal(plugin, &result, "connection", address);
        return answer_refused(plugin, client, &result);
    }
    if (strcmp(result.entity, auth->username) != 0) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE,
                             "esp_token: client %s: connection refused, token %s: its entity is "
                             "not the user name",
                             address, result.token_id);
        return MOSQ_ERR_AUTH;
    }
    return let_in(plugin, auth, &result);
}

static int read_topic(struct plugin *plugin, struct client *client, const struct topic *topic)
{
    espt_result result;
    if (topic->place == PLACE_NOWHERE)
        return MOSQ_ERR_ACL_DENIED;
    if (client->connected && !ask(plugin, client, topic, &result))
        return MOSQ_ERR_ACL_DENIED;
    if (topic->place == PLACE_OUTSIDE)
        return MOSQ_ERR_PLUGIN_DEFER;
    /* Absent: this only queues the message; it is judged again, whole, when the client is back. */
    if (!client->connected &&
        (client->refused || !plugin->validator.v->allows(plugin->ctx, &client->result,
                                                         topic->metric, topic->metric_len)))
        return MOSQ_ERR_ACL_DENIED;
    return MOSQ_ERR_SUCCESS;
}

/* What a filter with wildcards lets through is judged message by message. */
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
    if (!ask(plugin, client, &topic, &result)) {
        log_refusal(plugin, &result, "subscription", client->id);
        return MOSQ_ERR_ACL_DENIED;
    }
    if (filter != text && !share_owned(group, group_len, client->result.entity)) {
        mosquitto_log_printf(MOSQ_LOG_NOTICE,
                             "esp_token: client %s: subscription refused, token %s: %s shares by "
                             "$share/%s/ or $share/%s:NAME/ alone",
                             client->id, client->result.token_id, client->result.entity,
                             client->result.entity, client->result.entity);
        return MOSQ_ERR_ACL_DENIED;
    }
    return topic.place == PLACE_OUTSIDE ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_SUCCESS;
}

/* A token lets its holder read. Publishing is at most left to the broker's own rules. */
static int publish(struct plugin *plugin, struct client *client)
{
    espt_result result;
    bool good = client->connected ? ask(plugin, client, NULL, &result) : !client->refused;
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
        client_leaves(client, monotonic_seconds());
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
    return MOSQ_ERR_PLUGIN_DEFER; /* other plugins are told too */
}

/* The will of a client that is ended here is judged as its own publication, and so refused. */
static void end_connection(struct client *client)
{
    client->refused = true;
    mosquitto_kick_client_by_clientid(client->id, true);
}

static bool untold_too_long(const struct plugin *plugin, const struct client *client, int64_t now)
{
    int64_t since = now - client->confirmed;
    return since >= UNTOLD_SECONDS || since >= UNTOLD_RECHECKS * plugin->options.recheck;
}

static bool keep_client(void *arg, struct client *client)
{
    struct plugin *plugin = arg;
    espt_result result;
    int64_t now = monotonic_seconds();
    if (!client->connected)
        return client->lasting && now - client->left < plugin->options.away;
    bool good = ask(plugin, client, NULL, &result);
    if (good && strcmp(result.entity, client->result.entity) != 0) {
        mosquitto_log_printf(
            MOSQ_LOG_NOTICE,
            "esp_token: client %s: connection ended, token %s: its entity is %s now", client->id,
            result.token_id, result.entity);
        end_connection(client);
    } else if (good) {
        client->refused = false;
        client->result = result;
        client->confirmed = now;
    } else if (!cannot_tell(result.status) || untold_too_long(plugin, client, now)) {
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
    if (now < plugin->next_check && !plugin->hurry)
        return MOSQ_ERR_SUCCESS;
    plugin->hurry = false;
    plugin->next_check = now + plugin->options.recheck;
    clients_keep(&plugin->clients, keep_client, plugin);
    return MOSQ_ERR_SUCCESS;
}
