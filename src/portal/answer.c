/* SPDX-License-Identifier: ISC */
#include "portal/answer.h"

#include "shapes/shapes.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *code, *title;
    unsigned status;
} problems[PROBLEMS] = {
    [PROBLEM_USAGE] = {"usage", "The request is wrong", 400},
    [PROBLEM_SIGNED_OUT] = {"signed-out", "You are not signed in", 401},
    [PROBLEM_FORBIDDEN] = {"forbidden", "You may not do this", 403},
    [PROBLEM_MISSING] = {"missing", "There is nothing here", 404},
    [PROBLEM_METHOD] = {"method", "This method does not exist here", 405},
    [PROBLEM_REFUSED] = {"refused", "Refused by a rule", 409},
    [PROBLEM_CHANGED] = {"changed", "It was changed meanwhile", 412},
    [PROBLEM_LARGE] = {"large", "The request is too large", 413},
    [PROBLEM_MEDIA] = {"media", "The body is not JSON", 415},
    [PROBLEM_WAIT] = {"wait", "Too many requests", 429},
    [PROBLEM_INTERNAL] = {"internal", "The portal failed", 500},
    [PROBLEM_UNUSABLE] = {"unusable", "The token store cannot be used just now", 503},
    [PROBLEM_UNSURE] = {"unsure", "Whether it was done is not known yet", 504},
};

unsigned problem_status(enum problem problem)
{
    return problems[problem].status;
}

json_t *problem_document(enum problem problem, const char *detail)
{
    char type[64];
    snprintf(type, sizeof type, "urn:esp-token:problem:%s", problems[problem].code);
    return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", type, "title", problems[problem].title,
                     "status", (int)problems[problem].status, "detail", detail, "code",
                     problems[problem].code);
}

void answer_clear(struct answer *answer)
{
    json_decref(answer->body);
    json_decref(answer->changed);
    json_decref(answer->now);
    if (answer->raw != NULL)
        sodium_memzero(answer->raw, strlen(answer->raw));
    free(answer->raw);
    sodium_memzero(answer, sizeof *answer);
}

int answer_refuse(struct answer *answer, enum problem problem, struct espt_error *err,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    espt_vfail(err, ESPT_REFUSED, format, args);
    va_end(args);
    answer->problem = problem;
    return ESPT_REFUSED;
}

int answer_usage(struct answer *answer, enum field field, struct espt_error *err,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    espt_vfail(err, ESPT_USAGE, format, args);
    va_end(args);
    answer->field = field_name(field);
    return ESPT_USAGE;
}

/* The messages are those of esp-tokenctl, whose commands and options a reader of pages does not
   have: leaves out the parts between semicolons that name a command, and the dashes of options. */
static void without_commands(const char *message, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    while (*message != '\0') {
        const char *end = strstr(message, "; ");
        const size_t len = end != NULL ? (size_t)(end - message) : strlen(message);
        const bool names = memmem(message, len, "esp-tokenctl", 12) != NULL;
        if (!names && used + len + 3 < size)
            used += (size_t)snprintf(out + used, size - used, "%s%.*s", used > 0 ? "; " : "",
                                     (int)len, message);
        message += len + (end != NULL ? 2 : 0);
    }
    for (char *dashes; (dashes = strstr(out, " --")) != NULL;)
        memmove(dashes + 1, dashes + 3, strlen(dashes + 3) + 1);
}

static enum problem problem_of(int code)
{
    switch (code) {
    case ESPT_USAGE:
        return PROBLEM_USAGE;
    case ESPT_MISSING:
        return PROBLEM_MISSING;
    case ESPT_REFUSED:
        return PROBLEM_REFUSED;
    case ESPT_UNUSABLE:
        return PROBLEM_UNUSABLE;
    case ESPT_UNSURE:
        return PROBLEM_UNSURE;
    default:
        return PROBLEM_INTERNAL;
    }
}

/* Messages about the machine name paths. They are for its administrator, and go to stderr. */
static const char *detail_of(enum problem problem, const struct espt_error *err, char *out,
                             size_t size)
{
    const bool unsure = problem == PROBLEM_UNSURE;
    if (unsure || problem == PROBLEM_UNUSABLE || problem == PROBLEM_INTERNAL) {
        fprintf(stderr, "esp-token-portal: %s\n", err->message);
        return unsure ? "whether the change was made is not known yet; look again in a few "
                        "minutes, before you repeat it"
               : strstr(err->message, "nothing was changed") != NULL
                   ? "the token store cannot be changed at the moment; nothing was changed; tokens "
                     "continue to work"
                   : "the token store is not available at the moment; tokens continue to work";
    }
    without_commands(err->message, out, size);
    return out;
}

void answer_problem(struct answer *answer, int code, const struct espt_error *err)
{
    char detail[sizeof err->message];
    const enum problem problem =
        answer->problem != PROBLEM_NONE ? answer->problem : problem_of(code);
    json_t *document = problem_document(problem, detail_of(problem, err, detail, sizeof detail));
    if (problem == PROBLEM_UNUSABLE && answer->retry_after == 0)
        answer->retry_after = 15;
    if (answer->retry_after > 0)
        json_object_set_new(document, "retry_after", json_integer(answer->retry_after));
    if (answer->field != NULL)
        json_object_set_new(document, "field", json_string(answer->field));
    if (answer->upgrade != NULL && answer->upgrade[0] != '\0')
        json_object_set_new(document, "upgrade", json_string(answer->upgrade));
    if (problem == PROBLEM_CHANGED) {
        json_object_set(document, "changed",
                        answer->changed != NULL ? answer->changed : json_null());
        json_object_set(document, "now", answer->now != NULL ? answer->now : json_null());
    }
    json_decref(answer->body);
    answer->body = document;
    answer->status = problem_status(problem);
    answer->etag[0] = answer->location[0] = '\0';
}
