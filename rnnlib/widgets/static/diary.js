// Everything that the network has written so far, with what is new in each text; a slider goes back to any of them.

class Diary {
  constructor(plot, root) {
    this.plot = plot;
    const place = (name, inside) => inside.appendChild(document.createElement(name));
    this.root = place("div", root); this.root.className = "live-plot-diary";
    const label = place("label", this.root);
    this.heading = place("span", label);
    this.slider = place("input", label); Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "Diary: what it wrote, from the first text to the last");
    this.text = place("p", this.root);
    this.follows = true;
    this.slider.addEventListener("input", () => { this.follows = this.slider.value === this.slider.max; this.show(); });
  }

  show() {
    const entries = this.plot.store.lists.texts ?? [];
    this.root.hidden = !entries.length;
    if (!entries.length) { this.follows = true; this.shown = null; return; }
    this.slider.max = entries.length - 1;
    if (this.follows) this.slider.value = entries.length - 1;
    const entry = entries[this.slider.value];
    if (entry === this.shown) return;
    this.shown = entry;
    const { step, text, changed } = entry;
    const when = `${this.plot.store.facts.unit ?? "step"} ${step.toLocaleString("en")}`;
    this.heading.textContent = `At ${when} it writes:`;
    this.slider.setAttribute("aria-valuetext", `${when}: ${text}`);
    const parts = []; let end = 0;
    for (const [from, to] of changed) {
      const mark = document.createElement("mark");
      mark.textContent = text.slice(from, to);
      parts.push(text.slice(end, from), mark); end = to;
    }
    this.text.replaceChildren(...parts, text.slice(end));
  }
}
