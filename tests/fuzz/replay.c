// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over the files of its corpus where libFuzzer is not at hand (gcc, or a build
// without WF_FUZZ): what once broke a parser is tried in every build.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4 * 1024 * 1024 };

// Each input gets an allocation of its exact size, so that ASan sees a read past its end.
static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    uint8_t *all = malloc(INPUT_MAX);
    size_t n = all ? fread(all, 1, INPUT_MAX, f) : 0;
    uint8_t *exact = all ? malloc(n ? n : 1) : NULL;
    int rc = exact && !ferror(f) ? 0 : -1;
    fclose(f);
    if (rc == 0) {
        memcpy(exact, all, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    free(exact);
    free(all);
    return rc;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    int n = 0, bad = 0;
    char path[4096];
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        bad += replay(path) != 0;
        n++;
    }
    closedir(dir);
    printf("replayed %d inputs\n", n);
    return n > 0 && bad == 0 ? 0 : 1;
}
