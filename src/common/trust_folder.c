/* SPDX-License-Identifier: ISC */
/* Checks folders, and the places of files that may not exist yet (trust.h). */
#include "common/trust_walk.h"

#include <string.h>

/* Passes `dir` to the caller. */
static void give_folder(struct trust_walk *w, int *ret_dir)
{
    *ret_dir = w->dir;
    w->dir = -1;
}

int trust_folder(const char *path, uid_t owner, int *ret_dir, struct espt_error *err)
{
    struct trust_walk *w = trust_walk_new(err);
    if (w == NULL)
        return ESPT_UNUSABLE;
    int code = trust_walk_begin(w, path, "/", owner, err);
    if (code == 0)
        code = trust_walk_to_last(w, err);
    if (code == 0 && w->sticky)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: others may write to the folder; use a folder of its own", path);
    code = trust_walk_end(w, code, err);
    if (code == 0)
        give_folder(w, ret_dir);
    trust_walk_free(w);
    return code;
}

int trust_walk_shared_folder(struct trust_walk *w, const char *path, uid_t owner, int *ret_dir,
                             struct espt_error *err)
{
    int code = trust_walk_begin(w, path, "/", owner, err);
    w->shared = true;
    if (code == 0)
        code = trust_walk_to_last(w, err);
    code = trust_walk_end(w, code, err);
    if (code == 0)
        give_folder(w, ret_dir);
    return code;
}

int trust_shared_folder(const char *path, uid_t owner, int *ret_dir, struct espt_error *err)
{
    struct trust_walk *w = trust_walk_new(err);
    int code = w != NULL ? trust_walk_shared_folder(w, path, owner, ret_dir, err) : ESPT_UNUSABLE;
    trust_walk_free(w);
    return code;
}

int trust_folder_of(const char *path, uid_t owner, struct espt_error *err)
{
    struct trust_walk *w = trust_walk_new(err);
    if (w == NULL)
        return ESPT_UNUSABLE;
    int code = trust_walk_begin(w, path, "", owner, err);
    if (code == 0)
        code = trust_walk_to_last(w, err);
    if (code == 0)
        code = trust_walk_check_parent(w, err);
    code = trust_walk_end(w, code, err);
    trust_walk_free(w);
    return code;
}

/* Walks to the folder of the file, and follows links of the last component. */
static int walk_to_place(struct trust_walk *w, struct espt_error *err)
{
    int code;
    for (bool followed = true; followed;) {
        code = trust_walk_to_last(w, err);
        if (code == 0)
            code = trust_walk_check_parent(w, err);
        if (code != 0)
            return code;
        if (trust_is_folder(w->name))
            return espt_fail(err, ESPT_UNUSABLE, "%s: not a regular file; choose another file",
                             w->path);
        code = trust_walk_append(w, err);
        if (code == 0)
            code = trust_walk_follow(w, 0, &followed, err);
        if (code != 0)
            return code;
    }
    return 0;
}

int trust_place(const char *path, uid_t owner, char ret_real[static PATH_MAX], int *ret_dir,
                struct espt_error *err)
{
    struct trust_walk *w = trust_walk_new(err);
    if (w == NULL)
        return ESPT_UNUSABLE;
    int code = trust_walk_begin(w, path, "", owner, err);
    if (code == 0)
        code = walk_to_place(w, err);
    code = trust_walk_end(w, code, err);
    if (code == 0) {
        give_folder(w, ret_dir);
        memcpy(ret_real, w->at, strlen(w->at) + 1); /* may overwrite `path`, no longer needed */
    }
    trust_walk_free(w);
    return code;
}
