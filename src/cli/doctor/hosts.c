/* SPDX-License-Identifier: ISC */
/* Hosts: processes that have the validator loaded, and whether it is still the installed one. */
#include "cli/doctor/doctor.h"
#include "cli/doctor/proc.h"
#include "cli/validator.h"

#include "build_config.h"
#include "store/db/slots.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PROCESSES_MAX 100000
#define MAPS_MAX 65536 /* lines of one process that are read */
#define LINE_SIZE (PATH_MAX + 128)

struct hosts {
    struct doctor *doctor;
    unsigned seen, loaded, closed;
};

enum loaded { NOT_LOADED, LOADED, REPLACED, UNREADABLE };

/* Whether the mapped file is still the one at its path. A container has paths of its own; there
   only "(deleted)" tells. */
static bool is_replaced(const char *path, dev_t device, uint64_t inode, bool same_root)
{
    static const char mark[] = " (deleted)";
    struct stat st;
    const size_t len = strlen(path);
    if (len > strlen(mark) && strcmp(path + len - strlen(mark), mark) == 0)
        return true;
    return same_root && stat(path, &st) == 0 && (st.st_ino != inode || st.st_dev != device);
}

/* A line of /proc/PID/maps: range, rights, offset, device, inode, path. */
static enum loaded check_line(char *line, bool same_root)
{
    char *rest = line, *minor;
    line[strcspn(line, "\n")] = '\0';
    proc_skip(&rest, 3);
    const unsigned long major = strtoul(proc_word(&rest), &minor, 16);
    const dev_t device =
        makedev((unsigned)major, *minor == ':' ? (unsigned)strtoul(minor + 1, NULL, 16) : 0);
    const uint64_t inode = strtoull(proc_word(&rest), NULL, 10);
    const char *path = rest + strspn(rest, " ");
    if (strstr(path, "/" VALIDATOR_FILE) == NULL)
        return NOT_LOADED;
    return is_replaced(path, device, inode, same_root) ? REPLACED : LOADED;
}

static bool has_our_root(const char *pid)
{
    char path[64];
    struct stat ours, its;
    snprintf(path, sizeof path, "/proc/%s/root", pid);
    return stat("/", &ours) == 0 && stat(path, &its) == 0 && ours.st_dev == its.st_dev &&
           ours.st_ino == its.st_ino;
}

static enum loaded check_process(const char *pid)
{
    char path[64], line[LINE_SIZE];
    enum loaded found = NOT_LOADED;
    snprintf(path, sizeof path, "/proc/%s/maps", pid);
    FILE *maps = fopen(path, "re");
    if (maps == NULL)
        return errno == ENOENT || errno == ESRCH ? NOT_LOADED : UNREADABLE;
    errno = 0;
    for (unsigned lines = 0; lines < MAPS_MAX && fgets(line, sizeof line, maps) != NULL; lines++) {
        if (strstr(line, VALIDATOR_FILE) == NULL)
            continue;
        const enum loaded loaded = check_line(line, has_our_root(pid));
        found = loaded > found ? loaded : found;
    }
    if (ferror(maps) && errno == EACCES)
        found = UNREADABLE;
    fclose(maps);
    return found;
}

/* The unit of systemd that a process belongs to, from its control group. False: none. */
static bool unit_of(const char *pid, char *ret_unit, size_t size)
{
    static const char suffix[] = ".service";
    char path[64], line[LINE_SIZE];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%s/cgroup", pid);
    FILE *groups = fopen(path, "re");
    while (groups != NULL && !found && fgets(line, sizeof line, groups) != NULL) {
        char *end = strstr(line, suffix), *slash = NULL;
        if (end == NULL)
            continue;
        end[strlen(suffix)] = '\0';
        slash = strrchr(line, '/');
        found = slash != NULL && strncmp(slash + 1, "user@", 5) != 0 &&
                (size_t)snprintf(ret_unit, size, "%s", slash + 1) < size;
    }
    if (groups != NULL)
        fclose(groups);
    return found;
}

static void report_replaced(struct doctor *doctor, const char *pid)
{
    char process[PROCESS_NAME_SIZE], unit[128], remedy[192];
    process_name((int)strtol(pid, NULL, 10), process);
    const bool has_unit = unit_of(pid, unit, sizeof unit);
    if (has_unit)
        snprintf(remedy, sizeof remedy, "systemctl restart %s", unit);
    doctor_found(doctor, DOCTOR_WARNING, process, has_unit ? remedy : NULL,
                 "%s still uses a validator that was replaced or removed%s", process,
                 has_unit ? "" : "; restart it");
}

static void look_at_process(struct hosts *hosts, const char *pid)
{
    const enum loaded loaded = check_process(pid);
    hosts->seen++;
    hosts->closed += loaded == UNREADABLE;
    hosts->loaded += loaded == LOADED || loaded == REPLACED;
    if (loaded == REPLACED)
        report_replaced(hosts->doctor, pid);
}

static void look_at_processes(struct hosts *hosts)
{
    DIR *names = opendir("/proc");
    struct dirent *entry;
    if (names == NULL) {
        doctor_skipped(hosts->doctor, "/proc: %s", espt_errno_text(errno));
        return;
    }
    while (hosts->seen < PROCESSES_MAX && (entry = readdir(names)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) && strtol(entry->d_name, NULL, 10) != getpid())
            look_at_process(hosts, entry->d_name);
    }
    closedir(names);
    if (hosts->seen == PROCESSES_MAX)
        doctor_skipped(hosts->doctor, "more than %d processes", PROCESSES_MAX);
}

static void compare_versions(struct doctor *doctor)
{
    const espt_validator *validator;
    struct espt_error why;
    if (validator_load(&validator, &why) != 0)
        doctor_failed(doctor, DOCTOR_ERROR, VALIDATOR_FILE, &why);
    else if (strcmp(validator->version, ESPT_VERSION) != 0)
        doctor_found(doctor, DOCTOR_WARNING, VALIDATOR_FILE, NULL,
                     "the validator is of version %s, and esp-tokenctl of %s; install both of one "
                     "version",
                     validator->version, ESPT_VERSION);
    else
        doctor_looked(doctor, "the validator is of version %s", ESPT_VERSION);
}

void doctor_hosts(struct doctor *doctor)
{
    struct hosts hosts = {.doctor = doctor};
    doctor->part = DOCTOR_HOSTS;
    look_at_processes(&hosts);
    doctor_looked(doctor, "%u process%s ha%s the validator loaded", hosts.loaded,
                  hosts.loaded == 1 ? "" : "es", hosts.loaded == 1 ? "s" : "ve");
    if (hosts.closed > 0)
        doctor_skipped(doctor, "%u process%s whose memory this user may not see%s", hosts.closed,
                       hosts.closed == 1 ? "" : "es", geteuid() == 0 ? "" : "; run as root");
    compare_versions(doctor);
}
