"use strict";
// The page says everything without this script. It adds values under the pointer and switches for variants.
(() => {
  const tip = document.getElementById("tip");
  const off = new Set();

  const format = (value, digits) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "\u2212");

  const place = (data, x) => {
    const two = (n) => String(Math.floor(n)).padStart(2, "0");
    if (data.axis === "date") {
      const t = new Date(Date.parse(data.start) + x * 864e5);
      const day = t.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
      return data.to - data.from > 14 ? day : `${day}, ${two(t.getUTCHours())}:${two(t.getUTCMinutes())}`;
    }
    if (data.axis === "hour") return `${two(x - data.halfBin)}:00 – ${two(x + data.halfBin)}:00`;
    if (data.axis === "day") return `day ${format(x, x < 10 ? 2 : 0)}`;
    const digits = Number.isInteger(x) ? 0 : 3;
    if (data.halfBin) return `${data.label}: ${+(x - data.halfBin).toFixed(3)} – ${+(x + data.halfBin).toFixed(3)}`;
    return `${data.label}: ${+x.toFixed(digits)}`;
  };

  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle; else high = middle;
    }
    return x - xs[low] < xs[high] - x ? low : high;
  };

  const show = (event, lines) => {
    tip.replaceChildren(...lines);
    tip.hidden = false;
    const { offsetWidth: width, offsetHeight: height } = tip;
    const left = event.clientX + 18 + width > innerWidth ? event.clientX - width - 18 : event.clientX + 18;
    const top = Math.min(Math.max(event.clientY - height / 2, 8), innerHeight - height - 8);
    tip.style.left = `${Math.max(left, 4) + scrollX}px`;
    tip.style.top = `${top + scrollY}px`;
  };

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  for (const svg of document.querySelectorAll("svg.lines")) {
    const source = svg.parentElement.querySelector("script.data");
    if (!source) continue;
    const data = JSON.parse(source.textContent);
    // The tooltip takes the title's place; the label keeps it for screen readers.
    svg.querySelector("title").remove();
    const [left, right] = svg.dataset.x.split(" ").map(Number);
    const [top, bottom] = svg.dataset.y.split(" ").map(Number);
    const cross = svg.querySelector("path").cloneNode(false);
    cross.setAttribute("class", "cross");
    cross.removeAttribute("d");
    svg.append(cross);
    const leave = () => { tip.hidden = true; cross.removeAttribute("d"); };
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const pixel = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const lines = data.lines.filter((line) => !off.has(line.v) && line.x.length);
      if (pixel < left - 6 || pixel > right + 6 || !lines.length) return leave();
      const wanted = data.from + ((pixel - left) / (right - left || 1)) * (data.to - data.from);
      const at = lines.map((line) => line.x[nearest(line.x, wanted)])
        .reduce((best, x) => (Math.abs(x - wanted) < Math.abs(best - wanted) ? x : best));
      const shown = left + ((at - data.from) / (data.to - data.from || 1)) * (right - left);
      cross.setAttribute("d", `M${shown} ${top}V${bottom}`);
      const rows = element("table");
      for (const line of lines) {
        const index = nearest(line.x, at);
        if (line.y[index] == null) continue;
        const row = rows.insertRow();
        const name = row.insertCell();
        name.append(element("i", "", `swatch c${line.v % 8} d${Math.min(Math.floor(line.v / 8), 3)}`), line.name);
        row.insertCell().textContent = `${format(line.y[index], data.digits)} ${data.unit}`;
        const band = row.insertCell();
        if (line.lo) band.append(element("small", `${format(line.lo[index], data.digits)} – ${format(line.hi[index], data.digits)}`));
      }
      show(event, [element("b", place(data, at)), rows]);
    });
  }

  for (const chip of document.querySelectorAll(".chip")) {
    const variant = Number(chip.dataset.v);
    chip.setAttribute("role", "switch");
    chip.setAttribute("aria-checked", "true");
    chip.tabIndex = 0;
    const toggle = () => {
      const hide = !off.has(variant);
      if (hide) off.add(variant); else off.delete(variant);
      chip.setAttribute("aria-checked", String(!hide));
      for (const part of document.querySelectorAll(`.v${variant}`)) {
        if (!part.closest(".legend")) part.classList.toggle("off", hide);
      }
    };
    chip.addEventListener("click", toggle);
    chip.addEventListener("keydown", (event) => {
      if (event.key === " " || event.key === "Enter") { event.preventDefault(); toggle(); }
    });
  }

  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
