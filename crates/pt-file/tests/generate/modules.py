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


class Attributes(torch.nn.Module):
    """Tensors that are no part of a state dict: plain attributes, a buffer with persistent=False, and an object."""

    def __init__(self):
        super().__init__()
        self.scale = torch.full((2,), 0.5)
        self.register_buffer("cache", torch.zeros(3), persistent=False)
        self.register_buffer("steps", torch.tensor(7))
        self.fc = torch.nn.Linear(3, 2)
        self.history = [torch.ones(1)]
        self.named = {"mask": torch.ones(2)}
        self.register_parameter("absent", None)
        self.norm = torch.nn.BatchNorm1d(2)
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.fc(x)) * self.scale * self.weight + self.history[0] + self.named["mask"] + self.cache[0]


def scripts():
    """Name, TorchScript archive, and the state dict of the module that torch.jit.load makes of it."""
    torch.manual_seed(0)
    for name, module in [
        ("linear", torch.nn.Linear(3, 2)),
        ("sequential", torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))),
        ("lstm", torch.nn.LSTM(3, 4, num_layers=2)),
        ("gru", torch.nn.GRU(3, 4)),
        ("batch_norm", torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(3))),
        ("attributes", Attributes()),
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated
            file = io.BytesIO()
            torch.jit.save(torch.jit.script(module), file)
        yield name, file.getvalue(), loaded(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, module in [("traced", torch.nn.Linear(3, 2)), ("traced_attributes", Attributes().eval())]:
            file = io.BytesIO()
            torch.jit.save(torch.jit.trace(module, torch.ones(1, 3)), file)
            yield name, file.getvalue(), loaded(file)
            file = io.BytesIO()
            torch.jit.save(torch.jit.freeze(torch.jit.script(module.eval())), file)
            yield name.replace("traced", "frozen"), file.getvalue(), loaded(file)
    file = var_store({"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2), "emb": torch.arange(4.0)})
    # torch has the names of the file, tch replaces the separator.
    yield "tch_var_store", file, {name.replace("|", "."): tensor for name, tensor in loaded(io.BytesIO(file)).items()}


def loaded(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(torch.jit.load(io.BytesIO(file.getvalue())).state_dict())


def var_store(tensors):
    """The file of tch's VarStore::save: the parameters of an empty module, with | in place of the dots of the names.

    tch uses torch::serialize::OutputArchive of libtorch, whose module has this class. Except requires_grad and the id,
    the records are the same to the byte.
    """
    module_class = type("Module", (torch.nn.Module,), {"__module__": "__main__"})
    builder = torch._C.ConcreteModuleTypeBuilder(module_class)
    for name in tensors:
        builder.add_attribute(name.replace(".", "|"), torch._C.TensorType.get(), True, False)
    module = torch._C._create_module_with_type(builder.build().jit_type)
    for name, tensor in tensors.items():
        module.setattr(name.replace(".", "|"), tensor)
    return module.save_to_buffer({})


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
