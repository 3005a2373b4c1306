"""Object storage as source and sink: `entx run` against a local S3 (moto's server), and the same run on plain files.

    pip install 'moto[server]'
    python benchmarks/object_store.py --images FOLDER --count 20

Table, pictures and parts lie in a bucket; the table is a csv with names, then a Parquet file with the bytes. Prints the
seconds; exits with 1 where the predictions or what `entx store import` makes of the parts differ from those of files.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.ray_overhead import write_table
from benchmarks.shared import arguments, entx, files_in


def main() -> int:
    parser = arguments(__doc__, "--images")
    parser.add_argument("--count", type=int, default=20)
    given = parser.parse_args()
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    os.environ |= {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
                   "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    client = boto3.client("s3", endpoint_url=address)
    client.create_bucket(Bucket="bucket")
    pictures = files_in([given.images])[: given.count]
    stages = ("--stages", "ocr,rules", "--pictures-a-part", 7)
    with tempfile.TemporaryDirectory() as scratch:
        table = write_table(Path(scratch, "t.csv"), pictures)
        with table.open() as stream:
            rows = list(csv.DictReader(stream))
        data = {picture.name: picture.read_bytes() for picture in pictures}
        full = pa.Table.from_pylist([{**row, "image": data[row["image_link"]]} for row in rows])
        pq.write_table(full, Path(scratch, "t.parquet"), row_group_size=10)
        for name in ("t.csv", "t.parquet"):
            client.upload_file(str(Path(scratch, name)), "bucket", name)
        for name, of in data.items():
            client.put_object(Bucket="bucket", Key=f"pictures/{name}", Body=of)
        runs = {
            "files": (table, Path(scratch, "parts"), "--images", given.images),
            "pictures in a bucket": ("s3://bucket/t.csv", "s3://bucket/one", "--images", "s3://bucket/pictures"),
            "bytes in a table": ("s3://bucket/t.parquet", "s3://bucket/two", "--column", "image"),
        }
        predictions, answers = [], []
        for number, (what, (source, out, *where)) in enumerate(runs.items()):
            seconds, found = entx("run", source, "--out", out, *where, *stages)
            print(f"{what}: {seconds:.1f} s, {found['answered']} of {found['questions']} answered")
            store, kept = Path(scratch, f"{number}.duckdb"), Path(scratch, f"{number}.csv")
            entx("store", "import", out, "--store", store)
            entx("store", "export", "answers", "--store", store, "--out", kept)
            with kept.open() as stream:
                answers.append(
                    [(row["index"], row["value"], row["unit"], row["text"]) for row in csv.DictReader(stream)]
                )
            if number:
                body = client.get_object(Bucket="bucket", Key=f"{str(out)[len('s3://bucket/') :]}/predictions.csv")[
                    "Body"
                ]
                predictions.append(body.read())
            else:
                predictions.append((Path(out) / "predictions.csv").read_bytes())
    server.stop()
    same = predictions[1:] == predictions[:1] * 2 and answers[1:] == answers[:1] * 2
    print("all three are equal" if same else "they DIFFER")
    return not same


if __name__ == "__main__":
    sys.exit(main())
