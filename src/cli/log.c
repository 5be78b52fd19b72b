/* SPDX-License-Identifier: ISC */
/* The entries that log shows: which ones the options select, and the output for each. */
#include "cli/log_list.h"

#include <string.h>

bool log_list_asks(const struct log_list *list, const struct log_change *change)
{
    const char *name = list->cli->options.entity;
    if (name == NULL && !list->by_token)
        return true;
    if (change->what == LOG_NOTE)
        return false;
    if (list->by_token)
        return change->is_token &&
               (change->what == LOG_ADD ? change->after.token.id : change->before.token.id) ==
                   list->token;
    const char *names[] = {change->before.entity.name,     change->after.entity.name,
                           change->before.entity.reseller, change->after.entity.reseller,
                           change->before.token.entity,    change->after.token.entity};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_in_time(const struct log_list *list, const struct log_entry *entry)
{
    return entry->time >= list->since && (list->until == 0 || entry->time <= list->until);
}

bool log_list_has(const struct log_list *list, const struct log_entry *entry)
{
    struct log_place place = {0};
    struct log_change change;
    while (is_in_time(list, entry) && log_next_change(entry, &place, &change)) {
        if (log_list_asks(list, &change))
            return true;
    }
    return false;
}

static int show(struct log_list *list, const struct log_entry *entry, struct espt_error *err)
{
    struct log_place place = {0};
    struct log_change change;
    json_t *changes = list->cli->json ? json_array() : NULL;
    size_t shown = 0;
    while (log_next_change(entry, &place, &change)) {
        if (!log_list_asks(list, &change))
            continue;
        list->shown = true;
        if (list->cli->json)
            json_array_append_new(changes, json_of_log_change(&change));
        else
            log_print_change(entry, &change, shown++ == 0);
    }
    if (json_array_size(changes) == 0) {
        json_decref(changes);
        return 0;
    }
    json_t *document = json_of_log_entry(entry, changes, list->cli->options.as != NULL);
    if (list->follows)
        return json_print_line(document, err);
    return json_stream_item(&list->json, document, err);
}

int log_list_entry(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct log_list *list = arg;
    const int code = list->follows ? history_add(&list->seen, entry, err) : 0;
    if (code != 0 || entry->sequence < list->first || !is_in_time(list, entry))
        return code;
    if (list->last != 0 && entry->sequence > list->last)
        return 1; /* it is newer than the log that -n counted in */
    return show(list, entry, err);
}
