/* SPDX-License-Identifier: ISC */
/* Long work that SIGINT, SIGTERM and SIGHUP end at the next step, and not in the middle of one. */
#ifndef ESPT_CLI_INTERRUPT_H
#define ESPT_CLI_INTERRUPT_H

/* From now on these signals are only noted. They still end a system call that waits. */
void interrupt_catch(void);
/* Gives the signals their default effect again. Returns the number of the one that arrived; 0:
   none. */
int interrupt_release(void);
/* The number of the signal that arrived; 0: none. */
int interrupt_number(void);

#endif
