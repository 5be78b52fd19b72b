/* SPDX-License-Identifier: ISC */
/* Redis on a Unix socket in the bench's own folder: GET by digest, with hiredis. */
#include "bench/bench.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPELINE 1000

struct redis_rival {
    redisContext *redis;
    pid_t server;
};

static const char record[] = "active expires=0 entity=customer-1 tier=advanced";

/* Without a port or a file; it lives as long as the bench. */
static pid_t start_server(const char *socket, const char *folder)
{
    const pid_t pid = fork_bound();
    if (pid != 0)
        return pid;
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
           "--appendonly", "no", "--dir", folder, "--logfile", "/dev/null", (char *)NULL);
    _exit(127);
}

static redisContext *reach(const char *socket, pid_t server)
{
    for (int tries = 0; tries < 500; tries++) {
        redisContext *redis = redisConnectUnix(socket);
        if (redis != NULL && redis->err == 0)
            return redis;
        redisFree(redis);
        must_live(server, "redis-server");
        usleep(20000);
    }
    die("redis-server does not answer");
}

static void take_replies(struct redis_rival *rival, size_t count)
{
    for (; count > 0; count--) {
        void *reply;
        if (redisGetReply(rival->redis, &reply) != REDIS_OK ||
            ((redisReply *)reply)->type == REDIS_REPLY_ERROR)
            die("redis: a record was refused");
        freeReplyObject(reply);
    }
}

struct redis_rival *redis_start(const struct corpus *corpus)
{
    char socket[128];
    int64_t begin = clock_ns();
    struct redis_rival *rival = calloc(1, sizeof *rival);
    if (rival == NULL)
        die("out of memory");
    snprintf(socket, sizeof socket, "%s/redis.sock", corpus->folder);
    rival->server = start_server(socket, corpus->folder);
    rival->redis = reach(socket, rival->server);
    size_t open = 0;
    for (size_t i = 0; i < corpus->count; i++) {
        uint8_t digest[TOKEN_DIGEST_LEN];
        token_digest(corpus->text[i], digest);
        redisAppendCommand(rival->redis, "SET %b %s", digest, sizeof digest, record);
        if (++open == PIPELINE || i + 1 == corpus->count) {
            take_replies(rival, open);
            open = 0;
        }
    }
    progress("the same in Redis, made in %.1f s", (double)(clock_ns() - begin) / 1e9);
    return rival;
}

bool redis_validate(void *arg, const char *text, size_t len)
{
    struct redis_rival *rival = arg;
    uint8_t digest[TOKEN_DIGEST_LEN];
    crypto_hash_sha256(digest, (const unsigned char *)text, len);
    redisReply *reply = redisCommand(rival->redis, "GET %b", digest, sizeof digest);
    bool good = reply != NULL && reply->type == REDIS_REPLY_STRING &&
                reply->len == sizeof record - 1 && memcmp(reply->str, record, reply->len) == 0;
    freeReplyObject(reply);
    return good;
}

void redis_stop(struct redis_rival *rival)
{
    redisFree(rival->redis);
    kill(rival->server, SIGKILL); /* it has nothing to save */
    waitpid(rival->server, NULL, 0);
    free(rival);
}
