"""A trained model folder as it ships with the package: weights in 16 bits, without the training record.

    python scripts/pack_model.py TRAINED entx/models/entx-small

Then measure it and write its calibration: benchmarks/llm_report.py --model entx/models/entx-small --calibrate
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from entx.core.model_folder import check_model_folder


def main() -> None:
    """Writes the folder anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("packed", type=Path)
    options = parser.parse_args()
    check_model_folder(options.trained)
    shutil.rmtree(options.packed, ignore_errors=True)
    model = AutoModelForCausalLM.from_pretrained(options.trained, dtype=torch.bfloat16, use_safetensors=True)
    model.save_pretrained(options.packed)
    AutoTokenizer.from_pretrained(options.trained).save_pretrained(options.packed)
    for name in ("entx.json", "README.md", "curve.png"):
        shutil.copy(options.trained / name, options.packed / name)
    for file in options.packed.iterdir():
        file.chmod(0o644)
    check_model_folder(options.packed)
    print(f"{options.packed}: {sum(file.stat().st_size for file in options.packed.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
