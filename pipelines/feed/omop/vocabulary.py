"""Concepts of the OMOP Standardized Vocabularies, from a download of Athena: a folder with `CONCEPT.csv`.

Where the folder has `CONCEPT_RELATIONSHIP.csv` too, source concepts are mapped to standard ones by `Maps to`. The
files are never read whole: DuckDB takes the few vocabularies out of them that notes speak of. Without a download every
concept is 0, which in the Common Data Model says that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from pipelines.errors import RequestError
from pipelines.feed.store import literal

UNKNOWN: Final = 0
CONDITION: Final = "Condition"

VOCABULARIES: Final = {"ICD-10-CM": "ICD10CM", "ICD-9-CM": "ICD9CM", "LOINC": "LOINC"}
"""Coding systems as Notemill names them -> their names in Athena."""

NOTE_OF_RECORD: Final = "EHR note"
FOUND_BY_NLP: Final = "NLP"
UTF8: Final = "UTF-8"
ENGLISH: Final = "English language"
_NAMED: Final = (NOTE_OF_RECORD, FOUND_BY_NLP, UTF8, ENGLISH)

_CONCEPT: Final = ("concept_id", "concept_name", "domain_id", "vocabulary_id", "standard_concept", "concept_code")
_RELATIONSHIP: Final = ("concept_id_1", "concept_id_2", "relationship_id", "invalid_reason")


@dataclass(frozen=True)
class Concept:
    """What a code of a source vocabulary stands for.

    Attributes:
        source: concept id of the code itself.
        standard: standard concepts that it is mapped to, each with its domain; none where that is not known.
        domain: of the code itself.
    """

    source: int = UNKNOWN
    standard: tuple[tuple[int, str], ...] = ()
    domain: str | None = None

    def conditions(self) -> tuple[int, ...]:
        """Standard concepts for CONDITION_OCCURRENCE; 0 where none is known, none where it is no condition."""
        if self.standard:
            return tuple(concept for concept, domain in self.standard if domain == CONDITION)
        return (UNKNOWN,) if self.domain in (None, CONDITION) else ()


class Vocabulary:
    """Looks concepts up.

    Args:
        folder: of the download; None for none.

    Raises:
        RequestError: there is no CONCEPT.csv, or it is not what Athena gives.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._codes: dict[tuple[str, str], Concept] = {}
        self._names: dict[str, int] = {}
        self._db = duckdb.connect()
        self._db.execute(
            "create table concept (id integer, name varchar, domain varchar, vocabulary varchar, code varchar)"
        )
        self._db.execute("create table maps_to (source integer, target integer, domain varchar)")
        if folder is not None:
            try:
                self._read(Path(folder))
            except duckdb.Error as error:
                reason = str(error).strip().splitlines()[0]
                raise RequestError(f"cannot read the vocabulary in {folder}: {reason}") from error

    def _read(self, folder: Path) -> None:
        concepts = _csv(folder / "CONCEPT.csv", _CONCEPT)
        self._db.execute(
            f"insert into concept select concept_id::integer, concept_name, domain_id, vocabulary_id, concept_code "
            f"from {concepts} where vocabulary_id in (select unnest(?)) or concept_name in (select unnest(?))",
            [list(VOCABULARIES.values()), list(_NAMED)],
        )
        if (folder / "CONCEPT_RELATIONSHIP.csv").exists():
            related = _csv(folder / "CONCEPT_RELATIONSHIP.csv", _RELATIONSHIP)
            self._db.execute(
                "insert into maps_to select c.id, t.concept_id::integer, t.domain_id "
                f"from {related} r join concept c on c.id = r.concept_id_1::integer "
                f"join {concepts} t on t.concept_id = r.concept_id_2 and t.standard_concept = 'S' "
                "where r.relationship_id = 'Maps to' and coalesce(r.invalid_reason, '') = ''"
            )

    def code(self, system: str, code: str) -> Concept:
        """The concept of a code, its coding system named as in `VOCABULARIES`."""
        if (system, code) not in self._codes:
            self._codes[system, code] = self._look_up(VOCABULARIES.get(system), code)
        return self._codes[system, code]

    def _look_up(self, vocabulary: str | None, code: str) -> Concept:
        query = "select id, domain from concept where vocabulary = ? and code = ?"
        found = self._db.execute(query, [vocabulary, code]).fetchone()
        if found is None:
            return Concept()
        query = "select distinct target, domain from maps_to where source = ? order by target"
        return Concept(found[0], tuple(self._db.execute(query, [found[0]]).fetchall()), found[1])

    def named(self, name: str) -> int:
        """The concept of one of the names above; 0 where it is not known."""
        if name not in self._names:
            found = self._db.execute("select id from concept where name = ? order by id", [name]).fetchone()
            self._names[name] = UNKNOWN if found is None else int(found[0])
        return self._names[name]

    def close(self) -> None:
        self._db.close()


def _csv(path: Path, needed: tuple[str, ...]) -> str:
    """SQL that reads a file of Athena's: tabs between columns, nothing quoted.

    Raises:
        RequestError: there is no such file, or it has other columns.
    """
    try:
        with path.open(encoding="utf-8") as file:
            columns = file.readline().rstrip("\r\n").split("\t")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read {path}: give --vocabulary the folder of a download of Athena") from error
    if missing := [name for name in needed if name not in columns]:
        raise RequestError(f"{path} has no column {', '.join(missing)} (tabs between columns): it is not Athena's")
    return f"read_csv({literal(str(path))}, delim = '\t', quote = '', escape = '', header = true, all_varchar = true)"
