/* SPDX-License-Identifier: ISC */
/*
 * Patterns say which metric and whose data the path of a request asks for:
 *
 *     /metrics/{metric}                            one segment is the metric
 *     /v1/{metric}/{metric}?entity={entity}        kpi/join_time: metric kpi.join_time
 *     /of/{entity}/metrics/{metric}
 *     /dashboard/{**}                              any token, whatever follows
 *     /export/{*}/{metric}                         any one segment
 */
#ifndef ESPT_AUTHD_PATTERN_H
#define ESPT_AUTHD_PATTERN_H

#include "uri.h"

#define METRIC_MAX 128
#define ENTITY_MAX 64
#define SEGMENTS_MAX 32

/* What a request asks for. A metric or an entity that is present and empty is a wrong name. */
struct question {
    bool has_metric, has_entity;
    bool wrong; /* too long, or ambiguous: refuse it */
    char metric[METRIC_MAX + 1], entity[ENTITY_MAX + 1];
    size_t metric_len, entity_len;
};

enum segment_kind { SEGMENT_LITERAL, SEGMENT_METRIC, SEGMENT_ENTITY, SEGMENT_ANY, SEGMENT_REST };

struct pattern {
    char *text; /* what the segments and the key point into */
    struct {
        enum segment_kind kind;
        struct text literal;
    } segments[SEGMENTS_MAX];
    size_t count;
    size_t metrics;         /* segments that are part of the metric */
    const char *entity_key; /* the query parameter with the entity; NULL: none */
};

/* Returns NULL, or what is wrong with the text. */
const char *pattern_parse(struct pattern *ret_pattern, const char *text);
void pattern_clear(struct pattern *pattern);

/* `path` must be normal. Returns false if the path does not match. If it does, no other pattern may
   be tried, even if the question is wrong. */
bool pattern_match(const struct pattern *pattern, struct text path, struct text query,
                   struct question *ret_question);

/* Fills the entity from a query: absent or empty means the token's own. */
void question_entity(struct question *question, struct text query, const char *name);

#endif
