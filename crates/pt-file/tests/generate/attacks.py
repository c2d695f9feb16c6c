"""Malicious files, as the advisories of PyTorch describe them. `python attacks.py FOLDER` writes them, and checks what
torch does with each.

CVE-2025-32434: torch.load(weights_only=True) before 2.6 gave two kinds of file to readers that run code: a TorchScript
archive to torch.jit.load, and a tar archive to the reader of 0.1 with Python's own pickle module.

CVE-2026-24747: the unpickler of weights_only=True before 2.10 assigned items of any object (SETITEM, SETITEMS on a tensor
instead of a dict), and did not compare the number of elements in the pickle with the length of the storage.

Each program in these files only writes a file named `executed`. `tests/it/hostile/advisories.rs` explains each file.
"""

import io
import os
import pickle
import struct
import sys
import tarfile
import tempfile
import warnings
import zipfile

import torch

MARKER = "executed"
PROGRAM = f"import pathlib; pathlib.Path('{MARKER}').touch()"


class Program:
    """An object whose pickle calls exec."""

    def __reduce__(self):
        return exec, (PROGRAM,)


class Scripted(torch.nn.Module):
    """A module whose __setstate__ writes a file. torch.jit.load calls it."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))

    @torch.jit.export
    def __getstate__(self):
        return (self.weight, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]):
        self.weight = state[0]
        self.training = state[1]
        torch.save(state[0], "executed")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


def script():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(Scripted()), file)
    return file.getvalue()


def tar(members):
    """A tar archive. A member that is a string is a symbolic link to that path."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            if isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
                archive.addfile(member)
            else:
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        end = archive.offset + 2 * tarfile.BLOCKSIZE
    return file.getvalue()[:end]


def dump(value):
    return pickle.dumps(value, protocol=2)


def tar_storage(numel, data):
    """The member `storages` with one storage of this declared length."""
    return dump(1) + dump((10, "cpu", torch.FloatStorage)) + struct.pack("<q", numel) + data + dump([])


def tar_tensor(shape, stride, offset):
    """The member `tensors` with one tensor of storage 10."""
    numbers = struct.pack("<ii", len(shape), 0) + struct.pack(f"<{2 * len(shape) + 1}q", *shape, *stride, offset)
    return dump(1) + dump((20, 10, torch.FloatTensor)) + numbers


# The pickle of a reference to tensor 20.
TAR_ROOT = b"\x80\x02X\x02\0\0\x0020Q."


def archive(data_pkl, storage):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name, data in [("data.pkl", data_pkl), ("byteorder", b"little"), ("data/0", storage), ("version", b"3\n")]:
            made.writestr(zipfile.ZipInfo(f"archive/{name}"), data)
    return file.getvalue()


def storage(numel):
    """The operations that push a reference to the record data/0."""
    text = b"".join(b"X" + struct.pack("<I", len(word)) + word for word in (b"0", b"cpu"))
    return b"(X\x07\0\0\0storagectorch\nFloatStorage\n" + text + b"J" + struct.pack("<i", numel) + b"tQ"


def tensor(numel, shape):
    """The operations that push a contiguous tensor of one dimension."""
    geometry = b"K\0J" + struct.pack("<i", shape) + b"\x85K\x01\x85"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(numel) + geometry + b"\x89ccollections\nOrderedDict\n)RtR"


def files():
    """Name and file."""
    pickled = b"\x80\x02%s."
    data = struct.pack("<3f", 1, 2, 3)
    good = tar_storage(3, data)
    yield "32434_script", script()
    yield "32434_tar_pickle", tar([("storages", good), ("tensors", tar_tensor((3,), (1,), 0)), ("pickle", dump(Program()))])
    yield "32434_tar_storages", tar([("storages", dump(Program())), ("tensors", dump(0)), ("pickle", dump(None))])
    yield "32434_tar_link", tar([("storages", "/etc/passwd"), ("tensors", dump(0)), ("pickle", dump(None))])
    yield "32434_tar_path", tar([("../storages", good), ("tensors", dump(0)), ("pickle", dump(None))])
    yield "24747_setitem", archive(pickled % (tensor(3, 3) + b"K\0G" + struct.pack(">d", 7.0) + b"s"), data)
    yield "24747_setitems", archive(pickled % (tensor(3, 3) + b"(K\0K\x07K\x01K\x08u"), data)
    yield "24747_storage", archive(pickled % tensor(1_000_000, 1_000_000), data)
    yield "24747_view", archive(pickled % tensor(3, 1_000_000), data)
    yield "24747_build", archive(pickled % (tensor(3, 3) + b"(" + storage(3) + b"K\0J\x40\x42\x0f\0\x85K\x01\x85tb"), data)
    yield "24747_tar_storage", tar([("storages", tar_storage(1_000_000, data)), ("tensors", tar_tensor((3,), (1,), 0)), ("pickle", TAR_ROOT)])
    yield "24747_tar_view", tar([("storages", good), ("tensors", tar_tensor((1_000_000,), (1,), 0)), ("pickle", TAR_ROOT)])


def loads(read, path):
    """Whether `read` accepts the file, and whether this runs the program, in a new folder."""
    os.chdir(tempfile.mkdtemp())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
            accepted = True
        except Exception:
            accepted = False
    return accepted, os.path.exists(MARKER)


def main():
    folder = os.path.abspath(sys.argv[1])
    os.makedirs(folder, exist_ok=True)
    for name, file in files():
        path = os.path.join(folder, name + ".pt")
        with open(path, "wb") as out:
            out.write(file)
        assert not loads(lambda path: torch.load(path, weights_only=True), path)[1], name
    # The programs do run where torch is told to trust the file.
    path = lambda name: os.path.join(folder, name + ".pt")
    unsafe = lambda path: torch.load(path, weights_only=False)
    assert loads(torch.jit.load, path("32434_script"))[1]
    for name in ("32434_tar_pickle", "32434_tar_storages"):
        assert loads(unsafe, path(name))[1], name
    print("all checks passed")


if __name__ == "__main__":
    main()
