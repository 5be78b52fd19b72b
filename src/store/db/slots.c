/* SPDX-License-Identifier: ISC */
#include "store/db/slots.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void process_name(int pid, char out[static PROCESS_NAME_SIZE])
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fgets(name, sizeof name, file) != NULL)
        name[strcspn(name, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    snprintf(out, PROCESS_NAME_SIZE, name[0] != '\0' ? "process %d (%s)" : "process %d%s", pid,
             name);
}

bool db_slot_parse(const char *line, int *ret_pid, unsigned long long *ret_state)
{
    char *end;
    const long pid = strtol(line, &end, 10);
    (void)strtoull(end, &end, 16); /* skips the thread */
    const char *number = end;
    const unsigned long long state = strtoull(number, &end, 10);
    if (end == number || pid <= 0 || pid > INT_MAX || pid == getpid())
        return false;
    *ret_pid = (int)pid;
    *ret_state = state;
    return true;
}
