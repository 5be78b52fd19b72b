/* SPDX-License-Identifier: ISC */
/*
 * The portal at a site of a fleet. The broker that changes owns the connection with the journal:
 * its changes go through it, as those of esp-tokenctl do, and between two requests it applies what
 * other sites have written. The broker that reads, and hosts, see that in the store, and wait for
 * no journal.
 */
#ifndef ESPT_PORTAL_SITE_H
#define ESPT_PORTAL_SITE_H

#include "portal/broker.h"

/* After the store was opened: lets its changes go through the journal, if [fleet] names one. */
ESPT_MUST_USE int site_attach(struct broker *broker, struct espt_error *err);
/* After the store was closed. */
void site_detach(struct broker *broker);

/* Milliseconds until site_follow() is due; -1: never. */
int site_wait(const struct broker *broker);
/* Applies what the journal has and the store lacks, if that is due. A failure goes to standard
   error, once, and is tried again later. */
void site_follow(struct broker *broker);

/* The uses that other machines have counted. site_follow() reads their reports, if that is due, and
   before a command the broker that reads loads what came of it. What is not known is shown as not
   known. */
void site_uses_read(struct broker *broker);
void site_uses_load(struct broker *broker);

/* After a command. A refusal that is about this machine, not about what was asked, becomes
   ESPT_UNUSABLE. If the change is done in the fleet and could not be stored here, the store is
   opened again. Returns the code. */
int site_outcome(struct broker *broker, int code, const struct answer *answer);

#endif
