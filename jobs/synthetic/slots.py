"""What the slots of the phrases write. Each function here is a slot, under its own name or the one given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from jobs.synthetic import patients, phi
from jobs.synthetic.clinic import Chronic, Image, Operation
from jobs.synthetic.draft import PRESENT, Assertion
from jobs.synthetic.grammar import SLOTS, Call, Slot, assertion
from jobs.synthetic.patients import Person
from jobs.synthetic.scene import Scene
from jobs.synthetic.wording import share

_PAST: Final = Assertion(historical=True)


def _slot(name: str) -> Callable[[Slot], Slot]:
    def register(make: Slot) -> Slot:
        SLOTS[name] = make
        return make

    return register


def _plain(name: str, label: str, value: Callable[[Scene], str]) -> None:
    """A slot that writes one piece of PHI, or plain text where `label` is empty."""
    if label:
        SLOTS[name] = lambda argument: lambda scene: scene.draft.put_phi(label, value(scene))
    else:
        SLOTS[name] = lambda argument: lambda scene: scene.draft.put(value(scene))


# Numbers and words -------------------------------------------------------------------------------------------


@_slot("n")
def _integer(argument: str) -> Call:
    low, high = map(int, argument.split())
    return lambda scene: scene.draft.put(str(phi.number(low, high, scene.rng)))


@_slot("x")
def _decimal(argument: str) -> Call:
    low, high = map(float, argument.split())
    return lambda scene: scene.draft.put(f"{low + scene.random() * (high - low):.1f}")


_WORDS: Final = {
    "he": ("he", "she"), "his": ("his", "her"), "him": ("him", "her"), "himself": ("himself", "herself"),
    "He": ("He", "She"), "His": ("His", "Her"), "Title": ("Mr.", "Ms."), "Sex": ("Male", "Female"), "S": ("M", "F"),
    "guy": ("gentleman", "lady"), "Title2": ("Mr", "Mrs."), "MALE": ("MALE", "FEMALE"),
}  # fmt: skip


def _word(male: str, female: str) -> Slot:
    return lambda argument: lambda scene: scene.draft.put(female if scene.patient.name.female else male)


for _name, (_male, _female) in _WORDS.items():
    SLOTS[_name] = _word(_male, _female)

_SEXES: Final = (("male", "female"), ("man", "woman"), ("M", "F"), ("gentleman", "lady"), ("male", "female"))


@_slot("sex")
def _sex(argument: str) -> Call:
    return lambda scene: scene.draft.put(scene.rng.choice(_SEXES)[scene.patient.name.female])


@_slot("age")
def _age(argument: str) -> Call:
    def call(scene: Scene) -> None:
        age = scene.patient.age(scene.stay.admit)
        if age > 89:
            scene.draft.put_phi("AGE", str(age))
        else:
            scene.draft.put(str(age))

    return call


_TIMES: Final = ("{h:02}:{m:02}", "{h}:{m:02}", "{h:02}{m:02}", "{g}:{m:02} {ap}", "{g}{ap}", "{h:02}:{m:02}", "{g}:{m:02}{ap}")


def _time_text(scene: Scene) -> str:
    hour, minute = phi.number(0, 23, scene.rng), phi.number(0, 59, scene.rng)
    form = scene.rng.choice(_TIMES)
    return form.format(h=hour, m=minute, g=hour % 12 or 12, ap=("am" if hour < 12 else "pm"))


_plain("time", "", _time_text)
_plain("year", "", lambda scene: str(scene.stay.admit.year - phi.number(2, 30, scene.rng)))
_plain("insurer", "", lambda scene: scene.patient.insurer)
_plain("service", "", lambda scene: scene.stay.acute.service)
_plain("follow", "", lambda scene: scene.stay.acute.follow)
_plain("los", "", lambda scene: str((scene.stay.discharge - scene.stay.admit).days))
_plain("hd", "", lambda scene: str((scene.today - scene.stay.admit).days + 1))
_plain("pod", "", lambda scene: str(max(0, (scene.today - scene.stay.surgery).days)))
_plain("kg", "", lambda scene: str(scene.stay.weight))
_plain("wd", "", lambda scene: _WEEKDAYS[scene.today.weekday()])
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Dates -------------------------------------------------------------------------------------------------------


def _event(scene: Scene, what: str) -> dt.date:
    stay = scene.stay
    if what == "dob":
        return scene.patient.born
    if what == "prior":
        return stay.admit - dt.timedelta(days=phi.number(31, 900, scene.rng))
    if what == "fu":
        return stay.discharge + dt.timedelta(days=phi.number(5, 28, scene.rng))
    if what == "surgery":
        return stay.surgery
    return {"today": scene.today, "admit": stay.admit, "discharge": stay.discharge}[what]


@_slot("date")
def _date(argument: str) -> Call:
    """A day with its year: mostly in the author's own form."""

    def call(scene: Scene) -> None:
        form = scene.style.date if scene.random() < 0.7 else phi.early(scene.book.forms.dates, scene.rng)
        scene.draft.put_phi("DATE", form(_event(scene, argument)))

    return call


def _relative(argument: str, from_end: bool) -> Call:
    days = dt.timedelta(days=int(argument))

    def call(scene: Scene) -> None:
        stay = scene.stay
        day = max(stay.discharge + days, stay.admit) if from_end else min(stay.admit + days, stay.discharge)
        chance = scene.random()
        if chance < 0.5:
            form = scene.style.day
        elif chance < 0.65:
            form = phi.early(scene.book.forms.days, scene.rng)
        else:
            form = scene.style.date
        scene.draft.put_phi("DATE", form(day))

    return call


SLOTS["date.day"] = lambda argument: _relative(argument, from_end=False)
SLOTS["date.end"] = lambda argument: _relative(argument, from_end=True)


@_slot("date.month")
def _month(argument: str) -> Call:
    def call(scene: Scene) -> None:
        day = scene.stay.admit - dt.timedelta(days=phi.number(40, 1400, scene.rng))
        scene.draft.put_phi("DATE", phi.early(scene.book.forms.months, scene.rng)(day))

    return call


# People ------------------------------------------------------------------------------------------------------

_FULL_NAMES: Final = (
    "{L}, {F}", "{F} {L}", "{LU},{FU}", "{L}, {F} {M}.", "{F} {M}. {L}", "{LU}, {FU}", "{L},{F}", "{LU}, {FU} {M}",
    "{F} {M} {L}", "{L}, {F} {M}", "{LU},{FU} {M}", "{F} {LU}", "{FU} {LU}", "{L} {F}",
)  # fmt: skip
_TOLD: Final = (
    ("t", "{L}"), ("t", "{L}"), ("", "{F} {L}"), ("t", "{F} {L}"), ("", "{F}"), ("t", "{L}"), ("", "{L}"), ("T", "{L}"),
    ("", "{F} {M}. {L}"), ("t", "{LU}"), ("", "{I}. {L}"), ("t", "{F} {M}. {L}"), ("Pt ", "{L}"), ("T", "{F} {L}"),
)  # fmt: skip
_DOCTORS: Final = (
    ("Dr. ", "{L}", ""), ("Dr. ", "{F} {L}", ""), ("", "{F} {L}", ", MD"), ("Dr ", "{L}", ""), ("Dr. ", "{L}", ""),
    ("", "{F} {M}. {L}", ", M.D."), ("Dr. ", "{I}. {L}", ""), ("DR. ", "{LU}", ""), ("Dr. ", "{L}", ""), ("", "{L}", " MD"),
    ("Doctor ", "{L}", ""), ("dr. ", "{l}", ""), ("Dr.", "{L}", ""), ("", "{I}. {L}", ", MD"), ("", "{F} {L}", ""), ("", "{F} {L}", ", DO"),
)  # fmt: skip
_SIGNED: Final = (
    ("", "{F} {L}", ", MD"), ("", "{F} {M}. {L}", ", M.D."), ("", "{F} {L}", " MD"), ("", "{L}, {F}", ", MD"),
    ("", "{F} {L}", ", M.D."), ("", "{FU} {M} {LU}", ", MD"), ("", "{L}, {F} {M}", " MD"), ("Dr. ", "{F} {L}", ""),
    ("", "{LU},{FU}", ", M.D."), ("", "{I}. {M}. {L}", ", MD"), ("", "{F} {L}", ", DO"), ("", "{L},{F}", ""), ("", "{F} {M} {L}", ", MD PhD"),
)  # fmt: skip
_NURSES: Final = (
    ("", "{F} {L}", ", RN"), ("", "{I}. {L}", ", RN"), ("", "{F} {L}", " RN"), ("", "{L}, {F}", " RN"), ("", "{F}", " RN"),
    ("", "{I}.{L}", " RN"), ("", "{F} {L}", ", RN, BSN"), ("", "{l}, {f}", " rn"), ("RN ", "{L}", ""), ("", "{F} {L}", ", LPN"),
)  # fmt: skip
# Filled forms are shared out once per wording and list.
_SHARED: dict[tuple[str, int], list[tuple[str, ...]]] = {}


def _shared(scene: Scene, forms: tuple[tuple[str, ...], ...]) -> list[tuple[str, ...]]:
    key = (scene.book.wording, id(forms))
    if key not in _SHARED:
        _SHARED[key] = share(forms, scene.book.wording)
    return _SHARED[key]


def _name(form: str, person: Person) -> str:
    """The name in a form. A form with a middle initial falls back on one without when there is none."""
    if not person.middle and "{M}" in form:
        form = form.replace(" {M}.", "").replace(" {M}", "").replace("{M}. ", "")
    last = f"{person.last} {person.suffix}" if person.suffix and form == "{F} {L}" else person.last
    return form.format(
        F=person.first, L=last, M=person.middle, I=person.first[0], f=person.first.lower(), l=last.lower(),
        FU=person.first.upper(), LU=last.upper(),
    )  # fmt: skip


@_slot("pt")
def _patient(argument: str) -> Call:
    """The patient's name: `last`, `first`, `full` (as told), `header` (as in a field), or any way, with title."""
    fixed = {"last": "{L}", "first": "{F}", "full": "{F} {L}", "lastfirst": "{L}, {F}"}.get(argument)

    def call(scene: Scene) -> None:
        name = scene.patient.name
        if fixed:
            scene.draft.put_phi("PATIENT", _name(fixed, name))
        elif argument == "header":
            scene.draft.put_phi("PATIENT", _name(phi.early(_header_forms(scene), scene.rng), name))
        else:
            title, form = phi.early(_shared(scene, _TOLD), scene.rng)
            if title in ("t", "T"):
                title = ("Ms. " if title == "t" else "Mrs. ") if name.female else ("Mr. " if title == "t" else "Mr ")
            scene.draft.put(title)
            scene.draft.put_phi("PATIENT", _name(form, name))

    return call


_HEADER_FORMS: dict[str, list[str]] = {}


def _header_forms(scene: Scene) -> list[str]:
    wording = scene.book.wording
    if wording not in _HEADER_FORMS:
        _HEADER_FORMS[wording] = share(_FULL_NAMES, wording)
    return _HEADER_FORMS[wording]


def _person(scene: Scene, role: str) -> Person:
    staff = scene.stay.staff
    if role == "pcp":
        return scene.patient.pcp
    if role == "any":
        return patients.make_person(scene.book.pools, scene.rng)
    person: Person = getattr(staff, role)
    return person


def _staff(forms: tuple[tuple[str, str, str], ...], default: str) -> Slot:
    def make(argument: str) -> Call:
        role = argument or default

        def call(scene: Scene) -> None:
            before, form, after = phi.early(_shared(scene, forms), scene.rng)
            scene.draft.put(before)
            scene.draft.put_phi("DOCTOR", _name(form, _person(scene, role)))
            scene.draft.put(after)

        return call

    return make


SLOTS["dr"] = _staff(_DOCTORS, "attending")
SLOTS["signed"] = _staff(_SIGNED, "attending")
SLOTS["rn"] = _staff(_NURSES, "nurse")
# The bare name, where the phrase itself says "Dr." or "MD".
SLOTS["dr.name"] = _staff((("", "{L}", ""), ("", "{F} {L}", ""), ("", "{L}", ""), ("", "{F} {L}", "")), "attending")
SLOTS["dr.last"] = _staff((("", "{L}", ""), ("", "{L}", "")), "attending")
SLOTS["dr.initials"] = _staff((("", "{I}{M}", ""), ("", "{I}{M}", "")), "attending")


@_slot("rel")
def _relative_said(argument: str) -> Call:
    """A relative, most often by name: `wife Maria`, `his daughter (Ann Lee)`. `name` writes the full name only."""

    def call(scene: Scene) -> None:
        relative = scene.rng.choice(scene.patient.relatives)
        draft, person = scene.draft, relative.person
        if argument == "name":
            draft.put_phi("PATIENT", f"{person.first} {person.last}")
            return
        chance = scene.random()
        his = "her" if scene.patient.name.female else "his"
        said = f"{his} {relative.relation}" if argument or chance < 0.6 else relative.relation
        draft.put(said[0].upper() + said[1:] if draft.ends_sentence() else said)
        if chance < 0.25:
            return
        before, form, after = scene.rng.choice(
            ((" ", "{F}", ""), (" ", "{F}", ""), (" (", "{F} {L}", ")"), (", ", "{F}", ","), (" ", "{F} {L}", ""), (" (", "{F}", ")"))
        )
        draft.put(before)
        draft.put_phi("PATIENT", _name(form, person))
        draft.put(after)

    return call


@_slot("relation")
def _relation(argument: str) -> Call:
    """Relation, name and number of the next of kin, as contact fields have it."""

    def call(scene: Scene) -> None:
        relative = scene.patient.relatives[0]
        draft = scene.draft
        form = "{L}, {F}" if scene.random() < 0.3 else "{F} {L}"
        draft.put_phi("PATIENT", _name(form, relative.person))
        draft.put(f" ({relative.relation}) " if scene.random() < 0.7 else f", {relative.relation}, ")
        draft.put_phi("PHONE", relative.phone)

    return call


# Numbers of people, places ------------------------------------------------------------------------------------


def _fill(field: str) -> Callable[[Scene], str]:
    return lambda scene: phi.fill(phi.early(getattr(scene.book.forms, field), scene.rng), scene.rng)


_plain("mrn", "MEDICALRECORD", lambda scene: scene.patient.mrn)
_plain("acct", "ACCOUNT", lambda scene: scene.patient.account)
_plain("plan", "HEALTHPLAN", lambda scene: scene.patient.plan)
_plain("group", "HEALTHPLAN", _fill("plans"))
_plain("acc", "IDNUM", _fill("accessions"))
_plain("serial", "DEVICE", _fill("serials"))
_plain("license", "LICENSE", _fill("licenses"))
_plain("plate", "VEHICLE", _fill("plates"))
_plain("vin", "VEHICLE", lambda scene: phi.vin(scene.rng))
_plain("npi", "LICENSE", lambda scene: phi.npi(scene.rng))
_plain("dea", "LICENSE", lambda scene: phi.dea(scene.stay.staff.attending.last, scene.rng))
_plain("bio", "BIOID", lambda scene: phi.fill(scene.rng.choice(("FP-######", "A##-####-##", "BIO######")), scene.rng))
_plain("email", "EMAIL", lambda scene: scene.patient.email)
_plain("zip", "ZIP", lambda scene: scene.patient.address.zip)
_plain("street", "STREET", lambda scene: scene.patient.address.street)
_plain("homecity", "CITY", lambda scene: scene.patient.address.city)
_plain("homestate", "STATE", lambda scene: scene.patient.address.state[1])
_plain("city", "CITY", lambda scene: scene.rng.choice(scene.book.pools.cities))
_plain("state", "STATE", lambda scene: scene.rng.choice(scene.book.pools.states)[0])
_plain("st", "STATE", lambda scene: scene.rng.choice(scene.book.pools.states)[1])
_plain("anystreet", "STREET", lambda scene: patients.street(scene.book.pools, scene.rng))
_plain("anyzip", "ZIP", lambda scene: patients.zip_code(scene.rng))
_plain("ip", "IPADDR", lambda scene: phi.ip(scene.rng))
_plain("org", "ORGANIZATION", lambda scene: scene.patient.employer)
_plain("home", "HOSPITAL", lambda scene: scene.patient.hospital)
_plain("snf", "HOSPITAL", lambda scene: scene.book.pools.place(scene.rng.choice(scene.book.pools.facilities), scene.rng))
_plain("practice", "HOSPITAL", lambda scene: scene.book.pools.place(scene.rng.choice(scene.book.pools.practices), scene.rng))
_plain("homephone", "PHONE", lambda scene: scene.patient.phone)


@_slot("hosp")
def _hospital(argument: str) -> Call:
    """Some hospital: the patient's own or another, now and then by its initials."""

    def call(scene: Scene) -> None:
        chance, pools = scene.random(), scene.book.pools
        name = scene.patient.hospital if chance < 0.35 else pools.place(scene.rng.choice(pools.hospitals), scene.rng)
        short = patients.short_name(name) if chance > 0.85 or chance < 0.06 else name
        scene.draft.put_phi("HOSPITAL", short if len(short) > 2 else name)

    return call


def _area(scene: Scene) -> int:
    return scene.patient.area if scene.random() < 0.6 else phi.number(201, 989, scene.rng)


_plain("phone", "PHONE", lambda scene: phi.phone(phi.early(scene.book.forms.phones, scene.rng), _area(scene), scene.rng))
_plain("pager", "PHONE", lambda scene: phi.phone(phi.early(scene.book.forms.pagers, scene.rng), _area(scene), scene.rng))


@_slot("fax")
def _fax(argument: str) -> Call:
    def call(scene: Scene) -> None:
        # A fax has no extension.
        forms = [form for form in scene.book.forms.phones if "{x}" not in form]
        scene.draft.put_phi("FAX", phi.phone(phi.early(forms, scene.rng), _area(scene), scene.rng))

    return call


@_slot("ssn")
def _ssn(argument: str) -> Call:
    def call(scene: Scene) -> None:
        a, b, c = scene.patient.ssn
        scene.draft.put_phi("SSN", phi.early(scene.book.forms.ssns, scene.rng).format(a=a, b=b, c=c))

    return call


@_slot("last4")
def _last4(argument: str) -> Call:
    return lambda scene: scene.draft.put_phi("SSN", scene.patient.ssn[2])


def _handle(scene: Scene, person: Person) -> str:
    last = person.last.lower().replace("'", "").replace(" ", "").replace("-", "")
    form = scene.rng.choice(("{i}{l}", "{i}{l}{n}", "{l}{i}", "{f}.{l}", "{i}{m}{l}", "{s}{n}"))
    return form.format(
        i=person.first[0].lower(), l=last, f=person.first.lower(), m=person.middle.lower(), n=phi.number(1, 99, scene.rng), s=last[:4]
    )


def _domain(scene: Scene) -> str:
    """The hospital's domain, from its name."""
    words = [word.lower() for word in scene.patient.hospital.replace("'", "").replace("-", " ").split() if word.isalpha()]
    host = "".join(words[:2]) if scene.random() < 0.6 else patients.short_name(scene.patient.hospital).lower() + "health"
    return f"{host}.{scene.rng.choice(('org', 'com', 'edu', 'net', 'org'))}"


_plain("user", "USERNAME", lambda scene: _handle(scene, scene.stay.staff.attending))
_plain("staffmail", "EMAIL", lambda scene: f"{_handle(scene, scene.stay.staff.attending)}@{_domain(scene)}")


@_slot("url")
def _url(argument: str) -> Call:
    def call(scene: Scene) -> None:
        form = scene.rng.choice(
            ("www.{d}", "https://{d}/portal", "http://www.{d}/mychart", "mychart.{d}", "https://www.{d}/patients/forms", "{d}/portal")
        )
        scene.draft.put_phi("URL", form.format(d=_domain(scene)))

    return call


# The story ---------------------------------------------------------------------------------------------------


@_slot("main")
def _main(argument: str) -> Call:
    """The disease that the patient is here for; `formal` names it in full."""
    parts = argument.split()
    said = assertion(parts[-1]) if parts and parts[-1] != "formal" else PRESENT
    formal = "formal" in parts

    def call(scene: Scene) -> None:
        acute = scene.stay.acute
        name = acute.names[0] if formal or scene.random() < 0.4 else scene.rng.choice(acute.names)
        if formal and scene.random() < 0.5:
            name = name[0].upper() + name[1:]
        scene.draft.put_entity("Disease", name, said)
        scene.draft.add_code(acute.code)

    return call


def chronic_mention(scene: Scene, index: int) -> None:
    """Writes one of the patient's chronic diseases, as past where it is over."""
    chronic = scene.background.chronic[index]
    # The formal name, else a shorter one: authors abbreviate what they write often.
    name = chronic.names[0] if scene.random() < 0.4 else scene.rng.choice(chronic.names)
    if chronic.past:
        scene.draft.put(scene.rng.choice(("h/o ", "history of ", "prior ", "s/p ")))
    scene.draft.put_entity("Disease", name, _PAST if chronic.past else PRESENT)
    scene.draft.add_code(chronic.code)


@_slot("pmh")
def _pmh(argument: str) -> Call:
    """Some of the chronic diseases in a row; the argument caps how many."""
    most = int(argument or 5)

    def call(scene: Scene) -> None:
        total = min(most, len(scene.background.chronic))
        for index in range(total):
            if index:
                scene.draft.put(", " if index < total - 1 or scene.random() < 0.4 else " and ")
            chronic_mention(scene, index)

    return call


@_slot("complaint")
def _complaint(argument: str) -> Call:
    return lambda scene: scene.write(scene.rng.choice(scene.stay.acute.complaint))


@_slot("story")
def _story(argument: str) -> Call:
    return lambda scene: scene.write(scene.rng.choice(scene.stay.acute.story))


@_slot("course")
def _course(argument: str) -> Call:
    return lambda scene: scene.write(scene.rng.choice(scene.stay.acute.course))


@_slot("denies")
def _denies(argument: str) -> Call:
    """Some pertinent negatives in a row."""

    def call(scene: Scene) -> None:
        items = scene.stay.acute.denies
        chosen = scene.rng.sample(items, min(len(items), phi.number(2, 4, scene.rng)))
        for index, item in enumerate(chosen):
            if index:
                scene.draft.put(" or " if index == len(chosen) - 1 else ", ")
            scene.write(item)

    return call


@_slot("drug")
def _drug(argument: str) -> Call:
    """One of the patient's drugs by name; `dose` adds how it is taken."""

    def call(scene: Scene) -> None:
        drugs = scene.stay.discharge_drugs
        if not drugs:
            scene.draft.put_entity("Chemical", "acetaminophen")
            return
        dose = scene.rng.choice(drugs)
        scene.draft.put_entity("Chemical", dose.name)
        if argument:
            scene.draft.put(f" {dose.dose} {dose.route} {dose.often}")

    return call


@_slot("lab")
def _lab(argument: str) -> Call:
    """A lab's name and today's value."""

    def call(scene: Scene) -> None:
        lab = scene.book.clinic.labs[argument]
        scene.draft.put_entity("Lab", lab.names[0])
        scene.draft.put(f" {lab_value(scene, argument)}")

    return call


_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh")
_plain("prior_ordinal", "", lambda scene: _ORDINALS[scene.stay.prior_admissions])
_plain("prior_count", "", lambda scene: str(scene.stay.prior_admissions))
_plain("pulse", "", lambda scene: str(scene.stay.pulse + phi.number(-8, 8, scene.rng)))
_plain("bp", "", lambda scene: _pressure(scene))
_plain("relword", "", lambda scene: scene.patient.relatives[0].relation)
_plain("relfirst", "PATIENT", lambda scene: scene.patient.relatives[0].person.first)
_plain("pt.lower", "PATIENT", lambda scene: scene.patient.name.last.lower())


def _pressure(scene: Scene) -> str:
    systolic = scene.stay.systolic + phi.number(-9, 9, scene.rng)
    return f"{systolic}/{systolic * 6 // 10 + phi.number(-9, 6, scene.rng)}"


@_slot("dr.lower")
def _doctor_lower(argument: str) -> Call:
    return lambda scene: scene.draft.put_phi("DOCTOR", _person(scene, argument or "attending").last.lower())


@_slot("smoke")
def _smoke(argument: str) -> Call:
    return lambda scene: scene.say(f"smoke_{scene.background.smoker}")


@_slot("drink")
def _drink(argument: str) -> Call:
    return lambda scene: scene.say(f"drink_{scene.background.drinks}")


@_slot("lungs")
def _lungs(argument: str) -> Call:
    def call(scene: Scene) -> None:
        abnormal = scene.stay.acute.exam.get("lungs")
        if abnormal and scene.random() < 0.7:
            scene.write(scene.rng.choice(abnormal))
        else:
            scene.say("exam_lungs")

    return call


# What the phrase is about -------------------------------------------------------------------------------------

_FAMILY: Final = Assertion(experiencer="family")
_UNCERTAIN: Final = Assertion(uncertain=True)


@_slot("who")
def _who(argument: str) -> Call:
    return lambda scene: scene.draft.put(str(scene.focus[0]))  # type: ignore[index]


@_slot("famdx")
def _family_disease(argument: str) -> Call:
    def call(scene: Scene) -> None:
        chronic = scene.focus[1]  # type: ignore[index]
        scene.draft.put_entity("Disease", scene.rng.choice(chronic.names), _FAMILY)

    return call


@_slot("allergen")
def _allergen(argument: str) -> Call:
    return lambda scene: scene.draft.put_entity("Chemical", str(scene.focus[0]))  # type: ignore[index]


@_slot("reaction")
def _reaction(argument: str) -> Call:
    return lambda scene: scene.draft.put_entity("Disease", str(scene.focus[1]), _PAST)  # type: ignore[index]


@_slot("short")
def _short(argument: str) -> Call:
    def call(scene: Scene) -> None:
        study = scene.focus.study if isinstance(scene.focus, Image) else scene.stay.acute.images[0].study
        scene.draft.put_entity("Procedure", scene.book.clinic.studies[study].short)

    return call


@_slot("op")
def _operation(argument: str) -> Call:
    def call(scene: Scene) -> None:
        if not isinstance(scene.focus, Operation):
            raise TypeError("{op} stands only in phrases about an operation")
        scene.write(scene.rng.choice(scene.focus.names))

    return call


@_slot("drugfor")
def _drug_for(argument: str) -> Call:
    """The patient's drug for the disease in focus, else any of them."""

    def call(scene: Scene) -> None:
        chronic = scene.focus
        wanted = {key for group in chronic.drugs for key in group} if isinstance(chronic, Chronic) else set()
        drugs = [dose for dose in scene.background.home if dose.key in wanted]
        if not drugs:
            scene.draft.put("current regimen")
            return
        for index, dose in enumerate(drugs):
            scene.draft.put(", " if index else "")
            scene.draft.put_entity("Chemical", dose.name)

    return call


def lab_value(scene: Scene, key: str) -> str:
    """The value of a lab on the day of the note: the admission's drifts towards normal."""
    lab = scene.book.clinic.labs[key]
    first = scene.stay.labs[key]
    middle = (lab.low + lab.high) / 2
    share_left = max(0.15, 1 - 0.25 * (scene.today - scene.stay.admit).days)
    value = middle + (first - middle) * share_left * (0.92 + 0.16 * scene.random())
    return f"{max(value, 0.01):.{lab.decimals}f}"


@_slot("say")
def _say(argument: str) -> Call:
    """Another phrase, by its key."""
    return lambda scene: scene.say(argument)


SLOTS["Rel"] = _relative_said
