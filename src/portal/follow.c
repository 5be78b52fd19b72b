/* SPDX-License-Identifier: ISC */
#include "portal/follow.h"

#include <string.h>

struct following {
    struct log_head *head;
    bool sought, found; /* the entry that *head names: it comes next; it did */
    log_fn fn;
    void *arg;
};

static int on_entry(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct following *f = arg;
    if (f->sought) {
        f->sought = false;
        f->found = entry->sequence == f->head->sequence &&
                   memcmp(entry->hash, f->head->hash, sizeof entry->hash) == 0;
        return !f->found; /* 1: stop */
    }
    const int code = f->fn(f->arg, entry, err);
    f->head->sequence = entry->sequence;
    memcpy(f->head->hash, entry->hash, sizeof entry->hash);
    return code;
}

int follow_log(struct store *store, struct log_head *head, log_fn fn, void (*restart)(void *arg),
               void *arg, struct espt_error *err)
{
    const bool from_start = head->sequence == 0;
    struct following f = {.head = head, .sought = !from_start, .fn = fn, .arg = arg};
    int code = store_as(store, NULL, err);
    if (code == 0)
        code = store_log_each(store, head->sequence, on_entry, &f, err);
    if (code < 0 || from_start || f.found)
        return code;
    restart(arg);
    f.sought = false;
    *head = (struct log_head){0};
    return store_log_each(store, 0, on_entry, &f, err);
}
