/* SPDX-License-Identifier: ISC */
/*
 * Finds out which metric and whose data a request asks for, and asks the validator.
 *
 * MUST 1: the question comes from one place only, which the administrator chose: a header or a
 *         query that a gateway does not set is the client's.
 * MUST 2: what is ambiguous is refused: a parameter that is there twice, an unknown one, two URIs.
 */
#include "verdict.h"

#include "counters.h"
#include "log.h"

#include <string.h>

static const char auth[] = "/auth";
#define AUTH_LEN (sizeof auth - 1)

/* A metric of /auth?metric=…. An empty one is not a name: a variable of the gateway is not set.
 */
static void question_metric(struct question *question, struct text query)
{
    struct text value;
    enum uri_found found = uri_parameter(query, "metric", &value);
    question->wrong |= found == URI_AMBIGUOUS;
    if (found != URI_ONCE)
        return;
    question->has_metric = true;
    question->wrong |=
        !uri_decode(value, question->metric, sizeof question->metric, &question->metric_len);
}

static bool is(struct text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

/* /auth?metric=METRIC&entity=NAME: the gateway names metric and entity itself. */
static bool from_query(struct text query, struct question *ret_question)
{
    struct text rest = query, name, value;
    while (uri_next_parameter(&rest, &name, &value)) {
        if (!is(name, "metric") && !is(name, "entity"))
            return false;
    }
    question_metric(ret_question, query);
    question_entity(ret_question, query, "entity");
    return ret_question->has_metric && !ret_question->wrong;
}

static bool from_uri(const struct options *options, struct text uri, struct question *ret_question)
{
    struct text path, query;
    uri_split(uri, &path, &query);
    if (!uri_path_is_normal(path))
        return false;
    for (unsigned i = 0; i < options->metric_pattern.count; i++) {
        if (pattern_match(&options->patterns[i], path, query, ret_question))
            return !ret_question->wrong;
    }
    return false;
}

/* "https://host/path" of an ingress is "/path". */
static struct text without_origin(struct text url)
{
    size_t scheme = url.len >= 8 && memcmp(url.at, "https://", 8) == 0  ? 8
                    : url.len >= 7 && memcmp(url.at, "http://", 7) == 0 ? 7
                                                                        : 0;
    const char *slash = scheme != 0 ? memchr(url.at + scheme, '/', url.len - scheme) : NULL;
    if (slash == NULL)
        return url;
    return (struct text){slash, url.len - (size_t)(slash - url.at)};
}

static bool is_from(const struct gate *gate, const char *word)
{
    return gate->options.metric_from != NULL && strcmp(gate->options.metric_from, word) == 0;
}

/* Returns false if the request is ambiguous. If a header names the metric, the query of /auth is
   ignored, because Caddy copies its client's query there. */
static bool find_question(const struct gate *gate, const char *rest, const struct headers *headers,
                          struct question *ret_question)
{
    struct text text = {rest, strlen(rest)}, path, query;
    *ret_question = (struct question){0};
    uri_split(text, &path, &query);
    if (is_from(gate, "query"))
        return path.len == 0 && from_query(query, ret_question);
    if (is_from(gate, "path"))
        return from_uri(&gate->options, text, ret_question);
    return path.len == 0 && headers->uri.lines == 1 &&
           from_uri(&gate->options, without_origin(headers->uri.value), ret_question);
}

static void validate(const struct gate *gate, struct text token, const struct question *question,
                     espt_result *ret_result)
{
    const espt_query query = {.size = sizeof query,
                              .token = token.at,
                              .token_len = token.len,
                              .metric = question->has_metric ? question->metric : NULL,
                              .metric_len = question->metric_len,
                              .entity = question->has_entity ? question->entity : NULL,
                              .entity_len = question->entity_len};
    *ret_result = (espt_result){.size = sizeof *ret_result};
    gate->validator.v->validate(gate->ctx, &query, ret_result);
}

static void log_verdict(const struct gate *gate, int32_t reason, const espt_result *result)
{
    enum log_choice choice = gate->options.log;
    bool undecided = reason >= ESPT_ERR_UNAVAILABLE && reason < REASON_NONE;
    if ((reason == ESPT_ALLOW && choice != LOG_CHOICE_ALL) ||
        (!undecided && choice == LOG_CHOICE_ERRORS))
        return;
    log_line(undecided              ? LOG_ERR
             : reason == ESPT_ALLOW ? LOG_INFO
                                    : LOG_NOTICE,
             "token %s: %s (%s)", result->token_id[0] != '\0' ? result->token_id : "-",
             counters_word(gate->validator.v, reason),
             reason == REASON_NONE       ? "no token was presented"
             : reason == REASON_QUESTION ? "the request does not name one metric"
                                         : result->detail);
}

static void decide(const struct gate *gate, const char *rest, const struct headers *headers,
                   struct verdict *verdict)
{
    struct presented presented = {0};
    espt_result result = {.size = sizeof result};
    if (!present_token(headers, &presented)) {
        verdict->reason = REASON_NONE;
    } else if (!find_question(gate, rest, headers, &verdict->question)) {
        verdict->reason = REASON_QUESTION;
    } else {
        validate(gate, presented.token, &verdict->question, &result);
        verdict->reason = result.status;
    }
    present_wipe(headers, &presented);
    log_verdict(gate, verdict->reason, &result);
    if (verdict->reason == ESPT_ALLOW)
        verdict->result = result;
}

bool verdict_find(const struct gate *gate, const char *target, const struct headers *headers,
                  struct verdict *ret_verdict)
{
    const char *rest = target + AUTH_LEN;
    memset(ret_verdict, 0, sizeof *ret_verdict);
    if (strncmp(target, auth, AUTH_LEN) != 0 || strchr("?/", rest[0]) == NULL ||
        (rest[0] == '/' && !is_from(gate, "path")))
        return false;
    decide(gate, rest, headers, ret_verdict);
    return true;
}

/* A well-formed text whose id is that of the first millisecond, before any token was made. */
bool verdict_healthy(const struct gate *gate)
{
    static const char nobody[] = "esptk_00000000000_0000000000000000000000000000000cbF8I";
    static const struct question any = {0};
    espt_result result;
    validate(gate, (struct text){nobody, sizeof nobody - 1}, &any, &result);
    return result.status == ESPT_DENY_UNKNOWN;
}
