"""Slots that need more than a pattern: telephones, mail, places, ages; and words of the patient that are not PHI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from jobs.synthetic.alternatives import TemplateError
from jobs.synthetic.inject import values
from jobs.synthetic.inject.grammar import Slot
from jobs.synthetic.inject.page import Page
from jobs.synthetic.inject.people import Person
from jobs.synthetic.phi import dea, early, npi, ssn, vin

if TYPE_CHECKING:
    from jobs.synthetic.inject.cast import Cast


def _phone(cast: Cast, form: str, page: Page, label: str = "PHONE") -> None:
    rng = cast.rng
    if form == "ext":
        page.put_phi(label, values.fill(early(values.EXTENSIONS, rng), rng))
    elif form == "x":
        page.put(cast.choice(("ext. ", "ext ", "extension ", "x ", "Ext. ", "EXT:", "")))
        page.put_phi(label, values.fill(early(values.EXTENSIONS, rng), rng))
    elif form == "":
        if label == "FAX":
            page.put_phi(label, values.fill(early(_FAXES, rng), rng))
        else:
            page.put_phi(label, cast.kept(label, lambda: values.fill(early(values.PHONES, rng), rng), 0.2))
    else:
        raise TemplateError(f"{label} has no form {form!r}")


_FAXES: Final = tuple(form for form in values.PHONES if "x" not in form and form != "%##.####")


def _ssn(cast: Cast, form: str, page: Page) -> None:
    first, second, third = ssn(cast.rng)
    if form == "last4":
        page.put_phi("SSN", third)
    else:
        page.put_phi("SSN", early(values.SSNS, cast.rng).format(a=first, b=second, c=third))


def _license(cast: Cast, form: str, page: Page) -> None:
    if form == "npi":
        text = npi(cast.rng)
    elif form == "dea":
        last = cast.person("DOCTOR", 1).last
        text = dea(last if last.isascii() and last[0].isalpha() else "Lee", cast.rng)
    else:
        text = values.fill(early(values.LICENSES, cast.rng), cast.rng)
    page.put_phi("LICENSE", text)


def _vehicle(cast: Cast, form: str, page: Page) -> None:
    page.put_phi("VEHICLE", vin(cast.rng) if form == "vin" else values.fill(early(values.PLATES, cast.rng), cast.rng))


def _device(cast: Cast, form: str, page: Page) -> None:
    patterns = values.MAC if form == "mac" else values.SERIALS
    page.put_phi("DEVICE", values.fill(early(patterns, cast.rng), cast.rng))


def _letters(text: str) -> str:
    return "".join(char for char in text.lower() if "a" <= char <= "z") or "lee"


def _handle(cast: Cast, forms: Sequence[str], person: Person) -> str:
    first, last = _letters(person.first), _letters(person.last)
    return early(forms, cast.rng).format(
        f=first, l=last, i=first[0], m=_letters(person.middle)[0], s=last[:4], F=first.capitalize(),
        L=last.capitalize(),
        n=1 + int(cast.rng.random() * 99), w=cast.choice(cast.world.parts["handle_words"]),
    )  # fmt: skip


def _owner(cast: Cast, form: str) -> Person:
    return cast.person({"staff": "DOCTOR", "relative": "RELATIVE"}.get(form, "PATIENT"), 1)


def _domain(cast: Cast) -> str:
    words = [_letters(word) for word in cast.world.hospital(cast.rng).replace("-", " ").split()]
    host = "".join(words[: 1 + int(cast.rng.random() * 2)])
    return (
        f"{host}{cast.choice(('', '', 'health', '-health', 'med'))}.{cast.choice(('org', 'com', 'edu', 'net', 'org'))}"
    )


def _email(cast: Cast, form: str, page: Page) -> None:
    host = _domain(cast) if form == "staff" or cast.rng.random() < 0.15 else cast.choice(values.MAIL_HOSTS)
    text = f"{_handle(cast, values.HANDLES, _owner(cast, form))}@{host}"
    page.put_phi("EMAIL", text.upper() if cast.rng.random() < 0.05 else text)


def _url(cast: Cast, form: str, page: Page) -> None:
    del form
    domain = _domain(cast)
    number = 1000 + int(cast.rng.random() * 999999)
    handle = _handle(cast, values.USERS, cast.patient).lstrip("@")
    page.put_phi("URL", cast.choice(values.URLS).format(d=domain, D=domain.upper(), n=number, h=handle))


def _photo(cast: Cast, form: str, page: Page) -> None:
    del form
    name = values.fill(early(values.PHOTOS, cast.rng), cast.rng)
    page.put_phi("PHOTO", name.format(first=_letters(cast.patient.first), last=_letters(cast.patient.last)))


def _zip(cast: Cast, form: str, page: Page) -> None:
    del form
    code = f"{501 + int(cast.rng.random() * 99450):05}"
    page.put_phi("ZIP", f"{code}-{int(cast.rng.random() * 10000):04}" if cast.rng.random() < 0.2 else code)


def _age(cast: Cast, form: str, page: Page) -> None:
    age = 90 + int(cast.rng.random() ** 2 * 16)
    page.put_phi("AGE", values.words(age) if form == "words" else str(age))


def _street(cast: Cast, form: str, page: Page) -> None:
    page.put_phi("STREET", cast.world.road(cast.rng) if form == "road" else cast.world.street(cast.rng))


def _county(cast: Cast, form: str, page: Page) -> None:
    name = cast.choice(cast.world.counties)
    page.put_phi("LOCATION-OTHER", name if form == "bare" else f"{name} County")


def _put(label: str, draw: Callable[[Cast], str]) -> Callable[[Cast, str, Page], None]:
    return lambda cast, _, page: page.put_phi(label, draw(cast))


def _unit(cast: Cast) -> str:
    number = int(cast.rng.random() * 12) + 1
    return cast.choice(
        ("{p} {n}", "{p} {n}", "{s} {n}", "{n} {p}", "{p}-{n}", "{s} Pavilion {n}", "{p} {n}{c}")
    ).format(
        p=cast.choice(cast.world.parts["unit_names"]),
        s=cast.world.surnames.common(cast.rng),
        n=number,
        c=cast.choice("ABCE"),
    )


def _room(cast: Cast) -> str:
    pattern = cast.choice(("###", "###@", "###-#", "#-###", "@###", "####", "##", "###-@", "#@-##"))
    return values.fill(pattern, cast.rng)


SLOTS: Final[dict[str, Callable[[Cast, str, Page], None]]] = {
    "DATE": lambda cast, form, page: cast.date(form, page),
    "AGE": _age,
    "PHONE": _phone,
    "FAX": lambda cast, form, page: _phone(cast, form, page, "FAX"),
    "SSN": _ssn,
    "LICENSE": _license,
    "VEHICLE": _vehicle,
    "DEVICE": _device,
    "EMAIL": _email,
    "URL": _url,
    "PHOTO": _photo,
    "ZIP": _zip,
    "STREET": _street,
    "COUNTY": _county,
    "CITY": _put("CITY", lambda cast: cast.world.city(cast.rng)),
    "LANDMARK": _put("LOCATION-OTHER", lambda cast: cast.world.house("landmarks", cast.rng)),
    "IPADDR": _put("IPADDR", lambda cast: values.ip(cast.rng)),
    "USERNAME": _put("USERNAME", lambda cast: _handle(cast, values.USERS, cast.person("DOCTOR", 1))),
    "DEPARTMENT": _put("DEPARTMENT", _unit),
    "ROOM": _put("ROOM", _room),
}


def _pronoun(she: str, he: str) -> Callable[[Cast, Slot], str]:
    return lambda cast, _: she if cast.patient.female else he


def _theirs(she: str, he: str) -> Callable[[Cast, Slot], str]:
    return lambda cast, slot: she if cast.person("RELATIVE", slot.number).female else he


def _between(low: int, high: int) -> Callable[[Cast, Slot], str]:
    return lambda cast, _: str(low + int(cast.rng.random() * (high - low + 1)))


def _time(cast: Cast, _: Slot) -> str:
    hour, minute = int(cast.rng.random() * 24), int(cast.rng.random() * 60)
    twelve = (hour - 1) % 12 + 1
    half = "am" if hour < 12 else "pm"
    form = cast.choice(
        ("{h:02}:{m:02}", "{h:02}{m:02}", "{t}:{m:02} {H}", "{t}{h2}", "{t}:{m:02}{h2}", "{t} {h2}",
        "{h:02}:{m:02}:{s:02}",
         "{t}:{m:02} {h2}", "{h:02}{m:02} hrs", "{t}:{m:02}{H}")
    )  # fmt: skip
    return form.format(h=hour, m=minute, t=twelve, h2=half, H=half.upper(), s=int(cast.rng.random() * 60))


WORDS: Final[dict[str, Callable[[Cast, Slot], str]]] = {
    "he": _pronoun("she", "he"),
    "He": _pronoun("She", "He"),
    "his": _pronoun("her", "his"),
    "His": _pronoun("Her", "His"),
    "him": _pronoun("her", "him"),
    "sex": _pronoun("female", "male"),
    "man": _pronoun("woman", "man"),
    "S": _pronoun("F", "M"),
    "Sex": _pronoun("Female", "Male"),
    "Mr": lambda cast, _: cast.title(cast.patient).strip(),
    "rhe": _theirs("she", "he"),
    "rHe": _theirs("She", "He"),
    "rhis": _theirs("her", "his"),
    "kin": lambda cast, slot: cast.person("RELATIVE", slot.number).kin,
    "Kin": lambda cast, slot: cast.person("RELATIVE", slot.number).kin.capitalize(),
    "age": lambda cast, _: str(max(1, (cast.today - cast.born).days // 365)),
    "otherage": _between(1, 89),
    "year": lambda cast, _: str(cast.today.year - int(cast.rng.random() ** 2 * 45)),
    "time": _time,
    "n": _between(2, 9),
    "nn": _between(10, 99),
    "nnn": _between(100, 400),
    "hr": _between(48, 128),
    "rr": _between(10, 30),
    "sat": _between(86, 100),
    "state": lambda cast, _: cast.choice(cast.world.faker.states)[0],
    "st": lambda cast, _: cast.choice(cast.world.faker.states)[1],
    "bp": lambda cast, _: f"{90 + int(cast.rng.random() * 100)}/{45 + int(cast.rng.random() * 60)}",
    "temp": lambda cast, _: f"{96 + cast.rng.random() * 7:.1f}",
}
