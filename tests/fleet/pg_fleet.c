/* SPDX-License-Identifier: ISC */
#include "fleet/pg_fleet.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *settings_at(const struct pg_fleet *fleet, int port)
{
    return keep_string(strdup(postgres_settings(port, "admin", fleet->database, "")));
}

void pg_fleet_begin(struct pg_fleet *ret, int count)
{
    *ret = (struct pg_fleet){.database = postgres_database(), .ctl = ctl_path()};
    ret->fleet.pg = settings_at(ret, postgres_port());
    fleet_begin(&ret->fleet, count);
}

void pg_fleet_reach(struct pg_fleet *fleet, int site, int port)
{
    const char *usual = fleet->fleet.pg;
    fleet->fleet.pg = settings_at(fleet, port);
    fleet_fault(&fleet->fleet, site, NULL);
    fleet->fleet.pg = usual;
}

int pg_fleet_entries(const struct pg_fleet *fleet, const char *name)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM esp_token_entry WHERE position('%s'::bytea IN log) > 0", name);
    return atoi(postgres_sql(fleet->database, sql));
}

/* In the process of the command. */
static void become_command(const struct pg_fleet *fleet, const struct member *site, char *words)
{
    char *argv[32] = {(char *)(uintptr_t)fleet->ctl, "-c", (char *)(uintptr_t)site->config};
    size_t count = 3;
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[count++] = word;
    argv[count++] = "--wait";
    argv[count] = "60";
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (freopen("/dev/null", "w", stdout) == NULL ||
        freopen(in_folder(site->folder, "said"), "w", stderr) == NULL)
        _exit(127);
    execv(argv[0], argv);
    _exit(127);
}

pid_t pg_fleet_command(const struct pg_fleet *fleet, int site, const char *command)
{
    char *words = keep_string(strdup(command));
    const pid_t child = fork_child();
    if (child == 0)
        become_command(fleet, &fleet->fleet.site[site], words);
    return child;
}

bool pg_fleet_has_ended(pid_t command)
{
    siginfo_t ended = {.si_pid = 0};
    ck_assert_int_eq(waitid(P_PID, (id_t)command, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
    return ended.si_pid == command;
}

int pg_fleet_ended(pid_t command)
{
    int status;
    ck_assert_int_eq(waitpid(command, &status, 0), command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void pg_fleet_is_true(const struct pg_fleet *fleet, const char *name, int status)
{
    const int entries = pg_fleet_entries(fleet, name);
    ck_assert_msg(status == 0   ? entries == 1
                  : status == 5 ? entries == 0
                                : status == 6 && entries <= 1,
                  "%s: status %d, %d entries", name, status, entries);
}
