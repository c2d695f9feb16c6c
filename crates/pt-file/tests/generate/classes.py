"""Classes whose objects are in the files. pt-file reads their objects as data."""

import collections
import dataclasses
import enum

import torch


class Color(enum.Enum):
    RED = 1
    GREEN = "green"


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 5


@dataclasses.dataclass
class Options:
    lr: float
    layers: list
    color: Color = Color.RED


@dataclasses.dataclass(frozen=True, slots=True)
class Slots:
    width: int
    height: int


Point = collections.namedtuple("Point", "x y")


class Registry(collections.OrderedDict):
    """A subclass with attributes."""


class Attributes(dict):
    """A dict with attributes, as in Lightning."""


class Stack(list):
    pass


class Node:
    """A tree with references to the parent, as in omegaconf."""

    def __init__(self, name, parent=None):
        self.name = name
        self.parent = parent
        self.children = []


class Keywords:
    """An object that is made with keyword arguments."""

    def __new__(cls, *, size):
        made = super().__new__(cls)
        made.size = size
        return made

    def __getnewargs_ex__(self):
        return (), {"size": self.size}


class Labelled(torch.Tensor):
    """A subclass of Tensor."""


class Net(torch.nn.Module):
    """Parameters, buffers of both kinds, a shared weight, and nested modules."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(5, 3)
        self.layers = torch.nn.ModuleList([torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True), torch.nn.GRU(8, 3)])
        self.norm = torch.nn.BatchNorm1d(3)
        self.decoder = torch.nn.Linear(3, 5)
        self.decoder.weight = self.embedding.weight
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool))
        self.register_buffer("cache", torch.zeros(9), persistent=False)
        self.register_parameter("absent", None)
        self.activation = torch.nn.ReLU()
