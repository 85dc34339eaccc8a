"""The names of PHI: i2b2-2014 labels and the Safe Harbor class of each.

Labels: Stubbs and Uzuner, "Annotating longitudinal clinical narratives for de-identification: the 2014
i2b2/UTHealth corpus", J Biomed Inform 58 (2015). Classes: 45 CFR 164.514(b)(2)(i)(A) to (R).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

SAFE_HARBOR: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PATIENT": "A",
        "DOCTOR": "A",
        # Safe Harbor names the individual's employers too; an i2b2 organization is mostly that.
        "ORGANIZATION": "A",
        "HOSPITAL": "B",
        "DEPARTMENT": "B",
        "ROOM": "B",
        "STREET": "B",
        "CITY": "B",
        "ZIP": "B",
        "LOCATION-OTHER": "B",
        "DATE": "C",
        "AGE": "C",
        "PHONE": "D",
        "FAX": "E",
        "EMAIL": "F",
        "SSN": "G",
        "MEDICALRECORD": "H",
        "HEALTHPLAN": "I",
        "ACCOUNT": "J",
        "LICENSE": "K",
        "VEHICLE": "L",
        "DEVICE": "M",
        "URL": "N",
        "IPADDR": "O",
        "BIOID": "P",
        "PHOTO": "Q",
        "IDNUM": "R",
        "USERNAME": "R",
        "OTHER": "R",
    }
)
"""Label -> letter, for each label that is replaced. PHOTO is ours: i2b2-2014 has no label for class Q."""

NOT_IDENTIFYING: Final = frozenset({"STATE", "COUNTRY", "PROFESSION"})
"""i2b2-2014 labels that Safe Harbor does not list: a state may stay, and so may what is larger, and a profession."""

_MOST_TELLING_FIRST: Final = (
    *("SSN", "EMAIL", "URL", "IPADDR", "FAX", "PHONE", "MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE"),
    *("DEVICE", "BIOID", "PHOTO", "DATE", "PATIENT", "DOCTOR", "STREET", "ZIP", "HOSPITAL", "CITY", "ORGANIZATION"),
    *("DEPARTMENT", "ROOM", "LOCATION-OTHER", "AGE", "USERNAME", "IDNUM", "OTHER"),
)
PRIORITY: Final[Mapping[str, int]] = MappingProxyType({label: rank for rank, label in enumerate(_MOST_TELLING_FIRST)})
"""Where two layers of equal score disagree, the label of the lower rank names the merged span."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Presidio's own entity names, for recognizers that a user adds.
        "PERSON": "PATIENT",
        "DATE_TIME": "DATE",
        "PHONE_NUMBER": "PHONE",
        "EMAIL_ADDRESS": "EMAIL",
        "IP_ADDRESS": "IPADDR",
        "MAC_ADDRESS": "DEVICE",
        "LOCATION": "LOCATION-OTHER",
        "US_SSN": "SSN",
        "US_ITIN": "IDNUM",
        "US_PASSPORT": "IDNUM",
        "US_DRIVER_LICENSE": "LICENSE",
        "MEDICAL_LICENSE": "LICENSE",
        "US_NPI": "LICENSE",
        "US_MBI": "HEALTHPLAN",
        "US_BANK_NUMBER": "ACCOUNT",
        "CREDIT_CARD": "ACCOUNT",
        "IBAN_CODE": "ACCOUNT",
        "CRYPTO": "ACCOUNT",
        # Labels of public de-identification checkpoints.
        "STAFF": "DOCTOR",
        "HCW": "DOCTOR",
        "HOSP": "HOSPITAL",
        "PATORG": "ORGANIZATION",
        "VENDOR": "ORGANIZATION",
        "LOC": "LOCATION-OTHER",
        "OTHERPHI": "OTHER",
        "ID": "IDNUM",
        "MRN": "MEDICALRECORD",
        "LOCATION_OTHER": "LOCATION-OTHER",
        # Names that general token classifiers use.
        "PER": "PATIENT",
        "NAME": "PATIENT",
        "ORG": "ORGANIZATION",
        "FAC": "LOCATION-OTHER",
        "GPE": "LOCATION-OTHER",
        "CONTACT": "PHONE",
        # MEDDOCAN, the Spanish corpus (Marimon et al., IberLEF 2019), in which sex and occupation are marked too.
        "NOMBRE_SUJETO_ASISTENCIA": "PATIENT",
        "FAMILIARES_SUJETO_ASISTENCIA": "OTHER",
        "NOMBRE_PERSONAL_SANITARIO": "DOCTOR",
        "EDAD_SUJETO_ASISTENCIA": "AGE",
        "SEXO_SUJETO_ASISTENCIA": "PROFESSION",
        "OTROS_SUJETO_ASISTENCIA": "OTHER",
        "ID_SUJETO_ASISTENCIA": "MEDICALRECORD",
        "ID_CONTACTO_ASISTENCIAL": "IDNUM",
        "ID_ASEGURAMIENTO": "HEALTHPLAN",
        "ID_TITULACION_PERSONAL_SANITARIO": "LICENSE",
        "ID_EMPLEO_PERSONAL_SANITARIO": "IDNUM",
        "IDENTIF_VEHICULOS_NRSERIE_PLACAS": "VEHICLE",
        "IDENTIF_DISPOSITIVOS_NRSERIE": "DEVICE",
        "IDENTIF_BIOMETRICOS": "BIOID",
        "FECHAS": "DATE",
        "PROFESION": "PROFESSION",
        "CENTRO_SALUD": "HOSPITAL",
        "INSTITUCION": "ORGANIZATION",
        "CALLE": "STREET",
        "TERRITORIO": "LOCATION-OTHER",
        "PAIS": "COUNTRY",
        "NUMERO_TELEFONO": "PHONE",
        "NUMERO_FAX": "FAX",
        "CORREO_ELECTRONICO": "EMAIL",
        "URL_WEB": "URL",
        "DIREC_PROT_INTERNET": "IPADDR",
    }
)
"""Other names -> label; one of `NOT_IDENTIFYING` is not replaced."""


class UnknownLabelError(ValueError):
    """A recognizer or a tagger gives a label that no rule maps."""


class LabelMap:
    """Maps what recognizers and taggers say to i2b2-2014 labels.

    Args:
        extra: further names, or other meanings for known ones. A value is an i2b2-2014 label.

    Raises:
        UnknownLabelError: a value of `extra` is no i2b2-2014 label.
    """

    def __init__(self, extra: Iterable[tuple[str, str]] = ()) -> None:
        self._labels: dict[str, str | None] = {label: label for label in SAFE_HARBOR}
        self._labels |= dict.fromkeys(NOT_IDENTIFYING)
        self._labels |= {name: label if label in SAFE_HARBOR else None for name, label in ALIASES.items()}
        for name, label in extra:
            if label not in SAFE_HARBOR and label not in NOT_IDENTIFYING:
                raise UnknownLabelError(f"label {label!r} (given for {name!r}) is none of {', '.join(SAFE_HARBOR)}")
            self._labels[name] = label if label in SAFE_HARBOR else None

    def __getitem__(self, name: str) -> str | None:
        """The i2b2-2014 label of `name`; None for one that is not replaced.

        Raises:
            UnknownLabelError: no rule maps `name`.
        """
        try:
            return self._labels[name]
        except KeyError:
            raise UnknownLabelError(
                f"PHI label {name!r} is not mapped; map it under [deidentify.labels] of the job file "
                f"({name} = \"IDNUM\"), or with labels=(({name!r}, 'IDNUM'),)"
            ) from None

    def check(self, names: Iterable[str], giver: str) -> None:
        """Raises `UnknownLabelError`, naming `giver`, unless every name is mapped."""
        unknown = sorted(name for name in names if name not in self._labels)
        if unknown:
            raise UnknownLabelError(
                f"{giver} gives PHI labels that are not mapped: {', '.join(unknown)}; "
                f'map each under [deidentify.labels] of the job file ({unknown[0]} = "IDNUM"), or with '
                f"labels=(({unknown[0]!r}, 'IDNUM'), …), to one of {', '.join(SAFE_HARBOR)}, or to "
                f"{', '.join(sorted(NOT_IDENTIFYING))} for what is to stay"
            )
