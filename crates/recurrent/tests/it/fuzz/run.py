from torch.nn.utils.rnn import (
    invert_permutation,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)


def draw(description):
    if isinstance(description, list):
        return [draw(one) for one in description]
    tensor = torch.empty(description["shape"], dtype=getattr(torch, description["dtype"]))
    return tensor.uniform_(-1, 1) if tensor.is_floating_point() else tensor.random_(0, 5)


def pack(input, packing):
    lengths = packing["lengths"]
    if packing["lengths_as"] != "list":
        lengths = torch.tensor(lengths, dtype=getattr(torch, packing["lengths_as"]))
    return pack_padded_sequence(input, lengths, packing["batch_first"], packing["enforce_sorted"])


def parts(packed):
    return [part for part in packed if part is not None]


def forward(spec, train, input, packing, hx):
    module = layer(spec).train(train)
    input = draw(input)
    hx = None if hx is None else draw(hx)
    if hx is not None:
        hx = tuple(hx) if spec["class"] == "LSTM" else hx[0]
    output, state = module(input if packing is None else pack(input, packing), hx)
    state = list(state) if spec["class"] == "LSTM" else [state]
    return ([output] if packing is None else parts(output)) + state


def cell(spec, input, hx):
    module = layer(spec)
    input = draw(input)
    hx = None if hx is None else draw(hx)
    lstm = spec["class"] == "LSTMCell"
    state = module(input, hx if hx is None else tuple(hx) if lstm else hx[0])
    return (list(state) if lstm else [state]) + list(module.parameters())


def load_state_dict(spec, entries, strict):
    module = layer(spec)
    module.load_state_dict({name: draw(value) for name, value in entries}, strict=strict)
    return list(module.parameters())


def pad_packed(sequences, enforce_sorted, batch_first, padding_value, total_length):
    packed = pack_sequence(draw(sequences), enforce_sorted)
    return list(pad_packed_sequence(packed, batch_first, padding_value, total_length))


CALLS = {
    "Forward": forward,
    "Cell": cell,
    "LoadStateDict": load_state_dict,
    "PackPadded": lambda input, packing: parts(pack(draw(input), packing)),
    "PadPacked": pad_packed,
    "PadSequence": lambda sequences, **options: [pad_sequence(draw(sequences), **options)],
    "UnpadSequence": lambda padded, lengths, batch_first: unpad_sequence(
        draw(padded), torch.tensor(lengths, dtype=torch.int64), batch_first
    ),
    "PackSequence": lambda sequences, enforce_sorted: parts(pack_sequence(draw(sequences), enforce_sorted)),
    "UnpackSequence": lambda sequences, enforce_sorted: unpack_sequence(pack_sequence(draw(sequences), enforce_sorted)),
    "InvertPermutation": lambda permutation, dtype: [
        invert_permutation(torch.tensor(permutation, dtype=torch.int64).to(getattr(torch, dtype)))
    ],
}

outcomes, tensors = [], {}
for i, arguments in enumerate(question):
    torch.manual_seed(i)
    call = CALLS[arguments.pop("call")]
    try:
        results = call(**arguments)
    except Exception as error:
        outcomes.append({"class": type(error).__name__, "text": str(error)})
    else:
        outcomes.append({"results": len(results)})
        tensors |= {f"{i} {j}": result for j, result in enumerate(results)}
reply(outcomes, tensors)
