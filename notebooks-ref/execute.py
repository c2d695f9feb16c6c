"""Executes a reference notebook with Jupyter and writes it back, if its numbers equal those of run.py.

    .venv/bin/python notebooks-ref/execute.py NOTEBOOK DIR

DIR has the files of `run.py NOTEBOOK --out DIR > DIR/printed.txt`. The notebook is written only if Jupyter's run
printed the same text, including the digests of all quantities, and if its text cells quote the printed losses.
scripts/run-notebooks.sh calls this program.
"""

import json
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

# The notebook's metadata, without the entries that differ between machines.
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main():
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=None,
        record_timing=False,
        coalesce_streams=True,  # otherwise the outputs depend on when the kernel flushed its streams
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # the kernel warns about its port on localhost
    )
    try:
        client.execute()
    except CellExecutionError as error:
        fail(path, error)
    notebook.metadata = nbformat.from_dict(METADATA)
    check(path, notebook, folder)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def check(path, notebook, folder):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        if output.get("name") == "stderr":
            fail(path, f"a cell wrote to stderr:\n{output.text}")
        if output.output_type == "execute_result":
            fail(path, f"a cell shows the value of its last line, {output.data['text/plain']}; let it print")
    printed = "".join(output.text for output in outputs if output.get("name") == "stdout")
    program = (folder / "printed.txt").read_text()
    for ours, theirs in zip(printed.splitlines(), program.splitlines()):
        if ours != theirs:
            fail(path, f"Jupyter printed\n  {ours}\nand run.py\n  {theirs}")
    if printed != program:
        fail(path, f"Jupyter printed {len(printed)} characters and run.py {len(program)}")
    reference = json.loads((folder / "reference.json").read_text())
    for quantity in reference["quantities"]:
        row = rf"^{quantity['group']} +{re.escape(quantity['name'])} .* {quantity['sha256'][:16]}$"
        if not re.search(row, printed, re.MULTILINE):
            fail(path, f"the last cell's digest of {quantity['group']}, {quantity['name']} is not reference.json's")
    check_losses(path, notebook, reference, printed)


def check_losses(path, notebook, reference, printed):
    """Checks that the printed losses equal those of reference.json, and that text cells quote them."""
    losses = {q["name"]: q["values"] for q in reference["quantities"] if q["group"] == "losses"}["epoch"]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    first = 0 if "Epoch: 0000" in printed else 1
    for epoch, loss in re.findall(r"^Epoch: (\d+) \w+ = ([\d.]+)$", printed, re.MULTILINE):
        if f"{losses[int(epoch) - first]:.6f}" != loss:
            fail(path, f"the loss printed at epoch {epoch} is {loss}, but {losses[int(epoch) - first]} in reference.json")
        if loss not in text:
            fail(path, f"the loss at epoch {epoch} is {loss}: a text cell that quotes another has to be brought up to date")


def fail(path, message):
    sys.exit(f"execute.py: {path.name}: {message}")


if __name__ == "__main__":
    main()
