/* SPDX-License-Identifier: ISC */
/* The Mosquitto plugin in a small broker that misbehaves as the real one does not: it has another
   interface version, lacks an event, sends no ticks, or checks an unknown kind of access. */
#include "support/support.h"

#include <dlfcn.h>
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BROKER __attribute__((visibility("default")))
#define EVENTS 16
#define ACL_UNNAMED 0x40

/* --- the broker --- */

struct mosquitto {
    const char *id;
};

static MOSQ_FUNC_generic_callback callbacks[EVENTS];
static void *callback_data;
static int missing; /* an event that this broker lacks */
static char logged[4096];

BROKER int mosquitto_callback_register(mosquitto_plugin_id_t *identifier, int event,
                                       MOSQ_FUNC_generic_callback callback, const void *event_data,
                                       void *userdata)
{
    (void)identifier, (void)event_data;
    if (event == missing)
        return MOSQ_ERR_NOT_SUPPORTED;
    callbacks[event] = callback;
    callback_data = userdata;
    return MOSQ_ERR_SUCCESS;
}

BROKER int mosquitto_callback_unregister(mosquitto_plugin_id_t *identifier, int event,
                                         MOSQ_FUNC_generic_callback callback,
                                         const void *event_data)
{
    (void)identifier, (void)event_data;
    if (callbacks[event] == callback)
        callbacks[event] = NULL;
    return MOSQ_ERR_SUCCESS;
}

BROKER void mosquitto_log_printf(int level, const char *format, ...)
{
    size_t len = strlen(logged);
    va_list args;
    (void)level;
    va_start(args, format);
    vsnprintf(logged + len, sizeof logged - len, format, args);
    va_end(args);
}

BROKER const char *mosquitto_client_id(const struct mosquitto *client)
{
    return client->id;
}

BROKER const char *mosquitto_client_address(const struct mosquitto *client)
{
    (void)client;
    return "127.0.0.1";
}

BROKER int mosquitto_client_protocol(const struct mosquitto *client)
{
    (void)client;
    return mp_mqtt;
}

BROKER bool mosquitto_client_clean_session(const struct mosquitto *client)
{
    (void)client;
    return true;
}

BROKER int mosquitto_kick_client_by_clientid(const char *id, bool with_will)
{
    (void)id, (void)with_will;
    return MOSQ_ERR_SUCCESS;
}

/* --- the plugin --- */

static int (*plugin_version)(int count, const int *versions);
static int (*plugin_init)(mosquitto_plugin_id_t *identifier, void **userdata,
                          struct mosquitto_opt *options, int count);
static int (*plugin_cleanup)(void *userdata, struct mosquitto_opt *options, int count);
static const char *config;
static char text[64];
static struct mosquitto client = {"one"};

static void setup(void)
{
    void *library = dlopen(OUT "/plugins/mosquitto/mosquitto_esp_token.so", RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)&plugin_version = dlsym(library, "mosquitto_plugin_version");
    *(void **)&plugin_init = dlsym(library, "mosquitto_plugin_init");
    *(void **)&plugin_cleanup = dlsym(library, "mosquitto_plugin_cleanup");
    config = store_folder(NULL);
    struct run run = CTL(config, NULL, "entity", "add", "acme", "--kind", "customer");
    const char *at = strstr(run.out, "esptk_");
    ck_assert_msg(at != NULL, "%s", run.err);
    snprintf(text, sizeof text, "%.54s", at);
}

static int load(const char *validator, void **ret_plugin)
{
    struct mosquitto_opt options[] = {
        {(char *)(uintptr_t) "validator", (char *)(uintptr_t)validator},
        {(char *)(uintptr_t) "config", (char *)(uintptr_t)config}};
    *ret_plugin = NULL;
    logged[0] = '\0';
    return plugin_init(NULL, ret_plugin, options, 2);
}

static int lets_in(void)
{
    struct mosquitto_evt_basic_auth auth = {
        .client = &client, .username = (char *)(uintptr_t) "acme", .password = text};
    return callbacks[MOSQ_EVT_BASIC_AUTH](MOSQ_EVT_BASIC_AUTH, &auth, callback_data);
}

static int may(int access, const char *topic)
{
    struct mosquitto_evt_acl_check check = {.client = &client, .topic = topic, .access = access};
    return callbacks[MOSQ_EVT_ACL_CHECK](MOSQ_EVT_ACL_CHECK, &check, callback_data);
}

static void nothing_registered(void)
{
    for (int event = 0; event < EVENTS; event++)
        ck_assert(callbacks[event] == NULL);
}

/* --- tests --- */

START_TEST(knows_one_interface)
{
    const int versions[] = {2, 3, 4, 5, 6};
    ck_assert_int_eq(plugin_version(5, versions), MOSQ_PLUGIN_VERSION);
    ck_assert_int_eq(plugin_version(3, versions), -1);
    ck_assert_int_eq(plugin_version(0, versions), -1);
}
END_TEST

START_TEST(refuses_a_broker_without_an_event)
{
    static const int events[] = {MOSQ_EVT_BASIC_AUTH, MOSQ_EVT_ACL_CHECK, MOSQ_EVT_DISCONNECT,
                                 MOSQ_EVT_RELOAD, MOSQ_EVT_TICK};
    void *plugin;
    char line[128];
    missing = events[_i];
    ck_assert_int_eq(load(plugin_path(), &plugin), MOSQ_ERR_INVAL);
    snprintf(line, sizeof line, "esp_token: the broker has no event %d; use Mosquitto 2.0 or later",
             missing);
    ck_assert_str_eq(logged, line);
    ck_assert_ptr_null(plugin);
    nothing_registered();
}
END_TEST

/* A relative path is refused: the working folder of the broker must not choose the plugin. */
START_TEST(refuses_a_relative_path)
{
    void *plugin;
    ck_assert_int_eq(load("esp_validator.so", &plugin), MOSQ_ERR_INVAL);
    ck_assert_str_eq(logged, "esp_token: esp_validator.so: the validator's path must begin with /");
    nothing_registered();
}
END_TEST

START_TEST(grants_what_it_knows)
{
    void *plugin;
    ck_assert_int_eq(load(plugin_path(), &plugin), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(may(MOSQ_ACL_READ, "metrics/kpi/audience"), MOSQ_ERR_PLUGIN_DEFER);
    ck_assert_int_eq(lets_in(), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(may(MOSQ_ACL_READ, "metrics/kpi/peak_audience"), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(may(MOSQ_ACL_UNSUBSCRIBE, "metrics/kpi/peak_audience"), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(may(MOSQ_ACL_UNSUBSCRIBE, "anything"), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(may(MOSQ_ACL_WRITE, "metrics/kpi/peak_audience"), MOSQ_ERR_ACL_DENIED);
    ck_assert_int_eq(may(ACL_UNNAMED, "metrics/kpi/peak_audience"), MOSQ_ERR_ACL_DENIED);
    ck_assert_int_eq(may(MOSQ_ACL_NONE, "metrics/kpi/peak_audience"), MOSQ_ERR_ACL_DENIED);
    ck_assert_int_eq(plugin_cleanup(plugin, NULL, 0), MOSQ_ERR_SUCCESS);
    nothing_registered();
}
END_TEST

/* Without ticks no connection could be rechecked, so admitted clients read nothing more. */
START_TEST(no_ticks)
{
    void *plugin;
    ck_assert_int_eq(load(plugin_path(), &plugin), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(lets_in(), MOSQ_ERR_SUCCESS);
    ck_assert_int_eq(may(MOSQ_ACL_READ, "metrics/kpi/peak_audience"), MOSQ_ERR_SUCCESS);
    sleep(7);
    ck_assert_int_eq(may(MOSQ_ACL_READ, "metrics/kpi/peak_audience"), MOSQ_ERR_ACL_DENIED);
    ck_assert_int_eq(lets_in(), MOSQ_ERR_AUTH);
    ck_assert_ptr_nonnull(strstr(logged, "the broker sends plugins no ticks"));
    ck_assert_int_eq(plugin_cleanup(plugin, NULL, 0), MOSQ_ERR_SUCCESS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("broker");
    TCase *tests = tcase_create("plugin");
    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, knows_one_interface);
    tcase_add_loop_test(tests, refuses_a_broker_without_an_event, 0, 5);
    tcase_add_test(tests, refuses_a_relative_path);
    tcase_add_test(tests, grants_what_it_knows);
    tcase_add_test(tests, no_ticks);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
