/* OpenCL, opened at run time: a table of function pointers. OpenCL 1.2 core as far as the library uses it is required; everything newer is
 * optional, each entry on its own. Nothing in the library links an OpenCL library. */
#ifndef ICN_HOST_LOADER_H
#define ICN_HOST_LOADER_H

#include <CL/cl.h>
#include <CL/cl_icd.h>

#include "base.h"

#define ICN_CL_REQUIRED(X)       \
  X(clGetPlatformIDs)            \
  X(clGetPlatformInfo)           \
  X(clGetDeviceIDs)              \
  X(clGetDeviceInfo)             \
  X(clCreateSubDevices)          \
  X(clReleaseDevice)             \
  X(clCreateContext)             \
  X(clRetainContext)             \
  X(clReleaseContext)            \
  X(clGetContextInfo)            \
  X(clCreateCommandQueue)        \
  X(clRetainCommandQueue)        \
  X(clReleaseCommandQueue)       \
  X(clGetCommandQueueInfo)       \
  X(clCreateBuffer)              \
  X(clReleaseMemObject)          \
  X(clGetMemObjectInfo)          \
  X(clCreateProgramWithSource)   \
  X(clCreateProgramWithBinary)   \
  X(clReleaseProgram)            \
  X(clBuildProgram)              \
  X(clGetProgramInfo)            \
  X(clGetProgramBuildInfo)       \
  X(clCreateKernel)              \
  X(clReleaseKernel)             \
  X(clSetKernelArg)              \
  X(clGetKernelWorkGroupInfo)    \
  X(clReleaseEvent)              \
  X(clWaitForEvents)             \
  X(clGetEventInfo)              \
  X(clSetEventCallback)          \
  X(clGetEventProfilingInfo)     \
  X(clFlush)                     \
  X(clFinish)                    \
  X(clEnqueueReadBuffer)         \
  X(clEnqueueWriteBuffer)        \
  X(clEnqueueCopyBuffer)         \
  X(clEnqueueMapBuffer)          \
  X(clEnqueueUnmapMemObject)     \
  X(clEnqueueNDRangeKernel)      \
  X(clEnqueueMarkerWithWaitList) \
  X(clEnqueueBarrierWithWaitList)

#define ICN_CL_OPTIONAL(X)                              \
  X(clCreateCommandQueueWithProperties)       /* 2.0 */ \
  X(clGetExtensionFunctionAddressForPlatform) /* 1.2, not in every fake */

typedef struct icn_cl {
  void *library; /* NULL: not open */
#define ICN_CL_MEMBER(name) cl_api_##name name;
  ICN_CL_REQUIRED(ICN_CL_MEMBER)
  ICN_CL_OPTIONAL(ICN_CL_MEMBER)
#undef ICN_CL_MEMBER
} icn_cl;

/* Opens `library`, or CLINCEPTION_OPENCL_LIBRARY, or the system's ICD loader under its usual names. "none" is refused by name.
 * Fails: ICN_NO_DEVICE: which names were tried, or which required function is missing. */
icn_status icn_cl_open(icn_cl *cl, const char *library, icn_error *error);
/* Empties the table. */
void icn_cl_close(icn_cl *cl);

#endif
