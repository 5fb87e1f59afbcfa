// A panel of curves: axes, lines, levels, marks, and the value that a reader can drag.

const LEAST_STEPS = 50;
const GLIDE = 0.3;                              // of the way to where an axis should end, at every picture

class Panel {
  constructor(plot, canvas) { Object.assign(this, { plot, canvas, limits: null, hidden: new Set(), front: null }); }

  get facts() { return this.plot.store.facts.panels[this.number]; }
  get lines() { return this.facts.lines.filter((line) => !this.hidden.has(line.series)); }
  get scale() { return SCALES[this.facts.scale]; }
  get alongSteps() { return this.facts.x_limits === null; }

  // ------------------------------------------------------------------------------- where things are

  place(width, height, look) {
    Object.assign(this, { width, height, left: 3.9 * look.size, right: width - 1.2 * look.size, top: 0.5 * look.size, bottom: height - 2.5 * look.size });
  }
  xOf(value) { const [low, high] = this.limits.x; return this.left + ((this.right - this.left) * (value - low)) / (high - low); }
  yOf(value) {
    const { to } = this.scale, [low, high] = this.limits.y.map(to), share = (to(value) - low) / (high - low);
    return this.bottom - (this.bottom - this.top) * Math.max(-1, Math.min(2, share));
  }
  valueAt(x) { const [low, high] = this.limits.x; return low + ((high - low) * (x - this.left)) / (this.right - this.left); }
  heightAt(y) {
    const { to, from } = this.scale, [low, high] = this.limits.y.map(to);
    return from(low + ((high - low) * (this.bottom - y)) / (this.bottom - this.top));
  }
  holds(x, y) { return this.limits && x >= this.left - 4 && x <= this.right + 4 && y >= this.top && y <= this.bottom; }

  wantedX() { return this.alongSteps ? this.plot.zoom ?? [0, 1.02 * Math.max(LEAST_STEPS, this.plot.lastStep)] : this.facts.x_limits; }

  wantedY([from, to]) {                         // what is seen of the lines, and what always is
    let [low, high] = this.facts.at_least;
    for (const line of this.lines) {
      const series = this.plot.store.get(line.series);
      for (let row = 0; row < series.length; row++) {
        const x = series.x(row), y = series.y(row);
        if (x >= from && x <= to && this.scale.known(y)) { if (y < low) low = y; if (y > high) high = y; }
      }
    }
    const value = this.facts.handle && this.plot.handleValue;
    if (value) { low = Math.min(low, value); high = Math.max(high, value); }
    const [least, most] = this.facts.at_most;
    low = Math.max(low, least), high = Math.min(high, most);
    return this.facts.scale === "log" ? [low / 1.15, high * 1.15] : [low, high * 1.05];
  }

  moveAxes(still) {                             // whether they move on
    const x = this.wantedX(), y = this.wantedY(x), wanted = { x, y };
    if (!this.limits || still) { this.limits = wanted; return false; }
    let moving = false;
    const glide = (now, wish, { to, from }) => now.map((value, i) => {
      const way = to(wish[i]) - to(value), span = Math.abs(to(wish[1]) - to(wish[0]));
      if (Math.abs(way) < 0.003 * span) return wish[i];
      moving = true;
      return from(to(value) + GLIDE * way);
    });
    this.limits = { x: glide(this.limits.x, x, SCALES.linear), y: glide(this.limits.y, y, this.scale) };
    return moving;
  }

  // ------------------------------------------------------------------------------------- drawing

  draw(ctx, look) {
    const moving = this.moveAxes(look.still);
    this.drawAxes(ctx, look);
    ctx.save();
    ctx.beginPath(); ctx.rect(this.left, this.top - 2, this.right - this.left + 3, this.bottom - this.top + 4); ctx.clip();
    if (this.alongSteps) this.drawMarks(ctx, look);
    const lines = this.lines.sort((a, b) => (a.series === this.front) - (b.series === this.front));
    for (const line of lines) this.drawLine(ctx, line, look);
    for (const level of this.facts.levels) this.drawLevel(ctx, level, look);
    if (this.alongSteps) this.nameMarks(ctx, look);
    if (this.facts.handle && this.plot.handleValue) this.drawLevel(ctx, { value: this.plot.handleValue, name: "", color: "orange" }, look);
    ctx.restore();
    return moving;
  }

  drawAxes(ctx, look) {
    const { left, right, top, bottom } = this;
    Object.assign(ctx, { font: look.font, lineWidth: 1, strokeStyle: look.faint, fillStyle: look.ink, textAlign: "right", textBaseline: "middle" });
    ctx.beginPath();
    for (const value of TICKS[this.facts.scale](...this.limits.y)) {
      const y = this.yOf(value);
      ctx.moveTo(left, y); ctx.lineTo(right, y); ctx.fillText(named(value), left - 0.4 * look.size, y);
    }
    ctx.textBaseline = "top";
    const name = this.facts.x_name, nameWidth = ctx.measureText(name).width;
    for (const value of TICKS.linear(...this.limits.x, Math.max(2, (right - left) / (5 * look.size)))) {
      const x = this.xOf(value), text = steps(value), half = ctx.measureText(text).width / 2;
      ctx.moveTo(x, top); ctx.lineTo(x, bottom); ctx.textAlign = "center";
      if (x + half < right - nameWidth - look.size) ctx.fillText(text, x, bottom + 0.35 * look.size);
    }
    ctx.textAlign = "right"; ctx.fillText(name, right, bottom + 0.35 * look.size);
    ctx.stroke();
    ctx.strokeStyle = look.ink; ctx.beginPath(); ctx.moveTo(left, top); ctx.lineTo(left, bottom); ctx.lineTo(right, bottom); ctx.stroke();
  }

  drawLevel(ctx, { value, name, color, at_end: atEnd }, look) {
    const y = this.yOf(value);
    Object.assign(ctx, { strokeStyle: look[color], fillStyle: look[color], lineWidth: 1.4, textAlign: atEnd ? "right" : "left", textBaseline: "bottom", font: look.font });
    ctx.setLineDash([5, 4]); ctx.beginPath(); ctx.moveTo(this.left, y); ctx.lineTo(this.right, y); ctx.stroke(); ctx.setLineDash([]);
    write(ctx, look, name, atEnd ? this.right - 0.5 * look.size : this.left + 0.5 * look.size, y - 1);
  }

  drawMarks(ctx, look) {
    Object.assign(ctx, { strokeStyle: look.grey, lineWidth: 1 });
    ctx.beginPath();
    for (const { step } of this.plot.marks) { const x = this.xOf(step); ctx.moveTo(x, this.top); ctx.lineTo(x, this.bottom); }
    ctx.stroke();
  }

  nameMarks(ctx, look) {                        // the newest first; older ones where there is room; none at the beginning
    if (!this.facts.names_marks) return;
    Object.assign(ctx, { fillStyle: look.grey, textAlign: "left", textBaseline: "top", font: look.font });
    const rows = [];
    for (const { step, name } of [...this.plot.marks].reverse()) {
      const x = this.xOf(step), width = ctx.measureText(name).width + 6, start = x + width > this.right ? x - width : x + 3;
      const row = [0, 1, 2, 3].find((each) => (rows[each] ?? Infinity) > start + width);
      if (!step || row === undefined || x < this.left || x > this.right + 1) continue;
      rows[row] = start;
      write(ctx, look, name, start, this.top + 1.25 * look.size * row);
    }
  }

  drawLine(ctx, line, look) {
    const series = this.plot.store.get(line.series), front = line.series === this.front;
    Object.assign(ctx, { strokeStyle: look[line.color], fillStyle: look[line.color], lineWidth: (front ? 2.2 : 1) * line.width });
    ctx.setLineDash(line.dash); ctx.lineJoin = "round";
    if (line.style !== "dots") {
      ctx.beginPath();
      for (let row = 0, pen = false; row < series.length; row++) {
        const y = series.y(row);
        if (Number.isNaN(y)) { pen = false; continue; }
        const x = this.xOf(series.x(row)), height = this.yOf(y);
        if (pen && line.style === "stairs") ctx.lineTo(x, this.yOf(series.y(row - 1)));
        if (pen) ctx.lineTo(x, height); else ctx.moveTo(x, height);
        pen = true;
      }
      if (line.style === "stairs" && series.length) ctx.lineTo(this.xOf(Math.max(this.plot.lastStep, series.x(series.last))), this.yOf(series.y(series.last)));
      ctx.stroke();
    }
    ctx.setLineDash([]);
    if (line.style !== "dots" && line.style !== "marked") return;
    ctx.beginPath();
    for (let row = 0; row < series.length; row++) {
      const y = series.y(row);
      if (Number.isNaN(y)) continue;
      const x = this.xOf(series.x(row)), height = this.yOf(y);
      ctx.moveTo(x, height); ctx.arc(x, height, line.width + 0.9, 0, 7);
    }
    ctx.fill();
  }

  // ------------------------------------------------------------------------------- what it tells

  tell(x) {                                     // the values under the mouse
    const at = this.valueAt(x), told = [];
    for (const line of this.lines) {
      const series = this.plot.store.get(line.series);
      if (!series.length || !line.name) continue;
      const row = line.style === "stairs" ? stairAt(series, at) : series.nearest(at);
      if (line.style === "dots" && Math.abs(this.xOf(series.x(row)) - x) > 6) continue;
      const value = series.y(row);
      told.push(`${line.name} ${Number.isNaN(value) ? "off" : named(value)}`);
      if (told.length === 1) told.unshift(`${this.facts.x_name} ${steps(line.style === "stairs" ? at : series.x(row))}`);
    }
    return told;
  }

  markAt(x) { return this.plot.marks.findLast(({ step }) => this.alongSteps && Math.abs(this.xOf(step) - x) < 5); }

  words() {                                     // for who cannot see it
    const ends = this.facts.lines.map((line) => [line.name, this.plot.store.get(line.series)]).filter(([name, series]) => name && series.length);
    return `${this.facts.title}. ` + ends.map(([name, series]) => `${name}: ${named(series.y(series.last))}`).join(", ");
  }
}

function stairAt(series, x) { let row = 0; while (row < series.last && series.x(row + 1) <= x) row++; return row; }
