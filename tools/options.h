/* Command lines by table: `--name value`, `--name=value`, `-n value`, flags, positional arguments, `--` and `--help`. */
#ifndef ICN_TOOLS_OPTIONS_H
#define ICN_TOOLS_OPTIONS_H

#include "tool.h"

typedef enum option_kind {
  OPTION_FLAG,    /* bool *target */
  OPTION_TEXT,    /* const char **target; not empty */
  OPTION_TEXTS,   /* text_list *target; may be given several times */
  OPTION_INTEGER, /* long *target, least to largest */
  OPTION_REAL,    /* double *target, least to largest */
  OPTION_BYTES,   /* uint64_t *target, 1 or more: "1048576", "100MiB", "1.5GiB" */
  OPTION_REALS    /* double target[3]; one number stands for all three */
} option_kind;

typedef struct option {
  const char *name;  /* of one letter: written with one dash */
  const char *value; /* what --help calls the value, NULL for a flag */
  option_kind kind;
  void *target;
  double least, largest;
  const char *help;
} option;

typedef struct command {
  const char *name;
  const char *usage;       /* behind "clinception NAME " */
  const char *summary;     /* one line, for the list of subcommands */
  const char *description; /* paragraphs */
  const char *examples;    /* lines */
  int (*run)(int argc, char **argv);
} command;

/* Parses argv[0..argc) (without the subcommand). Ends with TOOL_OK, TOOL_USAGE (a sentence was printed), or OPTIONS_HELP (help was printed;
 * the exit code is 0 then). Options may stand anywhere; positional arguments are added to `positionals`. */
enum { OPTIONS_HELP = -1 };
int options_parse(const command *c, const option *options, size_t count, int argc, char **argv, text_list *positionals);

/* The name in `names` that is closest to `wrong`, NULL when none is close. */
const char *closest_name(const char *wrong, const char *const *names, size_t count);

#endif
