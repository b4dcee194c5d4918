/* kernel_once FILE.cl KERNEL [BUILD OPTIONS]: one kernel of a file on the first device, for tools that watch a kernel run.
 *
 * The kernel is (global const float *in, global float *out, uint n) and runs with 64 items in groups of 16; in and out hold n = 64 floats.
 * Nothing is compared. Exit: 0 every call succeeded, 1 one failed (it is named), 2 wrong usage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"
#include "os.h"

enum { ITEMS = 64, GROUP = 16 };

typedef struct once {
  icn_cl cl;
  cl_device_id device;
  cl_context context;
  cl_command_queue queue;
  cl_program program;
  cl_kernel kernel;
  cl_mem in, out;
} once;

static bool good(cl_int code, const char *call) {
  if (code != CL_SUCCESS) fprintf(stderr, "kernel_once: %s failed: %d\n", call, code);
  return code == CL_SUCCESS;
}

static bool open_device(once *o) {
  cl_platform_id platform;
  cl_int code;
  if (!good(o->cl.clGetPlatformIDs(1, &platform, NULL), "clGetPlatformIDs")) return false;
  if (!good(o->cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &o->device, NULL), "clGetDeviceIDs")) return false;
  o->context = o->cl.clCreateContext(NULL, 1, &o->device, NULL, NULL, &code);
  if (!good(code, "clCreateContext")) return false;
  o->queue = o->cl.clCreateCommandQueue(o->context, o->device, 0, &code);
  return good(code, "clCreateCommandQueue");
}

static bool build(once *o, const char *source, size_t bytes, const char *kernel, const char *options) {
  cl_int code;
  o->program = o->cl.clCreateProgramWithSource(o->context, 1, &source, &bytes, &code);
  if (!good(code, "clCreateProgramWithSource")) return false;
  if (!good(o->cl.clBuildProgram(o->program, 1, &o->device, options, NULL, NULL), "clBuildProgram")) return false;
  o->kernel = o->cl.clCreateKernel(o->program, kernel, &code);
  return good(code, kernel);
}

static bool launch(once *o) {
  cl_int code;
  float values[ITEMS];
  cl_uint n = ITEMS;
  const size_t items = ITEMS, group = GROUP;
  for (int i = 0; i < ITEMS; i++) values[i] = (float)i;
  o->in = o->cl.clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof values, values, &code);
  if (!good(code, "clCreateBuffer")) return false;
  o->out = o->cl.clCreateBuffer(o->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, sizeof values, values, &code);
  if (!good(code, "clCreateBuffer")) return false;
  if (!good(o->cl.clSetKernelArg(o->kernel, 0, sizeof o->in, &o->in), "clSetKernelArg 0") ||
      !good(o->cl.clSetKernelArg(o->kernel, 1, sizeof o->out, &o->out), "clSetKernelArg 1") ||
      !good(o->cl.clSetKernelArg(o->kernel, 2, sizeof n, &n), "clSetKernelArg 2"))
    return false;
  if (!good(o->cl.clEnqueueNDRangeKernel(o->queue, o->kernel, 1, NULL, &items, &group, 0, NULL, NULL), "clEnqueueNDRangeKernel"))
    return false;
  return good(o->cl.clFinish(o->queue), "clFinish");
}

static void release(once *o) {
  if (o->out != NULL) o->cl.clReleaseMemObject(o->out);
  if (o->in != NULL) o->cl.clReleaseMemObject(o->in);
  if (o->kernel != NULL) o->cl.clReleaseKernel(o->kernel);
  if (o->program != NULL) o->cl.clReleaseProgram(o->program);
  if (o->queue != NULL) o->cl.clReleaseCommandQueue(o->queue);
  if (o->context != NULL) o->cl.clReleaseContext(o->context);
}

int main(int argc, char **argv) {
  once o;
  icn_error error;
  icn_mapping source;
  memset(&o, 0, sizeof o);
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: kernel_once FILE.cl KERNEL [BUILD OPTIONS]\n");
    return 2;
  }
  if (icn_os_map(argv[1], &source, &error) != ICN_OK || icn_cl_open(&o.cl, NULL, &error) != ICN_OK) {
    fprintf(stderr, "kernel_once: %s\n", error.message);
    return 1;
  }
  const bool done = open_device(&o) && build(&o, source.data, (size_t)source.bytes, argv[2], argc > 3 ? argv[3] : "") && launch(&o);
  release(&o);
  icn_cl_close(&o.cl);
  icn_os_unmap(&source);
  return done ? 0 : 1;
}
