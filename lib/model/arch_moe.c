/* Mixtral (Jiang et al. 2024), Qwen 3's mixtures (Yang et al. 2025) and OLMoE (Muennighoff et al. 2024): the blocks of
 * Mistral, Qwen 3 and OLMo with experts in place of the MLP. */
#include "lib/model/arch_list.h"
#include "lib/model/arch_llama_slots.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

#define EXPERT(PLACE, NAME, ROWS, COLS) \
  { EQ_W_EXPERT_##PLACE, NAME, EQ_D_##ROWS, EQ_D_##COLS, EQ_LINEAR | EQ_MLP, EQ_SPARSE, false, EQ_D_EXPERTS }
#define ROUTER(NAME) EQ_SLOT(EQ_W_ROUTER, NAME, EQ_D_EXPERTS, EQ_D_WIDTH, EQ_MLP, EQ_SPARSE)
#define DENSE(PLACE, NAME, ROWS, COLS) \
  EQ_SLOT(EQ_W_##PLACE, NAME, EQ_D_##ROWS, EQ_D_##COLS, EQ_LINEAR | EQ_MLP, EQ_DENSE)

/* Experts of a layer and of a token; old configs and new ones spell the number differently. */
static void read_experts(struct eq_config *c, struct eq_config_reader *r, size_t n, size_t a_token) {
  c->dims[EQ_D_EXPERTS] = eq_key_size(r, "num_local_experts", eq_key_size(r, "num_experts", n));
  c->experts_a_token = eq_key_size(r, "num_experts_per_tok", a_token);
  c->normalize_experts = eq_key_truth(r, "norm_topk_prob", false);
  for (size_t l = 0; l < c->n_layers; l++) c->layers[l].sparse = true;
  if (c->dims[EQ_D_EXPERTS] > EQ_EXPERTS_MAX || c->experts_a_token > c->dims[EQ_D_EXPERTS])
    eq_key_refuse(r, "num_experts_per_tok", "expected at most the number of experts, and those at most 4096");
}

static const struct eq_slot mixtral_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_NEVER),
  ROUTER("layers.%d.block_sparse_moe.gate.weight"),
  EXPERT(GATE, "layers.%d.block_sparse_moe.experts.%d.w1.weight", EXPERT_INNER, WIDTH),
  EXPERT(UP, "layers.%d.block_sparse_moe.experts.%d.w3.weight", EXPERT_INNER, WIDTH),
  EXPERT(DOWN, "layers.%d.block_sparse_moe.experts.%d.w2.weight", WIDTH, EXPERT_INNER),
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static void read_mixtral(struct eq_config *c, struct eq_config_reader *r) {
  size_t window = eq_key_optional_size(r, "sliding_window", 0);
  read_experts(c, r, 8, 2);
  c->dims[EQ_D_EXPERT_INNER] = c->dims[EQ_D_INNER];
  c->normalize_experts = true;
  if (!eq_config_read_layer_types(c, r, window)) eq_config_slide(c, window, 0);
}

#define EXPERTS_AND_MLP                                                                                                \
  ROUTER("layers.%d.mlp.gate.weight"), EXPERT(GATE, "layers.%d.mlp.experts.%d.gate_proj.weight", EXPERT_INNER, WIDTH), \
      EXPERT(UP, "layers.%d.mlp.experts.%d.up_proj.weight", EXPERT_INNER, WIDTH),                                      \
      EXPERT(DOWN, "layers.%d.mlp.experts.%d.down_proj.weight", WIDTH, EXPERT_INNER),                                  \
      DENSE(GATE, "layers.%d.mlp.gate_proj.weight", INNER, WIDTH),                                                     \
      DENSE(UP, "layers.%d.mlp.up_proj.weight", INNER, WIDTH),                                                         \
      DENSE(DOWN, "layers.%d.mlp.down_proj.weight", WIDTH, INNER)

static const struct eq_slot qwen3_moe_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  LLAMA_GAIN(Q, "layers.%d.self_attn.q_norm.weight", HEAD, EQ_ALWAYS),
  LLAMA_GAIN(K, "layers.%d.self_attn.k_norm.weight", HEAD, EQ_ALWAYS),
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_NEVER),
  EXPERTS_AND_MLP,
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

/* Some layers may have an MLP: those that mlp_only_layers names, and all but each decoder_sparse_step-th. */
static void read_qwen3_moe(struct eq_config *c, struct eq_config_reader *r) {
  json_t *dense = eq_key_list(r, "mlp_only_layers"), *item;
  size_t step = eq_key_size(r, "decoder_sparse_step", 1), i;
  read_experts(c, r, 128, 8);
  c->dims[EQ_D_EXPERT_INNER] = eq_key_size(r, "moe_intermediate_size", 768);
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  for (size_t l = 0; l < c->n_layers; l++) c->layers[l].sparse = (l + 1) % step == 0;
  json_array_foreach(dense, i, item) {
    json_int_t layer = json_is_integer(item) ? json_integer_value(item) : -1;
    if (layer < 0 || layer >= (json_int_t)c->n_layers)
      eq_key_refuse(r, "mlp_only_layers", "expected a list of layers");
    else
      c->layers[layer].sparse = false;
  }
  /* Unlike Qwen 3 without experts, in all layers, whatever max_window_layers says. */
  bool slides = eq_key_truth(r, "use_sliding_window", false);
  eq_config_slide(c, slides ? eq_key_optional_size(r, "sliding_window", 4096) : 0, 0);
}

static const struct eq_slot olmoe_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  LLAMA_GAIN(Q, "layers.%d.self_attn.q_norm.weight", Q, EQ_ALWAYS),
  LLAMA_GAIN(K, "layers.%d.self_attn.k_norm.weight", KV, EQ_ALWAYS),
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_NEVER),
  EXPERTS_AND_MLP,
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static void read_olmoe(struct eq_config *c, struct eq_config_reader *r) {
  read_experts(c, r, 64, 8);
  c->dims[EQ_D_EXPERT_INNER] = c->dims[EQ_D_INNER];
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  c->qkv_clip = (float)eq_key_optional_number(r, "clip_qkv", 0, 0, 1e9);
}

#define COMMON LLAMA_COMMON, .norm = EQ_RMSNORM, .gated = true, .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM)

const struct eq_arch eq_arch_mixtral = { .name = "mixtral",
                                         .defaults = { .layers = 32,
                                                       .width = 4096,
                                                       .heads = 32,
                                                       .vocab = 32000,
                                                       .positions = 131072,
                                                       .kv_heads = 8,
                                                       .inner = 14336,
                                                       EQ_TOKENS(1, 2) },
                                         COMMON,
                                         .rotary_base = 1e6,
                                         .read = read_mixtral,
                                         EQ_SLOTS(mixtral_slots) };
const struct eq_arch eq_arch_qwen3_moe = { .name = "qwen3_moe",
                                           .defaults = { .layers = 24,
                                                         .width = 2048,
                                                         .heads = 32,
                                                         .vocab = 151936,
                                                         .positions = 32768,
                                                         .kv_heads = 4,
                                                         .inner = 6144 },
                                           COMMON,
                                           .epsilon = 1e-6,
                                           .read = read_qwen3_moe,
                                           EQ_SLOTS(qwen3_moe_slots) };
const struct eq_arch eq_arch_olmoe = { .name = "olmoe",
                                       .defaults = { .layers = 16,
                                                     .width = 2048,
                                                     .heads = 16,
                                                     .vocab = 50304,
                                                     .positions = 4096,
                                                     .inner = 2048,
                                                     EQ_TOKENS(-1, 50279) },
                                       COMMON,
                                       .qk_norm = EQ_QK_WHOLE,
                                       .read = read_olmoe,
                                       EQ_SLOTS(olmoe_slots) };
