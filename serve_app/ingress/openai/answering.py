"""From checked work to the answer's body, or to the events of a stream."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from serve_app.config import AppArgs
from serve_app.ingress import checks
from serve_app.ingress.encoding import encode_images, size_of
from serve_app.ingress.files.store import FileStore
from serve_app.ingress.openai.events import event_of
from serve_app.ingress.openai.places import Places
from serve_app.ingress.openai.schema import ImageData, ImageLink, ImageResponse
from serve_app.ingress.openai.usage import usage_of
from serve_app.ingress.openai.work import Work
from serve_app.ingress.streaming import EventBody
from serve_app.pipeline import Finished, InProgress, Pipeline
from serve_app.timings import Timings


class Answering:
    """Over one pipeline. Every method raises ServiceError."""

    def __init__(self, pipeline: Pipeline, args: AppArgs, files: FileStore | None) -> None:
        self._pipeline = pipeline
        self._args = args
        self._places = Places(files)

    async def answer(self, work: Work) -> tuple[ImageResponse, Timings]:
        """The whole answer at once."""
        with checks.naming_field("control_image"):
            images = await self._pipeline.generate(
                work.request, work.composition, work.images, work.terms
            )
        encoded, timings = await encode_images(
            images,
            work.request,
            work.composition,
            self._args,
            work.output_format,
            work.body.output_compression,
        )
        places = [await self._places.place(data, work) for data in encoded]
        return self._response(work, images, places, timings), timings

    async def events(self, work: Work) -> AsyncGenerator[EventBody | None]:
        """As a stream has them; None, which is not sent, where the client did not ask for one."""
        async with aclosing(self.items(work)) as items:
            async for item in items:
                yield await self.event(item, work)

    async def items(self, work: Work) -> AsyncGenerator[InProgress | Finished]:
        """What `event` makes events of."""
        with checks.naming_field("control_image"):
            stream = self._pipeline.generate_streaming(
                work.request, work.composition, work.images, work.terms
            )
            async with aclosing(stream):
                async for item in stream:
                    yield item

    async def event(self, item: InProgress | Finished, work: Work) -> EventBody | None:
        return await event_of(item, work, self._args, self._places)

    def answer_of(
        self, work: Work, finished: Sequence[tuple[Finished, EventBody]]
    ) -> ImageResponse:
        """The body that `answer` gives, of all images and their events, so that none is encoded
        twice."""
        in_order = sorted(finished, key=lambda pair: pair[0].seed)
        images = [image for image, _ in in_order]
        reports = [report for image in images for report in image.reports]
        encode_s = sum(event["timings"]["encode"] for _, event in in_order)
        timings = Timings.of(reports, encode=encode_s)
        return self._response(work, images, [event for _, event in in_order], timings)

    def _response(
        self,
        work: Work,
        images: Sequence[Finished],
        places: Sequence[Mapping[str, str]],
        timings: Timings,
    ) -> ImageResponse:
        return ImageResponse(
            created=int(time.time()),
            data=[
                ImageLink(url=place["url"], seed=image.seed, caption=image.caption)
                if "url" in place
                else ImageData(b64_json=place["b64_json"], seed=image.seed, caption=image.caption)
                for place, image in zip(places, images, strict=True)
            ],
            output_format=work.output_format,
            size=size_of(images[0].pixels, work.composition.resize),
            model=self._args.models.generator.name,
            timings=timings.field,
            usage=usage_of(images, work.request, work.composition),
            warnings=list(work.warnings),
        )
