/* SPDX-License-Identifier: ISC */
/* The clock, and the units of systemd. */
#include "cli/doctor/doctor.h"
#include "cli/program.h"

#include "build_config.h"
#include "common/when.h"
#include "store/newest.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLOCK_SLACK 60 /* seconds: another machine's clock may have made a restored entry */
#define QUERY_SECONDS 10

/* Runs a program of the system. False: it is missing, or failed. */
static bool query(const char *const *argv, struct program_end *ret_end)
{
    const struct program program = {.argv = argv, .seconds = QUERY_SECONDS, .heard = STDOUT_FILENO};
    program_run(&program, ret_end);
    return ret_end->how == PROGRAM_EXITED && ret_end->number == 0;
}

/* --- the clock --- */

static void compare_clock(struct doctor *doctor, int64_t newest, const char *what)
{
    char text[WHEN_TEXT_SIZE];
    if (newest <= doctor->cli->now + CLOCK_SLACK) {
        if (newest > 0)
            doctor_looked(doctor, "not behind the %s", what);
        return;
    }
    when_format(newest, text);
    doctor_found(doctor, DOCTOR_ERROR, what, "timedatectl set-ntp true",
                 "the clock is behind the %s, which was made at %s, so tokens expire too late",
                 what, text);
}

static void query_ntp(struct doctor *doctor)
{
    static const char *const argv[] = {"timedatectl", "show", "--property=NTPSynchronized", NULL};
    struct program_end end;
    if (!query(argv, &end) || strstr(end.text, "NTPSynchronized=") == NULL)
        doctor_skipped(doctor, "whether it is synchronized: timedatectl does not say");
    else if (strstr(end.text, "NTPSynchronized=yes") != NULL)
        doctor_looked(doctor, "synchronized");
    else
        doctor_found(doctor, DOCTOR_WARNING, "clock", "timedatectl set-ntp true",
                     "the clock is not synchronized, so tokens may expire too early or too late");
}

void doctor_clock(struct doctor *doctor)
{
    struct newest newest;
    struct espt_error why;
    doctor->part = DOCTOR_CLOCK;
    if (doctor->cli->store == NULL)
        doctor_skipped(doctor, "the times in the store, which is not open");
    else if (store_newest(doctor->cli->store, &newest, &why) != 0)
        doctor_failed(doctor, DOCTOR_ERROR, doctor->cli->config.store, &why);
    else {
        compare_clock(doctor, newest.logged, "newest entry of the log");
        compare_clock(doctor, newest.drawn, "newest token");
    }
    query_ntp(doctor);
}

/* --- units --- */

struct unit {
    const char *name;
    bool is_enabled; /* this one has to be enabled */
    bool wanted;
};

static bool has(const char *block, const char *property)
{
    return strstr(block, property) != NULL;
}

static void check_unit(struct doctor *doctor, const struct unit *unit, const char *block)
{
    char remedy[128];
    if (has(block, "LoadState=not-found")) {
        doctor_found(doctor, DOCTOR_WARNING, unit->name, "systemctl daemon-reload",
                     "%s: it is not installed, or systemd has not read it yet", unit->name);
    } else if (has(block, "ActiveState=failed")) {
        snprintf(remedy, sizeof remedy, "journalctl --unit=%s", unit->name);
        doctor_found(doctor, DOCTOR_ERROR, unit->name, remedy,
                     "%s: its last run failed; its journal says why", unit->name);
    } else if (unit->is_enabled && !has(block, "UnitFileState=enabled")) {
        snprintf(remedy, sizeof remedy, "systemctl enable --now %s", unit->name);
        doctor_found(doctor, DOCTOR_WARNING, unit->name, remedy, "%s: it is not enabled",
                     unit->name);
    } else if (unit->is_enabled && !has(block, "ActiveState=active")) {
        snprintf(remedy, sizeof remedy, "systemctl start %s", unit->name);
        doctor_found(doctor, DOCTOR_WARNING, unit->name, remedy, "%s: it is not active",
                     unit->name);
    } else {
        doctor_looked(doctor, "%s", unit->name);
    }
}

static bool show_unit(const char *name, struct program_end *ret_end)
{
    const char *const argv[] = {"systemctl", "show",
                                "--property=LoadState,UnitFileState,ActiveState", name, NULL};
    return query(argv, ret_end);
}

static void query_unit(struct doctor *doctor, const struct unit *unit)
{
    struct program_end end;
    if (show_unit(unit->name, &end))
        check_unit(doctor, unit, end.text);
    else
        doctor_skipped(doctor, "%s: systemctl does not answer", unit->name);
}

/* If the socket is enabled, a proxy's first connection starts the service, so the service itself
   need not be enabled. */
static const char *portal_unit(void)
{
    static const char socket[] = "esp-token-portal.socket";
    struct program_end end;
    return show_unit(socket, &end) && has(end.text, "UnitFileState=enabled")
               ? socket
               : "esp-token-portal.service";
}

/* The units work on the installed configuration. */
static bool is_installed(const struct doctor *doctor)
{
    struct stat one, other;
    return doctor->has_config && stat(doctor->cli->config.file, &one) == 0 &&
           stat(ESPT_SYSCONFDIR "/esp-token/esp-token.conf", &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static bool runs_systemd(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

bool doctor_runs_units(const struct doctor *doctor)
{
    return runs_systemd() && is_installed(doctor);
}

void doctor_units(struct doctor *doctor)
{
    const bool counts = doctor->cli->config.usage[0] != '\0',
               notifies = doctor->cli->config.notify.command[0] != '\0';
    const bool asks = doctor_runs_units(doctor), serves = asks && doctor->cli->config.portal;
    const struct unit units[] = {{"esp-token-usage.timer", true, counts},
                                 {"esp-token-usage.service", false, counts},
                                 {"esp-token-usage-shutdown.service", true, counts},
                                 {"esp-token-notify.timer", true, notifies},
                                 {"esp-token-notify.service", false, notifies},
                                 {serves ? portal_unit() : "", true, serves}};
    doctor->part = DOCTOR_UNITS;
    if (!runs_systemd())
        doctor_skipped(doctor, "this machine does not run systemd: call 'esp-tokenctl usage "
                               "fold' and 'esp-tokenctl notify' from cron");
    else if (!is_installed(doctor))
        doctor_skipped(doctor, "the units work on the installed configuration, not on this one");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (units[i].wanted && asks)
            query_unit(doctor, &units[i]);
    }
}
