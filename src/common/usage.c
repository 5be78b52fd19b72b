/* SPDX-License-Identifier: ISC */
#include "common/usage.h"

#include "common/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGE 4096

size_t usage_size(uint32_t tokens)
{
    size_t size = (size_t)tokens * USAGE_BYTES_PER_TOKEN;
    return (size + PAGE - 1) / PAGE * PAGE;
}

void usage_name(char out[static USAGE_NAME_SIZE], uid_t owner, uint64_t random)
{
    snprintf(out, USAGE_NAME_SIZE, "u%u-%016" PRIx64, owner, random);
}

bool usage_name_owner(const char *name, uid_t *ret_owner)
{
    uid_t owner = 0;
    const char *at = name + 1;
    if (name[0] != 'u' || *at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        if (__builtin_mul_overflow(owner, 10u, &owner) ||
            __builtin_add_overflow(owner, (uid_t)(*at - '0'), &owner))
            return false;
    }
    if (*at++ != '-' || strspn(at, "0123456789abcdef") != 16 || at[16] != '\0')
        return false;
    *ret_owner = owner;
    return true;
}

bool usage_file_ok(const struct stat *st)
{
    const off_t least = (off_t)usage_size(USAGE_TOKENS_MIN);
    const off_t most = (off_t)usage_size(USAGE_TOKENS_MAX);
    return S_ISREG(st->st_mode) && st->st_size >= least && st->st_size <= most &&
           st->st_size % PAGE == 0 && st->st_blocks >= st->st_size / 512;
}

bool usage_header_ok(const struct usage_header *header, const struct stat *st)
{
    return atomic_load(&header->magic) == USAGE_MAGIC && header->tokens >= USAGE_TOKENS_MIN &&
           header->tokens <= USAGE_TOKENS_MAX && (off_t)usage_size(header->tokens) == st->st_size;
}

/* Whether the file system writes reserved blocks in place. On others a write to a mapped page may
   fail when the disk is full, and SIGBUS ends the process. Numbers: statfs(2) and linux/magic.h. */
static bool writes_in_place(int dir)
{
    static const unsigned long kept[] = {0x01021994, 0xef53, 0x58465342}; /* tmpfs, ext4, xfs */
    struct statfs fs;
    bool found = false;
    if (fstatfs(dir, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        found = found || ((unsigned long)fs.f_type & 0xffffffff) == kept[i];
    return found;
}

int usage_folder(struct trust_walk *walk, const char *path, uid_t owner, int *ret_dir,
                 struct espt_error *err)
{
    struct stat st;
    int dir;
    int code = walk != NULL ? trust_walk_shared_folder(walk, path, owner, &dir, err)
                            : trust_shared_folder(path, owner, &dir, err);
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no such folder; run 'systemd-tmpfiles --create' or "
                         "'esp-tokenctl init'",
                         path);
    if (code != 0)
        return code;
    if (fstat(dir, &st) != 0) {
        espt_fail_call(err, path, "fstat", errno, "");
    } else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (st.st_mode & S_ISVTX) == 0) {
        espt_fail(err, ESPT_UNUSABLE,
                  "%s: users who may write to the folder may remove each other's files; run "
                  "'chmod +t %s'",
                  path, path);
    } else if (!writes_in_place(dir)) {
        espt_fail(err, ESPT_UNUSABLE,
                  "%s: its file system may be full although space was reserved; keep the folder on "
                  "tmpfs, ext4 or xfs",
                  path);
    } else {
        *ret_dir = dir;
        return 0;
    }
    close(dir);
    return ESPT_UNUSABLE;
}
