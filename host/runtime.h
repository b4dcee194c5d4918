/* The smallest complete use of a device: buffers, launches, reads. The executor, the measurements and the kernel tests stand on it, and
 * none of them sees a CL type. */
#ifndef ICN_HOST_RUNTIME_H
#define ICN_HOST_RUNTIME_H

#include "kernel.h"

typedef struct icn_runtime icn_runtime; /* a device's cl_context, a queue whose commands run in order, and its programs */
typedef struct icn_buffer icn_buffer;   /* a cl_mem */
typedef struct icn_bound icn_bound;     /* a launch with its kernel object and arguments set: enqueue any number of times */

typedef struct icn_runtime_options {
  uint32_t cores; /* device partition; 0: all */
  bool profile;
} icn_runtime_options;

icn_status icn_runtime_create(const icn_context *context, const icn_device *device, const icn_runtime_options *options,
                              icn_runtime **runtime, icn_error *error);
void icn_runtime_destroy(icn_runtime *runtime);
/* The (sub-)device's description, calibration left 0. */
const icn_device_desc *icn_runtime_desc(const icn_runtime *runtime);

/* `initial` (may be NULL) is copied in, and large buffers of CPU devices are mapped once: either waits for what is in the queue. */
icn_status icn_buffer_create(icn_runtime *runtime, uint64_t bytes, const void *initial, icn_buffer **buffer, icn_error *error);
void icn_buffer_destroy(icn_buffer *buffer);
icn_status icn_buffer_write(icn_runtime *runtime, icn_buffer *buffer, uint64_t offset_bytes, uint64_t bytes, const void *data,
                            icn_error *error);
icn_status icn_buffer_read(icn_runtime *runtime, icn_buffer *buffer, uint64_t offset_bytes, uint64_t bytes, void *data, icn_error *error);
/* Builds (or finds) the program, makes a kernel, checks its work-group limit, sets every argument. operands[k] / offsets[k] (elements, the
 * view's offset included) for the ICN_OPERAND_* that the launch uses. `name` is the layer's, for messages. */
icn_status icn_bound_create(icn_runtime *runtime, const icn_launch *launch, icn_buffer *const operands[ICN_OPERAND_COUNT],
                            const int64_t offsets[ICN_OPERAND_COUNT], const char *name, icn_bound **bound, icn_error *error);
/* Bytes of local memory that the compiled kernel takes, by what the driver says. */
uint64_t icn_bound_local_bytes(const icn_bound *bound);
void icn_bound_destroy(icn_bound *bound);
icn_status icn_bound_enqueue(icn_runtime *runtime, icn_bound *bound, icn_error *error);
icn_status icn_runtime_flush(icn_runtime *runtime, icn_error *error);
icn_status icn_runtime_finish(icn_runtime *runtime, icn_error *error);
/* Device seconds of the bound launch's last run (profile; after finish), 0 otherwise. */
double icn_bound_seconds(icn_runtime *runtime, icn_bound *bound);

#endif
