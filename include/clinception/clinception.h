/* clinception: Inception networks (and other CNNs) from ONNX on any OpenCL device.
 *
 * A complete program that classifies a picture (tests/api/example.c holds the same text and CI runs it):
 *
 *     #include <clinception/clinception.h>
 *     #include <stdio.h>
 *     int main(int argc, char **argv) {
 *       icn_error error;
 *       icn_context *context = NULL;
 *       icn_model *model = NULL;
 *       icn_executor *executor = NULL;
 *       icn_image *image = NULL;
 *       icn_class top[5];
 *       size_t count = 5;
 *       int failed =
 *           argc != 3 ||
 *           icn_context_create(NULL, &context, &error) ||
 *           icn_model_load(context, argv[1], &model, &error) ||
 *           icn_executor_create(model, NULL, &executor, &error) ||
 *           icn_image_load(context, argv[2], &image, &error) ||
 *           icn_classify(executor, image, NULL, top, &count, &error);
 *       for (size_t i = 0; !failed && i < count; i++) printf("%.4f  class %d\n", top[i].score, top[i].index);
 *       if (failed) fprintf(stderr, "%s\n", argc != 3 ? "usage: example MODEL.onnx PHOTO" : error.message);
 *       icn_image_destroy(image);
 *       icn_executor_destroy(executor);
 *       icn_model_destroy(model);
 *       icn_context_destroy(context);
 *       return failed ? 1 : 0;
 *     }
 *
 * Rules that hold for every function:
 *   - Fallible functions return an icn_status (0 is success) and, where `error` is not NULL, leave one sentence
 *     there: what, where, what was expected. The caller owns the icn_error, so it is safe from any thread.
 *   - The library never prints, exits or aborts, has no globals and changes nothing of its host's environment.
 *   - NEW: the caller destroys it. BORROWED: valid as long as its owner. Every destroy function takes NULL.
 *   - A context, a model and a device may be used from many threads; an executor, its runs and an image belong to
 *     one thread at a time. Destroy order: runs, executors, models, context.
 *   - Tensors of the model are in the model's own layout (NCHW for rank 4), dense, native float32.
 */
#ifndef CLINCEPTION_CLINCEPTION_H
#define CLINCEPTION_CLINCEPTION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(ICN_SHARED) && defined(ICN_BUILDING)
#define ICN_API __declspec(dllexport)
#elif defined(_WIN32) && defined(ICN_SHARED)
#define ICN_API __declspec(dllimport)
#elif defined(__GNUC__)
#define ICN_API __attribute__((visibility("default")))
#else
#define ICN_API
#endif

/* Version rule. Source (API): within one MAJOR, what compiled keeps compiling. Binary (ABI): within one MAJOR (while
 * MAJOR is 0: within one MINOR), what linked keeps running: structs that begin with struct_bytes only grow at their
 * end, all others stay as they are, enumerators keep their numbers, functions are only added. The soname carries that
 * number. Structs with struct_bytes are filled by their init function, which tells the library how long the program's
 * struct is: the *_init_sized functions exist for that (and for other languages). */
#define ICN_VERSION_MAJOR 0
#define ICN_VERSION_MINOR 1
#define ICN_VERSION_PATCH 0

/* The version of the library at run time, "MAJOR.MINOR.PATCH". BORROWED, static. */
ICN_API const char *icn_version(void);

/* ------------------------------------------------------------------ status */

typedef enum icn_status {
  ICN_OK = 0,
  ICN_ARGUMENT = 1,      /* the caller passed something wrong: fix the call */
  ICN_STATE = 2,         /* right call, wrong moment */
  ICN_NO_MEMORY = 3,     /* host memory ran out */
  ICN_IO = 4,            /* a file could not be read or written */
  ICN_FORMAT = 5,        /* a file is not what it should be */
  ICN_UNSUPPORTED = 6,   /* well-formed, but not something this library does; the sentence names it */
  ICN_NO_DEVICE = 7,     /* no such device, or no OpenCL at all */
  ICN_DEVICE = 8,        /* an OpenCL call failed; the sentence has the call and its error name */
  ICN_DEVICE_MEMORY = 9, /* the device's memory or its largest allocation is too small */
  ICN_BUILD = 10,        /* an OpenCL program did not build; the sentence has the log's first line */
  ICN_MISMATCH = 11,     /* results differ where they must agree */
  ICN_CANCELLED = 12     /* the caller has cancelled it */
} icn_status;

enum { ICN_MESSAGE_BYTES = 504, ICN_MAX_RANK = 8 };

typedef struct icn_error {
  icn_status status;
  char message[ICN_MESSAGE_BYTES]; /* one sentence, NUL-terminated, "" on success */
} icn_error;

/* "ICN_FORMAT" for ICN_FORMAT, "unknown status" for a number that is none. BORROWED, static. */
ICN_API const char *icn_status_name(icn_status status);

/* ----------------------------------------------------------------- context */

/* Host memory. allocate returns at least `bytes` bytes aligned to 64, or NULL; release takes NULL. Called from any thread. */
typedef struct icn_allocator {
  void *user;
  void *(*allocate)(void *user, size_t bytes);
  void (*release)(void *user, void *memory);
} icn_allocator;

typedef enum icn_log_level { ICN_LOG_WARNING = 1, ICN_LOG_INFO = 2, ICN_LOG_DEBUG = 3 } icn_log_level;

/* Receives one line without a newline. Called from any thread that uses the context. */
typedef struct icn_logger {
  void *user;
  icn_log_level level; /* the most talkative level that is wanted */
  void (*log)(void *user, icn_log_level level, const char *line);
} icn_logger;

typedef struct icn_context_options {
  size_t struct_bytes;            /* set by icn_context_options_init */
  const icn_allocator *allocator; /* NULL: the C library's. Copied. */
  const icn_logger *logger;       /* NULL: silence. Copied. */
  const char *opencl_library;     /* NULL: CLINCEPTION_OPENCL_LIBRARY, else the system's ICD loader. Copied. "none": do not open OpenCL. */
  const char *cache_dir;  /* Where built programs, packed weights, and what is known of kernels (kernels.txt, icn_self_test) are kept.
                           * NULL: CLINCEPTION_CACHE_DIR, else the user's cache folder (there no programs for PoCL, which keeps its
                           * own). Copied. "none": nowhere. A folder of another user, or one that everybody may write to, is not
                           * used, which a warning says. */
  const char *kernel_dir; /* NULL: CLINCEPTION_KERNEL_DIR, else the kernels inside the library. Copied. For developers. */
  const char *quirks;     /* NULL: CLINCEPTION_QUIRKS, else as the table says. Copied. For debugging: "-name,+name" turns work-arounds
                           * for drivers (icn_device_quirk) off and on, "-all" all of them off. */
  const char
      *tune_file;       /* NULL: CLINCEPTION_TUNE_FILE, else "tuning.txt" in the user's cache folder. Copied. What 'clinception tune' wrote:
                         * which kernels are the fastest here; read by each executor and plan, checked line by line. Where it says nothing,
                         * the library's own lines for such devices do. "shipped": only these. "none": neither, the cost model decides. */
  uint64_t cache_bytes; /* The packed weights in cache_dir take at most so much: those that were not used for the longest time go. 0:
                         * CLINCEPTION_CACHE_BYTES, else 1 GiB. 1: none are kept. */
} icn_context_options;

typedef struct icn_context icn_context;
typedef struct icn_device icn_device;
typedef struct icn_model icn_model;
typedef struct icn_executor icn_executor;
typedef struct icn_run icn_run;
typedef struct icn_image icn_image;

/* Fills `options` with the defaults. */
ICN_API void icn_context_options_init_sized(icn_context_options *options, size_t struct_bytes);
static inline void icn_context_options_init(icn_context_options *options) { icn_context_options_init_sized(options, sizeof *options); }

/* Opens OpenCL (if there is any) and lists its devices. `options` may be NULL. *context is NEW.
 * A machine without OpenCL still gives a context: it has the reference device only, and icn_context_opencl_problem says why.
 * Fails: ICN_ARGUMENT, ICN_NO_MEMORY. */
ICN_API icn_status icn_context_create(const icn_context_options *options, icn_context **context, icn_error *error);
ICN_API void icn_context_destroy(icn_context *context);

/* One sentence on why there are no OpenCL devices ("" when there are some). BORROWED from the context. */
ICN_API const char *icn_context_opencl_problem(const icn_context *context);

/* ----------------------------------------------------------------- devices */

typedef enum icn_device_kind {
  ICN_DEVICE_CPU = 1,
  ICN_DEVICE_GPU = 2,
  ICN_DEVICE_OTHER = 3,
  ICN_DEVICE_REFERENCE = 4 /* the plain C reference, no OpenCL: slow and right */
} icn_device_kind;

typedef struct icn_device_info {
  int index; /* as `--device INDEX` takes it; -1 for the reference device */
  icn_device_kind kind;
  const char *name; /* this and the strings below: BORROWED from the context */
  const char *vendor;
  const char *driver;  /* driver version */
  const char *version; /* CL_DEVICE_VERSION */
  const char *platform;
  uint32_t compute_units;
  uint64_t global_bytes, max_allocation_bytes, local_bytes;
} icn_device_info;

/* The number of OpenCL devices, in the order in which the loader lists platforms and devices. The reference device is not counted. */
ICN_API size_t icn_context_device_count(const icn_context *context);
/* Device `index` of the list, NULL when out of range. BORROWED from the context. */
ICN_API const icn_device *icn_context_device(const icn_context *context, size_t index);
/* Finds a device by what a person types: an index ("0"), "cpu" or "gpu" (the first of that kind), "reference", or a part of its name
 * without regard to case. NULL or "": the first GPU, else the first CPU, else ICN_NO_DEVICE; never the reference silently.
 * Fails: ICN_NO_DEVICE (the sentence lists the devices that exist), ICN_ARGUMENT (the name fits several; they are listed). */
ICN_API icn_status icn_context_find_device(const icn_context *context, const char *wanted, const icn_device **device, icn_error *error);
ICN_API icn_device_info icn_device_get_info(const icn_device *device);

/* Something that this device or its driver gets wrong, and what the library does about it. */
typedef struct icn_quirk_info {
  const char *name;     /* as the context option `quirks` takes it; the texts are static */
  const char *breaks;   /* what goes wrong */
  char workaround[160]; /* what is done about it */
  const char *evidence; /* how that is known: an issue, a source */
} icn_quirk_info;

/* How many are active on the device. */
ICN_API size_t icn_device_quirk_count(const icn_device *device);
/* Active quirk `index`; empty texts when out of range. */
ICN_API icn_quirk_info icn_device_quirk(const icn_device *device, size_t index);

/* Writes the device's description from which a plan can be made on another machine: a text file of limits, extensions, features, and the
 * rates that icn_device_measure finds and what a launch costs, which takes about a second. (The reference device has no rates; they are 0,
 * not measured.) The text is NEW (icn_text_destroy). Fails: ICN_NO_MEMORY, and as icn_device_measure does. */
ICN_API icn_status icn_device_record(const icn_device *device, const icn_context *context, char **text, icn_error *error);
ICN_API void icn_text_destroy(const icn_context *context, char *text);

/* ------------------------------------------------------------------- model */

/* A tensor's name and shape; a dimension that the model leaves open is -1, and so is a rank that it does not tell. */
typedef struct icn_tensor_info {
  const char *name; /* BORROWED from the model or executor */
  int rank;
  int64_t dim[ICN_MAX_RANK];
} icn_tensor_info;

/* Loads an ONNX file, or a built-in network by name ("builtin:inception_v3:input=299,classes=1000"; icn_builtin_get_info has the names).
 * The file is mapped and its weights are read in place, so it must stay as it is while the model lives. *model is NEW; it refers to the
 * context. Fails: ICN_IO, ICN_FORMAT (damaged), ICN_UNSUPPORTED (operator or attribute; the sentence names the node), ICN_ARGUMENT (no such
 * built-in network or option; the sentence lists what there is), ICN_NO_MEMORY. */
ICN_API icn_status icn_model_load(icn_context *context, const char *path, icn_model **model, icn_error *error);
/* A built-in network with the weights of a safetensors file: `network` is as icn_model_load takes it; "builtin:" may be left out. Tensors
 * are found by name: torchvision's inception_v3 and timm's (inception_v3 with any of its weights) fit "inception_v3", torchvision's
 * googlenet fits "googlenet_bn"; for every network the names are those of its layers (icn_builtin_describe) with ".weight" and ".bias"
 * behind, in convolutions with batch normalisation ".conv.weight", ".bn.weight", ".bn.bias", ".bn.running_mean" and ".bn.running_var";
 * orders are PyTorch's (convolutions [out][in][height][width], matrices [out][in]), types F32, F64, F16 or BF16. The file must have all of
 * them and no others, but: where it has no batch normalisation's weight (scale) at all, as TF-slim's networks, they are 1; counters
 * (num_batches_tracked) and, without "aux=1", auxiliary heads are left. Without "classes=N" there are as many classes as the file has: 1000
 * for ImageNet, 1001 where, as in TensorFlow's, class 0 is the background. torchvision's networks with the weights that it offers turn
 * their input first: "transform_input=1". Weights of NULL: generated ones, as icn_model_load has them.
 * The file is mapped and read in place, so it must stay as it is while the model lives. *model is NEW; it refers to the context. Fails:
 * ICN_IO, ICN_FORMAT (no safetensors file, or a damaged one; weights that do not fit: the sentence counts what is missing, what has another
 * shape and what is left over, and names some), ICN_UNSUPPORTED, ICN_ARGUMENT (no such network or option), ICN_NO_MEMORY. */
ICN_API icn_status icn_model_load_builtin(icn_context *context, const char *network, const char *weights, icn_model **model,
                                          icn_error *error);
/* icn_model_load from `bytes` bytes of memory (BORROWED until the model is destroyed). External data are refused. */
ICN_API icn_status icn_model_load_memory(icn_context *context, const void *data, size_t bytes, icn_model **model, icn_error *error);
/* Writes a built-in network, with the weights that it was loaded with (as float32), to an ONNX file for other runtimes; nothing is there
 * when it fails. Fails: ICN_UNSUPPORTED (the model is not a built-in network; more than 2 GiB), ICN_IO, ICN_NO_MEMORY. */
ICN_API icn_status icn_model_save_onnx(const icn_model *model, const char *path, icn_error *error);
ICN_API void icn_model_destroy(icn_model *model);
ICN_API size_t icn_model_input_count(const icn_model *model);
ICN_API icn_tensor_info icn_model_input(const icn_model *model, size_t index);
ICN_API size_t icn_model_output_count(const icn_model *model);
ICN_API const char *icn_model_output_name(const icn_model *model, size_t index);

/* ---------------------------------------------------------------- executor */

typedef enum icn_precision {
  ICN_PRECISION_FP32 = 0,
  ICN_PRECISION_FP16W = 1, /* packed weights are held as halves, everything is computed in fp32; the others are reserved */
  ICN_PRECISION_FP16S = 2,
  ICN_PRECISION_FP16 = 3,
  ICN_PRECISION_AUTO = 4
} icn_precision;

/* How a run's launches are given to the device. All give equal results. */
typedef enum icn_schedule_kind {
  ICN_SCHEDULE_DEFAULT = 0,      /* IN_ORDER: these networks' launches fill a device one by one, and side by side they share its caches */
  ICN_SCHEDULE_IN_ORDER = 1,     /* one queue, one launch behind the other */
  ICN_SCHEDULE_OUT_OF_ORDER = 2, /* one queue without an order, each launch waits for those that it depends on */
  ICN_SCHEDULE_QUEUES = 3,       /* four queues with an order each, and waits between them */
  ICN_SCHEDULE_RECORDED = 4      /* cl_khr_command_buffer: recorded once, then replayed as one command */
} icn_schedule_kind;
/* Whether kernels that nobody has tested on this device and driver are tested when an executor is made: each chosen kernel is run once on
 * random values, with the layer's weights, and samples of its result are compared with the reference. One that is wrong gives way to
 * another, with a warning; the outcome is remembered in the cache folder (kernels.txt). While a kernel is built and run for the first time
 * a marker lies there, too: when the process ends meanwhile, the next one does without that kernel row. */
typedef enum icn_self_test {
  ICN_SELF_TEST_DEFAULT = 0, /* as the environment's CLINCEPTION_SELF_TEST says (on, off, always), else ON */
  ICN_SELF_TEST_ON = 1,      /* what was tested before is not tested again */
  ICN_SELF_TEST_OFF = 2,     /* no test, no marker, and what is known of kernels is not asked for */
  ICN_SELF_TEST_ALWAYS = 3   /* every kernel, each time */
} icn_self_test;

/* Fixes the shape of one input. */
typedef struct icn_input_shape {
  const char *name; /* NULL: the only input */
  int rank;
  int64_t dim[ICN_MAX_RANK];
} icn_input_shape;

typedef struct icn_executor_options {
  size_t struct_bytes;           /* set by icn_executor_options_init */
  const icn_device *device;      /* of the model's context; NULL: as icn_context_find_device(NULL) chooses */
  int64_t batch;                 /* the first dimension of inputs that leave it open; 0: 1 */
  const icn_input_shape *shapes; /* shapes for inputs that leave other dimensions open */
  size_t shape_count;
  icn_precision precision;
  uint32_t cores;              /* use only this many compute units (device partition); 0: all */
  const char *disabled_passes; /* comma-separated names, "all", or NULL */
  /* Comma-separated kernel rows to prefer wherever they apply, each "-NAME" one to leave out, a last '*' for any rest; or NULL.
   * "-winograd*" keeps to direct sums: slower, and closer to the last digit. */
  const char *forced_rows;
  int keep_values; /* not 0: no memory is reused and a batch runs as a whole, so that every value of the plan can be read after a run */
  int profile;     /* not 0: each step is timed by the device (icn_executor_layer) */
  icn_schedule_kind schedule; /* one that the device cannot do is ICN_UNSUPPORTED; nothing to the reference device */
  /* The most bytes of device memory that the executor may take (icn_memory_account.peak_bytes); 0: what the device has. Kernels with larger
   * weights or scratch give way to slower ones, a batch is cut into slices, until it fits. With keep_values what is kept is not counted:
   * the kernels are those of an executor that keeps nothing. */
  uint64_t memory_limit;
  icn_self_test self_test;
  /* The most launches of a run that the device is given ahead; the rest follows while the run is waited for or looked at, and
   * icn_run_cancel can keep it back. 0: all at once, with nothing to cancel, and the device never waits for the caller. A recorded run is
   * one launch. */
  int window;
} icn_executor_options;

ICN_API void icn_executor_options_init_sized(icn_executor_options *options, size_t struct_bytes);
static inline void icn_executor_options_init(icn_executor_options *options) { icn_executor_options_init_sized(options, sizeof *options); }

/* Plans the model for one device and one set of shapes, builds its programs and packs its weights. *executor is NEW; it refers to the
 * model. Executors of one model and device share packed weights. Fails: ICN_UNSUPPORTED, ICN_ARGUMENT (shapes, options), ICN_NO_DEVICE,
 * ICN_DEVICE, ICN_DEVICE_MEMORY (also where nothing fits options.memory_limit: the sentence says how much is missing, and where the memory
 * goes), ICN_BUILD, ICN_NO_MEMORY, ICN_MISMATCH (a kernel is wrong, and no other takes its place). The reference device knows no memory
 * limit (ICN_UNSUPPORTED). */
ICN_API icn_status icn_executor_create(icn_model *model, const icn_executor_options *options, icn_executor **executor, icn_error *error);
ICN_API void icn_executor_destroy(icn_executor *executor);

ICN_API size_t icn_executor_input_count(const icn_executor *executor);
ICN_API icn_tensor_info icn_executor_input(const icn_executor *executor, size_t index);
ICN_API size_t icn_executor_output_count(const icn_executor *executor);
ICN_API icn_tensor_info icn_executor_output(const icn_executor *executor, size_t index);
ICN_API const icn_device *icn_executor_device(const icn_executor *executor);

/* Starts a run and returns: the device computes meanwhile (the reference device computes here). inputs[i] is a dense `float[dim0]...[dimN]`
 * for input i, outputs[i] likewise or NULL when output i is not wanted; both lists have the executor's counts, and what they point at is
 * read and written until the run has ended. One run of an executor at a time (ICN_STATE otherwise); executors of one model share its
 * weights, so several runs in flight are as many executors. *run is NEW. */
ICN_API icn_status icn_executor_submit(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_run **run,
                                       icn_error *error);
/* Waits until the outputs are written and the callback, if there is one, has returned (so hold nothing that it waits for); returns the
 * run's status. The thread sleeps, unless the driver computes on it (Intel's CPU runtime). */
ICN_API icn_status icn_run_wait(icn_run *run, icn_error *error);
/* The same for at most `seconds`: *ended is 0 when the run, or its callback, goes on then (ICN_OK), and it may be waited for again. 0
 * seconds: only a look. The thread sleeps between looks, half a millisecond at a time. */
ICN_API icn_status icn_run_wait_for(icn_run *run, double seconds, int *ended, icn_error *error);
/* Gives no more launches of the run to the device, where it is given piece by piece (options.window): what was given ends, at most so many
 * launches, and then icn_run_wait returns ICN_CANCELLED; the outputs hold nothing of use, and the executor can be used again. A run that
 * was given completely ends as ever. From any thread, also while another one waits for the run, but not after icn_run_destroy has begun. */
ICN_API icn_status icn_run_cancel(icn_run *run, icn_error *error);
/* Calls `callback` once when the run has ended, ICN_OK: its outputs are written. It is called from a thread of the driver's (or from here,
 * when the run has ended already), before icn_run_wait returns, and must be quick: wake somebody up. In it, functions of this run are
 * refused (ICN_STATE; icn_run_destroy does nothing), and nothing that waits for a device may
 * be called: no other run's icn_run_wait, no icn_executor_destroy. One callback a run. What a window
 * (options.window) keeps back is given now. Fails: ICN_STATE, ICN_ARGUMENT, ICN_NO_MEMORY, ICN_DEVICE, ICN_CANCELLED. */
typedef void (*icn_run_callback)(void *user, icn_status status);
ICN_API icn_status icn_run_notify(icn_run *run, icn_run_callback callback, void *user, icn_error *error);
/* Waits for the run if it is in flight. */
ICN_API void icn_run_destroy(icn_run *run);
/* submit, wait and destroy in one. */
ICN_API icn_status icn_executor_run(icn_executor *executor, const float *const *inputs, float *const *outputs, icn_error *error);

/* Every value that the plan materialises (with options.keep_values), by index; name, shape, then its contents of the last run as a dense
 * `float[...]` in the model's layout. Fails: ICN_STATE without keep_values or before a run. */
ICN_API size_t icn_executor_value_count(const icn_executor *executor);
ICN_API icn_tensor_info icn_executor_value(const icn_executor *executor, size_t index);
ICN_API icn_status icn_executor_read_value(icn_executor *executor, size_t index, float *data, icn_error *error);

/* One layer of the plan: what runs, on which kernel row, its size, and (with options.profile) the device time of the last run. */
typedef struct icn_layer_info {
  const char *name;    /* the node's name in the model; "A and B" where it computes two nodes */
  const char *problem; /* canonical key: operation, sizes, fusion, precision */
  const char *row;     /* kernel row */
  double flop;         /* floating-point operations, direct count */
  double bytes;        /* bytes read and written once each, weights included */
  double seconds;      /* 0 without profile */
  const char *value;   /* the name of the value that it writes (icn_executor_value), the first of two, "" for a change of layout */
  double row_flop;     /* what the row does instead: a Winograd row has fewer products, and transforms (a multiply-add is 2) */
  double row_bytes;    /* bytes as the row has them: weights as it packs them, what its launches hand to each other */
  int runs;            /* how often a run of the executor computes the problem: on a CPU, once for each slice of a batch; else 1. flop,
                        * bytes, seconds, row_flop and row_bytes are of all of them together */
} icn_layer_info;
ICN_API size_t icn_executor_layer_count(const icn_executor *executor);
ICN_API icn_layer_info icn_executor_layer(const icn_executor *executor, size_t index);

/* How right one layer of the last run was: its result against sums in double precision over the very inputs that the device gave it, so
 * that what earlier layers rounded does not count. Each element may be off by c * 2^-24 * sum |a * b|, where c is the kernel row's, at
 * least 2 sqrt(terms of the sum); for F(m, r) Winograd the sum goes over the three transforms with every sign taken away
 * (|A^T| ((|G| |w|) (|B^T| |x|))). */
typedef struct icn_layer_check {
  double error;   /* the largest difference of an element */
  double largest; /* the result's largest element */
  double part;    /* the largest difference as a part of what that element may be off: at most 1 where the layer is right */
  size_t wrong;   /* elements that are off by more */
} icn_layer_check;
/* Needs options.keep_values and a finished run; takes about as long as the layer takes in plain C, three times. Fails: ICN_STATE,
 * ICN_ARGUMENT, ICN_UNSUPPORTED on the reference device, ICN_NO_MEMORY, ICN_DEVICE. */
ICN_API icn_status icn_executor_check_layer(icn_executor *executor, size_t index, icn_layer_check *check, icn_error *error);

/* What the executor holds in memory. arena_bytes: activations, scratch, and what CLBlast wants for itself where it is used; weight_bytes:
 * shared with the other executors of the model. */
typedef struct icn_memory_info {
  uint64_t arena_bytes, weight_bytes, input_bytes, output_bytes;
} icn_memory_info;
ICN_API icn_memory_info icn_executor_memory(const icn_executor *executor);

/* The exact account of device memory: every byte that an executor allocates on its device (clCreateBuffer), known from its plan before
 * anything is allocated. Nothing is allocated for a moment only, so what lives with the executor is the peak. Of weights that are bit for
 * bit the same one is allocated, also where another executor of the model has it: then it is less. On a CPU device weights lie in common
 * buffers: those of an executor that was destroyed stay as long as another one of the model reads a weight in them, so that it may hold
 * more than its own account for it, though never more than the accounts of both. To have it for itself, load the model once more. */
typedef struct icn_memory_account {
  size_t struct_bytes;        /* set by icn_memory_account_init */
  uint64_t peak_bytes;        /* arena, weights, padding, inputs, outputs and library together */
  uint64_t arena_bytes;       /* one buffer of activations and scratch, laid out over their lifetimes */
  uint64_t arena_bound_bytes; /* the most bytes of them that are alive at once: no layout needs less */
  uint64_t scratch_bytes;     /* of arena_bytes: the most that the launches of one layer hand to each other */
  uint64_t weight_bytes;      /* as the kernels want them; constants included */
  uint64_t padding_bytes;     /* between weights, each of which begins on a page of its own on a CPU device */
  uint64_t input_bytes, output_bytes;
  uint64_t library_bytes; /* what CLBlast wants for itself where it is used */
} icn_memory_account;
ICN_API void icn_memory_account_init_sized(icn_memory_account *account, size_t struct_bytes);
static inline void icn_memory_account_init(icn_memory_account *account) { icn_memory_account_init_sized(account, sizeof *account); }
/* Fills an account that was initialised. All is 0 for the reference device, which allocates nothing beforehand. Fails: ICN_ARGUMENT. */
ICN_API icn_status icn_executor_account(const icn_executor *executor, icn_memory_account *account, icn_error *error);

/* The peak single-precision rate (FLOP/s) and memory bandwidth (bytes/s) of a device as two small kernels measure them. Takes about a
 * second. Fails: ICN_DEVICE, ICN_BUILD; ICN_UNSUPPORTED on the reference device. */
ICN_API icn_status icn_device_measure(const icn_context *context, const icn_device *device, double *flop_per_second,
                                      double *bytes_per_second, icn_error *error);

/* -------------------------------------------------------------------- plan */

typedef struct icn_plan_options {
  size_t struct_bytes;      /* set by icn_plan_options_init */
  const icn_device *device; /* or NULL when device_text is given */
  const char *device_text;  /* a recorded device's description (icn_device_record) */
  int64_t batch;
  const icn_input_shape *shapes;
  size_t shape_count;
  const char *disabled_passes, *forced_rows;
  int why; /* not 0: each layer with the reason why each other row declined or lost */
  icn_precision precision;
  uint64_t memory_limit; /* as in icn_executor_options */
} icn_plan_options;
ICN_API void icn_plan_options_init_sized(icn_plan_options *options, size_t struct_bytes);
static inline void icn_plan_options_init(icn_plan_options *options) { icn_plan_options_init_sized(options, sizeof *options); }
/* The plan as text: one line a layer and a summary. Needs no OpenCL. The text is NEW (icn_text_destroy). */
ICN_API icn_status icn_model_plan(icn_model *model, const icn_plan_options *options, char **text, icn_error *error);
/* The account of the plan's memory: what an executor with these options would allocate. Needs no OpenCL and allocates nothing on a device.
 * Fails: as icn_model_plan, ICN_ARGUMENT. */
ICN_API icn_status icn_model_account(icn_model *model, const icn_plan_options *options, icn_memory_account *account, icn_error *error);
/* Calls `program` once for each distinct program of the plan with its file name, build options and complete source. */
ICN_API icn_status icn_model_sources(icn_model *model, const icn_plan_options *options,
                                     void (*program)(void *user, const char *file, const char *build_options, const char *source),
                                     void *user, icn_error *error);

/* ------------------------------------------------------------------ images */

typedef enum icn_resize { ICN_RESIZE_BICUBIC = 0, ICN_RESIZE_BILINEAR = 1, ICN_RESIZE_NEAREST = 2 } icn_resize;

/* How a picture becomes an input tensor: central part, resize (antialiased, two passes, each rounded to 8 bits, as Pillow does), centre
 * crop, then value = (pixel * scale - mean[c]) / std[c] with c in the model's channel order. */
typedef struct icn_preprocess {
  size_t struct_bytes; /* set by icn_preprocess_init */
  const char *name;    /* of the recipe, for messages */
  icn_resize resize;
  int resize_shorter; /* 0: resize both sides to the model's size; else shorter side to this many pixels, then centre crop to the model's
                         size; -1: shorter side to 8/7 of the model's (256 for 224, 342 for 299), then centre crop */
  int bgr;            /* not 0: the model wants blue first */
  float scale;        /* default 1/255 */
  float mean[3], std[3];
  float central; /* the part of each side of the picture that is used at all, from its middle: 1 is the whole picture */
} icn_preprocess;
/* Fills `preprocess` with the recipe `name` ("unit" and NULL: RGB/255; "torchvision", "tf-slim", "keras", "caffe"). Fails: ICN_ARGUMENT. */
ICN_API icn_status icn_preprocess_init_sized(icn_preprocess *preprocess, size_t struct_bytes, const char *name, icn_error *error);
static inline icn_status icn_preprocess_init(icn_preprocess *preprocess, const char *name, icn_error *error) {
  return icn_preprocess_init_sized(preprocess, sizeof *preprocess, name, error);
}

/* A recipe as a line of text, as models carry it in their metadata: a named recipe, and behind it what differs, as in
 * "unit resize=bilinear shorter=256 central=100% order=bgr scale=1 mean=104,117,123 std=1". shorter: the shorter side's pixels, "8/7" (of
 * the model's), or "none"; a number may be "1/255"; mean and std are one number or three. The same text in every locale. Fills a recipe
 * that icn_preprocess_init has filled; its name is then a named recipe's, or `text` itself, BORROWED. Fails: ICN_FORMAT (the sentence names
 * the word), ICN_ARGUMENT. */
ICN_API icn_status icn_preprocess_read(icn_preprocess *preprocess, const char *text, icn_error *error);
/* The text of a recipe (NULL: "unit"), NUL-terminated; `bytes` of 256 are enough. Fails: ICN_ARGUMENT. */
ICN_API icn_status icn_preprocess_text(const icn_preprocess *preprocess, char *text, size_t bytes, icn_error *error);

/* Who says with which recipe a model was trained. */
typedef enum icn_recipe_origin {
  ICN_RECIPE_NOBODY = 0,   /* so it is "unit" */
  ICN_RECIPE_METADATA = 1, /* the model: its ONNX metadata have such a text under "clinception.preprocess" */
  ICN_RECIPE_BUILTIN = 2   /* it is a built-in network's */
} icn_recipe_origin;
/* The model's recipe, into one that icn_preprocess_init has filled; its name is BORROWED from the model. `origin` may be NULL. Fails:
 * ICN_FORMAT (the text in the metadata is none), ICN_ARGUMENT. */
ICN_API icn_status icn_model_preprocess(const icn_model *model, icn_preprocess *preprocess, icn_recipe_origin *origin, icn_error *error);
/* Writes a copy of the model's file to which the recipe was added; one that it had is replaced. Nothing else changes, and weights in files
 * of their own stay where they are: then write beside them. Fails: ICN_UNSUPPORTED (the model is no file), ICN_IO, ICN_ARGUMENT,
 * ICN_NO_MEMORY. */
ICN_API icn_status icn_model_write_preprocess(const icn_model *model, const icn_preprocess *preprocess, const char *path, icn_error *error);

/* Decodes JPEG, PNG, BMP, GIF, TGA, PNM to 8-bit RGB; EXIF orientation is honoured, alpha ignored. *image is NEW.
 * Fails: ICN_IO, ICN_FORMAT (not an image, or cut off), ICN_UNSUPPORTED (a rare variant, or more than 2^28 pixels), ICN_NO_MEMORY. */
ICN_API icn_status icn_image_load(const icn_context *context, const char *path, icn_image **image, icn_error *error);
ICN_API icn_status icn_image_load_memory(const icn_context *context, const void *data, size_t bytes, icn_image **image, icn_error *error);
ICN_API void icn_image_destroy(icn_image *image);
ICN_API void icn_image_size(const icn_image *image, int *width, int *height);
/* uint8 pixels[height][width][3], RGB. BORROWED from the image. */
ICN_API const uint8_t *icn_image_pixels(const icn_image *image);
/* Writes float tensor[3][height][width] by the recipe (NULL: "unit"). Fails: ICN_ARGUMENT, ICN_NO_MEMORY. */
ICN_API icn_status icn_image_to_tensor(const icn_image *image, const icn_preprocess *preprocess, int width, int height, float *tensor,
                                       icn_error *error);
/* Several crops of one picture, for a network whose answers to them are averaged. `crops` says how many there are, and so which: 1, the
 * recipe's own; 5, corners and middle of the recipe's resized picture; 10, these and their mirror images (AlexNet's); 144, GoogLeNet's: 4
 * scales x 3 squares x 6 parts x 2 mirrors; 12, the first scale and middle square of these. lib/crops.h defines each to the pixel.
 * Writes float tensor[count][3][height][width], the crops [first, first + count): what is wanted in a batch, so the 144 need not lie in
 * memory at once. Neighbours share work, so a few calls cost less than many. Fails: ICN_ARGUMENT, ICN_UNSUPPORTED (an input so large that
 * squares would have more than 2^28 pixels), ICN_NO_MEMORY. */
ICN_API icn_status icn_image_to_crops(const icn_image *image, const icn_preprocess *preprocess, int crops, int first, int count, int width,
                                      int height, float *tensor, icn_error *error);

/* ---------------------------------------------------------------- classify */

typedef struct icn_class {
  int index;
  float score; /* the model's own output: a probability if the model ends in a softmax */
} icn_class;

/* `preprocess` NULL: as icn_model_preprocess says.
 * Runs one image through an executor of batch 1 whose only input is [1,3,H,W] and whose classes are the smallest-rank output with the most
 * values a row ([1,N]; an output named like a probability wins), and returns the *count best classes in falling order (*count is lowered
 * where there are fewer). Fails: ICN_UNSUPPORTED for another kind of model, else as icn_executor_run. */
ICN_API icn_status icn_classify(icn_executor *executor, const icn_image *image, const icn_preprocess *preprocess, icn_class *top,
                                size_t *count, icn_error *error);

/* What a model's scores are. */
typedef enum icn_scores {
  ICN_SCORES_AUTO = 0,          /* as icn_class_output says */
  ICN_SCORES_PROBABILITIES = 1, /* taken as they are */
  ICN_SCORES_LOGITS = 2         /* a softmax makes probabilities of them */
} icn_scores;

/* The output that icn_classify takes for the classes: float scores[batch][classes]. `scores` is PROBABILITIES where the model ends in a
 * softmax or a sigmoid (but for nodes that only rearrange), or calls the output a probability or softmax; else LOGITS. */
typedef struct icn_class_output {
  size_t output;
  int64_t batch, classes;
  icn_scores scores;
} icn_class_output;
/* For an executor of any batch whose only input is [batch,3,H,W]. Fails: ICN_UNSUPPORTED for another kind of model, ICN_ARGUMENT. */
ICN_API icn_status icn_executor_class_output(const icn_executor *executor, icn_class_output *output, icn_error *error);

/* As icn_classify, with the mean of the probabilities of several crops (icn_image_to_crops), which go through the executor in batches of
 * its own size: any, best one that divides `crops`. Of one crop and ICN_SCORES_AUTO the model's own scores are returned; of several
 * probabilities, always. Fails: as icn_classify and icn_image_to_crops. */
ICN_API icn_status icn_classify_crops(icn_executor *executor, const icn_image *image, const icn_preprocess *preprocess, int crops,
                                      icn_scores scores, icn_class *top, size_t *count, icn_error *error);

/* ------------------------------------------------------- built-in networks */

/* A network that icn_model_load knows by name ("builtin:inception_v3"). Texts are BORROWED, static; NULL when out of range. */
typedef struct icn_builtin_info {
  const char *name;    /* "inception_v3" */
  const char *summary; /* what it is, in a line */
  const char *source;  /* where it was published, and whose form of it this is */
  const char *recipe;  /* how pictures become its input (icn_preprocess_init) */
} icn_builtin_info;
ICN_API size_t icn_builtin_count(void);
ICN_API icn_builtin_info icn_builtin_get_info(size_t index);

/* What can be chosen of one ("builtin:inception_v3:input=299,classes=10"). */
typedef struct icn_builtin_option {
  const char *name, *meaning;   /* BORROWED, static; NULL when out of range */
  double least, largest, usual; /* usual: below 0 where it depends on other options, as `meaning` says */
} icn_builtin_option;
ICN_API size_t icn_builtin_option_count(size_t index);
ICN_API icn_builtin_option icn_builtin_get_option(size_t index, size_t which);

/* One layer of a built-in network; what follows a convolution or a matrix product (bias, batch normalisation, activation) is a part of it.
 * All texts and lists are BORROWED from the description. */
typedef struct icn_builtin_layer {
  const char *name;     /* what the names of its nodes and weights begin with: "Mixed_5b.branch5x5_2" */
  const char *kind;     /* "input", "conv + bn + relu", "max pool", "concat", "fully connected + softmax" and others */
  const char *window;   /* "5x5/1 pad 2": height, width, stride, padding; "" where it has none */
  const char *output;   /* the name of the model's output that it is, or NULL */
  const size_t *inputs; /* the layers that it reads, all of them before it */
  size_t input_count;
  int rank; /* of its result for one picture: [1][channels][height][width] or [1][values] */
  int64_t dim[4];
  uint64_t parameters;    /* what training learns: weights, biases, scales and shifts, no running statistics */
  uint64_t multiply_adds; /* of convolutions and matrix products, for one picture */
} icn_builtin_layer;

/* The layers of a built-in network, each behind those that it reads; the first is its input. No weights are made and no device is asked.
 * `spec` is as icn_model_load takes it; "builtin:" may be left out. *description is NEW (icn_description_destroy).
 * Any thread may read it; destroy it before the context. Fails: ICN_ARGUMENT (no such network or option, an input too small: the sentence
 * says what there is), ICN_NO_MEMORY. */
typedef struct icn_description icn_description;
ICN_API icn_status icn_builtin_describe(const icn_context *context, const char *spec, icn_description **description, icn_error *error);
ICN_API void icn_description_destroy(icn_description *description);
ICN_API size_t icn_description_layer_count(const icn_description *description);
/* All zero when out of range. */
ICN_API icn_builtin_layer icn_description_layer(const icn_description *description, size_t index);

/* ------------------------------------------------------------------- cache */

typedef enum icn_cache_kind {
  ICN_CACHE_PROGRAM = 1, /* a built program */
  ICN_CACHE_WEIGHTS = 2, /* the packed weights of one plan */
  ICN_CACHE_LEFTOVER = 3 /* of a process that ended while it wrote */
} icn_cache_kind;

/* A file of the cache. */
typedef struct icn_cache_entry {
  icn_cache_kind kind;
  const char *name;    /* the file's, in the folder; this and the texts below: BORROWED from the listing */
  const char *subject; /* what it was first made for: "conv_tile.cl on 'NAME'", "inception_v3.onnx on 'NAME'"; "" where it does not say */
  const char *problem; /* why it is of no use, "" where nothing is known against it; such an entry does no harm, it is made anew */
  uint64_t bytes;
  int64_t last_used; /* seconds since 1970 (UTC) */
} icn_cache_entry;
typedef struct icn_cache_listing icn_cache_listing;

/* The folder that built programs and packed weights are kept in, NULL: nowhere. BORROWED from the context. */
ICN_API const char *icn_context_cache_folder(const icn_context *context);
/* How many bytes of packed weights are kept there at most. */
ICN_API uint64_t icn_context_cache_bytes(const icn_context *context);
/* What is in the folder now, the last used first; a folder that is not there is empty. Other files than the cache's own are not listed.
 * With `check` (not 0) every byte is read and compared with the checksums, else only what tells what an entry is. *listing is NEW and
 * belongs to one thread at a time. Fails: ICN_STATE (there is no cache), ICN_IO (the folder cannot be read, or is not used for what the
 * sentence says), ICN_NO_MEMORY. */
ICN_API icn_status icn_cache_list(const icn_context *context, int check, icn_cache_listing **listing, icn_error *error);
ICN_API void icn_cache_listing_destroy(icn_cache_listing *listing);
ICN_API size_t icn_cache_listing_count(const icn_cache_listing *listing);
/* Entry `index`; kind 0 and empty texts when out of range. */
ICN_API icn_cache_entry icn_cache_listing_entry(const icn_cache_listing *listing, size_t index);
/* Removes entry `index` from the folder (not from the listing). It may be in use: who reads it goes on. One that is gone already is fine.
 * Fails: ICN_ARGUMENT, ICN_IO. */
ICN_API icn_status icn_cache_listing_remove(const icn_cache_listing *listing, size_t index, icn_error *error);

#ifdef __cplusplus
}
#endif
#endif
