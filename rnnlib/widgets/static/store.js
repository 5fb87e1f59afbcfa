// What the kernel has told: series of numbers, lists and facts, by name.  rnnlib/live/feed.py says how it tells them.

class Series {
  constructor(width) { Object.assign(this, { width, data: new Float32Array(256 * width), length: 0 }); }

  splice(start, values) {                       // rows from `start` on are replaced
    const needed = start * this.width + values.length;
    if (needed > this.data.length) {
      const larger = new Float32Array(Math.max(needed, 2 * this.data.length));
      larger.set(this.data);
      this.data = larger;
    }
    this.data.set(values, start * this.width);
    this.length = needed / this.width;
  }

  x(row) { return this.data[row * this.width]; }
  y(row) { return this.data[row * this.width + 1]; }
  get last() { return this.length - 1; }

  nearest(x) {                                  // the row whose x is nearest; rows are in the order of x
    let low = 0, high = this.last;
    while (high - low > 1) { const middle = (low + high) >> 1; if (this.x(middle) < x) low = middle; else high = middle; }
    return Math.abs(this.x(high) - x) < Math.abs(this.x(low) - x) ? high : low;
  }
}

const NOTHING = new Series(2);

class Store {
  constructor() { Object.assign(this, { series: new Map(), lists: {}, facts: {}, views: new Set(), messages: 0, heard: 0 }); }

  receive(message, buffers) {
    message.series.forEach(({ name, start, width }, i) => {
      if (!width) { this.series.delete(name); return; }
      if (!start) this.series.set(name, new Series(width));
      const { buffer, byteOffset, byteLength } = buffers[i];
      this.series.get(name)?.splice(start, new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    });
    for (const { name, start, items } of message.lists) this.lists[name] = [...(this.lists[name] ?? []).slice(0, start), ...items];
    Object.assign(this.facts, message.facts);
    this.messages += 1; this.heard = performance.now();
    this.views.forEach((view) => view.changed());
  }

  get(name) { return this.series.get(name) ?? NOTHING; }
}
