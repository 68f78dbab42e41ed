// SPDX-License-Identifier: Apache-2.0
// watchfire(1).
#include <signal.h>

#include "cli/cli.h"

int main(int argc, char *argv[])
{
    // A reader that went away ("| head") shows as a failed write, not as a death.
    signal(SIGPIPE, SIG_IGN);
    return wf_cli_main(argc, argv, stdin, stdout, stderr);
}
