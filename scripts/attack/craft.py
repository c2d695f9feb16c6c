"""Writes hostile and valid files with the standard library only: PNG, JPEG, .pt, safetensors, gzip, IDX."""

import io
import json
import pickle
import struct
import sys
import types
import zipfile
import zlib
from collections import OrderedDict


# PNG


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, color=0, bits=8, rows=None, before=b"", interlace=0):
    """A PNG. `rows` are the raw rows; by default one byte pattern for a whole picture with a dark left half."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
    length = (width * channels * bits + 7) // 8
    packer = zlib.compressobj(9)
    packed = []
    if rows is None:
        row = b"\0" + b"\0" * (length // 2) + b"\xff" * (length - length // 2)
        rows = (row for _ in range(height))
    for row in rows:
        packed.append(packer.compress(row))
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    palette = png_chunk(b"PLTE", b"\0\0\0\xff\xff\xff") if color == 3 else b""
    content = png_chunk(b"IHDR", header) + before + palette + png_chunk(b"IDAT", b"".join(packed))
    return b"\x89PNG\r\n\x1a\n" + content + png_chunk(b"IEND", b"")


# JPEG


class Bits:
    def __init__(self):
        self.bytes, self.buffer, self.count = bytearray(), 0, 0

    def put(self, value, count):
        for shift in range(count - 1, -1, -1):
            self.buffer = self.buffer << 1 | value >> shift & 1
            self.count += 1
            if self.count == 8:
                self.bytes.append(self.buffer)
                if self.buffer == 0xFF:
                    self.bytes.append(0)
                self.buffer, self.count = 0, 0

    def end(self):
        while self.count:
            self.put(1, 1)
        return bytes(self.bytes)


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg_head(width, height, components=1, frame=0xC0, between=b""):
    """From the start of the image to the tables. Huffman tables: all 16 DC sizes have 4 or 5 bits; AC: end of block, and an
    end-of-band run of 16,384 blocks or more (progressive), have one and two bits."""
    tables = segment(0xDB, b"\0" + b"\x01" * 64)
    tables += segment(0xC4, b"\0" + bytes([0, 0, 0, 12] + [0] * 12) + bytes(range(12)))
    tables += segment(0xC4, b"\x10" + bytes([1, 1] + [0] * 14) + b"\0\xe0")
    kinds = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    return b"\xff\xd8" + between + tables + segment(frame, struct.pack(">BHHB", 8, height, width, components) + kinds)


def jpeg_scan(components, start=0, end=63, approximation=0):
    kinds = b"".join(bytes([number + 1, 0]) for number in components)
    return segment(0xDA, bytes([len(components)]) + kinds + bytes([start, end, approximation]))


def jpeg(pixels, width, height):
    """A grey JPEG of blocks of 8 x 8 pixels: pixels[y][x] is the brightness of a block from 0 to 255."""
    bits, last = Bits(), 0
    for row in pixels:
        for value in row:
            level = 8 * (value - 128)
            difference, last = level - last, level
            size = abs(difference).bit_length()
            bits.put(size, 4)  # the code of each DC size is its number in 4 bits
            bits.put(difference if difference >= 0 else difference + (1 << size) - 1, size)
            bits.put(0, 1)  # end of block
    return jpeg_head(width, height) + jpeg_scan([0]) + bits.end() + b"\xff\xd9"


def seven(size=24):
    """Blocks with a dark 7 on light paper."""

    def ink(x, y):
        bar = 0.2 <= y < 0.3 and 0.3 <= x < 0.7
        leg = 0.3 <= y < 0.8 and abs(x + 0.5 * y - 0.8) < 0.05
        return bar or leg

    return [[30 if ink(x / size, y / size) else 230 for x in range(size)] for y in range(size)]


def progressive_jpeg(width, height, components, scans):
    """A progressive JPEG: one DC scan, then `scans` scans of AC coefficients that consist of end-of-band runs."""
    blocks = (width // 8) * (height // 8)
    dc = Bits()
    for number in range(blocks * components):
        size = 10 if number < components else 0
        dc.put(size, 4)
        dc.put(1000 if size else 0, size)
    out = [jpeg_head(width, height, components, 0xC2), jpeg_scan(range(components), 0, 0), dc.end()]
    for scan in range(scans):
        ac, left = Bits(), blocks
        while left >= 16384:
            run = min(left, 32767)
            ac.put(2, 2)  # a run of 2^14 + 14 bits of blocks
            ac.put(run - 16384, 14)
            left -= run
        for _ in range(left):
            ac.put(0, 1)
        # The first scan of a component, then refinements of it: each visits all coefficients.
        out += [jpeg_scan([scan % components], 1, 63, 0x01 if scan < components else 0x10), ac.end()]
    return b"".join(out) + b"\xff\xd9"


# .pt: the names that torch.save uses, without torch


def fake(module, name, value):
    value.__module__, value.__qualname__, value.__name__ = module, name, name
    setattr(sys.modules.setdefault(module, types.ModuleType(module)), name, value)
    return value


FLOATS = fake("torch", "FloatStorage", type("FloatStorage", (), {}))
BYTES = fake("torch", "ByteStorage", type("ByteStorage", (), {}))
REBUILD = fake("torch._utils", "_rebuild_tensor_v2", lambda *arguments: None)


class Storage:
    def __init__(self, key, count, kind=FLOATS):
        self.key, self.count, self.kind = key, count, kind


class Tensor:
    """A tensor that views a storage; without strides it is contiguous."""

    def __init__(self, storage, shape, strides=None):
        if strides is None:
            strides = [1] * len(shape)
            for dim in range(len(shape) - 2, -1, -1):
                strides[dim] = strides[dim + 1] * max(1, shape[dim + 1])
        self.storage, self.shape, self.strides = storage, tuple(shape), tuple(strides)

    def __reduce__(self):
        return REBUILD, (self.storage, 0, self.shape, self.strides, False, OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        if isinstance(value, Storage):
            return ("storage", value.kind, value.key, "cpu", value.count)
        return None


def pt(value, storages=()):
    """A .pt file. `storages` are the bytes of each storage by key."""
    content = io.BytesIO()
    Pickler(content, 2).dump(value)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content.getvalue())
        archive.writestr("archive/version", "3\n")
        for key, data in dict(storages).items():
            archive.writestr(f"archive/data/{key}", data)
    return file.getvalue()


def empty_tensor(*shape):
    return Tensor(Storage("0", 0), shape)


# safetensors


def safetensors(shapes, data=None):
    """A file of float32 zeros, or of `data`."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + (bytes(at) if data is None else data)


# IDX


def packed_zeros(count, before=b"", window=31):
    """Zeros as gzip (or zlib, with a window of 15). Made in blocks: the memory of this program counts as that of its children."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, window), bytes(1 << 20)
    packed = [packer.compress(before)]
    while count > 0:
        packed.append(packer.compress(block[:count]))
        count -= len(block)
    return b"".join(packed) + packer.flush()


def idx_header(shape):
    return struct.pack(">I", 0x0800 + len(shape)) + struct.pack(f">{len(shape)}I", *shape)


def idx(shape, count):
    """A packed IDX file with this header, and `count` zeros."""
    return packed_zeros(count, idx_header(shape))
