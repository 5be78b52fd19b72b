/* SPDX-License-Identifier: ISC */
/* The folder of use counts, the program of notices, and the space of each file system. */
#include "cli/doctor/doctor.h"
#include "cli/notify.h"

#include "common/usage.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
#define SPACE_ERROR (8 * MIB) /* below it a command may fail, and the reserve is not made again */
#define SPACE_WARNING (256 * MIB)
#define SPACE_PERCENT 5
#define INODES_WARNING 100 /* files that commands and hosts can still make */

void doctor_usage(struct doctor *doctor)
{
    const char *folder = doctor->cli->config.usage;
    struct espt_error why;
    int dir;
    doctor->part = DOCTOR_USAGE;
    if (folder[0] == '\0') {
        doctor_looked(doctor, "uses are not counted: [usage] folder is not set");
        return;
    }
    if (usage_folder(NULL, folder, geteuid(), &dir, &why) != 0) {
        doctor_failed(doctor, DOCTOR_ERROR, folder, &why);
        return;
    }
    close(dir);
    doctor_looked(doctor, "%s", folder);
    if (doctor_serves_others(doctor) && doctor->has_group)
        doctor_open_to_hosts(doctor, folder, W_OK | X_OK);
}

void doctor_notify(struct doctor *doctor)
{
    const struct config *config = &doctor->cli->config;
    char path[NOTIFY_COMMAND_MAX + 1];
    struct espt_error why;
    doctor->part = DOCTOR_NOTIFY;
    if (config->notify.command[0] == '\0') {
        doctor_looked(doctor, "no notices of expirations are sent: [notify] command is not set");
        return;
    }
    snprintf(path, sizeof path, "%.*s", (int)strcspn(config->notify.command, " \t"),
             config->notify.command);
    if (notify_check_program(config, path, &why) != 0)
        doctor_failed(doctor, DOCTOR_ERROR, path, &why);
    else
        doctor_looked(doctor, "%s", path);
}

static void measure(struct doctor *doctor, const char *folder)
{
    struct statvfs fs;
    if (statvfs(folder, &fs) != 0)
        return;
    const uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize, all = fs.f_blocks * fs.f_frsize;
    const bool scarce = left < SPACE_WARNING && left < all * SPACE_PERCENT / 100;
    const unsigned long long mib = left / MIB;
    if (left < SPACE_ERROR)
        doctor_found(doctor, DOCTOR_ERROR, folder, NULL,
                     "%s: %llu MiB are free on its file system; free some space", folder, mib);
    else if (scarce)
        doctor_found(doctor, DOCTOR_WARNING, folder, NULL,
                     "%s: %llu MiB are free on its file system, less than %d %%; free some space",
                     folder, mib, SPACE_PERCENT);
    if (fs.f_files > 0 && fs.f_favail < INODES_WARNING)
        doctor_found(doctor, DOCTOR_WARNING, folder, NULL,
                     "%s: its file system has room for %llu more files; remove some", folder,
                     (unsigned long long)fs.f_favail);
    else if (left >= SPACE_ERROR && !scarce)
        doctor_looked(doctor, "%s: %llu MiB free", folder, mib);
}

/* Each file system once. */
void doctor_space(struct doctor *doctor)
{
    const struct config *config = &doctor->cli->config;
    const char *const paths[] = {config->store, config->secret_key, config->usage};
    dev_t seen[sizeof paths / sizeof *paths] = {0};
    size_t count = 0;
    doctor->part = DOCTOR_SPACE;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char folder[PATH_MAX];
        struct stat st;
        bool known = false;
        snprintf(folder, sizeof folder, "%s", paths[i]);
        char *slash = strrchr(folder, '/');
        if (paths[i] != config->usage && slash != NULL)
            slash[slash == folder] = '\0';
        if (stat(folder, &st) != 0)
            continue;
        for (size_t j = 0; j < count; j++)
            known = known || seen[j] == st.st_dev;
        if (!known)
            measure(doctor, folder);
        seen[count++] = st.st_dev;
    }
}
