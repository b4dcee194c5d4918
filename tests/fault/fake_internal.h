/* Between the files of the fake driver. */
#ifndef ICN_TEST_FAKE_INTERNAL_H
#define ICN_TEST_FAKE_INTERNAL_H

#include <CL/cl.h>
#include <CL/cl_icd.h>

#include "fault/fake_opencl.h"

/* In the order of README.md's table. */
#define FAKE_SETTINGS(X)                                                                                                           \
  X(name)                                                                                                                          \
  X(vendor)                                                                                                                        \
  X(driver)                                                                                                                        \
  X(version) X(platform) X(platform_version) X(kind) X(compute_units) X(global_bytes) X(max_allocation_bytes) X(local_bytes)       \
      X(local_is_real) X(constant_bytes) X(cache_bytes) X(max_work_group) X(max_work_item_x) X(max_work_item_y) X(max_work_item_z) \
          X(argument_bytes) X(vector_width) X(wave) X(base_align_bytes) X(fast_fma) X(has_fp64) X(has_subgroups) X(extensions)     \
              X(profiling) X(kernel_work_group) X(fail)
#define FAKE_MEMBER(name) FAKE_##name,
typedef enum fake_setting { FAKE_SETTINGS(FAKE_MEMBER) FAKE_SETTING_COUNT } fake_setting;
#undef FAKE_MEMBER

extern fake_driver fake;
extern cl_icd_dispatch fake_target; /* the loader's next layer, or the driver */

/* fake_settings.c */
const char *fake_text(fake_setting setting); /* NULL: not set */
bool fake_number(fake_setting setting, cl_ulong *number);
void fake_settings_from_environment(void);
/* A line on stderr about what was done to a call, when the settings came from the environment. */
void fake_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* True when `function` is the one that fails at this call; *code is then the code. */
bool fake_fails(const char *function, cl_int *code);
void fake_count(long change);
void fake_lock(void);
void fake_unlock(void);

/* fake_device.c */
cl_int fake_platform_info(cl_platform_id id, cl_platform_info what, size_t n, void *value, size_t *bytes);
cl_int fake_device_info(cl_device_id id, cl_device_info what, size_t n, void *value, size_t *bytes);
/* True when the claimed version is below: the function is not there. */
bool fake_is_below(int major, int minor);

/* fake_limits.c */
cl_int fake_check_allocation(size_t bytes);
void fake_note_allocation(size_t bytes);
void fake_note_release(cl_mem memory);
cl_int fake_set_argument(cl_kernel kernel, cl_uint index, size_t bytes, const void *value);
void fake_forget_kernel(cl_kernel kernel);
cl_int fake_check_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *local);
cl_int fake_work_group_info(cl_kernel kernel, cl_device_id id, cl_kernel_work_group_info what, size_t n, void *value, size_t *bytes);

/* fake_program.c */
cl_program fake_create_program(cl_context context, cl_uint count, const char **texts, const size_t *bytes, cl_int *code);

#endif
