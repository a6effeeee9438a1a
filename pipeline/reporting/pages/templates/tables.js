// The tools of tables: sort, search, filter, choice of columns, copies. DataTables (vendor/) sorts
// and filters; copies are made of what is seen, in the forms that the page's attributes hold.
"use strict";
(() => {
  const number = (text) => (text === "" ? null : text.endsWith("inf") ? parseFloat(text.replace("inf", "Infinity")) : Number(text));
  // Rows without a value come last, whichever way the others go.
  const by = (sign) => (one, other) => {
    const [a, b] = [number(one), number(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return a === b ? 0 : sign * (a - b);
  };
  DataTable.type("score", {detect: () => false, order: {asc: by(1), desc: by(-1)}});

  const tidy = (text) => text.replace(/\s+/g, " ").trim();

  // A cell's own text, without what stands small below it and without the library's signs.
  const own = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("small, .dt-column-order").forEach((one) => one.remove());
    return tidy(copy.textContent);
  };
  const small = (cell, form) =>
    [...cell.querySelectorAll("small:not(.of)")]
      .filter((one) => one.checkVisibility())
      .map((one) => one.dataset[form] ?? tidy(one.textContent));
  const written = (cell, form) => {
    const plain = cell.dataset[form] ?? own(cell);
    if (form === "csv" && cell.tagName === "TD") return cell.dataset.order ?? plain;
    return [plain, ...small(cell, form)].filter(Boolean).join(" ");
  };

  class Table {
    constructor(tools) {
      this.tools = tools;
      this.table = tools.nextElementSibling.querySelector("table");
      this.said = tools.querySelector("output");
      this.leaves = [...this.table.tHead.querySelectorAll("th:not([scope=colgroup])")];
      this.groups = this.ungrouped();
      const better = {higher: ["desc", "asc", ""], lower: ["asc", "desc", ""]};
      this.view = new DataTable(this.table, {
        paging: false,
        info: false,
        autoWidth: false,
        order: [],
        layout: {topStart: null, topEnd: null, bottomStart: null, bottomEnd: null},
        language: {zeroRecords: "No row matches."},
        columns: this.leaves.map((head, at) =>
          at
            ? {type: "score", searchable: false, orderSequence: better[head.dataset.better]}
            : {type: "string", orderSequence: ["asc", "desc", ""]},
        ),
      });
      this.view.on("draw", () => this.drawn());
      this.listen();
      this.drawn();
      tools.hidden = false;
    }

    // Rows of one body; each knows the row that heads its group.
    ungrouped() {
      const groups = new Map();
      const [body, ...others] = this.table.tBodies;
      for (const part of [body, ...others]) {
        let head = null;
        for (const row of [...part.rows]) {
          if (row.classList.contains("group")) {
            row.remove();
            head = row;
            continue;
          }
          groups.set(row, head);
          body.append(row);
          if (head) {
            const of = document.createElement("small");
            of.className = "of";
            of.textContent = tidy(head.textContent);
            row.cells[0].append(of);
          }
        }
      }
      others.forEach((part) => part.remove());
      return groups;
    }

    listen() {
      const {tools, view} = this;
      // The library knows Enter; what is a button is pressed by the space bar too.
      this.table.tHead.addEventListener("keydown", (event) => {
        if (event.key !== " " || !event.target.closest("[role=button]")) return;
        event.preventDefault();
        event.target.click();
      });
      tools.querySelector("[type=search]").addEventListener("input", (event) => {
        view.search(event.target.value).draw();
      });
      tools.querySelector(".only-measured")?.addEventListener("change", (event) => {
        const kept = (text, data, at) => view.row(at).node().classList.contains("measured");
        view.search.fixed("measured", event.target.checked ? kept : null).draw();
      });
      for (const box of tools.querySelectorAll("[data-choose]")) {
        box.addEventListener("change", () => this.choose());
      }
      for (const button of tools.querySelectorAll("[data-copy]")) {
        button.addEventListener("click", () => this.copy(button.dataset.copy, button.textContent));
      }
    }

    choose() {
      const off = {metric: new Set(), kind: new Set(), intervals: new Set()};
      for (const box of this.tools.querySelectorAll("[data-choose]:not(:checked)")) {
        off[box.dataset.choose].add(box.value);
      }
      this.leaves.forEach((head, at) => {
        const {metric, kind} = head.dataset;
        if (at) this.view.column(at).visible(!off.metric.has(metric) && !off.kind.has(kind), false);
      });
      this.table.classList.toggle("without-intervals", off.intervals.size > 0);
      this.view.draw();
    }

    shown() {
      return this.leaves.filter((_, at) => this.view.column(at).visible());
    }

    rows() {
      return [...this.table.tBodies[0].rows].filter((row) => this.groups.has(row));
    }

    // In their own order rows stand below the names of their groups; in another, each has its own.
    drawn() {
      this.table.querySelectorAll("tr.group").forEach((row) => row.remove());
      const sorted = this.view.order().some(([, way]) => way);
      this.table.classList.toggle("sorted", sorted);
      let before = null;
      for (const row of sorted ? [] : this.rows()) {
        const head = this.groups.get(row);
        if (head && head !== before) {
          head.cells[0].colSpan = this.shown().length;
          row.before(head);
        }
        before = head;
      }
      const count = this.rows().length;
      const all = this.groups.size;
      this.said.textContent = count === all ? `${all} rows` : `${count} of ${all} rows`;
    }

    async copy(form, name) {
      const text = {tex: latex, md: markdown, csv: sheet}[form](this);
      let done = true;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        done = false; // no leave to write there: the text is shown, and selected
      }
      this.tools.querySelector("textarea")?.remove();
      if (!done) {
        const area = document.createElement("textarea");
        area.setAttribute("aria-label", `This table as ${name}`);
        area.readOnly = true;
        area.value = text;
        this.tools.append(area);
        area.focus();
        area.select();
      }
      const rows = this.rows().length;
      this.said.textContent = done ? `${rows} rows copied as ${name}` : "Copy the text below";
    }

    get comments() {
      return this.tools.dataset.head.split("\n");
    }

    get grouped() {
      return [...this.groups.values()].some(Boolean);
    }

    // Name of a column in a form; in LaTeX metrics stand above their columns.
    name(head, form) {
      const {metric, kind, better} = head.dataset;
      if (metric === undefined) return own(head);
      const of = head.dataset[form] ?? metric;
      const arrow = {md: {higher: " \u2191", lower: " \u2193"}}[form]?.[better] ?? "";
      const several = this.leaves.some((one) => one.dataset.metric === metric && one !== head);
      return `${of}${arrow}${several ? ` ${kind}` : ""}`;
    }

    lines(form) {
      return this.rows().map((row) => [...row.cells].map((cell) => written(cell, form)));
    }

    groupOf(row, form) {
      const head = this.groups.get(row);
      return head ? (head.dataset[form] ?? tidy(head.textContent)) : "";
    }
  }

  const withGroups = (of, form) => {
    const heads = of.shown().map((head) => of.name(head, form));
    const lines = of.lines(form);
    if (!of.grouped) return [heads, ...lines];
    const groups = of.rows().map((row) => of.groupOf(row, form));
    return [["Group", ...heads], ...lines.map((line, at) => [groups[at], ...line])];
  };

  const sheet = (of) => {
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
    const lines = withGroups(of, "csv").map((line) => line.map(quoted).join(","));
    return [...of.comments.map((line) => `# ${line}`), ...lines, ""].join("\n");
  };

  const markdown = (of) => {
    const [heads, ...lines] = withGroups(of, "md");
    const names = of.grouped ? 2 : 1;
    const rule = heads.map((_, at) => (at < names ? "---" : "---:"));
    const rows = [heads, rule, ...lines].map((line) => `| ${line.join(" | ")} |`);
    return [...rows, "", `<!-- ${of.comments.join("; ").replace(/-->/g, "-- >")} -->`, ""].join("\n");
  };

  const latex = (of) => {
    const [first, ...others] = of.shown();
    const row = (cells) => `${cells.join(" & ")} \\\\`;
    const arrows = {higher: " $\\uparrow$", lower: " $\\downarrow$"};
    const above = (head) => `${head.dataset.tex ?? head.dataset.metric}${arrows[head.dataset.better]}`;
    const heads = [];
    if (others.some((head) => of.name(head, "tex") !== (head.dataset.tex ?? head.dataset.metric ?? own(head)))) {
      const spans = [];
      for (const head of others) {
        const last = spans.at(-1);
        if (last?.metric === head.dataset.metric) last.width += 1;
        else spans.push({metric: head.dataset.metric, text: above(head), width: 1});
      }
      heads.push(row(["", ...spans.map((one) => `\\multicolumn{${one.width}}{c}{${one.text}}`)]));
      let from = 2;
      heads.push(spans.map((one) => `\\cmidrule(lr){${from}-${(from += one.width) - 1}}`).join(" "));
      heads.push(row([own(first), ...others.map((head) => head.dataset.kind)]));
    } else {
      heads.push(row([own(first), ...others.map((head) => (head.dataset.metric ? above(head) : own(head)))]));
    }
    const body = [];
    let before = null;
    const sorted = of.table.classList.contains("sorted");
    for (const one of of.rows()) {
      const group = sorted ? null : of.groups.get(one);
      if (group && group !== before) {
        if (before) body.push("\\midrule");
        body.push(row([`\\multicolumn{${others.length + 1}}{l}{\\textit{${of.groupOf(one, "tex")}}}`]));
      }
      before = group;
      body.push(row([...one.cells].map((cell) => written(cell, "tex"))));
    }
    return [
      ...of.comments.map((line) => `% ${line}`),
      "% Needs \\usepackage{amssymb,booktabs}.",
      `\\begin{tabular}{l${"r".repeat(others.length)}}`,
      "\\toprule",
      ...heads,
      "\\midrule",
      ...body,
      "\\bottomrule",
      "\\end{tabular}",
      "",
    ].join("\n");
  };

  document.querySelectorAll(".tools").forEach((tools) => new Table(tools));
})();
