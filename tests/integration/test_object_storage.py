"""Jobs whose inputs and results are objects: pyarrow's S3 client, and an S3 in this process."""

import csv
import io
import json
import logging
import os
import subprocess
import sys

import boto3
import numpy as np
import pyarrow.parquet
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from serve_app.jobs.folders import records
from serve_app.jobs.folders.places import Place
from serve_app.jobs.images.__main__ import JOURNAL
from serve_app.model_config import PROJECT_ROOT
from tests.images import encoded, pixels, sketch

NAMES = ["a_red_circle.png", "a blue square, 100% #1.png", "Äpfel + Bäume & co?.png"]


@pytest.fixture(scope="module")
def storage():
    """The variables that name the service and its keys, as a user sets them."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield variables
    server.stop()


def objects(prefix: str) -> dict[str, bytes]:
    """By the rest of their keys; those that only mark a folder are left out."""
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket="bucket", Prefix=prefix)["Contents"]
    keys = [each["Key"] for each in found if not each["Key"].endswith("/")]
    return {
        key.removeprefix(prefix): s3.get_object(Bucket="bucket", Key=key)["Body"].read()
        for key in keys
    }


def filled(folder: Place) -> Place:
    folder.make_folder()
    for number, name in enumerate(NAMES):
        (folder / name).write(encoded(sketch(128, 128).rotate(90 * number)))
    return folder


def job(*command: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, whose Ray has the variables too."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT_ROOT, env=os.environ.copy(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_objects_are_files_of_a_folder(storage):
    folder = Place.of("s3://bucket/a folder")
    assert not folder.is_folder()
    folder.make_folder()
    for name in NAMES:
        file = folder / name
        assert not file.exists()
        file.write(b"one")
        file.write(b"two")
        assert file.exists() and file.name == name and file.read() == b"two"
        assert file.folder == folder and not file.is_folder()
    (folder / "below").make_folder()
    assert list(folder.files()) == sorted((name, 3) for name in NAMES)
    assert folder.is_folder() and folder.exists() and folder.local is None
    assert objects("a folder/").keys() == set(NAMES)


def test_options_in_the_uri_name_the_service(storage, monkeypatch):
    endpoint = storage["AWS_ENDPOINT_URL"].removeprefix("http://")
    (Place.of("s3://bucket/by-options") / "a.png").write(b"one")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    options = f"endpoint_override={endpoint}&scheme=http&region=us-east-1"
    folder = Place.of(f"s3://bucket/by-options?{options}")
    assert [(folder / name).read() for name, _ in folder.files()] == [b"one"]


def test_an_object_is_read_by_one_request(storage, caplog):
    file = Place.of("s3://bucket/large")
    data = os.urandom(2**20)
    file.write(data)
    with caplog.at_level("INFO", "werkzeug"):
        assert file.read() == data
    assert sum("GET /bucket/large" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize(
    "ask",
    [Place.read, Place.make_folder, lambda place: list(place.files()), lambda p: p.write(b"one")],
)
def test_a_bucket_that_is_not_there_is_an_os_error(storage, ask):
    place = Place.of("s3://no-such-bucket/in")
    assert not place.is_folder() and not place.exists()
    with pytest.raises(OSError, match="no-such-bucket"):
        ask(place)


def test_pictures_from_a_bucket_to_a_bucket(storage, tmp_path):
    folder = filled(Place.of("s3://bucket/in"))
    (folder / "broken.png").write(encoded(sketch())[:500])
    command = ["serve_app.jobs.images", "s3://bucket/in", "--steps", "4"]
    done = job(*command, "-o", "s3://bucket/out")
    assert done.returncode == 0, done.stderr
    found = objects("out/")
    expected = {name.rpartition(".")[0] + ".png" for name in NAMES}
    assert {name for name in found if name.endswith(".png")} == {*expected, "grid.png"}
    (failure,) = csv.DictReader(io.StringIO(found["failures.csv"].decode()))
    assert failure["path"] == "broken.png"
    assert len(list(csv.DictReader(io.StringIO(found["metrics.csv"].decode())))) == 3
    assert b"a_red_circle" in found["index.html"]

    # The same command again makes nothing: objects, records and inputs are as they were.
    assert job(*command, "-o", "s3://bucket/out").returncode == 0
    summary = json.loads(objects("out/")["run.json"])["summary"]
    assert (summary["made"], summary["found"], summary["failed"]) == (0, 3, 1)
    assert len(records.read(Place.of("s3://bucket/out") / JOURNAL)) == 3

    # And they are those of a local folder.
    local = filled(Place.of(tmp_path / "in"))
    assert job(command[0], local.uri, *command[2:], "-o", str(tmp_path / "out")).returncode == 0
    for name in expected:
        made = pixels(Image.open(io.BytesIO(found[name])))
        assert np.abs(made - pixels(Image.open(tmp_path / "out" / name))).max() <= 1


def test_a_manifest_and_a_table_in_a_bucket(storage):
    filled(Place.of("s3://bucket/pictures"))
    rows = f"image,id\npictures/{NAMES[0]},first\n"
    Place.of("s3://bucket/inputs.csv").write(rows.encode())
    done = job(
        "serve_app.jobs.caption",
        "--manifest", "s3://bucket/inputs.csv", "-o", "s3://bucket/captions.parquet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = objects("captions.")["parquet"]
    (row,) = pyarrow.parquet.read_table(io.BytesIO(table)).to_pylist()
    assert row["id"] == "first" and "circle" in row["caption"]
