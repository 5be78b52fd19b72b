/* SPDX-License-Identifier: ISC */
/* esp-tokenctl: process setup, dispatch, messages and exit statuses. */
#include "cli/fleet.h"
#include "cli/output.h"

#include "build_config.h"
#include "store/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_CHARACTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

/* Hides token texts in a message: a person may have given a text, or a part of it, as a name. */
static void hide_secrets(char *message)
{
    const size_t prefix = strlen(TOKEN_PREFIX);
    for (char *at = message; (at = strstr(at, TOKEN_PREFIX)) != NULL; at += prefix) {
        size_t len = strspn(at + prefix, TOKEN_CHARACTERS);
        memset(at + prefix, '*', len);
    }
}

static void print_error(struct espt_error *err, bool json)
{
    hide_secrets(err->message);
    if (json) {
        json_t *document = json_pack("{s:{s:i, s:o}}", "error", "code", -err->code, "message",
                                     json_bytes(err->message));
        json_dumpf(document, stderr, JSON_COMPACT);
        json_decref(document);
        fputc('\n', stderr);
    } else {
        fprintf(stderr, "esp-tokenctl: %s\n", err->message);
    }
}

static int run(struct cli *cli, const struct command *command, struct espt_error *err)
{
    if (given(cli, OPTION_VERSION)) {
        if (cli->json)
            return json_print(json_pack("{s:s}", "version", ESPT_VERSION), err);
        puts("esp-tokenctl " ESPT_VERSION);
        return 0;
    }
    if (given(cli, OPTION_HELP))
        return help(cli, command, err);
    if (sodium_init() < 0)
        return espt_fail(err, ESPT_UNUSABLE, "the system provides no random numbers; try again");
    cli->now = clock_now();
    int code = command->run(cli, err);
    if (code == ESPT_MISSING)
        suggest_name(cli, command, err);
    return code;
}

static bool changes(const struct cli *cli)
{
    const bool all_the_same =
        given(cli, OPTION_REVEAL) || given(cli, OPTION_COPY) || given(cli, OPTION_OUTPUT);
    return cli->command != NULL && (!cli->command->reads || all_the_same) &&
           !given(cli, OPTION_HELP) && !given(cli, OPTION_VERSION);
}

/* Looks for --json before options are parsed, so that option errors are printed as JSON too. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

/* Opens /dev/null for each closed standard stream, so that the store's file never becomes standard
   output. A write to such a stream fails and is reported. */
static void fill_streams(void)
{
    static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF ||
            open("/dev/null", modes[stream]) == stream)
            continue;
        dprintf(STDERR_FILENO,
                "esp-tokenctl: a standard stream is closed, and /dev/null cannot be "
                "opened: %s; run the command with standard input, output and error open\n",
                strerror(errno));
        _exit(-ESPT_UNUSABLE);
    }
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    struct espt_error err = {0};
    const struct command *command = NULL;
    /* no core file, and no other process of this user, can expose a secret */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);
    umask(umask(0) & ~(mode_t)S_IRWXU); /* the owner can use every file this creates */
    fill_streams();
    cli.json = wants_json(argc, argv);
    if (!output_begin(&cli)) {
        espt_fail(&err, ESPT_UNUSABLE, "out of memory");
        print_error(&err, cli.json);
        return -ESPT_UNUSABLE;
    }
    int code = options_parse(&cli.options, argc, argv, &command, &err);
    if (code == 0) {
        cli.json = given(&cli, OPTION_JSON);
        cli.command = command;
        code = run(&cli, command, &err);
    }
    if (code == ESPT_USAGE)
        help_hint(command, &err);
    struct espt_error output_err;
    int output = output_end(changes(&cli), &output_err);
    if (code >= 0 && output != 0) {
        code = output;
        err = output_err;
    }
    if (code < 0)
        print_error(&err, cli.json);
    store_result_printed();
    if (cli.store != NULL && store_usage_warning(cli.store) != NULL)
        cli_warn(&cli, store_usage_warning(cli.store));
    if (cli.fleet != NULL && fleet_warning(cli.fleet) != NULL)
        cli_warn(&cli, fleet_warning(cli.fleet));
    cli_fold(&cli);
    store_close(cli.store);
    cli_fleet_uses_free(&cli);
    fleet_free(cli.fleet);
    tier_table_free(cli.tiers);
    if (cli.died_of != 0)
        raise(cli.died_of); /* so that the shell sees the signal */
    return code < 0 ? -code : code;
}
