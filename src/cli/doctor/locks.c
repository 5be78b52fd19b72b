/* SPDX-License-Identifier: ISC */
/* Stopped processes that hold a lock of the store: others wait for them until --wait is over. */
#include "cli/doctor/doctor.h"
#include "cli/doctor/proc.h"

#include "store/db/slots.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LINE_SIZE 256

/* The letter of the state follows the name, which may contain any character. T: stopped; t: stopped
   by a debugger. */
static bool is_stopped(int pid)
{
    char path[64], line[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    const char *end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    fclose(file);
    return end != NULL && (strncmp(end, ") T", 3) == 0 || strncmp(end, ") t", 3) == 0);
}

static void report(struct doctor *doctor, const char *path, int pid)
{
    char process[PROCESS_NAME_SIZE], remedy[32];
    process_name(pid, process);
    snprintf(remedy, sizeof remedy, "kill -CONT %d", pid);
    doctor_found(doctor, DOCTOR_ERROR, path, remedy,
                 "%s: %s is stopped and holds this lock, so commands that write wait for it until "
                 "--wait is over",
                 path, process);
}

/* A line of /proc/locks: number, FLOCK, ADVISORY, mode, pid, device and inode, range. A process
   that waits has an arrow after the number. */
static void look_at_lock(struct doctor *doctor, char *line, const char *path, ino_t inode)
{
    char *rest = line;
    proc_skip(&rest, 1);
    if (strcmp(proc_word(&rest), "FLOCK") != 0)
        return;
    proc_skip(&rest, 2);
    const long pid = strtol(proc_word(&rest), NULL, 10);
    const char *number = strrchr(proc_word(&rest), ':');
    if (number != NULL && strtoull(number + 1, NULL, 10) == inode && pid > 0 &&
        is_stopped((int)pid))
        report(doctor, path, (int)pid);
}

void doctor_locks(struct doctor *doctor)
{
    static const char *const suffixes[] = {".writer", "-lock", ".notify", ".follow"};
    char line[LINE_SIZE], path[PATH_MAX + 16];
    doctor->part = DOCTOR_READERS;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        struct stat st;
        snprintf(path, sizeof path, "%s%s", doctor->cli->config.store, suffixes[i]);
        FILE *locks = stat(path, &st) == 0 ? fopen("/proc/locks", "re") : NULL;
        while (locks != NULL && fgets(line, sizeof line, locks) != NULL)
            look_at_lock(doctor, line, path, st.st_ino);
        if (locks != NULL)
            fclose(locks);
    }
}
