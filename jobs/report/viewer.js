// The note viewer. Text of notes is only ever set as text, never as markup.
(function () {
  "use strict";
  const source = document.getElementById("shown");
  if (!source) return;
  const shown = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const FLAGS = ["negated", "uncertain", "historical", "hypothetical"];
  const off = new Set();
  let current = 0;

  function make(kind, names, text) {
    const made = document.createElement(kind);
    if (names) made.className = names;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  }

  const plain = (name) => name.replaceAll("_", " ");

  function colour(label) {
    return "c" + (label in shown.labels ? shown.labels[label] : 9);
  }

  function isOthers(entity) {
    return entity.experiencer !== undefined && entity.experiencer !== "patient";
  }

  function told(entity) {
    const flags = FLAGS.filter((flag) => entity[flag]);
    if (isOthers(entity)) flags.push("experiencer " + entity.experiencer);
    return flags;
  }

  // Offsets count characters as Python does; JavaScript's strings count UTF-16 units.
  function pieces(note) {
    const characters = Array.from(note.text);
    const cuts = new Set([0, characters.length]);
    const spans = [];
    const add = (start, end, what) => {
      if (start === null || end === null || end <= start) return;
      cuts.add(start).add(end);
      spans.push({ start, end, ...what });
    };
    note.entities.forEach((entity, at) => add(entity.start, entity.end, { entity: at }));
    note.codes.forEach((code, at) => (code.evidence || []).forEach(([start, end]) => add(start, end, { code: at })));
    note.sections.forEach((section, at) => {
      const title = section.title ? Array.from(section.title).length : 0;
      add(section.start, section.start + title, { section: at });
    });
    spans.sort((a, b) => a.start - b.start || b.end - a.end);
    const ordered = Array.from(cuts).sort((a, b) => a - b);
    const found = [];
    let next = 0;
    let open = [];
    for (let at = 0; at + 1 < ordered.length; at += 1) {
      const [start, end] = [ordered[at], ordered[at + 1]];
      while (next < spans.length && spans[next].start <= start) open.push(spans[next++]);
      open = open.filter((span) => span.end > start);
      found.push({ start, end, text: characters.slice(start, end).join(""), spans: open.slice() });
    }
    return found;
  }

  function showText(note) {
    const text = byId("text");
    text.replaceChildren();
    const begun = new Set();
    for (const piece of pieces(note)) {
      const entities = piece.spans.filter((span) => "entity" in span);
      const codes = piece.spans.filter((span) => "code" in span).map((span) => span.code);
      const heading = piece.spans.find((span) => "section" in span);
      if (!entities.length && !codes.length && !heading) {
        text.append(piece.text);
        continue;
      }
      const span = make("span", "", piece.text);
      if (heading) {
        span.classList.add("head");
        if (!begun.has("s" + heading.section)) {
          begun.add("s" + heading.section);
          span.id = "section-" + heading.section;
          span.dataset.category = plain(note.sections[heading.section].category);
        }
      }
      if (codes.length) {
        span.classList.add("evidence");
        span.dataset.codes = codes.join(" ");
      }
      if (entities.length) {
        // Of several mentions one upon another the innermost gives the colour; a label that is put out gives none.
        const seen = entities.filter((one) => !off.has(note.entities[one.entity].label));
        const inner = seen.length ? seen[seen.length - 1] : entities[entities.length - 1];
        const entity = note.entities[inner.entity];
        span.classList.add("entity", colour(entity.label), ...FLAGS.filter((flag) => entity[flag]));
        if (isOthers(entity)) span.classList.add("other");
        if (!seen.length) span.classList.add("off");
        span.dataset.entities = entities.map((one) => one.entity).join(" ");
        const ending = seen.filter((one) => one.end === piece.end).map((one) => note.entities[one.entity].label);
        if (ending.length) {
          span.classList.add("last");
          span.dataset.label = Array.from(new Set(ending)).map(plain).join(" · ");
        }
        if (!begun.has(inner.entity)) {
          begun.add(inner.entity);
          span.tabIndex = -1;
          span.setAttribute("role", "button");
          const words = Array.from(note.text).slice(entity.start, entity.end).join("");
          span.setAttribute("aria-label", [words, entity.label, ...told(entity)].join(", "));
        }
      }
      text.append(span);
    }
    const first = stops()[0];
    if (first) first.tabIndex = 0;
  }

  const stops = () => Array.from(byId("text").querySelectorAll(".entity[role]:not(.off)"));

  function detail(note, chosen) {
    const list = make("dl");
    const say = (name, value) => list.append(make("dt", "", name), make("dd", "", value));
    chosen.map((at) => note.entities[at]).reverse().forEach((entity) => {
      const codes = note.codes.filter((code) => (code.evidence || []).some(([start, end]) => start < entity.end && end > entity.start));
      say("words", Array.from(note.text).slice(entity.start, entity.end).join(""));
      say("label", plain(entity.label));
      say("score", entity.score === undefined ? "–" : entity.score.toFixed(2));
      say("assertion", told(entity).join(", ") || "present");
      say("offsets", entity.start + " to " + entity.end);
      if (codes.length) say("codes", codes.map((code) => code.code).join(", "));
    });
    byId("detail").replaceChildren(list);
  }

  function light(code, on) {
    document.querySelectorAll("#text .evidence").forEach((span) => {
      if (span.dataset.codes.split(" ").includes(String(code))) span.classList.toggle("lit", on);
    });
    const button = document.querySelector('#note-codes button[data-code="' + code + '"]');
    if (button) button.classList.toggle("lit", on);
  }

  function showCodes(note) {
    const list = byId("note-codes");
    list.replaceChildren();
    if (!note.codes.length) list.append(make("li", "small", "None."));
    note.codes.forEach((code, at) => {
      const item = make("li");
      const button = make("button");
      button.type = "button";
      button.dataset.code = at;
      button.setAttribute("aria-pressed", "false");
      button.append(make("span", "n", code.score === null ? "" : code.score.toFixed(2)), make("code", "", code.code));
      button.append(" " + (code.description || code.system || ""));
      const pressed = () => button.getAttribute("aria-pressed") === "true";
      const enter = () => light(at, true);
      const leave = () => { if (!pressed()) light(at, false); };
      button.addEventListener("mouseenter", enter);
      button.addEventListener("mouseleave", leave);
      button.addEventListener("focus", enter);
      button.addEventListener("blur", leave);
      button.addEventListener("click", () => {
        button.setAttribute("aria-pressed", String(!pressed()));
        light(at, true);
        const first = Array.from(document.querySelectorAll("#text .evidence")).find((span) => span.dataset.codes.split(" ").includes(String(at)));
        if (first && pressed()) first.scrollIntoView({ block: "center" });
      });
      item.append(button);
      list.append(item);
    });
  }

  function showOutline(note) {
    const list = byId("outline");
    list.replaceChildren();
    if (!note.sections.length) list.append(make("li", "small", "None."));
    note.sections.forEach((section, at) => {
      if (!section.title) return;
      const item = make("li");
      const link = make("a", "", section.title);
      link.href = "#section-" + at;
      link.append(make("span", "small", plain(section.category) + (section.loinc ? " · " + section.loinc : "")));
      item.append(link);
      list.append(item);
    });
  }

  function showLegend(note) {
    const legend = byId("legend");
    legend.replaceChildren();
    const labels = Object.keys(shown.labels).filter((label) => note.entities.some((entity) => entity.label === label));
    labels.forEach((label) => {
      const chip = make("label", colour(label));
      const box = make("input");
      box.type = "checkbox";
      box.checked = !off.has(label);
      box.addEventListener("change", () => {
        if (box.checked) off.delete(label); else off.add(label);
        showText(note);
      });
      const count = note.entities.filter((entity) => entity.label === label).length;
      chip.append(box, plain(label) + " " + count);
      legend.append(chip);
    });
    if (!labels.length) legend.append(make("span", "small", "No entities in this note."));
  }

  function choose(at) {
    current = (at + shown.notes.length) % shown.notes.length;
    byId("note").value = String(current);
    const note = shown.notes[current];
    showLegend(note);
    showOutline(note);
    showCodes(note);
    showText(note);
    byId("detail").replaceChildren(make("p", "small", "None chosen yet."));
  }

  shown.notes.forEach((note, at) => {
    const option = make("option", "", [note.type || "note", note.year, note.id].filter(Boolean).join(" · "));
    option.value = String(at);
    byId("note").append(option);
  });
  byId("note").addEventListener("change", (event) => choose(Number(event.target.value)));
  byId("previous").addEventListener("click", () => choose(current - 1));
  byId("next").addEventListener("click", () => choose(current + 1));

  const text = byId("text");
  const chosen = (target) => (target instanceof Element ? target.closest(".entity") : null);
  const showOf = (span) => { if (span) detail(shown.notes[current], span.dataset.entities.split(" ").map(Number)); };
  text.addEventListener("focusin", (event) => showOf(chosen(event.target)));
  text.addEventListener("click", (event) => showOf(chosen(event.target)));
  text.addEventListener("mouseover", (event) => showOf(chosen(event.target)));
  text.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const all = stops();
    const at = all.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
    all[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  document.querySelector(".viewer").hidden = false;
  document.querySelector(".noscript").remove();
  choose(0);
})();
