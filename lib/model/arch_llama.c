/* Llama (Touvron et al. 2023) and the families whose blocks are its own but for a few tensors: Mistral (Jiang et al.
 * 2023), Qwen 2 and 3 (Yang et al. 2024, 2025), OLMo 2 (OLMo Team 2024). SmolLM 1 and 2 call themselves Llama. */
#include "lib/model/arch_list.h"
#include "lib/model/arch_llama_slots.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  LLAMA_QKV,
  LLAMA_GAIN(Q, "layers.%d.self_attn.q_norm.weight", HEAD, EQ_QK_NORM),
  LLAMA_GAIN(K, "layers.%d.self_attn.k_norm.weight", HEAD, EQ_QK_NORM),
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_NEVER),
  LLAMA_MLP,
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static void read_llama(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  c->has[EQ_MLP_BIAS] = eq_key_truth(r, "mlp_bias", false);
}

static void read_mistral(struct eq_config *c, struct eq_config_reader *r) {
  size_t window = eq_key_optional_size(r, "sliding_window", 4096);
  if (!eq_config_read_layer_types(c, r, window)) eq_config_slide(c, window, 0);
}

static void read_qwen2(struct eq_config *c, struct eq_config_reader *r) { eq_config_read_optional_window(c, r); }

static void read_qwen3(struct eq_config *c, struct eq_config_reader *r) {
  c->has[EQ_ATTN_BIAS] = c->has[EQ_OUT_BIAS] = eq_key_truth(r, "attention_bias", false);
  eq_config_read_optional_window(c, r);
}

#define COMMON LLAMA_COMMON, .norm = EQ_RMSNORM, .epsilon = 1e-6, .gated = true, EQ_SLOTS(slots)
#define NORMS  EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM)

const struct eq_arch eq_arch_llama = { .name = "llama",
                                       .defaults = { .layers = 32,
                                                     .width = 4096,
                                                     .heads = 32,
                                                     .vocab = 32000,
                                                     .positions = 2048,
                                                     .inner = 11008,
                                                     EQ_TOKENS(1, 2) },
                                       COMMON,
                                       .features = NORMS,
                                       .read = read_llama };
const struct eq_arch eq_arch_mistral = { .name = "mistral",
                                         .defaults = { .layers = 32,
                                                       .width = 4096,
                                                       .heads = 32,
                                                       .vocab = 32000,
                                                       .positions = 131072,
                                                       .kv_heads = 8,
                                                       .inner = 14336,
                                                       EQ_TOKENS(1, 2) },
                                         COMMON,
                                         .features = NORMS,
                                         .read = read_mistral };
const struct eq_arch eq_arch_qwen2 = { .name = "qwen2",
                                       .defaults = { .layers = 32,
                                                     .width = 4096,
                                                     .heads = 32,
                                                     .vocab = 151936,
                                                     .positions = 32768,
                                                     .kv_heads = 32,
                                                     .inner = 22016 },
                                       COMMON,
                                       .features = NORMS | EQ_HAS(ATTN_BIAS),
                                       .read = read_qwen2 };
const struct eq_arch eq_arch_qwen3 = { .name = "qwen3",
                                       .defaults = { .layers = 32,
                                                     .width = 4096,
                                                     .heads = 32,
                                                     .vocab = 151936,
                                                     .positions = 32768,
                                                     .kv_heads = 32,
                                                     .head_size = 128,
                                                     .inner = 22016 },
                                       COMMON,
                                       .features = NORMS | EQ_HAS(QK_NORM),
                                       .read = read_qwen3 };

/* OLMo 2 normalizes what the sublayers bring, not what enters them, and queries and keys as a whole. */
static const struct eq_slot olmo2_slots[] = {
  LLAMA_EMBED,
  LLAMA_QKV,
  LLAMA_GAIN(Q, "layers.%d.self_attn.q_norm.weight", Q, EQ_ALWAYS),
  LLAMA_GAIN(K, "layers.%d.self_attn.k_norm.weight", KV, EQ_ALWAYS),
  LLAMA_OUT,
  LLAMA_GAIN(ATTN_POST, "layers.%d.post_attention_layernorm.weight", WIDTH, EQ_ALWAYS),
  LLAMA_MLP,
  LLAMA_GAIN(MLP_POST, "layers.%d.post_feedforward_layernorm.weight", WIDTH, EQ_ALWAYS),
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

const struct eq_arch eq_arch_olmo2 = { .name = "olmo2",
                                       .defaults = { .layers = 32,
                                                     .width = 4096,
                                                     .heads = 32,
                                                     .vocab = 50304,
                                                     .positions = 2048,
                                                     .inner = 11008,
                                                     EQ_TOKENS(-1, 50279) },
                                       LLAMA_COMMON,
                                       .norm = EQ_RMSNORM,
                                       .qk_norm = EQ_QK_WHOLE,
                                       .gated = true,
                                       .features = NORMS,
                                       .read = read_llama,
                                       EQ_SLOTS(olmo2_slots) };
