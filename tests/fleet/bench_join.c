/* SPDX-License-Identifier: ISC */
/* How long a new edge takes to join, by the size of the store. The store is written without a fleet
   (bench/corpus.c), becomes the store of a site, and is published; the edge joins over nginx. */
#include "fleet/bench_fleet.h"

#include "fleet/web.h"
#include "store/store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALLEST 100000
#define LARGEST 10000000
#define TARGET_S 20

static const char *below(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL ? folder : "/tmp";
}

/* Turns the store of the corpus into the first site of a fleet whose journal is a folder. */
static void make_site(const struct corpus *corpus, struct fleet_of *ret)
{
    char settings[512];
    struct member *site = &ret->site[0];
    ret->journal = temp_folder();
    *site = (struct member){.folder = corpus->folder, .config = corpus->path, .name = "hq-1"};
    file_text(corpus->path,
              "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n[usage]\nfolder = usage\n"
              "[fleet]\njournal = dir\nname = hq-1\n");
    const int len = snprintf(settings, sizeof settings, "path = %s\n", ret->journal);
    file_write(in_folder(corpus->folder, "journal.conf"), settings, (size_t)len, 0600);
    DONE(*site, "fleet", "key");
    DONE(*site, "fleet", "init");
}

static void make_edge(struct member *ret, const struct corpus *corpus, const struct web *web)
{
    char settings[256];
    ret->config = store_folder(&ret->folder);
    unlink(in_folder(ret->folder, "reveal.key"));
    unlink(in_folder(ret->folder, "reveal.pub"));
    file_text(ret->config,
              "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n[usage]\nfolder = usage\n"
              "[fleet]\njournal = http\nname = edge-1\n");
    const int len = snprintf(settings, sizeof settings, "url = %s\n", web->url);
    file_write(in_folder(ret->folder, "journal.conf"), settings, (size_t)len, 0600);
    file_text(in_folder(ret->folder, "fleet.pub"),
              file_read(in_folder(corpus->folder, "fleet.pub"), NULL));
    file_text(in_folder(ret->folder, "tiers.ini"),
              file_read(in_folder(corpus->folder, "tiers.ini"), NULL));
}

/* The space that the file takes on the disk; holes of a sparse file do not count. */
static double megabytes(const char *path)
{
    struct stat st = {0};
    return stat(path, &st) == 0 ? (double)st.st_blocks * 512 / 1e6 : 0;
}

/* Processor seconds of all children that have ended. */
static double processor_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

struct joining {
    double seconds, processor;
};

static struct joining measure(size_t tokens)
{
    struct corpus corpus;
    struct fleet_of fleet = {0};
    struct publisher publisher;
    struct web web;
    struct member edge;
    struct plugin host;
    corpus_make(&corpus, below(), tokens);
    store_result_printed(); /* otherwise children would keep SIGTERM blocked */
    int64_t begun = clock_ns();
    make_site(&corpus, &fleet);
    progress("fleet init: %.1f s", (double)(clock_ns() - begun) / 1e9);
    begun = clock_ns();
    publisher_prepare(&publisher, &fleet);
    publisher_start(&publisher);
    web_start(&web, publisher.feed, "");
    struct head head;
    while (!publisher_head(&publisher, &head)) {
        if (kill(publisher.pid, 0) != 0)
            die("the publisher ended: %s", file_read(publisher.log, NULL));
        usleep(50000);
    }
    progress("first head of the publisher: %.1f s", (double)(clock_ns() - begun) / 1e9);
    make_edge(&edge, &corpus, &web);
    const double before = processor_s();
    begun = clock_ns();
    DONE(edge, "fleet", "join", "--edge");
    const struct joining took = {(double)(clock_ns() - begun) / 1e9, processor_s() - before};
    bench_host_open(&host, &edge);
    for (size_t i = 0; i < HOT_TOKENS; i++) {
        if (!bench_host_allows(&host, corpus.text[i]))
            die("a token is denied at the edge");
    }
    plugin_close(&host);
    progress("an edge of %zu tokens joined in %.2f s; its store %.0f MB, the site's %.0f MB",
             tokens, took.seconds, megabytes(in_folder(edge.folder, "tokens.mdb")),
             megabytes(in_folder(corpus.folder, "tokens.mdb")));
    bench_fleet_snapshot(&fleet, &publisher, tokens);
    publisher_end(&publisher, SIGTERM);
    web_stop(&web);
    corpus_remove(&corpus);
    return took;
}

void bench_fleet_join(size_t tokens)
{
    for (size_t size = SMALLEST; size <= tokens; size *= 10) {
        char key[32], about[96];
        const struct joining took = measure(size);
        snprintf(key, sizeof key, "join_%zu_s", size);
        snprintf(about, sizeof about, "seconds until a new edge of %zu tokens has joined", size);
        report_figure(key, about, took.seconds, size == LARGEST ? AT_MOST : BOUND_NONE, TARGET_S);
        snprintf(key, sizeof key, "join_%zu_processor_s", size);
        report_figure(key, "processor seconds of that", took.processor, BOUND_NONE, 0);
    }
}
