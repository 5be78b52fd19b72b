/* SPDX-License-Identifier: ISC */
/* mosquitto_esp_token.so: decides with esp_validator.so which clients Mosquitto admits, and what
   they may read. README.md is the manual. */
#include "plugin.h"

#include "topics.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define EXPORT __attribute__((visibility("default")))
#define HOUR INT64_C(3600)

static void on_log(void *arg, int level, const char *message, size_t len)
{
    int broker_level = level <= LOG_ERR       ? MOSQ_LOG_ERR
                       : level == LOG_WARNING ? MOSQ_LOG_WARNING
                       : level == LOG_NOTICE  ? MOSQ_LOG_NOTICE
                       : level == LOG_INFO    ? MOSQ_LOG_INFO
                                              : MOSQ_LOG_DEBUG;
    (void)arg;
    mosquitto_log_printf(broker_level, "esp_token: %.*s", (int)len, message);
}

static bool parse_number(const char *text, int64_t least, int64_t most, int64_t *ret_number)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < least || value > most)
        return false;
    *ret_number = value;
    return true;
}

/* Returns NULL, or a message that says what is wrong. */
static const char *apply_option(struct options *options, const char *key, const char *value)
{
    int64_t hours;
    if (strcmp(key, "validator") == 0) {
        options->validator = value;
        return NULL;
    }
    if (strcmp(key, "config") == 0) {
        options->config = value;
        return NULL;
    }
    if (strcmp(key, "prefix") == 0) {
        options->prefix = value;
        return prefix_valid(value)
                   ? NULL
                   : "must be levels of a topic without wildcards; one level may be %e";
    }
    if (strcmp(key, "publish") == 0) {
        options->publish = strcmp(value, "acl") == 0;
        return options->publish || strcmp(value, "deny") == 0 ? NULL : "must be deny or acl";
    }
    if (strcmp(key, "recheck") == 0)
        return parse_number(value, 1, 60, &options->recheck) ? NULL : "must be 1 to 60 seconds";
    if (strcmp(key, "away") == 0) {
        if (!parse_number(value, 0, 8760, &hours))
            return "must be 0 to 8760 hours";
        options->away = hours * HOUR;
        return NULL;
    }
    return "unknown option; remove it, or see the plugin's README";
}

static bool refuse_option(const struct mosquitto_opt *option, const char *why)
{
    mosquitto_log_printf(MOSQ_LOG_ERR, "esp_token: plugin_opt_%s: %s", option->key, why);
    return false;
}

static bool apply_options(struct options *options, const struct mosquitto_opt *given, int count)
{
    *options = (struct options){.prefix = "metrics", .recheck = 10, .away = 24 * HOUR};
    for (int i = 0; i < count; i++) {
        const char *fault = apply_option(options, given[i].key, given[i].value);
        if (fault != NULL)
            return refuse_option(&given[i], fault);
        for (int j = 0; j < i; j++) {
            if (strcmp(given[j].key, given[i].key) == 0)
                return refuse_option(&given[i], "given twice; keep one");
        }
    }
    return true;
}

static const struct {
    int event;
    MOSQ_FUNC_generic_callback callback;
} callbacks[] = {
    {MOSQ_EVT_BASIC_AUTH, on_basic_auth},
    {MOSQ_EVT_ACL_CHECK, on_acl_check},
    {MOSQ_EVT_DISCONNECT, on_disconnect},
    {MOSQ_EVT_RELOAD, on_reload},
    {MOSQ_EVT_TICK, on_tick},
};

static bool register_callbacks(struct plugin *plugin)
{
    for (size_t i = 0; i < sizeof callbacks / sizeof *callbacks; i++) {
        if (mosquitto_callback_register(plugin->identifier, callbacks[i].event,
                                        callbacks[i].callback, NULL, plugin) != MOSQ_ERR_SUCCESS) {
            mosquitto_log_printf(
                MOSQ_LOG_ERR, "esp_token: the broker has no event %d; use Mosquitto 2.0 or later",
                callbacks[i].event);
            return false;
        }
    }
    return true;
}

static void destroy(struct plugin *plugin)
{
    for (size_t i = 0; i < sizeof callbacks / sizeof *callbacks; i++)
        mosquitto_callback_unregister(plugin->identifier, callbacks[i].event, callbacks[i].callback,
                                      NULL);
    clients_remove_all(&plugin->clients);
    if (plugin->ctx != NULL)
        plugin->validator.v->close(plugin->ctx);
    espt_unload(&plugin->validator);
    free(plugin);
}

EXPORT int mosquitto_plugin_version(int count, const int *versions)
{
    for (int i = 0; i < count; i++) {
        if (versions[i] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    }
    return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *identifier, void **userdata,
                                 struct mosquitto_opt *options, int count)
{
    char err[1024] = "";
    struct plugin *plugin = calloc(1, sizeof *plugin);
    if (plugin == NULL)
        return MOSQ_ERR_NOMEM;
    plugin->identifier = identifier;
    plugin->started = monotonic_seconds();
    if (!apply_options(&plugin->options, options, count))
        goto failed;
    if (!espt_load(&plugin->validator, plugin->options.validator, err, sizeof err) ||
        !plugin->validator.v->open(&plugin->ctx, plugin->options.config, on_log, NULL, err,
                                   sizeof err)) {
        mosquitto_log_printf(MOSQ_LOG_ERR, "esp_token: %s", err);
        goto failed;
    }
    if (!register_callbacks(plugin))
        goto failed;
    *userdata = plugin;
    return MOSQ_ERR_SUCCESS;
failed:
    destroy(plugin);
    return MOSQ_ERR_INVAL;
}

EXPORT int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int count)
{
    (void)options, (void)count;
    if (userdata != NULL)
        destroy(userdata);
    return MOSQ_ERR_SUCCESS;
}
