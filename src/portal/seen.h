/* SPDX-License-Identifier: ISC */
/* Whether a file has changed since it was read. */
#ifndef ESPT_PORTAL_SEEN_H
#define ESPT_PORTAL_SEEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct seen {
    dev_t dev;
    ino_t ino;
    int64_t changed; /* nanoseconds; 0: it was not read */
};

/* The file as it is now; zeroes: there is none. Call this before the file is read, so that a change
   since then is seen the next time. */
static inline struct seen seen_now(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return (struct seen){0};
    return (struct seen){
        .dev = st.st_dev,
        .ino = st.st_ino,
        .changed = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
    };
}

static inline bool seen_same(const struct seen *a, const struct seen *b)
{
    return a->changed != 0 && a->dev == b->dev && a->ino == b->ino && a->changed == b->changed;
}

#endif
