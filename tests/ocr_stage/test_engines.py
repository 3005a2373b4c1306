import importlib.util
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from entx.core.errors import EngineError
from entx.ocr_stage.engines.base import Engine, EngineSpec, RawLine, build_engine, engine_names, page_key
from entx.ocr_stage.engines.paddle import NAMES, PaddleEngine, model_folders
from entx.ocr_stage.engines.rapid import READ_SIDE, RapidEngine, has_bf16, models_folder, search_scale
from entx.ocr_stage.page_reader import rotation
from tests.ocr_stage.fake_engine import box
from tests.ocr_stage.pictures import array, label

TEXT = ["NET WT 12.5 kg", "Height 30.4 cm"]

needs_paddle = pytest.mark.skipif(importlib.util.find_spec("paddleocr") is None, reason="paddleocr is not installed")


@pytest.fixture(scope="module")
def rapid() -> Engine:
    return build_engine(EngineSpec())


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of the tests' own."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENTX_CACHE", str(folder))
        yield folder


def run_code(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert run.returncode == 0, run.stderr
    return run


def refused(spec: EngineSpec, message: str) -> None:
    for function in (page_key, build_engine):
        with pytest.raises(EngineError, match=message):
            function(spec)


def in_order(lines: list[RawLine]) -> list[str]:
    return [line.text for line in sorted(lines, key=lambda line: line.text, reverse=True)]


@pytest.mark.engine
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_rapid_reads_text_however_it_stands(rapid: Engine, turn: int) -> None:
    picture = label(TEXT, turn=turn)
    lines = rapid.read(array(picture))
    assert in_order(lines) == TEXT
    for line in lines:
        assert line.score > 0.9
        assert rotation(line.polygon) == turn
        assert all(0 <= x <= picture.width for x in line.polygon[0::2])
        assert all(0 <= y <= picture.height for y in line.polygon[1::2])


@pytest.mark.engine
def test_rapid_polygon_frames_its_text(rapid: Engine) -> None:
    picture = label(["W", "12.5 kg"])
    line = next(line for line in rapid.read(array(picture)) if "12.5" in line.text)
    x1, y1, x2, _, _, y3, _, _ = line.polygon
    ink = np.argwhere(array(picture)[90:, :, 0] < 128) + np.array([90, 0])  # of the second row
    assert x1 <= ink[:, 1].min() + 3
    assert x2 >= ink[:, 1].max() - 3
    assert y1 <= ink[:, 0].min() + 3
    assert y3 >= ink[:, 0].max() - 3


@pytest.mark.engine
def test_rapid_leaves_out_what_is_known_well(rapid: Engine) -> None:
    image = array(label(TEXT))
    lines = rapid.read(image)
    weight = next(line for line in lines if line.text == TEXT[0])
    assert in_order(rapid.read(image, [weight])) == TEXT[1:]
    doubtful = RawLine(weight.text, 0.5, weight.polygon)
    assert in_order(rapid.read(image, [doubtful])) == TEXT
    assert in_order(rapid.read(image, [RawLine("elsewhere", 1.0, box(-900, -900, 50, 20))])) == TEXT


@pytest.mark.engine
@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (40, 2500), (33, 31)])
def test_rapid_takes_every_shape(rapid: Engine, shape: tuple[int, int]) -> None:
    assert rapid.read(np.full((*shape, 3), 255, np.uint8)) == []
    assert rapid.read(np.zeros((*shape, 3), np.uint8), enlarge=False) == []


@pytest.mark.engine
def test_rapid_reads_the_same_twice(rapid: Engine) -> None:
    image = array(label(["6 x 4.25 in", "220-240V~ 50Hz"], size=15, width=300))
    assert rapid.read(image) == rapid.read(image)


@pytest.mark.engine
def test_onnxruntime_reads_the_same_text(rapid: Engine) -> None:
    image = array(label(TEXT))
    other = build_engine(EngineSpec.of(backend="onnxruntime")).read(image)
    assert in_order(other) == in_order(rapid.read(image))


@pytest.mark.engine
def test_memory_stays_flat_over_many_shapes() -> None:
    """80 random shapes: the second half adds hardly anything (OpenVINO's own setting adds a third)."""
    code = """
import random, numpy as np, psutil
from entx.ocr_stage.engines.rapid import DETECTION, load_network, models_folder
detect = load_network(models_folder("") / DETECTION, backend="openvino", threads=1, precision="f32")
chance = random.Random(0)
sides = [(15, 15)] + [(chance.randrange(2, 16), chance.randrange(2, 16)) for _ in range(80)]
for count, (height, width) in enumerate(sides):
    detect(np.zeros((1, 32 * height, 32 * width, 3), np.uint8))
    if count == 40:
        half = psutil.Process().memory_info().rss
print(half, psutil.Process().memory_info().rss)
"""
    half, end = map(int, run_code(code).stdout.split())
    assert end < half * 1.10, (half, end)


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(736, 1000, 1.0), (1500, 1500, 1.0), (4000, 2000, 0.5), (500, 500, 1.472), (100, 1000, 2.0), (5000, 10, 0.4)],
)
def test_search_scale(height: int, width: int, scale: float) -> None:
    assert search_scale(height, width) == pytest.approx(scale)


def test_search_scale_without_enlarging_and_with_a_lower_limit() -> None:
    assert search_scale(100, 100, min_side=0) == 1.0
    assert search_scale(2000, 1200, max_side=1280) == pytest.approx(0.64)
    assert search_scale(1280, 1280, max_side=1280) == 1.0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"backend": "tensorrt"}, "backend must be"), ({"precision": "int4"}, "precision must be"),
        ({"precision": "bf16", "backend": "onnxruntime"}, "precision must be"), ({"max_side": 10}, "max_side"),
        ({"models": "/nowhere"}, "/nowhere"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_engine_errors(params: dict[str, str], message: str) -> None:
    refused(EngineSpec.of(**params), message)


@pytest.mark.parametrize("engine", ["rapidocr", pytest.param("paddleocr", marks=needs_paddle)])
def test_unknown_parameters_are_engine_errors(engine: str) -> None:
    refused(EngineSpec.of(engine, colour=3), "colour")


def test_unknown_engine_names_those_there_are() -> None:
    with pytest.raises(EngineError, match=r"tesseract.*paddleocr, rapidocr"):
        build_engine(EngineSpec("tesseract"))
    assert {"paddleocr", "rapidocr"} <= set(engine_names())


def test_spec_sorts_pickles_and_divides_its_parameters() -> None:
    spec = EngineSpec.of(threads=2, passes="single", backend="openvino")
    assert spec.params == (("backend", "openvino"), ("passes", "single"), ("threads", 2))
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(spec) == hash(EngineSpec.of(backend="openvino", passes="single", threads=2))
    assert spec.engine_params() == {"backend": "openvino", "threads": 2}
    assert spec.reader_settings().passes == "single"


def test_page_key_tells_readings_apart() -> None:
    plain = page_key(EngineSpec())
    assert plain == page_key(EngineSpec.of(threads=4))  # the same text, faster
    assert plain.engine == "rapidocr"
    others = [
        {"passes": "single"}, {"max_pixels": 1000}, {"max_side": 1280}, {"backend": "onnxruntime"},
        {"precision": "f32" if has_bf16() else "bf16"},
    ]  # fmt: skip
    keys = {page_key(EngineSpec.of(**params)) for params in others}
    assert len(keys) == len(others)
    assert plain not in keys
    assert {key.model_hash for key in keys} == {plain.model_hash}


def test_auto_precision_is_told_by_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for able in (True, False):
        monkeypatch.setattr("entx.ocr_stage.engines.rapid.has_bf16", lambda able=able: able)
        auto, f32, bf16 = (page_key(EngineSpec.of(precision=name)) for name in ("auto", "f32", "bf16"))
        assert auto == (bf16 if able else f32)
        assert f32 != bf16
    monkeypatch.setattr("entx.ocr_stage.engines.rapid.has_bf16", lambda: True)
    on_onnx = [page_key(EngineSpec.of(backend="onnxruntime", precision=name)) for name in ("auto", "f32")]
    assert on_onnx[0] == on_onnx[1]


@pytest.mark.engine
def test_large_pictures_are_read_in_either_precision(rapid: Engine) -> None:
    large = array(label(TEXT * 3, width=READ_SIDE + 400, size=60))
    exact = build_engine(EngineSpec.of(precision="f32"))
    assert max(max(line.polygon) for line in rapid.read(large)) < 900  # in pixels of the full picture
    assert in_order(rapid.read(large)) == in_order(exact.read(large)) == sorted(TEXT * 3, reverse=True)


def test_page_key_follows_the_bytes_of_the_models(tmp_path: Path) -> None:
    for path in models_folder("").glob("*.onnx"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spec = EngineSpec.of(models=str(tmp_path))
    assert page_key(spec) == page_key(EngineSpec())
    changed = tmp_path / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
    changed.write_bytes(changed.read_bytes() + b"\0")
    assert page_key(spec).model_hash != page_key(EngineSpec()).model_hash
    assert page_key(spec).params_hash == page_key(EngineSpec()).params_hash


def test_page_key_loads_no_engine() -> None:
    code = (
        "import sys, time; from entx.ocr_stage.engines.base import EngineSpec, page_key; "
        "start = time.process_time(); page_key(EngineSpec()); print(time.process_time() - start); "
        "print([name for name in ('rapidocr', 'onnxruntime', 'paddleocr', 'torch') if name in sys.modules])"
    )
    seconds, loaded = run_code(code).stdout.splitlines()
    assert loaded == "[]"
    assert float(seconds) < 1.0


@pytest.mark.engine
def test_the_engine_says_nothing() -> None:
    code = (
        "import numpy as np; from entx.ocr_stage.engines.base import EngineSpec, build_engine; "
        "build_engine(EngineSpec()).read(np.zeros((50, 50, 3), np.uint8))"
    )
    run = run_code(code)
    assert (run.stdout, run.stderr) == ("", "")


def build_folders(_: int) -> dict[str, Path]:
    return model_folders()


@needs_paddle
def test_model_folders_are_built_once_by_many_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTX_CACHE", str(tmp_path / "cache"))
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        results = pool.map(build_folders, range(6), chunksize=1)
    assert all(result == results[0] for result in results)
    assert len(list((tmp_path / "cache").iterdir())) == 1  # no leftovers
    for kind, folder in results[0].items():
        assert folder.name == NAMES[kind]
        assert {path.name for path in folder.iterdir()} == {"inference.onnx", "inference.yml"}


@needs_paddle
def test_cache_that_cannot_be_written_is_an_engine_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENTX_CACHE", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="ENTX_CACHE"):
        model_folders()


@needs_paddle
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"engine": "tensorflow"}, "engine must be"),
        ({"det_dir": "/nowhere"}, r"/nowhere is no model folder"),
        ({"rec_name": "PP-OCRv9_rec"}, r"PP-OCRv9_rec.*not on this machine"),
    ],
)
def test_paddle_parameters_are_checked(params: dict[str, str], message: str, cache: Path) -> None:
    refused(EngineSpec.of("paddleocr", **params), message)


@needs_paddle
def test_a_model_folder_says_its_name_itself(cache: Path, tmp_path: Path) -> None:
    """PaddleOCR takes a folder without a name for that of its own default model, and refuses it."""
    folders = {f"{kind}_dir": str(shutil.copytree(path, tmp_path / kind)) for kind, path in model_folders().items()}
    assert page_key(EngineSpec.of("paddleocr", **folders)) == page_key(EngineSpec("paddleocr"))
    described = tmp_path / "rec" / "inference.yml"
    described.write_text(described.read_text(encoding="utf-8").replace("model_name", "name"), encoding="utf-8")
    refused(EngineSpec.of("paddleocr", **folders), "add --param rec_name=NAME")
    named = EngineSpec.of("paddleocr", **folders, rec_name=NAMES["rec"])
    assert page_key(named).params_hash == page_key(EngineSpec("paddleocr")).params_hash


@needs_paddle
@pytest.mark.skipif(importlib.util.find_spec("paddle") is not None, reason="paddlepaddle is installed")
def test_native_paddle_says_what_to_install() -> None:
    with pytest.raises(EngineError, match="pip install paddlepaddle"):
        page_key(EngineSpec.of("paddleocr", engine="paddle", det_name="PP-OCRv5_mobile_det"))


@needs_paddle
@pytest.mark.engine
def test_paddle_reads_text_however_it_stands_and_without_the_network(cache: Path, tmp_path: Path) -> None:
    """In a process of its own: PaddleOCR leaves loggers and warnings behind. Any connection attempt fails the test."""
    code = """
import socket, warnings
warnings.simplefilter("ignore")
def refuse(*args, **kwargs):
    raise AssertionError("the network was asked")
socket.socket.connect = socket.getaddrinfo = refuse
from entx.ocr_stage.engines.base import EngineSpec, build_engine
from entx.ocr_stage.page_reader import rotation
from tests.ocr_stage.pictures import array, label
engine = build_engine(EngineSpec("paddleocr"))
for turn in (0, 90, 180, 270):
    lines = engine.read(array(label(["NET WT 12.5 kg", "Height 30.4 cm"], turn=turn)))
    print(sorted((line.text, rotation(line.polygon), line.score > 0.9) for line in lines))
print(engine.read(array(label([]))))
"""
    run = run_code(code, HOME=str(tmp_path))
    rows = run.stdout.splitlines()
    for row, turn in zip(rows, (0.0, 90.0, 180.0, 270.0), strict=False):
        assert row == str([("Height 30.4 cm", turn, True), ("NET WT 12.5 kg", turn, True)])
    assert rows[4] == "[]"


@needs_paddle
def test_paddle_page_key_differs_and_is_quick(cache: Path) -> None:
    spec = EngineSpec("paddleocr")
    key = page_key(spec)
    start = time.process_time()
    assert page_key(spec) == key
    assert time.process_time() - start < 1.0
    assert key.engine == "paddleocr"
    assert key.params_hash != page_key(EngineSpec()).params_hash


@needs_paddle
def test_native_paddle_is_refused_where_torch_is_installed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entx.ocr_stage.engines.paddle.find_spec", lambda name: object())
    with pytest.raises(EngineError, match="torch is installed here"):
        PaddleEngine(engine="paddle")


def test_missing_rapidocr_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entx.ocr_stage.engines.rapid.find_spec", lambda name: None if name == "rapidocr" else object())
    with pytest.raises(EngineError, match="pip install rapidocr"):
        RapidEngine.fingerprint()


@needs_paddle
def test_lines_are_turned_only_when_the_network_is_sure() -> None:
    from entx.ocr_stage.engines.paddle import _SureOrientation

    shapes = []

    def model(crops: list[np.ndarray]) -> list[dict[str, list[float]]]:
        shapes.extend(crop.shape for crop in crops)
        return [{"class_ids": [found], "scores": [score]} for found, score in ((1, 0.95), (1, 0.7), (0, 1.0))]

    crops = [np.zeros((20, width, 3), np.uint8) for width in (30, 80, 400)]
    assert [answer["class_ids"] for answer in _SureOrientation(model)(crops)] == [[1], [0], [0]]
    assert shapes == [(20, 80, 3), (20, 80, 3), (20, 400, 3)]
