"""Draws a sweep: `plot.py DIR` reads DIR/sweep.csv and writes one picture per backend and thread count to DIR."""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import LogNorm

import cases
import common

WIDEST = 10  # times faster or slower: the ends of the color scale


def main():
    out = Path(sys.argv[1])
    ratios = {}
    for (cell, task, hidden, batch, length, threads), times in cases.read(out / "sweep.csv").items():
        for backend in common.BACKENDS:
            panels = ratios.setdefault((backend, threads), {})
            panels.setdefault((task, cell), {})[hidden, (length, batch)] = times[common.PYTORCH][0] / times[backend][0]
    for (backend, threads), panels in ratios.items():
        figure = draw(panels)
        count = f"{threads} thread{'s' if threads > 1 else ''}"
        figure.suptitle(f"How many times faster than PyTorch eager: {backend}, {count}", fontsize=12)
        figure.savefig(out / f"sweep-{backend}-{count.replace(' ', '-')}.png", dpi=150)
        plt.close(figure)


def draw(panels):
    tasks = list(dict.fromkeys(task for task, _ in panels))
    cells = list(dict.fromkeys(cell for _, cell in panels))
    figure, axes = plt.subplots(len(cells), len(tasks), figsize=(6.4 * len(tasks), 2.6 * len(cells)), squeeze=False,
                                layout="constrained")
    for (task, cell), ratios in panels.items():
        axis = axes[cells.index(cell)][tasks.index(task)]
        axis.set_title(f"{cell.upper()}, {cases.TASKS[task]}", fontsize=10)
        image = heat_map(axis, ratios)
    colors = figure.colorbar(image, ax=axes, shrink=0.5, ticks=[0.1, 0.3, 1, 3, 10], format="{x:g}x", extend="both")
    colors.minorticks_off()
    return figure


def heat_map(axis, ratios):
    """Draws one panel. Rows: hidden sizes. Columns: lengths, and within each length the batch sizes."""
    rows = sorted({hidden for hidden, _ in ratios})
    columns = sorted({column for _, column in ratios})
    values = [[ratios[row, column] for column in columns] for row in rows]
    image = axis.imshow(values, cmap="RdBu", norm=LogNorm(1 / WIDEST, WIDEST), aspect="auto")
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            text = f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
            color = "black" if 0.3 < value < 3.3 else "white"
            axis.text(x, y, text, ha="center", va="center", fontsize=7, color=color)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    axis.set_ylabel("hidden size", fontsize=8)
    axis.set_xticks(range(len(columns)), [batch for _, batch in columns], fontsize=8)
    axis.tick_params(length=0)
    lengths = [length for length, _ in columns]
    for length in dict.fromkeys(lengths):
        first, count = lengths.index(length), lengths.count(length)
        below(axis, first + (count - 1) / 2, -0.17, f"length {length}", "center")
        if first:
            axis.axvline(first - 0.5, color="white", linewidth=3)
    below(axis, -0.7, -0.07, "batch", "right")
    return image


def below(axis, x, y, text, align):
    axis.text(x, y, text, ha=align, va="center", fontsize=8, transform=axis.get_xaxis_transform())


if __name__ == "__main__":
    main()
