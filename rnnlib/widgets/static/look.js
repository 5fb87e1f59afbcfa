// How everything looks: colours on light and dark pages, letters, scales of axes and their ticks.

const COLORS = {                                // Okabe and Ito (2008); each at least 3:1 on its background
  light: { blue: "#0072B2", orange: "#D55E00", green: "#00855F", purple: "#B04F87", sky: "#2C84BD", yellow: "#967300", grey: "#767676" },
  dark: { blue: "#56B4E9", orange: "#F08A3C", green: "#2BD4A2", purple: "#E59CC5", sky: "#8FD0F5", yellow: "#F0E442", grey: "#A0A0A0" },
};
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

const numbersOf = (color) => color.match(/[\d.]+/g)?.map(Number) ?? [];

function backgroundOf(element) {                // the first one that is not transparent
  for (let here = element; here; here = here.parentElement) {
    const color = getComputedStyle(here).backgroundColor, [, , , alpha = 1] = numbersOf(color);
    if (alpha > 0.5) return color;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches ? "rgb(0, 0, 0)" : "rgb(255, 255, 255)";
}

function lookOf(root) {
  const style = getComputedStyle(root), background = backgroundOf(root), [red, green, blue] = numbersOf(background);
  const dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  return {
    background, ...COLORS[dark ? "dark" : "light"], ink: style.color, faint: dark ? "#ffffff26" : "#0000001c",
    size: parseFloat(style.fontSize), font: `${style.fontSize} ${style.fontFamily}`,
    still: matchMedia("(prefers-reduced-motion: reduce)").matches,
  };
}

function write(ctx, look, text, x, y) {          // legible over curves
  Object.assign(ctx, { strokeStyle: look.background, lineWidth: 3, lineJoin: "round" });
  ctx.strokeText(text, x, y); ctx.fillText(text, x, y);
}

function cividis(share) {                       // 0 to 1
  const place = Math.max(0, Math.min(1, share)) * (CIVIDIS.length - 1), below = Math.min(CIVIDIS.length - 2, Math.floor(place));
  const part = (color, i) => parseInt(color.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map((i) => part(CIVIDIS[below], i) + (place - below) * (part(CIVIDIS[below + 1], i) - part(CIVIDIS[below], i)));
}

const SCALES = {
  log: { to: Math.log, from: Math.exp, known: (value) => value > 0 && value < Infinity },
  linear: { to: (value) => value, from: (value) => value, known: Number.isFinite },
};

const TICKS = {
  log(low, high) {
    const found = [], wide = high > 1e3 * low, decades = Math.log10(high / low), every = Math.max(1, Math.ceil(decades / 6));
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
      if (wide && e % every) continue;
      for (const digit of wide ? [1] : [1, 2, 5]) { const value = digit * 10 ** e; if (value >= low && value <= high) found.push(value); }
    }
    return found;
  },
  linear(low, high, most = 5) {
    const raw = (high - low) / most, unit = 10 ** Math.floor(Math.log10(raw)), step = unit * [1, 2, 5, 10].find((n) => n * unit >= raw * 0.999);
    const found = [];
    for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) found.push(n * step + 0);
    return found;
  },
};

function named(value) {                         // short enough for an axis: 200, 0.5, 1e5, 1e-4
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e4 || size < 1e-2)) return value.toExponential(Number(value.toPrecision(1)) === value ? 0 : 1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}
const steps = (value) => (value >= 1e6 ? `${Number((value / 1e6).toPrecision(3))} M` : (Math.round(value) + 0).toLocaleString("en"));
