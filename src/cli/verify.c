#include "cli/explain.h"

#include "common/when.h"

#include <bsd/readpassphrase.h>
#include <dlfcn.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PRESENTED_MAX 4096

/* Beside this program, else ../lib/esp-token from where it lies. */
static int load_validator(const espt_validator **ret_validator, struct espt_error *err)
{
    static const char *const places[] = {"esp_validator.so", "../lib/esp-token/esp_validator.so"};
    char self[PATH_MAX], path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return espt_fail(err, ESPT_UNUSABLE, "/proc/self/exe: %s; mount /proc", strerror(errno));
    self[len] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s/%s", self, places[i]);
        if (access(path, F_OK) != 0)
            continue;
        void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (plugin == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "the validator: %s", dlerror());
        const espt_validator *(*get)(uint32_t abi);
        *(void **)(void *)&get = dlsym(plugin, "espt_validator_get");
        *ret_validator = get != NULL ? get(ESPT_ABI) : NULL;
        if (*ret_validator == NULL)
            return espt_fail(err, ESPT_UNUSABLE, "%s: not a validator of this version; reinstall",
                             path);
        return 0;
    }
    return espt_fail(err, ESPT_UNUSABLE, "esp_validator.so is not beside esp-tokenctl; reinstall");
}

/* Pasted, without echo: it would stay on the screen. */
static int ask_token(char *ret_text, size_t *ret_len, struct espt_error *err)
{
    if (readpassphrase("Token: ", ret_text, PRESENTED_MAX, RPP_REQUIRE_TTY) == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "the terminal: %s", strerror(errno));
    *ret_len = strlen(ret_text);
    return 0;
}

/* Past stdio, whose buffer nobody wipes. One line ending is not part of the token; what is longer
   than PRESENTED_MAX is cut, and malformed all the same. */
static int read_token(char *ret_text, size_t *ret_len, struct espt_error *err)
{
    size_t len = 0;
    ssize_t got = 1;
    if (isatty(STDIN_FILENO))
        return ask_token(ret_text, ret_len, err);
    while (got != 0 && len < PRESENTED_MAX) {
        got = read(STDIN_FILENO, ret_text + len, PRESENTED_MAX - len);
        if (got < 0 && errno != EINTR)
            return espt_fail(err, ESPT_UNUSABLE, "standard input: %s", strerror(errno));
        len += got > 0 ? (size_t)got : 0;
    }
    if (len > 0 && ret_text[len - 1] == '\n')
        len -= len > 1 && ret_text[len - 2] == '\r' ? 2 : 1;
    *ret_len = len;
    return 0;
}

static int print_json(const struct cli *cli, const struct question *question,
                      struct espt_error *err)
{
    const espt_result *result = question->result;
    json_t *verdict =
        json_pack("{s:b, s:s, s:o, s:o, s:o}", "allowed", result->status == ESPT_ALLOW, "reason",
                  question->validator->reason(result->status), "token_id",
                  json_text_or_null(result->token_id), "entity", json_text_or_null(result->entity),
                  "tier", json_text_or_null(result->tier));
    if (verdict != NULL && given(cli, OPTION_EXPLAIN))
        json_object_set_new(verdict, "checks", json_of_checks(question));
    return json_print(verdict, err);
}

static int print(const struct cli *cli, const struct question *question, struct espt_error *err)
{
    const espt_result *result = question->result;
    int code = 0;
    if (cli->json)
        return print_json(cli, question, err);
    if (given(cli, OPTION_EXPLAIN)) {
        code = print_checks(question, err);
        putchar('\n');
    }
    if (result->status == ESPT_ALLOW)
        fputs("allow", stdout);
    else
        printf("deny: %s (%s)", question->validator->reason(result->status), result->detail);
    if (result->token_id[0] != '\0')
        printf(", token %s", result->token_id);
    if (result->entity[0] != '\0')
        printf(", %s %s, tier %s", kind_word((enum entity_kind)result->kind), result->entity,
               result->tier);
    if (given(cli, OPTION_AT)) {
        char at[WHEN_TEXT_SIZE];
        when_format(question->query->now, at);
        printf(", at %s", at);
    }
    putchar('\n');
    return code;
}

static int judge(struct cli *cli, const espt_validator *validator, int64_t at,
                 struct espt_error *err)
{
    const struct options *o = &cli->options;
    espt_ctx *ctx;
    char message[sizeof err->message];
    if (!validator->open(&ctx, cli_config_path(cli), NULL, NULL, message, sizeof message))
        return espt_fail(err, ESPT_UNUSABLE, "%s", message);
    char presented[PRESENTED_MAX] = "";
    espt_query query = {.size = sizeof query, .token = presented, .now = at};
    espt_result result = {.size = sizeof result};
    if (o->metric != NULL) {
        query.metric = o->metric;
        query.metric_len = strlen(o->metric);
    }
    if (o->entity != NULL) {
        query.entity = o->entity;
        query.entity_len = strlen(o->entity);
    }
    int allowed = 0;
    int code = read_token(presented, &query.token_len, err);
    if (code == 0) {
        allowed = validator->validate(ctx, &query, &result);
        code = print(cli, &(struct question){cli, validator, ctx, &query, &result}, err);
    }
    sodium_memzero(presented, sizeof presented);
    validator->close(ctx);
    if (code == 0 && result.status >= ESPT_ERR_UNAVAILABLE)
        return espt_fail(err, ESPT_UNUSABLE, "%s%s", result.detail,
                         strstr(result.detail, "esp-tokenctl") != NULL
                             ? ""
                             : "; look at it by esp-tokenctl check");
    return code != 0 ? code : allowed ? 0 : 1;
}

int run_verify(struct cli *cli, struct espt_error *err)
{
    const espt_validator *validator;
    int64_t at = 0;
    int code = 0;
    if (cli->options.at != NULL) {
        code = when_parse(cli->options.at, cli->now, &at, err);
        if (code == 0 && at == WHEN_NEVER)
            code = espt_fail(err, ESPT_USAGE, "--at takes a time, not never");
    }
    if (code == 0)
        code = load_validator(&validator, err);
    return code == 0 ? judge(cli, validator, at, err) : code;
}
