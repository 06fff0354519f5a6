"""What is good enough."""

from serve_app.jobs.optimise.quality import failures


def test_gates():
    eager = {"psnr_db": 78.0, "shape_colors": 99.0, "background_color": 100.0, "edge_f1": 97.0}
    good = eager | {"psnr_db": 41.0, "shape_colors": 98.0, "batch_difference": 1.0}
    assert failures("generator", good, eager) == []
    assert failures("generator", good | {"psnr_db": 39.0}, eager) == ["psnr_db 39.0 is below 40"]
    assert failures("generator", good | {"shape_colors": 97.0}, eager) == [
        "shape_colors loses 2.0, over 1"
    ]
    assert failures("generator", good | {"batch_difference": 3.0, "psnr_db": float("nan")}, eager)
