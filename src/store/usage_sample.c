/* SPDX-License-Identifier: ISC */
#include "store/usage_sample.h"

#include "store/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#define NAMES_MAX 1000000

/* A random number below `bound`, almost uniform. */
static uint32_t draw(struct usage_sample *sample, uint32_t bound)
{
    uint64_t z = sample->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(((z >> 32) * bound) >> 32);
}

_Static_assert(USAGE_SHARES == 1 << 5, "the hash is shifted so");

/* Reservoir sampling: each name of a share is kept with the same probability, however many there
   are. */
static void add_name(struct usage_sample *sample, const char *name, uid_t owner)
{
    const uint32_t share = ((owner ^ sample->salt) * UINT32_C(2654435761)) >> 27;
    uint32_t place = sample->seen[share]++;
    if (place >= USAGE_SHARE_NAMES)
        place = draw(sample, place + 1);
    if (place < USAGE_SHARE_NAMES)
        name_copy(sample->name[share][place], USAGE_NAME_SIZE, name);
}

enum usage_sample_status usage_sample_read(struct usage_sample *sample, int dir)
{
    struct dirent *entry;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = copy >= 0 ? fdopendir(copy) : NULL;
    enum usage_sample_status status = USAGE_SAMPLE_ALL;
    sample->salt = randombytes_random();
    randombytes_buf(&sample->random, sizeof sample->random);
    if (names == NULL) {
        if (copy >= 0)
            close(copy);
        return USAGE_SAMPLE_UNREAD;
    }
    for (int seen = 0; errno = 0, (entry = readdir(names)) != NULL; seen++) {
        uid_t owner;
        if (seen == NAMES_MAX) {
            status = USAGE_SAMPLE_TOO_MANY;
            break;
        }
        if (usage_name_owner(entry->d_name, &owner))
            add_name(sample, entry->d_name, owner);
    }
    if (entry == NULL && errno != 0)
        status = USAGE_SAMPLE_UNREAD;
    closedir(names);
    return status;
}
