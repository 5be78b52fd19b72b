/* SPDX-License-Identifier: ISC */
/* A TCP relay to the server of postgres.h that injects one fault, at the client's chunk number
   `chunks`. A chunk is what one read from the client returns; chunks are counted over all
   connections, from 1. */
#ifndef TESTS_FLEET_LINE_H
#define TESTS_FLEET_LINE_H

#include <stdbool.h>

#define LATE_MS 200
enum line_fault {
    LINE_BEFORE,       /* the chunk and the connection are lost */
    LINE_AFTER,        /* the chunk arrives; the connection is lost before the answer */
    LINE_LATE,         /* the connection is lost; the chunk arrives LATE_MS later */
    LINE_SILENT,       /* the chunk arrives; no answer ever comes, and the connection stays open */
    LINE_TWICE,        /* the chunk arrives twice */
    LINE_ANSWER_TWICE, /* the client gets the next answer twice */
    LINE_OVERTAKEN,    /* line_begin_overtaken() */
    LINE_STOP_BEFORE,  /* the relay stops before the chunk arrives, until line_go_on() */
    LINE_STOP_AFTER,   /* the relay stops before the client gets the answer, until line_go_on() */
    LINE_STOP_LOSE,    /* the same; then the answer and the connection are lost */
    LINE_STOP_LONG,    /* the relay stops within the first answer of more than LONG_ANSWER bytes,
                          whatever the chunk, until line_go_on(). The server can send little more */
};
#define LONG_ANSWER 65536
/* Starts the relay in a child process, which line_end() ends. Returns its port. */
int line_begin(enum line_fault fault, int chunks);
/* The connection is lost; the chunk arrives after the first `by` chunks of the next connection. */
int line_begin_overtaken(int chunks, int by);
/* Whether the relay has stopped at a LINE_STOP_ fault. */
bool line_stopped(void);
void line_go_on(void);
/* Ends the relay; a delayed chunk still arrives. Returns whether the fault was injected. */
bool line_end(void);

#endif
