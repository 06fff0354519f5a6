"""Classify the images of a folder, on Ray Data: a table with the columns id, pred and prob.

    python -m serve_app.jobs.classify FOLDER -o outputs.csv
    python -m serve_app.jobs.classify FOLDER -o outputs.parquet --probabilities

`id` is the file's base name, or a manifest's column of that name; `prob` is the probability of the
class `pred`. The same command again does only what is new. Beside outputs.csv stand
outputs.failures.csv and outputs.run.json.
"""

import sys

from serve_app.jobs.tables.actors import Classifying
from serve_app.jobs.tables.command import Table

CLASSIFY = Table(
    "classify", __doc__ or "", Classifying, lambda models: models.classifier, ["pred", "prob"]
)

if __name__ == "__main__":
    sys.exit(CLASSIFY.main())
