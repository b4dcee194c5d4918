/* The options of built-in networks: "inception_v3:input=299,classes=1000,seed=1". */
#include <stdio.h>
#include <string.h>

#include "builtin.h"

enum { THOUSAND = 1000, NUMBER_BYTES = 40, MOST_DECIMALS = 3 };
/* What an option usually is, where that depends on the others. The paper's inputs of low resolution. */
enum { OPEN = -1, LOW_INPUT = 151, LOWEST_INPUT = 79 };

typedef struct option {
  const char *name, *meaning;
  int64_t least, most; /* in units of 1/scale */
  int64_t scale;
} option;

static const option OPTIONS[ICN_NET_OPTION_COUNT] = {
    [ICN_NET_INPUT] = {"input", "height and width of the picture; where it is too small the smallest is said", 1, 2048, 1},
    [ICN_NET_CLASSES] = {"classes", "how many each classifier tells apart", 1, 100000, 1},
    [ICN_NET_WIDTH] = {"width", "every layer has so many times its channels", 10, 4000, THOUSAND},
    [ICN_NET_AUX] = {"aux", "1: the heads that only training uses are further outputs", 0, 1, 1},
    [ICN_NET_AUX_BN] = {"aux_bn", "1: batch normalisation after the fully connected layer of these heads", 0, 1, 1},
    [ICN_NET_FIRST_STRIDE] = {"first_stride", "stride of the first convolution, usually 2, and 1 where input is 151 or 79", 1, 2, 1},
    [ICN_NET_FIRST_POOL] = {"first_pool", "0: without the first pool, which is so where input is 79", 0, 1, 1},
    [ICN_NET_FIRST_7X7] = {"first_7x7", "1: one 7x7, which the paper's table has in three 3x3 (\"factorized 7x7\")", 0, 1, 1},
    [ICN_NET_SEPARABLE] = {"separable", "1: a separable first convolution, as in TF-slim; 0: a plain one, as in Caffe2", 0, 1, 1},
    [ICN_NET_TRANSFORM] =
        {"transform_input",
         "1: begins as torchvision's networks with weights of others do: ImageNet's normalisation becomes (x - 0.5) / 0.5", 0, 1, 1},
    [ICN_NET_SEED] = {"seed", "which synthetic weights", 0, INT64_MAX, 1},
};

static bool has(const icn_net_row *network, int which) { return (network->options >> which & 1U) != 0; }

/* In units of 1/scale. */
static int64_t usual(const icn_net_row *network, int which) {
  switch (which) {
    case ICN_NET_INPUT:
      return network->input;
    case ICN_NET_CLASSES:
      return network->classes > 0 ? network->classes : 1000;
    case ICN_NET_WIDTH:
      return THOUSAND;
    case ICN_NET_AUX_BN:
      return network->aux_bn;
    case ICN_NET_FIRST_STRIDE:
    case ICN_NET_FIRST_POOL:
      return OPEN;
    case ICN_NET_SEPARABLE:
    case ICN_NET_SEED:
      return 1;
    default:
      return 0;
  }
}

/* ---------------------------------------------------------------- messages */

/* 250 thousandths are "0.25"; no locale has a say. */
static const char *number_text(int64_t value, int64_t scale, char text[NUMBER_BYTES]) {
  const long long whole = value / scale, part = value % scale;
  int length = snprintf(text, NUMBER_BYTES, part == 0 ? "%lld" : "%lld.%03lld", whole, part);
  while (part != 0 && text[length - 1] == '0') text[--length] = '\0';
  return text;
}

static const char *list_networks(char *text, size_t bytes) {
  size_t length = 0;
  for (size_t i = 0; i < icn_builtin_count() && length < bytes; i++) {
    length += (size_t)snprintf(text + length, bytes - length, "%s%s", i == 0 ? "" : ", ", icn_net_row_at(i)->info.name);
  }
  return text;
}

static const char *list_options(const icn_net_row *network, char *text, size_t bytes) {
  size_t length = 0;
  char least[NUMBER_BYTES], most[NUMBER_BYTES];
  for (int k = 0; k < ICN_NET_OPTION_COUNT && length < bytes; k++) {
    const option *o = &OPTIONS[k];
    if (!has(network, k)) continue;
    length += (size_t)snprintf(text + length, bytes - length, "%s%s", length == 0 ? "" : ", ", o->name);
    if (k == ICN_NET_SEED || length >= bytes) continue;
    length += (size_t)snprintf(text + length, bytes - length, " (%s to %s)", number_text(o->least, o->scale, least),
                               number_text(o->most, o->scale, most));
  }
  return text;
}

/* ----------------------------------------------------------------- parsing */

/* A decimal number in text[0..length), in units of 1/scale: with a scale of 1 it has no point. */
static bool parse_number(const char *text, size_t length, int64_t scale, int64_t *value) {
  const char *point = scale > 1 ? memchr(text, '.', length) : NULL;
  const size_t decimals = point == NULL ? 0 : (size_t)(text + length - point) - 1;
  *value = 0;
  for (size_t i = 0; i < length; i++) {
    if (text + i == point) continue;
    if (text[i] < '0' || text[i] > '9' || *value > (INT64_MAX - (text[i] - '0')) / 10) return false;
    *value = *value * 10 + (text[i] - '0');
  }
  if (decimals > MOST_DECIMALS || length == 0 || (point != NULL && (decimals == 0 || point == text))) return false;
  for (size_t i = decimals; scale > 1 && i < MOST_DECIMALS; i++) {
    if (*value > INT64_MAX / 10) return false;
    *value *= 10;
  }
  return true;
}

/* One "NAME=NUMBER" in text[0..length). */
static icn_status parse_option(const icn_net_row *network, const char *text, size_t length, int64_t *values, bool *given,
                               icn_error *error) {
  icn_status status = ICN_OK;
  char list[300], least[NUMBER_BYTES], most[NUMBER_BYTES];
  const char *equals = memchr(text, '=', length);
  const size_t name_length = equals == NULL ? length : (size_t)(equals - text);
  int k = 0;
  while (k < ICN_NET_OPTION_COUNT &&
         (!has(network, k) || strlen(OPTIONS[k].name) != name_length || memcmp(OPTIONS[k].name, text, name_length) != 0))
    k++;
  ICN_REQUIRE(k < ICN_NET_OPTION_COUNT, ICN_ARGUMENT, "the built-in network %s has no option '%.*s'; its options are %s",
              network->info.name, (int)(name_length < 60 ? name_length : 60), text, list_options(network, list, sizeof list));
  const option *o = &OPTIONS[k];
  ICN_REQUIRE(!given[k], ICN_ARGUMENT, "the option %s of the built-in network %s is given twice", o->name, network->info.name);
  given[k] = true;
  const bool is_number = equals != NULL && parse_number(equals + 1, length - name_length - 1, o->scale, &values[k]);
  ICN_REQUIRE(is_number && values[k] >= o->least && values[k] <= o->most, ICN_ARGUMENT,
              "the option '%.*s' of the built-in network %s should be %s=NUMBER, the number from %s to %s%s",
              (int)(length < 60 ? length : 60), text, network->info.name, o->name, number_text(o->least, o->scale, least),
              number_text(o->most, o->scale, most), o->scale > 1 ? " with at most three decimals" : "");
done:
  return status;
}

/* At low resolution the first convolution keeps the size, at the lowest there is no first pool either. */
static void settle(int64_t *values) {
  const bool lowest = values[ICN_NET_INPUT] == LOWEST_INPUT, low = lowest || values[ICN_NET_INPUT] == LOW_INPUT;
  if (values[ICN_NET_FIRST_STRIDE] == OPEN) values[ICN_NET_FIRST_STRIDE] = low ? 1 : 2;
  if (values[ICN_NET_FIRST_POOL] == OPEN) values[ICN_NET_FIRST_POOL] = lowest ? 0 : 1;
}

static icn_status parse_options(const icn_net_row *network, const char *text, int64_t *values, bool *given, icn_error *error) {
  icn_status status = ICN_OK;
  for (int k = 0; k < ICN_NET_OPTION_COUNT; k++) given[k] = false;
  for (int k = 0; k < ICN_NET_OPTION_COUNT; k++) values[k] = usual(network, k);
  while (text != NULL) {
    const char *comma = strchr(text, ',');
    ICN_TRY(parse_option(network, text, comma == NULL ? strlen(text) : (size_t)(comma - text), values, given, error));
    text = comma == NULL ? NULL : comma + 1;
  }
  ICN_REQUIRE(!given[ICN_NET_AUX_BN] || values[ICN_NET_AUX] == 1, ICN_ARGUMENT,
              "the option aux_bn of the built-in network %s says how its auxiliary heads are made: it needs aux=1", network->info.name);
  settle(values);
done:
  return status;
}

icn_status icn_net_parse(const char *spec, const icn_net_row **network, int64_t values[ICN_NET_OPTION_COUNT],
                         bool given[ICN_NET_OPTION_COUNT], icn_error *error) {
  icn_status status = ICN_OK;
  char list[200];
  const size_t length = strcspn(spec, ":");
  *network = NULL;
  for (size_t i = 0; i < icn_builtin_count(); i++) {
    const char *name = icn_net_row_at(i)->info.name;
    if (strlen(name) == length && memcmp(name, spec, length) == 0) *network = icn_net_row_at(i);
  }
  ICN_REQUIRE(*network != NULL, ICN_ARGUMENT, "there is no built-in network '%.*s'; there are: %s", (int)(length < 60 ? length : 60), spec,
              list_networks(list, sizeof list));
  ICN_TRY(parse_options(*network, spec[length] == ':' ? spec + length + 1 : NULL, values, given, error));
done:
  return status;
}

/* ------------------------------------------------------------- for a reader */

size_t icn_builtin_option_count(size_t index) {
  size_t count = 0;
  for (int k = 0; index < icn_builtin_count() && k < ICN_NET_OPTION_COUNT; k++) count += has(icn_net_row_at(index), k);
  return count;
}

icn_builtin_option icn_builtin_get_option(size_t index, size_t which) {
  size_t count = 0;
  for (int k = 0; index < icn_builtin_count() && k < ICN_NET_OPTION_COUNT; k++) {
    const option *o = &OPTIONS[k];
    if (!has(icn_net_row_at(index), k) || count++ != which) continue;
    const double scale = (double)o->scale;
    return (icn_builtin_option){o->name, o->meaning, (double)o->least / scale, (double)o->most / scale,
                                (double)usual(icn_net_row_at(index), k) / scale};
  }
  return (icn_builtin_option){0};
}
