/* SPDX-License-Identifier: ISC */
/*
 * Several commands of every kind run at once on one store and are killed at random moments,
 * $FAULT_KILLS times in all: each change is complete or absent, a reported success is real, no text
 * is lost, and check finds nothing.
 */
#include "cli/drive.h"
#include "fault/kills.h"
#include "fault/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define AT_ONCE_WORKERS 6
#define TOKENS 3

static struct world world;

/* The expected state of a worker's own entity, which no other worker changes. */
struct model {
    unsigned worker, generation; /* in the entity's name */
    bool active, advanced, of_shop;
    bool second; /* a second entity that this worker adds and removes */
    struct {
        unsigned generation; /* in the token's name */
        bool there, active, retiring;
    } token[TOKENS];
};

__attribute__((format(printf, 1, 2))) static const char *format(const char *form, ...)
{
    static char texts[16][600];
    static size_t next;
    char *text = texts[next++ % 16];
    va_list args;
    va_start(args, form);
    vsnprintf(text, sizeof texts[0], form, args);
    va_end(args);
    return text;
}

static const char *entity_of(const struct model *model)
{
    return format("worker%u.%u", model->worker, model->generation);
}

static const char *name_of(const struct model *model, size_t t)
{
    return format("t%zu.%u", t, model->token[t].generation);
}

static const char *token_of(const struct model *model, size_t t)
{
    return format("%s/%s", entity_of(model), name_of(model, t));
}

static void must(bool good, const char *what, const char *text)
{
    if (good)
        return;
    fprintf(stderr, "%s: %s\n", what, text);
    _exit(97);
}

static char *render(const struct model *model)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    fprintf(out, "%s %s %s of %s, second %d\n", entity_of(model),
            model->active ? "active" : "inactive", model->advanced ? "advanced" : "lite",
            model->of_shop ? "shop" : "-", model->second);
    for (size_t t = 0; t < TOKENS; t++)
        for (int old = 0; model->token[t].there && old <= 1; old++)
            if (!old || model->token[t].retiring)
                fprintf(out, "%s %s\n", name_of(model, t),
                        !model->token[t].active ? "inactive"
                        : !model->active        ? "suspended"
                        : old                   ? "retiring"
                                                : "active");
    fclose(out);
    return text;
}

static struct run ask(const char *const *args)
{
    struct run run = run_process(world_argv(&world, args), NULL);
    must(run.status == 0 || run.status == 3, args[1], run.err);
    return run;
}
#define ASK(...) ask((const char *const[]){"--json", __VA_ARGS__, NULL})

static void print_tokens(FILE *out, const char *entity)
{
    json_t *list = json_loads(ASK("list", entity, "--sort", "name").out, 0, NULL), *token;
    size_t i;
    json_array_foreach(json_object_get(list, "tokens"), i, token)
    {
        const char *name = json_string_value(json_object_get(token, "name"));
        if (strcmp(name, "default") != 0)
            fprintf(out, "%s %s\n", name, json_string_value(json_object_get(token, "status")));
    }
    json_decref(list);
}

/* NULL: there is none of that name. */
static json_t *find(const json_t *list, const char *name)
{
    json_t *entity;
    size_t i;
    json_array_foreach(json_object_get(list, "entities"), i, entity)
    {
        if (strcmp(json_string_value(json_object_get(entity, "name")), name) == 0)
            return entity;
    }
    return NULL;
}

/* Like render(), but `wanted` may have the next name. */
static char *observe(const struct model *now, const struct model *wanted)
{
    json_t *list = json_loads(ASK("entity", "list").out, 0, NULL);
    const char *name = entity_of(now);
    const json_t *entity = find(list, name);
    if (entity == NULL) {
        name = entity_of(wanted);
        entity = find(list, name);
        must(entity != NULL, "the entity is gone", name);
    }
    const char *reseller = json_string_value(json_object_get(entity, "reseller"));
    const bool second = find(list, format("second%u", now->worker)) != NULL;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    fprintf(out, "%s %s %s of %s, second %d\n", name,
            json_string_value(json_object_get(entity, "status")),
            json_string_value(json_object_get(entity, "tier")), reseller != NULL ? reseller : "-",
            second);
    print_tokens(out, name);
    fclose(out);
    json_decref(list);
    return text;
}

struct step {
    const char *args[12];
    struct model after;
};
#define ARGS(...) memcpy(step.args, ((const char *const[12]){__VA_ARGS__}), sizeof step.args)

static struct step step_of_token(const struct model *model)
{
    struct step step = {.after = *model};
    const size_t t = (size_t)random() % TOKENS;
    const bool there = model->token[t].there, retiring = model->token[t].retiring;
    const char *file = format("@lines%u", model->worker);
    const long way = random() % 6;
    step.after.token[t].generation += !there || way == 0;
    const char *name = name_of(&step.after, t), *token = token_of(model, t);
    if (!there) {
        step.after.token[t].there = step.after.token[t].active = true;
        step.after.token[t].retiring = false;
        file_text(in_folder(world.folder, file + 1), format("%s\n", name));
    }
    if (!there && way == 0)
        ARGS("create", entity_of(model), "--from", file);
    else if (!there && way == 1)
        ARGS("create", entity_of(model), name, "--copy");
    else if (!there)
        ARGS("create", entity_of(model), name, "-q", "--expires", "90d");
    else if (way == 0)
        ARGS("edit", token, "--name", name);
    else if (way == 1) {
        step.after.token[t].active = !model->token[t].active;
        ARGS("edit", token, "--status", model->token[t].active ? "inactive" : "active");
    } else if (way <= 3) {
        step.after.token[t].retiring = !retiring;
        ARGS(retiring ? "retire" : "rotate", token);
    } else {
        step.after.token[t].there = false;
        ARGS("remove", token, "--yes");
    }
    return step;
}

static struct step step_of_entity(const struct model *model)
{
    struct step step = {.after = *model};
    const char *entity = entity_of(model), *second = format("second%u", model->worker);
    switch (random() % 5) {
    case 0:
        step.after.generation++;
        ARGS("entity", "edit", entity, "--name", entity_of(&step.after));
        break;
    case 1:
        step.after.active = !model->active;
        ARGS("entity", "edit", entity, "--status", model->active ? "inactive" : "active");
        break;
    case 2:
        step.after.advanced = !model->advanced;
        ARGS("entity", "edit", entity, "--tier", model->advanced ? "lite" : "advanced");
        break;
    case 3:
        step.after.of_shop = !model->of_shop;
        ARGS("entity", "edit", entity, "--reseller", model->of_shop ? "none" : "shop");
        break;
    default:
        step.after.second = !model->second;
        if (model->second)
            ARGS("entity", "remove", second, "--yes");
        else
            ARGS("entity", "add", second, "--kind", "customer", "--reseller", "shop");
    }
    return step;
}

/* Commands that change nothing visible. */
static struct step step_of_store(const struct model *model)
{
    struct step step = {.after = *model};
    const char *backup = format("@other%u.mdb", model->worker);
    switch (random() % 5) {
    case 0:
        unlink(in_folder(world.folder, backup + 1));
        unlink(in_folder(world.folder, format("%s.manifest", backup + 1)));
        ARGS("backup", backup);
        break;
    case 1:
        ARGS("key", "rotate");
        break;
    case 2:
        ARGS("key", "passphrase", "--remove");
        break;
    case 3:
        ARGS("usage", "fold");
        break;
    default:
        ARGS("show", format("%s/default", entity_of(model)), "--reveal");
    }
    return step;
}

/* Returns 1 if it was killed. */
static unsigned long step(struct model *model)
{
    const long kind = random() % 10;
    const struct step step = kind < 6   ? step_of_token(model)
                             : kind < 9 ? step_of_entity(model)
                                        : step_of_store(model);
    const int status = run_for(world_argv(&world, step.args), random() % 15000, NULL);
    char *before = render(model), *wanted = render(&step.after);
    char *now = observe(model, &step.after);
    const bool done = strcmp(now, wanted) == 0;
    const char *what = format("%s %s %s %s, status %d", step.args[0], step.args[1],
                              step.args[2] != NULL ? step.args[2] : "",
                              step.args[3] != NULL ? step.args[3] : "", status);
    must(done || strcmp(now, before) == 0, what,
         format("half done:\n%s\nbefore:\n%s", now, before));
    must(status != 0 || done, what, "reported done, and is not");
    /* another worker changed the key file meanwhile */
    must(status <= 0 || (status == 4 && strcmp(step.args[0], "key") == 0), what, now);
    if (done)
        *model = step.after;
    tally_count(status, done && strcmp(before, wanted) != 0);
    free(before);
    free(wanted);
    free(now);
    return status < 0;
}

static void work(unsigned worker, unsigned long count)
{
    struct model model = {.worker = worker, .active = true, .of_shop = true};
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* world_reset() ends orphaned processes */
    srandom(worker + 1);
    for (unsigned long killed = 0; killed < count;) {
        killed += step(&model);
        if (killed % 64 == 0)
            world_end_waiting();
    }
    world_end_waiting();
    for (size_t t = 0; t < TOKENS; t++)
        if (model.token[t].there)
            must(strstr(ASK("show", token_of(&model, t), "--reveal").out, "esptk_") != NULL,
                 "its text is lost", token_of(&model, t));
    _exit(0);
}

static void add(const char *name, const char *kind, const char *reseller)
{
    struct run run =
        CTL(world.config, NULL, "entity", "add", name, "--kind", kind,
            reseller != NULL ? "--reseller" : "--tier", reseller != NULL ? reseller : "advanced");
    ck_assert_msg(run.status == 0, "%s", run.err);
}

START_TEST(several_commands_at_once)
{
    world_make(&world);
    tally_begin();
    char command[1024];
    snprintf(command, sizeof command,
             "sed -i 's/^max_tokens.*/max_tokens = unlimited/' '%s/tiers.ini'", world.folder);
    ck_assert_int_eq(run_process((const char *const[]){"sh", "-c", command, NULL}, NULL).status, 0);
    add("shop", "reseller", NULL);
    pid_t child[AT_ONCE_WORKERS];
    for (unsigned i = 0; i < AT_ONCE_WORKERS; i++) {
        add(format("worker%u.0", i), "customer", "shop");
        child[i] = fork();
        if (child[i] == 0)
            work(i, kills() / AT_ONCE_WORKERS + 1);
    }
    for (unsigned i = 0; i < AT_ONCE_WORKERS; i++) {
        int status;
        ck_assert_int_eq(waitpid(child[i], &status, 0), child[i]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "worker %u: %x", i, status);
    }
    free(world_sound_state(&world));
    world_check_reveals(&world);
    printf("several at once: %lu killed, %lu of them with the change whole; %lu reported done\n",
           tally->whole + tally->absent, tally->whole, tally->reported);
}
END_TEST
int main(void)
{
    Suite *suite = suite_create("kills_many");
    TCase *tests = tcase_create("kills_many");
    tcase_set_timeout(tests, 3600);
    tcase_add_test(tests, several_commands_at_once);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
