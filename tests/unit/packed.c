/* Layers that others quantized, against the packages that do it (tests/golden/packed.py): to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tensor/quantization.h"

enum { PATH_BYTES = 256 };

static struct eq_err err;

static void no_error(void) {
  if (err.code) print_message("%s\n", err.text);
  assert_int_equal(err.code, EQ_OK);
}

static void fail_unless_same(const char *name, const struct eq_tensor *want, const float *got) {
  for (size_t i = 0; i < want->n; i++) {
    float x;
    eq_tensor_decode(want, i, 1, &x);
    if (memcmp(&x, &got[i], sizeof x) != 0)
      fail_msg("%s, %s, element %zu: %.9g, expected %.9g", name, want->name, i, (double)got[i], (double)x);
  }
}

/* The whole, and then pieces that begin and end within rows. */
static void check_tensor(const char *folder, const struct eq_tensor *want, const struct eq_tensor *t) {
  float *out = calloc(want->n, sizeof *out);
  if (!t) fail_msg("%s has no %s", folder, want->name);
  assert_int_equal(t->n_dims, 2);
  assert_int_equal(t->dims[0], want->dims[0]);
  assert_int_equal(t->dims[1], want->dims[1]);
  assert_int_equal(t->n, want->n);
  assert_int_equal(t->dtype, want->dtype);
  eq_tensor_decode(t, 0, t->n, out);
  fail_unless_same(folder, want, out);
  memset(out, 0, want->n * sizeof *out);
  for (size_t i = 0, step = 1; i < t->n; i += step, step = step * 5 % 101) {
    if (step > t->n - i) step = t->n - i;
    eq_tensor_decode(t, i, step, out + i);
  }
  fail_unless_same(folder, want, out);
  free(out);
}

static size_t check_folder(const char *name) {
  err = (struct eq_err){ 0 };
  char path[PATH_BYTES];
  struct eq_checkpoint c;
  struct eq_safetensors expected;
  snprintf(path, sizeof path, "tests/golden/packed/%s/expected.safetensors", name);
  assert_true(eq_safetensors_open(&expected, path, &err));
  snprintf(path, sizeof path, "tests/golden/packed/%s", name);
  eq_checkpoint_open(&c, path, &err);
  no_error();
  assert_int_equal(c.n_tensors, expected.n_tensors); /* nothing is left of what was packed */
  for (size_t i = 0; i < expected.n_tensors; i++)
    check_tensor(name, &expected.tensors[i], eq_checkpoint_find(&c, expected.tensors[i].name));
  size_t n = c.n_packed;
  assert_int_equal(n, expected.n_tensors - 1); /* lm_head was left as it was */
  eq_checkpoint_close(&c);
  eq_safetensors_close(&expected);
  return n;
}

#define VALUES_OF(TEST, PACKAGE, LAYERS, ...)                                                    \
  static void TEST##_are_##PACKAGE(void **state) {                                               \
    static const char *const folders[] = { __VA_ARGS__ };                                        \
    size_t n = 0;                                                                                \
    (void)state;                                                                                 \
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) n += check_folder(folders[i]); \
    assert_int_equal(n, LAYERS);                                                                 \
  }
VALUES_OF(values_of_gptq, gptqmodels, 16, "gptq", "gptq_v2")
VALUES_OF(values_of_awq, autoawqs, 2, "awq")
VALUES_OF(values_of_packed_integers, compressed_tensorss, 10, "pack-quantized")
VALUES_OF(values_of_int8_and_fp8, compressed_tensorss, 9, "int-quantized", "float-quantized")
VALUES_OF(values_of_fp8_blocks, transformerss, 2, "fp8")
VALUES_OF(values_of_nf4_and_fp4, bitsandbytess, 10, "nf4", "fp4")
VALUES_OF(values_of_llm_int8, bitsandbytess, 1, "int8")

/* ---- shared data ---- */

static char *shared_path(const char *name) {
  const char *shared = getenv("EQ_SHARED") ? getenv("EQ_SHARED") : "../shared/data";
  char *path = malloc(1024);
  snprintf(path, 1024, "%s/tiny_models/%s", shared, name);
  return path;
}

/* One layer in NF4, whose codes and scales somebody else wrote; table and state are as bitsandbytes would add them. */
static void nf4_equals_the_shared_golden_file(void **state) {
  (void)state;
  static const char layer[] = "model.layers.0.self_attn.q_proj";
  static char said[] = "{\"blocksize\":64,\"dtype\":\"float32\",\"shape\":[6,20]}";
  char *weights = shared_path("pico_nf4_linear.safetensors"), *values = shared_path("pico_nf4_linear.json"),
       *table = shared_path("pico_nf4.json"), names[2][128];
  json_t *golden = json_load_file(values, 0, NULL), *tables = json_load_file(table, 0, NULL);
  json_t *want = json_object_get(golden, "dequant"), *codebook = json_object_get(tables, "codebook");
  struct eq_safetensors s;
  float map[16], out[120];
  err = (struct eq_err){ 0 };
  if (!want || !codebook) skip();
  assert_true(eq_safetensors_open(&s, weights, &err));
  for (size_t i = 0; i < 16; i++) map[i] = (float)json_number_value(json_array_get(codebook, i));
  snprintf(names[0], sizeof names[0], "%s.weight.quant_map", layer);
  snprintf(names[1], sizeof names[1], "%s.weight.quant_state.bitsandbytes__nf4", layer);
  struct eq_checkpoint c = { .path = eq_copy_string("x", 1), .n_tensors = s.n_tensors + 2 };
  c.tensors = eq_array(c.n_tensors, sizeof *c.tensors);
  memcpy(c.tensors, s.tensors, s.n_tensors * sizeof *c.tensors);
  c.tensors[s.n_tensors] =
      (struct eq_tensor){ .name = names[0], .dtype = EQ_F32, .n_dims = 1, .dims = { 16 }, .n = 16, .data = map };
  size_t n = sizeof said - 1;
  c.tensors[s.n_tensors + 1] =
      (struct eq_tensor){ .name = names[1], .dtype = EQ_U8, .n_dims = 1, .dims = { n }, .n = n, .data = said };
  assert_true(eq_checkpoint_sort(&c, &err));
  const char config[] = "{\"quantization_config\":{\"load_in_4bit\":true}}";
  eq_quantization_read(&c, "config.json", eq_str(config), NULL, &err);
  no_error();
  assert_int_equal(c.n_packed, 1);
  eq_tensor_decode(&c.tensors[0], 0, 120, out);
  for (size_t i = 0; i < 120; i++) {
    float x = (float)json_number_value(json_array_get(json_array_get(want, i / 20), i % 20));
    if (memcmp(&x, &out[i], sizeof x) != 0) fail_msg("element %zu: %.9g, expected %.9g", i, (double)out[i], (double)x);
  }
  eq_checkpoint_close(&c);
  eq_safetensors_close(&s);
  json_decref(golden);
  json_decref(tables);
  free(weights), free(values), free(table);
}

/* ---- files that lie ---- */

/* A file of tensors "NAME DTYPE DIMS", whose bytes are all `fill`, or what comes after them in the text: bytes, or
 * after a = two numbers of 64 bits. */
struct lie {
  const char *config, *tensors[8], *expected;
  int fill;
};

static size_t elements(const char *dims) {
  size_t n = 1;
  for (const char *p = dims; *p && *p != ' '; p += *p == ',') n *= strtoul(p, (char **)(uintptr_t)&p, 10);
  return n;
}

static void add_tensor(struct eq_buffer *header, struct eq_buffer *data, const char *text, int fill) {
  char name[128], dtype[16], dims[64], bytes[512] = "";
  enum eq_dtype t = EQ_F32;
  int n_read = 0;
  assert_true(sscanf(text, "%127s %15s %63s%n", name, dtype, dims, &n_read) == 3);
  assert_true(eq_dtype_find(eq_str(dtype), &t));
  size_t size = elements(dims) * eq_dtype_size(t);
  int64_t numbers[2];
  bool is_text = text[n_read] == ' ';
  if (is_text) snprintf(bytes, sizeof bytes, "%s", text + n_read + 1);
  if (sscanf(bytes, "=%" SCNd64 ",%" SCNd64, &numbers[0], &numbers[1]) == 2) memcpy(bytes, numbers, sizeof numbers);
  eq_buffer_format(header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                   header->size > 9 ? "," : "", name, dtype, dims, data->size, data->size + size);
  for (size_t i = 0; i < size; i++) eq_buffer_add(data, &(char){ is_text ? bytes[i] : (char)fill }, 1);
}

static struct eq_buffer make_file(const struct lie *lie) {
  struct eq_buffer file = { 0 }, data = { 0 };
  eq_buffer_add(&file, &(uint64_t){ 0 }, 8);
  eq_buffer_string(&file, "{");
  for (size_t i = 0; i < 8 && lie->tensors[i]; i++) add_tensor(&file, &data, lie->tensors[i], lie->fill);
  eq_buffer_string(&file, "}");
  uint64_t size = file.size - 8;
  memcpy(file.data, &size, sizeof size);
  eq_buffer_add(&file, data.data, data.size);
  eq_buffer_free(&data);
  return file;
}

/* Reads it; what was read is decoded as a whole. */
static void read_lie(const struct lie *lie) {
  struct eq_buffer file = make_file(lie), config = { 0 };
  struct eq_safetensors s;
  eq_buffer_format(&config, "{\"quantization_config\":%s}", lie->config);
  err = (struct eq_err){ 0 };
  eq_safetensors_parse(&s, "x.safetensors", file.data, file.size, &err);
  no_error();
  struct eq_checkpoint c = { .path = eq_copy_string("x.safetensors", 13), .n_tensors = s.n_tensors };
  c.tensors = eq_array(s.n_tensors, sizeof *c.tensors);
  memcpy(c.tensors, s.tensors, s.n_tensors * sizeof *c.tensors);
  eq_quantization_read(&c, "config.json", (struct eq_str){ config.data, config.size }, NULL, &err);
  for (size_t i = 0; i < c.n_tensors; i++) {
    float *out = malloc(c.tensors[i].n * sizeof *out);
    eq_tensor_decode(&c.tensors[i], 0, c.tensors[i].n, out);
    free(out);
  }
  eq_checkpoint_close(&c);
  eq_safetensors_close(&s);
  eq_buffer_free(&file);
  eq_buffer_free(&config);
}

#define GPTQ "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":8}"
#define AWQ  "{\"quant_method\":\"awq\",\"group_size\":8}"
#define CT(BITS) \
  "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"a\":{\"weights\":{\"num_bits\":" BITS "}}}}"
#define FP8       "{\"quant_method\":\"fp8\",\"weight_block_size\":[4,4]}"
#define BNB       "{\"quant_method\":\"bitsandbytes\"}"
#define NF4       "a.weight.quant_state.bitsandbytes__nf4 U8 "
#define NF4_PARTS "a.weight.absmax F32 1", "a.weight.quant_map F32 16"

static void what_does_not_fit_together_is_refused(void **state) {
  (void)state;
  static const struct lie lies[] = {
    { "[]", { "a F32 1" }, "config.json: 'quantization_config' is not an object", 0 },
    { "{}", { "a F32 1" }, "has no 'quant_method'", 0 },
    { "{\"quant_method\":\"hqq\"}",
      { "a F32 1" },
      "'quant_method' is 'hqq': known are gptq, awq, compressed-tensors, fp8, bitsandbytes",
      0 },
    { GPTQ, { "a.qweight I32 2,8", "a.scales F16 2,8" }, "tensor 'a.qzeros' is missing beside 'a.qweight' (gptq)", 0 },
    { GPTQ,
      { "a.qweight I16 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1" },
      "'a.qweight' is I16 [2,8], expected I32",
      0 },
    { GPTQ, { "a.qweight I32 0,8", "a.scales F16 2,8", "a.qzeros I32 2,1" }, "'a.qweight' is I32 [0,8], expected", 0 },
    { GPTQ,
      { "a.qweight I32 16", "a.scales F16 2,8", "a.qzeros I32 2,1" },
      "'a.qweight' is I32 [16], expected I32 [?,?]",
      0 },
    { GPTQ, { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,3" }, "are not of 2, 3, 4 or 8 bits (gptq)", 0 },
    { GPTQ,
      { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,2" },
      "has codes of 8 bits, but config.json says 4",
      0 },
    { GPTQ,
      { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 3,1" },
      "'a.qzeros' is I32 [3,1], expected I32 [2,1]",
      0 },
    { GPTQ,
      { "a.qweight I32 2,8", "a.scales F16 3,8", "a.qzeros I32 3,1" },
      "'a.scales' is F16 [3,8], expected F32 or F16 or BF16 [2,8] (gptq)",
      0 },
    { GPTQ, { "a.qweight I32 2,8", "a.scales F16 2,7", "a.qzeros I32 2,1" }, "'a.scales' is F16 [2,7], expected", 0 },
    { GPTQ, { "a.qweight I32 2,8", "a.scales I32 2,8", "a.qzeros I32 2,1" }, "'a.scales' is I32 [2,8], expected", 0 },
    { GPTQ,
      { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1", "a.g_idx I32 15" },
      "'a.g_idx' is I32 [15], expected I32 [16]",
      0 },
    { GPTQ,
      { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1", "a.g_idx I32 16" },
      "'a.g_idx' puts input 0 into group -1, expected 0 to 1",
      -1 },
    { GPTQ,
      { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1", "a.weight F16 8,16" },
      "tensor 'a.weight' is there packed and plain",
      0 },
    { "{\"quant_method\":\"gptq\",\"checkpoint_format\":\"marlin\"}",
      { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1" },
      "'checkpoint_format' is 'marlin', expected gptq or gptq_v2 (gptq)",
      0 },
    { AWQ,
      { "a.qweight I32 16,2", "a.scales F16 2,16", "a.qzeros I32 2,1" },
      "'a.qzeros' is I32 [2,1], expected I32 [2,2]",
      0 },
    { AWQ, { "a.qweight I32 16,2", "a.scales F16 2,8", "a.qzeros I32 2,2" }, "'a.scales' is F16 [2,8], expected", 0 },
    { "{\"quant_method\":\"awq\",\"version\":\"gemv\"}",
      { "a.qweight I32 16,2", "a.scales F16 2,8", "a.qzeros I32 2,2" },
      "'version' is 'gemv', expected gemm (awq)",
      0 },
    { CT("4"),
      { "a.weight_packed I32 2,2", "a.weight_scale F16 2,1" },
      "tensor 'a.weight_shape' is missing beside",
      0 },
    { CT("4"),
      { "a.weight_packed I32 2,2", "a.weight_scale F16 2,1", "a.weight_shape I64 2" },
      "'a.weight_shape' says [0,0], but 'a.weight_packed' has [2,2] words",
      0 },
    { CT("4"),
      { "a.weight_packed I32 2,2", "a.weight_scale F16 2,1", "a.weight_shape I64 2" },
      "'a.weight_shape' says [9114861777597660798,9114861777597660798], but",
      0x7e },
    { CT("8"),
      { "a.weight_packed I32 2,2", "a.weight_scale F16 2,1", "a.weight_shape I64 2 =2,17" },
      "'a.weight_packed' has 2 words a row of 17 inputs, which no 'num_bits' of config.json's config_groups gives",
      0 },
    { CT("4"), { "a.weight I8 4,8", "a.weight_scale F16 3,1" }, "'a.weight_scale' is F16 [3,1], expected", 0 },
    { CT("4"), { "a.weight I8 4,8", "a.weight_scale F16 4,3" }, "'a.weight_scale' is F16 [4,3], expected", 0 },
    { CT("4"), { "a.weight I8 4,8", "a.weight_scale F16 4,2,1" }, "'a.weight_scale' is F16 [4,2,1], expected", 0 },
    { CT("4"), { "a.weight F16 4,8", "a.weight_scale F16 4,1" }, "'a.weight' is F16 [4,8], expected I8 or F8_E4M3", 0 },
    { CT("4"),
      { "a.weight I8 4,8", "a.weight_scale F16 4,2", "a.weight_zero_point I8 4,1" },
      "'a.weight_zero_point' has 4 zero points, expected one a scale: 8",
      0 },
    { CT("4"),
      { "a.weight I8 4,8", "a.weight_scale F16 4,2", "a.weight_g_idx I32 8" },
      "'a.weight_g_idx' puts input 0 into group 16843009, expected 0 to 1",
      1 },
    { "{\"quant_method\":\"compressed-tensors\",\"format\":\"marlin-24\"}",
      { "a.weight I8 4,8", "a.weight_scale F16 4,2" },
      "'format' is 'marlin-24', expected",
      0 },
    { FP8, { "a.weight F8_E4M3 8,6", "a.weight_scale_inv F32 2,1" }, "'a.weight_scale_inv' is F32 [2,1], expected", 0 },
    { FP8, { "a.weight BF16 8,6", "a.weight_scale_inv F32 2,2" }, "'a.weight' is BF16 [8,6], expected F8_E4M3", 0 },
    { BNB,
      { "a.weight U8 4,1", NF4 "4", NF4_PARTS },
      "'a.weight.quant_state.bitsandbytes__nf4' is not an object in JSON",
      0 },
    { BNB, { "a.weight U8 4,1", NF4 "2 {}", NF4_PARTS }, "'blocksize' is not a size", 0 },
    { BNB, { "a.weight U8 4,1", NF4 "17 {\"blocksize\":\"8\"}", NF4_PARTS }, "'blocksize' is not a size", 0 },
    { BNB,
      { "a.weight U8 4,1", NF4 "15 {\"blocksize\":8}", NF4_PARTS },
      "'dtype' is not float16, bfloat16 or float32",
      0 },
#define STATE(LENGTH, SHAPE) NF4 LENGTH " {\"blocksize\":8,\"dtype\":\"float16\",\"shape\":[" SHAPE "]}"
    { BNB, { "a.weight U8 4,1", STATE("49", "2,4,1"), NF4_PARTS }, "'shape' is not a list of two sizes", 0 },
    { BNB, { "a.weight U8 4,1", STATE("48", "-2,4"), NF4_PARTS }, "'shape' is not a list of two sizes", 0 },
    { BNB,
      { "a.weight U8 4,1", STATE("65", "4294967296,4294967296"), NF4_PARTS },
      "'shape' is not a list of two sizes",
      0 },
    { BNB,
      { "a.weight U8 4,1", STATE("47", "3,3"), NF4_PARTS },
      "'a.weight' has 4 bytes, but its quant_state says a shape of [3,3]",
      0 },
    { BNB, { "a.weight U8 5,1", STATE("47", "2,4"), NF4_PARTS }, "'a.weight' has 5 bytes, but its", 0 },
    { BNB, { "a.weight U8 8,1", STATE("47", "4,4"), NF4_PARTS }, "'a.weight.absmax' is F32 [1], expected F32 [2]", 0 },
    { BNB,
      { "a.weight U8 4,1", STATE("47", "2,4"), "a.weight.absmax F32 1", "a.weight.quant_map F32 15" },
      "'a.weight.quant_map' is F32 [15], expected F32 [16]",
      0 },
    { BNB,
      { "a.weight U8 4,1", STATE("47", "2,4"), "a.weight.absmax U8 1", "a.weight.quant_map F32 16" },
      "is U8 [1], expected F32 [1]",
      0 },
    { BNB,
      { "a.weight U8 4,1", STATE("47", "2,4"), NF4_PARTS, "a.weight.nested_absmax F32 1" },
      "'nested_blocksize' is not a size",
      0 },
    { BNB, { "a.weight I8 4,8", "a.SCB F32 3" }, "'a.SCB' is F32 [3], expected F32 [4] (bitsandbytes)", 0 },
    { BNB, { "a.weight I8 4,8", "a.SCB F32 4", "a.weight_format U8 1" }, "'a.weight_format' is 1, expected 0", 1 },
  };
  for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
    read_lie(&lies[i]);
    if (err.code != EQ_BAD || !strstr(err.text, lies[i].expected) || strchr(err.text, '\n'))
      fail_msg("lie %zu: '%s', expected '%s'", i, err.text, lies[i].expected);
  }
}

/* The same files with the lie put right. */
static void what_fits_together_is_read(void **state) {
  (void)state;
  static const struct lie truths[] = {
    { "null", { "a F32 1" }, NULL, 0 },
    { GPTQ, { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1" }, NULL, 0 },
    { GPTQ, { "a.qweight I32 2,8", "a.scales F16 2,8", "a.qzeros I32 2,1", "a.g_idx I32 16" }, NULL, 0 },
    { AWQ, { "a.qweight I32 16,2", "a.scales F16 2,16", "a.qzeros I32 2,2" }, NULL, 0 },
    { CT("4"), { "a.weight I8 4,8", "a.weight_scale F16 4,2", "a.weight_g_idx I32 8" }, NULL, -1 },
    { CT("4"), { "a.weight_packed I32 2,2", "a.weight_scale F16 2,1", "a.weight_shape I64 2 =2,9" }, NULL, 0 },
    { CT("7"), { "a.weight_packed I32 2,2", "a.weight_scale F16 1", "a.weight_shape I64 2 =2,9" }, NULL, 0 },
    { CT("1"), { "a.weight_packed I32 1,1", "a.weight_scale F16 1,1", "a.weight_shape I64 2 =1,31" }, NULL, 0 },
    { FP8, { "a.weight F8_E4M3 8,6", "a.weight_scale_inv F32 2,2" }, NULL, 0 },
    { BNB, { "a.weight U8 4,1", STATE("47", "2,4"), NF4_PARTS }, NULL, 0 },
    { BNB, { "a.weight U8 5,1", STATE("47", "3,3"), "a.weight.absmax F32 2", "a.weight.quant_map F32 16" }, NULL, 0 },
    { BNB, { "a.weight I8 4,8", "a.SCB F32 4", "a.weight_format U8 1" }, NULL, 0 },
  };
  for (size_t i = 0; i < sizeof truths / sizeof *truths; i++) {
    read_lie(&truths[i]);
    no_error();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(values_of_gptq_are_gptqmodels),
    cmocka_unit_test(values_of_awq_are_autoawqs),
    cmocka_unit_test(values_of_packed_integers_are_compressed_tensorss),
    cmocka_unit_test(values_of_int8_and_fp8_are_compressed_tensorss),
    cmocka_unit_test(values_of_fp8_blocks_are_transformerss),
    cmocka_unit_test(values_of_nf4_and_fp4_are_bitsandbytess),
    cmocka_unit_test(values_of_llm_int8_are_bitsandbytess),
    cmocka_unit_test(nf4_equals_the_shared_golden_file),
    cmocka_unit_test(what_does_not_fit_together_is_refused),
    cmocka_unit_test(what_fits_together_is_read),
  };
  return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
