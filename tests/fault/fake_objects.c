/* What the fake driver remembers of objects by their handles. */

#include <stdlib.h>
#include <string.h>

#include "fault/fake_internal.h"

static fake_object *objects; /* the last used first */

/* Found and taken out of the list. Locked by the caller. */
static fake_object *take(const void *handle) {
  for (fake_object **link = &objects; *link != NULL; link = &(*link)->next) {
    fake_object *found = *link;
    if (found->handle != handle) continue;
    *link = found->next;
    return found;
  }
  return NULL;
}

static void put(fake_object *object) {
  object->next = objects;
  objects = object;
}

static void destroy(fake_object *object) {
  if (object == NULL) return;
  free(object->source);
  free(object->arguments);
  free(object);
}

fake_object *fake_object_find(const void *handle) {
  fake_lock();
  fake_object *found = take(handle);
  if (found != NULL) put(found);
  fake_unlock();
  return found;
}

fake_object *fake_object_make(const void *handle) {
  fake_object *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  made->handle = handle;
  fake_lock();
  destroy(take(handle)); /* an object that went without being seen here */
  put(made);
  fake_unlock();
  return made;
}

void fake_object_forget(const void *handle) {
  fake_lock();
  destroy(take(handle));
  fake_unlock();
}

void fake_before_kernel_release(cl_kernel kernel) {
  cl_uint references = 0;
  const cl_int code = fake_target.clGetKernelInfo(kernel, CL_KERNEL_REFERENCE_COUNT, sizeof references, &references, NULL);
  if (code == CL_SUCCESS && references == 1) fake_object_forget(kernel);
}

void fake_before_program_release(cl_program program) {
  cl_uint references = 0;
  const cl_int code = fake_target.clGetProgramInfo(program, CL_PROGRAM_REFERENCE_COUNT, sizeof references, &references, NULL);
  if (code == CL_SUCCESS && references == 1) fake_object_forget(program);
}

void fake_kernel_name(cl_kernel kernel, char name[256]) {
  name[0] = '\0';
  (void)fake_target.clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, 256, name, NULL);
  name[255] = '\0';
}
