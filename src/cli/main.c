#include "cli/output.h"

#include <fcntl.h>
#include <locale.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_CHARACTERS "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_"

/* The one table of commands: dispatch, synopsis and help are made from it. */
const struct command commands[] = {
    {"init", NULL, "[DIR]", 0, 1, 0,
     "make what is missing of config, tier table, reveal keys and store", run_init, 0},
    {"entity", "add", "NAME", 1, 1, BIT(OPTION_RESELLER) | BIT(OPTION_TIER),
     "create an entity, and show its default token", run_entity_add, BIT(OPTION_KIND)},
    {"entity", "list", "", 0, 0, BIT(OPTION_TREE), "list the entities", run_entity_list, 0},
    {"entity", "show", "NAME", 1, 1, 0, "show an entity", run_entity_show, 0},
    {"entity", "edit", "NAME", 1, 1,
     BIT(OPTION_NAME) | BIT(OPTION_TIER) | BIT(OPTION_STATUS) | BIT(OPTION_RESELLER) |
         BIT(OPTION_CASCADE),
     "change an entity", run_entity_edit, 0},
    {"entity", "remove", "NAME", 1, 1, BIT(OPTION_YES), "remove an entity with its tokens",
     run_entity_remove, 0},
    {"list", NULL, "[ENTITY]", 0, 1, 0, "list tokens", run_list, 0},
    {"create", NULL, "ENTITY NAME", 2, 2, BIT(OPTION_EXPIRES) | BIT(OPTION_QUIET),
     "create a token, and print it", run_create, 0},
    {"show", NULL, "TOKEN", 1, 1, BIT(OPTION_REVEAL) | BIT(OPTION_COPY), "show a token", run_show,
     0},
    {"copy", NULL, "TOKEN", 1, 1, BIT(OPTION_CLEAR), "put a token's text on the clipboard",
     run_copy, 0},
    {"edit", NULL, "TOKEN", 1, 1, BIT(OPTION_NAME) | BIT(OPTION_EXPIRES) | BIT(OPTION_STATUS),
     "change a token", run_edit, 0},
    {"remove", NULL, "TOKEN", 1, 1, BIT(OPTION_YES) | BIT(OPTION_LAST), "remove a token",
     run_remove, 0},
    {"verify", NULL, "", 0, 0, BIT(OPTION_METRIC) | BIT(OPTION_ENTITY) | BIT(OPTION_AT),
     "judge the token on standard input, as a host would", run_verify, 0},
    {"tier", "list", "", 0, 0, 0, "list the tiers", run_tier_list, 0},
    {"tier", "check", "[FILE]", 0, 1, 0, "check a tier table, and what it would do to the entities",
     run_tier_check, 0},
    {"check", NULL, "", 0, 0, 0, "prove the whole store", run_check, 0},
};
const size_t command_count = sizeof commands / sizeof *commands;

/* A name that a message repeats may be a token's text, or a part of one, given by mistake. */
static void hide_secrets(char *message)
{
    const size_t prefix = strlen(TOKEN_PREFIX);
    for (char *at = message; (at = strstr(at, TOKEN_PREFIX)) != NULL; at += prefix) {
        size_t len = strspn(at + prefix, TOKEN_CHARACTERS);
        memset(at + prefix, '*', len);
    }
}

static void tell(struct espt_error *err, bool json)
{
    hide_secrets(err->message);
    if (json) {
        json_t *document =
            json_pack("{s:{s:i, s:s}}", "error", "code", -err->code, "message", err->message);
        if (document == NULL) /* a file name that is not UTF-8 */
            document = json_pack("{s:{s:i, s:s}}", "error", "code", -err->code, "message",
                                 "a message that is not UTF-8; see it without --json");
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
        puts("esp-tokenctl " ESPT_VERSION);
        return 0;
    }
    if (given(cli, OPTION_HELP))
        return options_help(cli, command, err);
    if (sodium_init() < 0)
        return espt_fail(err, ESPT_UNUSABLE, "no random numbers to be had from the system");
    cli->now = time(NULL);
    int code = command->run(cli, err);
    store_close(cli->store);
    tier_table_free(cli->tiers);
    return code;
}

/* Before options are parsed: an error in them is told in the form that was asked for. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--json") == 0)
            return true;
    }
    return false;
}

/* A stream that is closed gets a descriptor of its own: the store's file must never become standard
   output. Writing to that one fails, and is told. */
static void fill_streams(void)
{
    static const int modes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", modes[stream]) != stream)
            abort();
    }
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    struct espt_error err = {0};
    const struct command *command = NULL;
    /* no core file and no other process of this user gets to see a secret */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);
    fill_streams();
    setlocale(LC_CTYPE, ""); /* tables measure names by it */
    output_begin();
    cli.json = wants_json(argc, argv);
    int code = options_parse(&cli.options, argc, argv, &command, &err);
    if (code == 0) {
        cli.json = given(&cli, OPTION_JSON);
        code = run(&cli, command, &err);
    }
    if (code == ESPT_USAGE)
        options_hint(command, &err);
    struct espt_error output_err;
    int output = output_end(&output_err);
    if (code >= 0 && output != 0) {
        code = output;
        err = output_err;
    }
    if (code < 0)
        tell(&err, cli.json);
    return code < 0 ? -code : code;
}
