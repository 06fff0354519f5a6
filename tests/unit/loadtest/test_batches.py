"""Batch sizes, out of the replicas' logs."""

from loadtest import batches

CAPTIONS = "INFO 08:25 images_Captioner abc -- batch stage=caption size={} seconds=0.1\n"
GENERATED = "INFO 08:25 images_Generator abc id -- denoised steps=15 batch_size={} queue=0.0\n"


def test_means_are_of_what_was_logged_since(tmp_path):
    captions, later = (tmp_path / f"replica_images_{name}.log" for name in ("Captioner", "G"))
    captions.write_text(CAPTIONS.format(1) * 10)
    before = batches.positions(tmp_path)
    assert batches.means_since(before, tmp_path) is None
    with captions.open("a") as log:
        log.write(CAPTIONS.format(8) + CAPTIONS.format(4))
    later.write_text(GENERATED.format(7) + "INFO batch stage=decode size=2 seconds=0.2\n")
    assert batches.means_since(before, tmp_path) == {"caption": 6, "generate": 7, "decode": 2}


def test_no_logs_no_sizes(tmp_path):
    assert batches.means_since(batches.positions(tmp_path / "none"), tmp_path / "none") is None
