/* SPDX-License-Identifier: ISC */
#include "fleet/postgres.h"

#include "support/support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define TEMPLATE OUT "/tests/postgres-template"
/* Segments of 1 MB: a test writes little, and the server fills each with zeros first. */
#define INITDB_OPTIONS \
    "-U admin -A trust --no-sync --no-instructions -E UTF8 --locale=C --wal-segsize=1"

static const char *folder;
static const char *data = "data"; /* the cluster that is the server, in `folder` */
static char programs[256];
static int port;
static pid_t server;
static bool measured;

/* The server refuses to run as root. */
static void become_plain(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        _exit(127);
}

static bool find_programs(void)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) != 0)
        return false;
    snprintf(programs, sizeof programs, "%s", found.gl_pathv[found.gl_pathc - 1]);
    *strrchr(programs, '/') = '\0';
    globfree(&found);
    return true;
}

static int free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    close(fd);
    return ntohs(at.sin_port);
}

/* Runs a program of PostgreSQL as a plain user, and waits for it. */
static int run_plain(const char *command)
{
    int status;
    pid_t child = fork_child();
    if (child == 0) {
        become_plain();
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

bool postgres_installed(void)
{
    const bool found = find_programs();
    if (!found)
        puts("SKIPPED TEST: PostgreSQL is not installed");
    return found;
}

static void begin(void)
{
    ck_assert(postgres_start());
}

static void end(void)
{
    postgres_stop(SIGINT);
}

void postgres_fixture(TCase *tcase, bool each)
{
    if (each)
        tcase_add_checked_fixture(tcase, begin, end);
    else
        tcase_add_unchecked_fixture(tcase, begin, end);
}

static void process(const char *const *argv)
{
    struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0, "%s: %s", argv[0], run.err);
}

static void copy_cluster(const char *from, const char *to)
{
    const char *argv[] = {"cp", "-a", from, to, NULL};
    process(argv);
}

static void initdb(void)
{
    char command[2048];
    snprintf(command, sizeof command,
             "cd / && '%s/initdb' -D '%s/data' " INITDB_OPTIONS " >'%s/initdb.log' 2>&1", programs,
             folder, folder);
    ck_assert_int_eq(run_plain(command), 0);
}

/* What a cluster depends on. It says so of the template as well, once that is whole. */
static const char *origin(void)
{
    static char text[512];
    char program[300];
    struct stat st;
    snprintf(program, sizeof program, "%s/postgres", programs);
    ck_assert_int_eq(stat(program, &st), 0);
    snprintf(text, sizeof text, "%s %lld %lld, user %ld: " INITDB_OPTIONS "\n", program,
             (long long)st.st_size, (long long)st.st_mtime, (long)geteuid());
    return text;
}

/* initdb takes eight times as long as a copy of what it makes. So the first program that needs a
   cluster keeps a copy in the build folder, also for later runs. One program at a time makes or
   reads it; of one that is killed meanwhile the next one finds no origin. */
static void make_cluster(void)
{
    char cluster[512];
    const char *gone[] = {"rm", "-rf", TEMPLATE, NULL};
    snprintf(cluster, sizeof cluster, "%s/data", folder);
    const int lock = open(TEMPLATE ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_msg(lock >= 0, "%s: %s", TEMPLATE ".lock", strerror(errno));
    ck_assert_int_eq(flock(lock, LOCK_EX), 0);
    const char *made = file_read(TEMPLATE "/origin", NULL);
    if (made != NULL && strcmp(made, origin()) == 0) {
        copy_cluster(TEMPLATE "/data", cluster);
    } else {
        initdb();
        process(gone);
        ck_assert_int_eq(mkdir(TEMPLATE, 0700), 0);
        copy_cluster(cluster, TEMPLATE "/data");
        file_text(TEMPLATE "/origin", origin());
    }
    close(lock);
}

bool postgres_start(void)
{
    if (!find_programs())
        return false;
    folder = temp_folder();
    ck_assert_int_eq(chmod(folder, 0700), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(chown(folder, NOBODY, NOBODY), 0);
    make_cluster();
    port = free_port();
    postgres_again();
    return true;
}

void postgres_measured(void)
{
    measured = true;
}

#define USUAL "listen_addresses=127.0.0.1", "max_connections=40"
static const char *const usual[] = {USUAL, NULL};
/* A test ends the server, and never the machine: nothing needs to be on the disk. */
static const char *const cheap[] = {USUAL,
                                    "fsync=off",
                                    "wal_init_zero=off",
                                    "shared_buffers=16MB",
                                    "autovacuum=off",
                                    "max_logical_replication_workers=0",
                                    NULL};

static void launch(void)
{
    char program[300], cluster[512], log[512], number[16], socket_folder[512];
    snprintf(program, sizeof program, "%s/postgres", programs);
    snprintf(cluster, sizeof cluster, "%s/%s", folder, data);
    snprintf(log, sizeof log, "%s/server.log", folder);
    snprintf(number, sizeof number, "%d", port);
    snprintf(socket_folder, sizeof socket_folder, "unix_socket_directories=%s", folder);
    server = fork_child();
    if (server != 0)
        return;
    become_plain();
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (freopen(log, "a", stderr) == NULL || freopen("/dev/null", "w", stdout) == NULL ||
        chdir("/") != 0)
        _exit(127);
    const char *argv[64] = {program, "-D", cluster, "-p", number};
    size_t count = 5;
    for (const char *const *setting = measured ? usual : cheap; *setting != NULL; setting++) {
        argv[count++] = "-c";
        argv[count++] = *setting;
    }
    argv[count++] = "-c";
    argv[count++] = socket_folder;
    execv(program, (char **)(uintptr_t)argv);
    _exit(127);
}

const char *postgres_folder(void)
{
    return folder;
}

void postgres_plain(const char *command)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "cd '%s' && PATH='%s':\"$PATH\" && %s", folder, programs,
             command);
    ck_assert_msg(run_plain(whole) == 0, "%s", command);
}

pid_t postgres_daemon(const char *command)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "cd '%s' && PATH='%s':\"$PATH\" && exec %s >>daemon.log 2>&1",
             folder, programs, command);
    pid_t child = fork_child();
    if (child != 0)
        return child;
    become_plain();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl("/bin/sh", "sh", "-c", whole, (char *)NULL);
    _exit(127);
}

int postgres_free_port(void)
{
    return free_port();
}

void postgres_use(const char *cluster)
{
    data = cluster;
    postgres_again();
}

/* The server writes into a file of the cluster who it is, and in line 8 when it takes connections.
   To ask it instead, with PQping(), starts a process of the server each time. */
static bool is_ready(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s/postmaster.pid", folder, data);
    char *text = file_read(path, NULL);
    if (text == NULL || atoi(text) != server)
        return false;
    for (int line = 1; line < 8 && text != NULL; line++) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return text != NULL && strncmp(text, "ready", 5) == 0;
}

/* After a crash the server does not start while a backend of the old one lives. */
void postgres_again(void)
{
    launch();
    for (int tries = 0; !is_ready(); tries++) {
        ck_assert_int_lt(tries, 6000);
        usleep(10000);
        if (waitpid(server, NULL, WNOHANG) == server)
            launch();
    }
}

int postgres_port(void)
{
    return port;
}

const char *postgres_settings(int at_port, const char *user, const char *database, const char *more)
{
    static char settings[8][1024];
    static unsigned next;
    char *out = settings[next++ % 8];
    snprintf(out, sizeof settings[0], "hostaddr = 127.0.0.1\nport = %d\nuser = %s\ndbname = %s\n%s",
             at_port, user, database, more);
    return out;
}

static void ignore_notice(void *arg, const char *message)
{
    (void)arg, (void)message;
}

/* A server whose backend was killed accepts connections until it notices, and then none until it
   has recovered. */
static PGconn *connection(const char *database)
{
    char settings[1024];
    snprintf(settings, sizeof settings, "host=%s port=%d user=admin dbname=%s", folder, port,
             database);
    PGconn *conn = PQconnectdb(settings);
    for (int tries = 0; PQstatus(conn) != CONNECTION_OK && tries < 400; tries++) {
        usleep(50000);
        PQreset(conn);
    }
    PQsetNoticeProcessor(conn, ignore_notice, NULL);
    return conn;
}

/* The connection of the last query, which the next one uses: the server starts a process for each,
   and many tests ask until something is so. */
static struct {
    PGconn *conn;
    pid_t owner; /* 0: there is none; a forked process has none of its own yet */
    char database[64];
} last;

static void hang_up(void)
{
    if (last.owner == getpid())
        PQfinish(last.conn);
    last.owner = 0;
}

/* A server has nothing to say between two queries but that it ends. */
static bool is_quiet(void)
{
    struct pollfd at = {.fd = PQsocket(last.conn), .events = POLLIN};
    return PQstatus(last.conn) == CONNECTION_OK && poll(&at, 1, 0) == 0;
}

static void reach(const char *database)
{
    if (last.owner == getpid() && strcmp(last.database, database) == 0 && is_quiet())
        return;
    hang_up();
    last.conn = connection(database);
    last.owner = getpid();
    snprintf(last.database, sizeof last.database, "%s", database);
}

void postgres_stop(int signal_number)
{
    hang_up();
    ck_assert_int_eq(kill(server, signal_number), 0);
    ck_assert_int_eq(waitpid(server, NULL, 0), server);
}

void postgres_until_ready(void)
{
    bool ready = false;
    hang_up();
    for (int tries = 0; !ready; tries++) {
        ck_assert_int_lt(tries, 400);
        PGconn *conn = connection("postgres");
        PGresult *result = PQexec(conn, "SELECT 1");
        ready = PQresultStatus(result) == PGRES_TUPLES_OK;
        PQclear(result);
        PQfinish(conn);
    }
}

/* A row is a line of its fields, with | between them. */
static void print_rows(FILE *out, const PGresult *result)
{
    for (int row = 0; row < PQntuples(result); row++) {
        for (int field = 0; field < PQnfields(result); field++)
            fprintf(out, "%s%s", field > 0 ? "|" : "", PQgetvalue(result, row, field));
        fputc('\n', out);
    }
}

/* Not psql: many tests wait for the server by queries. */
const char *postgres_sql(const char *database, const char *sql)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    reach(database);
    ck_assert_msg(PQsendQuery(last.conn, sql) == 1, "%s: %s", sql, PQerrorMessage(last.conn));
    for (PGresult *result; (result = PQgetResult(last.conn)) != NULL; PQclear(result)) {
        const ExecStatusType status = PQresultStatus(result);
        ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", sql,
                      PQerrorMessage(last.conn));
        print_rows(out, result);
    }
    if (strstr(sql, "SET ") != NULL) /* of this session */
        hang_up();
    fclose(out);
    return keep_string(text);
}

const char *postgres_database(void)
{
    static char names[8][40];
    static unsigned next;
    char sql[128];
    char *name = names[next % 8];
    snprintf(name, sizeof names[0], "fleet_%ld_%u", (long)getpid(), next++);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s STRATEGY file_copy", name);
    postgres_sql("postgres", sql);
    return name;
}

static const char *session_out(void)
{
    return in_folder(folder, "session.out");
}

FILE *postgres_session(const char *database)
{
    char command[2048];
    snprintf(command, sizeof command,
             "exec '%s/psql' -qXAt -h '%s' -p %d -U admin -d %s >'%s' 2>&1", programs, folder, port,
             database, session_out());
    FILE *session = popen(command, "w");
    ck_assert_ptr_nonnull(session);
    setlinebuf(session);
    return session;
}

const char *postgres_session_end(FILE *session)
{
    ck_assert_int_eq(pclose(session), 0);
    return file_read(session_out(), NULL);
}

void postgres_until(const char *database, const char *sql)
{
    for (int tries = 0; atoi(postgres_sql(database, sql)) == 0; tries++) {
        ck_assert_msg(tries < 600, "%s", sql);
        usleep(20000);
    }
}
