"""How near a picture is to the edges that it was made from, and to a reference."""

from serve_app.config import AppArgs
from serve_app.errors import ServiceError
from serve_app.imaging import codec
from serve_app.imaging.canny import find_edges
from serve_app.imaging.comparison import edge_f1, psnr
from serve_app.jobs.folders.places import Place
from serve_app.jobs.one_line import one_line
from serve_app.messages import Pixels


def measured(
    picture: Pixels, control: str | None, reference: str | None, settings: AppArgs
) -> tuple[dict[str, float | None], list[str]]:
    """`edge_f1` against the control image, brought to the picture's size as the service does, and
    `psnr` in dB to a reference of that very size; None without them. And what is wrong with them.
    """
    scores: dict[str, float | None] = {"edge_f1": None, "psnr": None}
    problems: list[str] = []
    size, limit = (picture.shape[1], picture.shape[0]), settings.limits.max_image_pixels
    try:
        if control is not None:
            wanted = codec.decode(Place(control).read(), limit, size)
            scores["edge_f1"] = edge_f1(_edges(picture, settings), _edges(wanted, settings))
        if reference is not None:
            other = codec.decode(Place(reference).read(), limit)
            if other.shape == picture.shape:
                scores["psnr"] = psnr(picture, other)
            else:
                (height, width), (h, w) = picture.shape[:2], other.shape[:2]
                problems.append(f"the reference is {w}x{h}, the picture {width}x{height}: no PSNR")
    except (ServiceError, OSError) as error:  # it could be read in `preprocess`
        problems.append(one_line(error))
    return scores, problems


def _edges(pixels: Pixels, settings: AppArgs) -> Pixels:
    defaults = settings.defaults
    return find_edges(pixels, defaults.canny_low_threshold, defaults.canny_high_threshold)
