/* SPDX-License-Identifier: ISC */
/* A line to the server of postgres.h, which breaks at a message. */
#ifndef TESTS_FLEET_LINE_H
#define TESTS_FLEET_LINE_H

#include <stdbool.h>

/* A line to the server that breaks once: when the client has sent `chunks` chunks in all. */
#define LATE_MS 200
enum line_fault {
    LINE_BEFORE, /* the chunk is lost, and the connection */
    LINE_AFTER,  /* the chunk arrives, and the connection is lost before the answer */
    LINE_LATE,   /* the connection is lost, and the chunk arrives LATE_MS later */
    LINE_SILENT, /* the chunk arrives, and nothing comes back, without an end */
};
/* Returns the port of the line. The process ends with line_end(). */
int line_begin(enum line_fault fault, int chunks);
/* Ends the line. True: it broke. */
bool line_end(void);

#endif
