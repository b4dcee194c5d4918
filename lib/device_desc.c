#include "device_desc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char FIRST_LINE[] = "clinception device 1";

typedef enum field_kind {
  FIELD_TEXT,
  FIELD_DEVICE_KIND,
  FIELD_BOOL,
  FIELD_U32,
  FIELD_U64,
  FIELD_RATE,       /* double, written as a whole number: the text does not depend on the locale */
  FIELD_NANOSECONDS /* double seconds, written in whole nanoseconds */
} field_kind;

typedef struct desc_field {
  const char *key;
  field_kind kind;
  size_t offset, bytes;
  bool required;
  uint64_t least, most; /* of a number */
} desc_field;

#define AT(member) offsetof(icn_device_desc, member), sizeof(((icn_device_desc *)0)->member)

/* In the order in which they are written. */
static const desc_field FIELDS[] = {
    {"name", FIELD_TEXT, AT(name), true, 0, 0},
    {"vendor", FIELD_TEXT, AT(vendor), true, 0, 0},
    {"driver", FIELD_TEXT, AT(driver), true, 0, 0},
    {"version", FIELD_TEXT, AT(version), true, 0, 0},
    {"platform", FIELD_TEXT, AT(platform), true, 0, 0},
    {"kind", FIELD_DEVICE_KIND, AT(kind), true, 0, 0},
    {"opencl_major", FIELD_U32, AT(opencl_major), true, 1, 99},
    {"opencl_minor", FIELD_U32, AT(opencl_minor), true, 0, 99},
    {"compute_units", FIELD_U32, AT(compute_units), true, 1, 1U << 20},
    {"global_bytes", FIELD_U64, AT(global_bytes), true, 1, UINT64_MAX},
    {"max_allocation_bytes", FIELD_U64, AT(max_allocation_bytes), true, 1, UINT64_MAX},
    {"local_bytes", FIELD_U64, AT(local_bytes), true, 0, UINT64_MAX},
    {"local_is_real", FIELD_BOOL, AT(local_is_real), true, 0, 1},
    {"constant_bytes", FIELD_U64, AT(constant_bytes), true, 0, UINT64_MAX},
    {"cache_bytes", FIELD_U64, AT(cache_bytes), true, 0, UINT64_MAX},
    {"max_work_group", FIELD_U64, AT(max_work_group), true, 0, UINT64_MAX} /* 0 is reported by a driver */,
    {"max_work_item_x", FIELD_U64, AT(max_work_item[0]), true, 0, UINT64_MAX},
    {"max_work_item_y", FIELD_U64, AT(max_work_item[1]), true, 0, UINT64_MAX},
    {"max_work_item_z", FIELD_U64, AT(max_work_item[2]), true, 0, UINT64_MAX},
    {"argument_bytes", FIELD_U32, AT(argument_bytes), true, 1, UINT32_MAX},
    {"vector_width", FIELD_U32, AT(vector_width), true, 1, 64},
    {"wave", FIELD_U32, AT(wave), true, 1, 4096},
    {"base_align_bytes", FIELD_U32, AT(base_align_bytes), true, 1, 1U << 20},
    {"fast_fma", FIELD_BOOL, AT(fast_fma), true, 0, 1},
    {"has_fp16", FIELD_BOOL, AT(has_fp16), true, 0, 1},
    {"has_fp64", FIELD_BOOL, AT(has_fp64), true, 0, 1},
    {"has_subgroups", FIELD_BOOL, AT(has_subgroups), true, 0, 1},
    {"subgroup_sizes", FIELD_U32, AT(subgroup_sizes), false, 0, UINT32_MAX},
    {"extensions", FIELD_TEXT, AT(extensions), true, 0, 0},
    {"flop_per_second", FIELD_RATE, AT(flop_per_second), false, 0, UINT64_MAX / 2},
    {"bytes_per_second", FIELD_RATE, AT(bytes_per_second), false, 0, UINT64_MAX / 2},
    {"launch_nanoseconds", FIELD_NANOSECONDS, AT(launch_seconds), false, 0, UINT32_MAX},
};

enum { FIELD_COUNT = sizeof FIELDS / sizeof FIELDS[0] };

static const struct {
  const char *name;
  icn_device_kind kind;
} KINDS[] = {{"cpu", ICN_DEVICE_CPU}, {"gpu", ICN_DEVICE_GPU}, {"other", ICN_DEVICE_OTHER}, {"reference", ICN_DEVICE_REFERENCE}};

/* ------------------------------------------------------------------- write */

static const char *kind_name(icn_device_kind kind) {
  for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
    if (KINDS[i].kind == kind) return KINDS[i].name;
  }
  return "other";
}

/* Drivers put what they like into their strings: control characters become spaces, spaces at the ends go. */
static void print_text(icn_text *text, const char *value, size_t bytes) {
  char clean[sizeof(((icn_device_desc *)0)->extensions)];
  size_t length = 0;
  for (size_t i = 0; i < bytes && value[i] != '\0'; i++) {
    unsigned char c = (unsigned char)value[i];
    char kept = c < 0x20 || c == 0x7F ? ' ' : value[i];
    if (length > 0 || kept != ' ') clean[length++] = kept;
  }
  while (length > 0 && clean[length - 1] == ' ') length--;
  icn_text_append(text, "%.*s", (int)length, clean);
}

static uint64_t whole_number(double value, uint64_t most) {
  if (!(value > 0)) return 0;
  return value + 0.5 >= (double)most ? most : (uint64_t)(value + 0.5);
}

static uint64_t field_number(const desc_field *field, const char *at) {
  uint32_t u32;
  uint64_t u64;
  bool flag;
  double real;
  switch (field->kind) {
    case FIELD_BOOL:
      memcpy(&flag, at, sizeof flag);
      return flag ? 1 : 0;
    case FIELD_U32:
      memcpy(&u32, at, sizeof u32);
      return u32;
    case FIELD_U64:
      memcpy(&u64, at, sizeof u64);
      return u64;
    case FIELD_RATE:
      memcpy(&real, at, sizeof real);
      return whole_number(real, field->most);
    default:
      memcpy(&real, at, sizeof real);
      return whole_number(real * 1e9, field->most);
  }
}

void icn_device_desc_print(const icn_device_desc *desc, icn_text *text) {
  icn_text_append(text, "%s\n", FIRST_LINE);
  for (int i = 0; i < FIELD_COUNT; i++) {
    const char *at = (const char *)desc + FIELDS[i].offset;
    icn_text_append(text, "%s: ", FIELDS[i].key);
    if (FIELDS[i].kind == FIELD_TEXT) {
      print_text(text, at, FIELDS[i].bytes);
    } else if (FIELDS[i].kind == FIELD_DEVICE_KIND) {
      icn_text_append(text, "%s", kind_name(desc->kind));
    } else {
      icn_text_append(text, "%" PRIu64, field_number(&FIELDS[i], at));
    }
    icn_text_append(text, "\n");
  }
}

/* -------------------------------------------------------------------- read */

typedef struct span {
  const char *data;
  size_t bytes;
} span;

static bool span_is(span s, const char *text) { return strlen(text) == s.bytes && memcmp(s.data, text, s.bytes) == 0; }

static span trimmed(span s) {
  while (s.bytes > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) s.data++, s.bytes--;
  while (s.bytes > 0 && (s.data[s.bytes - 1] == ' ' || s.data[s.bytes - 1] == '\t' || s.data[s.bytes - 1] == '\r')) s.bytes--;
  return s;
}

static bool parse_number(span s, uint64_t *number) {
  *number = 0;
  for (size_t i = 0; i < s.bytes; i++) {
    if (s.data[i] < '0' || s.data[i] > '9') return false;
    uint64_t digit = (uint64_t)(s.data[i] - '0');
    if (*number > (UINT64_MAX - digit) / 10) return false;
    *number = *number * 10 + digit;
  }
  return s.bytes > 0;
}

static void store_number(const desc_field *field, uint64_t number, char *at) {
  uint32_t u32 = (uint32_t)number;
  bool flag = number != 0;
  double real = field->kind == FIELD_NANOSECONDS ? (double)number * 1e-9 : (double)number;
  switch (field->kind) {
    case FIELD_BOOL:
      memcpy(at, &flag, sizeof flag);
      break;
    case FIELD_U32:
      memcpy(at, &u32, sizeof u32);
      break;
    case FIELD_U64:
      memcpy(at, &number, sizeof number);
      break;
    default:
      memcpy(at, &real, sizeof real);
      break;
  }
}

static icn_status parse_text(const desc_field *field, span value, size_t line, char *at, icn_error *error) {
  if (value.bytes >= field->bytes) {
    return icn_error_set(error, ICN_FORMAT, "device description, line %zu: %s has %zu characters, at most %zu are allowed", line,
                         field->key, value.bytes, field->bytes - 1);
  }
  for (size_t i = 0; i < value.bytes; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if (c < 0x20 || c == 0x7F) {
      return icn_error_set(error, ICN_FORMAT, "device description, line %zu: %s holds the control character 0x%02x", line, field->key, c);
    }
  }
  if (value.bytes > 0) memcpy(at, value.data, value.bytes);
  return ICN_OK;
}

static icn_status parse_value(const desc_field *field, span value, size_t line, icn_device_desc *desc, icn_error *error) {
  char *at = (char *)desc + field->offset;
  int shown = value.bytes > 40 ? 40 : (int)value.bytes;
  if (field->kind == FIELD_TEXT) return parse_text(field, value, line, at, error);
  if (field->kind == FIELD_DEVICE_KIND) {
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
      if (!span_is(value, KINDS[i].name)) continue;
      desc->kind = KINDS[i].kind;
      return ICN_OK;
    }
    return icn_error_set(error, ICN_FORMAT, "device description, line %zu: kind is '%.*s', expected cpu, gpu, other or reference", line,
                         shown, value.data);
  }
  uint64_t number;
  if (!parse_number(value, &number)) {
    return icn_error_set(error, ICN_FORMAT, "device description, line %zu: %s is '%.*s', expected a whole number", line, field->key, shown,
                         value.data);
  }
  if (number < field->least || number > field->most) {
    return icn_error_set(error, ICN_FORMAT, "device description, line %zu: %s is %" PRIu64 ", expected %" PRIu64 " to %" PRIu64, line,
                         field->key, number, field->least, field->most);
  }
  store_number(field, number, at);
  return ICN_OK;
}

static icn_status parse_line(span text, size_t line, bool seen[FIELD_COUNT], icn_device_desc *desc, icn_error *error) {
  const char *colon = memchr(text.data, ':', text.bytes);
  int shown = text.bytes > 40 ? 40 : (int)text.bytes;
  if (colon == NULL) {
    return icn_error_set(error, ICN_FORMAT, "device description, line %zu: '%.*s' is not of the form 'key: value'", line, shown, text.data);
  }
  span key = trimmed((span){text.data, (size_t)(colon - text.data)});
  span value = trimmed((span){colon + 1, text.bytes - (size_t)(colon - text.data) - 1});
  for (int i = 0; i < FIELD_COUNT; i++) {
    if (!span_is(key, FIELDS[i].key)) continue;
    if (seen[i]) return icn_error_set(error, ICN_FORMAT, "device description, line %zu: %s stands there twice", line, FIELDS[i].key);
    seen[i] = true;
    return parse_value(&FIELDS[i], value, line, desc, error);
  }
  shown = key.bytes > 40 ? 40 : (int)key.bytes;
  return icn_error_set(error, ICN_FORMAT, "device description, line %zu: unknown key '%.*s'", line, shown, key.data);
}

icn_status icn_device_desc_parse(const char *data, size_t bytes, icn_device_desc *desc, icn_error *error) {
  icn_status status = ICN_OK;
  bool seen[FIELD_COUNT] = {false};
  size_t line = 0;
  memset(desc, 0, sizeof *desc);
  for (size_t at = 0; at < bytes;) {
    const char *newline = memchr(data + at, '\n', bytes - at);
    size_t length = newline == NULL ? bytes - at : (size_t)(newline - data) - at;
    span text = trimmed((span){data + at, length});
    at += length + 1;
    line++;
    if (line == 1) {
      ICN_REQUIRE(span_is(text, FIRST_LINE), ICN_FORMAT, "device description, line 1: expected '%s'", FIRST_LINE);
    } else if (text.bytes > 0 && text.data[0] != '#') {
      ICN_TRY(parse_line(text, line, seen, desc, error));
    }
  }
  ICN_REQUIRE(line > 0, ICN_FORMAT, "device description, line 1: the text is empty, expected '%s'", FIRST_LINE);
  for (int i = 0; i < FIELD_COUNT; i++) {
    ICN_REQUIRE(seen[i] || !FIELDS[i].required, ICN_FORMAT, "device description, line %zu: the text ends without %s", line, FIELDS[i].key);
  }
done:
  return status;
}

/* ----------------------------------------------------------------- queries */

bool icn_device_desc_has_extension(const icn_device_desc *desc, const char *extension) {
  size_t length = strlen(extension);
  if (length == 0) return false;
  for (const char *found = strstr(desc->extensions, extension); found != NULL; found = strstr(found + 1, extension)) {
    bool starts = found == desc->extensions || found[-1] == ' ';
    if (starts && (found[length] == ' ' || found[length] == '\0')) return true;
  }
  return false;
}

icn_device_desc icn_device_desc_example(icn_device_kind kind) {
  bool gpu = kind == ICN_DEVICE_GPU;
  icn_device_desc desc;
  memset(&desc, 0, sizeof desc);
  snprintf(desc.name, sizeof desc.name, "%s", gpu ? "example GPU" : "example CPU");
  snprintf(desc.vendor, sizeof desc.vendor, "example");
  snprintf(desc.driver, sizeof desc.driver, "1.0");
  snprintf(desc.version, sizeof desc.version, "OpenCL 3.0 example");
  snprintf(desc.platform, sizeof desc.platform, "example platform");
  snprintf(desc.extensions, sizeof desc.extensions, "cl_khr_byte_addressable_store cl_khr_global_int32_base_atomics");
  desc.kind = kind;
  desc.compute_units = gpu ? 16 : 2;
  desc.global_bytes = (uint64_t)8 << 30;
  desc.max_allocation_bytes = (uint64_t)2 << 30;
  desc.local_bytes = gpu ? 32 * 1024 : 256 * 1024;
  desc.constant_bytes = 64 * 1024;
  desc.cache_bytes = gpu ? 1 << 20 : 2 << 20;
  desc.local_is_real = gpu;
  desc.max_work_group = gpu ? 256 : 4096;
  for (int k = 0; k < 3; k++) desc.max_work_item[k] = desc.max_work_group;
  desc.argument_bytes = 1024;
  desc.vector_width = gpu ? 1 : 16;
  desc.wave = gpu ? 64 : 1;
  desc.base_align_bytes = 128;
  desc.opencl_major = 3;
  desc.fast_fma = true;
  desc.has_fp64 = !gpu;
  return desc;
}
