// SPDX-License-Identifier: Apache-2.0
// YAML out of JSON: the same names and values, in block style, for people and for diff.
#ifndef WF_CLI_YAML_H
#define WF_CLI_YAML_H

#include <stddef.h>
#include <stdio.h>

#include "base/result.h"

// Write the JSON text to out as YAML. INVALID_ARGUMENT for what is not JSON.
int wf_yaml_from_json(const char *json, size_t len, FILE *out, struct wf_err *err);

#endif
