/* SPDX-License-Identifier: ISC */
/* The portal: whether it could start, its sockets, and whether the proxy reaches them. */
#include "cli/doctor/doctor.h"
#include "cli/program.h"
#include "common/listen_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define TEST_SECONDS 10
#define PROBE_MS 1000
#define GROUPS_MAX 256
#define PASSED "/run/esp-token-portal.sock" /* of esp-token-portal.socket */

/* --- what a start would refuse --- */

/* Beside this program. */
static bool find_program(char ret_path[static PATH_MAX])
{
    char self[PATH_MAX];
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return snprintf(ret_path, PATH_MAX, "%s/esp-token-portal", self) < PATH_MAX &&
           access(ret_path, X_OK) == 0;
}

/* The portal itself looks at the secret, the certificate, the user and the pages. Its message is
   the finding. */
static void test_start(struct doctor *doctor)
{
    static const char prefix[] = "esp-token-portal: ";
    char path[PATH_MAX];
    struct program_end end;
    struct espt_error why;
    struct stat st;
    if (geteuid() != 0 && (stat(doctor->cli->config.store, &st) != 0 || st.st_uid != geteuid())) {
        doctor_skipped(doctor, "whether it can start; run as the owner of the store");
        return;
    }
    if (!find_program(path)) {
        doctor_found(doctor, DOCTOR_WARNING, "esp-token-portal", NULL,
                     "[portal] is configured, and esp-token-portal is not installed beside "
                     "esp-tokenctl; install it, or remove the section");
        return;
    }
    const char *const argv[] = {path, "--test", "-c", doctor->cli->config.file, NULL};
    program_run(&(struct program){.argv = argv, .seconds = TEST_SECONDS, .heard = STDERR_FILENO},
                &end);
    if (end.how == PROGRAM_EXITED && end.number == 0) {
        doctor_looked(doctor, "%s can start", path);
        return;
    }
    const char *said = program_last_line(&end);
    if (end.how != PROGRAM_EXITED || said[0] == '\0') {
        doctor_skipped(doctor, "%s: it did not say whether it can start", path);
        return;
    }
    said += strncmp(said, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    espt_fail(&why, ESPT_UNUSABLE, "%s", said);
    doctor_failed(doctor, DOCTOR_ERROR, "esp-token-portal", &why);
}

/* --- whether somebody listens --- */

/* 0: a program listens. Else the errno of a connection that is made and closed. */
static int probe(const struct sockaddr *address, socklen_t len)
{
    const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int why = fd >= 0 && connect(fd, address, len) == 0 ? 0 : errno;
    if (why == EINPROGRESS) {
        struct pollfd polled = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof why;
        if (poll(&polled, 1, PROBE_MS) <= 0 ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0)
            why = ETIMEDOUT;
    }
    if (fd >= 0)
        close(fd);
    return why == EAGAIN ? 0 : why; /* its queue is full */
}

static int probe_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return probe((const struct sockaddr *)&address, sizeof address);
}

static int probe_address(const char *listen)
{
    union listen_address address;
    const socklen_t len = listen_address(listen, &address);
    return probe(&address.any, len);
}

static void check_listen(struct doctor *doctor, const char *listen, bool passed)
{
    struct stat st;
    char remedy[REMEDY_MAX];
    const bool by_path = listen[0] == '/';
    if (by_path && lstat(listen, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        doctor_found(doctor, DOCTOR_ERROR, listen, doctor_remedy(remedy, "rm", listen),
                     "%s: it is no socket, so the portal cannot listen there", listen);
        return;
    }
    const int why = by_path ? probe_path(listen) : probe_address(listen);
    if (why == 0)
        doctor_looked(doctor, "a program listens on %s", listen);
    else if (passed)
        doctor_looked(doctor, "%s is not used: systemd listens on %s", listen, PASSED);
    else if (why == EACCES || why == EPERM)
        doctor_skipped(doctor, "%s: this user may not connect; run as root", listen);
    else
        doctor_found(doctor, DOCTOR_WARNING, listen,
                     doctor_runs_units(doctor)
                         ? "systemctl start esp-token-portal.service"
                         : doctor_remedy(remedy, "esp-token-portal -c", doctor->cli->config.file),
                     "no portal listens on %s: %s", listen, espt_errno_text(why));
}

/* --- whether the proxy may connect --- */

/* Whether the modes let the user do this. An access control list may grant more. */
static bool may(const struct passwd *user, const struct stat *st, unsigned wanted)
{
    gid_t groups[GROUPS_MAX];
    int count = GROUPS_MAX;
    unsigned bits = st->st_mode & 7;
    if (user->pw_uid == st->st_uid)
        return ((st->st_mode >> 6) & wanted) == wanted;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        return true; /* in too many groups to tell */
    for (int i = 0; i < count; i++) {
        if (groups[i] == st->st_gid)
            bits = (st->st_mode >> 3) & 7;
    }
    return (bits & wanted) == wanted;
}

static void check_peer(struct doctor *doctor, const char *listen, uid_t uid)
{
    char part[PORTAL_LISTEN_SIZE];
    struct stat st;
    const struct passwd *user = getpwuid(uid);
    if (user == NULL) {
        doctor_found(doctor, DOCTOR_WARNING, "peers", NULL,
                     "[portal] peers has the user number %u, which no user has; write the output "
                     "of 'id -u www-data'",
                     (unsigned)uid);
        return;
    }
    for (const char *at = listen; uid != 0 && at != NULL; at = strchr(at + 1, '/')) {
        const char *next = strchr(at + 1, '/');
        const unsigned wanted = next != NULL ? X_OK : W_OK;
        char remedy[REMEDY_MAX];
        snprintf(part, sizeof part, "%.*s", (int)(next != NULL ? next - listen : 200), listen);
        if (stat(part, &st) != 0 || may(user, &st, wanted))
            continue;
        doctor_found(doctor, DOCTOR_WARNING, part,
                     doctor_remedy(remedy, next != NULL ? "chmod o+x" : "chmod 0666", part),
                     "%s: the proxy, user %s, may not %s", part, user->pw_name,
                     next != NULL ? "enter it" : "connect");
        return;
    }
}

void doctor_portal(struct doctor *doctor)
{
    static struct config_portal settings;
    struct config config;
    struct espt_error why;
    const char *file = doctor->cli->config.file;
    doctor->part = DOCTOR_PORTAL;
    if (!doctor->cli->config.portal) {
        doctor_looked(doctor, "there is no portal: [portal] is not set");
        return;
    }
    if (config_load_portal(&config, &settings, file, geteuid(), &why) != 0) {
        doctor_failed(doctor, DOCTOR_ERROR, file, &why);
        return;
    }
    test_start(doctor);
    const bool passed = probe_path(PASSED) == 0;
    for (size_t i = 0; i < settings.listens; i++) {
        check_listen(doctor, settings.listen[i], passed);
        for (size_t j = 0; settings.listen[i][0] == '/' && j < settings.peers; j++)
            check_peer(doctor, settings.listen[i], settings.peer[j]);
    }
}
