/* SPDX-License-Identifier: ISC */
/* Sites of a fleet in folders of one machine, over a dir journal. */
#ifndef TESTS_FLEET_MEMBERS_H
#define TESTS_FLEET_MEMBERS_H

#include "espt/journal.h"
#include "support/folder.h"
#include "support/support.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 3
#define MEMBERS 4 /* at most */
struct member {
    const char *folder, *config;
    char name[16];
};
struct fleet_of {
    const char *pg; /* settings of a pg journal, set before fleet_folders(); NULL: a dir journal */
    const char *journal; /* the folder */
    struct member site[MEMBERS];
};

/* Before the tests of the case, makes a fleet once. Each later fleet_folders() and fleet_begin()
   for at most so many sites and a dir journal makes a copy of it, instead of running a dozen
   commands. */
void fleet_fixture(TCase *tcase, int sites);
/* Makes `count` folders with stores and [fleet], all with the reveal key of the first. Nobody is in
   a fleet yet. */
void fleet_folders(struct fleet_of *ret, int count);
/* Begins a fleet at the first site; the others join and are added. */
void fleet_begin(struct fleet_of *ret, int count);
/* The same, where the folders are there: the first `count` of them become sites. */
void fleet_found(struct fleet_of *ret, int count);
/* Writes the settings of a site: `fault` NULL, or a word of bad_journal.c. */
void fleet_fault(const struct fleet_of *fleet, int site, const char *fault);
/* Lets the site in: copies the trust file, joins, adds its key at the first site. */
void fleet_let_in(const struct fleet_of *fleet, int site);
/* Makes the member an edge, named edge-N. */
void fleet_let_in_edge(const struct fleet_of *fleet, int site);
/* The public key of a site. */
const char *fleet_key_of(const struct fleet_of *fleet, int site);
/* Catches up, and asserts that the member has the sum that the fleet has signed. */
void fleet_is_whole(const struct member *member);
/* Asserts that the shared tables and the log of two sites are the same, byte for byte, after both
   have caught up, and that each has the sum that the fleet has signed. */
void fleet_same(const struct fleet_of *fleet, int one, int other);
/* Copies journal and first sites of a fleet that rests into a folder, or `back` from there: the
   paths stay, so the fleet is as it was. */
void fleet_copy(const struct fleet_of *fleet, int sites, const char *folder, bool back);
/* Number of the last entry, after the site has caught up. */
uint64_t fleet_entry(const struct fleet_of *fleet, int site);
/* The same as it stands, from the file of the store: nothing catches up, and nothing may write. */
uint64_t fleet_stands(const struct member *member);
/* Number of the last entry in the journal. */
uint64_t fleet_last(const struct fleet_of *fleet);
/* Asserts that the edge has, byte for byte, what edges get of the site's records and nothing else,
   after both have caught up. */
void fleet_same_edge(const struct fleet_of *fleet, int edge, int site);
/* Sets the time that was signed for the edge's state. */
void edge_set_fresh(const struct member *edge, int64_t fresh);
/* A commit of raw_store.h after which the store still belongs to its fleet. */
struct raw_store;
struct MDB_txn;
struct state_record;
void edge_commit(const struct raw_store *raw, struct MDB_txn *txn,
                 void (*change)(struct state_record *state, int64_t value), int64_t value);
/* The file of an entry. */
const char *fleet_entry_path(const struct fleet_of *fleet, uint64_t number);
/* The pieces of an entry's file (docs/journal-format.md); false: it is no such file. */
bool entry_file_split(const void *bytes, size_t len, espt_journal_entry *ret);
/* A copy of the bytes with another last byte; the test's memory. */
const uint8_t *one_byte_other(const uint8_t *bytes, size_t len);
/* The file of an entry; the test's memory. */
const char *entry_file_join(const espt_journal_entry *entry, size_t *ret_len);
/* Which tables differ between two store files, as text; empty: none. */
const char *stores_differ(const char *one, const char *other);

#define AT(site, ...) CTL((site).config, NULL, __VA_ARGS__)
/* Runs it, and asserts status 0. Returns the standard output. */
#define DONE(site, ...) fleet_done(AT(site, __VA_ARGS__))
char *fleet_done(struct run run);
/* Waits until the condition holds; fails after 60 seconds. It is asked every 10 ms, and less often
   when that has not helped, because many conditions are processes. */
#define UNTIL(condition)                         \
    for (int tries_ = 0; !(condition); tries_++) \
    ck_assert_msg(pause_of_try(tries_) < 60000, "in vain: %s", #condition)
/* Returns how many milliseconds all tries have paused. */
int pause_of_try(int tries);
/* Asserts the status, and that the message has the words. */
void fleet_says(struct run run, int status, const char *words);

#endif
