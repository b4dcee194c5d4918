/* One row a subcommand; each stands in its own cmd_*.c. */
#ifndef ICN_TOOLS_COMMANDS_H
#define ICN_TOOLS_COMMANDS_H

#include "options.h"

extern const command command_devices, command_classify, command_run, command_bench, command_plan, command_check, command_tune,
    command_report, command_models, command_cache, command_selftest, command_quarantine, command_recipe, command_evaluate, command_convert;

#endif
