/* SPDX-License-Identifier: ISC */
/*
 * Loaded by LD_PRELOAD: for each mutex that the command locks in the lock file $LOCKS_OF, writes a
 * word to descriptor $LOCKS_FD: "in" if the command holds flock on that file at that moment, else
 * "OUT". /proc/locks would not do: where it is longer than a page, it is read in parts, and a lock
 * may be missed between them.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS 64 /* more than a command opens */

static bool file_has(const char *file, bool (*is)(const char *line, const void *arg),
                     const void *arg)
{
    char line[1024];
    bool found = false;
    FILE *lines = fopen(file, "re");
    while (lines != NULL && !found && fgets(line, sizeof line, lines) != NULL)
        found = is(line, arg);
    if (lines != NULL)
        fclose(lines);
    return found;
}

static bool is_mapping(const char *line, const void *mutex)
{
    unsigned long begin, end;
    return sscanf(line, "%lx-%lx", &begin, &end) == 2 && (unsigned long)mutex >= begin &&
           (unsigned long)mutex < end && strstr(line, getenv("LOCKS_OF")) != NULL;
}

static bool is_flock(const char *line, const void *path)
{
    char inode[32];
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    snprintf(inode, sizeof inode, ":%lu 0 EOF", (unsigned long)st.st_ino);
    return strstr(line, "FLOCK") != NULL && strstr(line, "->") == NULL &&
           strstr(line, inode) != NULL;
}

static bool holds_flock(const char *path)
{
    bool found = false;
    for (int fd = 0; fd < DESCRIPTORS && !found; fd++) {
        char info[48];
        snprintf(info, sizeof info, "/proc/self/fdinfo/%d", fd);
        found = file_has(info, is_flock, path);
    }
    return found;
}

__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*next)(pthread_mutex_t *);
    const char *path = getenv("LOCKS_OF");
    if (next == NULL)
        *(void **)(void *)&next = dlsym(RTLD_NEXT, "pthread_mutex_lock");
    if (path != NULL && file_has("/proc/self/maps", is_mapping, mutex))
        dprintf((int)strtol(getenv("LOCKS_FD"), NULL, 10), "%s ", holds_flock(path) ? "in" : "OUT");
    return next(mutex);
}
