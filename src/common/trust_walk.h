/* SPDX-License-Identifier: ISC */
/* A walk from `/` to a file, which checks each folder by descriptor (trust.h, MUST 2). For the
   files of common/trust.h. */
#ifndef ESPT_COMMON_TRUST_WALK_H
#define ESPT_COMMON_TRUST_WALK_H

#include "common/trust.h"

/* The state of a walk from `/` to a file. Between two files, `dir` is the checked folder of the
   last file, or -1. */
struct trust_walk {
    const char *path; /* as the caller gave it */
    uid_t owner;
    int dir;                 /* the current folder, O_PATH */
    bool sticky;             /* the mode lets others write to `dir`, but MUST 3 allows it */
    bool shared;             /* the caller checks the mode of the last folder */
    unsigned links;          /* number of symbolic links so far */
    const char *rest;        /* the components that are not walked yet, in `text` */
    char name[NAME_MAX + 1]; /* the component before `rest` */
    char at[PATH_MAX];       /* the path of `dir`; empty: / */
    char text[PATH_MAX];
    char link[PATH_MAX];
};

/* Begins a walk. `end` is appended to the path: with a slash, all components are folders. */
ESPT_MUST_USE int trust_walk_begin(struct trust_walk *w, const char *path, const char *end,
                                   uid_t owner, struct espt_error *err);
/* Walks to the folder of the last component, which becomes `name`. */
ESPT_MUST_USE int trust_walk_to_last(struct trust_walk *w, struct espt_error *err);
/* Checks `dir` as the folder of the file, after trust_walk_to_last(). */
ESPT_MUST_USE int trust_walk_check_parent(const struct trust_walk *w, struct espt_error *err);
/* Appends `name` to `at`, or drops the last name of `at`. */
ESPT_MUST_USE int trust_walk_append(struct trust_walk *w, struct espt_error *err);
void trust_walk_drop(struct trust_walk *w);
/* Follows the current name, with which `at` ends, if it is a symbolic link. If it is not, and `why`
   is not 0, fails with the errno `why`. */
ESPT_MUST_USE int trust_walk_follow(struct trust_walk *w, int why, bool *ret_followed,
                                    struct espt_error *err);
/* Ends a walk that returned `code`, and returns that code. If links were followed, the message gets
   the path that the caller gave, because the reader of the message may not know where its links
   lead. After a failure `dir` is closed. */
ESPT_MUST_USE int trust_walk_end(struct trust_walk *w, int code, struct espt_error *err);

/* The path of `dir`, or of the file after trust_walk_append(). */
const char *trust_walk_path(const struct trust_walk *w);
/* Whether the name means the folder itself, or its parent. */
bool trust_is_folder(const char *name);

#endif
