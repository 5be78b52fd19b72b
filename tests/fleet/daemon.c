/* SPDX-License-Identifier: ISC */
#include "fleet/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void daemon_start(struct daemon_of *process, const struct member *member, const char *second)
{
    process->member = member;
    if (process->log[0] == '\0')
        snprintf(process->log, sizeof process->log, "%s/log", temp_folder());
    process->pid = fork_child();
    if (process->pid != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(process->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(127);
    execl(ctl_path(), "esp-tokenctl", "-c", member->config, "fleet", second, (char *)NULL);
    _exit(127);
}

int daemon_end(struct daemon_of *process, int signal)
{
    int status;
    if (signal != 0)
        kill(process->pid, signal);
    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    process->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int daemon_count(const struct daemon_of *process, const char *words)
{
    int count = 0;
    const char *said = file_read(process->log, NULL);
    while (said != NULL && (said = strstr(said, words)) != NULL) {
        count++;
        said += strlen(words);
    }
    return count;
}

bool daemon_says(const struct daemon_of *process, const char *words)
{
    if (waitpid(process->pid, NULL, WNOHANG) != 0)
        ck_abort_msg("it ended: %s", file_read(process->log, NULL));
    return daemon_count(process, words) > 0;
}
