/* The fake driver holds to the limits that it claims, as a real one would: a plan that oversteps one is refused at the call. */

#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

static cl_int overstep(cl_int code, const char *what, cl_ulong wanted, cl_ulong limit) {
  fake_lock();
  fake.overstepped++;
  fake_unlock();
  fake_note("%s: %llu, above the limit of %llu: refused with %d", what, (unsigned long long)wanted, (unsigned long long)limit, code);
  return code;
}

/* ------------------------------------------------------------- allocations */

static cl_ulong allocated; /* under the lock: tests allocate from several threads */

static cl_ulong allocated_now(void) {
  fake_lock();
  const cl_ulong bytes = allocated;
  fake_unlock();
  return bytes;
}

cl_int fake_check_allocation(size_t bytes) {
  cl_ulong limit;
  if (fake_number(FAKE_max_allocation_bytes, &limit) && bytes > limit) {
    return overstep(CL_INVALID_BUFFER_SIZE, "a buffer's bytes", bytes, limit);
  }
  if (fake_number(FAKE_global_bytes, &limit) && allocated_now() + bytes > limit) {
    return overstep(CL_MEM_OBJECT_ALLOCATION_FAILURE, "bytes allocated", allocated_now() + bytes, limit);
  }
  return CL_SUCCESS;
}

void fake_note_allocation(cl_mem memory, size_t bytes) {
  fake_object *made = fake_object_make(memory);
  if (made == NULL) return;
  made->bytes = bytes;
  fake_lock();
  allocated += bytes;
  fake.bytes = allocated;
  fake.buffers++;
  if (allocated > fake.bytes_peak) fake.bytes_peak = allocated;
  fake_unlock();
}

void fake_before_buffer_release(cl_mem memory) {
  cl_uint references = 0;
  const cl_int code = fake_target.clGetMemObjectInfo(memory, CL_MEM_REFERENCE_COUNT, sizeof references, &references, NULL);
  const fake_object *known = code == CL_SUCCESS && references == 1 ? fake_object_find(memory) : NULL;
  if (known == NULL) return;
  fake_lock();
  allocated -= known->bytes;
  fake.bytes = allocated;
  fake_unlock();
  fake_object_forget(memory);
}

/* --------------------------------------------------------------- arguments */

/* Remembers the argument; returns the bytes of all of them. One of local memory is passed as a pointer. */
static cl_ulong note_argument(cl_kernel kernel, cl_uint index, size_t bytes, const void *value) {
  cl_ulong sum = 0;
  cl_mem buffer = NULL;
  fake_object *known = fake_object_find(kernel);
  if (known == NULL || index >= FAKE_MAX_ARGUMENTS) return 0;
  if (known->arguments == NULL) known->arguments = calloc(FAKE_MAX_ARGUMENTS, sizeof *known->arguments);
  if (known->arguments == NULL) return 0;
  if (bytes == sizeof buffer && value != NULL) memcpy(&buffer, value, sizeof buffer);
  known->arguments[index].bytes = value == NULL ? sizeof(void *) : bytes;
  known->arguments[index].buffer = buffer != NULL && fake_object_find(buffer) != NULL ? buffer : NULL;
  for (size_t i = 0; i < FAKE_MAX_ARGUMENTS; i++) sum += known->arguments[i].bytes;
  return sum;
}

cl_int fake_set_argument(cl_kernel kernel, cl_uint index, size_t bytes, const void *value) {
  cl_ulong limit;
  const cl_ulong sum = note_argument(kernel, index, bytes, value);
  if (fake_number(FAKE_argument_bytes, &limit) && sum > limit) {
    return overstep(CL_INVALID_ARG_SIZE, "bytes of kernel arguments", sum, limit);
  }
  return fake_target.clSetKernelArg(kernel, index, bytes, value);
}

/* ----------------------------------------------------------------- kernels */

/* A limit of work-groups; 0 is told by drivers that do not know, and launch all the same. */
static bool group_number(fake_setting setting, cl_ulong *limit) { return fake_number(setting, limit) && *limit > 0; }

/* What the kernel allows: less than the device where kernel_work_group says so of its name. */
static bool work_group_limit(cl_kernel kernel, cl_ulong *limit) {
  char name[256];
  long of_kernel = 0;
  const bool limited = group_number(FAKE_max_work_group, limit);
  if (fake_text(FAKE_kernel_work_group) == NULL) return limited;
  fake_kernel_name(kernel, name);
  if (!fake_rule(FAKE_kernel_work_group, name, &of_kernel) || (limited && *limit < (cl_ulong)of_kernel)) return limited;
  *limit = (cl_ulong)of_kernel;
  return true;
}

static cl_int check_group(cl_kernel kernel, cl_uint dims, const size_t *local) {
  static const fake_setting ITEMS[] = {FAKE_max_work_item_x, FAKE_max_work_item_y, FAKE_max_work_item_z};
  cl_ulong items = 1, limit;
  for (cl_uint k = 0; k < dims && k < 3; k++) {
    items *= local[k];
    if (group_number(ITEMS[k], &limit) && local[k] > limit)
      return overstep(CL_INVALID_WORK_ITEM_SIZE, "work-items of a dimension", local[k], limit);
  }
  if (work_group_limit(kernel, &limit) && items > limit) return overstep(CL_INVALID_WORK_GROUP_SIZE, "work-items of a group", items, limit);
  return CL_SUCCESS;
}

cl_int fake_check_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *local) {
  cl_ulong limit, bytes = 0;
  cl_device_id id = NULL;
  const cl_int code = local == NULL ? CL_SUCCESS : check_group(kernel, dims, local);
  if (code != CL_SUCCESS || !fake_number(FAKE_local_bytes, &limit)) return code;
  if (fake_target.clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof id, &id, NULL) != CL_SUCCESS) return CL_SUCCESS;
  if (fake_target.clGetKernelWorkGroupInfo(kernel, id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL) != CL_SUCCESS)
    return CL_SUCCESS;
  return bytes > limit ? overstep(CL_OUT_OF_RESOURCES, "bytes of local memory", bytes, limit) : CL_SUCCESS;
}

cl_int fake_work_group_info(cl_kernel kernel, cl_device_id id, cl_kernel_work_group_info what, size_t n, void *value, size_t *bytes) {
  cl_ulong limit;
  const cl_int code = fake_target.clGetKernelWorkGroupInfo(kernel, id, what, n, value, bytes);
  if (code != CL_SUCCESS || value == NULL) return code;
  if (what == CL_KERNEL_WORK_GROUP_SIZE && work_group_limit(kernel, &limit) && limit < *(size_t *)value) *(size_t *)value = (size_t)limit;
  if (what == CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE && fake_number(FAKE_wave, &limit)) *(size_t *)value = (size_t)limit;
  return code;
}
