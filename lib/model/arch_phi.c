/* Phi 1, 1.5 and 2 (Gunasekar et al. 2023; Li et al. 2023): attention and MLP side by side behind one norm, part of
 * each head rotated. Phi 3 and 4-mini (Abdin et al. 2024): Llama's block with fused matrices, LongRoPE. */
#include "lib/model/arch_list.h"
#include "lib/model/arch_llama_slots.h"
#include "lib/model/config.h"
#include "lib/model/config_reader.h"

static const struct eq_slot phi_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_ALWAYS),
  LLAMA_QKV,
  EQ_LINEAR_SLOTS(ATTN_OUT, "layers.%d.self_attn.dense", WIDTH, Q, EQ_ATTN, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(UP, "layers.%d.mlp.fc1", INNER, WIDTH, EQ_MLP, EQ_ALWAYS),
  EQ_LINEAR_SLOTS(DOWN, "layers.%d.mlp.fc2", WIDTH, INNER, EQ_MLP, EQ_ALWAYS),
  EQ_NORM_SLOTS(FINAL, "final_layernorm", EQ_FINAL, EQ_ALWAYS),
  LLAMA_HEAD,
  EQ_SLOT(EQ_W_HEAD_BIAS, "lm_head.bias", EQ_D_ONE, EQ_D_VOCAB, EQ_HEAD | EQ_BIAS, EQ_ALWAYS),
};

static void read_phi(struct eq_config *c, struct eq_config_reader *r) {
  (void)c;
  if (eq_key_truth(r, "qk_layernorm", false)) eq_key_refuse(r, "qk_layernorm", "is true, which is not supported");
}

const struct eq_arch eq_arch_phi = {
  .name = "phi",
  .defaults = { .layers = 24,
                .width = 2048,
                .heads = 32,
                .vocab = 51200,
                .positions = 2048,
                .inner = 8192,
                EQ_TOKENS(1, 2) },
  LLAMA_COMMON,
  .activation = "gelu_new",
  .epsilon_key = "layer_norm_eps",
  .norm = EQ_LAYERNORM,
  .rotary_share = 0.5,
  .parallel = true,
  .features = EQ_HAS(FINAL_NORM) | EQ_HAS(ATTN_BIAS),
  .read = read_phi,
  EQ_SLOTS(phi_slots),
};

static const struct eq_slot phi3_slots[] = {
  LLAMA_EMBED,
  EQ_NORM_SLOTS(ATTN, "layers.%d.input_layernorm", 0, EQ_NEVER),
  EQ_LINEAR_SLOTS(QKV, "layers.%d.self_attn.qkv_proj", QKV, WIDTH, EQ_ATTN, EQ_NEVER),
  LLAMA_OUT,
  EQ_NORM_SLOTS(MLP, "layers.%d.post_attention_layernorm", 0, EQ_NEVER),
  EQ_LINEAR_SLOTS(UP, "layers.%d.mlp.gate_up_proj", INNER_2, WIDTH, EQ_MLP, EQ_NEVER),
  EQ_LINEAR_SLOTS(DOWN, "layers.%d.mlp.down_proj", WIDTH, INNER, EQ_MLP, EQ_NEVER),
  EQ_NORM_SLOTS(FINAL, "norm", EQ_FINAL, EQ_NEVER),
  LLAMA_HEAD,
};

static void read_phi3(struct eq_config *c, struct eq_config_reader *r) {
  size_t window = eq_key_optional_size(r, "sliding_window", 0);
  if (!eq_config_read_layer_types(c, r, window)) eq_config_slide(c, window, 0);
}

const struct eq_arch eq_arch_phi3 = {
  .name = "phi3",
  .defaults = { .layers = 32,
                .width = 3072,
                .heads = 32,
                .vocab = 32064,
                .positions = 4096,
                .inner = 8192,
                EQ_TOKENS(1, 32000) },
  LLAMA_COMMON,
  .norm = EQ_RMSNORM,
  .original_positions = 4096,
  .gated = true,
  .fused_gate = true,
  .features = EQ_HAS(MLP_NORM) | EQ_HAS(FINAL_NORM),
  .read = read_phi3,
  EQ_SLOTS(phi3_slots),
};
