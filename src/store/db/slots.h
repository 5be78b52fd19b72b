/* SPDX-License-Identifier: ISC */
/* LMDB's table of readers, as its lines of text, and the names of the processes in it. */
#ifndef ESPT_STORE_DB_SLOTS_H
#define ESPT_STORE_DB_SLOTS_H

#include <stdbool.h>

/* A line of mdb_reader_list(). False: it is not about a reader of another process. */
bool db_slot_parse(const char *line, int *ret_pid, unsigned long long *ret_state);
#define PROCESS_NAME_SIZE 64
/* Writes "process 17 (name)". The pid may be of another PID namespace; then there is no name, or
   that of another process. */
void process_name(int pid, char out[static PROCESS_NAME_SIZE]);

#endif
