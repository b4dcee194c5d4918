/* The parts of `clinception report`: what was found so far, the stages that find it, and how it is written down. */
#ifndef ICN_TOOLS_REPORT_H
#define ICN_TOOLS_REPORT_H

#include "kernel_check.h"
#include "report_file.h"
#include "session.h"

enum { PROBLEM_BYTES = 1024, MAX_BENCHES = 128, MAX_LOG_LINES = 400 };

/* What one kernel row did on the kernel cases. A run is a case in one layout with one kind of values. */
typedef struct row_result {
  size_t runs, right, wrong, not_built, failed, declined;
  double seconds;              /* all in all, builds and comparing included */
  double largest_error;        /* in units of what is allowed */
  char problem[PROBLEM_BYTES]; /* the first: case, layout, values, what was wrong */
  char last_decline[ICN_REASON_BYTES];
  bool given_up; /* it failed so often that the rest was left out */
  bool skipped;  /* the user said so */
} row_result;

typedef struct bench_result {
  size_t class_index;
  const icn_row *row;
  bool chosen;  /* selection takes this row on the device */
  double error; /* the largest, in units of what is allowed */
  double seconds, flop, bytes;
  char key[ICN_KEY_BYTES], problem[PROBLEM_BYTES];
} bench_result;

typedef struct report {
  session s;
  session_options so;
  const char *path, *skip, *only; /* path NULL: nothing is written (clinception selftest) */
  bool quick, full;
  const icn_device *device;
  icn_device_desc desc; /* with what was measured */
  char measure_problem[PROBLEM_BYTES];
  row_result *rows; /* icn_row_count() */
  size_t cases;     /* begun */
  bench_result benches[MAX_BENCHES];
  size_t bench_count;
  char *log[MAX_LOG_LINES];
  size_t log_count, log_lost;
  double began, shown;
  double work, work_done; /* seconds as guessed beforehand */
} report;

/* Stages. TOOL_OK also where the device does something wrong, which is noted; else the exit code. Each returns early when the user wants to
 * stop (terminal_interrupted). */
int report_measure(report *r); /* may be done again: the best of all counts, since others may use the machine */
int report_kernel_cases(report *r);
int report_benchmarks(report *r);
/* Adds a stage's guessed seconds to r->work. */
int report_plan_kernel_cases(report *r);
int report_plan_benchmarks(report *r);

/* Before each thing that may crash: names it in the file, writes the file (`now`, or where that is due), shows progress with `shown`. */
int report_step(report *r, bool now, const char *shown, const char *format, ...) TOOL_PRINTF(4, 5);

/* All that is known as JSON. NEW. */
cJSON *report_json(const report *r);
/* What a person wants to see at once; true when nothing was wrong. */
bool report_print_summary(const report *r);

/* Texts of drivers and of the system may hold paths, and those a person's name: of each path only its last part is left, of the user's
 * name nothing. In place; returns text. */
char *report_without_names(char *text);

bool report_row_is_skipped(const report *r, const icn_row *row);

#endif
