"use strict";
// Maps of products: dots are written into the pixels of a canvas, which is fast enough for hundreds of thousands.
for (const figure of document.querySelectorAll("figure.map")) {
  const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
  const plane = figure.querySelector(".map-plane");
  const canvas = plane.querySelector("canvas");
  // Kept in plain memory, since its pixels are written here and not by the graphics card.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const tip = figure.querySelector(".map-tip");
  const by = figure.querySelector(".map-by");
  const find = figure.querySelector(".map-find");
  const list = figure.querySelector(".map-legend");
  const count = figure.querySelector(".map-count");
  const names = figure.querySelector(".map-names");
  const named = figure.querySelector(".map-named");
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const places = new Uint16Array(bytes(data.places)); // x, y, x, y, …: 0 to 65535, y upwards
  const total = places.length / 2;
  const attributes = data.attributes.map((a) => ({ ...a, codes: new Uint16Array(bytes(a.codes)), named: new Uint16Array(bytes(a.named)) }));
  // In a fixed order that no class is drawn last in.
  const order = Uint32Array.from({ length: total }, (_, i) => i);
  for (let i = total - 1, state = 1; i > 0; i--) {
    state = (state * 48271) % 2147483647;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  let texts = null; // of the products, once something is looked for
  const MOST_NAMES = 200;
  const SMALLEST = 1000; // one product in so many must be of a class that is named
  const DIM = 0xffe9e5e2; // little-endian: alpha, blue, green, red

  let attribute = attributes.find((a) => a.name === by.value) || attributes[0];
  let chosen = []; // places in the legend
  let colours = []; // of the classes
  let sizes = []; // of the names
  let matching = null; // Uint8Array of what the search finds
  let hovered = -1;
  let view = { x: 0.5, y: 0.5, zoom: 1 }; // what is in the middle, in shares of the map
  let scale = 1; // device pixels of the whole map at this zoom
  let image = null;
  let pixels = null;
  let waiting = false;

  const pixelOf = (hex) => {
    const value = parseInt(hex.slice(1), 16);
    return (0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
  };
  // Classes beyond the first twenty share one grey, until they are chosen.
  const recolour = () => {
    colours = attribute.labels.map((_, at) => attribute.colours[at] || data.others);
    const free = attribute.colours.filter((_, at) => !chosen.includes(at));
    for (const at of chosen) if (at >= attribute.colours.length && free.length) colours[at] = free.shift();
  };
  const isChosen = (at) => !chosen.length || chosen.includes(at);
  const ratio = () => window.devicePixelRatio || 1;
  const side = () => 0.94 * Math.min(canvas.width, canvas.height);
  const left = () => canvas.width / 2 - view.x * scale;
  const top = () => canvas.height / 2 - (1 - view.y) * scale;

  const dotsOf = (radius) => {
    const dots = [];
    for (let y = -Math.ceil(radius); y <= radius; y++) {
      for (let x = -Math.ceil(radius); x <= radius; x++) if (x * x + y * y <= radius * radius + 0.8 * radius) dots.push([x, y]);
    }
    return dots;
  };

  const draw = () => {
    waiting = false;
    const start = performance.now();
    const width = canvas.width, height = canvas.height;
    if (!width || !height) return;
    if (!image || image.width !== width || image.height !== height) {
      image = context.createImageData(width, height);
      pixels = new Uint32Array(image.data.buffer);
    }
    pixels.fill(0);
    scale = side() * view.zoom;
    const x0 = left(), y0 = top(), unit = scale / 65535;
    const radius = ratio() * Math.min(5, Math.max(1.1, (70 / Math.sqrt(total)) * Math.sqrt(view.zoom) * 3));
    const offsets = dotsOf(radius).map(([x, y]) => y * width + x);
    const margin = Math.ceil(radius) + 1;
    const palette = colours.map(pixelOf), shown = attribute.labels.map((_, at) => isChosen(at));
    const paint = (i, colour) => {
      const x = Math.round(x0 + places[2 * i] * unit), y = Math.round(y0 + scale - places[2 * i + 1] * unit);
      if (x < margin || y < margin || x >= width - margin || y >= height - margin) return;
      const at = y * width + x;
      for (let k = 0; k < offsets.length; k++) pixels[at + offsets[k]] = colour;
    };
    const isOn = (i) => shown[attribute.codes[i]] && (!matching || matching[i]);
    const all = !chosen.length && !matching;
    if (!all) for (const i of order) if (!isOn(i)) paint(i, DIM);
    for (const i of order) if (all || isOn(i)) paint(i, palette[attribute.codes[i]]);
    context.putImageData(image, 0, 0);
    if (hovered >= 0) {
      context.lineWidth = 2 * ratio();
      context.strokeStyle = "#111";
      context.beginPath();
      context.arc(x0 + places[2 * hovered] * unit, y0 + scale - places[2 * hovered + 1] * unit, radius + 3 * ratio(), 0, 7);
      context.stroke();
    }
    placeNames();
    canvas.dataset.milliseconds = (performance.now() - start).toFixed(1);
  };
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  };

  // The name of a class stands above where most of its products are, or nowhere if it would cover that of a larger class.
  const placeNames = () => {
    const unit = scale / 65535, width = plane.clientWidth, height = plane.clientHeight, taken = [];
    [...names.children].forEach((name, at) => {
      const x = (left() + attribute.named[2 * at] * unit) / ratio(), y = (top() + scale - attribute.named[2 * at + 1] * unit) / ratio();
      const box = { left: x - sizes[at][0] / 2, right: x + sizes[at][0] / 2, top: y - 4 - sizes[at][1], bottom: y - 4 };
      const inside = box.left >= 0 && box.top >= 0 && box.right <= width && box.bottom <= height;
      const covers = (other) => box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top;
      const isLarge = attribute.counts[at] * SMALLEST >= total || chosen.includes(at);
      const shown = named.checked && attribute.labels[at] && isLarge && isChosen(at) && inside && !taken.some(covers);
      if (shown) taken.push(box);
      name.style.visibility = shown ? "visible" : "hidden";
      if (shown) name.style.transform = `translate(${box.left}px, ${box.top}px)`;
    });
  };

  const say = () => {
    let shown = total;
    if (matching) shown = matching.reduce((sum, on) => sum + on, 0);
    const whole = total.toLocaleString("en");
    count.textContent = matching ? `${shown.toLocaleString("en")} of ${whole} products` : `${whole} products`;
  };

  const choose = (places) => {
    chosen = places;
    recolour();
    list.querySelectorAll("button").forEach((button, at) => {
      button.setAttribute("aria-pressed", String(chosen.includes(at)));
      button.querySelector("i").style.background = colours[at];
    });
    redraw();
  };
  const legend = () => {
    list.replaceChildren(...attribute.labels.map((label, at) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const number = document.createElement("span");
      button.type = "button";
      number.textContent = attribute.counts[at].toLocaleString("en");
      button.append(document.createElement("i"), document.createTextNode(label || "no label"), number);
      button.addEventListener("click", () => choose(chosen.includes(at) ? chosen.filter((other) => other !== at) : [...chosen, at]));
      item.append(button);
      return item;
    }));
    names.replaceChildren(...attribute.labels.slice(0, MOST_NAMES).map((label) => {
      const name = document.createElement("span");
      name.textContent = label;
      return name;
    }));
    sizes = [...names.children].map((name) => [name.offsetWidth, name.offsetHeight]);
    choose([]);
  };

  // Photos are on sheets, each read when the first of its photos is looked at.
  const sheets = new Map();
  const sheet = (at) => {
    if (!sheets.has(at)) {
      const picture = new Image();
      picture.src = data.sprites.sheets[at];
      sheets.set(at, picture);
    }
    return sheets.get(at);
  };
  const showPhoto = (i) => {
    const small = tip.querySelector("canvas"), { across, width, height, sheets: all } = data.sprites;
    small.hidden = !all.length;
    if (!all.length) return;
    const onSheet = across * across, at = i % onSheet, picture = sheet(Math.floor(i / onSheet));
    small.width = width;
    small.height = height;
    const paint = () => {
      if (i !== hovered) return;
      small.getContext("2d").drawImage(picture, (at % across) * width, Math.floor(at / across) * height, width, height, 0, 0, width, height);
    };
    if (picture.complete) paint();
    else picture.addEventListener("load", paint, { once: true });
  };

  const showTip = (i, x, y) => {
    hovered = i;
    tip.hidden = i < 0;
    redraw();
    if (i < 0) return;
    tip.querySelector("strong").textContent = data.titles[i] || data.ids[i];
    const rows = [["id", data.ids[i]]];
    for (const a of attributes) {
      const label = a.labels[a.codes[i]];
      if (label) rows.push([a.name, label + (a.predicted[i] === "1" ? " *" : "")]);
    }
    tip.querySelector("dl").replaceChildren(...rows.flatMap(([name, value]) => {
      const term = document.createElement("dt"), text = document.createElement("dd");
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
    showPhoto(i);
    const box = plane.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 16, box.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, box.height - tip.offsetHeight - 4))}px`;
  };

  const nearest = (x, y, reach = 9) => {
    const unit = scale / 65535, x0 = left(), y0 = top();
    const wantX = (x * ratio() - x0) / unit, wantY = (y0 + scale - y * ratio()) / unit;
    let best = -1, least = ((reach * ratio()) / unit) ** 2;
    for (let i = 0; i < total; i++) {
      const a = places[2 * i] - wantX, b = places[2 * i + 1] - wantY, distance = a * a + b * b;
      if (distance < least && (!matching || matching[i]) && isChosen(attribute.codes[i])) {
        best = i;
        least = distance;
      }
    }
    return best;
  };

  const zoomAt = (factor, x, y) => {
    const zoom = Math.min(200, Math.max(0.5, view.zoom * factor));
    const now = side() * view.zoom, then = side() * zoom;
    const dx = x * ratio() - canvas.width / 2, dy = y * ratio() - canvas.height / 2;
    view = { x: view.x + dx / now - dx / then, y: view.y - dy / now + dy / then, zoom };
    redraw();
  };
  const middle = () => [plane.clientWidth / 2, plane.clientHeight / 2];
  const move = (dx, dy) => {
    const now = side() * view.zoom;
    view = { ...view, x: view.x - (dx * ratio()) / now, y: view.y + (dy * ratio()) / now };
    redraw();
  };

  const pointers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    canvas.classList.add("moving");
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) {
      showTip(nearest(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
      return;
    }
    const now = [event.offsetX, event.offsetY];
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
      zoomAt(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      move(now[0] - before[0], now[1] - before[1]);
    }
    pointers.set(event.pointerId, now);
  });
  const release = (event) => {
    pointers.delete(event.pointerId);
    canvas.classList.remove("moving");
    if (event.type === "pointerup") showTip(nearest(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => showTip(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("dblclick", (event) => zoomAt(2, event.offsetX, event.offsetY));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (steps[event.key]) move(...steps[event.key]);
    else if (event.key === "+" || event.key === "=") zoomAt(1.5, ...middle());
    else if (event.key === "-") zoomAt(1 / 1.5, ...middle());
    else if (event.key === "Enter") showTip(nearest(...middle(), 60), ...middle());
    else if (event.key === "Escape") showTip(-1);
    else return;
    event.preventDefault();
  });
  figure.querySelector(".map-buttons").addEventListener("click", (event) => {
    const what = event.target.dataset.do;
    if (what === "in") zoomAt(1.5, ...middle());
    if (what === "out") zoomAt(1 / 1.5, ...middle());
    if (what === "all") {
      view = { x: 0.5, y: 0.5, zoom: 1 };
      choose([]);
    }
  });
  by.addEventListener("change", () => {
    attribute = attributes.find((a) => a.name === by.value);
    legend();
  });
  named.addEventListener("change", redraw);
  find.addEventListener("input", () => {
    const words = find.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    texts ??= data.ids.map((id, i) => [id, data.titles[i], ...attributes.map((a) => a.labels[a.codes[i]])].join(" ").toLocaleLowerCase());
    matching = words.length ? Uint8Array.from(texts, (text) => (words.every((word) => text.includes(word)) ? 1 : 0)) : null;
    say();
    redraw();
  });
  legend();
  say();
  new ResizeObserver(() => {
    canvas.width = Math.round(plane.clientWidth * ratio());
    canvas.height = Math.round(plane.clientHeight * ratio());
    draw();
  }).observe(plane);
}
