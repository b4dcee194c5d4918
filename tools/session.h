/* What the subcommands that run or plan models share: the options, the context, the chosen devices. */
#ifndef ICN_TOOLS_SESSION_H
#define ICN_TOOLS_SESSION_H

#include "options.h"

typedef struct session_options {
  const char *device, *passes_off, *rows, *precision, *schedule;
  const char *weights; /* of a built-in network, NULL: generated ones */
  bool exact;
  long cores, batch, window;
  uint64_t memory_limit;    /* 0: none */
  text_list shapes;         /* [NAME=]1x3x299x299 */
  const icn_logger *logger; /* NULL: warnings and the reference's progress are shown */
  const char *tune_file;    /* NULL: as the context finds it */
  const char *self_test;    /* NULL: as the context finds it */
  bool keep_programs;       /* in the cache, also where a driver keeps its own */
} session_options;

/* Rows for a subcommand's table of options. */
/* clang-format off */
#define SESSION_DEVICE_OPTION(s)                                                                                                        \
  {"device", "WHICH", OPTION_TEXT, &(s).device, 0, 0,                                                                                   \
   "an index, a part of a name, cpu, gpu, reference (plain C, slow and right) or all; default: the first GPU, else the first CPU"}
#define SESSION_CORES_OPTION(s)                                                                                                         \
  {"cores", "N", OPTION_INTEGER, &(s).cores, 1, 65536, "use only N of a CPU device's cores"}
#define SESSION_MODEL_OPTIONS(s)                                                                                                        \
  {"weights", "FILE", OPTION_TEXT, &(s).weights, 0, 0,                                                                                  \
   "the weights of a built-in network, a safetensors file with PyTorch's names (torchvision, timm); there are as many classes as it has. torchvision's own want builtin:NAME:transform_input=1"}, \
  {"shape", "[NAME=]SHAPE", OPTION_TEXTS, &(s).shapes, 0, 0,                                                                            \
   "the shape of an input that the model leaves open, such as image=1x3x299x299; NAME may be left out when there is one input"},        \
  {"passes-off", "LIST", OPTION_TEXT, &(s).passes_off, 0, 0, "leave out these graph passes, separated by commas, or all"},              \
  {"rows", "LIST", OPTION_TEXT, &(s).rows, 0, 0, "prefer these kernel rows, separated by commas, wherever they apply; -NAME: leave one out"}, \
  {"exact", NULL, OPTION_FLAG, &(s).exact, 0, 0, "direct sums only, no Winograd: slower, and closer to the last digit"},                 \
  {"precision", "NAME", OPTION_TEXT, &(s).precision, 0, 0, "fp32 (default) or fp16w: weights held as halves, half the memory, about 3 digits; fp16s, fp16 and auto are reserved"}
#define SESSION_TUNING_OPTION(s)                                                                                                        \
  {"tuning", "WHICH", OPTION_TEXT, &(s).tune_file, 0, 0,                                                                                \
   "a tuning file; shipped: only the lines that came with the library; none: only expected times; default: CLINCEPTION_TUNE_FILE"}
#define SESSION_SCHEDULE_OPTION(s)                                                                                                      \
  {"schedule", "NAME", OPTION_TEXT, &(s).schedule, 0, 0,                                                                                \
   "how launches are given to the device: in-order (default), out-of-order (one queue, waits), queues (four queues, waits between them) or recorded (a command buffer); results are equal"}
#define SESSION_WINDOW_OPTION(s)                                                                                                        \
  {"window", "N", OPTION_INTEGER, &(s).window, 1, 65536,                                                                                \
   "give the device at most N launches ahead, so that a run could be cancelled between them; default: all at once"}
#define SESSION_MEMORY_OPTION(s)                                                                                                        \
  {"memory-limit", "BYTES", OPTION_BYTES, &(s).memory_limit, 0, 0,                                                                      \
   "take no more device memory than this (plain bytes, or 100MiB, 1.5GiB), at the cost of time; 'clinception plan' says what a model takes"}
#define SESSION_SELF_TEST_OPTION(s)                                                                                                     \
  {"self-test", "WHEN", OPTION_TEXT, &(s).self_test, 0, 0,                                                                              \
   "on: kernels that were never run on this device and driver are tested before they are used; always: all of them, each time; off; default: CLINCEPTION_SELF_TEST, else on"}
#define SESSION_BATCH_OPTION(s)                                                                                                         \
  {"batch", "N", OPTION_INTEGER, &(s).batch, 1, 65536, "the batch, where the model leaves it open; default 1"}
/* clang-format on */

typedef struct session {
  icn_context *context;
  const icn_device **devices; /* what --device names: one, or with "all" every OpenCL device */
  size_t device_count;
  icn_input_shape *shapes;
  char **shape_names; /* what shapes[i].name points at */
  size_t shape_count;
} session;

/* What --rows and --exact come to, for the library: options->rows or written to `rows`. A list beyond its size names rows that do not
 * exist. */
enum { SESSION_ROWS_BYTES = 4096 };
const char *session_rows(const session_options *options, char rows[SESSION_ROWS_BYTES]);

/* --self-test as the library has it; session_open has checked it. */
icn_self_test session_self_test(const session_options *options);
/* --precision as the library has it; session_open has checked it. */
icn_precision session_precision(const session_options *options);

/* --schedule as the library has it; session_open has checked it. */
icn_schedule_kind session_schedule(const session_options *options);

/* Opens the context and finds the devices; TOOL_OK or the exit code. session_close in either case. */
int session_open(session *s, const char *who, const session_options *options);
void session_close(session *s);
/* The number of one device in its table: its index, or "reference". */
const char *device_label(const icn_device *device, char text[16]);
enum { DEVICE_TITLE_BYTES = 160 };
/* "device 0: NAME" */
const char *device_title(const icn_device *device, char text[DEVICE_TITLE_BYTES]);

int session_load_model(const session *s, const session_options *options, const char *path, icn_model **model);
/* Do the model and --shape leave the batch open? Otherwise one that is asked for is an error. */
bool session_batch_is_open(const session *s, const icn_model *model);
/* An executor for devices[index]. */
int session_executor(const session *s, const session_options *options, icn_model *model, const icn_device *device, bool keep_values,
                     bool profile, icn_executor **executor);

#endif
