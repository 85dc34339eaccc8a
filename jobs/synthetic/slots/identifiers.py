"""Numbers of people, and places."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from jobs.synthetic import phi
from jobs.synthetic.patients import Person, short_name, street, zip_code
from jobs.synthetic.slots.base import act, identifier

if TYPE_CHECKING:
    from jobs.synthetic.scene import Scene


def _filled(field: str) -> Callable[[Scene], str]:
    """A new number in one of the forms of `Forms.<field>`."""
    return lambda scene: phi.fill(phi.early(getattr(scene.book.forms, field), scene.rng), scene.rng)


def _placed(field: str) -> Callable[[Scene], str]:
    """A new place in one of the forms of `Pools.<field>`."""
    return lambda scene: scene.book.pools.place(scene.rng.choice(getattr(scene.book.pools, field)), scene.rng)


def _area(scene: Scene) -> int:
    return scene.patient.area if scene.random() < 0.6 else phi.number(201, 989, scene.rng)


def _phone(field: str) -> Callable[[Scene], str]:
    return lambda scene: phi.phone(phi.early(getattr(scene.book.forms, field), scene.rng), _area(scene), scene.rng)


def _ssn(scene: Scene) -> str:
    first, second, third = scene.patient.ssn
    return phi.early(scene.book.forms.ssns, scene.rng).format(a=first, b=second, c=third)


def _hospital(scene: Scene) -> None:
    """The patient's own hospital or another, now and then by its initials."""
    chance, pools = scene.random(), scene.book.pools
    name = scene.patient.hospital if chance < 0.35 else pools.place(scene.rng.choice(pools.hospitals), scene.rng)
    short = short_name(name) if chance > 0.85 or chance < 0.06 else name
    scene.draft.put_phi("HOSPITAL", short if len(short) > 2 else name)


_HANDLES: Final = ("{i}{l}", "{i}{l}{n}", "{l}{i}", "{f}.{l}", "{i}{m}{l}", "{s}{n}")
_URLS: Final = (
    "www.{d}", "https://{d}/portal", "http://www.{d}/mychart", "mychart.{d}", "https://www.{d}/patients/forms",
    "{d}/portal", "https://portal.{d}/login?id={n}",
)  # fmt: skip


def _handle(scene: Scene, person: Person) -> str:
    last = "".join(char for char in person.last.lower() if char.isalpha())
    return scene.rng.choice(_HANDLES).format(
        i=person.first[0].lower(), l=last, f=person.first.lower(), m=person.middle.lower(),
        n=phi.number(1, 99, scene.rng), s=last[:4],
    )  # fmt: skip


def _domain(scene: Scene) -> str:
    """The hospital's domain, from its name."""
    hospital = scene.patient.hospital
    words = [word.lower() for word in hospital.replace("'", "").replace("-", " ").split() if word.isalpha()]
    host = "".join(words[:2]) if scene.random() < 0.6 else f"{short_name(hospital).lower()}health"
    return f"{host}.{scene.rng.choice(('org', 'com', 'edu', 'net', 'org'))}"


def _url(scene: Scene) -> str:
    return scene.rng.choice(_URLS).format(d=_domain(scene), n=phi.number(1000, 999999, scene.rng))


def _staff_mail(scene: Scene) -> str:
    return f"{_handle(scene, scene.stay.staff.attending)}@{_domain(scene)}"


# The patient's own.
identifier("mrn", "MEDICALRECORD", lambda scene: scene.patient.mrn)
identifier("acct", "ACCOUNT", lambda scene: scene.patient.account)
identifier("plan", "HEALTHPLAN", lambda scene: scene.patient.plan)
identifier("ssn", "SSN", _ssn)
identifier("last4", "SSN", lambda scene: scene.patient.ssn[2])
identifier("email", "EMAIL", lambda scene: scene.patient.email)
identifier("homephone", "PHONE", lambda scene: scene.patient.phone)
identifier("street", "STREET", lambda scene: scene.patient.address.street)
identifier("homecity", "CITY", lambda scene: scene.patient.address.city)
identifier("homestate", "STATE", lambda scene: scene.patient.address.state[1])
identifier("zip", "ZIP", lambda scene: scene.patient.address.zip)
identifier("org", "ORGANIZATION", lambda scene: scene.patient.employer)
identifier("home", "HOSPITAL", lambda scene: scene.patient.hospital)
# New at every mention.
identifier("group", "HEALTHPLAN", _filled("plans"))
identifier("acc", "IDNUM", _filled("accessions"))
identifier("serial", "DEVICE", _filled("serials"))
identifier("license", "LICENSE", _filled("licenses"))
identifier("npi", "LICENSE", lambda scene: phi.npi(scene.rng))
identifier("dea", "LICENSE", lambda scene: phi.dea(scene.stay.staff.attending.last, scene.rng))
identifier("plate", "VEHICLE", _filled("plates"))
identifier("vin", "VEHICLE", lambda scene: phi.vin(scene.rng))
identifier("bio", "BIOID", _filled("biometrics"))
identifier("ip", "IPADDR", lambda scene: phi.ip(scene.rng))
identifier("url", "URL", _url)
identifier("user", "USERNAME", lambda scene: _handle(scene, scene.stay.staff.attending))
identifier("staffmail", "EMAIL", _staff_mail)
identifier("phone", "PHONE", _phone("phones"))
identifier("pager", "PHONE", _phone("pagers"))
identifier("extension", "PHONE", lambda scene: f"x{phi.number(1000, 9999, scene.rng)}")
identifier("fax", "FAX", _phone("faxes"))
identifier("city", "CITY", lambda scene: scene.rng.choice(scene.book.pools.cities))
identifier("state", "STATE", lambda scene: scene.rng.choice(scene.book.pools.states)[0])
identifier("st", "STATE", lambda scene: scene.rng.choice(scene.book.pools.states)[1])
identifier("anystreet", "STREET", lambda scene: street(scene.book.pools, scene.rng))
identifier("anyzip", "ZIP", lambda scene: zip_code(scene.rng))
identifier("snf", "HOSPITAL", _placed("facilities"))
identifier("practice", "HOSPITAL", _placed("practices"))
act("hosp", _hospital)
