/* SPDX-License-Identifier: ISC */
/* A line to the server of postgres.h, which does one harm: to the chunk that the client sends as
   number `chunks` in all. */
#ifndef TESTS_FLEET_LINE_H
#define TESTS_FLEET_LINE_H

#include <stdbool.h>

#define LATE_MS 200
enum line_fault {
    LINE_BEFORE,       /* the chunk is lost, and the connection */
    LINE_AFTER,        /* the chunk arrives, and the connection is lost before the answer */
    LINE_LATE,         /* the connection is lost, and the chunk arrives LATE_MS later */
    LINE_SILENT,       /* the chunk arrives, and nothing comes back, without an end */
    LINE_TWICE,        /* the chunk arrives twice */
    LINE_ANSWER_TWICE, /* what comes back next is given to the client twice */
    LINE_OVERTAKEN,    /* line_begin_overtaken() */
    LINE_STOP_BEFORE,  /* the line stops before the chunk arrives, until line_go_on() */
    LINE_STOP_AFTER,   /* the same, before the answer is given to the client */
    LINE_STOP_LOSE,    /* the same, and then the answer is lost, and the connection */
    LINE_STOP_LONG,    /* the same, within the first answer of more than LONG_ANSWER bytes, whatever
                          the chunk. The server can send little more */
};
#define LONG_ANSWER 65536
/* Returns the port of the line. The process ends with line_end(). */
int line_begin(enum line_fault fault, int chunks);
/* The connection is lost, and the chunk arrives behind the first `by` chunks of the next one. */
int line_begin_overtaken(int chunks, int by);
/* Whether it has stopped. */
bool line_stopped(void);
void line_go_on(void);
/* Ends the line; a chunk that is still under way arrives. True: it did the harm. */
bool line_end(void);

#endif
