/* SPDX-License-Identifier: ISC */
#include "portal/watch.h"

#include "portal/follow.h"

#include <stdlib.h>
#include <string.h>

/* An entity that was switched off, removed or renamed. */
struct event {
    uint64_t sequence;
    int64_t time;
    uint32_t number;
    bool ends; /* else it was renamed */
    bool reseller;
    char name[ENTITY_NAME_MAX + 1]; /* the new one, if it was renamed */
};

struct watching {
    struct store *store;
    struct log_head head; /* read up to here */
    bool restarted;       /* the log is not the one that was read before */
    struct event *events;
    size_t count, room;
    bool lacks; /* out of memory */
};

static void add_event(struct watching *w, const struct event *event)
{
    if (w->count == w->room) {
        const size_t room = w->room > 0 ? 2 * w->room : 16;
        struct event *events = realloc(w->events, room * sizeof *events);
        if (events == NULL) {
            w->lacks = true;
            return;
        }
        w->events = events;
        w->room = room;
    }
    w->events[w->count++] = *event;
}

static void look_at_change(struct watching *w, const struct log_entry *entry,
                           const struct log_change *change)
{
    const struct entity *before = &change->before.entity, *after = &change->after.entity;
    if (change->is_token || (change->what != LOG_SET && change->what != LOG_REMOVE))
        return;
    struct event event = {.sequence = entry->sequence,
                          .time = entry->time,
                          .number = before->number,
                          .reseller = before->kind == KIND_RESELLER,
                          .ends = change->what == LOG_REMOVE || (before->active && !after->active)};
    const bool renamed = change->what == LOG_SET && strcmp(before->name, after->name) != 0;
    memcpy(event.name, renamed ? after->name : before->name, sizeof event.name);
    if (event.ends || renamed)
        add_event(w, &event);
    if (event.ends && renamed) {
        event.ends = false;
        add_event(w, &event);
    }
}

static int on_entry(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct watching *w = arg;
    struct log_place place = {0};
    struct log_change change;
    while (log_next_change(entry, &place, &change))
        look_at_change(w, entry, &change);
    return w->lacks ? espt_fail(err, ESPT_UNUSABLE, "out of memory") : 0;
}

static void on_restart(void *arg)
{
    struct watching *w = arg;
    w->restarted = true;
    w->count = 0;
}

/* Whether the pass is that of a customer of this reseller. */
static bool is_customer(struct watching *w, const struct pass *pass, const struct event *event)
{
    struct entity entity, reseller;
    struct espt_error ignored;
    return event->reseller && store_entity_get(w->store, pass->entity, &entity, &ignored) == 0 &&
           entity.reseller[0] != '\0' &&
           store_entity_get(w->store, entity.reseller, &reseller, &ignored) == 0 &&
           reseller.number == event->number;
}

static enum pass_fate on_pass(void *arg, struct pass *pass)
{
    struct watching *w = arg;
    enum pass_fate fate = PASS_KEEP;
    for (size_t i = 0; i < w->count; i++) {
        const struct event *event = &w->events[i];
        const bool later =
            w->restarted ? event->time >= pass->created : event->sequence > pass->sequence;
        if (!later || (event->number != pass->number && !event->reseller))
            continue;
        if (event->number == pass->number && !event->ends) {
            memcpy(pass->entity, event->name, sizeof pass->entity);
            fate = PASS_CHANGE;
        } else if (event->number == pass->number || (event->ends && is_customer(w, pass, event))) {
            return PASS_REMOVE;
        }
    }
    if (w->restarted) { /* the numbers of another log say nothing about this one */
        pass->sequence = w->head.sequence;
        fate = PASS_CHANGE;
    }
    return fate;
}

int watch(struct store *store, struct passes *passes, struct espt_error *err)
{
    struct passes_seen seen;
    struct watching w = {.store = store};
    struct log_head head;
    int code = passes_seen(passes, &seen, err);
    if (code == 0)
        code = store_as(store, NULL, err);
    if (code == 0)
        code = store_log_head(store, &head, err);
    if (code != 0 ||
        (head.sequence == seen.sequence && memcmp(head.hash, seen.hash, sizeof head.hash) == 0))
        return code;
    w.head.sequence = seen.sequence;
    memcpy(w.head.hash, seen.hash, sizeof w.head.hash);
    code = follow_log(store, &w.head, on_entry, on_restart, &w, err);
    if (code == 0 && (w.count > 0 || w.restarted))
        code = passes_each(passes, on_pass, &w, err);
    if (code == 0) {
        seen.sequence = w.head.sequence;
        memcpy(seen.hash, w.head.hash, sizeof seen.hash);
        code = passes_saw(passes, &seen, err);
    }
    free(w.events);
    return code;
}
