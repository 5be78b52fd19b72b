/* SPDX-License-Identifier: ISC */
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

static bool is(struct text text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static const char *parse_segment(struct pattern *pattern, struct text text, bool last)
{
    static const char literal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-._~!$&'(),=+:@";
    if (pattern->count == SEGMENTS_MAX)
        return "has more than 32 segments";
    enum segment_kind kind = is(text, "{metric}")   ? SEGMENT_METRIC
                             : is(text, "{entity}") ? SEGMENT_ENTITY
                             : is(text, "{*}")      ? SEGMENT_ANY
                             : is(text, "{**}")     ? SEGMENT_REST
                                                    : SEGMENT_LITERAL;
    if (kind == SEGMENT_REST && !last)
        return "has {**} before its end";
    if (kind == SEGMENT_LITERAL && (text.len == 0 || strspn(text.at, literal) < text.len))
        return "has a segment that is empty, or neither plain text nor {metric}, {entity}, {*}, "
               "{**}";
    if (is(text, ".") || is(text, ".."))
        return "has a dot segment";
    pattern->metrics += kind == SEGMENT_METRIC;
    pattern->segments[pattern->count].kind = kind;
    pattern->segments[pattern->count++].literal = text;
    return NULL;
}

static const char *parse_query(struct pattern *pattern, char *query)
{
    char *equals = strchr(query, '=');
    if (equals == NULL || strcmp(equals + 1, "{entity}") != 0)
        return "has a query that is not ?NAME={entity}";
    *equals = '\0';
    if (query[0] == '\0' || strspn(query, "abcdefghijklmnopqrstuvwxyz0123456789-_") < strlen(query))
        return "has a query parameter that is not lower-case letters, digits, hyphens, underscores";
    pattern->entity_key = query;
    return NULL;
}

static const char *parse_path(struct pattern *pattern, struct text path)
{
    const char *wrong = NULL;
    const char *end = path.at + path.len;
    size_t entities = pattern->entity_key != NULL;
    for (const char *from = path.at + 1; wrong == NULL && from <= end;) {
        const char *slash = memchr(from, '/', (size_t)(end - from));
        const char *until = slash != NULL ? slash : end;
        wrong = parse_segment(pattern, (struct text){from, (size_t)(until - from)}, until == end);
        from = until + 1;
    }
    for (size_t i = 0; i < pattern->count; i++)
        entities += pattern->segments[i].kind == SEGMENT_ENTITY;
    return wrong != NULL ? wrong : entities > 1 ? "has more than one {entity}" : NULL;
}

/* "/" is the one path whose only segment is empty. */
static const char *parse(struct pattern *pattern)
{
    if (pattern->text == NULL)
        return "is too much for the memory that is left";
    char *mark = strchr(pattern->text, '?');
    if (mark != NULL)
        *mark = '\0';
    const char *wrong = mark != NULL ? parse_query(pattern, mark + 1) : NULL;
    struct text path = {pattern->text, strlen(pattern->text)};
    if (wrong != NULL || strcmp(pattern->text, "/") == 0)
        return wrong;
    return pattern->text[0] == '/' ? parse_path(pattern, path) : "does not begin with /";
}

const char *pattern_parse(struct pattern *ret_pattern, const char *text)
{
    struct pattern pattern = {.text = strdup(text)};
    const char *wrong = parse(&pattern);
    if (wrong == NULL)
        *ret_pattern = pattern;
    else
        free(pattern.text);
    return wrong;
}

void pattern_clear(struct pattern *pattern)
{
    free(pattern->text);
    memset(pattern, 0, sizeof *pattern);
}

/* Parts are joined by a dot. If there are several, none may contain one: "a.b"/"c" and "a"/"b.c"
   would be the same metric. */
static void add_metric(struct question *question, const struct pattern *pattern, struct text part)
{
    size_t dot = question->has_metric;
    question->has_metric = true;
    question->wrong |= (pattern->metrics > 1 && memchr(part.at, '.', part.len) != NULL) ||
                       question->metric_len + dot + part.len > METRIC_MAX;
    if (question->wrong)
        return;
    if (dot != 0)
        question->metric[question->metric_len++] = '.';
    memcpy(question->metric + question->metric_len, part.at, part.len);
    question->metric_len += part.len;
}

static void set_entity(struct question *question, struct text name)
{
    question->has_entity = true;
    question->wrong |= name.len > ENTITY_MAX;
    if (question->wrong)
        return;
    memcpy(question->entity, name.at, name.len);
    question->entity_len = name.len;
}

static bool match_segment(const struct pattern *pattern, size_t i, struct text segment,
                          struct question *question)
{
    struct text literal = pattern->segments[i].literal;
    switch (pattern->segments[i].kind) {
    case SEGMENT_METRIC:
        add_metric(question, pattern, segment);
        return true;
    case SEGMENT_ENTITY:
        set_entity(question, segment);
        return true;
    case SEGMENT_LITERAL:
        return segment.len == literal.len && memcmp(segment.at, literal.at, literal.len) == 0;
    default:
        return true;
    }
}

static bool match_path(const struct pattern *pattern, struct text path, struct question *question)
{
    const char *from = path.at + 1, *end = path.at + path.len;
    size_t i = 0;
    for (; i < pattern->count && pattern->segments[i].kind != SEGMENT_REST; i++) {
        const char *slash = from < end ? memchr(from, '/', (size_t)(end - from)) : NULL;
        const char *until = slash != NULL ? slash : end;
        if (from >= end ||
            !match_segment(pattern, i, (struct text){from, (size_t)(until - from)}, question))
            return false;
        from = until + 1;
    }
    /* after the last segment `from` is past the end; it is at the end if a slash is left over */
    return i < pattern->count || (pattern->count == 0 ? from == end : from > end);
}

void question_entity(struct question *question, struct text query, const char *name)
{
    struct text value;
    enum uri_found found = uri_parameter(query, name, &value);
    question->wrong |= found == URI_AMBIGUOUS;
    if (found != URI_ONCE || value.len == 0)
        return;
    question->has_entity = true;
    question->wrong |=
        !uri_decode(value, question->entity, sizeof question->entity, &question->entity_len);
}

bool pattern_match(const struct pattern *pattern, struct text path, struct text query,
                   struct question *ret_question)
{
    struct question question = {0};
    if (!match_path(pattern, path, &question))
        return false;
    if (pattern->entity_key != NULL)
        question_entity(&question, query, pattern->entity_key);
    *ret_question = question;
    return true;
}
