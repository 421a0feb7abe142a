#!/usr/bin/env python3
"""Writes gguf/NAME.gguf: golden models of models/ as llama.cpp's own converter writes them, without vocabularies.

python3 tests/golden/gguf_models.py LLAMA_CPP [NAME ...], the folder of llama.cpp's sources: those in the sdist of
llama-cpp-python 0.3.36. Made with transformers 5.23.0. The logits of each must be those of its model,
models/NAME/logits.json, but where a GGUF does not say what the model has: sliding windows of Mixtral.

Of the other models the converter refuses some, and of some it leaves out what matters here: the windows of Mistral,
Qwen 2, Phi 3 and StarCoder 2, OLMoE's clipping, Gemma 2's own scale of the scores, Phi's shared key-value heads."""
import pathlib
import sys

sys.path[:0] = [sys.argv[1], sys.argv[1] + "/gguf-py"]
import gguf  # noqa: E402
from conversion import base, get_model_class  # noqa: E402

HERE = pathlib.Path(__file__).parent
NAMES = sys.argv[2:] or ["bloom", "cohere-plus", "falcon-one-norm", "llama3", "mixtral", "phi3-longrope",
                         "qwen3_moe-normalized", "stablelm"]


def convert(name):
    folder = HERE / "models" / name
    hparams = base.ModelBase.load_hparams(folder, False)
    cls = get_model_class(base.get_model_architecture(hparams, base.ModelType.TEXT))
    cls.set_vocab = lambda self: None
    cls(folder, gguf.LlamaFileType.ALL_F32, HERE / "gguf" / f"{name}.gguf", model_name=name).write()


(HERE / "gguf").mkdir(exist_ok=True)
for name in NAMES:
    convert(name)
