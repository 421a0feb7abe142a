/* bitsandbytes (Dettmers et al. 2022, 2023). NF4 and FP4: two codes a byte, the first in the high four bits, along the
 * matrix as a whole; each block of codes has a scale (absmax), which may be a code of 8 bits itself, of a table, with a
 * scale for each block of scales and an offset for all ("double quantization"). quant_state says sizes and type, in
 * JSON. The tables are quant_map and nested_quant_map. LLM.int8(): a code a byte, its row's scale (SCB) times 1/127. */
#include "lib/tensor/quantization.h"

enum { CODES, ABSMAX, MAP, NESTED_ABSMAX, NESTED_MAP, STATE, FORMAT = 2 };
enum { STATE_MAX = 1 << 16, MAP_4BIT = 16, MAP_8BIT = 256 };

/* ---- four bits ---- */

static float absmax_at(const struct eq_packed *p, size_t block) {
  if (!p->nested_block) return eq_part_at(p->parts[ABSMAX], block);
  size_t code = ((const unsigned char *)p->parts[ABSMAX]->data)[block];
  float scaled = eq_part_at(p->parts[NESTED_MAP], code) * eq_part_at(p->parts[NESTED_ABSMAX], block / p->nested_block);
  return scaled + p->offset;
}

/* A block's elements first..first+n-1 of the whole. */
static void decode_run(const struct eq_packed *p, const float *map, size_t first, size_t n, float *out) {
  const unsigned char *codes = p->parts[CODES]->data;
  float absmax = absmax_at(p, first / p->col_block);
  for (size_t i = 0; i < n; i++) {
    unsigned pair = codes[(first + i) / 2];
    out[i] = map[(first + i) % 2 ? pair & 15 : pair >> 4] * absmax;
  }
}

static void decode_4bit(const struct eq_packed *p, struct eq_tile t, float *out) {
  float map[MAP_4BIT];
  eq_tensor_decode(p->parts[MAP], 0, MAP_4BIT, map);
  for (size_t r = 0; r < t.rows; r++)
    for (size_t c = 0; c < t.cols;) {
      size_t first = (t.row + r) * p->cols + t.col + c, run = p->col_block - first % p->col_block;
      if (run > t.cols - c) run = t.cols - c;
      decode_run(p, map, first, run, out + r * t.cols + c);
      c += run;
    }
  eq_packed_round(p, out, t.rows * t.cols);
}

static bool bad_state(const struct eq_packed *p, const struct eq_quantization *q, const char *key, const char *expected,
                      struct eq_err *err) {
  return eq_fail(err, EQ_BAD, "%s: tensor '%s': '%s' is not %s", q->file, p->parts[STATE]->name, key, expected);
}

static bool set_dtype(struct eq_packed *p, const struct eq_quantization *q, json_t *state, struct eq_err *err) {
  static const struct {
    const char *name;
    enum eq_dtype dtype;
  } dtypes[] = { { "float16", EQ_F16 }, { "bfloat16", EQ_BF16 }, { "float32", EQ_F32 } };
  const char *name = json_string_value(json_object_get(state, "dtype"));
  for (size_t i = 0; name && i < sizeof dtypes / sizeof *dtypes; i++)
    if (strcmp(name, dtypes[i].name) == 0) return p->dtype = dtypes[i].dtype, true;
  return bad_state(p, q, "dtype", "float16, bfloat16 or float32", err);
}

/* A whole number of at least 1; 0 when it is none. */
static size_t size_of(json_t *v) { return json_integer_value(v) > 0 ? (size_t)json_integer_value(v) : 0; }

/* The matrix is as large as its codes: nothing that the JSON says is believed beyond them. */
static bool set_shape(struct eq_packed *p, const struct eq_quantization *q, json_t *state, struct eq_err *err) {
  json_t *shape = json_object_get(state, "shape");
  const struct eq_tensor *codes = p->parts[CODES];
  size_t bytes = eq_tensor_bytes(codes, codes->n), n;
  p->rows = size_of(json_array_get(shape, 0));
  p->cols = size_of(json_array_get(shape, 1));
  if (json_array_size(shape) != 2 || !p->rows || !p->cols || __builtin_mul_overflow(p->rows, p->cols, &n))
    return bad_state(p, q, "shape", "a list of two sizes", err);
  if (codes->dtype < EQ_SAFETENSORS_DTYPES && bytes >= n / 2 + n % 2 &&
      bytes - n / 2 - n % 2 < eq_dtype_size(codes->dtype))
    return true;
  return eq_fail(err, EQ_BAD, "%s: tensor '%s' has %zu bytes, but its quant_state says a shape of [%zu,%zu]", q->file,
                 codes->name, bytes, p->rows, p->cols);
}

static bool read_state(struct eq_packed *p, const struct eq_quantization *q, json_t *state, struct eq_err *err) {
  json_t *offset = json_object_get(state, "nested_offset");
  const char *nested = json_string_value(json_object_get(state, "nested_dtype"));
  p->col_block = size_of(json_object_get(state, "blocksize"));
  if (!p->col_block) return bad_state(p, q, "blocksize", "a size", err);
  if (p->parts[NESTED_ABSMAX]) {
    p->nested_block = size_of(json_object_get(state, "nested_blocksize"));
    p->offset = (float)json_number_value(offset);
    if (!p->nested_block) return bad_state(p, q, "nested_blocksize", "a size", err);
    if (!json_is_number(offset)) return bad_state(p, q, "nested_offset", "a number", err);
    if (!nested || strcmp(nested, "float32") != 0) return bad_state(p, q, "nested_dtype", "float32", err);
  }
  return set_dtype(p, q, state, err) && set_shape(p, q, state, err);
}

static size_t divide_up(size_t n, size_t by) { return (n - 1) / by + 1; }

/* Scales for all blocks, tables of all codes. */
static bool check_parts(const struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  size_t blocks = divide_up(p->rows * p->cols, p->col_block);
  if (!eq_part_is(q, p->parts[MAP], EQ_TYPE(F32), 1, MAP_4BIT, 0, err)) return false;
  if (!p->nested_block) return eq_part_is(q, p->parts[ABSMAX], EQ_TYPE(F32), 1, blocks, 0, err);
  if (!p->parts[NESTED_MAP])
    return eq_fail(err, EQ_BAD, "%s: tensor '%s' has no nested_quant_map beside it", q->file,
                   p->parts[NESTED_ABSMAX]->name);
  return eq_part_is(q, p->parts[ABSMAX], EQ_TYPE(U8), 1, blocks, 0, err) &&
         eq_part_is(q, p->parts[NESTED_ABSMAX], EQ_TYPE(F32), 1, divide_up(blocks, p->nested_block), 0, err) &&
         eq_part_is(q, p->parts[NESTED_MAP], EQ_TYPE(F32), 1, MAP_8BIT, 0, err);
}

bool eq_open_bitsandbytes_4bit(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *bytes = p->parts[STATE];
  json_error_t at;
  if (!eq_part_is(q, bytes, EQ_TYPE(U8), 1, 0, 0, err)) return false;
  json_t *state = bytes->n <= STATE_MAX ? json_loadb(bytes->data, bytes->n, JSON_REJECT_DUPLICATES, &at) : NULL;
  bool ok =
      json_is_object(state) || eq_fail(err, EQ_BAD, "%s: tensor '%s' is not an object in JSON of at most %d bytes",
                                       q->file, bytes->name, STATE_MAX);
  ok = ok && read_state(p, q, state, err) && check_parts(p, q, err);
  json_decref(state);
  p->decode = decode_4bit;
  return ok;
}

/* ---- eight bits ---- */

static void decode_int8(const struct eq_packed *p, struct eq_tile t, float *out) {
  for (size_t r = 0; r < t.rows; r++) {
    float scale = eq_part_at(p->parts[ABSMAX], t.row + r), *x = out + r * t.cols;
    eq_tensor_decode(p->parts[CODES], (t.row + r) * p->cols + t.col, t.cols, x);
    for (size_t c = 0; c < t.cols; c++) x[c] = x[c] * scale * 7.874015718698502e-3f;
  }
}

bool eq_open_bitsandbytes_int8(struct eq_packed *p, const struct eq_quantization *q, struct eq_err *err) {
  const struct eq_tensor *codes = p->parts[CODES], *format = p->parts[FORMAT];
  if (!eq_part_is(q, codes, EQ_TYPE(I8), 2, 0, 0, err)) return false;
  p->rows = codes->dims[0];
  p->cols = codes->dims[1];
  p->dtype = EQ_F32;
  p->decode = decode_int8;
  if (format && (format->n != 1 || eq_part_at(format, 0) != 0))
    return eq_fail(err, EQ_BAD,
                   "%s: tensor '%s' is %g, expected 0, codes row by row: save the model again with a "
                   "bitsandbytes that is not older than 0.45",
                   q->file, format->name, format->n ? (double)eq_part_at(format, 0) : 0.0);
  return eq_part_is(q, p->parts[ABSMAX], EQ_TYPE(F32), 1, p->rows, 0, err);
}
