/* SPDX-License-Identifier: ISC */
/* What the files of the worker share: connections, the exchanges on them, and the brokers. */
#ifndef ESPT_PORTAL_HTTP_H
#define ESPT_PORTAL_HTTP_H

#include "portal/worker.h"

#include <microhttpd.h>

#define PORTAL_COOKIE "__Host-esp-token-portal"

#define CONNECTIONS_MAX 1000    /* beyond it, each new connection ends an idle or slow one */
#define CONNECTIONS_ROOM 64     /* more than that are not accepted until some have ended */
#define CONNECTION_MEMORY 16384 /* bytes for a request's line and headers; more: 431 */
#define BODY_MAX 16384          /* bytes; more: 413 */
#define PENDING_MAX 1024        /* requests that wait for brokers; more: 503 */
#define READ_MS 15000           /* for one request to arrive */
#define IDLE_MS 15000           /* between two requests */
#define WRITE_MS 60000          /* for an answer to be taken */
#define DOWNLOAD_MS 900000      /* for a download to be taken */
#define DRAIN_MS 15000          /* for open requests, at the end */

enum connection_state { READING, WAITING, WRITING, DOWNLOADING, IDLE };
struct connection {
    struct connection *next, *before;
    int fd;
    bool by_path, loopback, tls;
    bool is_proxy; /* the worker has a ticket, and this peer is one of `peers` */
    bool closing;
    enum connection_state state;
    int64_t since; /* monotonic milliseconds */
};

enum broker_link { READS, CHANGES, LINKS };

/* Headers that may be sent only once. */
enum header {
    HEADER_HOST,
    HEADER_CONTENT_TYPE,
    HEADER_CONTENT_LENGTH,
    HEADER_TRANSFER_ENCODING,
    HEADER_ORIGIN,
    HEADER_FETCH_SITE,
    HEADER_IF_MATCH,
    HEADER_IF_NONE_MATCH,
    HEADER_KEY,
    HEADER_ENTITY,
    HEADER_PERSON,
    HEADER_ROLE,
    HEADER_SECRET,
    HEADER_COUNT
};

/* One request and its answer. */
struct exchange {
    struct worker *worker;
    struct connection *connection;
    struct MHD_Connection *mhd;
    bool path_ok; /* the path has no escaped characters */
    bool begun, asked, answered, too_large;
    const char *method;
    const char *header[HEADER_COUNT]; /* NULL: absent */
    char *body;                       /* of the request; BODY_MAX bytes */
    size_t body_len;
    struct route route;
    /* what the broker was asked */
    uint32_t id;
    enum broker_link link;
    struct exchange *queued; /* the next that waits to be sent */
    struct request_out *request;
    /* what it answered */
    struct answer_head head;
    char etag[24], location[FIELD_TEXT_MAX], cookie[PASS_SECRET_SIZE];
    char *answer; /* from malloc(), head.body_len bytes and a terminator */
    size_t answer_len;
    /* a download (download.c) */
    bool downloads, streams;
    size_t base_len; /* of the request without its cursor */
    char entity[ENTITY_NAME_MAX + 1];
    char *chunk; /* from malloc(): what is to be passed on */
    size_t chunk_len, passed;
    bool any; /* an entry was passed on */
};

struct worker {
    const struct worker_start *start;
    struct MHD_Daemon *plain, *tls; /* NULL: none */
    struct connection *connections, *adding;
    size_t count;
    int link[LINKS]; /* sockets of the brokers; -1: it is being started again */
    struct exchange *first_queued[LINKS], *last_queued[LINKS];
    struct exchange *pending[PENDING_MAX];
    uint32_t rounds; /* makes ids differ */
    char ticket[TICKET_SIZE];
    bool asks_ticket;
    bool ending;
    struct MHD_Response **page; /* one for each file */
};

/* connections.c */
void connection_accept(struct worker *worker, size_t listener);
void connection_state(struct connection *connection, enum connection_state state);
void connections_sweep(struct worker *worker);
void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                   enum MHD_ConnectionNotificationCode code);

/* exchange.c: the callbacks of libmicrohttpd */
void *on_uri(void *arg, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *path,
                           const char *method, const char *version, const char *data, size_t *size,
                           void **context);
void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                  enum MHD_RequestTerminationCode code);

/* brokers.c */
/* Asks a broker and suspends the connection. False: there are too many. */
bool broker_queue(struct exchange *exchange);
void broker_read(struct worker *worker, enum broker_link link);
void broker_write(struct worker *worker, enum broker_link link);
/* The broker has ended: whoever waits for it gets 503. */
void broker_lost(struct worker *worker, enum broker_link link);
/* Asks for the ticket, once, with a connection of the proxy. */
void broker_ticket(struct worker *worker, int fd);

/* headers.c: reads the headers. NULL, or what is wrong. */
const char *headers_read(struct exchange *exchange);
/* Whether the request comes from a page of this origin (CSRF). */
bool origin_ok(const struct exchange *exchange);
/* The cookie of a session. NULL: there is none, or more than one. */
const char *session_cookie(struct exchange *exchange);

/* dispatch.c: answers a request that has arrived, or asks a broker. */
enum MHD_Result dispatch(struct exchange *exchange, const char *path);

/* fields.c: puts the query string and the body into the request. NULL, or what is wrong; *ret_field
   is then the field that it is about, or NULL. */
const char *fields_add(struct exchange *exchange, const char **ret_field);

/* download.c: pages of the log, one after the other, as one document. No page is asked for before
   the client has taken the one before it. */
void download_prepare(struct exchange *exchange);
enum MHD_Result download_begin(struct exchange *exchange);

/* respond.c */
/* Adds the headers of every answer. `own`: the answer is one of the API, and not kept by anyone. */
void respond_headers(struct MHD_Response *response, bool own);
/* Takes the reference to `response`. */
enum MHD_Result respond(struct exchange *exchange, unsigned status, struct MHD_Response *response);
enum MHD_Result respond_problem(struct exchange *exchange, enum problem problem, const char *detail,
                                const char *field);
enum MHD_Result respond_answer(struct exchange *exchange);
enum MHD_Result respond_file(struct exchange *exchange, const struct page_file *file,
                             struct MHD_Response *response);
/* The answer to a path that is no page and no API. */
enum MHD_Result respond_nothing(struct exchange *exchange, unsigned status);
void respond_pages(struct worker *worker); /* makes worker->page */

#endif
