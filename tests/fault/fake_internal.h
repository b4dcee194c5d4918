/* Between the files of the fake driver. */
#ifndef ICN_TEST_FAKE_INTERNAL_H
#define ICN_TEST_FAKE_INTERNAL_H

#include <CL/cl.h>
#include <CL/cl_icd.h>

#include "fault/fake_opencl.h"

/* clang-format off */
/* In the order of README.md's table. */
#define FAKE_SETTINGS(X)                                                                                                                \
  X(name)                                                                                                                               \
  X(vendor)                                                                                                                             \
  X(driver)                                                                                                                             \
  X(version)                                                                                                                            \
  X(platform)                                                                                                                           \
  X(platform_version)                                                                                                                   \
  X(extensions)                                                                                                                         \
  X(kind)                                                                                                                               \
  X(compute_units)                                                                                                                      \
  X(cache_bytes)                                                                                                                        \
  X(constant_bytes)                                                                                                                     \
  X(vector_width)                                                                                                                       \
  X(wave)                                                                                                                               \
  X(base_align_bytes)                                                                                                                   \
  X(subgroup_sizes)                                                                                                                     \
  X(local_is_real) X(has_fp64) X(has_subgroups) X(fast_fma) X(max_work_group) X(max_work_item_x) X(max_work_item_y) X(max_work_item_z)  \
      X(local_bytes) X(argument_bytes) X(max_allocation_bytes) X(global_bytes) X(profiling) X(out_of_order) X(kernel_work_group) X(fail) X(ends_badly) \
          X(build_fails) X(build_log) X(kernel_fails) X(binary) X(wrong) X(crash) X(crash_build) X(hang) X(report)
/* clang-format on */
#define FAKE_MEMBER(name) FAKE_##name,
typedef enum fake_setting { FAKE_SETTINGS(FAKE_MEMBER) FAKE_SETTING_COUNT } fake_setting;
#undef FAKE_MEMBER

extern fake_driver fake;
extern cl_icd_dispatch fake_target; /* the loader's next layer, or the driver */

/* fake_settings.c */
const char *fake_text(fake_setting setting); /* NULL: not set */
bool fake_number(fake_setting setting, cl_ulong *number);
/* A setting "PART=N": true when `name` has PART in it. */
bool fake_rule(fake_setting setting, const char *name, long *number);
void fake_settings_from_environment(void);
/* A line on stderr about what was done to a call, when the settings came from the environment. */
void fake_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* True when `function` is the one that fails at this call; *code is then the code. */
bool fake_fails(const char *function, cl_int *code);
void fake_count(long change);
void fake_lock(void);
void fake_unlock(void);

/* fake_objects.c: what is remembered of the kernels, programs and buffers that are alive. */
enum { FAKE_MAX_ARGUMENTS = 128 };
typedef struct fake_object {
  struct fake_object *next;
  const void *handle;
  size_t bytes;      /* of a buffer */
  char *source;      /* of a program; NULL: from a binary */
  bool failed;       /* the build of a program */
  struct {           /* of a kernel */
    size_t bytes;    /* 0: not set */
    cl_mem buffer;   /* NULL: no buffer */
    size_t wrong_at; /* the word of the buffer that was made wrong */
    bool was_wrong;
  } * arguments; /* FAKE_MAX_ARGUMENTS of them */
} fake_object;
/* NULL: not known. */
fake_object *fake_object_find(const void *handle);
/* Known from now on, with nothing remembered. NULL when memory ran out. */
fake_object *fake_object_make(const void *handle);
void fake_object_forget(const void *handle);
/* Forgets what their last release is about to end. */
void fake_before_kernel_release(cl_kernel kernel);
void fake_before_program_release(cl_program program);
void fake_kernel_name(cl_kernel kernel, char name[256]);

/* fake_device.c */
cl_int fake_platform_info(cl_platform_id id, cl_platform_info what, size_t n, void *value, size_t *bytes);
cl_int fake_device_info(cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes);
/* The claimed version is below this one. */
bool fake_is_below(int major, int minor);
/* A query's answer, as OpenCL gives it. */
cl_int fake_answer(const void *data, size_t length, size_t n, void *value, size_t *bytes);

/* fake_limits.c */
cl_int fake_check_allocation(size_t bytes);
void fake_note_allocation(cl_mem memory, size_t bytes);
void fake_before_buffer_release(cl_mem memory);
cl_int fake_set_argument(cl_kernel kernel, cl_uint index, size_t bytes, const void *value);
cl_int fake_check_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *local);
cl_int fake_work_group_info(cl_kernel kernel, cl_device_id id, cl_kernel_work_group_info what, size_t n, void *value, size_t *bytes);

/* fake_program.c */
cl_program fake_create_program(cl_context context, cl_uint count, const char **texts, const size_t *bytes, cl_int *code);
cl_program fake_create_from_binary(cl_context context, cl_uint count, const cl_device_id *ids, const size_t *bytes,
                                   const unsigned char **data, cl_int *each, cl_int *code);
cl_int fake_build(cl_program program, cl_uint count, const cl_device_id *ids, const char *options,
                  void(CL_CALLBACK *notify)(cl_program, void *), void *user);
cl_int fake_build_info(cl_program program, cl_device_id id, cl_program_build_info what, size_t n, void *value, size_t *bytes);
cl_int fake_program_info(cl_program program, cl_program_info what, size_t n, void *value, size_t *bytes);
cl_kernel fake_create_kernel(cl_program program, const char *name, cl_int *code);

/* fake_launch.c */
cl_int fake_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset, const size_t *global, const size_t *local,
                   cl_uint waits, const cl_event *wait, cl_event *event);
void fake_release_hanging(void);

#endif
