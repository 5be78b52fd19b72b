/* SPDX-License-Identifier: ISC */
/* Owners and modes of every file and of every folder above it, and what killed commands left. */
#include "cli/doctor/doctor.h"

#include "common/trust.h"
#include "store/db/copy.h"
#include "store/db/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BESIDE_MAX 10000 /* names in the store's folder that are looked at */
#define LEFT_SECONDS 600 /* a copy unchanged for so long is no longer being written */
#define ACL "system.posix_acl_access"

bool doctor_serves_others(const struct doctor *doctor)
{
    struct stat st;
    return geteuid() == 0 && doctor->has_config &&
           (stat(doctor->cli->config.store, &st) != 0 || st.st_uid == 0);
}

/* --- trust --- */

/* Whether the file itself breaks the rules for lock files, and not a folder above it. */
static bool breaks_lock_rules(const struct stat *st)
{
    return !S_ISREG(st->st_mode) || (st->st_mode & (S_IRWXG | S_IRWXO)) != 0 || st->st_nlink > 1 ||
           (st->st_uid != 0 && st->st_uid != geteuid());
}

enum file_state { FILE_GOOD, FILE_MISSING, FILE_REPORTED };

static enum file_state check_file(struct doctor *doctor, const char *path, enum trust_level level)
{
    struct espt_error why;
    struct stat st;
    char remedy[REMEDY_MAX];
    int fd;
    if (lstat(path, &st) != 0 && errno == ENOENT)
        return FILE_MISSING;
    if (trust_open(path, geteuid(), level, &fd, &why) == 0) {
        close(fd);
        return FILE_GOOD;
    }
    if (geteuid() != 0 && access(path, R_OK) != 0 && errno == EACCES)
        doctor_skipped(doctor, "%s: this user may not read it; run as root", path);
    else if (level == TRUST_LOCK && breaks_lock_rules(&st))
        /* never chmod: what a stranger wrote there would be trusted */
        doctor_failed_mend(doctor, DOCTOR_ERROR, path, &why, doctor_remedy(remedy, "rm", path));
    else
        doctor_failed(doctor, DOCTOR_ERROR, path, &why);
    return FILE_REPORTED;
}

static void check_needed(struct doctor *doctor, const char *path, enum trust_level level,
                         bool hosts_read)
{
    const enum file_state found = check_file(doctor, path, level);
    if (found == FILE_MISSING)
        doctor_found(doctor, DOCTOR_ERROR, path, "esp-tokenctl init", "%s: it is missing", path);
    if (found == FILE_GOOD)
        doctor_looked(doctor, "%s", path);
    if (found == FILE_GOOD && hosts_read && doctor_serves_others(doctor) && doctor->has_group)
        doctor_open_to_hosts(doctor, path, R_OK);
}

/* --- hosts of other users --- */

/* The permission bits that the group of hosts has. An access control list may grant more. */
static bool group_has(const struct doctor *doctor, const struct stat *st, unsigned wanted)
{
    const unsigned group = (st->st_mode >> 3) & 7, others = st->st_mode & 7;
    return ((st->st_gid == doctor->group ? group : others) & wanted) == wanted;
}

static bool has_list(const char *path)
{
    return getxattr(path, ACL, NULL, 0) > 0;
}

static void report_closed(struct doctor *doctor, const char *path, const struct stat *st,
                          unsigned wanted)
{
    char remedy[REMEDY_MAX];
    const bool is_folder = S_ISDIR(st->st_mode), writes = (wanted & W_OK) != 0;
    const unsigned group = (st->st_mode >> 3) & 7;
    const char *command = st->st_gid != doctor->group && (group & wanted) == wanted
                              ? "chgrp " STORE_GROUP
                          : st->st_gid != doctor->group && !is_folder ? "chmod o+r"
                          : st->st_gid != doctor->group               ? "chmod o+x"
                          : writes                                    ? "chmod g+wx"
                          : is_folder                                 ? "chmod g+x"
                                                                      : "chmod g+r";
    doctor_found(doctor, DOCTOR_WARNING, path, doctor_remedy(remedy, command, path),
                 "%s: hosts in the group " STORE_GROUP " may not %s", path,
                 writes      ? "make files in it"
                 : is_folder ? "enter it"
                             : "read it");
}

void doctor_open_to_hosts(struct doctor *doctor, const char *path, unsigned wanted)
{
    char real[PATH_MAX], part[PATH_MAX];
    struct stat st;
    if (realpath(path, real) == NULL)
        return;
    for (const char *at = real; at != NULL; at = strchr(at + 1, '/')) {
        const char *next = strchr(at + 1, '/');
        const size_t len = next != NULL ? (size_t)(next - real) : strlen(real);
        const unsigned need = next != NULL ? X_OK : wanted;
        memcpy(part, real, len);
        part[len] = '\0';
        if (stat(part, &st) != 0 || group_has(doctor, &st, need) || has_list(part))
            continue;
        report_closed(doctor, part, &st, need);
        return;
    }
}

/* --- beside the store --- */

/* Stores that restore and upgrade kept hold the same digests as the store. */
static void check_beside(struct doctor *doctor, const char *folder, const char *base)
{
    char path[PATH_MAX + NAME_MAX + 2];
    DIR *names = opendir(folder);
    struct dirent *entry;
    unsigned kept = 0;
    for (int seen = 0; names != NULL && seen < BESIDE_MAX && (entry = readdir(names)) != NULL;
         seen++) {
        const char *rest = entry->d_name + strlen(base);
        if (strncmp(entry->d_name, base, strlen(base)) != 0 ||
            (strncmp(rest, ".schema-", 8) != 0 &&
             (rest[0] != '.' || strlen(rest) < 12 ||
              strspn(rest + 1, "0123456789-.") + 1 != strlen(rest))))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        kept += check_file(doctor, path, TRUST_PUBLIC) == FILE_GOOD;
    }
    if (names != NULL)
        closedir(names);
    if (kept > 0)
        doctor_looked(doctor, "%u kept store%s in %s", kept, kept == 1 ? "" : "s", folder);
}

static void check_locks(struct doctor *doctor, const char *store)
{
    static const char *const suffixes[] = {"-lock",   ".writer", ".notify",
                                           ".portal", ".follow", ".uses"};
    char path[PATH_MAX + 16];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(path, sizeof path, "%s%s", store, suffixes[i]);
        if (check_file(doctor, path, TRUST_LOCK) == FILE_GOOD)
            doctor_looked(doctor, "%s", path);
    }
}

/* It is made again by init, and by each command that changes the store. */
static void check_reserve(struct doctor *doctor, const char *store)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s.reserve", store);
    const enum file_state found = check_file(doctor, path, TRUST_LOCK);
    if (found == FILE_MISSING && access(store, F_OK) == 0)
        doctor_found(doctor, DOCTOR_WARNING, path, "esp-tokenctl init",
                     "%s: it is missing, so a full disk can prevent revocations", path);
    if (found == FILE_GOOD)
        doctor_looked(doctor, "%s", path);
}

void doctor_files(struct doctor *doctor)
{
    const struct config *config = &doctor->cli->config;
    char folder[PATH_MAX];
    doctor->part = DOCTOR_FILES;
    if (doctor_serves_others(doctor) && doctor->has_group)
        doctor_open_to_hosts(doctor, config->file, R_OK);
    check_needed(doctor, config->tiers, TRUST_PUBLIC, true);
    check_needed(doctor, config->public_key, TRUST_PUBLIC, false);
    if (check_file(doctor, config->secret_key, TRUST_SECRET) == FILE_GOOD)
        doctor_looked(doctor, "%s", config->secret_key);
    check_needed(doctor, config->store, TRUST_PUBLIC, true);
    check_locks(doctor, config->store);
    check_reserve(doctor, config->store);
    snprintf(folder, sizeof folder, "%s", config->store);
    char *slash = strrchr(folder, '/');
    *slash = '\0';
    check_beside(doctor, folder[0] != '\0' ? folder : "/", slash + 1);
}

/* --- what killed commands left --- */

static void on_left(void *arg, int folder, const char *name)
{
    struct doctor *doctor = arg;
    struct stat st;
    char link[64], at[PATH_MAX] = "", path[PATH_MAX + NAME_MAX], remedy[REMEDY_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        readlink(link, at, sizeof at - 1) <= 0)
        return;
    snprintf(path, sizeof path, "%s/%s", at, name);
    if (doctor->cli->now - st.st_mtime < LEFT_SECONDS) {
        doctor_skipped(doctor, "%s: it is new; a command may be writing it", path);
        return;
    }
    doctor_found(doctor, DOCTOR_WARNING, path, doctor_remedy(remedy, "rm", path),
                 "%s: a command that was killed left this unfinished copy", path);
}

void doctor_left(struct doctor *doctor)
{
    const struct config *config = &doctor->cli->config;
    const char *const paths[] = {config->store, config->secret_key, config->public_key,
                                 config->tiers, config->file};
    doctor->part = DOCTOR_FILES;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        publish_each_left(paths[i], on_left, doctor);
}
