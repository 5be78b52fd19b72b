/* SPDX-License-Identifier: ISC */
#include "options.h"

#include <security/pam_ext.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define RANK_MAX 1000000

struct option {
    const char *name; /* ends in = if the option takes a value */
    size_t at;        /* offset in struct options of a const char *, a bool or min_rank */
};

static const struct option known_options[] = {
    {"config=", offsetof(struct options, config)},
    {"validator=", offsetof(struct options, validator)},
    {"metric=", offsetof(struct options, metric)},
    {"min_rank=", offsetof(struct options, min_rank)},
    {"any_user", offsetof(struct options, any_user)},
    {"use_first_pass", offsetof(struct options, use_first_pass)},
    {"try_first_pass", offsetof(struct options, try_first_pass)},
};

static bool refuse(pam_handle_t *pamh, const char *argument, const char *why)
{
    /* Only the name: a value may be a token in the wrong place. */
    pam_syslog(pamh, LOG_ERR, "option %.*s: %s", (int)strcspn(argument, "="), argument, why);
    return false;
}

static bool rank_parse(int32_t *ret_rank, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    long rank = digits > 0 && text[digits] == '\0' ? strtol(text, NULL, 10) : 0;
    *ret_rank = (int32_t)rank;
    return rank >= 1 && rank <= RANK_MAX;
}

static bool option_apply(struct options *options, pam_handle_t *pamh, const char *argument)
{
    const struct option *option = known_options;
    const struct option *end = known_options + sizeof known_options / sizeof *known_options;
    size_t len = 0;
    for (; option < end; option++) {
        len = strlen(option->name);
        if (option->name[len - 1] == '=' ? strncmp(argument, option->name, len) == 0
                                         : strcmp(argument, option->name) == 0)
            break;
    }
    if (option == end)
        return refuse(pamh, argument, "unknown; remove it, or see pam_esp_token(8)");
    const char *value = argument + len;
    void *field = (unsigned char *)options + option->at;
    if (option->name[len - 1] != '=') {
        bool *flag = field;
        if (*flag)
            return refuse(pamh, argument, "given twice; keep one");
        return *flag = true;
    }
    if (option->at == offsetof(struct options, min_rank)) {
        if (options->min_rank != 0)
            return refuse(pamh, argument, "given twice; keep one");
        return rank_parse(&options->min_rank, value) ||
               refuse(pamh, argument, "must be a number from 1 to 1000000");
    }
    const char **text = field;
    if (*text != NULL)
        return refuse(pamh, argument, "given twice; keep one");
    if (option->at != offsetof(struct options, metric) && value[0] != '/')
        return refuse(pamh, argument, "must be a path that begins with /");
    if (value[0] == '\0')
        return refuse(pamh, argument, "must not be empty");
    *text = value;
    return true;
}

bool options_parse(struct options *ret_options, pam_handle_t *pamh, int argc, const char **argv)
{
    struct options options = {0};
    for (int i = 0; i < argc; i++) {
        if (!option_apply(&options, pamh, argv[i]))
            return false;
    }
    if (options.use_first_pass && options.try_first_pass)
        return refuse(pamh, "try_first_pass", "cannot be combined with use_first_pass; keep one");
    *ret_options = options;
    return true;
}
