#include "lib/model/predictions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/base/utf8.h"

enum {
  VERSION = 1,
  ALIGNED = 64,
  BUFFERED = 1 << 20,
  RELEASED = 4 << 20,
  NAME_MAX_BYTES = 1 << 16,
  SIDE_MAX = 1 << 28,
  PANEL = 1024
};

static const char magic[8] = "eqlogits";

struct header {
  char magic[8];
  uint64_t version;
  uint64_t digest; /* XXH3's 64 bits of this header with a 0 here */
  uint64_t body;   /* and of all that follows it */
  uint64_t vocab, width, n_rows, n_segments;
  uint64_t context, stride, unscored, whole, full;
  int64_t prefix, mask;
  double scale, softcap; /* of the logits */
  uint64_t has_bias;
  uint64_t model_bytes, recipe_bytes;
};
_Static_assert(sizeof(struct header) == 20 * 8, "written as it lies in memory");
_Static_assert(sizeof(struct eq_kept_segment) == 32, "likewise");

struct eq_kept_key eq_kept_key(const uint32_t *ids, const bool *scored, size_t n) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, ids, n * sizeof *ids);
  if (scored) XXH3_128bits_update(&state, scored, n * sizeof *scored);
  XXH128_hash_t digest = XXH3_128bits_digest(&state);
  return (struct eq_kept_key){ digest.low64, digest.high64 };
}

static int compare_keys(struct eq_kept_key a, struct eq_kept_key b) {
  if (a.high != b.high) return a.high > b.high ? 1 : -1;
  return (a.low > b.low) - (a.low < b.low);
}

static uint64_t digest_of(struct header h) {
  h.digest = 0;
  return XXH3_64bits(&h, sizeof h);
}

/* ---- reading ---- */

/* What is left of a file that is taken apart from its front. */
struct rest {
  const char *bytes;
  size_t n, done;
};

/* The next n items, after bytes up to a multiple of `aligned`; NULL when the file ends before. */
static const void *take(struct rest *r, uint64_t n, size_t size, size_t aligned) {
  size_t gap = (aligned - r->done % aligned) % aligned;
  if (gap > r->n || n > (r->n - gap) / size) return NULL;
  const char *at = r->bytes + gap;
  r->bytes += gap + n * size, r->n -= gap + n * size, r->done += gap + n * size;
  return at;
}

static bool is_flag(uint64_t x) { return x <= 1; }

static bool check_header(const struct header *h, const char *path, struct eq_err *err) {
  if (memcmp(h->magic, magic, sizeof magic) != 0)
    return eq_fail(err, EQ_BAD, "%s: is not a file of kept logits: eq-ppl --keep-logits makes them", path);
  if (h->version != VERSION)
    return eq_fail(err, EQ_BAD, "%s: kept logits of version %llu, expected %d", path, (unsigned long long)h->version,
                   VERSION);
  if (digest_of(*h) != h->digest) return eq_fail(err, EQ_BAD, "%s: kept logits: the header was altered", path);
  bool ok = h->vocab >= 1 && h->vocab <= SIDE_MAX && h->width >= 1 && h->width <= SIDE_MAX;
  ok = ok && h->context >= 1 && h->stride >= 1 && h->unscored < h->context && is_flag(h->whole) && is_flag(h->full);
  ok = ok && isfinite(h->scale) && isfinite(h->softcap) && is_flag(h->has_bias);
  ok = ok && h->model_bytes <= NAME_MAX_BYTES && h->recipe_bytes <= NAME_MAX_BYTES;
  return ok || eq_fail(err, EQ_BAD, "%s: kept logits: the header has impossible sizes", path);
}

static bool take_sections(struct eq_predictions *p, const struct header *h, struct rest *r) {
  p->model = (struct eq_str){ take(r, h->model_bytes, 1, 1), h->model_bytes };
  if (p->model.p) p->recipe = (struct eq_str){ take(r, h->recipe_bytes, 1, 1), h->recipe_bytes };
  if (p->recipe.p) p->matrix = take(r, h->vocab, h->width * sizeof *p->matrix, ALIGNED);
  if (p->matrix && h->has_bias && !(p->bias = take(r, h->vocab, sizeof *p->bias, sizeof *p->bias))) return false;
  if (p->matrix) p->rows = take(r, h->n_rows, h->width * sizeof *p->rows, sizeof *p->rows);
  if (p->rows) p->segments = take(r, h->n_segments, sizeof *p->segments, sizeof(uint64_t));
  return p->segments && !r->n;
}

static bool check_segments(const struct eq_predictions *p, const char *path, struct eq_err *err) {
  for (size_t i = 0; i < p->n_segments; i++) {
    const struct eq_kept_segment *s = &p->segments[i];
    if (s->first > p->n_rows || s->n > p->n_rows - s->first)
      return eq_fail(err, EQ_BAD, "%s: kept logits: segment %zu has rows beyond the %zu that there are", path, i,
                     p->n_rows);
    if (i && compare_keys(s[-1].key, s->key) > 0)
      return eq_fail(err, EQ_BAD, "%s: kept logits: segment %zu is out of order", path, i);
  }
  return true;
}

/* A part at a time, each of which leaves memory again where the bytes are a file's. */
static uint64_t digest_body(const char *bytes, size_t n, const struct eq_file *file) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (size_t i = 0; i < n; i += RELEASED) {
    XXH3_64bits_update(&state, bytes + i, n - i < RELEASED ? n - i : RELEASED);
    if (file) eq_file_release(file);
  }
  return XXH3_64bits_digest(&state);
}

static bool parse(struct eq_predictions *p, const char *path, const char *bytes, size_t n, const struct eq_file *file,
                  struct eq_err *err) {
  struct header h;
  struct rest rest = { bytes, n, 0 };
  *p = (struct eq_predictions){ .vocab = 0 };
  const void *head = take(&rest, 1, sizeof h, 1);
  if (!head) return eq_fail(err, EQ_BAD, "%s: %zu bytes, expected a file of kept logits", path, n);
  memcpy(&h, head, sizeof h);
  if (!check_header(&h, path, err)) return false;
  p->how = (struct eq_kept_how){
    .cut = { .context = h.context, .stride = h.stride, .unscored = h.unscored, .whole = h.whole, .full = h.full },
    .prefix = h.prefix,
    .mask = h.mask
  };
  p->vocab = h.vocab, p->width = h.width, p->n_rows = h.n_rows, p->n_segments = h.n_segments;
  if (!take_sections(p, &h, &rest))
    return eq_fail(err, EQ_BAD, "%s: kept logits: %zu bytes, fewer or more than its header says", path, n);
  if (digest_body(bytes + sizeof h, n - sizeof h, file) != h.body)
    return eq_fail(err, EQ_BAD, "%s: kept logits: its bytes were altered after it was written", path);
  if (eq_utf8_invalid(p->model.p, p->model.n) < p->model.n || eq_utf8_invalid(p->recipe.p, p->recipe.n) < p->recipe.n)
    return eq_fail(err, EQ_BAD, "%s: kept logits: the names of model and recipe are not UTF-8", path);
  p->rule = (struct eq_logit_rule){ p->bias, (float)h.scale, (float)h.softcap };
  return check_segments(p, path, err);
}

bool eq_predictions_parse(struct eq_predictions *p, const char *path, const char *bytes, size_t n, struct eq_err *err) {
  return parse(p, path, bytes, n, NULL, err);
}

bool eq_predictions_open(struct eq_predictions *p, const char *path, struct eq_err *err) {
  struct eq_file file;
  *p = (struct eq_predictions){ .vocab = 0 };
  if (!eq_file_map(&file, path, err)) return false;
  bool ok = parse(p, path, file.data, file.size, &file, err);
  p->file = file;
  if (!ok) eq_predictions_close(p);
  return ok;
}

void eq_predictions_close(struct eq_predictions *p) {
  eq_file_unmap(&p->file);
  *p = (struct eq_predictions){ .vocab = 0 };
}

const struct eq_kept_segment *eq_predictions_find(const struct eq_predictions *p, struct eq_kept_key key) {
  size_t from = 0, to = p->n_segments;
  while (from < to) {
    size_t at = from + (to - from) / 2;
    int order = compare_keys(p->segments[at].key, key);
    if (order == 0) return &p->segments[at];
    if (order < 0)
      from = at + 1;
    else
      to = at;
  }
  return NULL;
}

bool eq_predictions_fit(const struct eq_predictions *p, const struct eq_model *m, struct eq_kept_how how,
                        struct eq_err *err) {
  const struct eq_kept_how *kept = &p->how;
  const char *path = p->file.path ? p->file.path : "kept logits";
  size_t vocab = m->config.dims[EQ_D_VOCAB];
  if (p->vocab != vocab)
    return eq_fail(err, EQ_BAD, "%s: was kept over a vocabulary of %zu, %s has %zu", path, p->vocab, m->name, vocab);
  const struct {
    const char *what;
    int64_t kept, now;
  } sizes[] = { { "a context (--ctx) of", (int64_t)kept->cut.context, (int64_t)how.cut.context },
                { "a stride of", (int64_t)kept->cut.stride, (int64_t)how.cut.stride },
                { "a prefix token of", kept->prefix, how.prefix },
                { "a mask of", kept->mask, how.mask } };
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (sizes[i].kept != sizes[i].now)
      return eq_fail(err, EQ_BAD, "%s: was kept with %s %lld, this run has %lld", path, sizes[i].what,
                     (long long)sizes[i].kept, (long long)sizes[i].now);
  bool same =
      kept->cut.unscored == how.cut.unscored && kept->cut.whole == how.cut.whole && kept->cut.full == how.cut.full;
  return same || eq_fail(err, EQ_BAD, "%s: was kept with another --as", path);
}

/* ---- writing ---- */

struct eq_predictions_writer {
  struct eq_output file;
  struct eq_err err; /* the first that went wrong */
  struct eq_buffer pending;
  XXH3_state_t state; /* of the body */
  struct header header;
  uint64_t size;
  struct eq_kept_segment *segments;
  size_t capacity;
};

static void put(struct eq_predictions_writer *w, const void *bytes, size_t n) {
  struct eq_buffer *b = &w->pending;
  w->size += n;
  XXH3_64bits_update(&w->state, bytes, n);
  if (b->size + n > BUFFERED && w->err.code == EQ_OK) {
    eq_write_all(w->file.fd, b->data, b->size, w->file.path, &w->err);
    b->size = 0;
  }
  if (n > BUFFERED && w->err.code == EQ_OK)
    eq_write_all(w->file.fd, bytes, n, w->file.path, &w->err);
  else if (w->err.code == EQ_OK)
    eq_buffer_add(b, bytes, n);
  if (b->failed && w->err.code == EQ_OK) eq_fail_memory(&w->err, n, "kept logits");
}

static void align(struct eq_predictions_writer *w, size_t to) {
  static const char zeros[ALIGNED];
  put(w, zeros, (to - w->size % to) % to);
}

/* A parameter's values, a few rows at a time. */
static bool put_parameter(struct eq_predictions_writer *w, const struct eq_model *m, size_t param,
                          const struct eq_treatment *t) {
  size_t rows = m->weights[param].rows, cols = m->weights[param].cols;
  float *panel = eq_array(rows < PANEL ? rows : PANEL, cols * sizeof *panel);
  float *scratch = eq_array(eq_model_scratch(m), sizeof *scratch);
  if (!panel || !scratch) {
    free(panel), free(scratch);
    return eq_fail_memory(&w->err, cols * PANEL * sizeof *panel, "a part of the head");
  }
  for (size_t first = 0; first < rows; first += PANEL) {
    size_t last = rows - first < PANEL ? rows : first + PANEL;
    eq_model_rows(m, param, t, first, last, panel, scratch);
    put(w, panel, (last - first) * cols * sizeof *panel);
  }
  free(panel), free(scratch);
  return true;
}

static void begin(struct eq_predictions_writer *w, const struct eq_model *m, const struct eq_treatment **treatments,
                  const char *recipe) {
  size_t head = (size_t)eq_model_at(m, m->n_levels - 1, EQ_W_HEAD);
  int bias = eq_model_at(m, m->n_levels - 1, EQ_W_HEAD_BIAS);
  struct header *h = &w->header;
  memcpy(h->magic, magic, sizeof magic);
  h->version = VERSION;
  h->vocab = m->weights[head].rows, h->width = m->weights[head].cols;
  h->scale = (double)m->config.logit_scale, h->softcap = (double)m->config.logit_softcap;
  h->has_bias = bias >= 0;
  h->model_bytes = strlen(m->name), h->recipe_bytes = strlen(recipe);
  eq_write_all(w->file.fd, h, sizeof *h, w->file.path, &w->err); /* once more when it is known */
  w->size = sizeof *h;
  put(w, m->name, h->model_bytes);
  put(w, recipe, h->recipe_bytes);
  align(w, ALIGNED);
  if (put_parameter(w, m, head, treatments[head]) && bias >= 0) put_parameter(w, m, (size_t)bias, treatments[bias]);
}

struct eq_predictions_writer *eq_predictions_create(const char *path, const struct eq_model *m,
                                                    const struct eq_treatment **treatments, const char *recipe,
                                                    struct eq_kept_how how, struct eq_err *err) {
  struct eq_predictions_writer *w = eq_array(1, sizeof *w);
  if (!w) return eq_fail_memory(err, sizeof *w, "kept logits"), NULL;
  w->file.fd = -1;
  XXH3_64bits_reset(&w->state);
  w->header = (struct header){ .context = how.cut.context,
                               .stride = how.cut.stride,
                               .unscored = how.cut.unscored,
                               .whole = how.cut.whole,
                               .full = how.cut.full,
                               .prefix = how.prefix,
                               .mask = how.mask };
  if (eq_output_open(&w->file, path, &w->err)) begin(w, m, treatments, recipe);
  if (w->err.code == EQ_OK) return w;
  eq_fail(err, w->err.code, "%s", w->err.text);
  eq_predictions_free(w);
  return NULL;
}

bool eq_predictions_add_segment(struct eq_predictions_writer *w, struct eq_kept_key key, size_t n, struct eq_err *err) {
  struct header *h = &w->header;
  if (w->err.code) return eq_fail(err, w->err.code, "%s", w->err.text);
  struct eq_kept_segment *s = eq_array_grow(w->segments, h->n_segments, &w->capacity, sizeof *s);
  if (!s) return eq_fail_memory(err, (h->n_segments + 1) * sizeof *s, "kept segments");
  w->segments = s;
  s[h->n_segments++] = (struct eq_kept_segment){ key, h->n_rows, n };
  h->n_rows += n;
  return true;
}

void eq_predictions_add_rows(struct eq_predictions_writer *w, const float *rows, size_t n) {
  put(w, rows, n * w->header.width * sizeof *rows);
}

/* Of the same segment given twice the rows are the same, but the first are kept first. */
static int compare_segments(const void *left, const void *right) {
  const struct eq_kept_segment *a = left, *b = right;
  int order = compare_keys(a->key, b->key);
  return order ? order : (a->first > b->first) - (a->first < b->first);
}

bool eq_predictions_commit(struct eq_predictions_writer *w, struct eq_err *err) {
  struct header *h = &w->header;
  if (h->n_segments) qsort(w->segments, h->n_segments, sizeof *w->segments, compare_segments);
  align(w, sizeof(uint64_t));
  put(w, w->segments, h->n_segments * sizeof *w->segments);
  if (w->err.code == EQ_OK) eq_write_all(w->file.fd, w->pending.data, w->pending.size, w->file.path, &w->err);
  h->body = XXH3_64bits_digest(&w->state);
  h->digest = digest_of(*h);
  if (w->err.code == EQ_OK && lseek(w->file.fd, 0, SEEK_SET) < 0) eq_fail_errno(&w->err, w->file.path, "write");
  if (w->err.code == EQ_OK) eq_write_all(w->file.fd, h, sizeof *h, w->file.path, &w->err);
  if (w->err.code == EQ_OK) eq_output_commit(&w->file, &w->err);
  return w->err.code == EQ_OK || eq_fail(err, w->err.code, "%s", w->err.text);
}

void eq_predictions_free(struct eq_predictions_writer *w) {
  if (!w) return;
  eq_output_discard(&w->file);
  eq_buffer_free(&w->pending);
  free(w->segments);
  free(w);
}
