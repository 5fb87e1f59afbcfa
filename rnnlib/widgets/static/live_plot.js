// The picture of what trains: panels, what is told beside them, the diary; and the hands of its reader.

const MILLISECONDS_OF_A_GLIDE = 60;             // between two pictures of axes that move, if nothing else is new
const SECONDS_OF_SILENCE = 10;                  // of a kernel that trains, before a reader is told

const stores = new Map();                       // by the widget's key: `initialize` and `render` see different model objects

function initialize({ model }) {                // once for a widget, however often it is shown
  const key = model.get("key"), store = new Store();
  stores.set(key, store);
  model.on("msg:custom", (message, buffers) => store.receive(message, buffers));
  model.send({ asks_for: "everything" });
  return () => stores.delete(key);
}

class Plot {
  constructor(model, el) {
    Object.assign(this, { model, store: stores.get(model.get("key")), zoom: null, mouse: null, dragged: null, pictures: 0, asked: false, panels: [] });
    this.root = document.createElement("div");
    this.root.className = "live-plot"; this.root.plot = this;
    const place = (name, className, inside = this.root) => { const made = inside.appendChild(document.createElement(name)); made.className = className; return made; };
    this.status = place("p", "live-plot-status");
    this.silence = place("p", "live-plot-silence live-plot-alert"); this.silence.setAttribute("role", "status");
    this.news = place("p", "live-plot-news"); this.news.setAttribute("aria-live", "polite");
    this.grid = place("div", "live-plot-panels");
    this.readout = place("div", "live-plot-readout"); this.readout.hidden = true; this.readout.setAttribute("aria-live", "polite");
    this.words = place("p", "live-plot-words");
    this.diary = new Diary(this, this.root);
    this.letter = place("span", "live-plot-letter");   // its width changes with the size of letters
    this.place = place;
    el.append(this.root);
    this.watch();
    this.changed();
  }

  get lastStep() { return this.store.facts.last_step ?? 0; }
  get marks() { return this.store.lists.marks ?? []; }
  get handle() { return this.store.facts.panels?.find((panel) => panel.handle)?.handle; }
  get handleValue() { return this.handle?.places[this.model.get("handle")]; }   // undefined where it is off

  // ------------------------------------------------------------------------------- what is shown

  changed() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.asked = false;
    if (!this.root.isConnected || !this.store.facts.panels) return;
    const { facts } = this.store, started = performance.now();
    if (facts.panels !== this.built) this.build(facts.panels);
    const look = lookOf(this.root);
    let moving = false;
    for (const panel of this.panels) {
      const width = panel.canvas.clientWidth, height = panel.canvas.clientHeight, dots = devicePixelRatio;
      if (!width) continue;
      if (panel.canvas.width !== Math.round(width * dots) || panel.canvas.height !== Math.round(height * dots)) Object.assign(panel.canvas, { width: Math.round(width * dots), height: Math.round(height * dots) });
      const ctx = panel.canvas.getContext("2d");
      ctx.setTransform(dots, 0, 0, dots, 0, 0); ctx.clearRect(0, 0, width, height);
      panel.place(width, height, look);
      moving = panel.draw(ctx, look) || moving;
      this.showNames(panel, look);
    }
    this.say(this.status, facts.status); this.say(this.news, (facts.news ?? []).join(" ")); this.say(this.words, facts.words);
    this.news.classList.toggle("live-plot-alert", Boolean(facts.alert));
    this.diary.show();
    this.placeHandle();
    this.showReadout();
    this.describe(started);
    this.pictures += 1; this.drawn = this.store.messages; this.milliseconds = performance.now() - started;
    clearTimeout(this.glide);
    if (moving) this.glide = setTimeout(() => this.changed(), MILLISECONDS_OF_A_GLIDE);
  }

  tellSilence() {                               // a kernel that has died says nothing of it
    const seconds = Math.round((performance.now() - this.store.heard) / 1000), trains = /(^|, )training/.test(this.store.facts.status);
    this.say(this.silence, trains && this.inView && seconds >= SECONDS_OF_SILENCE ? "The kernel has said nothing for more than ten seconds: it is busy, or it has ended." : "");
  }

  say(element, text = "") { if (element.textContent !== text) element.textContent = text; }

  build(panels) {                               // anew only where there are other panels; other lines and levels are read at every picture
    const kinds = (list) => JSON.stringify(list?.map(({ kind, title, handle, lines }) => [kind, title, handle, lines?.map((line) => [line.name, line.series])]));
    if (kinds(panels) !== kinds(this.built)) {
      const earlier = new Map(this.panels.map((panel) => [panel.title, panel]));
      this.grid.replaceChildren();
      this.grid.dataset.panels = panels.length;
      this.panels = panels.map((facts, number) => this.buildPanel(facts, number, earlier.get(facts.title)));
    }
    this.built = panels;
  }

  buildPanel(facts, number, earlier) {
    const section = this.place("section", "live-plot-panel", this.grid), head = this.place("div", "live-plot-head", section);
    section.setAttribute("role", "group"); section.setAttribute("aria-label", facts.title);
    this.place("span", "live-plot-title", head).textContent = facts.title;
    const frame = this.place("div", "live-plot-frame", section), canvas = this.place("canvas", "", frame);
    canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", facts.title);
    const panel = new (facts.kind === "field" ? Field : Panel)(this, canvas);
    Object.assign(panel, { number, title: facts.title, section, names: [], hidden: earlier?.hidden ?? new Set() });
    for (const line of facts.lines ?? []) if (line.name) panel.names.push(this.nameOf(line, panel, head));
    if (facts.handle) this.buildHandle(frame, facts.handle);
    section.tabIndex = 0;
    this.followMouse(panel, frame);
    return panel;
  }

  nameOf(line, panel, head) {                   // a name hides its line; under the mouse or the keyboard it brings it to the front
    const button = this.place("button", "live-plot-name", head), front = (series) => () => { panel.front = series; this.changed(); };
    Object.assign(button, { type: "button", textContent: line.name, title: "Hide or show this curve" });
    button.addEventListener("click", () => { panel.hidden.has(line.series) ? panel.hidden.delete(line.series) : panel.hidden.add(line.series); this.changed(); });
    for (const event of ["mouseenter", "focus"]) button.addEventListener(event, front(line.series));
    for (const event of ["mouseleave", "blur"]) button.addEventListener(event, front(null));
    return { button, line };
  }

  showNames(panel, look) {
    for (const { button, line } of panel.names) {
      const shown = String(!panel.hidden.has(line.series));
      if (button.getAttribute("aria-pressed") !== shown) button.setAttribute("aria-pressed", shown);
      if (button.dataset.color !== look[line.color]) { button.style.color = look[line.color]; button.dataset.color = look[line.color]; }
    }
  }

  describe(now) {                               // at most every two seconds: a screen reader asks for it
    if (now - (this.described ?? -Infinity) < 2000) return;
    this.described = now;
    for (const panel of this.panels) panel.canvas.setAttribute("aria-label", panel.words());
    nameControls(this.root.closest(".live-view") ?? this.root);
  }

  // ------------------------------------------------------------------------- the value that is dragged

  buildHandle(frame, handle) {
    const knob = this.place("div", "live-plot-handle", frame);
    const said = { role: "slider", tabindex: 0, "aria-label": handle.name, "aria-orientation": "vertical", "aria-valuemin": 0, "aria-valuemax": handle.places.length - 1 };
    for (const [name, value] of Object.entries(said)) knob.setAttribute(name, value);
    this.knob = knob;
  }

  handleAction(key) {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 4, PageDown: -4, Home: -Infinity, End: Infinity }[key];
    const place = Math.max(0, Math.min(this.handle.places.length - 1, this.model.get("handle") + by));
    return by && (() => this.moveHandle(place));
  }

  moveHandle(place) {
    if (place === this.model.get("handle")) return;
    this.model.set("handle", place); this.model.save_changes();
    this.changed();
  }

  dragHandle(panel, y) {
    const value = panel.heightAt(y), { to } = panel.scale, far = (place) => Math.abs(to(place) - to(value));
    this.moveHandle(this.handle.places.reduce((best, place, i, all) => (far(place) < far(all[best]) ? i : best), 0));
  }

  placeHandle() {
    const panel = this.panels.find((each) => each.facts.handle), value = this.handleValue;
    if (!panel?.limits) return;
    this.knob.hidden = value === undefined;
    if (value === undefined) return;
    this.knob.style.transform = `translate(${panel.right - 8}px, ${Math.max(panel.top, Math.min(panel.bottom, panel.yOf(value))) - 11}px)`;
    this.knob.setAttribute("aria-valuenow", this.model.get("handle"));
    this.knob.setAttribute("aria-valuetext", named(value));
  }

  // --------------------------------------------------------------------------------------- hands

  followMouse(panel, frame) {
    const where = (event) => { const box = panel.canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    const nearHandle = ([x, y]) => panel.facts.handle && panel.holds(x, y) && this.handleValue && Math.abs(y - panel.yOf(this.handleValue)) < 8;
    frame.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      const [x, y] = where(event);
      if (event.target === this.knob || nearHandle([x, y])) { this.dragged = "handle"; this.knob.focus(); event.preventDefault(); }
      else if (panel.facts.kind === "field") this.select(panel, x, y);
      else if (panel.alongSteps && panel.holds(x, y)) this.dragged = { from: x, zoom: this.zoom ?? panel.limits.x, pans: event.shiftKey };
      if (this.dragged) frame.setPointerCapture(event.pointerId);
    });
    frame.addEventListener("pointermove", (event) => {
      const [x, y] = where(event);
      this.mouse = { panel, x, y };
      if (this.dragged === "handle") this.dragHandle(panel, y);
      else if (this.dragged?.pans) this.pan(this.dragged.zoom, -((x - this.dragged.from) * (this.dragged.zoom[1] - this.dragged.zoom[0])) / (panel.right - panel.left));
      frame.style.cursor = this.dragged === "handle" || nearHandle([x, y]) ? "ns-resize" : panel.facts.kind === "field" ? "pointer" : "crosshair";
      this.changed();
    });
    frame.addEventListener("pointerup", (event) => {
      const [x] = where(event), { from, pans } = this.dragged ?? {};
      this.dragged = null;
      if (from !== undefined && !pans) {
        if (Math.abs(x - from) > 8) this.zoomTo([panel.valueAt(Math.min(x, from)), panel.valueAt(Math.max(x, from))]);
        else this.tellMark(panel.markAt(x));
      }
      this.changed();
    });
    frame.addEventListener("pointerleave", () => { this.mouse = null; this.changed(); });
    frame.addEventListener("dblclick", () => { this.tellMark(undefined); this.zoomTo(null); });
  }

  // Heard before the notebook hears it, which has shortcuts of its own; Notebook 7 hears keys before the element they are meant for.
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const panel = this.panels.find(({ section }) => section === event.target);
    const action = event.target === this.knob ? this.handleAction(event.key)
      : panel?.facts.kind === "field" ? this.fieldAction(event.key, panel) : panel?.alongSteps && this.stepsAction(event.key, panel);
    if (!action) return;
    event.preventDefault(); event.stopPropagation();
    action();
  }

  stepsAction(key, panel) {
    const [from, to] = this.zoom ?? panel.limits?.x ?? [0, 1], span = to - from, middle = (from + to) / 2;
    return {
      "+": () => this.zoomTo([middle - span / 4, middle + span / 4]), "-": () => this.zoomTo([from - span / 2, to + span / 2]),
      ArrowLeft: () => this.pan([from, to], -span / 5), ArrowRight: () => this.pan([from, to], span / 5), 0: () => this.zoomTo(null),
      PageUp: () => this.walkMarks(-1), PageDown: () => this.walkMarks(1), Escape: () => this.tellMark(undefined),
    }[key];
  }

  fieldAction(key, panel) {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [panel.facts.upwards ? 1 : -1, 0], ArrowDown: [panel.facts.upwards ? -1 : 1, 0] }[key];
    const selected = this.model.get("selected"), { length, width } = panel.matrix;
    return by && selected.length && (() => {
      const [row, column] = selected.map((place, i) => place + by[i]);
      if (row >= 0 && row < length && column >= 0 && column < width) this.selectCell([row, column]);
    });
  }

  select(panel, x, y) { const found = panel.cellAt(x, y); if (found && this.model.get("selected").length) this.selectCell(found); }
  selectCell(cell) { this.model.set("selected", cell); this.model.save_changes(); this.changed(); }

  zoomTo(limits) {
    const whole = 1.02 * Math.max(LEAST_STEPS, this.lastStep);
    this.zoom = limits && limits[1] - limits[0] < whole && limits[1] - limits[0] >= 4 ? limits : null;
    this.changed();
  }
  pan([from, to], by) { if (this.zoom) { this.zoom = [from + by, to + by]; this.changed(); } }

  tellMark(mark) { this.told = mark ? { step: mark.step, lines: [mark.sentence] } : null; this.changed(); }
  walkMarks(by) {
    const { marks } = this, now = marks.findIndex((mark) => mark.sentence === this.told?.lines[0]);
    if (marks.length) this.tellMark(marks[Math.max(0, Math.min(marks.length - 1, now < 0 ? (by > 0 ? 0 : marks.length - 1) : now + by))]);
  }

  showReadout() {                               // what is under the mouse, or the change that was asked for
    const { mouse } = this, panel = mouse?.panel ?? this.panels[0];
    const hovers = mouse && this.dragged !== "handle" && panel.holds(mouse.x, mouse.y);
    const lines = [...(this.told?.lines ?? []), ...(hovers ? panel.tell(mouse.x, mouse.y) : [])];
    this.readout.hidden = !lines.length;
    if (!lines.length) return;
    this.say(this.readout, lines.join("\n"));
    const box = panel.canvas.getBoundingClientRect(), here = this.root.getBoundingClientRect();
    const x = box.left - here.left + (hovers ? mouse.x + 14 : panel.xOf(this.told.step) + 8), y = box.top - here.top + (hovers ? mouse.y + 12 : panel.top + 24);
    this.readout.style.transform = `translate(${Math.max(0, Math.min(x, here.width - this.readout.offsetWidth - 4))}px, ${y}px)`;
  }

  // -------------------------------------------------------------------------- while it is on a page

  watch() {
    const changed = () => this.changed(), { model, store } = this;
    const resized = new ResizeObserver(changed); resized.observe(this.root); resized.observe(this.letter);
    const themed = new MutationObserver(changed);
    for (const element of [document.body, document.documentElement]) themed.observe(element, { attributes: true });
    const queries = ["(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)", "(forced-colors: active)"].map(matchMedia);
    queries.forEach((query) => query.addEventListener("change", changed));
    const seen = new IntersectionObserver(([entry]) => { this.inView = entry.isIntersecting; this.tellWhetherWatched(); }); seen.observe(this.root);
    const visible = () => this.tellWhetherWatched();
    document.addEventListener("visibilitychange", visible);
    const keyed = (event) => this.key(event);
    window.addEventListener("keydown", keyed, true);
    model.on("change:handle", changed); model.on("change:selected", changed);
    store.views.add(this);
    const listening = setInterval(() => this.tellSilence(), 1000);
    this.end = () => {
      clearInterval(listening);
      [resized, themed, seen].forEach((observer) => observer.disconnect());
      queries.forEach((query) => query.removeEventListener("change", changed));
      document.removeEventListener("visibilitychange", visible);
      window.removeEventListener("keydown", keyed, true);
      model.off("change:handle", changed); model.off("change:selected", changed);
      store.views.delete(this);
      this.tellWhetherWatched();
    };
  }

  tellWhetherWatched() {                        // by any view of this widget; nothing is sent to a page that nobody sees
    const watched = !document.hidden && [...this.store.views].some((view) => view.inView);
    if (watched !== this.model.get("watched")) { this.store.heard = performance.now(); this.model.set("watched", watched); this.model.save_changes(); }
  }
}

function render({ model, el }) { const plot = new Plot(model, el); return () => plot.end(); }

export default { initialize, render };
