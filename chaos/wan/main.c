// SPDX-License-Identifier: Apache-2.0
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "wan/hub.h"

static const char usage[] =
    "usage: wan --topology three|five|flat:RTT_MS:N|FILE --netns-prefix P --control SOCKET\n"
    "           [--trace FILE] [--seed S]\n";

static int refuse(const char *why)
{
    fprintf(stderr, "wan: %s\n%s", why, usage);
    return 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"topology", required_argument, NULL, 't'}, {"netns-prefix", required_argument, NULL, 'n'},
        {"control", required_argument, NULL, 'c'},  {"trace", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},     {NULL, 0, NULL, 0}};
    struct wan_hub_options o = {.seed = 1};
    const char *what = NULL;
    char *end = NULL;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 't':
            what = optarg;
            break;
        case 'n':
            o.netns_prefix = optarg;
            break;
        case 'c':
            o.control = optarg;
            break;
        case 'f':
            o.trace = optarg;
            break;
        case 's':
            o.seed = strtoull(optarg, &end, 0);
            break;
        default:
            return refuse("that was not understood");
        }
    }
    if (end && *end)
        return refuse("--seed is a number");
    if (optind < argc || !what || !o.netns_prefix || !o.control)
        return refuse("give --topology, --netns-prefix and --control");
    struct wan_topology t;
    struct wf_err err;
    if (wan_topology_load(&t, what, &err) != WF_OK || wan_hub_run(&t, &o, &err) != WF_OK) {
        fprintf(stderr, "wan: %s\n", err.msg);
        return 1;
    }
    return 0;
}
