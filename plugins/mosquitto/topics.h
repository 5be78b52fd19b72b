/* Which metric a topic is, and whose: `metrics/asn/traffic` is asn.traffic. */
#ifndef ESP_TOKEN_TOPICS_H
#define ESP_TOKEN_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#define METRIC_NAME_MAX 128

enum place {
    PLACE_OUTSIDE, /* not all that it names lies below the prefix: not ours to judge */
    PLACE_NOWHERE, /* below the prefix, but no metric's topic */
    PLACE_ONE,     /* one metric */
    PLACE_MANY     /* a filter over several */
};

struct topic {
    enum place place;
    const char *entity; /* where the prefix has %e, and the filter no + in its place; else NULL */
    size_t entity_len;
    char metric[METRIC_NAME_MAX + 1]; /* of PLACE_ONE */
    size_t metric_len;
};

/* Levels divided by single slashes, without wildcards; one of them may be %e, an entity's name. */
bool prefix_valid(const char *prefix);

/* `text` is a topic; or, with `filter`, what a client subscribes to. `ret_topic` points into it. */
void topic_parse(const char *prefix, const char *text, bool filter, struct topic *ret_topic);

/* The filter within "$share/GROUP/FILTER" and the group, or `text` itself and an empty group. */
const char *share_strip(const char *text, const char **ret_group, size_t *ret_group_len);

/* An entity's own groups are NAME and NAME:ANYTHING. Whoever joins a group takes messages from its
   other members. */
bool share_owned(const char *group, size_t group_len, const char *entity);

#endif
