/* forward_state.h: what the parts of the forward pass share: its memory, a level's values, the jobs of the pool. Only
 * for forward.c, block.c, experts.c, head.c, values.c and variants.c. */
#ifndef EQ_MODEL_FORWARD_STATE_H
#define EQ_MODEL_FORWARD_STATE_H

#include "lib/model/forward.h"

enum { EQ_VOCAB_PANEL = 4 * EQ_VOCAB_TILE }; /* columns of a decoded head that exist at a time */

/* Rows of a parameter to be decoded, for the pool. */
struct eq_part {
  size_t param, first_item, rows_an_item;
  float *whole;
};

/* Room for packed weights (variants.c). */
struct eq_slots {
  float *data; /* [n][floats] */
  struct variant *variants;
  size_t n, floats;
  uint64_t clock, hits, misses;
};

struct eq_forward {
  const struct eq_model *m;
  const struct eq_kernels *k;
  struct eq_pool *pool;
  size_t max_rows, context, period;
  float *qkv;    /* [max_rows][qkv]: queries, keys and values */
  float *mixed;  /* [max_rows][mixed_width]: what attention brings; rows between sequences hold anything finite */
  float *normed; /* [max_rows][width]: the scored rows, ready for the head */
  struct eq_slots levels, panels; /* packed weights of levels, and of parts of the head; n 0: the kernels do not pack */
  float *decoded;                 /* a level's decoded parameters, and a panel of the head */
  float *scratch;                 /* [threads][scratch_size] */
  float *treating;                /* [threads][treating_size]: of eq_model_decode */
  size_t mixed_width, scratch_size, treating_size;
  float *key_bias;                               /* ALiBi: [heads][context]; NULL: none */
  float *sinusoids;                              /* [context][width]; NULL: none */
  struct eq_rotary_table rotary[EQ_ROTARIES][2]; /* [..][1]: of long sequences */
  struct eq_logsumexp *lse;                      /* [max_rows] */
  float *target_logit;                           /* [max_rows] */
  uint32_t *target;                              /* [max_rows] */
  struct eq_part *parts;                         /* [n_params] */
  struct eq_reference *reference;                /* NULL: nothing is compared */
  struct eq_experts *experts;                    /* NULL: the model has none */
  float *expert_in;                              /* [max_rows][width]: what the experts see */
  struct eq_watch watch;                         /* see NULL: nobody does */
};

/* The parameters of a level: where each place's values are, NULL where it has none. Embeddings, positions and the head
 * are read by rows instead. */
struct eq_values {
  const float *at[EQ_PLACES];     /* of a matrix that is packed: only that it is there */
  const float *packed[EQ_PLACES]; /* NULL: not packed */
};

/* Values of a level; decodes into `into`, which has room for eq_values_size floats, what cannot be used where it lies.
 */
struct eq_values eq_values_load(struct eq_forward *f, size_t level, const struct eq_treatment **treatments,
                                float *into);
size_t eq_values_size(const struct eq_model *m, size_t level);
/* How many of them are decoded under these treatments, the others being used where they lie. */
size_t eq_values_decoded(const struct eq_model *m, size_t level, const struct eq_treatment **treatments);

/* What the items of a level's jobs see. */
struct eq_job {
  struct eq_forward *f;
  const struct eq_batch *b;
  const struct eq_treatment **treatments;
  struct eq_values v;
  float *x;
  size_t level;
};

static inline size_t eq_round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
static inline size_t eq_tiles(size_t rows) { return (rows + EQ_TILE - 1) / EQ_TILE; }

static inline float *eq_scratch(const struct eq_forward *f, size_t thread) {
  return f->scratch + thread * f->scratch_size;
}

static inline float *eq_treating(const struct eq_forward *f, size_t thread) {
  return f->treating + thread * f->treating_size;
}

static inline struct eq_weight eq_weight_at(const struct eq_job *j, enum eq_place place) {
  const struct eq_placed_tensor *w = &j->f->m->weights[eq_model_at(j->f->m, j->level, place)];
  return (struct eq_weight){ j->v.at[place], w->cols, w->rows, !w->transposed, j->v.packed[place] };
}

/* The model's norm over n numbers with the gain at a place, and the shift that follows it. */
static inline struct eq_norm eq_norm_at(const struct eq_job *j, enum eq_place gain, size_t n) {
  const struct eq_config *c = &j->f->m->config;
  bool has_shift = gain == EQ_W_EMBED_GAIN || gain == EQ_W_ATTN_GAIN || gain == EQ_W_MLP_GAIN ||
                   gain == EQ_W_FINAL_GAIN || gain == EQ_W_HEAD_GAIN;
  return (struct eq_norm){ .kind = c->arch->norm,
                           .gain = j->v.at[gain],
                           .shift = has_shift ? j->v.at[gain + 1] : NULL,
                           .n = n,
                           .gain_offset = c->gain_offset,
                           .epsilon = c->epsilon };
}

/* Room for n variants of so many floats; false when memory is out. To be freed in any case. */
bool eq_slots_new(struct eq_slots *s, size_t n, size_t floats);
size_t eq_slots_bytes(size_t n, size_t floats);
void eq_slots_free(struct eq_slots *s); /* of {0} too */
/* Floats of a level's packed matrices; 0 when the kernels do not pack. */
size_t eq_level_packed(const struct eq_model *m, const struct eq_kernels *k, size_t level);
/* Where a level's matrices are packed under these treatments; false when they are not yet, and eq_level_pack is to do
 * it, from v->at. */
bool eq_level_slot(struct eq_forward *f, size_t level, const struct eq_treatment **treatments,
                   const float *packed[EQ_PLACES]);
void eq_level_pack(struct eq_forward *f, size_t level, const struct eq_values *v);
/* The same of the part of a last matrix that begins at an output; `under` tells what was done to it. */
float *eq_part_slot(struct eq_forward *f, const void *under, size_t first, bool *there);
struct eq_weight eq_part_pack(struct eq_forward *f, struct eq_weight w, float *packed);

/* Puts an expert's three matrices into j->v, at the places from EQ_W_EXPERT_GATE on; `into` has room for
 * eq_values_expert_size floats. */
void eq_values_load_expert(struct eq_job *j, size_t expert, float *into);
size_t eq_values_expert_size(const struct eq_model *m);

/* What a reference's rows need (head.c); NULL when memory is out. */
size_t eq_reference_bytes(const struct eq_model *m, size_t max_rows);
struct eq_reference *eq_reference_new(const struct eq_model *m, size_t max_rows);
void eq_reference_free(struct eq_reference *r); /* NULL too */

/* Mixtures of experts (experts.c): their memory, NULL and err when there is not enough; which experts the rows of a
 * tile go to; and, after all tiles, what these bring, added to the hidden states. */
size_t eq_experts_bytes(const struct eq_model *m, size_t max_rows);
struct eq_experts *eq_experts_new(const struct eq_model *m, size_t max_rows, struct eq_err *err);
void eq_experts_free(struct eq_experts *e); /* NULL too */
void eq_experts_choose(const struct eq_job *j, size_t tile, const float *in, float *scratch);
void eq_experts_add(struct eq_job *j);

/* Floats of a thread's scratch that a block needs. */
size_t eq_block_scratch(const struct eq_model *m, size_t context);

#endif
