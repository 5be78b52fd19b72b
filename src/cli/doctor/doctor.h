/* SPDX-License-Identifier: ISC */
/*
 * doctor: what is wrong with this installation, and the command that mends it. Each file of this
 * folder looks at one side of it. None of them changes anything.
 *
 * MUST 1: a fault that one part finds does not stop the others.
 * MUST 2: what could not be looked at is reported as such. It is never reported as good.
 */
#ifndef ESPT_CLI_DOCTOR_DOCTOR_H
#define ESPT_CLI_DOCTOR_DOCTOR_H

#include "cli/output.h"

#include <grp.h>
#include <sys/types.h>

enum doctor_part {
    DOCTOR_CONFIG,
    DOCTOR_GROUP,
    DOCTOR_FILES,
    DOCTOR_STORE,
    DOCTOR_TIERS,
    DOCTOR_KEY,
    DOCTOR_USAGE,
    DOCTOR_NOTIFY,
    DOCTOR_PORTAL,
    DOCTOR_SPACE,
    DOCTOR_CLOCK,
    DOCTOR_UNITS,
    DOCTOR_HOSTS,
    DOCTOR_READERS,
    DOCTOR_PARTS
};

enum doctor_word {
    DOCTOR_LOOKED,  /* it was looked at, and is good */
    DOCTOR_SKIPPED, /* it could not be looked at */
    DOCTOR_WARNING, /* it works, but will not always */
    DOCTOR_ERROR,   /* something does not work, or is not safe */
};

struct doctor_line {
    enum doctor_part part;
    enum doctor_word word;
    char *subject, *message;
    char *remedy; /* a command; NULL: none */
};

struct doctor {
    struct cli *cli;
    enum doctor_part part; /* to which new lines belong */
    bool has_config;       /* cli->config is valid */
    bool has_group;        /* the group of hosts exists */
    gid_t group;
    struct doctor_line *lines;
    size_t count, room;
    bool lacks; /* out of memory: lines are missing */
    size_t errors, warnings;
};

#define DOCTOR_LINES_MAX 1000 /* of one run */

/* --- report.c: add a line --- */

void doctor_looked(struct doctor *doctor, const char *format, ...) ESPT_PRINTF(2, 3);
void doctor_skipped(struct doctor *doctor, const char *format, ...) ESPT_PRINTF(2, 3);
/* `remedy` is a command, or NULL if no command mends it: then the message says what to do. */
void doctor_found(struct doctor *doctor, enum doctor_word word, const char *subject,
                  const char *remedy, const char *format, ...) ESPT_PRINTF(5, 6);
/* As doctor_found(), for an error of another module. Its "; run 'COMMAND'" becomes the remedy. */
void doctor_failed(struct doctor *doctor, enum doctor_word word, const char *subject,
                   const struct espt_error *why);
/* As doctor_failed(), with another remedy. */
void doctor_failed_mend(struct doctor *doctor, enum doctor_word word, const char *subject,
                        const struct espt_error *why, const char *remedy);

void doctor_clear(struct doctor *doctor);

/* Writes a command whose last word is a path, escaped for a shell. */
#define REMEDY_MAX (2UL * PATH_MAX)
const char *doctor_remedy(char out[static REMEDY_MAX], const char *command, const char *path);

/* --- print.c --- */

/* Prints all lines and the total. Returns the exit status: 1 if there is a finding. */
ESPT_MUST_USE int doctor_report(struct doctor *doctor, struct espt_error *err);

/* --- the parts --- */

void doctor_config(struct doctor *doctor);
void doctor_group(struct doctor *doctor);
void doctor_files(struct doctor *doctor);
void doctor_left(struct doctor *doctor);
void doctor_store(struct doctor *doctor); /* also tiers, and readers */
void doctor_locks(struct doctor *doctor);
void doctor_key(struct doctor *doctor);
void doctor_usage(struct doctor *doctor);
void doctor_notify(struct doctor *doctor);
void doctor_portal(struct doctor *doctor);
void doctor_space(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_units(struct doctor *doctor);
void doctor_hosts(struct doctor *doctor);

/* Whether systemd runs the installed units for this configuration. */
bool doctor_runs_units(const struct doctor *doctor);
/* Whether hosts of other users matter: the store belongs to root. */
bool doctor_serves_others(const struct doctor *doctor);
/* Finds out whether the group of hosts may enter every folder of the path, and has `wanted` (4
   read, 3 write and enter) on the file or folder itself. */
void doctor_open_to_hosts(struct doctor *doctor, const char *path, unsigned wanted);

#endif
