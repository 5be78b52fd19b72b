/* SPDX-License-Identifier: ISC */
/* Refuses file systems on which a mapping may show old data (trust.h). */
#include "common/trust.h"
#include "common/trust_owner.h"

#include <errno.h>
#include <sys/vfs.h>

int trust_filesystem(int fd, const char *path, struct espt_error *err)
{
    /* statfs(2) and linux/magic.h */
    static const struct {
        unsigned long magic;
        const char *name;
    } refused[] = {
        {0x794c7630, "overlayfs"}, {0x6969, "NFS"},       {0xff534d42, "CIFS"},
        {0xfe534d42, "SMB"},       {0x517b, "SMB"},       {0x01021997, "9P"},
        {0x00c36400, "Ceph"},      {0x5346414f, "AFS"},   {0x6b414653, "AFS"},
        {0x73757245, "Coda"},      {0x65735546, "FUSE"},  {0x0bd00bd0, "Lustre"},
        {0x01161970, "GFS2"},      {0x7461636f, "OCFS2"}, {0x47504653, "GPFS"},
    };
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0)
        return trust_fail_call(path, "fstatfs", errno, err);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (((unsigned long)fs.f_type & 0xffffffff) == refused[i].magic)
            return espt_fail(
                err, ESPT_UNUSABLE,
                "%s: on %s, where a mapping may show old data; use a local file system "
                "(ext4, xfs, tmpfs)",
                path, refused[i].name);
    }
    return 0;
}
