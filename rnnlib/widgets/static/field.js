// A panel of fields: a matrix of numbers as colours, one of which may be selected.

class Field {
  constructor(plot, canvas) { Object.assign(this, { plot, canvas, image: document.createElement("canvas") }); }

  get facts() { return this.plot.store.facts.panels[this.number]; }
  get matrix() { return this.plot.store.get(this.facts.series); }

  place(width, height, look) {
    Object.assign(this, { width, height, left: 4.6 * look.size, right: width - 1.2 * look.size, top: 0.5 * look.size, bottom: height - 2.6 * look.size });
  }
  shareOf(value) {                              // 0 to 1: from the least to the largest colour
    const { to } = SCALES[this.facts.scale], [low, high] = this.facts.limits.map(to);
    return (to(value) - low) / (high - low);
  }
  cell(row, column) {                           // its left, its top, its width, its height; row 0 is where the facts say
    const { length, width } = this.matrix, w = (this.right - this.left) / width, h = (this.bottom - this.top) / length;
    const place = this.facts.upwards ? length - 1 - row : row;
    return [this.left + column * w, this.top + place * h, w, h];
  }
  cellAt(x, y) {
    const { length, width } = this.matrix;
    if (x < this.left || x >= this.right || y < this.top || y >= this.bottom || !length) return null;
    const place = Math.floor(((y - this.top) / (this.bottom - this.top)) * length);
    return [this.facts.upwards ? length - 1 - place : place, Math.floor(((x - this.left) / (this.right - this.left)) * width)];
  }
  holds(x, y) { return this.cellAt(x, y) !== null; }

  draw(ctx, look) {
    const { length, width, data } = this.matrix, { left, right, top, bottom, facts } = this;
    if (!length) return false;
    this.image.width = width; this.image.height = length;
    const inside = this.image.getContext("2d"), picture = inside.createImageData(width, length);
    for (let row = 0; row < length; row++) for (let column = 0; column < width; column++) {
      const value = data[row * width + column], at = 4 * ((facts.upwards ? length - 1 - row : row) * width + column);
      if (SCALES[facts.scale].known(value)) picture.data.set([...cividis(this.shareOf(value)), 255], at);
    }
    inside.putImageData(picture, 0, 0);
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(this.image, left, top, right - left, bottom - top);
    Object.assign(ctx, { font: look.font, fillStyle: look.ink, textAlign: "center", textBaseline: "top", strokeStyle: look.ink, lineWidth: 1 });
    ctx.strokeRect(left, top, right - left, bottom - top);
    const every = Math.ceil((3.5 * look.size * width) / (right - left)), [, , w, h] = this.cell(0, 0);
    facts.columns.forEach((name, column) => { if (column % every === 0) ctx.fillText(name, left + (column + 0.5) * w, bottom + 0.3 * look.size); });
    ctx.textAlign = "right"; ctx.fillText(facts.x_name, right, bottom + 1.4 * look.size);
    ctx.textBaseline = "middle";
    const apart = Math.ceil((1.6 * look.size) / h);
    facts.rows.forEach((name, row) => { if (row % apart === 0) ctx.fillText(name, left - 0.4 * look.size, this.cell(row, 0)[1] + h / 2); });
    ctx.save(); ctx.translate(0.7 * look.size, (top + bottom) / 2); ctx.rotate(-Math.PI / 2); ctx.textAlign = "center"; ctx.fillText(facts.y_name, 0, 0); ctx.restore();
    if (facts.shows_numbers) this.drawNumbers(ctx, look);
    const selected = this.plot.model.get("selected");
    if (selected.length) for (const [color, lineWidth] of [["#ffffff", 6], ["#D55E00", 3]]) {
      Object.assign(ctx, { strokeStyle: color, lineWidth }); ctx.strokeRect(...this.cell(...selected));
    }
    return false;
  }

  drawNumbers(ctx, look) {
    const { length, width, data } = this.matrix;
    ctx.textAlign = "center";
    for (let row = 0; row < length; row++) for (let column = 0; column < width; column++) {
      const value = data[row * width + column], [x, y, w, h] = this.cell(row, column);
      if (Number.isNaN(value)) continue;
      ctx.fillStyle = value === Infinity ? look.ink : this.shareOf(value) < 0.5 ? "#ffffff" : "#000000";
      ctx.fillText(value === Infinity ? "×" : value.toFixed(1), x + w / 2, y + h / 2);
    }
  }

  tell(x, y) {
    const found = this.cellAt(x, y);
    if (!found) return [];
    const [row, column] = found, value = this.matrix.data[row * this.matrix.width + column];
    const said = Number.isNaN(value) ? "not known yet" : value === Infinity ? "diverged" : named(value);
    return [`${this.facts.y_name} ${this.facts.rows[row]}, ${this.facts.x_name} ${this.facts.columns[column]}`, `${this.facts.title}: ${said}`];
  }

  words() { return this.facts.title; }
}
