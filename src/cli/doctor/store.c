/* SPDX-License-Identifier: ISC */
/* The store: whether it opens and is whole, what the tier table means for it, how full it is, and
   who reads it. */
#include "cli/doctor/doctor.h"
#include "cli/fleet.h"
#include "cli/progress.h"

#include "common/trust.h"
#include "store/clock.h"
#include "store/db/health.h"
#include "store/db/slots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FINDINGS_SHOWN 20
#define FULL_PERCENT 80
/* A reader that does not fall further behind costs nothing; one that is this far behind is
   stuck. */
#define BEHIND_MAX 10

/* --- is it whole? --- */

struct proof {
    struct doctor *doctor;
    struct progress progress;
    bool has_tiers;
    size_t shown, more;
};

static bool is_about_tiers(const char *kind)
{
    return strcmp(kind, "unknown-tier") == 0 || strcmp(kind, "over-limit") == 0 ||
           strcmp(kind, "above-reseller") == 0;
}

static bool is_mild(const char *kind)
{
    return is_about_tiers(kind) || strcmp(kind, "no-token") == 0 || strcmp(kind, "page") == 0;
}

static void on_finding(void *arg, const struct finding *finding)
{
    struct proof *proof = arg;
    struct doctor *doctor = proof->doctor;
    struct espt_error why;
    const bool tiers = is_about_tiers(finding->kind);
    if (tiers && !proof->has_tiers)
        return; /* if the table cannot be read, every tier would be reported as unknown */
    if (proof->shown == FINDINGS_SHOWN) {
        proof->more++;
        return;
    }
    proof->shown++;
    doctor->part = tiers ? DOCTOR_TIERS : DOCTOR_STORE;
    espt_fail(&why, ESPT_UNUSABLE, "%s: %s", finding->subject, finding->message);
    doctor_failed(doctor, is_mild(finding->kind) ? DOCTOR_WARNING : DOCTOR_ERROR, finding->subject,
                  &why);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    struct proof *proof = arg;
    proof->progress.total = total;
    progress_step(&proof->progress, done, done);
}

static void load_tiers(struct doctor *doctor)
{
    struct espt_error why;
    const char *path = doctor->cli->config.tiers;
    doctor->part = DOCTOR_TIERS;
    if (trust_missing(path))
        doctor_skipped(doctor, "%s, which is missing", path);
    else if (cli_tiers(doctor->cli, &why) != 0)
        doctor_failed(doctor, DOCTOR_ERROR, path, &why);
    else
        doctor_looked(doctor, "%zu %s", doctor->cli->tiers->count,
                      plural(doctor->cli->tiers->count, "tier", "tiers"));
}

static bool is_too_old(const struct config *config, const struct fleet_place *place)
{
    return config->fleet_max_age != 0 &&
           clock_now() - place->position.fresh > config->fleet_max_age;
}

/* In a fleet, a site has signed the sum over all records. */
static void prove_sum(struct proof *proof)
{
    struct doctor *doctor = proof->doctor;
    struct espt_error why;
    struct fleet_place place;
    const char *path = doctor->cli->config.store;
    bool same = false;
    doctor->part = DOCTOR_STORE;
    if (fleet_place(doctor->cli->store, &place, &why) != 0)
        return; /* it belongs to no fleet */
    if (fleet_check(doctor->cli->store, &same, &why) != 0) {
        doctor_failed(doctor, DOCTOR_ERROR, path, &why);
    } else if (!same) {
        proof->shown++;
        doctor_found(doctor, DOCTOR_ERROR, path, "esp-tokenctl fleet join",
                     "%s: its records are not those that a site of the fleet has signed", path);
    } else if (is_too_old(&doctor->cli->config, &place)) {
        doctor_found(doctor, DOCTOR_ERROR, path, "esp-tokenctl fleet status",
                     "%s: it is older than max_age, so hosts answer unavailable", path);
    } else {
        char age[96];
        cli_fleet_age(&place, age, sizeof age);
        doctor_looked(doctor, "%s of a fleet: %s", place.edge ? "an edge" : "a site", age);
    }
}

static void prove(struct doctor *doctor)
{
    struct espt_error why;
    struct proof proof = {.doctor = doctor, .has_tiers = doctor->cli->tiers != NULL};
    struct tier_table *none = calloc(1, sizeof *none);
    size_t findings = 0;
    if (none == NULL) {
        doctor->lacks = true;
        return;
    }
    progress_begin(&proof.progress, "records", 0);
    const int code = store_check(doctor->cli->store, proof.has_tiers ? doctor->cli->tiers : none,
                                 on_finding, &proof, on_progress, &proof, &findings, &why);
    progress_end(&proof.progress);
    free(none);
    doctor->part = DOCTOR_STORE;
    if (code == 0)
        prove_sum(&proof);
    if (code != 0)
        doctor_failed(doctor, DOCTOR_ERROR, doctor->cli->config.store, &why);
    else if (proof.more > 0)
        doctor_found(doctor, DOCTOR_WARNING, doctor->cli->config.store, "esp-tokenctl check",
                     "%zu more findings of the same kinds", proof.more);
    else if (proof.shown == 0)
        doctor_looked(doctor, "every page, record, index and count");
}

/* --- who reads it, and how full it is --- */

struct readers {
    struct doctor *doctor;
    unsigned count;
};

static void on_reader(void *arg, const struct db_reader *reader)
{
    struct readers *readers = arg;
    char process[PROCESS_NAME_SIZE], remedy[32];
    readers->count++;
    if (reader->behind <= BEHIND_MAX)
        return;
    process_name(reader->pid, process);
    snprintf(remedy, sizeof remedy, "kill %d", reader->pid);
    doctor_found(readers->doctor, DOCTOR_WARNING, process, remedy,
                 "%s reads a state of the store that is %llu transactions old, so the store grows "
                 "with every change",
                 process, (unsigned long long)reader->behind);
}

static void look_at_map(struct doctor *doctor, const struct db_health *health)
{
    const struct config *config = &doctor->cli->config;
    const unsigned percent = (unsigned)(health->used * 100 / health->map_size);
    doctor->part = DOCTOR_STORE;
    if (percent >= FULL_PERCENT)
        doctor_found(doctor, DOCTOR_WARNING, config->store, NULL,
                     "%s: %u %% of its map_size is used; raise [store] map_size in %s",
                     config->store, percent, config->file);
    else
        doctor_looked(doctor, "%u %% of map_size (%llu MiB) is used", percent,
                      (unsigned long long)(config->map_size >> 20));
}

static void look_at_health(struct doctor *doctor)
{
    struct espt_error why;
    struct db_health health;
    struct readers readers = {.doctor = doctor};
    doctor->part = DOCTOR_READERS;
    if (db_health(doctor->cli->store, &health, on_reader, &readers, &why) != 0) {
        doctor_failed(doctor, DOCTOR_ERROR, doctor->cli->config.store, &why);
    } else if (!health.shared) {
        doctor_found(doctor, DOCTOR_WARNING, doctor->cli->config.store, NULL,
                     "%s: its lock is held by a stopped esp-tokenctl; continue or end that process "
                     "(see the column STAT of 'ps ax')",
                     doctor->cli->config.store);
    } else {
        doctor_looked(doctor, "%u other process%s read%s the store", readers.count,
                      readers.count == 1 ? "" : "es", readers.count == 1 ? "s" : "");
        look_at_map(doctor, &health);
    }
}

void doctor_store(struct doctor *doctor)
{
    struct espt_error why;
    struct cli *cli = doctor->cli;
    load_tiers(doctor);
    doctor->part = DOCTOR_STORE;
    if (trust_missing(cli->config.store)) {
        doctor_skipped(doctor, "%s, which is missing", cli->config.store);
        return;
    }
    if (cli_store(cli, &why) != 0) {
        if (geteuid() != 0 && access(cli->config.store, R_OK | W_OK) != 0 && errno == EACCES)
            doctor_skipped(doctor, "%s: this user may not open it; run as root", cli->config.store);
        else
            doctor_failed(doctor, DOCTOR_ERROR, cli->config.store, &why);
        return;
    }
    look_at_health(doctor);
    prove(doctor);
}
