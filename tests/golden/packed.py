#!/usr/bin/env python3
"""Writes packed/NAME/{config.json,model.safetensors,expected.safetensors}: layers quantized in each scheme, and the
values that the scheme's own package makes of them, LAYER.weight in [outputs][inputs].

Made with gptqmodel 7.7.0, autoawq 0.2.9, compressed-tensors 0.20.0, bitsandbytes 0.50.2 (on a CPU, where rows that are
longer than a block must be whole blocks: others it dequantizes wrongly), transformers 5.23.0, torch 2.15.0.
Run: python3 tests/golden/packed.py [NAME ...]. Words of GPTQ and AWQ layers are random: all codes, all zero points."""
import importlib.util
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "packed"
RANDOM = torch.Generator()
STEP, SPREAD = 0.01, 2.0  # of scales


def words(*shape):
    return torch.randint(-2**31, 2**31, shape, generator=RANDOM, dtype=torch.int64).to(torch.int32)


def normal(*shape):
    return torch.randn(shape, generator=RANDOM)


def scales(*shape, dtype):
    return (STEP * torch.exp(SPREAD * normal(*shape))).to(dtype)


def module(package, path):
    """A file of a package, without what else importing the package would want."""
    root = pathlib.Path(importlib.util.find_spec(package).origin).parent
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), root / f"{path}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def gptq(version, bits, dtype, groups, shuffled=False, no_index=False, cols=32, rows=32):
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear
    from gptqmodel.utils.model import convert_gptq_v1_to_v2_format_module
    size = cols // groups
    layer = TorchLinear(bits=bits, group_size=size, sym=False, desc_act=shuffled, in_features=cols, out_features=rows,
                        bias=False, pack_dtype=torch.int32, register_buffers=True)
    index = torch.arange(cols) // size
    if shuffled:
        index = index[torch.randperm(cols, generator=RANDOM)]
    parts = {"qweight": words(cols * bits // 32, rows), "qzeros": words(groups, rows * bits // 32),
             "scales": scales(groups, rows, dtype=dtype), "g_idx": index.to(torch.int32)}
    for name, part in parts.items():
        assert getattr(layer, name).shape == part.shape, name
        setattr(layer, name, part.clone())
    if version == 1:
        convert_gptq_v1_to_v2_format_module(layer, bits, torch.int32)
    if no_index:
        del parts["g_idx"]
    return parts, layer.dequantize_weight().T


def awq(dtype, groups, cols=32, rows=24):
    dequantize = module("awq", "utils/packing_utils").dequantize_gemm
    parts = {"qweight": words(cols, rows // 8), "qzeros": words(groups, rows // 8),
             "scales": scales(groups, rows, dtype=dtype)}
    return parts, dequantize(parts["qweight"], parts["qzeros"], parts["scales"], 4, cols // groups).T


def compressed(form, bits, kind, strategy, symmetric, dtype, rows=20, cols=48, **more):
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    args = QuantizationArgs(num_bits=bits, type=kind, strategy=strategy, symmetric=symmetric, **more)
    scheme = QuantizationScheme(targets=["Linear"], weights=args, format=form)
    shape = {"tensor": (1,), "channel": (rows, 1), "group": (rows, cols // (args.group_size or 1)),
             "block": (-(-rows // 16), -(-cols // 32))}[strategy]
    state = {"weight": normal(rows, cols).to(dtype), "weight_scale": scales(*shape, dtype=dtype) * 10}
    if not symmetric:
        low, high = -(2**(bits - 1)), 2**(bits - 1)
        state["weight_zero_point"] = torch.randint(low, high, shape, generator=RANDOM).to(torch.int8)
    packer = BaseCompressor.get_value_from_registry(form)
    parts = packer.compress(state, scheme)
    return parts, packer.decompress(dict(parts), scheme)["weight"]


def four_bits(kind, dtype, nested, shape, blocksize=64):
    import bitsandbytes.functional as bnb
    weight = normal(*shape).to(dtype)
    codes, state = bnb.quantize_4bit(weight, blocksize=blocksize, compress_statistics=nested, quant_type=kind)
    parts = {"weight": codes} | {f"weight.{k}": v for k, v in state.as_dict(packed=True).items()}
    return parts, bnb.dequantize_4bit(codes, state)


def eight_bits(rows=10, cols=33):
    import bitsandbytes.functional as bnb
    codes, stats, _ = bnb.int8_vectorwise_quant(normal(rows, cols).to(torch.float16))
    parts = {"weight": codes, "SCB": stats, "weight_format": torch.tensor(0, dtype=torch.uint8)}
    return parts, bnb.int8_vectorwise_dequant(codes, stats)


def fp8(dtype, rows=32, cols=48):
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize
    codes = normal(rows, cols).to(torch.float8_e4m3fn)
    parts = {"weight": codes, "weight_scale_inv": scales(rows // 16, cols // 16, dtype=dtype)}
    return parts, Fp8Dequantize(None)._dequantize_one(codes, parts["weight_scale_inv"])


def gptq_layers(version):
    layers = {f"bits{b}": gptq(version, b, torch.float16, 2) for b in (2, 3, 4, 8)}
    layers |= {f"bits{b}.act_order": gptq(version, b, torch.float16, 4, shuffled=True, cols=64) for b in (3, 4)}
    layers["bf16"] = gptq(version, 4, torch.bfloat16, 2)
    return layers | {"no_index": gptq(version, 4, torch.float16, 2, no_index=True)}


def gptq_config(form):
    return dict(quant_method="gptq", group_size=16, checkpoint_format=form, dynamic={".*": {}})


def compressed_config(form, *weights):
    return dict(quant_method="compressed-tensors", format=form, ignore=["lm_head"], config_groups={
        f"group_{i}": {"weights": w, "targets": ["Linear"]} for i, w in enumerate(weights)})


def packed_layers():
    layers = {}
    for bits in (4, 8):
        for symmetric in (True, False):
            name = f"bits{bits}.{'symmetric' if symmetric else 'asymmetric'}"
            args = ("pack-quantized", bits, "int")
            layers[f"{name}.group"] = compressed(*args, "group", symmetric, torch.bfloat16, group_size=16)
            layers[f"{name}.channel"] = compressed(*args, "channel", symmetric, torch.float16, cols=37)
    layers["bits3.symmetric.group"] = compressed("pack-quantized", 3, "int", "group", True, torch.float32, group_size=16)
    layers["bits4.tensor"] = compressed("pack-quantized", 4, "int", "tensor", True, torch.bfloat16)
    return layers


def naive_layers(form, kind):
    layers = {s: compressed(form, 8, kind, s, True, torch.bfloat16) for s in ("tensor", "channel")}
    layers["float32"] = compressed(form, 8, kind, "channel", True, torch.float32)
    layers["block"] = compressed(form, 8, kind, "block", True, torch.bfloat16, block_structure=[16, 32])
    if kind == "int":
        layers["asymmetric"] = compressed(form, 8, kind, "channel", False, torch.bfloat16)
    return layers


def bnb_layers(kind):
    layers = {str(d).split(".")[1]: four_bits(kind, d, False, (12, 64)) for d in (torch.float16, torch.float32)}
    layers["bfloat16.nested"] = four_bits(kind, torch.bfloat16, True, (12, 128))
    layers["two_nested_blocks"] = four_bits(kind, torch.float16, True, (72, 128), 32)
    return layers | {"odd": four_bits(kind, torch.bfloat16, False, (7, 33))}


FOLDERS = {
    "gptq": (lambda: gptq_layers(1), gptq_config("gptq")),
    "gptq_v2": (lambda: gptq_layers(2), gptq_config("gptq_v2")),
    "awq": (lambda: {"one": awq(torch.float16, 2), "two": awq(torch.bfloat16, 2)},
            dict(quant_method="awq", bits=4, group_size=16, version="gemm", zero_point=True)),
    "pack-quantized": (packed_layers, compressed_config("pack-quantized", *({"num_bits": b} for b in (4, 8, 3)))),
    "int-quantized": (lambda: naive_layers("int-quantized", "int"), compressed_config(
        "int-quantized", {"num_bits": 8, "block_structure": [16, 32]})),
    "float-quantized": (lambda: naive_layers("float-quantized", "float"), compressed_config(
        "float-quantized", {"num_bits": 8, "block_structure": [16, 32]})),
    "fp8": (lambda: {"float32": fp8(torch.float32), "bf16": fp8(torch.bfloat16)},
            dict(quant_method="fp8", weight_block_size=[16, 16])),
    "nf4": (lambda: bnb_layers("nf4"), dict(quant_method="bitsandbytes", load_in_4bit=True)),
    "fp4": (lambda: bnb_layers("fp4"), dict(quant_method="bitsandbytes", load_in_4bit=True)),
    "int8": (lambda: {"one": eight_bits()}, dict(load_in_8bit=True)),
}


def write(name):
    make, config = FOLDERS[name]
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    RANDOM.manual_seed(list(FOLDERS).index(name))
    layers = make()
    stored = {f"{layer}.{part}": t.contiguous() for layer, (parts, _) in layers.items() for part, t in parts.items()}
    stored["lm_head.weight"] = normal(3, 5)
    save_file(stored, folder / "model.safetensors")
    save_file({f"{layer}.weight": t.contiguous() for layer, (_, t) in layers.items()} | {
        "lm_head.weight": stored["lm_head.weight"]}, folder / "expected.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "quantization_config": config}) + "\n")


def main():
    for name in FOLDERS:
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            write(name)


if __name__ == "__main__":
    main()
