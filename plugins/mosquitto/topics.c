/* SPDX-License-Identifier: ISC */
#include "topics.h"

#include <string.h>

#define SHARE "$share/"

/* One level of a topic. `next` is NULL for the last one. */
struct level {
    const char *text;
    size_t len;
    const char *next;
};

static struct level first_level(const char *at)
{
    struct level level = {.text = at, .len = strcspn(at, "/")};
    level.next = at[level.len] == '/' ? at + level.len + 1 : NULL;
    return level;
}

static bool is(const struct level *level, const char *text)
{
    return strlen(text) == level->len && memcmp(level->text, text, level->len) == 0;
}

bool prefix_valid(const char *prefix)
{
    bool entity = false;
    if (*prefix == '$')
        return false;
    for (const char *at = prefix; at != NULL;) {
        struct level level = first_level(at);
        if (level.len == 0 || memchr(level.text, '+', level.len) != NULL ||
            memchr(level.text, '#', level.len) != NULL)
            return false;
        if (memchr(level.text, '%', level.len) != NULL && (!is(&level, "%e") || entity))
            return false;
        entity = entity || is(&level, "%e");
        at = level.next;
    }
    return true;
}

/* Whether the rest of the prefix is %e alone. Then all topics that a `#` in its place matches are
   below the prefix. */
static bool only_entity(const char *prefix)
{
    struct level level = first_level(prefix);
    return level.next == NULL && is(&level, "%e");
}

static bool outside(struct topic *topic)
{
    memset(topic, 0, sizeof *topic);
    topic->place = PLACE_OUTSIDE;
    return false;
}

/* Moves `*at` past the prefix. Returns true if the levels after it must be parsed; `*at` is NULL if
   there are none. */
static bool pass_prefix(const char *prefix, const char **at, bool filter, struct topic *topic)
{
    while (prefix != NULL && *at != NULL) {
        struct level want = first_level(prefix), have = first_level(*at);
        if (filter && is(&have, "#")) {
            topic->place = PLACE_MANY;
            return only_entity(prefix) ? false : outside(topic);
        }
        if (is(&want, "%e")) {
            bool any = filter && is(&have, "+");
            topic->entity = any ? NULL : have.text;
            topic->entity_len = any ? 0 : have.len;
        } else if (want.len != have.len || memcmp(want.text, have.text, want.len) != 0) {
            return outside(topic);
        }
        prefix = want.next;
        *at = have.next;
    }
    topic->place = PLACE_NOWHERE;
    return prefix == NULL ? true : outside(topic);
}

/* Each metric has exactly one topic: a level that is empty or contains a dot belongs to none. */
static bool add_level(struct topic *topic, const struct level *level)
{
    size_t dot = topic->metric_len > 0 ? 1 : 0;
    if (level->len == 0 || memchr(level->text, '.', level->len) != NULL ||
        topic->metric_len + dot + level->len > METRIC_NAME_MAX)
        return false;
    topic->metric[topic->metric_len] = '.';
    memcpy(topic->metric + topic->metric_len + dot, level->text, level->len);
    topic->metric_len += dot + level->len;
    topic->metric[topic->metric_len] = '\0';
    return true;
}

void topic_parse(const char *prefix, const char *text, bool filter, struct topic *ret_topic)
{
    bool many = false;
    memset(ret_topic, 0, sizeof *ret_topic);
    if (!pass_prefix(prefix, &text, filter, ret_topic) || text == NULL)
        return;
    while (text != NULL) {
        struct level level = first_level(text);
        if (filter && (is(&level, "+") || is(&level, "#")))
            many = true;
        else if (!add_level(ret_topic, &level))
            return;
        text = level.next;
    }
    ret_topic->place = many ? PLACE_MANY : PLACE_ONE;
}

const char *share_strip(const char *text, const char **ret_group, size_t *ret_group_len)
{
    *ret_group = text;
    *ret_group_len = 0;
    if (strncmp(text, SHARE, sizeof SHARE - 1) != 0)
        return text;
    struct level group = first_level(text + sizeof SHARE - 1);
    if (group.next == NULL)
        return text;
    *ret_group = group.text;
    *ret_group_len = group.len;
    return group.next;
}

bool share_owned(const char *group, size_t group_len, const char *entity)
{
    size_t len = strlen(entity);
    return len > 0 && group_len >= len && memcmp(group, entity, len) == 0 &&
           (group_len == len || group[len] == ':');
}
