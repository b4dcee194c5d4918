#include "options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMNS = 100, MAX_OPTIONS = 64 };

/* -------------------------------------------------------------------- help */

/* Words of `text` broken into lines; the first line starts in column `at`, the others are indented by `indent`. */
static void print_wrapped(const char *text, int at, int indent) {
  bool line_begins = true;
  while (*text != '\0') {
    int length = (int)strcspn(text, " ");
    if (!line_begins && at + 1 + length > HELP_COLUMNS) {
      printf("\n%*s", indent, "");
      at = indent;
      line_begins = true;
    }
    at += printf("%s%.*s", line_begins ? "" : " ", length, text);
    line_begins = false;
    text += length;
    text += strspn(text, " ");
  }
  putchar('\n');
}

/* A name of one letter is written with one dash. */
static const char *dashes(const option *o) { return o->name[1] == '\0' ? "-" : "--"; }

static int option_label(const option *o, char *label, size_t bytes) {
  return snprintf(label, bytes, "  %s%s%s%s", dashes(o), o->name, o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
}

static void print_help(const command *c, const option *options, size_t count) {
  char label[80];
  int width = option_label(&(option){.name = "help"}, label, sizeof label);
  for (size_t i = 0; i < count; i++) {
    int length = option_label(&options[i], label, sizeof label);
    width = length > width ? length : width;
  }
  int at = printf("usage: clinception %s ", c->name);
  print_wrapped(c->usage, at, at);
  putchar('\n');
  print_wrapped(c->description, 0, 0);
  printf("\noptions:\n");
  for (size_t i = 0; i < count; i++) {
    option_label(&options[i], label, sizeof label);
    printf("%-*s  ", width, label);
    print_wrapped(options[i].help, width + 2, width + 2);
  }
  printf("%-*s  show this text\n", width, "  --help");
  printf("\nexamples:\n%s", c->examples);
}

/* ------------------------------------------------------------------ values */

static size_t edit_distance(const char *a, const char *b) {
  size_t row[64], b_length = strlen(b);
  if (b_length >= 64) return 64;
  for (size_t j = 0; j <= b_length; j++) row[j] = j;
  for (size_t i = 0; a[i] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b_length; j++) {
      size_t best = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
      row[j + 1] = best;
    }
  }
  return row[b_length];
}

const char *closest_name(const char *wrong, const char *const *names, size_t count) {
  const char *best = NULL;
  size_t least = strlen(wrong) / 2 < 3 ? strlen(wrong) / 2 + 1 : 4;
  for (size_t i = 0; i < count; i++) {
    size_t distance = edit_distance(wrong, names[i]);
    if (distance >= least) continue;
    least = distance;
    best = names[i];
  }
  return best;
}

/* A whole, finite number; false where anything else stands. */
static bool read_number(const char *text, const char **end, double *number) {
  char *stop;
  if (strchr("+-.0123456789", *text) == NULL || *text == '\0') return false;
  *number = strtod(text, &stop);
  *end = stop;
  return stop != text && isfinite(*number);
}

static int set_number(const command *c, const option *o, const char *text) {
  const char *end = text;
  double number = 0.0;
  bool good = read_number(text, &end, &number) && *end == '\0' && number >= o->least && number <= o->largest;
  if (o->kind == OPTION_INTEGER) {
    if (!good || number != floor(number) || strpbrk(text, ".eExX") != NULL)
      return tool_usage("%s: option --%s expects a whole number from %.0f to %.0f, got '%s'", c->name, o->name, o->least, o->largest, text);
    *(long *)o->target = (long)number;
  } else {
    if (!good) return tool_usage("%s: option --%s expects a number from %g to %g, got '%s'", c->name, o->name, o->least, o->largest, text);
    *(double *)o->target = number;
  }
  return TOOL_OK;
}

static int set_numbers(const command *c, const option *o, const char *text) {
  double value[3];
  int count = 0;
  bool more = true, good = true;
  for (const char *at = text; good && more && count < 3; count++) {
    const char *end = at;
    good = read_number(at, &end, &value[count]) && value[count] >= o->least && value[count] <= o->largest;
    more = *end == ',';
    good = good && (more ? count < 2 : *end == '\0');
    at = end + more;
  }
  if (!good || count == 2)
    return tool_usage("%s: option --%s expects one number or three with commas, each from %g to %g, got '%s'", c->name, o->name, o->least,
                      o->largest, text);
  for (int k = 0; k < 3; k++) ((double *)o->target)[k] = value[count == 1 ? 0 : k];
  return TOOL_OK;
}

/* A number with a unit of bytes behind it; false for what is none, is below one byte or beyond 2^62. */
static bool read_bytes(const char *text, uint64_t *bytes) {
  static const struct {
    const char *name;
    double bytes;
  } UNITS[] = {{"", 1},     {"B", 1},    {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
               {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6},     {"GB", 1e9},        {"TB", 1e12}};
  const char *end = text;
  double number = 0.0;
  if (strpbrk(text, "eExXpP") != NULL || !read_number(text, &end, &number)) return false;
  while (*end == ' ') end++;
  for (size_t i = 0; i < sizeof UNITS / sizeof UNITS[0]; i++) {
    if (strcmp(end, UNITS[i].name) != 0) continue;
    number *= UNITS[i].bytes;
    if (!(number >= 1.0 && number <= 0x1p62)) return false;
    *bytes = (uint64_t)number;
    return true;
  }
  return false;
}

static int set_bytes(const command *c, const option *o, const char *text) {
  if (read_bytes(text, o->target)) return TOOL_OK;
  return tool_usage("%s: option --%s expects a number of bytes, such as 104857600, 100MiB or 1.5GiB, got '%s'", c->name, o->name, text);
}

static int set_value(const command *c, const option *o, const char *text) {
  switch (o->kind) {
    case OPTION_FLAG:
      *(bool *)o->target = true;
      return TOOL_OK;
    case OPTION_INTEGER:
    case OPTION_REAL:
      return set_number(c, o, text);
    case OPTION_REALS:
      return set_numbers(c, o, text);
    case OPTION_BYTES:
      return set_bytes(c, o, text);
    case OPTION_TEXT:
    case OPTION_TEXTS:
      break;
  }
  if (*text == '\0') return tool_usage("%s: option %s%s expects %s, got an empty text", c->name, dashes(o), o->name, o->value);
  if (o->kind == OPTION_TEXT)
    *(const char **)o->target = text;
  else
    text_list_add(o->target, text);
  return TOOL_OK;
}

/* ----------------------------------------------------------------- parsing */

static int unknown_option(const command *c, const option *options, size_t count, const char *argument) {
  const char *names[MAX_OPTIONS];
  size_t length = strcspn(argument + 2, "=");
  char *wrong = tool_format("%.*s", (int)length, argument + 2);
  for (size_t i = 0; i < count && i < MAX_OPTIONS; i++) names[i] = options[i].name;
  const char *close = argument[1] == '-' ? closest_name(wrong, names, count < MAX_OPTIONS ? count : MAX_OPTIONS) : NULL;
  int code = close != NULL ? tool_usage("%s: unknown option '--%s': did you mean --%s? ('clinception %s --help' lists the options)",
                                        c->name, wrong, close, c->name)
                           : tool_usage("%s: unknown option '%s' ('clinception %s --help' lists the options)", c->name, argument, c->name);
  free(wrong);
  return code;
}

static const option *find_option(const option *options, size_t count, const char *name, size_t length) {
  for (size_t i = 0; i < count; i++)
    if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0) return &options[i];
  return NULL;
}

/* One option at argv[*at]; moves *at over its value. */
static int parse_option(const command *c, const option *options, size_t count, int argc, char **argv, int *at, bool *given) {
  const char *argument = argv[*at], *name = argument + (argument[1] == '-' ? 2 : 1);
  size_t length = strcspn(name, "=");
  const option *o = argument[1] == '-' || length == 1 ? find_option(options, count, name, length) : NULL;
  if (o == NULL) return unknown_option(c, options, count, argument);
  if (given[o - options] && o->kind != OPTION_TEXTS) return tool_usage("%s: option %s%s is given twice", c->name, dashes(o), o->name);
  given[o - options] = true;
  if (name[length] == '=') {
    if (o->kind == OPTION_FLAG)
      return tool_usage("%s: option %s%s takes no value, got '%s'", c->name, dashes(o), o->name, name + length + 1);
    return set_value(c, o, name + length + 1);
  }
  if (o->kind == OPTION_FLAG) return set_value(c, o, NULL);
  if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
    return tool_usage("%s: option %s%s needs a value: %s%s %s", c->name, dashes(o), o->name, dashes(o), o->name, o->value);
  return set_value(c, o, argv[++*at]);
}

int options_parse(const command *c, const option *options, size_t count, int argc, char **argv, text_list *positionals) {
  bool given[MAX_OPTIONS] = {false};
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
    print_help(c, options, count);
    return OPTIONS_HELP;
  }
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--") == 0) {
      while (++i < argc) text_list_add(positionals, argv[i]);
    } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
      int code = parse_option(c, options, count, argc, argv, &i, given);
      if (code != TOOL_OK) return code;
    } else {
      text_list_add(positionals, argv[i]);
    }
  }
  return TOOL_OK;
}
