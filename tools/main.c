/* clinception SUBCOMMAND: dispatch, --help, --version, and the last look at standard output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "terminal.h"

static const command *const commands[] = {&command_devices, &command_classify, &command_evaluate,   &command_run,    &command_bench,
                                          &command_plan,    &command_check,    &command_tune,       &command_report, &command_models,
                                          &command_cache,   &command_selftest, &command_quarantine, &command_recipe, &command_convert};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_overview(void) {
  printf(
      "usage: clinception SUBCOMMAND [options]\n\n"
      "Runs Inception networks (and other CNNs) from ONNX files on any OpenCL device.\n\n"
      "subcommands:\n");
  for (size_t i = 0; i < COMMAND_COUNT; i++) printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  printf(
      "\n'clinception SUBCOMMAND --help' explains one of them with examples. Wherever a model file is expected,\n"
      "a built-in network such as 'builtin:inception_v3' (synthetic weights) does as well; 'clinception models' lists them.\n\n"
      "options:\n"
      "  --version  show the version\n"
      "  --help     show this text\n\n"
      "environment:\n"
      "  CLINCEPTION_OPENCL_LIBRARY   the OpenCL library to open instead of the system's, or none\n"
      "  CLINCEPTION_CLBLAST_LIBRARY  the CLBlast library to open instead of the system's, or none\n"
      "  CLINCEPTION_CACHE_DIR        where built programs and packed weights are kept, or none\n"
      "  CLINCEPTION_CACHE_BYTES      how much packed weights take there at most; default 1 GiB, 0: none are kept\n"
      "  CLINCEPTION_TUNE_FILE        what 'clinception tune' found; shipped: only what came with the library; none: neither\n"
      "  CLINCEPTION_SELF_TEST        on (default), off, or always: kernels are tested before their first use\n"
      "  CLINCEPTION_KERNEL_DIR       read kernel sources from here (for developers)\n\n"
      "exit code: 0 done, 1 failed, 2 wrong usage; every error is one sentence on standard error\n\n"
      "start here:\n"
      "  clinception devices\n"
      "  clinception models\n"
      "  clinception bench builtin:inception_v3\n");
}

static int unknown_command(const char *name) {
  const char *names[COMMAND_COUNT];
  for (size_t i = 0; i < COMMAND_COUNT; i++) names[i] = commands[i]->name;
  const char *close = closest_name(name, names, COMMAND_COUNT);
  if (close != NULL) return tool_usage("unknown subcommand '%s': did you mean %s? ('clinception --help' lists them)", name, close);
  return tool_usage("unknown subcommand '%s' ('clinception --help' lists them)", name);
}

static int dispatch(int argc, char **argv) {
  if (argc < 2)
    return tool_usage(
        "a subcommand is missing: devices, classify, evaluate, run, bench, plan, check, tune, report, models, cache, selftest, quarantine "
        "or recipe "
        "('clinception --help' "
        "explains them)");
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0) {
    printf("clinception %s\n", icn_version());
    return TOOL_OK;
  }
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
    print_overview();
    return TOOL_OK;
  }
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(name, commands[i]->name) == 0) return commands[i]->run(argc - 2, argv + 2);
  return unknown_command(name);
}

int main(int argc, char **argv) {
  terminal_setup();
  int code = dispatch(argc, argv);
  errno = 0;
  bool failed = fflush(stdout) != 0;
  if (code == TOOL_OK && (failed || ferror(stdout))) {
    const char *reason = errno != 0 ? strerror(errno) : "a write failed";
    bool is_left = errno == EPIPE || terminal_reader_is_gone(); /* as by `| head`: no error to speak of */
    code = is_left ? TOOL_FAILED : tool_fail("cannot write to standard output: %s", reason);
  }
  return code;
}
