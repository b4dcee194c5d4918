#include "share.h"

#include <stdio.h>
#include <string.h>

#include "clblast.h"
#include "clcall.h"
#include "program.h"
#include "quirks.h"

/* ------------------------------------------------------------- sub-devices */

static bool can_partition(const icn_share *share, cl_device_partition_property wanted) {
  cl_device_partition_property properties[16] = {0};
  size_t bytes = 0;
  cl_int code = share->cl->clGetDeviceInfo(share->device->id, CL_DEVICE_PARTITION_PROPERTIES, sizeof properties, properties, &bytes);
  if (code != CL_SUCCESS) return false;
  for (size_t i = 0; i < bytes / sizeof properties[0] && i < 16; i++) {
    if (properties[i] == wanted) return true;
  }
  return false;
}

/* A sub-device of share->cores compute units: by counts, or the first of equal parts where a driver knows only these. */
static icn_status make_sub_device(icn_share *share, icn_error *error) {
  icn_status status = ICN_OK;
  const icn_cl *cl = share->cl;
  const icn_device_desc *desc = &share->device->reported;
  cl_device_id parts[64] = {NULL};
  cl_uint count = 0;
  const icn_quirk *quirk = icn_quirk_of(&share->device->desc, ICN_AVOID_SUB_DEVICES);
  ICN_REQUIRE(share->cores <= desc->compute_units, ICN_ARGUMENT, "%u cores asked for, but device '%s' has %u compute units", share->cores,
              desc->name, desc->compute_units);
  ICN_REQUIRE(quirk == NULL, ICN_UNSUPPORTED, "device '%.60s' cannot be limited to %u of its %u compute units: %s (quirk %s)", desc->name,
              share->cores, desc->compute_units, quirk->breaks, quirk->name);
  if (can_partition(share, CL_DEVICE_PARTITION_BY_COUNTS)) {
    const cl_device_partition_property by_counts[] = {CL_DEVICE_PARTITION_BY_COUNTS, (cl_device_partition_property)share->cores,
                                                      CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0};
    ICN_CL_FOR(desc->name, cl->clCreateSubDevices(share->device->id, by_counts, 64, parts, &count));
  } else if (can_partition(share, CL_DEVICE_PARTITION_EQUALLY) && desc->compute_units / share->cores <= 64) {
    const cl_device_partition_property equally[] = {CL_DEVICE_PARTITION_EQUALLY, (cl_device_partition_property)share->cores, 0};
    ICN_CL_FOR(desc->name, cl->clCreateSubDevices(share->device->id, equally, 64, parts, &count));
  } else {
    ICN_FAIL(ICN_UNSUPPORTED, "device '%s' cannot be limited to %u of its %u compute units: it does not support partition by counts",
             desc->name, share->cores, desc->compute_units);
  }
  ICN_REQUIRE(count > 0, ICN_DEVICE, "device '%s' was divided into no part", desc->name);
  for (cl_uint i = 1; i < count && i < 64; i++) (void)cl->clReleaseDevice(parts[i]);
  share->id = parts[0];
  share->is_sub_device = true;
done:
  return status;
}

/* -------------------------------------------------------------- life cycle */

static void share_destroy(icn_share *share) {
  if (share == NULL) return;
  icn_programs_destroy(share);
  if (share->cl_context != NULL) (void)share->cl->clReleaseContext(share->cl_context);
  if (share->is_sub_device) (void)share->cl->clReleaseDevice(share->id);
  icn_mutex_destroy(share->mutex);
  icn_release(&share->context->allocator, share);
}

static icn_status share_allocate(const icn_context *context, const icn_device *device, icn_share **share, icn_error *error) {
  *share = icn_allocate_array(&context->allocator, 1, sizeof **share);
  if (*share == NULL) return icn_error_memory(error, sizeof **share, "the shared device state");
  (*share)->context = context;
  (*share)->cl = &context->cl;
  (*share)->device = device;
  (*share)->references = 1;
  (*share)->mutex = icn_mutex_create(&context->allocator);
  if ((*share)->mutex != NULL) return ICN_OK;
  icn_release(&context->allocator, *share);
  *share = NULL;
  return icn_error_memory(error, sizeof **share, "a mutex");
}

/* Quirks that only the user can do something about; the library never sets its host's environment. */
static void warn_about_quirks(const icn_context *context, const icn_device_desc *desc) {
  char variable[64];
  for (size_t i = 0; i < icn_quirk_count(); i++) {
    const icn_quirk *quirk = icn_quirk_at(i);
    if (!icn_quirk_active(desc, i)) continue;
    if (quirk->workaround == ICN_AVOID_TRUST) {
      icn_log(&context->logger, ICN_LOG_WARNING, "device '%s' is known for %s (%s): run 'clinception check' on it before trusting results",
              desc->name, quirk->breaks, quirk->evidence);
    } else if (quirk->workaround == ICN_AVOID_ENVIRONMENT) {
      snprintf(variable, sizeof variable, "%.*s", (int)strcspn(quirk->text, "="), quirk->text);
      if (icn_os_environment(variable) != NULL) continue;
      icn_log(&context->logger, ICN_LOG_WARNING, "device '%s': %s: set %s in the environment", desc->name, quirk->breaks, quirk->text);
    }
  }
}

static icn_status share_create(const icn_context *context, const icn_device *device, uint32_t cores, icn_share **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_share *share = NULL;
  cl_int code = CL_SUCCESS;
  ICN_TRY(share_allocate(context, device, &share, error));
  share->id = device->id;
  share->cores = cores;
  share->desc = device->desc;
  if (cores != 0 && cores != device->reported.compute_units) {
    ICN_TRY(make_sub_device(share, error));
    ICN_TRY(icn_device_describe(share->cl, share->id, &share->desc, error));
    icn_quirks_apply(&share->desc, context->quirks);
    icn_clblast_mark(context, &share->desc);
  }
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->platform, 0};
  share->cl_context = share->cl->clCreateContext(properties, 1, &share->id, NULL, NULL, &code);
  ICN_CL_CODE(code, "clCreateContext(platform, device)", device->desc.name);
  warn_about_quirks(context, &share->desc);
done:
  if (status != ICN_OK) {
    share_destroy(share);
    share = NULL;
  }
  *result = share;
  return status;
}

/* True for a device of this context's own list. */
static bool is_listed(const icn_context *context, const icn_device *device) {
  for (size_t i = 0; i < context->device_count; i++) {
    if (device == &context->devices[i]) return true;
  }
  return false;
}

icn_status icn_share_acquire(const icn_context *context, const icn_device *device, uint32_t cores, icn_share **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_share *share = NULL;
  *result = NULL;
  if (device->desc.kind == ICN_DEVICE_REFERENCE) {
    return icn_error_set(error, ICN_NO_DEVICE, "the reference device runs no OpenCL");
  }
  if (!is_listed(context, device)) {
    return icn_error_set(error, ICN_ARGUMENT, "device '%.100s' is not from the model's own context", device->desc.name);
  }
  if (cores == device->reported.compute_units) cores = 0;
  icn_mutex_lock(context->mutex); /* held while the cl_context is made, so that two threads do not make two */
  for (share = *context->shares; share != NULL; share = share->next) {
    if (share->device == device && share->cores == cores) break;
  }
  if (share != NULL) {
    share->references++;
  } else {
    ICN_TRY(share_create(context, device, cores, &share, error));
    share->references++; /* the list's own: programs stay built until the context goes */
    share->next = *context->shares;
    *context->shares = share;
  }
  *result = share;
done:
  icn_mutex_unlock(context->mutex);
  return status;
}

icn_status icn_share_wrap(const icn_context *context, cl_context wrapped, cl_device_id id, icn_share **result, icn_error *error) {
  icn_status status = ICN_OK;
  icn_share *share = NULL;
  *result = NULL;
  ICN_TRY(share_allocate(context, NULL, &share, error));
  share->device = &share->wrapped;
  share->id = id;
  ICN_TRY(icn_device_describe(share->cl, id, &share->desc, error));
  icn_clblast_mark(context, &share->desc);
  share->wrapped = (icn_device){.index = -1, .id = id, .reported = share->desc};
  icn_quirks_apply(&share->desc, context->quirks);
  share->wrapped.desc = share->desc;
  ICN_CL(share->cl->clRetainContext(wrapped));
  share->cl_context = wrapped;
  *result = share;
  return ICN_OK;
done:
  share_destroy(share);
  return status;
}

icn_share *icn_share_retain(icn_share *share) {
  icn_mutex_lock(share->context->mutex);
  share->references++;
  icn_mutex_unlock(share->context->mutex);
  return share;
}

void icn_share_release(icn_share *share) {
  if (share == NULL) return;
  const icn_context *context = share->context;
  icn_mutex_lock(context->mutex);
  const bool last = --share->references == 0;
  icn_mutex_unlock(context->mutex);
  if (last) share_destroy(share);
}

void icn_shares_release(const icn_context *context) {
  icn_share *share = context->shares == NULL ? NULL : *context->shares;
  while (share != NULL) {
    icn_share *next = share->next;
    icn_share_release(share);
    share = next;
  }
}
