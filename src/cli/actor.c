/* SPDX-License-Identifier: ISC */
/* Finds out who runs this command, for the audit log. */
#include "cli/cli.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_LOGIN ((uid_t)-1) /* the kernel's value for a process without a login */

static void user_name(uid_t uid, char *out, size_t size)
{
    const struct passwd *user = getpwuid(uid);
    if (user != NULL)
        snprintf(out, size, "%s", user->pw_name);
    else
        snprintf(out, size, "uid %u", (unsigned)uid);
}

/* Returns the login user that the kernel's audit recorded. su and sudo do not change it. */
static uid_t login_uid(void)
{
    char text[32] = "";
    FILE *file = fopen("/proc/self/loginuid", "re");
    if (file == NULL)
        return NO_LOGIN;
    const bool is_there = fgets(text, sizeof text, file) != NULL;
    fclose(file);
    return is_there ? (uid_t)strtoul(text, NULL, 10) : NO_LOGIN;
}

void cli_actor(const struct command *command, struct actor *ret_actor)
{
    struct actor actor = {0};
    const uid_t login = login_uid();
    const char *sudo = getenv("SUDO_USER");
    user_name(geteuid(), actor.user, sizeof actor.user);
    if (login != NO_LOGIN)
        user_name(login, actor.login, sizeof actor.login);
    if (sudo != NULL)
        snprintf(actor.sudo, sizeof actor.sudo, "%s", sudo);
    snprintf(actor.command, sizeof actor.command, "%s%s%s", command->word,
             command->second != NULL ? " " : "", command->second != NULL ? command->second : "");
    *ret_actor = actor;
}
