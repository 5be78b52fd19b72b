/* SPDX-License-Identifier: ISC */
/* For the tests of the gate (flock on STORE-lock), which processes pass to register as LMDB
   readers: a small store, its reading commands, and a process that holds the gate. */
#ifndef TESTS_FAULT_GATE_H
#define TESTS_FAULT_GATE_H

#include "fault/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PATIENT "--wait=600" /* longer than the test's own timeout */

static struct world world;
static const char *copies; /* the folder of the private copies */

static const char *const readers[][5] = {
    {"list"},
    {"--json", "list", "acme"},
    {"entity", "list", "--tree"},
    {"entity", "show", "mid"},
    {"show", "acme/default"},
    {"tier", "check"},
    {"check"},
    {"stats"},
    {"log"},
    {"log", "verify"},
    {"export"},
    {"complete", "--", "show", "ac"},
};
#define READERS (sizeof readers / sizeof *readers)

static inline void setup(void)
{
    world_make(&world);
    copies = keep_string(strdup(temp_folder()));
    setenv("TMPDIR", copies, 1);
}

static inline struct run run(const char *const *args)
{
    return run_process(world_argv(&world, args), NULL);
}
#define RUN(...) run((const char *const[]){PATIENT, __VA_ARGS__, NULL})

static inline struct running start(size_t which)
{
    const char *args[8] = {PATIENT};
    for (size_t i = 0; i < 5; i++)
        args[i + 1] = readers[which][i];
    return run_start(world_argv(&world, args), NULL);
}

static inline struct run read_by(size_t which)
{
    const struct running running = start(which);
    return run_finish(&running);
}

static inline int lock_file(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s-lock", world.store);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static inline int hold(void)
{
    int fd = lock_file();
    ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static inline bool is_free(void)
{
    int fd = lock_file();
    bool taken = flock(fd, LOCK_EX | LOCK_NB) == 0;
    close(fd);
    return taken;
}

static inline void nothing_left(void)
{
    DIR *names = opendir(copies);
    ck_assert_ptr_nonnull(names);
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        ck_assert_msg(entry->d_name[0] == '.', "%s was left", entry->d_name);
    closedir(names);
}

#endif
