/* What every subcommand of `clinception` shares: exit codes, errors, memory, tables, numbers. */
#ifndef ICN_TOOLS_TOOL_H
#define ICN_TOOLS_TOOL_H

#include <clinception/clinception.h>
#include <stdbool.h>
#include <stddef.h>

enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

#if defined(__GNUC__)
#define TOOL_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define TOOL_PRINTF(a, b)
#endif

/* Each prints one line "clinception: SENTENCE" on standard error and returns the exit code. */
int tool_fail(const char *format, ...) TOOL_PRINTF(1, 2);  /* TOOL_FAILED */
int tool_usage(const char *format, ...) TOOL_PRINTF(1, 2); /* TOOL_USAGE */
/* The library's sentence: TOOL_USAGE for ICN_ARGUMENT (what was asked for cannot be right), else TOOL_FAILED. */
int tool_error(const icn_error *error);

/* Ends the process with exit code 1 and a sentence when memory runs out. */
void *tool_allocate(size_t count, size_t size);
void *tool_grow(void *memory, size_t count, size_t size);
/* A new copy of the formatted text; free. */
char *tool_format(const char *format, ...) TOOL_PRINTF(1, 2);

typedef struct text_list {
  const char **items;
  size_t count;
} text_list;
void text_list_add(text_list *list, const char *item);
void text_list_fini(text_list *list);

/* A table for people: cells of text, right-aligned columns where the letter in `columns` is 'r', left-aligned for 'l'. */
typedef struct table {
  const char *columns;
  char **cells;
  size_t count;
} table;
void table_init(table *t, const char *columns);
/* The next cell, row by row. */
void table_add(table *t, const char *format, ...) TOOL_PRINTF(2, 3);
/* Prints it; under the first row (the headings) stands a line. */
void table_print(const table *t);
void table_fini(table *t);

size_t tensor_elems(const icn_tensor_info *tensor);
enum { SHAPE_TEXT_BYTES = 200 };
/* "1x3x299x299"; an open dimension is "?". */
const char *tensor_shape_text(const icn_tensor_info *tensor, char text[SHAPE_TEXT_BYTES]);
/* "1 value", "2 values" */
enum { COUNT_TEXT_BYTES = 64 };
const char *count_text(size_t count, const char *one, char text[COUNT_TEXT_BYTES]);
/* "24.4 MiB" */
enum { BYTES_TEXT_BYTES = 32 };
const char *bytes_text(double bytes, char text[BYTES_TEXT_BYTES]);

/* Progress of long work, on standard error, only where that is a terminal. `total` 0: unknown. */
void progress_show(const char *what, size_t done, size_t total);
/* The same for work whose parts take different times: which part of it is done (0 to 1), and the seconds that are left (below 0: not
 * known). */
void progress_show_part(const char *what, double part, double seconds_left);
void progress_clear(void);

#endif
