/* SPDX-License-Identifier: ISC */
/* esp-token-portal: options, configuration, and what is read before the first fork. */
#include "build_config.h"
#include "portal/load.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static const char usage[] =
    "usage: esp-token-portal [-c FILE] [-t]\n"
    "Serve the pages and the API in which resellers and customers manage their own tokens.\n"
    "  -c, --config FILE   the configuration to use\n"
    "  -t, --test          check what a start would read, and serve nothing\n"
    "  -h, --help          print this help\n"
    "  -V, --version       print the version\n"
    "See esp-token-portal(8).\n";

static void draw_ticket(struct portal *portal)
{
    struct pass pass;
    pass_draw(&pass, portal->ticket);
}

static int check_listeners(const struct supervised *supervised, struct espt_error *err)
{
    for (size_t i = 0; i < supervised->listeners.count; i++) {
        if (!supervised->listeners.socket[i].loopback && supervised->certificate == NULL)
            return espt_fail(err, ESPT_UNUSABLE,
                             "a socket that systemd passed is not loopback; add [portal] "
                             "tls_certificate and tls_key, or change the socket unit");
    }
    return 0;
}

static int run(const char *file, bool checks, struct supervised *supervised, struct espt_error *err)
{
    struct portal *portal = &supervised->portal;
    if (sodium_init() < 0)
        return espt_fail(err, ESPT_UNUSABLE, "the system gives no random numbers");
    int code = portal_load(file, supervised, err);
    if (code != 0 || checks)
        return code;
    code = listeners_open(&supervised->listeners, &portal->settings, err);
    if (code == 0)
        code = check_listeners(supervised, err);
    if (code != 0)
        return code;
    draw_ticket(portal);
    return supervise(supervised, err);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"test", no_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {0}};
    static struct supervised supervised;
    struct espt_error err = {0};
    const char *file = ESPT_SYSCONFDIR "/esp-token/esp-token.conf";
    bool checks = false;
    int option;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);
    while ((option = getopt_long(argc, argv, "c:thV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 't':
            checks = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        case 'V':
            puts("esp-token-portal " ESPT_VERSION);
            return 0;
        default:
            return -ESPT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "esp-token-portal: there are no operands; run 'esp-token-portal --help'\n");
        return -ESPT_USAGE;
    }
    int code = run(file, checks, &supervised, &err);
    if (code != 0)
        fprintf(stderr, "esp-token-portal: %s\n", err.message);
    return -code;
}
