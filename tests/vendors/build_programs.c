/* build_programs INDEX [DEVICE]: builds the programs that an index of tests/vendors/programs lists, on a device (the first one, or by
 * index), and asks its driver for each kernel. Nothing is executed and no queue is made. A program is built once for each line of the
 * index, with that line's kernel and without the others, so that what a driver's compiler prints meanwhile is of this kernel. Lines on
 * stdout, flushed one by one:
 *
 *     == device NAME; DRIVER VERSION
 *     == begin PROGRAM.cl KERNEL
 *     == kernel PROGRAM.cl KERNEL group=N multiple=N local=N private=N [spill=N]
 *     == end PROGRAM.cl KERNEL       or     == failed PROGRAM.cl KERNEL: REASON   behind the build log
 *
 * build_programs --describe FILE [DEVICE]: writes the device's description, unmeasured, for drivers that cannot run what `clinception
 * devices
 * --record` runs.
 *
 * Exit: 0 everything was built, 1 something was not, 2 wrong usage or no device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"

enum { INDEX_FIELDS = 7, FIELD_PROGRAM = 0, FIELD_KERNEL = 1, FIELD_OPTIONS = 6, LINE_BYTES = 4096, SPILL_MEMORY_INTEL = 0x4109 };

typedef struct builder {
  icn_context *context;
  const icn_cl *cl;
  const icn_device *device;
  cl_context cl_context;
  char folder[LINE_BYTES];
  int failures;
} builder;

static void say(const char *format, ...) ICN_PRINTF(1, 2);
static void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  fflush(stdout);
}

static void stop(const char *what, const char *which) {
  fprintf(stderr, "build_programs: %s%s%s\n", what, which[0] != '\0' ? ": " : "", which);
  exit(2);
}

/* ------------------------------------------------------------ sources */

static size_t line_length(const char *line) {
  const char *newline = strchr(line, '\n');
  return newline == NULL ? strlen(line) : (size_t)(newline - line) + 1;
}

/* True when the function that begins at `head`, at the beginning of a line, is the kernel `name`. */
static bool is_kernel_named(const char *head, const char *name) {
  const char *word = strstr(head, "void ");
  const size_t length = strlen(name);
  return word != NULL && strncmp(word + 5, name, length) == 0 && word[5 + length] == '(';
}

/* Drops, in place, every kernel but `name`. Our sources begin a kernel at the beginning of a line, and end it with a brace there. */
static void keep_one_kernel(char *source, const char *name) {
  bool dropping = false;
  char *to = source;
  for (const char *line = source; *line != '\0';) {
    const size_t length = line_length(line);
    if (strncmp(line, "__kernel", 8) == 0) dropping = !is_kernel_named(line, name);
    const bool last = dropping && line[0] == '}';
    if (!dropping) {
      memmove(to, line, length);
      to += length;
    }
    if (last) dropping = false;
    line += length;
  }
  *to = '\0';
}

/* PROGRAM.cl beside the index, with one kernel; NEW. */
static char *read_source(const builder *b, const char *program, const char *kernel) {
  char path[2 * LINE_BYTES];
  icn_mapping file;
  icn_error error;
  snprintf(path, sizeof path, "%s/%s", b->folder, program);
  if (icn_os_map(path, &file, &error) != ICN_OK) stop(error.message, "");
  char *source = calloc((size_t)file.bytes + 1, 1);
  if (source == NULL) stop("out of memory", "");
  memcpy(source, file.data, (size_t)file.bytes);
  icn_os_unmap(&file);
  keep_one_kernel(source, kernel);
  return source;
}

/* ------------------------------------------------------------ programs */

static void print_log(const builder *b, cl_program program) {
  size_t bytes = 0;
  b->cl->clGetProgramBuildInfo(program, b->device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
  char *log = calloc(bytes + 1, 1);
  if (log == NULL) stop("out of memory", "");
  b->cl->clGetProgramBuildInfo(program, b->device->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
  if (log[0] != '\0') say("%s\n", log);
  free(log);
}

static unsigned long long kernel_number(const builder *b, cl_kernel kernel, cl_kernel_work_group_info what, size_t bytes) {
  size_t size = 0;
  cl_ulong number = 0;
  void *to = bytes == sizeof size ? (void *)&size : (void *)&number;
  if (b->cl->clGetKernelWorkGroupInfo(kernel, b->device->id, what, bytes, to, NULL) != CL_SUCCESS) return 0;
  return bytes == sizeof size ? (unsigned long long)size : (unsigned long long)number;
}

static bool ask_kernel(const builder *b, cl_program program, const char *file, const char *name) {
  cl_int code;
  cl_ulong spill;
  cl_kernel kernel = b->cl->clCreateKernel(program, name, &code);
  if (code != CL_SUCCESS) return false;
  say("== kernel %s %s group=%llu multiple=%llu local=%llu private=%llu", file, name,
      kernel_number(b, kernel, CL_KERNEL_WORK_GROUP_SIZE, sizeof(size_t)),
      kernel_number(b, kernel, CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE, sizeof(size_t)),
      kernel_number(b, kernel, CL_KERNEL_LOCAL_MEM_SIZE, sizeof(cl_ulong)),
      kernel_number(b, kernel, CL_KERNEL_PRIVATE_MEM_SIZE, sizeof(cl_ulong)));
  if (b->cl->clGetKernelWorkGroupInfo(kernel, b->device->id, SPILL_MEMORY_INTEL, sizeof spill, &spill, NULL) == CL_SUCCESS)
    say(" spill=%llu", (unsigned long long)spill);
  say("\n");
  b->cl->clReleaseKernel(kernel);
  return true;
}

static void build_kernel(builder *b, const char *file, const char *name, const char *options) {
  cl_int code;
  char *source = read_source(b, file, name);
  const char *text = source;
  say("== begin %s %s\n", file, name);
  cl_program program = b->cl->clCreateProgramWithSource(b->cl_context, 1, &text, NULL, &code);
  if (code == CL_SUCCESS) code = b->cl->clBuildProgram(program, 1, &b->device->id, options, NULL, NULL);
  const bool built = code == CL_SUCCESS, there = built && ask_kernel(b, program, file, name);
  if (program != NULL && !built) print_log(b, program);
  if (program != NULL) b->cl->clReleaseProgram(program);
  free(source);
  if (there) {
    say("== end %s %s\n", file, name);
    return;
  }
  b->failures++;
  say("== failed %s %s: %s (error %d)\n", file, name, built ? "the program has no such kernel" : "it is not built", code);
}

/* A line of the index. */
static void take_line(builder *b, char *line) {
  char *field[INDEX_FIELDS] = {line};
  int count = 1;
  for (char *c = line; *c != '\0'; c++) {
    if (*c != '\t') continue;
    *c = '\0';
    if (count < INDEX_FIELDS) field[count] = c + 1;
    count++;
  }
  if (count != INDEX_FIELDS) stop("a line of the index has not seven fields", line);
  build_kernel(b, field[FIELD_PROGRAM], field[FIELD_KERNEL], field[FIELD_OPTIONS]);
}

static int build_all(builder *b, const char *index) {
  char line[LINE_BYTES];
  cl_int code;
  FILE *file = fopen(index, "r");
  if (file == NULL) stop("the index cannot be read", index);
  const char *slash = strrchr(index, '/');
  snprintf(b->folder, sizeof b->folder, "%.*s", slash == NULL ? 1 : (int)(slash - index), slash == NULL ? "." : index);
  b->cl_context = b->cl->clCreateContext(NULL, 1, &b->device->id, NULL, NULL, &code);
  if (code != CL_SUCCESS) stop("the driver makes no context", b->device->desc.name);
  say("== device %s; %s\n", b->device->desc.name, b->device->desc.driver);
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (line[0] != '#' && line[0] != '\0') take_line(b, line);
  }
  fclose(file);
  b->cl->clReleaseContext(b->cl_context);
  return b->failures == 0 ? 0 : 1;
}

/* ------------------------------------------------------------ description */

static int describe(const builder *b, const char *path) {
  const icn_allocator allocator = icn_allocator_default();
  icn_text text;
  icn_error error;
  icn_text_init(&text, &allocator);
  icn_device_desc_print(&b->device->desc, &text);
  if (text.failed) stop("out of memory", "");
  const icn_status status = icn_os_write_file(path, text.data, text.length, &error);
  icn_text_fini(&text);
  if (status != ICN_OK) stop(error.message, "");
  say("wrote %s: the description of %s\n", path, b->device->desc.name);
  return 0;
}

int main(int argc, char **argv) {
  const bool describing = argc > 1 && strcmp(argv[1], "--describe") == 0;
  const int first = describing ? 2 : 1;
  if (argc != first + 1 && argc != first + 2) stop("usage: build_programs INDEX [DEVICE] | --describe FILE [DEVICE]", "");
  const char *which = argc == first + 2 ? argv[first + 1] : "0";
  icn_error error;
  builder b;
  memset(&b, 0, sizeof b);
  if (icn_context_create(NULL, &b.context, &error) != ICN_OK) stop(error.message, "");
  const size_t number = (size_t)strtoul(which, NULL, 10);
  if (number >= b.context->device_count) stop("no such OpenCL device", b.context->device_count > 0 ? which : b.context->opencl_problem);
  b.cl = &b.context->cl;
  b.device = &b.context->devices[number];
  const int code = describing ? describe(&b, argv[first]) : build_all(&b, argv[first]);
  icn_context_destroy(b.context);
  return code;
}
