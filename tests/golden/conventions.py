#!/usr/bin/env python3
"""Writes conventions.tsv: what three programs report of whole texts, under the embedded model in float64.

Made with transformers 5.23.0, tokenizers 0.23.3, torch 2.15.0, lm-eval 0.4.13.
Run: python3 tests/golden/conventions.py
hf is the loop of transformers' guide "Perplexity of fixed-length models" as it stands there. lm-eval's windows and
averages are the functions of that package. llama.cpp is llama-perplexity's loop (tools/perplexity/perplexity.cpp,
perplexity()) written down in Python; the program itself is compared with elsewhere, on models that it can load.
The texts are the first segments of UDHR, joined by newlines. Columns: lang, segments, as, opening (a token before the
text, -1 for none), ppl, ppl_error, words, word_ppl, byte_ppl, bits_byte; nan where the program has no such number."""
import math
import pathlib
import re

import torch
from lm_eval.api.metrics import bits_per_byte, weighted_perplexity
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

HERE = pathlib.Path(__file__).parent
MODEL = HERE.parent.parent / "corpora" / "mini"
UDHR = HERE.parent.parent / "corpora" / "udhr"
TEXTS = [("en", "eng", 14), ("he", "heb", 6)]
BOS = 0
NAN = float("nan")


def log_probabilities(model, ids):
    with torch.no_grad():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)


def llama_cpp(model, tokens, n_ctx, opening):
    tokens = ([opening] if opening >= 0 else []) + tokens
    assert len(tokens) >= 2 * n_ctx
    first, nll, nll2, count = n_ctx // 2, 0.0, 0.0, 0
    for i in range(len(tokens) // n_ctx):
        chunk = tokens[i * n_ctx : (i + 1) * n_ctx]
        if opening >= 0:
            chunk[0] = opening
        logp = log_probabilities(model, chunk)
        v = -logp[range(first, n_ctx - 1), chunk[first + 1 :]]
        nll, nll2 = nll + v.sum().item(), nll2 + (v * v).sum().item()
        count += n_ctx - first - 1
    nll, nll2 = nll / count, nll2 / count
    return math.exp(nll), math.exp(nll) * math.sqrt((nll2 - nll * nll) / (count - 1)), NAN, NAN, NAN, NAN


def guide(model, tokens, max_length, stride, opening):
    input_ids_all = torch.tensor([([opening] if opening >= 0 else []) + tokens])
    seq_len = input_ids_all.size(1)
    nll_sum, n_tokens, prev_end_loc = 0.0, 0, 0
    for begin_loc in range(0, seq_len, stride):
        end_loc = min(begin_loc + max_length, seq_len)
        trg_len = end_loc - prev_end_loc
        input_ids = input_ids_all[:, begin_loc:end_loc]
        target_ids = input_ids.clone()
        target_ids[:, :-trg_len] = -100
        with torch.no_grad():
            neg_log_likelihood = model(input_ids, labels=target_ids).loss
        num_valid_tokens = (target_ids != -100).sum().item()
        num_loss_tokens = num_valid_tokens - target_ids.size(0)
        nll_sum += neg_log_likelihood.item() * num_loss_tokens
        n_tokens += num_loss_tokens
        prev_end_loc = end_loc
        if end_loc == seq_len:
            break
    return math.exp(nll_sum / n_tokens), NAN, NAN, NAN, NAN, NAN


def lm_eval(model, tokens, max_length, text, opening):
    tokens, total = ([opening] if opening >= 0 else []) + tokens, 0.0
    for context, continuation in map(make_disjoint_window, get_rolling_token_windows(tokens, BOS, max_length, 1)):
        inp = (context + continuation)[-(max_length + 1) :][:-1]
        logp = log_probabilities(model, inp)[-len(continuation) :]
        total += logp[range(len(continuation)), continuation].sum().item()
    words, n_bytes = len(re.split(r"\s+", text)), len(text.encode("utf-8"))
    by_bytes = [(total, n_bytes)]
    return NAN, NAN, words, weighted_perplexity([(total, words)]), weighted_perplexity(by_bytes), bits_per_byte(by_bytes)


def main():
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    config = GPT2Config.from_pretrained(MODEL, attn_implementation="eager", dtype="float64")
    model = GPT2LMHeadModel.from_pretrained(MODEL, config=config).double().eval()
    with open(HERE / "conventions.tsv", "w", encoding="utf-8") as out:
        print("lang", "segments", "as", "opening", "ppl", "ppl_error", "words", "word_ppl", "byte_ppl", "bits_byte",
              sep="\t", file=out)
        for lang, name, segments in TEXTS:
            with open(UDHR / f"{name}.tsv", encoding="utf-8", newline="\n") as lines:
                text = "\n".join(line.rstrip("\n").split("\t", 1)[1] for _, line in zip(range(segments), lines))
            tokens = tokenizer.encode(text, add_special_tokens=False).ids
            for opening in (-1, BOS) if lang == "en" else (-1,):
                rows = [(f"llama.cpp:{n}", llama_cpp(model, tokens, n, opening)) for n in (256, 101)]
                rows += [(f"hf:{n}:{s}", guide(model, tokens, n, s, opening))
                         for n, s in ((256, 128), (256, 256), (100, 99), (100, 37))]
                rows += [(f"lm-eval:{n}", lm_eval(model, tokens, n, text, -1)) for n in (256, 100)]
                for way, values in rows:
                    if way.startswith("lm-eval") and opening >= 0:
                        continue
                    print(lang, segments, way, opening, *(f"{v:.9g}" for v in values), sep="\t", file=out)


if __name__ == "__main__":
    main()
