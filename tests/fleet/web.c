/* SPDX-License-Identifier: ISC */
#include "fleet/web.h"

#include "support/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_MS 30000

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)port)};
}

static int listening(int *ret_port)
{
    struct sockaddr_in at = loopback(0);
    socklen_t len = sizeof at;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

int web_free_port(void)
{
    int port;
    close(listening(&port));
    return port;
}

static bool answers(int port)
{
    const struct sockaddr_in at = loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool good = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return good;
}

static void launch(struct web *web)
{
    char config[4096];
    snprintf(config, sizeof config, "%s/nginx.conf", web->folder);
    web->server = fork_child();
    if (web->server != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (freopen("/dev/null", "w", stderr) == NULL)
        _exit(127);
    execlp("nginx", "nginx", "-c", config, "-p", web->folder, (char *)NULL);
    execl("/usr/sbin/nginx", "nginx", "-c", config, "-p", web->folder, (char *)NULL);
    _exit(127);
}

static void write_config(const struct web *web, const char *root, const char *rules)
{
    static const char temporary[] = "client_body_temp_path body; proxy_temp_path proxy;"
                                    "fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;"
                                    "scgi_temp_path scgi;";
    char config[8192];
    snprintf(config, sizeof config,
             "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
             "events { worker_connections 4096; }\nworker_rlimit_nofile 8192;\n"
             "http { access_log off; %s keepalive_requests 100000;\n"
             "proxy_cache_path cache keys_zone=feed:1m;\n"
             "server { listen 127.0.0.1:%d backlog=4096; root %s; %s }\n"
             "server { listen 127.0.0.1:%d; location / { proxy_pass http://127.0.0.1:%d;\n"
             "  proxy_cache feed; proxy_cache_valid 200 1h; proxy_cache_bypass $http_pragma; }\n"
             "  location = /head { proxy_pass http://127.0.0.1:%d; proxy_cache feed;\n"
             "  proxy_cache_valid 200 1s; proxy_cache_bypass $http_pragma; } } }\n",
             temporary, web->port, root, rules, web->cache_port, web->port, web->port);
    file_text(in_folder(web->folder, "nginx.conf"), config);
}

void web_restart(struct web *web, const char *root, const char *rules)
{
    web_stop(web);
    write_config(web, root, rules);
    launch(web);
    for (int ms = 0; !answers(web->port) || !answers(web->cache_port); ms += 10) {
        ck_assert_msg(ms < START_MS && waitpid(web->server, NULL, WNOHANG) == 0, "nginx: %s",
                      file_read(in_folder(web->folder, "error.log"), NULL));
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

void web_start(struct web *ret, const char *root, const char *rules)
{
    *ret = (struct web){
        .folder = temp_folder(), .port = web_free_port(), .cache_port = web_free_port()};
    snprintf(ret->url, sizeof ret->url, "http://127.0.0.1:%d", ret->port);
    snprintf(ret->cache_url, sizeof ret->cache_url, "http://127.0.0.1:%d", ret->cache_port);
    web_restart(ret, root, rules);
}

void web_stop(struct web *web)
{
    if (web->server > 0) {
        kill(web->server, SIGKILL);
        waitpid(web->server, NULL, 0);
    }
    web->server = 0;
}

int web_raw(const char *answer, size_t len, int silent)
{
    int port;
    const int fd = listening(&port);
    ck_assert_int_eq(listen(fd, 16), 0);
    if (fork_child() == 0) {
        char request[4096];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        for (;;) {
            const int client = accept(fd, NULL, NULL);
            if (client < 0 || read(client, request, sizeof request) <= 0)
                continue;
            (void)!write(client, answer, len);
            if (silent)
                pause();
            close(client);
        }
    }
    close(fd);
    return port;
}
