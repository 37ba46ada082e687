"use strict";
// Shows the data of this page. Every text goes in as text: nothing here makes markup out of a string.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const CHUNK = 100;
  const LEVELS = ["impossible", "limit", "danger", "notice"];
  const SIGNS = { "+": "good-ink", "\u2713": "good-ink", "-": "bad-ink", "!": "bad-ink", "~": "warn-ink", "\u2013": "warn-ink" };
  const NONE = "\u2014";

  const el = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const count = (number) => number.toLocaleString("en-US");
  const many = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
  const names = (found) => [...new Set(found)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const blocking = (risk) => risk.level !== "notice";

  // --- what is shown, and what of it

  const ACTION_WORD = data.what === "plan" ? "action" : data.what === "drift" ? "finding" : "outcome";
  const lists = {
    changes: { label: data.what === "drift" ? "Findings" : "Changes", rows: data.items, unit: data.what === "drift" ? "finding" : "change" },
    access: { label: "Access", rows: data.access, unit: "principal" },
    estate: { label: data.whole ? "Estate" : "Unmanaged", rows: data.resources, unit: "resource" },
  };
  const haystack = (row) => {
    const parts = [row.n, row.k, row.c, row.o, row.a, row.m, row.u, ...(row.p || [])];
    for (const risk of row.r || []) parts.push(risk.code, risk.text);
    for (const setting of row.f || []) parts.push(...setting);
    for (const setting of row.g || []) parts.push(...setting);
    for (const line of row.l || []) parts.push(line.slice(0, 3).filter(Boolean).join(" "));
    return parts.filter(Boolean).join("\n").toLowerCase();
  };
  const FILTERS = {
    cluster: { label: "Cluster", on: ["changes", "access", "estate"], of: (row) => [row.c] },
    kind: { label: "Kind", on: ["changes", "estate"], of: (row) => [row.k] },
    owner: { label: "Owner", on: ["changes", "estate"], of: (row) => [row.o || NONE] },
    action: { label: ACTION_WORD[0].toUpperCase() + ACTION_WORD.slice(1), on: ["changes"], of: (row) => [row.a] },
    risk: {
      label: "Risk",
      on: ["changes"],
      of: (row) => {
        const levels = new Set();
        for (const risk of row.r || []) {
          levels.add(risk.code).add(risk.level);
          if (blocking(risk)) levels.add("blocking");
        }
        return levels.size ? [...levels] : ["none"];
      },
    },
    managed: { label: "Managed", on: ["estate"], of: (row) => [row.z ? "managed" : "unmanaged"] },
  };
  const state = { tab: "changes", q: "", topic: "" };
  for (const name of Object.keys(FILTERS)) state[name] = "";

  const reaches = (line, topic) =>
    line[7] === "topic" && (line[8] === "prefixed" ? topic.startsWith(line[9]) : line[9] === "*" || line[9] === topic);
  const chosen = () => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const asked = Object.entries(FILTERS).filter(([name, filter]) => state[name] && filter.on.includes(state.tab));
    return lists[state.tab].rows.filter((row) => {
      if (state.tab === "access" && state.topic && !row.l.some((line) => reaches(line, state.topic))) return false;
      if (!asked.every(([name, filter]) => filter.of(row).includes(state[name]))) return false;
      if (!words.length) return true;
      row.text = row.text || haystack(row);
      return words.every((word) => row.text.includes(word));
    });
  };

  // --- the head

  const badge = (risk) => el("span", { class: `badge ${risk.level}` }, `${risk.code} ${risk.level}`);
  const tile = ([word, number]) => {
    const actions = { create: "good", update: "warn", delete: "bad", blocked: "bad", changed: "warn", gone: "bad", differs: "warn", unhealthy: "bad", done: "good", failed: "bad", unknown: "bad", skipped: "warn" };
    const tone = number ? actions[word] || "" : "zero";
    const inside = [el("b", {}, count(number)), el("span", {}, word)];
    const filter = word === "blocked" ? ["risk", "blocking"] : actions[word] || word === "pending" ? ["action", word] : null;
    if (!filter || !number) return el("div", { class: `count ${tone}` }, inside);
    const press = () => {
      const off = state[filter[0]] === filter[1];
      go({ tab: "changes", [filter[0]]: off ? "" : filter[1] });
    };
    return el("button", { class: `count ${tone}`, type: "button", "data-filter": filter.join("="), onclick: press }, inside);
  };
  const head = () => {
    const bad = data.failures.length > 0 || /cannot be done|not as/.test(data.verdict);
    const calm = { plan: data.items.length ? "Nothing stands in the way" : "Nothing to do: the clusters are as the spec says", drift: "No drift: everything is as it was applied", result: "Everything reads back as planned" };
    const verdict = el("div", { class: `verdict ${bad ? "bad" : data.verdict ? "warn" : "good"}` }, el("p", {}, data.verdict || calm[data.what]));
    const not = data.what === "result" ? "could not be finished" : "could not be looked at";
    for (const [cluster, why] of data.failures) verdict.append(el("p", {}, `cluster ${cluster} ${not}: ${why}`));
    document.getElementById("head").append(
      el("p", { class: "brand" }, "kstate"),
      el("h1", {}, data.title),
      el("dl", { class: "meta" }, data.meta.map(([name, value]) =>
        el("div", {}, el("dt", {}, name), el("dd", { class: /digest|fingerprint|commit/.test(name) ? "mono" : "" }, value)))),
      verdict,
      el("div", { class: "counts" }, data.counts.map(tile)),
    );
  };

  // --- panels: every code that was met, and what is said about the whole

  const explained = (code) => {
    const [title, text, undo] = data.codes[code] || [code, "", ""];
    return { title, text: [text, undo && `Undoing it: ${undo}`].filter(Boolean).join(" ") };
  };
  const codes = () => {
    const met = new Map();
    for (const row of data.items) for (const risk of row.r || []) {
      const known = met.get(risk.code) || { level: risk.level, rows: 0 };
      known.rows += 1;
      met.set(risk.code, known);
    }
    return [...met].sort(([a, one], [b, other]) => LEVELS.indexOf(one.level) - LEVELS.indexOf(other.level) || (a < b ? -1 : 1));
  };
  const panels = () => {
    const lines = data.risks.map((risk) => el("li", {}, el("div", { class: "code-line" }, badge(risk), el("span", { class: "fill" }, risk.text)), risk.way && el("code", { class: "way" }, risk.way)));
    for (const [code, { level, rows }] of codes()) {
      const { title, text } = explained(code);
      const only = () => go({ tab: "changes", risk: code });
      const named = [el("span", { class: `badge ${level}` }, data.what === "drift" ? code : `${code} ${level}`), " ", title];
      lines.push(el("li", { class: "code-line" },
        text ? el("details", { class: "fill" }, el("summary", {}, named), el("p", { class: "quiet" }, text)) : el("span", { class: "fill" }, named),
        el("button", { class: "linklike", type: "button", onclick: only }, many(rows, lists.changes.unit), el("span", { class: "unseen" }, ` with ${code}`))));
    }
    const made = [];
    if (lines.length) made.push(el("section", { class: "panel" }, el("h2", {}, { plan: "What to know before it is applied", drift: "What was found", result: "What was known of it" }[data.what]), el("ul", {}, lines)));
    if (data.notices.length) {
      const list = el("ul", {}, data.notices.map((line) => el("li", { class: "quiet" }, line)));
      made.push(el("details", { class: "panel", open: data.notices.length <= 3 }, el("summary", {}, many(data.notices.length, "note")), list));
    }
    return made;
  };

  // --- rows

  const settings = (row) => {
    if (row.g && row.g.length) return table(["setting", "last applied", "wanted by the spec", "is"], row.g, ["", "", "is", "was"]);
    if (!row.f || !row.f.length) return null;
    const two = row.f.every((setting) => setting.length === 3 && setting[1] && setting[2]);
    if (two) return table(["setting", "before", "after"], row.f, ["", "was", "is"]);
    return table(["setting", "value"], row.f.map((setting) => [setting[0], setting.slice(1).filter(Boolean).join("")]), ["", ""]);
  };
  const table = (heads, rows, tones) =>
    el("table", { class: "settings" },
      el("thead", {}, el("tr", {}, heads.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map((cells) => el("tr", {}, cells.map((cell, at) =>
        at ? el("td", { class: tones[at] }, cell) : el("th", { scope: "row" }, cell))))));

  const marked = (text, from, to) => [text.slice(0, from), from < to ? el("mark", {}, text.slice(from, to)) : "", text.slice(to)];
  const pair = (before, after) => {
    // What two versions of a line have alike at both ends is not marked.
    let start = 0;
    while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
    let end = 0;
    while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
    return [marked(before, start, before.length - end), marked(after, start, after.length - end)];
  };
  const sides = (rows) => {
    const lines = rows.map(([how, before, after]) => {
      if (how === "skipped") return el("tr", { class: how }, el("td", { colspan: "2" }, `${many(Number(before), "line")} alike`));
      const [left, right] = how === "changed" ? pair(before, after) : [before, after];
      return el("tr", { class: how }, el("td", {}, left), el("td", {}, right));
    });
    return el("div", { class: "scroll", role: "region", "aria-label": "the schema before and after", tabindex: "0" },
      el("table", { class: "diff" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "before"), el("th", { scope: "col" }, "after"))), el("tbody", {}, lines)));
  };
  const risk = (found) => el("div", { class: `found ${found.level}` },
    el("p", {}, badge(found), ` ${found.text}`),
    found.figures.length ? el("p", { class: "quiet" }, found.figures.map(([name, value]) => `${name}: ${value}`).join(", ")) : null,
    explained(found.code).text ? el("p", { class: "quiet" }, explained(found.code).text) : null,
    found.way ? el("code", { class: "way" }, found.way) : null);

  const fill = (row, body) => {
    const drift = data.what === "drift";
    body.append(...[
      row.u ? el("div", { class: `found ${{ done: "", skipped: "danger" }[row.a] ?? "impossible"}` }, row.u) : null,
      ...(drift ? [] : (row.r || []).map(risk)),
      settings(row),
      row.d && row.d.length ? sides(row.d) : null,
      row.t && row.t.length ? el("ol", { class: "steps" }, row.t.map((step) => el("li", {}, step))) : null,
      row.m ? el("p", { class: "quiet" }, row.m) : null,
      row.w === "unowned" || row.w === "foreign" ? el("p", { class: "quiet" }, row.w === "unowned" ? "live, and owned by no estate" : "owned by another estate") : null,
      row.p.length ? el("p", { class: "quiet" }, "asked for at ", el("code", {}, row.p.join(", "))) : null,
    ].filter(Boolean));
    if (!body.childElementCount) body.append(el("p", { class: "quiet" }, "There is no more to say."));
  };
  const opening = (summary, build, open) => {
    const body = el("div", { class: "body" });
    const made = el("details", { class: "row", open }, summary, body);
    const once = () => { if (made.open && !body.childElementCount) build(body); };
    made.addEventListener("toggle", once);
    if (open) once();
    return made;
  };
  const places = (row) => (row.p.length > 1 ? `${row.p[0]} and ${row.p.length - 1} more` : row.p[0] || "");

  const changeRow = (row) => opening(
    el("summary", {},
      el("span", { class: `sign ${SIGNS[row.s] || ""}`, "aria-hidden": "true" }, row.s || "\u00b7"),
      el("span", { class: "name" }, el("span", { class: "kind" }, `${row.a} ${row.k}`), el("code", {}, row.n)),
      el("span", { class: "aside" },
        data.what !== "plan" ? [] : names((row.r || []).filter(blocking).map((found) => found.code)).map((code) => badge(row.r.find((found) => found.code === code))),
        row.o ? el("span", {}, row.o) : null,
        places(row) ? el("code", { class: "place" }, places(row)) : null)),
    (body) => fill(row, body));

  const estateRow = (row) => opening(
    el("summary", {},
      el("span", { class: "sign", "aria-hidden": "true" }, "\u00b7"),
      el("span", { class: "name" }, el("span", { class: "kind" }, row.k), el("code", {}, row.n)),
      el("span", { class: "aside" },
        el("span", { class: `badge ${row.z ? "yes" : ""}` }, row.z ? "managed" : "unmanaged"),
        row.o ? el("span", {}, row.o) : null,
        places(row) ? el("code", { class: "place" }, places(row)) : null)),
    (body) => fill(row, body));

  const accessLine = ([sentence, name, where, change, isVoid, limits, deny]) => el("li", {},
    el("span", { class: `sign ${change === "new" ? "good-ink" : change === "gone" ? "bad-ink" : ""}` },
      change === "new" ? "+" : change === "gone" ? "\u2212" : "\u00b7",
      change ? el("span", { class: "unseen" }, change === "new" ? "granted: " : "taken away: ") : null),
    el(isVoid || change === "gone" ? "s" : "span", { class: deny ? "warn-ink" : "" }, sentence, name ? [" ", el("code", {}, name)] : [], where),
    isVoid ? el("span", { class: "limit" }, " \u2014 without effect") : null,
    limits.map((limit) => el("span", { class: "limit" }, ` \u2014 ${limit}`)));
  const accessRow = (row) => {
    const lines = state.topic ? row.l.filter((line) => reaches(line, state.topic)) : row.l;
    const moved = row.l.some((line) => line[3]);
    return opening(
      el("summary", {},
        el("span", { class: "sign warn-ink", "aria-hidden": "true" }, moved ? "~" : "\u00b7"),
        el("span", { class: "name" }, el("code", {}, row.n)),
        el("span", { class: "aside" }, moved ? el("span", { class: "badge limit" }, "changes") : null, many(lines.length, "right"))),
      (body) => body.append(el("ul", { class: "access" }, lines.map(accessLine))),
      Boolean(state.topic) || data.access.length <= 12);
  };
  const ROWS = { changes: changeRow, access: accessRow, estate: estateRow };

  // --- the list: as much as fits on a few screens at a time

  const clusterHead = (name) => {
    const about = data.clusters[name] || {};
    const told = [about.platform, about.id && `id ${about.id}`, about.coverage !== undefined && `${count(about.managed)} managed, ${about.coverage} % of what it owns`].filter(Boolean);
    return el("h2", { class: "cluster" }, name, el("small", {}, told.join(", ")));
  };
  let rest = [];
  let watcher = null;
  const grow = () => {
    const list = document.getElementById("list");
    const more = document.getElementById("more");
    for (const row of rest.splice(0, CHUNK)) {
      if (list.dataset.cluster !== row.c) {
        list.dataset.cluster = row.c;
        list.append(clusterHead(row.c), el("div", { class: "rows" }));
      }
      list.lastElementChild.append(ROWS[state.tab](row));
    }
    more.hidden = rest.length === 0;
    more.textContent = `Show more (${count(rest.length)} left)`;
    // Seen anew, it is looked at anew: a button that never left the screen would not be told of again.
    if (watcher) { watcher.unobserve(more); watcher.observe(more); }
  };
  const explain = {
    changes: "",
    access: data.whole
      ? (data.what === "plan" ? "What bindings allow and deny, as it will be once this plan is applied: + is granted by it, \u2212 taken away. " : "What bindings allow and deny, as it is now. ") + "A deny wins over every allow. Super users need no binding and are not listed."
      : "Only what this plan grants and takes away: a saved plan does not hold what else is live. A deny wins over every allow.",
    estate: data.whole ? "Everything that was seen, ACLs left aside: what documents or the ledger account for is managed." : "Inside what the clusters own, and in no document.",
  };
  const show = () => {
    const { rows, unit } = lists[state.tab];
    const found = chosen();
    const list = document.getElementById("list");
    list.replaceChildren();
    delete list.dataset.cluster;
    rest = [...found];
    document.getElementById("status").textContent = found.length === rows.length ? many(rows.length, unit) : `${count(found.length)} of ${many(rows.length, unit)}`;
    document.getElementById("explained").textContent = explain[state.tab];
    grow();
    if (!found.length) list.append(el("p", { class: "empty" }, rows.length ? "Nothing matches. Take a filter away." : "There is nothing here."));
  };

  // --- tabs and filters

  const options = (name) => {
    const counted = new Map();
    for (const row of lists[state.tab].rows) for (const value of FILTERS[name].of(row)) counted.set(value, (counted.get(value) || 0) + 1);
    const order = ["blocking", ...LEVELS];
    const rank = (value) => (name === "risk" && order.includes(value) ? order.indexOf(value) : order.length);
    return [...counted].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  };
  const choice = (name) => {
    const { label } = FILTERS[name];
    const select = el("select", { "data-name": name, class: state[name] ? "on" : "", onchange: (event) => go({ [name]: event.target.value }) },
      el("option", { value: "" }, `${label}: all`),
      options(name).map(([value, rows]) => el("option", { value, selected: state[name] === value }, `${value === NONE ? "nobody named" : value} (${count(rows)})`)));
    return el("label", {}, el("span", { class: "unseen" }, label), select);
  };
  let typing = 0;
  const typed = (name) => (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => { state[name] = event.target.value.trim(); remember(); show(); clearable(); }, 120);
  };
  const clearable = () => {
    const any = state.q || state.topic || Object.keys(FILTERS).some((name) => state[name] && FILTERS[name].on.includes(state.tab));
    document.getElementById("clear").hidden = !any;
  };
  const bar = () => {
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.name : "";
    const shown = Object.keys(FILTERS).filter((name) => FILTERS[name].on.includes(state.tab) && (state[name] || options(name).length > 1));
    const tabs = Object.entries(lists).filter(([name, list]) => name === "changes" || list.rows.length || data.what !== "result").map(([name, list]) =>
      el("button", { class: "tab", type: "button", "data-name": `tab-${name}`, "aria-current": state.tab === name ? "true" : "false", onclick: () => go({ tab: name }) }, list.label, el("small", {}, count(list.rows.length))));
    const clear = () => go({ q: "", topic: "", ...Object.fromEntries(Object.keys(FILTERS).map((name) => [name, ""])) });
    document.getElementById("bar").replaceChildren(
      el("nav", { class: "tabs", "aria-label": "Parts of this page" }, tabs),
      el("div", { class: "filters", role: "search" },
        el("label", { class: "wide" }, el("span", { class: "unseen" }, "Search"), el("input", { type: "search", "data-name": "q", placeholder: "Search names, settings, codes, files   (press /)", value: state.q, autocomplete: "off", spellcheck: "false", oninput: typed("q") })),
        state.tab === "access" ? el("label", { class: "wide" }, el("span", { class: "unseen" }, "Who may reach this topic"), el("input", { type: "search", "data-name": "topic", placeholder: "Who may reach the topic \u2026", value: state.topic, autocomplete: "off", spellcheck: "false", oninput: typed("topic") })) : null,
        shown.map(choice),
        el("button", { class: "clear", id: "clear", type: "button", onclick: clear }, "Clear")));
    clearable();
    if (focused) { const again = document.querySelector(`[data-name="${focused}"]`); if (again) again.focus(); }
    for (const pressed of document.querySelectorAll("button.count")) {
      const [name, value] = pressed.dataset.filter.split("=");
      pressed.setAttribute("aria-pressed", String(state[name] === value));
    }
  };

  // --- where we are stands in the address, so that it can be passed on

  const remember = () => {
    const told = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value && !(name === "tab" && value === "changes")) told.set(name, value);
    history.replaceState(null, "", `#${told}`);
  };
  const recall = () => {
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (name in state && (name !== "tab" || value in lists)) state[name] = value;
  };
  const go = (changes) => {
    Object.assign(state, changes);
    remember();
    bar();
    show();
  };

  recall();
  head();
  document.getElementById("main").append(
    ...panels(),
    el("div", { class: "bar", id: "bar" }),
    el("p", { class: "status", id: "status", role: "status" }),
    el("p", { class: "explained", id: "explained" }),
    el("div", { id: "list", tabindex: "-1" }),
    el("button", { class: "more", id: "more", type: "button", onclick: grow, hidden: true }));
  document.getElementById("foot").append(el("p", {}, `Made by kstate at ${data.created}. This page loads nothing and sends nothing.`));
  bar();
  show();
  watcher = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting) && rest.length) grow(); }, { rootMargin: "600px" });
  watcher.observe(document.getElementById("more"));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /INPUT|SELECT/.test(event.target.tagName)) return;
    event.preventDefault();
    document.querySelector('[data-name="q"]').focus();
  });
})();
