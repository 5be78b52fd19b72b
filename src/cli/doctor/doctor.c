/* SPDX-License-Identifier: ISC */
#include "cli/doctor/doctor.h"

#include "build_config.h"
#include "store/db/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INSTALLED ESPT_SYSCONFDIR "/esp-token/esp-token.conf"
#define MEMBERS_MAX 400 /* bytes of the list */

/* Hosts take the installed configuration unless they name another one, so the environment of the
   administrator can lead to another store than theirs. */
static void find_two(struct doctor *doctor, const char *path)
{
    struct stat one, other;
    if (given(doctor->cli, OPTION_CONFIG) || stat(path, &one) != 0 ||
        stat(INSTALLED, &other) != 0 || (one.st_dev == other.st_dev && one.st_ino == other.st_ino))
        return;
    doctor_found(
        doctor, DOCTOR_WARNING, path, "unset ESP_TOKEN_CONFIG",
        "ESP_TOKEN_CONFIG names %s, and %s exists too: hosts use that one unless they name "
        "another",
        path, INSTALLED);
}

void doctor_config(struct doctor *doctor)
{
    struct espt_error why;
    const char *path = cli_config_path(doctor->cli);
    doctor->part = DOCTOR_CONFIG;
    doctor->has_config = cli_config(doctor->cli, &why) == 0;
    if (doctor->has_config)
        doctor_looked(doctor, "%s", doctor->cli->config.file);
    else
        doctor_failed(doctor, DOCTOR_ERROR, path, &why);
    find_two(doctor, path);
    if (!doctor->has_config)
        doctor_skipped(doctor, "what the configuration names, until it is mended");
}

/* --- the group of hosts --- */

static void list_members(struct doctor *doctor, const struct group *group)
{
    char members[MEMBERS_MAX] = "";
    size_t used = 0;
    for (char **member = group->gr_mem; *member != NULL && used < sizeof members; member++)
        used += (size_t)snprintf(members + used, sizeof members - used, "%s%s",
                                 used > 0 ? ", " : "", *member);
    doctor_looked(doctor, STORE_GROUP " (%u): %s%s", (unsigned)group->gr_gid,
                  members[0] != '\0'
                      ? members
                      : "it has no members, so only hosts that run as root can validate",
                  used >= sizeof members ? ", ..." : "");
}

void doctor_group(struct doctor *doctor)
{
    doctor->part = DOCTOR_GROUP;
    const struct group *group = getgrnam(STORE_GROUP);
    doctor->has_group = group != NULL;
    if (group != NULL) {
        doctor->group = group->gr_gid;
        list_members(doctor, group);
    } else if (geteuid() != 0) {
        doctor_looked(doctor, "not needed: hosts run as the user of this store");
    } else {
        doctor_found(doctor, DOCTOR_WARNING, STORE_GROUP, "groupadd --system " STORE_GROUP,
                     "there is no group " STORE_GROUP ": only hosts that root starts can validate");
    }
}

/* --- all parts --- */

int run_doctor(struct cli *cli, struct espt_error *err)
{
    struct doctor doctor = {.cli = cli};
    doctor_config(&doctor);
    doctor_group(&doctor);
    if (doctor.has_config) {
        doctor_files(&doctor);
        doctor_left(&doctor);
        doctor_locks(&doctor);
        doctor_store(&doctor);
        doctor_key(&doctor);
        doctor_usage(&doctor);
        doctor_notify(&doctor);
        doctor_portal(&doctor);
        doctor_space(&doctor);
    }
    doctor_clock(&doctor);
    doctor_units(&doctor);
    doctor_hosts(&doctor);
    int code = doctor_report(&doctor, err);
    doctor_clear(&doctor);
    return code;
}
