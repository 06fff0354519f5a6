"""Caption the images of a folder, on Ray Data: a table with the columns id and caption.

    python -m serve_app.jobs.caption FOLDER -o captions.csv
    python -m serve_app.jobs.caption --manifest images.parquet -o captions.parquet

`id` is the file's base name, or a manifest's column of that name. The same command again does only
what is new. Beside captions.csv stand captions.failures.csv and captions.run.json.
"""

import sys

from serve_app.jobs.tables.actors import Captioning
from serve_app.jobs.tables.command import Table

CAPTION = Table("caption", __doc__ or "", Captioning, lambda models: models.captioner, ["caption"])

if __name__ == "__main__":
    sys.exit(CAPTION.main())
