/* SPDX-License-Identifier: ISC */
#include "fleet/publisher.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIGNED_AT 21 /* magic, form, count, number */

void publisher_prepare(struct publisher *ret, const struct fleet_of *fleet)
{
    char config[16384];
    struct config loaded;
    struct espt_error err;
    ck_assert_int_ge(sodium_init(), 0);
    *ret = (struct publisher){.fleet = fleet, .feed = temp_folder()};
    snprintf(ret->log, sizeof ret->log, "%s/publish.log", fleet->site[0].folder);
    snprintf(config, sizeof config, "%spublish = %s\n", file_read(fleet->site[0].config, NULL),
             ret->feed);
    file_text(fleet->site[0].config, config);
    ck_assert_int_eq(config_load(&loaded, fleet->site[0].config, geteuid(), &err), 0);
    ck_assert_int_eq(trust_load(&loaded, &ret->trust, &err), 0);
}

void publisher_start(struct publisher *publisher)
{
    publisher->pid = fork_child();
    if (publisher->pid != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int fd = open(publisher->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
        _exit(127);
    execl(ctl_path(), "esp-tokenctl", "-c", publisher->fleet->site[0].config, "fleet", "publish",
          (char *)NULL);
    _exit(127);
}

int publisher_end(struct publisher *publisher, int signal)
{
    int status;
    if (signal != 0)
        kill(publisher->pid, signal);
    ck_assert_int_eq(waitpid(publisher->pid, &status, 0), publisher->pid);
    publisher->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool publisher_head(const struct publisher *publisher, struct head *ret)
{
    size_t len;
    uint32_t signed_len;
    char needs[ENTRY_NEEDS_MAX + 1];
    const char *bytes = file_read(in_folder(publisher->feed, "head"), &len);
    if (bytes == NULL || len < SIGNED_AT + 4)
        return false;
    memcpy(&signed_len, bytes + SIGNED_AT, sizeof signed_len);
    signed_len = le32toh(signed_len);
    return signed_len <= len - SIGNED_AT - 4 && head_decode((const uint8_t *)bytes + SIGNED_AT + 4,
                                                            signed_len, ret, needs) == ENTRY_GOOD;
}

static bool reached(const struct publisher *publisher, uint64_t number)
{
    struct head head;
    if (waitpid(publisher->pid, NULL, WNOHANG) != 0)
        ck_abort_msg("the publisher ended: %s", file_read(publisher->log, NULL));
    return publisher_head(publisher, &head) && head.number >= number;
}

void publisher_await(const struct publisher *publisher, uint64_t number)
{
    AWAIT(reached(publisher, number));
}

pid_t publisher_child(const struct publisher *publisher)
{
    char path[64];
    const int pid = (int)publisher->pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    const char *pids = file_read(path, NULL);
    return pids != NULL ? (pid_t)strtol(pids, NULL, 10) : 0;
}

/* A step of the publisher begins a snapshot after it has written a head. So a second head shows
   that the step of the first one has ended. */
void publisher_rest(const struct publisher *publisher)
{
    const struct member *site = &publisher->fleet->site[0];
    do {
        AWAIT(publisher_child(publisher) == 0);
        DONE(*site, "entity", "add", "rest", "--kind", "customer");
        publisher_await(publisher, fleet_last(publisher->fleet));
        DONE(*site, "entity", "remove", "rest", "--yes");
        publisher_await(publisher, fleet_last(publisher->fleet));
    } while (publisher_child(publisher) != 0);
}

size_t publisher_files(const struct publisher *publisher)
{
    size_t count = 0;
    DIR *names = opendir(in_folder(publisher->feed, "p"));
    if (names == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(names)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(names);
    return count;
}
