/* SPDX-License-Identifier: ISC */
/* doctor and the real portal: problems that would prevent its start, which process listens, whether
   the proxy can reach the socket, and its unit. */
#include "support/support.h"

/* clang-format off: doctor.h declares names that others use for parameters */
#include "cli/doctor.h"
/* clang-format on */

#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SKIP() puts("SKIPPED TEST: it needs root")
#define SECRET "0123456789abcdef0123456789abcdef\n"

static const char *plain; /* the configuration without a portal */
static const char *listen_path;
static pid_t portal;

static const char *file(const char *name)
{
    return in_folder(folder, name);
}

/* Writes the configuration with a portal behind a proxy that runs as nobody. */
static void configure(const char *more)
{
    char *text;
    ck_assert_int_ge(asprintf(&text,
                              "%s\n[portal]\nlisten = %s\nidentity = proxy\npeers = 65534\n"
                              "user = nobody\n%s",
                              plain, listen_path, more),
                     0);
    file_text(config, text);
    free(text);
}

/* Whether the portal answers, so that all of its processes have started. */
static bool answers(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", listen_path);
    char byte;
    const bool done = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                      write(fd, "GET / HTTP/1.0\r\n\r\n", 18) == 18 && read(fd, &byte, 1) == 1;
    close(fd);
    return done;
}

static void start(void)
{
    portal = fork_child();
    if (portal == 0) {
        signal(SIGTERM, SIG_DFL);
        execl(OUT "/esp-token-portal", "esp-token-portal", "-c", config, NULL);
        _exit(127);
    }
    while (!answers()) {
        ck_assert_int_eq(waitpid(portal, NULL, WNOHANG), 0);
        usleep(10000);
    }
}

static void stop(void)
{
    kill(portal, SIGTERM);
    ck_assert_int_eq(waitpid(portal, NULL, 0), portal);
}

static void setup(void)
{
    doctor_setup();
    plain = keep_string(strdup(file_read(config, NULL)));
    listen_path = keep_string(strdup(file("portal.sock")));
    configure("");
}

START_TEST(a_good_portal)
{
    finds("portal", "warning", "no portal listens on");
    start();
    is_good();
    ck_assert(looked("looked_at", "portal", "can start"));
    ck_assert(looked("looked_at", "portal", "a program listens on"));
    stop();
    char by_hand[PATH_MAX + 32];
    snprintf(by_hand, sizeof by_hand, "esp-token-portal -c %s", config);
    ck_assert_str_eq(finds("portal", "warning", "no portal listens on"), by_hand);
    file_text(config, plain);
    is_good();
    ck_assert(looked("looked_at", "portal", "there is no portal"));
}
END_TEST

/* Keys of [portal] that contradict each other are errors of the portal alone: hosts and commands
   still work. */
START_TEST(keys_that_do_not_fit)
{
    configure("idle = 13h\n");
    finds("portal", "error", "idle is longer than session");
    ck_assert(looked("looked_at", "config", "esp-token.conf"));
}
END_TEST

START_TEST(the_secret_of_the_proxy)
{
    const char *secret = keep_string(strdup(file("proxy.secret")));
    configure("proxy_secret = proxy.secret\n");
    finds("portal", "error", "proxy.secret: No such file");
    file_write(secret, "short\n", 6, 0600);
    finds("portal", "error", "the first line is not 16 to");
    file_write(secret, SECRET, strlen(SECRET), 0600);
    start();
    is_good();
    ck_assert_int_eq(chmod(secret, 0644), 0);
    finds("portal", "error", "others may read it");
    mend();
    stop();
}
END_TEST

START_TEST(the_certificate)
{
    configure("tls_certificate = tls.pem\ntls_key = tls.key\n");
    file_text(file("tls.pem"), "nonsense\n");
    file_write(file("tls.key"), "nonsense\n", 9, 0600);
    finds("portal", "error", "tls_certificate and tls_key cannot be used");
}
END_TEST

START_TEST(the_user_of_the_worker)
{
    if (geteuid() != 0) {
        SKIP();
        return;
    }
    char *text = strdup(file_read(config, NULL)), *user = strstr(text, "user = nobody");
    memcpy(user, "user = nosuch", 13);
    file_text(config, text);
    ck_assert_ptr_null(finds("portal", "error", "there is no user nosuch"));
    if (getpwnam("esp-token-portal") != NULL)
        return;
    *strstr(user, "user = ") = ';';
    file_text(config, text);
    free(text);
    ck_assert_str_eq(finds("portal", "error", "there is no user esp-token-portal"),
                     "systemd-sysusers");
}
END_TEST

/* What a stranger wrote into the file of sessions must not become trusted. */
START_TEST(the_file_of_sessions)
{
    start();
    ck_assert_int_eq(chmod(file("tokens.mdb.portal"), 0644), 0);
    ck_assert_int_eq(strncmp(finds("files", "error", "lock file"), "rm ", 3), 0);
    mend();
    stop();
}
END_TEST

START_TEST(a_file_in_the_place_of_the_socket)
{
    file_text(listen_path, "");
    finds("portal", "error", "it is no socket");
    char command[4096];
    snprintf(command, sizeof command, "%s", finds("portal", "error", "it is no socket"));
    must_sh(command);
    start();
    is_good();
    stop();
}
END_TEST

START_TEST(a_proxy_that_cannot_connect)
{
    const char *room = keep_string(strdup(file("room")));
    if (geteuid() != 0) {
        SKIP();
        return;
    }
    ck_assert_int_eq(mkdir(room, 0700), 0);
    listen_path = keep_string(strdup(in_folder(room, "portal.sock")));
    configure("");
    start();
    finds("portal", "warning", "may not enter it");
    mend();
    ck_assert_int_eq(chmod(listen_path, 0700), 0);
    finds("portal", "warning", "may not connect");
    mend();
    stop();
}
END_TEST

START_TEST(a_proxy_that_is_nobody)
{
    char *text = strdup(file_read(config, NULL)), *peers = strstr(text, "peers = 65534");
    memcpy(peers, "peers = 64999", 13);
    file_text(config, text);
    free(text);
    ck_assert_ptr_null(finds("portal", "warning", "the user number 64999, which no user has"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doctor_portal");
    TCase *tcase = tcase_create("doctor_portal");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_good_portal);
    tcase_add_test(tcase, keys_that_do_not_fit);
    tcase_add_test(tcase, the_secret_of_the_proxy);
    tcase_add_test(tcase, the_certificate);
    tcase_add_test(tcase, the_user_of_the_worker);
    tcase_add_test(tcase, the_file_of_sessions);
    tcase_add_test(tcase, a_file_in_the_place_of_the_socket);
    tcase_add_test(tcase, a_proxy_that_cannot_connect);
    tcase_add_test(tcase, a_proxy_that_is_nobody);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
