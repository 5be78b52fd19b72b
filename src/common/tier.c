/* SPDX-License-Identifier: ISC */
#include "common/tier.h"

#include "common/ini.h"
#include "common/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_MAX 1000000

enum key { KEY_LABEL, KEY_RANK, KEY_MAX_TOKENS, KEY_DEFAULT, KEY_METRICS, KEY_UPGRADE, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {"label",   "rank",    "max_tokens",
                                                 "default", "metrics", "upgrade"};

struct reading {
    const char *file;
    struct tier_table *table;
    struct tier *tier; /* of the section being read; NULL: before the first */
    unsigned seen;     /* one bit for each key that was read in this section */
    size_t patterns;   /* number of patterns in the table so far */
    size_t text_len;   /* bytes of the table's text in use */
    struct espt_error *err;
};

static int close_section(struct reading *r)
{
    const struct tier *tier = r->tier;
    if (tier == NULL)
        return 0;
    static const enum key required[] = {KEY_RANK, KEY_MAX_TOKENS};
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        if ((r->seen & 1u << required[i]) == 0)
            return ini_fault(r->err, r->file, tier->line, "tier [%s] has no %s; add it", tier->name,
                             key_names[required[i]]);
    }
    return 0;
}

static int open_section(struct reading *r, const char *name, int line)
{
    int code = close_section(r);
    if (code != 0)
        return code;
    if (r->table->count == TIERS_MAX)
        return ini_fault(r->err, r->file, line, "more than %d tiers; remove some", TIERS_MAX);
    r->tier = &r->table->tier[r->table->count++];
    r->seen = 0;
    r->tier->line = line;
    r->tier->pattern = r->table->pattern + r->patterns;
    snprintf(r->tier->name, sizeof r->tier->name, "%s", name);
    snprintf(r->tier->label, sizeof r->tier->label, "%s", name);
    return 0;
}

static bool parse_number(const char *value, uint32_t *ret_number)
{
    uint32_t number = 0;
    size_t digits = strspn(value, "0123456789");
    if (digits == 0 || digits > 7 || value[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint32_t)(value[i] - '0');
    if (number == 0 || number > NUMBER_MAX)
        return false;
    *ret_number = number;
    return true;
}

static bool pattern_ok(const char *pattern, size_t len)
{
    if (len == 1 && pattern[0] == '*')
        return true;
    if (len > 2 && memcmp(pattern + len - 2, ".*", 2) == 0)
        len -= 2;
    return metric_name_ok(pattern, len);
}

static int add_patterns(struct reading *r, const char *value, int line)
{
    if (value[strspn(value, " \t")] == '\0')
        return ini_fault(r->err, r->file, line,
                         "metrics has no pattern; write some, or remove the key");
    for (;;) {
        value += strspn(value, " \t");
        size_t len = strcspn(value, " \t");
        if (len == 0)
            return 0;
        if (!pattern_ok(value, len))
            return ini_fault(r->err, r->file, line,
                             "not a metric pattern; write a name of a-z 0-9 . _ -, prefix.* or *");
        if (r->patterns == TIER_PATTERNS_MAX)
            return ini_fault(r->err, r->file, line, "more than %d patterns; remove some",
                             TIER_PATTERNS_MAX);
        char *copy = r->table->text + r->text_len;
        memcpy(copy, value, len);
        copy[len] = '\0';
        r->text_len += len + 1;
        r->table->pattern[r->patterns++] = copy;
        r->tier->patterns++;
        value += len;
    }
}

static int set_text(struct reading *r, char *out, const char *key, const char *value, int line)
{
    const size_t len = strlen(value);
    if (len > TIER_TEXT_MAX)
        return ini_fault(r->err, r->file, line, "%s has %zu bytes; shorten it to %d", key, len,
                         TIER_TEXT_MAX);
    if (!text_ok(value, len)) /* ini_read() has refused all other control characters */
        return ini_fault(r->err, r->file, line, "%s has a tab; write a blank", key);
    snprintf(out, TIER_TEXT_MAX + 1, "%s", value);
    return 0;
}

static int set_number(struct reading *r, uint32_t *out, const char *key, const char *value,
                      int line)
{
    if (!parse_number(value, out))
        return ini_fault(r->err, r->file, line, "%s is not a number from 1 to %d%s; correct it",
                         key, NUMBER_MAX, strcmp(key, "max_tokens") == 0 ? " or unlimited" : "");
    return 0;
}

static int set_key(struct reading *r, enum key key, const char *value, int line)
{
    struct tier *tier = r->tier;
    const char *name = key_names[key];
    if (key != KEY_METRICS && (r->seen & 1u << key) != 0)
        return ini_fault(r->err, r->file, line, "%s is set twice in [%s]; remove one of the lines",
                         name, tier->name);
    r->seen |= 1u << key;
    switch (key) {
    case KEY_LABEL:
        if (value[0] == '\0') /* messages show the label */
            return ini_fault(r->err, r->file, line, "label is empty; write one, or remove the key");
        return set_text(r, tier->label, name, value, line);
    case KEY_UPGRADE:
        return set_text(r, tier->upgrade, name, value, line);
    case KEY_RANK:
        return set_number(r, &tier->rank, name, value, line);
    case KEY_MAX_TOKENS:
        if (strcmp(value, "unlimited") == 0)
            return 0;
        return set_number(r, &tier->max_tokens, name, value, line);
    case KEY_DEFAULT:
        tier->is_default = strcmp(value, "yes") == 0;
        if (!tier->is_default && strcmp(value, "no") != 0)
            return ini_fault(r->err, r->file, line, "default is neither yes nor no; write one");
        return 0;
    default:
        return add_patterns(r, value, line);
    }
}

static int on_entry(void *arg, const char *section, const char *key, const char *value, int line,
                    struct espt_error *err)
{
    struct reading *r = arg;
    if (key == NULL)
        return open_section(r, section, line);
    for (enum key k = 0; k < KEY_COUNT; k++) {
        if (strcmp(key, key_names[k]) == 0)
            return set_key(r, k, value, line);
    }
    return ini_unknown(err, r->file, line, "key", key,
                       "a tier has label, rank, max_tokens, default, metrics, upgrade");
}

/* Checks what needs the whole table: unique ranks, and exactly one default. */
static int check_table(struct reading *r)
{
    const struct tier_table *table = r->table;
    const struct tier *chosen = NULL;
    int code = close_section(r);
    if (code != 0)
        return code;
    if (table->count == 0)
        return ini_fault(r->err, r->file, 1, "the table is empty; write a section for each tier");
    for (size_t i = 0; i < table->count; i++) {
        const struct tier *tier = &table->tier[i];
        for (size_t j = 0; j < i; j++) {
            if (table->tier[j].rank == tier->rank)
                return ini_fault(r->err, r->file, tier->line,
                                 "tiers [%s] and [%s] have the same rank; give each its own",
                                 table->tier[j].name, tier->name);
        }
        if (tier->is_default && chosen != NULL)
            return ini_fault(r->err, r->file, tier->line,
                             "tiers [%s] and [%s] are both the default; keep one", chosen->name,
                             tier->name);
        if (tier->is_default)
            chosen = tier;
    }
    if (chosen == NULL)
        return ini_fault(r->err, r->file, table->tier[0].line,
                         "no tier is the default; write default = yes in one");
    return 0;
}

/* Insertion sort. qsort() makes a system call to find the size of memory, which a host's seccomp
   filter may refuse. */
static void sort_by_rank(struct tier_table *table)
{
    for (size_t i = 1; i < table->count; i++) {
        const struct tier moved = table->tier[i];
        size_t to = i;
        for (; to > 0 && table->tier[to - 1].rank > moved.rank; to--)
            table->tier[to] = table->tier[to - 1];
        table->tier[to] = moved;
    }
}

int tier_table_parse(struct tier_table **ret_table, const char *file, const char *text, size_t len,
                     struct espt_error *err)
{
    struct tier_table *table = calloc(1, sizeof *table);
    if (table != NULL)
        table->text = malloc(len + 1 + TIER_PATTERNS_MAX);
    if (table == NULL || table->text == NULL) {
        tier_table_free(table);
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    struct reading r = {.file = file, .table = table, .err = err};
    int code = ini_read(file, text, len, on_entry, &r, err);
    if (code == 0)
        code = check_table(&r);
    if (code != 0) {
        tier_table_free(table);
        return code;
    }
    sort_by_rank(table);
    *ret_table = table;
    return 0;
}

static int load_from(struct tier_table **ret_table, int fd, const char *path,
                     struct espt_error *err)
{
    char *text;
    size_t len;
    int code = trust_read_fd(fd, path, INI_FILE_MAX, &text, &len, err);
    close(fd);
    if (code != 0)
        return code;
    code = tier_table_parse(ret_table, path, text, len, err);
    free(text);
    return code;
}

int tier_table_load(struct tier_table **ret_table, const char *path, uid_t owner,
                    struct espt_error *err)
{
    int fd;
    int code = trust_open(path, owner, TRUST_PUBLIC, &fd, err);
    return code == 0 ? load_from(ret_table, fd, path, err) : code;
}

int tier_table_load_candidate(struct tier_table **ret_table, const char *path,
                              struct espt_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return espt_fail_call(err, path, "open", errno, "");
    return load_from(ret_table, fd, path, err);
}

void tier_table_free(struct tier_table *table)
{
    if (table == NULL)
        return;
    free(table->text);
    free(table);
}

const struct tier *tier_find(const struct tier_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->tier[i].name, name) == 0)
            return &table->tier[i];
    }
    return NULL;
}

const struct tier *tier_default(const struct tier_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->tier[i].is_default)
            return &table->tier[i];
    }
    return NULL;
}

static bool matches(const char *pattern, const char *metric, size_t len)
{
    if (pattern[0] != metric[0] && pattern[0] != '*')
        return false; /* a fast path: most patterns differ in the first byte */
    size_t pattern_len = strlen(pattern);
    if (pattern[pattern_len - 1] != '*')
        return pattern_len == len && memcmp(pattern, metric, len) == 0;
    return len >= pattern_len - 1 && memcmp(pattern, metric, pattern_len - 1) == 0;
}

bool tier_allows(const struct tier_table *table, const struct tier *tier, const char *metric,
                 size_t len)
{
    if (!metric_name_ok(metric, len))
        return false;
    for (const struct tier *lower = table->tier; lower <= tier; lower++) {
        for (size_t i = 0; i < lower->patterns; i++) {
            if (matches(lower->pattern[i], metric, len))
                return true;
        }
    }
    return false;
}
