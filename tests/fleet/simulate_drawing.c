/* SPDX-License-Identifier: ISC */
/* The drawing: the path of a change from the origin to the edges, with its traffic. */
#include "fleet/simulate.h"

#include <stdio.h>
#include <stdlib.h>

static void box(FILE *out, int x, int y, int width, int height, const char *one, const char *two)
{
    fprintf(out,
            "<rect x='%d' y='%d' width='%d' height='%d' rx='6' fill='#f4f6f8' stroke='#3b6ea5'/>\n"
            "<text x='%d' y='%d' font-weight='bold'>%s</text><text x='%d' y='%d'>%s</text>\n",
            x, y, width, height, x + 12, y + 24, one, x + 12, y + 44, two);
}

static void arrow(FILE *out, int x1, int y1, int x2, int y2, const char *words)
{
    fprintf(out,
            "<line x1='%d' y1='%d' x2='%d' y2='%d' stroke='#666' stroke-width='1.5' "
            "marker-end='url(#a)'/>\n<text x='%d' y='%d' font-size='11' fill='#444' "
            "text-anchor='middle'>%s</text>\n",
            x1, y1, x2, y2, (x1 + x2) / 2, (y1 + y2) / 2 - 7, words);
}

void draw(const char *path, const struct scenario *scenario, const struct result *result)
{
    static const char *const names[REGIONS] = {"Region A", "Region B", "Region C"};
    char one[128], two[128];
    FILE *out = fopen(path, "we");
    if (out == NULL)
        exit((perror(path), EXIT_FAILURE));
    fputs("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 860 330' font-family='sans-serif' "
          "font-size='13'>\n<!-- SPDX-License-Identifier: ISC; written by make simulate-fleet -->\n"
          "<defs><marker id='a' markerWidth='8' markerHeight='8' refX='7' refY='4' orient='auto'>"
          "<path d='M0,0 L8,4 L0,8 z' fill='#666'/></marker></defs>\n"
          "<rect width='860' height='330' fill='white'/>\n",
          out);
    snprintf(one, sizeof one, "%.0f changes a second", scenario->changes);
    box(out, 10, 130, 180, 60, "Sites, publisher", one);
    snprintf(two, sizeof two, "%.2f MB/s, %.0f req/s", result->origin.bytes / 1e6,
             result->origin.requests);
    box(out, 250, 130, 180, 60, "Origin", two);
    arrow(out, 190, 160, 250, 160, "files");
    for (int i = 0; i < REGIONS; i++) {
        const int y = 20 + 110 * i;
        snprintf(one, sizeof one, "%u cache%s, %u ms away", scenario->caches,
                 scenario->caches == 1 ? "" : "s", ORIGIN_MS(i));
        box(out, 475, y, 172, 60, names[i], one);
        snprintf(two, sizeof two, "%zu edges", scenario->edges / REGIONS);
        box(out, 730, y, 120, 60, "Edges", two);
        arrow(out, 430, 160, 475, y + 30, "");
        snprintf(two, sizeof two, "%.0f k req/s", result->region.requests / 1e3);
        arrow(out, 647, y + 22, 730, y + 22, two);
        snprintf(two, sizeof two, "%.1f Gbit/s", result->region.bytes * 8 / 1e9);
        fprintf(out,
                "<text x='688' y='%d' font-size='11' fill='#444' text-anchor='middle'>%s</text>\n",
                y + 40, two);
    }
    snprintf(one, sizeof one,
             "from a change to an edge: %.2f s median, %.2f s for 99 of 100, %.2f s at most",
             result->p50, result->p99, result->most);
    fprintf(out, "<text x='10' y='318'>%s</text>\n</svg>\n", one);
    if (fclose(out) != 0)
        exit((perror(path), EXIT_FAILURE));
}
