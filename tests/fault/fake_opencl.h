/* A fake vendor driver: an OpenCL layer (CL/cl_layer.h) that stands between the ICD loader and any real driver. It poses as another device
 * and holds to that device's limits, fails a chosen call, miscompiles, crashes or hangs a chosen kernel, breaks builds and binaries, and
 * counts the objects that are alive.
 *
 *   OPENCL_LAYERS=build/tests/libfake_opencl.so FAKE_DEVICE=tests/data/devices/gpu-small.txt clinception check builtin:inception_v3
 *
 * A setting is read from the environment variable FAKE_ and its name in capitals when the loader loads the layer; a test changes it with
 * set(). README.md in this folder has the table of settings. */
#ifndef ICN_TEST_FAKE_OPENCL_H
#define ICN_TEST_FAKE_OPENCL_H

#include <stdbool.h>

typedef struct fake_driver {
  /* One setting by its name ("local_bytes"); NULL: as without. Forgets how often calls were counted and which kernels were wrong. Aborts
   * for a name that is none. Not while another thread is in a call. */
  void (*set)(const char *name, const char *value);
  /* Every setting as without. The counts stay. */
  void (*reset)(void);
  /* Poses as a recorded device, as FAKE_DEVICE does; false when the file cannot be read. */
  bool (*pose)(const char *path);
  /* Lets launches that hang go on. */
  void (*release_hanging)(void);
  long loaded;                          /* 1: the loader has taken the layer */
  long calls;                           /* of the function in `fail`, since that was set */
  long alive, peak;                     /* objects created or retained and not released; the most at once */
  long overstepped;                     /* calls refused because of a limit of the device that it poses as */
  unsigned long long bytes, bytes_peak; /* of buffers that are alive; the most at once (a test may set it to `bytes`) */
  long buffers;                         /* clCreateBuffer and clCreateSubBuffer that gave one */
  long absent;                          /* calls of functions that a driver of the OpenCL version in `version` does not have */
  char options[512];                    /* of the last clBuildProgram */
} fake_driver;

/* Exported as icn_fake_driver by the layer; tests open the file of OPENCL_LAYERS with dlopen and find it there. */
typedef fake_driver *fake_driver_function(void);

#endif
