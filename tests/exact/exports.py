#!/usr/bin/env python3
"""Holds what eq-quant writes against the programs that it is written for. Says what it compared; ends with 1 when
something differs. Needs eq-quant and eq-ppl on the PATH.

  tests/exact/exports.py [NAME ...]

hf: the folder opened by transformers (5.23.0), in float64, gives the surprisals of eq-ppl under the recipe."""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

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


CHECKS = {"hf": hf}


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
