"""What eq-token gives beside what Hugging Face tokenizers gives: ids, and spans widened to whole characters."""
import json
import subprocess


def ours(folder, texts):
    """[(ids, spans in characters)] by eq-token --special tokens."""
    lines = "".join(json.dumps({"k": "text", "lang": "und", "id": str(i), "text": t}) + "\n" for i, t in enumerate(texts))
    pipe = 'eq-show --from jsonl -f stream 2>/dev/null | eq-token -q --special tokens -m "$1" | eq-show -f jsonl 2>/dev/null'
    run = subprocess.run(["bash", "-o", "pipefail", "-c", pipe, "bash", str(folder)], input=lines.encode(), capture_output=True)
    if run.returncode:
        raise RuntimeError(run.stderr.decode().strip().split("\n")[0])
    records = (json.loads(line) for line in run.stdout.decode().split("\n") if line)
    return [(r["ids"], widened(r["starts"], r["ends"], t)) for r, t in zip(records, texts, strict=True)]


def widened(starts, ends, text):
    """Byte spans as spans of whole characters."""
    if text.isascii():
        return list(zip(starts, ends))
    of = [i for i, c in enumerate(text) for _ in c.encode()]
    of.append(len(text))
    return [(of[s], of[e - 1] + 1 if e else 0) for s, e in zip(starts, ends)]


def theirs(tokenizer, texts):
    return [(e.ids, e.offsets) for e in tokenizer.encode_batch(texts, add_special_tokens=False)]


def theirs_or_none(tokenizer, texts):
    """The same, and None for each text on which the library panics."""
    try:
        return theirs(tokenizer, texts)
    except BaseException as e:
        if isinstance(e, KeyboardInterrupt):
            raise
    results = []
    for text in texts:
        try:
            results += theirs(tokenizer, [text])
        except BaseException as e:
            if isinstance(e, KeyboardInterrupt):
                raise
            results.append(None)
    return results


def smaller(text):
    """Texts with a part of this one taken away."""
    size = len(text) // 2
    while size:
        yield from (text[:i] + text[i + size:] for i in range(0, len(text), size))
        size //= 2


def minimized(folder, tokenizer, text, differs):
    """A least text that still differs: no part of it can go."""
    while len(text) > 1:
        tries = list(dict.fromkeys(t for t in smaller(text) if t))[:2000]
        found = next((t for t, a, b in zip(tries, ours(folder, tries), theirs_or_none(tokenizer, tries)) if b and differs(a, b)), None)
        if found is None:
            break
        text = found
    return text


def spelled(text):
    return json.dumps(text) + " " + " ".join(f"U+{ord(c):04X}" for c in text[:20])
