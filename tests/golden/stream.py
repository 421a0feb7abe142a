"""Writes a stream of records as the design says it: an independent twin of lib/stream/writer.c, for golden files."""
import msgpack

P = [11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261]
M = 2**64 - 1


def rotate(x, n):
    return ((x << n) | (x >> (64 - n))) & M


def mix(acc, lane):
    return rotate((acc + lane * P[1]) & M, 31) * P[0] & M


def xxh64(data):
    """XXH64 with seed 0, after its specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)."""
    at, n = 0, len(data)
    if n >= 32:
        acc = [(P[0] + P[1]) & M, P[1], 0, -P[0] & M]
        while at + 32 <= n:
            acc = [mix(a, int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little")) for i, a in enumerate(acc)]
            at += 32
        h = sum(rotate(a, r) for a, r in zip(acc, (1, 7, 12, 18))) & M
        for a in acc:
            h = ((h ^ mix(0, a)) * P[0] + P[3]) & M
    else:
        h = P[4]
    h = (h + n) & M
    while at + 8 <= n:
        h = (rotate(h ^ mix(0, int.from_bytes(data[at : at + 8], "little")), 27) * P[0] + P[3]) & M
        at += 8
    if at + 4 <= n:
        h = (rotate(h ^ int.from_bytes(data[at : at + 4], "little") * P[0] & M, 23) * P[1] + P[2]) & M
        at += 4
    for byte in data[at:]:
        h = rotate(h ^ byte * P[4] & M, 11) * P[0] & M
    h = (h ^ h >> 33) * P[1] & M
    h = (h ^ h >> 29) * P[2] & M
    return h ^ h >> 32


def write(path, records, program):
    header = {"equant": 1, "prog": [{"name": program, "version": "0", "argv": []}]}
    data = b"".join(msgpack.packb(x) for x in [header, *records])
    trailer = msgpack.packb({"end": len(records), "xxh64": xxh64(data)})
    with open(path, "wb") as f:
        f.write(data + trailer)


assert xxh64(b"") == 0xEF46DB3751D8E999 and xxh64(b"abc") == 0x44BC2CF5AD770999  # vectors of the specification
