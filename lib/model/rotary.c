#include "lib/model/rotary.h"

#include <math.h>
#include <stdlib.h>

#include "lib/base/buffer.h"

void eq_rotary_free(struct eq_rotary *r) {
  free(r->short_factors);
  free(r->long_factors);
  *r = (struct eq_rotary){ 0 };
}

/* Each scaling turns the plain frequency of pair d, base^(-2d / size), into its own. All in float32 where transformers
 * (modeling_rope_utils.py) does so: at long positions the rounding of a frequency shows in its angle. */

static float plain(const struct eq_rotary *r, size_t d) {
  return 1.0f / powf((float)r->base, (float)(2 * d) / (float)r->size);
}

static float linear(const struct eq_rotary *r, size_t d) { return plain(r, d) / (float)r->factor; }

static float llama3(const struct eq_rotary *r, size_t d) {
  float frequency = plain(r, d), length = 6.28318530717958647692f / frequency;
  if (length < (float)(r->original_positions / r->high_freq_factor)) return frequency;
  if (length > (float)(r->original_positions / r->low_freq_factor)) return frequency / (float)r->factor;
  float smooth = ((float)r->original_positions / length - (float)r->low_freq_factor) /
                 (float)(r->high_freq_factor - r->low_freq_factor);
  return (1 - smooth) * frequency / (float)r->factor + smooth * frequency;
}

float eq_rotary_llama3_factor(const struct eq_rotary *r, size_t pair) { return plain(r, pair) / llama3(r, pair); }

/* The pair that turns so many times over the original positions: Peng et al. 2023, section 3.2. */
static double yarn_pair(const struct eq_rotary *r, double turns) {
  const double pi = 3.14159265358979323846;
  return (double)r->size * log(r->original_positions / (turns * 2 * pi)) / (2 * log(r->base));
}

static float yarn(const struct eq_rotary *r, size_t d) {
  double low = yarn_pair(r, r->beta_fast), high = yarn_pair(r, r->beta_slow);
  if (r->truncate) low = floor(low), high = ceil(high);
  low = fmax(low, 0), high = fmin(high, (double)r->size - 1);
  if (low == high) high += 0.001;
  float ramp = ((float)d - (float)low) / (float)(high - low);
  ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
  float length = powf((float)r->base, (float)(2 * d) / (float)r->size), kept = 1 - ramp;
  return 1.0f / ((float)r->factor * length) * (1 - kept) + 1.0f / length * kept;
}

static float longrope(const struct eq_rotary *r, size_t d, bool long_sequence) {
  float factor = (long_sequence ? r->long_factors : r->short_factors)[d];
  return 1.0f / (factor * powf((float)r->base, (float)(2 * d) / (float)r->size));
}

static float frequency(const struct eq_rotary *r, size_t d, bool long_sequence) {
  switch (r->scaling) {
  case EQ_ROTARY_LINEAR: return linear(r, d);
  case EQ_ROTARY_LLAMA3: return llama3(r, d);
  case EQ_ROTARY_YARN: return yarn(r, d);
  case EQ_ROTARY_LONGROPE: return longrope(r, d, long_sequence);
  case EQ_ROTARY_DEFAULT:
  case EQ_ROTARY_SCALINGS: break;
  }
  return plain(r, d);
}

bool eq_rotary_table_new(struct eq_rotary_table *t, const struct eq_rotary *r, size_t positions, bool long_sequence,
                         struct eq_err *err) {
  size_t half = r->size / 2;
  t->cos = eq_array(positions, half * sizeof(float));
  t->sin = eq_array(positions, half * sizeof(float));
  if (!t->cos || !t->sin) {
    eq_rotary_table_free(t);
    return eq_fail_memory(err, 2 * positions * half * sizeof(float), "rotary positions: try a smaller --ctx");
  }
  for (size_t d = 0; d < half; d++) {
    float step = frequency(r, d, long_sequence);
    for (size_t i = 0; i < positions; i++) {
      float angle = (float)i * step;
      t->cos[i * half + d] = (float)(cos((double)angle) * r->attention_factor);
      t->sin[i * half + d] = (float)(sin((double)angle) * r->attention_factor);
    }
  }
  return true;
}

void eq_rotary_table_free(struct eq_rotary_table *t) {
  free(t->cos);
  free(t->sin);
  *t = (struct eq_rotary_table){ 0 };
}
