/* arch_list.h: the families that there are, for arch.c. */
#ifndef EQ_MODEL_ARCH_LIST_H
#define EQ_MODEL_ARCH_LIST_H

#include "lib/model/arch.h"

extern const struct eq_arch eq_arch_gpt2, eq_arch_gptj, eq_arch_gpt_neox, eq_arch_mpt; /* a file each */
extern const struct eq_arch eq_arch_opt, eq_arch_xglm;                                 /* arch_opt.c */
extern const struct eq_arch eq_arch_bloom, eq_arch_falcon;                             /* arch_bloom.c */
extern const struct eq_arch eq_arch_llama, eq_arch_mistral, eq_arch_qwen2, eq_arch_qwen3, eq_arch_olmo2;
extern const struct eq_arch eq_arch_gemma, eq_arch_gemma2, eq_arch_gemma3;        /* arch_gemma.c */
extern const struct eq_arch eq_arch_phi, eq_arch_phi3;                            /* arch_phi.c */
extern const struct eq_arch eq_arch_mixtral, eq_arch_qwen3_moe, eq_arch_olmoe;    /* arch_moe.c */
extern const struct eq_arch eq_arch_bert, eq_arch_roberta, eq_arch_xlm_roberta;   /* arch_bert.c */
extern const struct eq_arch eq_arch_stablelm, eq_arch_cohere, eq_arch_starcoder2; /* arch_stablelm.c */

#endif
