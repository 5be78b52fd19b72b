#include "common/tier.h"

#include "common/ini.h"
#include "common/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 1000000

enum key { KEY_LABEL, KEY_RANK, KEY_MAX_TOKENS, KEY_DEFAULT, KEY_METRICS, KEY_UPGRADE, KEY_COUNT };
static const char *const key_names[KEY_COUNT] = {"label",   "rank",    "max_tokens",
                                                 "default", "metrics", "upgrade"};

struct reading {
    const char *file;
    struct tier_table *table;
    struct tier *tier; /* of the section being read; NULL: before the first */
    unsigned seen;     /* its keys, as bits */
    size_t patterns;   /* of the table */
    size_t text_len;   /* used of the table's text */
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
            return ini_fault(r->err, r->file, tier->line, "tier [%s] lacks its %s; add it",
                             tier->name, key_names[required[i]]);
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
                         "metrics without a pattern; name some, or leave "
                         "the key away");
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
    if (!text_ok(value, len)) /* ini_read() lets no other control character pass */
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
        return ini_fault(r->err, r->file, line, "%s is repeated in [%s]; keep one", name,
                         tier->name);
    r->seen |= 1u << key;
    switch (key) {
    case KEY_LABEL:
        if (value[0] == '\0') /* messages name the tier by it */
            return ini_fault(r->err, r->file, line,
                             "label is empty; write one, or leave the key away");
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
    return ini_fault(err, r->file, line,
                     "unknown key; a tier has label, rank, max_tokens, default, metrics, upgrade");
}

/* What only the whole table shows. */
static int judge_table(struct reading *r)
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
                                 "tiers [%s] and [%s] have one rank; give each its own",
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

static int by_rank(const void *a, const void *b)
{
    const struct tier *left = a, *right = b;
    return (left->rank > right->rank) - (left->rank < right->rank);
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
        code = judge_table(&r);
    if (code != 0) {
        tier_table_free(table);
        return code;
    }
    qsort(table->tier, table->count, sizeof *table->tier, by_rank);
    *ret_table = table;
    return 0;
}

int tier_table_load(struct tier_table **ret_table, const char *path, uid_t owner,
                    struct espt_error *err)
{
    char *text;
    size_t len;
    int code = trust_read(path, owner, TRUST_PUBLIC, INI_FILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    code = tier_table_parse(ret_table, path, text, len, err);
    free(text);
    return code;
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
        return false; /* most are told apart by that */
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
