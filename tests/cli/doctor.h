/* SPDX-License-Identifier: ISC */
/* Shared by the tests of doctor: plant a problem, see it found, and run the command that it
   names. */
#ifndef TESTS_CLI_DOCTOR_H
#define TESTS_CLI_DOCTOR_H

#include "cli/drive.h"
#include "support/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *folder, *config; /* `config` NULL: the installed one is used */
static bool apart; /* this process has mounts of its own, with a group esp-token in /etc/group */
static pid_t host; /* findings about hosts count for this process only: others run beside us */

static inline struct run sh(const char *command)
{
    return run_process((const char *const[]){"/bin/sh", "-c", command, NULL}, NULL);
}

static inline void must_sh(const char *command)
{
    const struct run run = sh(command);
    ck_assert_msg(run.status == 0, "%s: %s", command, run.err);
}

/* Puts a copy in the place of /etc, so that a test can change groups and the installed
   configuration. */
static inline bool own_etc(const char *test)
{
    char command[512];
    const char *copy = in_folder(temp_folder(), "etc");
    if (!mounts_apart(test))
        return false;
    snprintf(command, sizeof command,
             "cp -a /etc %s && rm -rf %s/esp-token && sed -i /^esp-token:/d %s/group %s/gshadow && "
             "echo esp-token:x:64123: >>%s/group",
             copy, copy, copy, copy, copy);
    must_sh(command);
    ck_assert_int_eq(mount(copy, "/etc", NULL, MS_BIND, NULL), 0);
    return true;
}

/* Puts a copy with the group esp-token in the place of /etc/group. */
static inline bool own_group(const char *test)
{
    char *text;
    const char *copy = in_folder(temp_folder(), "group");
    if (!mounts_apart(test))
        return false;
    ck_assert_int_ge(asprintf(&text, "%sesp-token:x:64123:\n", file_read("/etc/group", NULL)), 0);
    file_text(copy, text); /* of two such groups, the first one counts */
    free(text);
    ck_assert_int_eq(mount(copy, "/etc/group", NULL, MS_BIND, NULL), 0);
    return true;
}

static inline void use_ctl_path(void)
{
    char path[4096];
    char *place = strdup(ctl_path());
    *strrchr(place, '/') = '\0';
    snprintf(path, sizeof path, "%s:%s", place, getenv("PATH"));
    setenv("PATH", path, 1);
    free(place);
}

static inline void doctor_setup(void)
{
    if (geteuid() == 0)
        apart = own_group("doctor");
    config = keep_string(strdup(populated(&folder)));
    ck_assert_int_eq(chmod(folder, 0755), 0); /* for hosts of other users */
    use_ctl_path();
}

static inline struct run doctor(void)
{
    return CTL(config, NULL, "doctor", "--json");
}

/* Without the group, root's store has one finding that this test cannot avoid. Hosts of other tests
   may use a validator that was replaced. */
static inline bool is_ours(const json_t *finding)
{
    char process[64];
    const char *kind = text_of(finding, "kind");
    snprintf(process, sizeof process, "process %d (", (int)host);
    if (strcmp(kind, "group") == 0)
        return geteuid() != 0 || apart;
    return strcmp(kind, "hosts") != 0 ||
           strncmp(text_of(finding, "subject"), process, strlen(process)) == 0;
}

/* The findings of doctor that are about this test. The caller releases the array. */
static inline json_t *findings(void)
{
    const struct run run = doctor();
    json_t *all = document(run.out), *ours = json_array();
    json_t *list = json_object_get(all, "findings"), *finding;
    size_t i;
    ck_assert_msg(run.status == (json_array_size(list) > 0 ? 1 : 0), "%d: %s", run.status, run.err);
    json_array_foreach(list, i, finding)
    {
        HAS_KEYS(finding, "kind", "severity", "subject", "message", "remedy");
        if (is_ours(finding))
            json_array_append(ours, finding);
    }
    json_decref(all);
    return ours;
}

static inline void is_good(void)
{
    json_t *list = findings();
    char *text = json_dumps(list, JSON_INDENT(1));
    ck_assert_msg(json_array_size(list) == 0, "%s", text);
    free(text);
    json_decref(list);
}

/* Asserts that there is such a finding. Returns its remedy, or NULL. */
static inline const char *finds(const char *kind, const char *severity, const char *words)
{
    json_t *list = findings(), *finding;
    char *text = json_dumps(list, JSON_INDENT(1));
    const char *remedy = NULL;
    bool found = false;
    size_t i;
    json_array_foreach(list, i, finding)
    {
        if (strcmp(text_of(finding, "kind"), kind) != 0 ||
            strstr(text_of(finding, "message"), words) == NULL)
            continue;
        ck_assert_msg(strcmp(text_of(finding, "severity"), severity) == 0, "%s", text);
        found = true;
        if (json_is_string(json_object_get(finding, "remedy")))
            remedy = keep_string(strdup(text_of(finding, "remedy")));
    }
    ck_assert_msg(found, "no %s of %s with '%s' in %s", severity, kind, words, text);
    free(text);
    json_decref(list);
    return remedy;
}

/* Runs the remedies, the first finding's first, until nothing is found. */
static inline void mend(void)
{
    for (int tries = 0; tries < 6; tries++) {
        json_t *list = findings();
        const json_t *finding = json_array_get(list, 0);
        if (finding == NULL) {
            json_decref(list);
            return;
        }
        ck_assert_msg(json_is_string(json_object_get(finding, "remedy")), "no remedy: %s",
                      text_of(finding, "message"));
        must_sh(text_of(finding, "remedy"));
        json_decref(list);
    }
    is_good();
}

/* Whether the list ("looked_at" or "not_looked_at") has a line of that kind with the words. */
static inline bool looked(const char *list, const char *kind, const char *words)
{
    json_t *all = document(doctor().out), *line;
    bool found = false;
    size_t i;
    json_array_foreach(json_object_get(all, list), i, line)
    {
        HAS_KEYS(line, "kind", "message");
        found = found || (strcmp(text_of(line, "kind"), kind) == 0 &&
                          strstr(text_of(line, "message"), words) != NULL);
    }
    json_decref(all);
    return found;
}

#endif
