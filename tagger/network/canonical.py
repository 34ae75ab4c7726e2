"""One form for ONNX graphs that compute the same, so that the same weights give the same bytes.

Exporters name tensors with counters, of their own and of Keras, that depend on what the process built before, and which
of two equal constants keeps its name depends on chance. Here all that carries no meaning is derived from the graph.
"""

from __future__ import annotations

from typing import Any


def make_canonical(model: Any) -> None:
    """Bring an ONNX model into its canonical form, in place; it computes what it did before.

    Nodes come in the order in which the outputs need them, tensors are named after it, and what nothing needs is left
    out, with notes to readers and shapes of what is within. Inputs and outputs of the graph keep their names and order.
    A graph with branches or loops, which no network here has, stays as it is.

    Args:
        model: onnx.ModelProto.
    """
    graph = model.graph
    if any(attribute.HasField("g") or attribute.graphs for node in graph.node for attribute in node.attribute):
        return
    nodes = _in_order_of_need(graph)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    names = {"": ""} | {value.name: value.name for value in (*graph.input, *graph.output)}
    used = [name for node in nodes for name in node.input] + [value.name for value in graph.output]
    constants = [tensors[name] for name in dict.fromkeys(used) if name in tensors]
    for number, tensor in enumerate(constants):
        tensor.name = names.setdefault(tensor.name, f"constant_{number}")
        tensor.ClearField("doc_string")
    for number, node in enumerate(nodes):
        _rename(node, f"{node.op_type}_{number}", names)
    _replace(graph.node, nodes)
    _replace(graph.initializer, constants)
    for value in (*graph.input, *graph.output):
        _name_batch(value)
    graph.name = "network"
    for proto, notes in ((graph, ("doc_string", "value_info", "metadata_props")), (model, ("doc_string",))):
        for note in notes:
            proto.ClearField(note)
    model.ClearField("metadata_props")


def _in_order_of_need(graph: Any) -> list[Any]:
    """The nodes that the outputs need, each after those that it needs itself: an order that the names have no part in.

    Without recursion, which would end at Python's limit in a deep network.
    """
    made_by = {name: at for at, node in enumerate(graph.node) for name in node.output if name}
    order: dict[int, None] = {}
    waiting = [made_by[value.name] for value in reversed(graph.output) if value.name in made_by]
    while waiting:
        at = waiting[-1]
        needed = [made_by[name] for name in graph.node[at].input if name in made_by]
        missing = [other for other in needed if other not in order]
        if missing:
            waiting += reversed(missing)
        else:
            order.setdefault(waiting.pop())
    return [graph.node[at] for at in order]


def _rename(node: Any, name: str, names: dict[str, str]) -> None:
    """Name a node and its tensors; `names` has those of all that it reads, and learns those that it makes."""
    for place, output in enumerate(node.output):
        names.setdefault(output, f"{name}_{place}" if place else name)
    inputs, outputs = [names[each] for each in node.input], [names[each] for each in node.output]
    attributes = sorted(node.attribute, key=lambda attribute: str(attribute.name))
    _replace(node.attribute, attributes)
    _replace(node.input, inputs)
    _replace(node.output, outputs)
    node.name = name
    for note in ("doc_string", "metadata_props"):
        node.ClearField(note)
    if not node.domain:
        node.ClearField("domain")  # said or not, it means the same


def _name_batch(value: Any) -> None:
    """Call the first axis of an input or output `batch` where it has any size."""
    axes = value.type.tensor_type.shape.dim
    if axes and not axes[0].HasField("dim_value"):
        axes[0].dim_param = "batch"


def _replace(field: Any, values: list[Any]) -> None:
    """Give a repeated field other values, some of which it may hold itself."""
    copied = [value if isinstance(value, str) else _copy(value) for value in values]
    del field[:]
    field.extend(copied)


def _copy(proto: Any) -> Any:
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy
