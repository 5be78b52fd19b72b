/* SPDX-License-Identifier: ISC */
/*
 * The smallest host. It needs only libc, so that its test chooses what else is in the process:
 * plain_host PLUGIN CONFIG [LIBRARY...] loads the libraries globally, then the plugin, and
 * validates the token on standard input. It prints the reason.
 *
 * With VALIDATIONS=n in the environment it validates n times, and goes on for a second and a half.
 * Calls of getppid() mark the start and the end; allocations between them are reported.
 */
#include "espt/validator.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MIN_MS 2500

static unsigned long allocations;

#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
/* libc's own names for these functions; the plugin's calls come here first. */
#define COUNTED __attribute__((visibility("default")))
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);
COUNTED void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}
COUNTED void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}
COUNTED void *realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}
COUNTED void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __libc_memalign(alignment, size);
}
COUNTED void free(void *memory)
{
    allocations++;
    __libc_free(memory);
}
#endif

static const espt_validator *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    const espt_validator *(*get)(uint32_t);
    *(void **)&get = dlsym(library, "espt_validator_get");
    return get(ESPT_ABI);
}

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Every kind of question that a host may ask, in turn. */
static void validate_many(const espt_validator *plugin, espt_ctx *ctx, const espt_query *query,
                          unsigned long count)
{
    espt_query queries[5] = {*query, *query, *query, *query, *query};
    char other[64] = "";
    memcpy(other, query->token, query->token_len);
    other[query->token_len - 1] ^= 1; /* malformed */
    queries[1].token = other;
    queries[2].metric = "asn.traffic";
    queries[2].metric_len = 11;
    queries[3].entity = "nobody";
    queries[3].entity_len = 6;
    queries[4].now = INT64_C(1) << 40; /* expired */
    espt_result result = {.size = sizeof result};
    const int64_t start = clock_ms();
    unsigned long done = 0, allowed = 0;
    syscall(SYS_getppid);
    const unsigned long before = allocations;
    for (; done < count || clock_ms() - start < MIN_MS; done++) {
        allowed += (unsigned long)plugin->validate(ctx, &queries[done % 5], &result);
        allowed += (unsigned long)plugin->allows(ctx, &result, "kpi.x", 5);
    }
    const unsigned long allocated = allocations - before;
    syscall(SYS_getppid);
    printf("%lu validations, %lu allowed, %lu allocations, %lld ms\n", done, allowed, allocated,
           (long long)(clock_ms() - start));
}

int main(int argc, char **argv)
{
    char text[64] = "", err[512];
    espt_ctx *ctx;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* tests/fault/trace.c counts from here on */
    for (int i = 3; i < argc; i++) {
        if (dlopen(argv[i], RTLD_NOW | RTLD_GLOBAL) == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 2;
        }
    }
    if (argc < 3 || fgets(text, sizeof text, stdin) == NULL)
        return 2;
    const espt_validator *plugin = load(argv[1]);
    if (plugin->open(&ctx, argv[2], NULL, NULL, err, sizeof err) != 1) {
        fprintf(stderr, "%s\n", err);
        return 3;
    }
    const espt_query query = {
        .size = sizeof query, .token = text, .token_len = strcspn(text, "\n")};
    espt_result result = {.size = sizeof result};
    plugin->validate(ctx, &query, &result);
    const char *many = getenv("VALIDATIONS");
    if (many != NULL)
        validate_many(plugin, ctx, &query, strtoul(many, NULL, 10));
    plugin->refresh(ctx, NULL, 0);
    plugin->close(ctx);
    puts(plugin->reason(result.status));
    return 0;
}
