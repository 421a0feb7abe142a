#!/usr/bin/env python3
"""Writes models/FAMILY-SCHEME/{config.json,model.safetensors,logits.json}: random tiny models with quantized layers, and
their logits in float64 with the weights that the scheme's own package makes of them.

Made with transformers 5.23.0 and what packed.py names. Run: python3 tests/golden/packed_models.py [NAME ...]
llama-pack-quantized and llama-nf4 are loaded by transformers itself, which dequantizes them; in the others its float
model gets the weights of packed.py's oracles (gpt2's as its Conv1D wants them, transposed)."""
import json
import pathlib
import shutil
import sys
import tempfile

import torch
import transformers
from safetensors.torch import save_file

import packed

HERE = pathlib.Path(__file__).parent / "models"
VOCAB = 17
LLAMA = dict(vocab_size=VOCAB, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=32, bos_token_id=0, eos_token_id=1, pad_token_id=None)
GPT2 = dict(vocab_size=VOCAB, n_embd=32, n_layer=2, n_head=4, n_positions=32, n_inner=32, bos_token_id=0, eos_token_id=1)
COMPRESSED = dict(quant_method="compressed-tensors", format="pack-quantized", quantization_status="compressed",
                  ignore=["lm_head"], config_groups={"group_0": {"targets": ["Linear"], "weights": dict(
                      num_bits=4, type="int", symmetric=False, strategy="group", group_size=16)}})


def build(config, seed):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(p + 0.3 * noise if p.dim() == 1 else 0.15 * noise)
    return model.eval()


def linears(model):
    wanted = (torch.nn.Linear, transformers.pytorch_utils.Conv1D)
    return {n: m for n, m in model.named_modules() if isinstance(m, wanted) and n != "lm_head"}


def replace(model, quantize):
    """All linear layers' tensors quantized, and the model with their values."""
    stored = {}
    for name, layer in linears(model).items():
        conv = not isinstance(layer, torch.nn.Linear)
        cols, rows = layer.weight.shape if conv else layer.weight.shape[::-1]
        parts, weight = quantize(rows, cols)
        stored |= {f"{name}.{part}": t.contiguous() for part, t in parts.items()}
        with torch.no_grad():
            layer.weight.copy_(weight.T if conv else weight)
    floats = {k: v for k, v in model.state_dict().items() if k.rpartition(".")[0] not in linears(model) or "bias" in k}
    return floats | stored


def save(folder, config, tensors, quantization):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    config.architectures = [{"llama": "LlamaForCausalLM", "gpt2": "GPT2LMHeadModel"}[config.model_type]]
    described = config.to_dict() | {"quantization_config": quantization}
    (folder / "config.json").write_text(json.dumps(described, indent=1) + "\n")


def write_logits(folder, model):
    model = model.double()
    generator = torch.Generator().manual_seed(1)
    ids = [torch.randint(VOCAB, (n,), generator=generator).tolist() for n in (12, 1)]
    with torch.no_grad():
        logits = [[[float(f"{x:.9g}") for x in row] for row in model(torch.tensor([s])).logits[0].tolist()] for s in ids]
    (folder / "logits.json").write_text(json.dumps({"sequences": ids, "logits": logits}, separators=(",", ":")) + "\n")


def gptq(folder, config):
    model = build(config, 1)
    packed.STEP, packed.SPREAD = 0.01, 0.5
    make = lambda rows, cols: packed.gptq(1, 4, torch.float16, cols // 16, shuffled=True, cols=cols, rows=rows)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    tensors = {k: v for k, v in replace(model, make).items() if k not in tied}
    save(folder, config, tensors, dict(quant_method="gptq", bits=4, group_size=16, desc_act=True, sym=False,
                                       checkpoint_format="gptq"))
    write_logits(folder, model)


def compressed(folder, config):
    model = build(config, 2)
    packed.STEP, packed.SPREAD = 0.002, 0.5
    make = lambda rows, cols: packed.compressed("pack-quantized", 4, "int", "group", False, torch.float32, rows, cols,
                                                group_size=16)
    save(folder, config, replace(model, make), COMPRESSED)
    how = transformers.CompressedTensorsConfig(run_compressed=False)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, quantization_config=how, dtype=torch.float32)
    write_logits(folder, loaded.eval())


def nf4(folder, config):
    shutil.rmtree(folder, ignore_errors=True)
    how = transformers.BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    with tempfile.TemporaryDirectory() as plain:
        build(config, 3).save_pretrained(plain)
        quantized = transformers.AutoModelForCausalLM.from_pretrained(plain, quantization_config=how, device_map="cpu")
    quantized.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, device_map="cpu")
    write_logits(folder, loaded.dequantize().eval())


MODELS = {
    "llama-gptq": (gptq, lambda: transformers.LlamaConfig(**LLAMA)),
    "gpt2-gptq": (gptq, lambda: transformers.GPT2Config(**GPT2)),
    "llama-pack-quantized": (compressed, lambda: transformers.LlamaConfig(**LLAMA)),
    "llama-nf4": (nf4, lambda: transformers.LlamaConfig(**LLAMA)),
}


def main():
    for seed, (name, (write, config)) in enumerate(MODELS.items()):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            packed.RANDOM.manual_seed(seed)
            write(HERE / name, config())


if __name__ == "__main__":
    main()
