// Values of a picture under the pointer and on the arrow keys. The page says all it has to say without this.
"use strict";
(() => {
  for (const data of document.querySelectorAll('figure script[type="application/json"]')) {
    const plot = data.previousElementSibling;
    const { title, at } = JSON.parse(data.textContent);
    const svg = plot.querySelector("svg");
    const box = svg && svg.viewBox.baseVal;
    if (at.length > 0 && box && box.width > 0) attach(plot, svg, box, title, at);
  }

  function add(parent, name, kind) {
    const element = parent.appendChild(document.createElement(name));
    if (kind) element.className = kind;
    return element;
  }

  function attach(plot, svg, box, title, at) {
    // A slider is what the arrow keys walk through a row of values in, for screen readers too.
    const cursor = add(plot, "div", "cursor");
    const line = add(cursor, "i", "line");
    const dot = add(cursor, "i", "dot");
    const tip = add(plot, "div", "tip");
    const parts = { line, dot, tip };
    cursor.tabIndex = 0;
    cursor.setAttribute("role", "slider");
    cursor.setAttribute("aria-label", "Values of the picture: " + title);
    cursor.setAttribute("aria-orientation", "horizontal");
    cursor.setAttribute("aria-valuemin", "1");
    cursor.setAttribute("aria-valuemax", String(at.length));
    tip.setAttribute("aria-hidden", "true");
    let now = 0;
    name(0);
    hide();

    function name(index) {
      now = index;
      cursor.setAttribute("aria-valuenow", String(index + 1));
      cursor.setAttribute("aria-valuetext", at[index][2].join(", "));
    }

    function hide() {
      for (const part of Object.values(parts)) part.hidden = true;
    }

    function show(index) {
      name(index);
      const [x, y, lines] = at[index];
      const { width, height } = plot.getBoundingClientRect();
      const left = ((x - box.x) / box.width) * width;
      const top = y === null ? null : ((y - box.y) / box.height) * height;
      line.hidden = tip.hidden = false;
      line.style.left = left + "px";
      dot.hidden = top === null;
      if (top !== null) {
        dot.style.left = left + "px";
        dot.style.top = top + "px";
      }
      tip.replaceChildren(...lines.map((text) => {
        const span = document.createElement("span");
        span.textContent = text;
        return span;
      }));
      // Beside the place, on the side that has room, and never out of the picture.
      const room = 12;
      const { offsetWidth: wide, offsetHeight: high } = tip;
      let across = left + room + wide <= width ? left + room : left - room - wide;
      across = Math.max(0, Math.min(across, width - wide));
      let down = top === null ? room : top - high - room;
      if (down < 0) down = top === null ? 0 : top + room;
      down = Math.max(0, Math.min(down, Math.max(0, height - high)));
      tip.style.transform = `translate(${across}px, ${down}px)`;
    }

    function nearest(event) {
      const { left, top, width, height } = plot.getBoundingClientRect();
      const x = box.x + ((event.clientX - left) / width) * box.width;
      const y = box.y + ((event.clientY - top) / height) * box.height;
      let best = 0;
      let least = Infinity;
      at.forEach(([px, py], index) => {
        const distance = py === null ? Math.abs(px - x) : Math.hypot(px - x, py - y);
        if (distance < least) [best, least] = [index, distance];
      });
      return best;
    }

    cursor.addEventListener("pointermove", (event) => show(nearest(event)));
    cursor.addEventListener("pointerdown", (event) => show(nearest(event)));
    cursor.addEventListener("pointerleave", () => {
      if (document.activeElement !== cursor || !cursor.matches(":focus-visible")) hide();
    });
    cursor.addEventListener("focus", () => {
      if (cursor.matches(":focus-visible")) show(now);
    });
    cursor.addEventListener("blur", hide);
    cursor.addEventListener("keydown", (event) => {
      const last = at.length - 1;
      const leap = Math.max(1, Math.round(at.length / 10));
      const to = {
        ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1,
        PageUp: now + leap, PageDown: now - leap, Home: 0, End: last,
      }[event.key];
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Escape") {
        hide();
      } else if (to !== undefined) {
        event.preventDefault();
        show(Math.max(0, Math.min(to, last)));
      }
    });
    addEventListener("resize", hide);
  }

  // A table that is wider than its place can be moved with the keys.
  const reach = () => {
    for (const place of document.querySelectorAll(".scroll")) {
      if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
      else place.removeAttribute("tabindex");
    }
  };
  addEventListener("resize", reach);
  reach();

  if (navigator.clipboard) {
    for (const command of document.querySelectorAll("pre.command")) {
      const text = command.textContent;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      command.prepend(button);
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = "Copied";
        } catch {
          button.textContent = "Select and copy by hand";
        }
      });
    }
  }
})();
