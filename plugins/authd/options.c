/* SPDX-License-Identifier: ISC */
/* One table has every option: name, kind, bounds, help. */
#include "options.h"

#include "settings.h"

#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_PATH, KIND_TEXT, KIND_LIST, KIND_NUMBER, KIND_MODE, KIND_CHOICE, KIND_FLAG };

struct option {
    const char *name;
    enum kind kind;
    size_t at;         /* offset in struct options */
    unsigned min, max; /* KIND_NUMBER: the bounds; KIND_LIST: max is how many */
    const char *words; /* KIND_CHOICE: separated by |; else the word for the value in the help */
    const char *help;
};

#define AT(field) offsetof(struct options, field)
static const struct option known[] = {
    {"settings", KIND_PATH, AT(settings), 0, 0, "FILE", "read these options from FILE too"},
    {"listen", KIND_LIST, AT(listen), 0, LISTEN_MAX, "ADDRESS",
     "IP:PORT, [IPv6]:PORT or /SOCKET (default 127.0.0.1:9180)"},
    {"allow-remote", KIND_FLAG, AT(allow_remote), 0, 0, "",
     "listen on addresses that other machines reach"},
    {"socket-mode", KIND_MODE, AT(socket_mode), 0, 0777, "MODE",
     "mode of a Unix socket (default 0660)"},
    {"config", KIND_PATH, AT(config), 0, 0, "FILE", "configuration of the validator"},
    {"validator", KIND_PATH, AT(validator), 0, 0, "FILE", "esp_validator.so"},
    {"metric-pattern", KIND_LIST, AT(metric_pattern), 0, PATTERNS_MAX, "PATTERN",
     "metric and entity of a path, such as /metrics/{metric}"},
    {"metric-from", KIND_TEXT, AT(metric_from), 0, 0, "HEADER|path|query",
     "what says which metric is asked for (default X-Forwarded-Uri)"},
    {"unavailable", KIND_CHOICE, AT(unavailable), 0, 0, "503|403",
     "answer if the validator cannot decide (default 503)"},
    {"workers", KIND_NUMBER, AT(workers), 1, 64, "N", "threads (default: one for each processor)"},
    {"connections", KIND_NUMBER, AT(connections), 1, 1000000, "N",
     "connections at a time (default 10000)"},
    {"idle", KIND_NUMBER, AT(idle), 1, 86400, "SECONDS",
     "close a connection that sends no whole request for this long (default 300)"},
    {"drain", KIND_NUMBER, AT(drain), 1, 3600, "SECONDS",
     "at the end, wait this long for requests in progress (default 10)"},
    {"log", KIND_CHOICE, AT(log), 0, 0, "refused|all|errors",
     "which verdicts are logged (default refused)"},
    {"check", KIND_FLAG, AT(check), 0, 0, "", "check the options and the validator, and exit"},
    {"help", KIND_FLAG, AT(help), 0, 0, "", "print this and exit"},
    {"version", KIND_FLAG, AT(version), 0, 0, "", "print the version and exit"},
};
#define KNOWN_COUNT (sizeof known / sizeof *known)

static const char *set_text(char **field, const char *value)
{
    *field = strdup(value);
    return *field != NULL ? NULL : "there is no memory for it";
}

static const char *set_list(struct list *list, const struct option *option, const char *value)
{
    if (list->count == option->max)
        return "is given too often";
    const char *wrong = set_text(&list->items[list->count], value);
    list->count += wrong == NULL;
    return wrong;
}

static const char *set_number(unsigned *field, const struct option *option, const char *value)
{
    static char wrong[64]; /* only one thread reads options */
    size_t digits = strspn(value, "0123456789");
    unsigned long number =
        digits > 0 && digits < 9 && value[digits] == '\0' ? strtoul(value, NULL, 10) : 0;
    if (number < option->min || number > option->max) {
        snprintf(wrong, sizeof wrong, "must be a number from %u to %u", option->min, option->max);
        return wrong;
    }
    *field = (unsigned)number;
    return NULL;
}

static const char *set_mode(unsigned *field, const struct option *option, const char *value)
{
    size_t digits = strspn(value, "01234567");
    if (digits < 3 || digits > 4 || value[digits] != '\0' || strtoul(value, NULL, 8) > option->max)
        return "must be an octal mode such as 0660";
    *field = (unsigned)strtoul(value, NULL, 8);
    return NULL;
}

static const char *set_choice(unsigned *field, const struct option *option, const char *value)
{
    static char wrong[64]; /* only one thread reads options */
    unsigned index = 0;
    size_t len = strlen(value);
    for (const char *word = option->words; *word != '\0'; index++) {
        size_t word_len = strcspn(word, "|");
        if (word_len == len && memcmp(word, value, len) == 0) {
            *field = index;
            return NULL;
        }
        word += word_len + (word[word_len] == '|');
    }
    snprintf(wrong, sizeof wrong, "must be one of %s", option->words);
    return wrong;
}

/* A flag is --NAME, or `NAME = yes` or no. */
static const char *set_flag(unsigned *field, const char *value)
{
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
        return "must be yes or no";
    *field = strcmp(value, "yes") == 0;
    return NULL;
}

static const char *set(struct options *options, const struct option *option, const char *value)
{
    void *field = (char *)options + option->at;
    if (value[0] == '\0')
        return "must not be empty";
    if (option->kind == KIND_PATH && value[0] != '/')
        return "must be a path that begins with /";
    switch (option->kind) {
    case KIND_LIST:
        return set_list(field, option, value);
    case KIND_NUMBER:
        return set_number(field, option, value);
    case KIND_MODE:
        return set_mode(field, option, value);
    case KIND_CHOICE:
        return set_choice(field, option, value);
    case KIND_FLAG:
        return set_flag(field, value);
    default:
        return set_text(field, value);
    }
}

/* What has been given: bit 0 by the command line, bit 1 by the file. */
struct reading {
    struct options *options;
    unsigned char given[KNOWN_COUNT];
};

/* Returns NULL, or what is wrong. */
static const char *give(struct reading *reading, size_t i, const char *value, unsigned char by)
{
    if (reading->given[i] & by && known[i].kind != KIND_LIST)
        return "is given twice; keep one";
    if (reading->given[i] & ~by)
        return NULL; /* the command line takes precedence */
    const char *wrong = set(reading->options, &known[i], value);
    reading->given[i] |= wrong == NULL ? by : 0;
    return wrong;
}

static size_t find(const char *name, size_t len)
{
    size_t i = 0;
    while (i < KNOWN_COUNT &&
           (strlen(known[i].name) != len || memcmp(known[i].name, name, len) != 0))
        i++;
    return i;
}

static int read_arguments(struct reading *reading, int argc, char **argv, char *err, size_t err_len)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *wrong = NULL;
        size_t len = strcspn(name, "="), index = KNOWN_COUNT;
        if (strncmp(name, "--", 2) == 0)
            index = find(name + 2, len - 2);
        if (index == KNOWN_COUNT) {
            snprintf(err, err_len, "argument %d is not an option; run 'esp-token-authd --help'", i);
            return 0;
        }
        const char *value = name[len] == '='                 ? name + len + 1
                            : known[index].kind == KIND_FLAG ? "yes"
                            : i + 1 < argc                   ? argv[++i]
                                                             : "";
        wrong = give(reading, index, value, 1);
        if (wrong != NULL) {
            snprintf(err, err_len, "option --%s %s", known[index].name, wrong);
            return 0;
        }
    }
    return 1;
}

static const char *on_setting(void *arg, const char *name, const char *value)
{
    struct reading *reading = arg;
    size_t i = find(name, strlen(name));
    if (i == KNOWN_COUNT || known[i].at == AT(settings) || known[i].at >= AT(check))
        return "is unknown here; see esp-token-authd(8)";
    return give(reading, i, value, 2);
}

static unsigned processors(void)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    return count > 64 ? 64 : (unsigned)count;
}

static int parse_patterns(struct options *options, char *err, size_t err_len)
{
    for (unsigned i = 0; i < options->metric_pattern.count; i++) {
        const char *wrong = pattern_parse(&options->patterns[i], options->metric_pattern.items[i]);
        if (wrong != NULL) {
            snprintf(err, err_len, "metric-pattern number %u %s", i + 1, wrong);
            return 0;
        }
    }
    return 1;
}

static int check_metric_from(const struct options *options, char *err, size_t err_len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    const char *from = options->metric_from;
    if (from == NULL)
        return 1;
    if (strspn(from, letters) != strlen(from))
        snprintf(err, err_len, "metric-from must be query, path, or the name of a header");
    else if (strcmp(from, "query") == 0 && options->metric_pattern.count != 0)
        snprintf(err, err_len,
                 "metric-pattern is not used with metric-from = query; remove one of the two");
    else
        return 1;
    return 0;
}

int options_read(struct options *ret, int argc, char **argv, char *err, size_t err_len)
{
    struct reading reading = {.options = ret};
    memset(ret, 0, sizeof *ret);
    ret->workers = processors();
    ret->connections = 10000;
    ret->idle = 300;
    ret->drain = 10;
    ret->socket_mode = 0660;
    if (!read_arguments(&reading, argc, argv, err, err_len) ||
        (ret->settings != NULL &&
         !settings_read(ret->settings, on_setting, &reading, err, err_len)))
        return 0;
    if (ret->listen.count == 0 &&
        set_text(&ret->listen.items[ret->listen.count++], "127.0.0.1:9180"))
        return 0;
    return check_metric_from(ret, err, err_len) && parse_patterns(ret, err, err_len);
}

void options_clear(struct options *options)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        void *field = (char *)options + known[i].at;
        struct list *list = field;
        if (known[i].kind == KIND_PATH || known[i].kind == KIND_TEXT)
            free(*(char **)field);
        for (unsigned k = 0; known[i].kind == KIND_LIST && k < list->count; k++)
            free(list->items[k]);
    }
    for (size_t i = 0; i < PATTERNS_MAX; i++)
        pattern_clear(&options->patterns[i]);
    memset(options, 0, sizeof *options);
}

bool options_need_restart(const struct options *options, const struct options *other)
{
    bool differ =
        options->workers != other->workers || options->connections != other->connections ||
        options->allow_remote != other->allow_remote ||
        options->socket_mode != other->socket_mode || options->listen.count != other->listen.count;
    for (unsigned i = 0; !differ && i < options->listen.count; i++)
        differ = strcmp(options->listen.items[i], other->listen.items[i]) != 0;
    return differ;
}

void options_help(FILE *out)
{
    fputs("Usage: esp-token-authd [OPTIONS]\n"
          "Tells a gateway by HTTP whether the token of a request is allowed; see "
          "esp-token-authd(8).\n\n",
          out);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s %s", known[i].name, known[i].words);
        fprintf(out, "  %-32s %s\n", left, known[i].help);
    }
}
