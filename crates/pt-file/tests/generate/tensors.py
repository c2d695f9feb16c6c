"""Tensors of every dtype and layout."""

import torch

import classes

DTYPES = (
    "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128 complex32 uint16 uint32 uint64 "
    "float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 bits8 bits16 bits1x8 bits2x4 bits4x2"
).split()


def bits(dtype, *shape):
    """Every byte value in turn; 0 and 1 for bool."""
    dtype = getattr(torch, dtype)
    numel = 1
    for size in shape:
        numel *= size
    raw = torch.arange(numel * dtype.itemsize, dtype=torch.uint8)
    raw = raw % 2 if dtype == torch.bool else raw
    return torch.tensor([], dtype=dtype).set_(raw.untyped_storage(), 0, shape, torch.empty(shape, device="meta").stride())


def with_attribute(tensor):
    tensor.note = "a tensor with an attribute"
    return tensor


def parameter_with_attribute():
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.is_shared = True
    return parameter


def samples():
    """Name and value."""
    for dtype in DTYPES:
        yield f"dtype_{dtype}", bits(dtype, 3, 2)
    yield "scalar", torch.tensor(2.5)
    yield "empty", torch.empty(2, 0, 3)
    yield "requires_grad", torch.ones(2, requires_grad=True)
    yield "parameter", torch.nn.Parameter(torch.arange(3.0))
    yield "frozen_parameter", torch.nn.Parameter(torch.arange(3.0), requires_grad=False)
    yield "parameter_with_attribute", parameter_with_attribute()
    yield "buffer", torch.nn.Buffer(torch.arange(3.0))
    yield "with_attribute", with_attribute(torch.ones(2))
    yield "subclass", torch.arange(3.0).as_subclass(classes.Labelled)
    flat = torch.arange(24.0)
    yield "views", [flat, flat[3:7], flat.view(4, 6).t(), flat[::5], flat[2].expand(3, 4), flat.view(2, 3, 4)[:, 1]]
    yield "channels_last", torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last)
    yield "many_dims", torch.arange(2.0).view((1,) * 30 + (2,))
    complex_numbers = torch.tensor([1 + 2j, -3 - 4j, 0 + 1j])
    yield "conj", complex_numbers.conj()
    yield "conj_of_half", complex_numbers.to(torch.complex32).conj()
    yield "conj_view", complex_numbers.to(torch.complex128).view(3, 1).expand(3, 2).conj()
    yield "neg", complex_numbers.conj().imag
    yield "conj_and_neg", torch._neg_view(complex_numbers.conj())
    yield "neg_of_ints", torch._neg_view(torch.tensor([1, -2, 3]))
    yield "real_part", complex_numbers.real
    matrix = torch.arange(12.0).view(3, 4)
    yield "quantized_qint8", torch.quantize_per_tensor(matrix, 0.1, 3, torch.qint8)
    yield "quantized_quint8", torch.quantize_per_tensor(matrix, 0.5, 0, torch.quint8)
    yield "quantized_qint32", torch.quantize_per_tensor(matrix, 0.25, -1, torch.qint32)
    scales, zeros = torch.tensor([0.1, 0.2, 0.3], dtype=torch.double), torch.tensor([0, 1, 2])
    yield "quantized_per_channel", torch.quantize_per_channel(matrix, scales, zeros, 0, torch.qint8)
    yield "quantized_float_qparams", torch.quantize_per_channel(matrix, scales.float(), zeros.float(), 0, torch.quint8)
    yield "quantized_transposed", torch.quantize_per_tensor(matrix, 0.1, 3, torch.qint8).t()
    sparse = torch.tensor([[0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 3.0, 0.0]])
    yield "sparse_coo", sparse.to_sparse()
    yield "sparse_uncoalesced", torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 3))
    yield "sparse_hybrid", torch.sparse_coo_tensor([[0, 1]], torch.ones(2, 3), (4, 3))
    yield "sparse_csr", sparse.to_sparse_csr()
    yield "sparse_csc", sparse.to_sparse_csc()
    yield "sparse_bsr", sparse.to_sparse_bsr((1, 2))
    yield "sparse_bsc", sparse.to_sparse_bsc((1, 2))
    yield "sparse_parameter", {"w": torch.nn.Parameter(sparse.to_sparse())}
    yield "nested", torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(1, 3)])
    yield "meta", torch.empty(2, 3, dtype=torch.float16, device="meta")
    yield "storages", [torch.arange(4.0).untyped_storage(), torch.arange(3).storage()]
    yield "shared_untyped", [bits("uint16", 4), bits("uint16", 4).view(2, 2)]
    shared = bits("float8_e5m2", 8)
    yield "views_of_float8", [shared, shared[2:5], shared.view(2, 4).t()]
