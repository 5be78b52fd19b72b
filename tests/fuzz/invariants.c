/* SPDX-License-Identifier: ISC */
/* Checks that hold for every command line: output, errors, secrets, and changes. */
#include "fuzz/invariants.h"

#include "common/name.h"
#include "fuzz/words.h"

#include <getopt.h>
#include <jansson.h>

static bool gave(const struct asked *asked, enum cli_option option)
{
    return asked->code == 0 && (asked->options.given & BIT(option)) != 0;
}

/* Whether the command runs, and does not only print its help or version. */
static bool runs(const struct asked *asked, int (*run)(struct cli *cli, struct espt_error *err))
{
    return asked->code == 0 && asked->command != NULL && asked->command->run == run &&
           !gave(asked, OPTION_HELP) && !gave(asked, OPTION_VERSION);
}

void asked_parse(struct asked *ret_asked, const struct ctl *ctl)
{
    struct asked *asked = ret_asked;
    struct espt_error ignored;
    *asked = (struct asked){0};
    MUST_HOLD(ctl->argc < (int)(sizeof asked->argv / sizeof *asked->argv));
    memcpy(asked->argv, ctl->argv, (size_t)ctl->argc * sizeof *ctl->argv);
    for (int i = 1; i < ctl->argc; i++)
        asked->secret |= word_secret(ctl->argv[i]) != NULL;
    for (int i = 1; i < ctl->argc && strcmp(ctl->argv[i], "--") != 0; i++)
        asked->json |= strcmp(ctl->argv[i], "--json") == 0;
    optind = 0;
    asked->code = options_parse(&asked->options, ctl->argc, asked->argv, &asked->command, &ignored);
    if (asked->code == 0)
        asked->json = gave(asked, OPTION_JSON);
}

/* --- output --- */

/* No control characters reach the terminal, whatever the arguments contain. */
static void check_printable(const char *text, size_t len, bool tabs)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char byte = (unsigned char)text[i];
        MUST_HOLD(byte >= ' ' || byte == '\n' || (tabs && byte == '\t'));
        MUST_HOLD(byte != 0x7f);
        MUST_HOLD(byte != 0xc2 || (unsigned char)text[i + 1] < 0x80 ||
                  (unsigned char)text[i + 1] > 0x9f);
    }
}

/* Standard error has one JSON document on each line, of which an error is the last; or lines that
   begin with the program's name. */
static void check_errors(const struct asked *asked, const struct ctl *ctl)
{
    bool error = false;
    char *rest = ctl->err, *line;
    while (*rest != '\0') {
        line = strsep(&rest, "\n");
        MUST_HOLD(rest != NULL); /* the line ended with a newline */
        MUST_HOLD(!error);
        if (!asked->json) {
            MUST_HOLD(strncmp(line, "esp-tokenctl: ", 14) == 0 && line[14] != '\0');
            error = *rest == '\0' && ctl->status >= 2;
            MUST_HOLD(ctl->status != 2 || !error || strstr(line, " --help") != NULL);
            continue;
        }
        json_t *document = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const json_t *told = json_object_get(document, "error");
        MUST_HOLD(document != NULL && json_object_size(document) == 1);
        const json_t *body = told != NULL ? told : json_object_get(document, "warning");
        MUST_HOLD(json_string_length(json_object_get(body, "message")) > 0);
        error = told != NULL;
        MUST_HOLD(!error || json_integer_value(json_object_get(told, "code")) == ctl->status);
        json_decref(document);
    }
    MUST_HOLD(error == (ctl->status >= 2));
}

static bool prints_lines(const struct asked *asked)
{
    return runs(asked, run_export) || gave(asked, OPTION_FROM) ||
           (runs(asked, run_log) && gave(asked, OPTION_FOLLOW));
}

static void check_documents(const struct asked *asked, const struct ctl *ctl)
{
    json_error_t error;
    if (runs(asked, run_complete) || gave(asked, OPTION_HELP) || ctl->status >= 2)
        return;
    size_t at = 0, documents = 0;
    while (at < ctl->out_len && strspn(ctl->out + at, "\n") < ctl->out_len - at) {
        json_t *document = json_loadb(ctl->out + at, ctl->out_len - at,
                                      JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
        MUST_HOLD(document != NULL);
        at += (size_t)error.position;
        documents++;
        json_decref(document);
    }
    MUST_HOLD(documents == 1 || prints_lines(asked));
}

/* --- secrets --- */

static void check_secrets(const struct asked *asked, const struct ctl *ctl)
{
    const bool makes =
        runs(asked, run_create) || runs(asked, run_entity_add) || runs(asked, run_rotate);
    const bool may_print = makes || gave(asked, OPTION_REVEAL);
    MUST_HOLD(word_secret(ctl->err) == NULL);
    MUST_HOLD(may_print || word_secret(ctl->out) == NULL);
    MUST_HOLD(!asked->secret || (ctl->status == 2 && ctl->out_len == 0));
}

/* --- changes --- */

static bool may_change(const struct asked *asked, const struct ctl *ctl)
{
    if (asked->code != 0 || asked->command == NULL || gave(asked, OPTION_HELP) ||
        gave(asked, OPTION_VERSION) || gave(asked, OPTION_DRY_RUN))
        return false;
    if (asked->command->reads)
        return gave(asked, OPTION_REVEAL) || gave(asked, OPTION_COPY) || gave(asked, OPTION_OUTPUT);
    const bool in_batches = gave(asked, OPTION_FROM) || runs(asked, run_import);
    return ctl->status == 0 || ctl->status == 5 || in_batches;
}

/* --- single commands --- */

/* `show` shows the token that was named. */
static void check_show(const struct asked *asked, const struct ctl *ctl)
{
    json_t *token = json_loadb(ctl->out, ctl->out_len, 0, NULL);
    const char *name = asked->options.operand[0];
    const char *id = json_string_value(json_object_get(token, "id"));
    char pair[ENTITY_NAME_MAX + TOKEN_NAME_MAX + 2];
    snprintf(pair, sizeof pair, "%s/%s", json_string_value(json_object_get(token, "entity")),
             json_string_value(json_object_get(token, "name")));
    MUST_HOLD(id != NULL && (strcmp(id, name) == 0) != (strcmp(pair, name) == 0));
    json_decref(token);
}

/* Every completion continues the typed text. */
static void check_completion(const struct asked *asked, const struct ctl *ctl)
{
    const int count = asked->options.operands;
    const char *typed = count > 0 ? asked->options.operand[count - 1] : "";
    for (const char *line = ctl->out; *line != '\0'; line = strchr(line, '\n') + 1)
        MUST_HOLD(strncmp(line, typed, strlen(typed)) == 0 || strncmp(line, ":f", 2) == 0);
    MUST_HOLD(ctl->status == 0 && ctl->err_len == 0);
}

void check_invariants(const struct asked *asked, const struct ctl *ctl, bool changed)
{
    MUST_HOLD(strlen(ctl->err) == ctl->err_len && strlen(ctl->out) == ctl->out_len);
    MUST_HOLD(ctl->status >= 0 && ctl->status <= 5);
    MUST_HOLD(asked->code == 0 || (ctl->status == 2 && ctl->out_len == 0));
    MUST_HOLD(ctl->status != 1 || runs(asked, run_verify) || runs(asked, run_check) ||
              runs(asked, run_tier_check) || gave(asked, OPTION_DRY_RUN));
    check_printable(ctl->out, ctl->out_len, runs(asked, run_complete));
    check_printable(ctl->err, ctl->err_len, false);
    check_errors(asked, ctl);
    check_secrets(asked, ctl);
    MUST_HOLD(!changed || may_change(asked, ctl));
    if (asked->json)
        check_documents(asked, ctl);
    if (asked->json && ctl->status == 0 && runs(asked, run_show))
        check_show(asked, ctl);
    if (runs(asked, run_complete))
        check_completion(asked, ctl);
}
