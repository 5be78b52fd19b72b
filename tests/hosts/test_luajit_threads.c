/* SPDX-License-Identifier: ISC */
/* esp_token.lua in many threads, each with its own Lua state, as in a server that embeds LuaJIT;
   and in forked children. Tokens are switched off and on while these validate. */
#include "support/support.h"

#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 6
#define LIFE 4     /* rounds of a state; then the thread creates another */
#define TOGGLES 20 /* of the status */

static const char *config;
static char good[64], toggled[64];
static atomic_bool stop;
static atomic_int rounds[THREADS];

/* A round of questions; a wrong answer is an error. */
static const char script[] =
    "local config, plugin, good, toggled = ...\n"
    "package.path = '" OUT "/plugins/luajit/?.lua'\n"
    "local esp_token = require 'esp_token'\n"
    "local validator = assert(esp_token.open {config = config, plugin = plugin})\n"
    "local asn = {metric = 'asn.traffic'}\n"
    "function round()\n"
    "    local verdict\n"
    "    for _ = 1, 200 do\n"
    "        local result = validator:validate(good, asn)\n"
    "        assert(result.allowed and result.entity == 'north', tostring(result))\n"
    "        assert(not validator:validate(good .. 'x').allowed)\n"
    "        verdict = validator:validate(toggled).reason\n"
    "        assert(verdict == 'allow' or verdict == 'inactive', verdict)\n"
    "    end\n"
    "    return verdict\n"
    "end\n";

static lua_State *state_new(void)
{
    lua_State *lua = luaL_newstate();
    ck_assert_ptr_nonnull(lua);
    luaL_openlibs(lua);
    ck_assert_int_eq(luaL_loadstring(lua, script), 0);
    lua_pushstring(lua, config);
    lua_pushstring(lua, plugin_path());
    lua_pushstring(lua, good);
    lua_pushstring(lua, toggled);
    ck_assert_msg(lua_pcall(lua, 4, 0, 0) == 0, "%s", lua_tostring(lua, -1));
    return lua;
}

/* The last verdict on the toggled token, or what went wrong; valid until the next round. */
static const char *round_in(lua_State *lua)
{
    lua_settop(lua, 0);
    lua_getglobal(lua, "round");
    lua_pcall(lua, 0, 1, 0);
    return lua_tostring(lua, -1);
}

static void *ask(void *arg)
{
    atomic_int *count = arg;
    lua_State *lua = state_new();
    while (!atomic_load(&stop)) {
        if (atomic_load(count) % LIFE == LIFE - 1) {
            lua_close(lua);
            lua = state_new();
        }
        const char *verdict = round_in(lua);
        if (strcmp(verdict, "allow") != 0 && strcmp(verdict, "inactive") != 0) {
            fprintf(stderr, "%s\n", verdict);
            abort();
        }
        atomic_fetch_add(count, 1);
    }
    lua_close(lua);
    return NULL;
}

static void new_token(char *ret_text, const char *entity, const char *tier)
{
    struct run run =
        CTL(config, NULL, "entity", "add", entity, "--kind", "reseller", "--tier", tier);
    ck_assert_msg(run.status == 0, "%s", run.err);
    const char *text = strstr(run.out, "esptk_");
    ck_assert_ptr_nonnull(text);
    snprintf(ret_text, 64, "%.54s", text);
}

static void setup(void)
{
    config = store_folder(NULL);
    new_token(good, "north", "advanced");
    new_token(toggled, "south", "lite");
}

/* Changes the status for the i-th time; returns the verdict that each state gives from now on. */
static const char *toggle(int i)
{
    const char *status = i % 2 == 0 ? "inactive" : "active";
    ck_assert_int_eq(CTL(config, NULL, "edit", "south/default", "--status", status).status, 0);
    return i % 2 == 0 ? "inactive" : "allow";
}

START_TEST(a_state_in_each_thread)
{
    pthread_t threads[THREADS];
    lua_State *lua = state_new();
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &rounds[i]), 0);
    for (int i = 0; i < TOGGLES; i++) {
        const char *expected = toggle(i);
        ck_assert_str_eq(round_in(lua), expected);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_gt(atomic_load(&rounds[i]), 0);
    }
    lua_close(lua);
}
END_TEST

/* Forks without other threads. LuaJIT ends a trace by an exception, during which libgcc holds a
   lock. A child that is forked while another thread holds that lock can wait for it for ever. */
START_TEST(a_state_in_each_child)
{
    lua_State *lua = state_new();
    for (int i = 0; i < TOGGLES; i++) {
        const char *expected = toggle(i);
        pid_t child = fork_child();
        if (child == 0)
            _exit(strcmp(round_in(lua), expected) == 0 ? 0 : 1);
        int code;
        ck_assert_str_eq(round_in(lua), expected);
        ck_assert_int_eq(waitpid(child, &code, 0), child);
        ck_assert_int_eq(code, 0);
    }
    lua_close(lua);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("luajit_threads");
    TCase *tcase = tcase_create("threads");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, a_state_in_each_thread);
    tcase_add_test(tcase, a_state_in_each_child);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
