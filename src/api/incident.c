// SPDX-License-Identifier: Apache-2.0
// IncidentService beyond commands and queries: the check of a draft, which needs no state.
#include "api/context.h"
#include "api/rules.h"
