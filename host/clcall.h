/* OpenCL's error codes as statuses with a sentence. */
#ifndef ICN_HOST_CLCALL_H
#define ICN_HOST_CLCALL_H

#include "loader.h"

/* "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for a number that is none. */
const char *icn_cl_error_name(cl_int code);
/* ICN_DEVICE, or ICN_DEVICE_MEMORY / ICN_NO_MEMORY where the code says so. */
icn_status icn_cl_status(cl_int code);
/* That status. `call` is the call's text, `subject` (may be NULL) what it was
 * made for: "layer 'conv2d_1': the OpenCL call clFinish failed with CL_OUT_OF_RESOURCES (-5)". */
icn_status icn_cl_fail(icn_error *error, cl_int code, const char *call, const char *subject);

/* As ICN_TRY, for an OpenCL call; ICN_CL_FOR names the layer or file that it is made for; ICN_CL_CODE takes a code that the call left in a
 * variable. */
#define ICN_CL(call)              ICN_CL_CODE(call, #call, NULL)
#define ICN_CL_FOR(subject, call) ICN_CL_CODE(call, #call, subject)
#define ICN_CL_CODE(code, text, subject)                     \
  do {                                                       \
    const cl_int cl_code = (code);                           \
    if (cl_code != CL_SUCCESS) {                             \
      status = icn_cl_fail(error, cl_code, (text), subject); \
      goto done;                                             \
    }                                                        \
  } while (0)

#endif
