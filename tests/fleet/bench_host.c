/* SPDX-License-Identifier: ISC */
/* A fleet to measure, and hosts at its members. */
#include "fleet/bench_fleet.h"

#include "fleet/postgres.h"

#include <dlfcn.h>
#include <time.h>

#define AWAIT_NS INT64_C(60000000000)

/* "bulk" may have as many tokens as it likes. */
static void lift_limits(const struct member *member)
{
    static const char tiers[] = "[lite]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\n"
                                "[advanced]\nrank = 20\nmax_tokens = unlimited\n";
    file_text(in_folder(member->folder, "tiers.ini"), tiers);
}

void bench_fleet_begin(struct bench_fleet *ret)
{
    static char settings[256];
    struct fleet_of *fleet = &ret->fleet;
    struct member *alone = &fleet->site[BENCH_ALONE];
    postgres_measured();
    ck_assert_msg(postgres_start(), "PostgreSQL is missing");
    snprintf(settings, sizeof settings, "host = 127.0.0.1\nport = %d\nuser = admin\ndbname = %s\n",
             postgres_port(), postgres_database());
    *ret = (struct bench_fleet){.fleet.pg = settings};
    fleet_folders(fleet, 3);
    alone->config = store_folder(&alone->folder);
    for (int i = 0; i < MEMBERS; i++)
        lift_limits(&fleet->site[i]);
    fleet_found(fleet, 2);
    DONE(*alone, "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    ret->text = DONE(fleet->site[0], "create", "acme", "web", "-q");
    fleet_let_in_edge(fleet, BENCH_EDGE);
}

void bench_host_open(struct plugin *ret, const struct member *member)
{
    char err[512];
    void *library = dlopen(OUT "/esp_validator.so", RTLD_NOW | RTLD_LOCAL);
    const espt_validator *(*get)(uint32_t abi);
    if (library == NULL)
        die("%s", dlerror());
    *(void **)(void *)&get = dlsym(library, "espt_validator_get");
    *ret = (struct plugin){.table = get(ESPT_ABI)};
    if (!ret->table->open(&ret->ctx, member->config, NULL, NULL, err, sizeof err))
        die("%s", err);
}

bool bench_host_allows(struct plugin *host, const char *text)
{
    if (plugin_validate(host, text, TOKEN_TEXT_LEN))
        return true;
    const int status = host->allowed.status;
    if (status != ESPT_DENY_INACTIVE && status != ESPT_DENY_SUSPENDED)
        die("a validation ends with %d: %s", status, host->allowed.detail);
    return false;
}

void bench_host_await(struct plugin *host, const char *text, bool allows)
{
    const int64_t begun = clock_ns();
    while (bench_host_allows(host, text) != allows) {
        if (clock_ns() - begun > AWAIT_NS)
            die("no change within a minute");
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
}
