/* SPDX-License-Identifier: ISC */
/* Maps a topic to a metric and its entity: `metrics/asn/traffic` is asn.traffic. */
#ifndef ESP_TOKEN_TOPICS_H
#define ESP_TOKEN_TOPICS_H

#include <stdbool.h>
#include <stddef.h>

#define METRIC_NAME_MAX 128

enum place {
    PLACE_OUTSIDE, /* it matches topics outside the prefix, which the plugin does not check */
    PLACE_NOWHERE, /* below the prefix, but it is the topic of no metric */
    PLACE_ONE,     /* one metric */
    PLACE_MANY     /* a filter that may match several metrics */
};

struct topic {
    enum place place;
    const char *entity; /* the level in the place of %e; NULL: no %e in the prefix, or + */
    size_t entity_len;
    char metric[METRIC_NAME_MAX + 1]; /* only for PLACE_ONE */
    size_t metric_len;
};

/* A prefix consists of levels that are separated by single slashes, without wildcards. One level
   may be %e, the name of an entity. */
bool prefix_valid(const char *prefix);

/* `text` is a topic; with `filter` it is a filter that a client subscribes to. `ret_topic` points
   into `text`. */
void topic_parse(const char *prefix, const char *text, bool filter, struct topic *ret_topic);

/* Returns FILTER of "$share/GROUP/FILTER", and GROUP. Without a share: `text`, and an empty group.
 */
const char *share_strip(const char *text, const char **ret_group, size_t *ret_group_len);

/* The groups of an entity are NAME and NAME:ANYTHING. A client that joins a group takes messages
   from the other members, so other groups are refused. */
bool share_owned(const char *group, size_t group_len, const char *entity);

#endif
