"""Whole modules, training checkpoints and TorchScript. For a module, the description is that of its state dict."""

import io
import warnings

import torch

import classes
import containers


def trained(model, optimizer):
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return optimizer


def modules():
    """Name, and a module that is saved whole."""
    torch.manual_seed(0)
    yield "linear", torch.nn.Linear(3, 2)
    yield "rnn", torch.nn.RNN(3, 4, nonlinearity="relu")
    yield "lstm", torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True, proj_size=2)
    yield "gru", torch.nn.GRU(3, 4, batch_first=True, dropout=0.1, num_layers=2)
    yield "cells", torch.nn.ModuleDict({"rnn": torch.nn.RNNCell(3, 4), "lstm": torch.nn.LSTMCell(3, 4), "gru": torch.nn.GRUCell(3, 4)})
    yield "sequential", torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.ReLU(), torch.nn.BatchNorm1d(2))
    yield "transformer", torch.nn.TransformerEncoderLayer(4, 2, 8)
    yield "net", classes.Net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield "weight_norm", torch.nn.utils.weight_norm(torch.nn.Linear(3, 2))
    yield "parametrized", torch.nn.ParameterList([torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.zeros(3))])
    yield "on_meta", torch.nn.Sequential(torch.nn.Linear(2, 2)).eval()


def scripts():
    """Name, TorchScript archive, and its state dict."""
    torch.manual_seed(0)
    for name, module in [
        ("linear", torch.nn.Linear(3, 2)),
        ("sequential", torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))),
        ("lstm", torch.nn.LSTM(3, 4, num_layers=2)),
        ("gru", torch.nn.GRU(3, 4)),
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated
            scripted, file = torch.jit.script(module), io.BytesIO()
            torch.jit.save(scripted, file)
        yield name, file.getvalue(), dict(scripted.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced, file = torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(1, 3)), io.BytesIO()
        torch.jit.save(traced, file)
    yield "traced", file.getvalue(), dict(traced.state_dict())
    yield "tch_var_store", *var_store({"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2), "emb": torch.arange(4.0)})


def var_store(tensors):
    """The file of tch's VarStore::save: a module without code, whose attributes have | in place of the dots."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # TorchScript for Python rejects the name, so it is replaced in the file. Both names have the same length.
        module = torch.nn.Module()
        for name, tensor in tensors.items():
            module.register_buffer(name.replace(".", "_Z_"), tensor)
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(module), file)
    rename = lambda name, data: data.replace(b"_Z_", b"|||") if name.endswith("/data.pkl") else data
    return containers.repacked(file.getvalue(), change=rename), {name.replace(".", "..."): tensor for name, tensor in tensors.items()}


def checkpoints():
    """Name and value of a training checkpoint."""
    torch.manual_seed(0)
    for name, make in {
        "adam": lambda p: torch.optim.Adam(p, amsgrad=True),
        "adamw": torch.optim.AdamW,
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "rmsprop": torch.optim.RMSprop,
        "adagrad": torch.optim.Adagrad,
        "adadelta": torch.optim.Adadelta,
    }.items():
        model = torch.nn.Linear(3, 2)
        optimizer = trained(model, make(model.parameters()))
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
        yield name, {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "epoch": 3,
            "rng_state": torch.get_rng_state(),
        }
    model = torch.nn.Linear(3, 2)
    yield "lightning", {
        "epoch": 1,
        "global_step": 10,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": model.state_dict(),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 2}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": {"best_model_score": torch.tensor(0.5), "best_k_models": {}}},
        "optimizer_states": [trained(model, torch.optim.Adam(model.parameters())).state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": classes.Attributes(lr=0.1, hidden=classes.Point(3, 4)),
    }
