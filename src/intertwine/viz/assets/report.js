// Draws each figure when it comes near the screen, in the colours and the layout that the reader's screen asks for.
(() => {
  "use strict";

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 640px)");
  const touch = window.matchMedia("(pointer: coarse)");
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const cameras = new Map();
  const following = new Set();

  // "scene2.domain.x" and "annotations[3].y" are plotly's names for places in a layout.
  function put(layout, path, value) {
    const keys = path.replace(/\[(\d+)\]/g, ".$1").split(".");
    const last = keys.pop();
    let place = layout;
    for (const key of keys) {
      place[key] = place[key] || {};
      place = place[key];
    }
    place[last] = value;
  }

  function specification(plot) {
    let text = document.querySelector(`script[data-for="${plot.id}"]`).textContent;
    if (dark.matches) {
      for (const [light, other] of Object.entries(darkColours)) text = text.replaceAll(`"${light}"`, `"${other}"`);
    }
    const figure = JSON.parse(text);
    const meta = figure.layout.meta || {};
    if (narrow.matches) {
      for (const [path, value] of Object.entries(meta.phone || {})) put(figure.layout, path, value);
    }
    // A finger on a flat figure should scroll the page; on a solid one it turns the solid.
    if (touch.matches) figure.layout.dragmode = false;
    for (const [scene, camera] of Object.entries(cameras.get(plot) || {})) put(figure.layout, `${scene}.camera`, camera);
    return figure;
  }

  const scenes = (figure) => Object.keys(figure.layout).filter((key) => /^scene\d*$/.test(key));

  // A solid is drawn in proportion to the height of its picture; where the width is less, it must shrink to fit in.
  function fitted(plot, layout) {
    const sides = scenes({ layout }).map((scene) => {
      const { domain = {}, aspectratio } = layout[scene];
      const [width, height] = [plot.clientWidth, plot.clientHeight].map((length, i) => {
        const [from, to] = domain["xy"[i]] || [0, 1];
        return length * (to - from);
      });
      const side = aspectratio.x * Math.min(1, width / height);
      return [`${scene}.aspectratio`, { x: side, y: side, z: side }];
    });
    return Object.fromEntries(sides);
  }

  function reserve(plot) {
    plot.style.height = `${specification(plot).layout.height || 380}px`;
  }

  // Solids that belong together keep one view: turning one turns the others when it is let go.
  function remember(plot, figure, changes) {
    const turned = Object.keys(changes).find((key) => /^scene\d*\.camera$/.test(key));
    if (!turned || following.has(plot)) return;
    const together = (figure.layout.meta || {}).linked ? scenes(figure) : [turned.split(".")[0]];
    const camera = changes[turned];
    cameras.set(plot, { ...cameras.get(plot), ...Object.fromEntries(together.map((scene) => [scene, camera])) });
    if (together.length < 2) return;
    following.add(plot); // the others' turning is reported as well, and must not turn the first
    window.Plotly.relayout(plot, Object.fromEntries(together.map((scene) => [`${scene}.camera`, camera]))).finally(() =>
      following.delete(plot),
    );
  }

  // A finger that scrolls past a solid must not be caught by it: solids can be touched after a tap, until the next
  // touch elsewhere.
  function guard(plot) {
    if (!touch.matches || plot.parentElement.querySelector(".guard")) return;
    const cover = document.createElement("button");
    cover.className = "guard";
    cover.type = "button";
    cover.textContent = "tap to turn";
    cover.addEventListener("click", () => (cover.hidden = true));
    document.addEventListener("touchstart", (event) => (cover.hidden = cover.hidden && plot.contains(event.target)), {
      passive: true,
    });
    plot.parentElement.append(cover);
    // plotly reports a new camera when a mouse lets go, not when a finger does.
    plot.addEventListener("touchend", (event) => {
      if (event.target instanceof HTMLCanvasElement) event.target.dispatchEvent(new MouseEvent("mouseup"));
    });
  }

  function draw(plot) {
    if (plot.dataset.drawn || !window.Plotly) return;
    plot.dataset.drawn = "yes";
    const figure = specification(plot);
    if (scenes(figure).length) guard(plot);
    plot.style.height = `${figure.layout.height || 380}px`;
    for (const [path, value] of Object.entries(fitted(plot, figure.layout))) put(figure.layout, path, value);
    const config = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false, doubleClick: "reset" };
    window.Plotly.newPlot(plot, figure.data, figure.layout, config).then(() => {
      plot.on("plotly_relayout", (changes) => remember(plot, figure, changes));
    });
  }

  function clear(plot) {
    if (!plot.dataset.drawn) return;
    delete plot.dataset.drawn;
    window.Plotly.purge(plot);
  }

  // A browser grants few WebGL contexts at a time, so solids far from the screen give theirs back.
  const solid = (plot) => plot.querySelector("canvas") !== null;
  const near = new IntersectionObserver(
    (entries) => entries.forEach((entry) => entry.isIntersecting && draw(entry.target)),
    { rootMargin: "500px 0px" },
  );
  const far = new IntersectionObserver(
    (entries) => entries.forEach((entry) => !entry.isIntersecting && solid(entry.target) && clear(entry.target)),
    { rootMargin: "1600px 0px" },
  );

  function watch() {
    for (const plot of plots) {
      near.unobserve(plot);
      near.observe(plot);
      far.observe(plot);
    }
  }

  function redraw() {
    for (const plot of plots) clear(plot);
    plots.forEach(reserve);
    watch();
  }

  // Only the width counts: a phone changes the height whenever its address bar comes and goes.
  let [width, waiting] = [window.innerWidth, 0];
  function refit() {
    if (width === window.innerWidth) return;
    width = window.innerWidth;
    for (const plot of plots.filter(solid)) window.Plotly.relayout(plot, fitted(plot, specification(plot).layout));
  }
  window.addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refit, 300);
  });

  plots.forEach(reserve);
  watch();
  dark.addEventListener("change", redraw);
  narrow.addEventListener("change", redraw);

  // A program is copied whole, with the helpers that are folded away.
  for (const program of navigator.clipboard ? document.querySelectorAll(".program") : []) {
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      const parts = [...program.querySelectorAll("pre")].map((part) => part.textContent);
      await navigator.clipboard.writeText(`${parts.join("\n\n\n")}\n`);
      button.textContent = "copied";
      setTimeout(() => (button.textContent = "copy"), 2000);
    });
    program.prepend(button);
  }

  // The link of the story that is being read stands out.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.getAttribute("href").slice(1), link]));
  const reading = new IntersectionObserver(
    (entries) =>
      entries.forEach((entry) => {
        const link = links.get(entry.target.id);
        link?.classList.toggle("here", entry.isIntersecting);
        if (link && entry.isIntersecting) link.parentElement.scrollTo({ left: link.offsetLeft - 24, behavior: "smooth" });
      }),
    { rootMargin: "-45% 0px -54% 0px" },
  );
  document.querySelectorAll("section[id]").forEach((section) => reading.observe(section));
})();
