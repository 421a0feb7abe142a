#!/usr/bin/env python3
"""Holds what eq-quant writes against the programs that it is written for. Says what it compared; ends with 1 when
something differs. Needs eq-quant and eq-ppl on the PATH.

  tests/exact/exports.py [NAME ...]

hf: the folder opened by transformers (5.23.0), in float64, gives the surprisals of eq-ppl under the recipe.
gguf: the file opened by llama.cpp (LLAMA_CPP names the folder of llama-perplexity and llama-tokenize) gives the
  perplexity of eq-ppl --as llama.cpp under the recipe within 0.1 %, and the ids of the folder's own tokenizer. The
  embedded model, random ones with the tokenizers of tests/golden, and a GGUF that SMOLLM2 names.
blocks: GGML's types, opened by llama.cpp, give the perplexity of the recipe once llama-quantize has made the file float
  again (of blocks it multiplies activations that it rounded to 8 bits); and llama-quantize with the types that eq-quant
  names makes the same file of the model in float, byte for byte but for blocks that its contraction rounds otherwise.
compressed-tensors: the package (0.20.0) decompresses each layer to exactly the weights of the hf folder, and
  transformers loads the folder.
gptq: GPTQModel (7.7.0) unpacks each layer to exactly these weights."""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).parent.parent.parent
MINI = ROOT / "corpora" / "mini"
MODELS = ROOT / "tests" / "golden" / "models"


def run(*command, stdin=None):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, input=stdin).stdout


def lines(stream):
    return [json.loads(line) for line in run("eq-show", "-f", "jsonl", stdin=stream).splitlines()]


def stream(records):
    return run("eq-show", "--from", "jsonl", "-f", "stream", stdin="\n".join(map(json.dumps, records)).encode())


def export(model, recipe, out, *options):
    if out.is_file():
        out.unlink()
    return lines(run("eq-quant", "-q", "-m", model, "-r", recipe, "-o", out, *options))


def udhr(langs):
    return run("eq-token", "-m", MINI, stdin=run("eq-text", "-c", ROOT / "corpora/udhr", "-l", langs, "--limit", "5"))


def sequences(model):
    """The sequences of a golden model's logits, as tokens."""
    known = json.loads((model / "logits.json").read_text())["sequences"]
    return stream([dict(k="tokens", lang="en", id=str(i), ids=ids) for i, ids in enumerate(known)])


def surprisals(folder, tokens, prefix):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager",
                                                              experts_implementation="eager").double().eval()
    out = []
    for record in lines(tokens):
        ids = torch.tensor([[prefix] + record["ids"]])
        with torch.no_grad():
            logp = torch.log_softmax(model(ids).logits[0], -1)
        out.append(-sum(logp[i, t].item() for i, t in enumerate(record["ids"])))
    return out


def hf(folder):
    cases = [(MINI, udhr("en,he,ja"), recipe, dtype) for recipe in ("none", "int4", "int4/tensor;L0,L-1=keep", "seed-w")
             for dtype in ("f32", "bf16")]
    cases += [(MODELS / name, sequences(MODELS / name), "int4/row;L0=keep", "f32")
              for name in ("llama", "gemma3", "qwen3", "mixtral", "falcon-7b", "phi", "bloom", "llama-gptq")]
    worst = 0
    for i, (model, tokens, recipe, dtype) in enumerate(cases):
        out = folder / f"hf{i}"
        export(model, recipe, out, "--dtype", dtype)
        theirs = surprisals(out, tokens, json.loads((model / "config.json").read_text())["bos_token_id"])
        rounded = model if dtype == "f32" else out
        ours = [r["nll"] for r in lines(run("eq-ppl", "-q", "-m", rounded, "-r", recipe if dtype == "f32" else "none",
                                            stdin=tokens)) if r["k"] == "surprisal"]
        assert len(ours) == len(theirs) > 0
        apart = max(abs(a - b) / b for a, b in zip(ours, theirs))
        worst = max(worst, apart)
        print(f"hf  {model.name:12} {recipe:26} {dtype:5} {len(ours):3} segments, apart by {apart:.1e}")
    return worst < 1e-4


TRAINED = ROOT / "tests/golden/trained"
PIECES = ROOT / "tests/golden/pieces"


def text_of(lang):
    record, = lines(run("eq-text", "-c", ROOT / "corpora/udhr", "-l", lang, "--join", "newline"))
    return record["text"]


def random_model(folder, config, tokenizer):
    """A model with the vocabulary of a tokenizer file."""
    folder.mkdir()
    shutil.copy(tokenizer, folder / ("tokenizer.model" if tokenizer.suffix == ".model" else "tokenizer.json"))
    vocabulary = run("eq-token", "-m", folder, "--vocab", "-f", "jsonl").splitlines()
    config.vocab_size = 1 + max(json.loads(line)["id"] for line in vocabulary)
    torch.manual_seed(len(str(tokenizer)))
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3) if p.dim() > 1 else p.add_(0.1 * torch.randn(p.shape))
    model.save_pretrained(folder)
    return folder


def llama(tool, *arguments):
    binary = pathlib.Path(os.environ["LLAMA_CPP"]) / tool
    return subprocess.run([binary, *map(str, arguments)], check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def same_ids(source, file, text, folder):
    (folder / "text").write_text(text)
    theirs = json.loads(llama("llama-tokenize", "-m", file, "-f", folder / "text", "--ids", "--no-bos",
                              "--no-parse-special", "--log-disable").splitlines()[-1])
    tokens = run("eq-token", "-m", source, stdin=stream([dict(k="text", lang="en", id="0", text=text)]))
    ours = [r["ids"] for r in lines(tokens) if r["k"] == "tokens"][0]
    return ours == theirs


def perplexities(source, recipe, file, text, context, folder):
    (folder / "text").write_text(text)
    out = llama("llama-perplexity", "-m", file, "-f", folder / "text", "-c", context, "-ctk", "f32", "-ctv", "f32", "-fa",
                "off", "-t", "2")
    theirs = float(re.search(r"Final estimate: PPL = ([0-9.]+)", out)[1])
    tokens = run("eq-token", "-m", source, stdin=stream([dict(k="text", lang="en", id="0", text=text)]))
    ours = [r["ppl"] for r in lines(run("eq-ppl", "-q", "-m", source, "-r", recipe, "--as", "llama.cpp", "--ctx", context,
                                        stdin=tokens)) if r["k"] == "surprisal"][0]
    return ours, theirs


def random_models(folder):
    small = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                 max_position_embeddings=256, bos_token_id=None, eos_token_id=None, pad_token_id=None)
    yield random_model(folder / "llama3", transformers.LlamaConfig(**small), TRAINED / "llama3.json")
    yield random_model(folder / "llama2", transformers.LlamaConfig(**small), TRAINED / "llama2.json")
    yield random_model(folder / "pieces", transformers.MistralConfig(**small), PIECES / "llama.model")
    yield random_model(folder / "qwen3", transformers.Qwen3Config(**small, head_dim=16), TRAINED / "llama3.json")
    yield random_model(folder / "qwen2", transformers.Qwen2Config(**small), TRAINED / "llama3.json")
    gemma = small | dict(head_dim=16, query_pre_attn_scalar=16)
    yield random_model(folder / "gemma3", transformers.Gemma3TextConfig(**gemma), PIECES / "llama.model")
    neox = small | dict(hidden_act="gelu")
    del neox["num_key_value_heads"]
    yield random_model(folder / "neox", transformers.GPTNeoXConfig(**neox), TRAINED / "llama3.json")
    yield random_model(folder / "phi", transformers.PhiConfig(**small), TRAINED / "llama3.json")
    plain = dict(bos_token_id=None, eos_token_id=None, pad_token_id=None)
    yield random_model(folder / "bloom", transformers.BloomConfig(hidden_size=64, n_layer=2, n_head=4, **plain),
                       TRAINED / "llama3.json")
    yield random_model(folder / "falcon", transformers.FalconConfig(hidden_size=64, num_hidden_layers=2,
                                                                    num_attention_heads=4, num_kv_heads=2,
                                                                    new_decoder_architecture=True, **plain),
                       TRAINED / "llama3.json")
    yield random_model(folder / "mpt", transformers.MptConfig(d_model=64, n_layers=2, n_heads=4, **plain),
                       TRAINED / "llama3.json")


def gguf(folder):
    english, hebrew = text_of("en"), text_of("he")
    cases = [(MINI, recipe, options) for recipe, options in (
        ("none", ()), ("int4", ("--dtype", "f32")), ("int4/tensor;L0,L-1=keep", ("--dtype", "f32")), ("fp16", ()))]
    cases += [(model, recipe, options) for model in random_models(folder)
              for recipe, options in (("none", ()), ("int4/g32;L0=keep", ("--dtype", "f32")))]
    if "SMOLLM2" in os.environ:
        cases += [(pathlib.Path(os.environ["SMOLLM2"]), "all,embed=int8/row;L3=int4/row", ("--dtype", "f32"))]
    good = True
    for i, (model, recipe, options) in enumerate(cases):
        file = folder / f"{i}.gguf"
        export(model, recipe, file, "--format", "gguf", *options)
        ids = all(same_ids(model, file, text, folder) for text in (english, hebrew))
        ours, theirs = perplexities(model, recipe, file, english, 128, folder)
        good &= ids and abs(ours / theirs - 1) < 1e-3
        print(f"gguf  {model.name:12} {recipe:26} ids {'equal' if ids else 'DIFFER'}, perplexity {ours:.4f}, llama.cpp's "
              f"{theirs:.4f}: {100 * (ours / theirs - 1):+.4f} %")
    return good


def tensors_of(path):
    import gguf as package
    return {t.name: (t.tensor_type, t.data.tobytes()) for t in package.GGUFReader(path).tensors}


def blocks(folder):
    english = text_of("en")
    smollm2 = [pathlib.Path(os.environ["SMOLLM2"])] if "SMOLLM2" in os.environ else []
    cases = [(MINI, recipe) for recipe in ("q4_0", "q8_0;L0=q4_1;L1=keep", "q5_k;embed=q8_0", "mxfp4;L3.mlp=iq4_nl",
                                           "prune=0.5+q5_0")]
    cases += [(model, recipe) for model in smollm2 for recipe in ("q4_0", "q8_0;L0-3=q5_1;embed=q4_0")]
    cases += [(model, "q8_0") for model in random_models(folder) if model.name in ("llama3", "gemma3", "falcon")]
    good = True
    for i, (model, recipe) in enumerate(cases):
        file, floats, types, theirs = (folder / f"{i}{end}" for end in (".gguf", "-f32.gguf", ".types", "-theirs.gguf"))
        export(model, recipe, file, "--format", "gguf", "--tensor-type-file", types)
        llama("llama-quantize", "--allow-requantize", file, floats, "F32")
        ours, perplexity = perplexities(model, recipe, floats, english, 128, folder)
        differ = None
        if "prune" not in recipe and model.suffix != ".gguf":
            export(model, "none", floats, "--format", "gguf")
            llama("llama-quantize", "--tensor-type-file", types, floats, theirs, "Q8_0")
            a, b = tensors_of(file), tensors_of(theirs)
            assert a.keys() == b.keys()
            differ = sum(x != y for n in a for x, y in zip(a[n][1], b[n][1])) / sum(len(x[1]) for x in a.values())
            good &= all(a[n][0] == b[n][0] for n in a) and differ < 1e-3
        good &= abs(ours / perplexity - 1) < 1e-3
        print(f"blocks  {model.name:12} {recipe:26} perplexity {ours:.4f}, llama.cpp's {perplexity:.4f}: "
              f"{100 * (ours / perplexity - 1):+.4f} %; bytes that llama-quantize has otherwise: "
              f"{'not asked' if differ is None else format(differ, '.1e')}")
    return good


def both(folder, model, recipe, form):
    """The tensors of the folder in a format, those of the values, and the layers that are in codes."""
    coded, values = folder / form, folder / "values"
    for out, options in ((coded, ("--format", form)), (values, ())):
        shutil.rmtree(out, ignore_errors=True)
        export(model, recipe, out, *options)
    coded, values = load_file(coded / "model.safetensors"), load_file(values / "model.safetensors")
    layers = sorted({name.rpartition(".")[0] for name in coded} & {n.removesuffix(".weight") for n in values})
    return coded, values, layers


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


def kept(coded, values):
    return all(same(coded[name], tensor) for name, tensor in values.items() if name in coded)


def loaded_alike(out, schemes):
    """Does transformers give the same logits? It makes room for packed layers of every group, but not for packed zero
    points; when it unpacks while it loads, it does so by one group."""
    asymmetric = not all(s.weights.symmetric for s in schemes.config_groups.values())
    if asymmetric and len(schemes.config_groups) > 1:
        return "cannot load several groups with zero points"
    how = {"quantization_config": transformers.CompressedTensorsConfig(dequantize=True)} if asymmetric else {}
    load = transformers.AutoModelForCausalLM.from_pretrained
    ids = torch.tensor([[3, 5, 7, 9, 100, 200]])
    with torch.no_grad():
        theirs, ours = (load(o, dtype=torch.float32, **h)(ids).logits for o, h in ((out, how), (out.parent / "values", {})))
    return "exact" if same(theirs, ours) else "DIFFERS"


def compressed_tensors(folder):
    from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationConfig
    good = True
    recipes = ("int4/g8", "u4/g8", "u3/row;L0.mlp=int8/tensor", "int5/tensor", "u8/tensor;L0=keep", "int2/g4;L1=u6/row",
               "u4/g8;head=int8/row")
    models = (m for m in random_models(folder) if m.name in ("llama3", "qwen3", "gemma3"))  # 8 outputs: the package fails
    for model, recipe in [(model, recipe) for model in models for recipe in recipes]:
        if "head" in recipe and model.name == "gemma3":
            continue
        coded, values, layers = both(folder, model, recipe, "compressed-tensors")
        out = folder / "compressed-tensors"
        config = json.loads((out / "config.json").read_text())["quantization_config"]
        schemes = QuantizationConfig.model_validate(config)
        exact = kept(coded, values)
        n = 0
        for layer in layers:
            parts = {k.rpartition(".")[2]: v for k, v in coded.items() if k.rpartition(".")[0] == layer}
            if "weight_packed" not in parts:
                assert layer in config["ignore"] or "norm" in layer or "embed" in layer, layer
                continue
            scheme, = [s for s in schemes.config_groups.values() if "Linear" in s.targets or layer in s.targets]
            exact &= same(PackedQuantizationCompressor.decompress(parts, scheme)["weight"], values[layer + ".weight"])
            n += 1
        loads = loaded_alike(out, schemes)
        good &= exact and loads != "DIFFERS" and n > 0
        print(f"compressed-tensors  {model.name:8} {recipe:28} {n} layers {'exact' if exact else 'DIFFER'}, transformers: "
              f"{loads}")
    return good


def gptq(folder):
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.utils.model import convert_gptq_v1_to_v2_format_module
    good = True
    for recipe in ("int4", "u4/g32", "u3/g64;L0.mlp=int8/tensor", "u2/row", "u8/tensor;L0=keep", "u4/g64,s16"):
        coded, values, layers = both(folder, MINI, recipe, "gptq")
        exact, n = kept(coded, values), 0
        for layer in layers:
            parts = {k.rpartition(".")[2]: v for k, v in coded.items() if k.rpartition(".")[0] == layer}
            if "qweight" not in parts:
                continue
            cols, rows = parts["g_idx"].shape[0], parts["scales"].shape[1]
            bits = parts["qweight"].shape[0] * 32 // cols
            linear = TorchLinear(bits=bits, group_size=cols // parts["scales"].shape[0], sym=False, desc_act=False,
                                 in_features=cols, out_features=rows, bias=False, pack_dtype=torch.int32,
                                 register_buffers=True)
            for name in ("qweight", "qzeros", "scales", "g_idx"):
                assert getattr(linear, name).shape == parts[name].shape, name
                setattr(linear, name, parts[name].clone())
            convert_gptq_v1_to_v2_format_module(linear, bits, torch.int32)
            theirs, ours = linear.dequantize_weight(), values[layer + ".weight"]  # Conv1D: [inputs][outputs]
            exact &= same(theirs, ours if "s16" not in recipe else ours.to(torch.float16))
            n += 1
        good &= exact and n > 0
        print(f"gptq  mini  {recipe:28} {n} layers {'exact' if exact else 'DIFFER'}")
    return good


CHECKS = {"hf": hf, "gguf": gguf, "blocks": blocks, "compressed-tensors": compressed_tensors, "gptq": gptq}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CHECKS))
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        failed = [name for name in parser.parse_args().names if not CHECKS[name](pathlib.Path(folder))]
    sys.exit("differs: " + ", ".join(failed) if failed else 0)


if __name__ == "__main__":
    main()
