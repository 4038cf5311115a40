// Filters and sorts the galleries, and plays how pixels are removed. Without it the page shows every card, smallest first.
// In a frame it tells the page around it how high it is, and where a link within it leads.
"use strict";
for (const gallery of document.querySelectorAll("[data-gallery]")) {
  const form = gallery.querySelector("form");
  const list = gallery.querySelector("[data-cards]");
  const shown = gallery.querySelector("output");
  const cards = [...list.children];
  const found = Number(gallery.dataset.subsets);
  const part = cards.length === found ? `all ${found}` : `these ${cards.length} of ${found.toLocaleString("en")}`;
  const say = (left) => {
    shown.value = `${left} of ${cards.length} shown. The filters work on ${part} subsets.`;
  };
  const marks = (card) => card.dataset.marks.split("|").filter(Boolean);
  const offer = (select, values) => {
    for (const value of [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }))) {
      select.append(new Option(value, value));
    }
  };
  const orders = {
    smallest: (a, b) => a.dataset.fraction - b.dataset.fraction,
    largest: (a, b) => b.dataset.fraction - a.dataset.fraction,
    surest: (a, b) => b.dataset.confidence - a.dataset.confidence,
    least: (a, b) => a.dataset.confidence - b.dataset.confidence,
    class: (a, b) => a.dataset.class.localeCompare(b.dataset.class, "en", { numeric: true }),
  };
  const fits = (card) => {
    const asked = form.elements;
    const share = Number(card.dataset.fraction);
    const [low, high] = asked.size.value ? asked.size.value.split(" ").map(Number) : [-1, 1];
    return (
      (!asked.class.value || card.dataset.class === asked.class.value) &&
      (!asked.outcome.value || card.dataset.outcome === asked.outcome.value) &&
      share > low && share <= high &&
      (!asked.reading.value || marks(card).includes(asked.reading.value))
    );
  };
  const show = () => {
    list.append(...cards.toSorted(orders[form.elements.order.value]));
    for (const card of cards) card.hidden = !fits(card);
    say(cards.filter((card) => !card.hidden).length);
  };
  offer(form.elements.class, cards.map((card) => card.dataset.class));
  offer(form.elements.reading, cards.flatMap(marks));
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  say(cards.length);
  form.hidden = cards.length < 2;
}
for (const player of document.querySelectorAll(".narrowing")) {
  const range = player.querySelector("input");
  const said = player.querySelector("output");
  const layer = player.closest("figure").querySelector(".layer");
  const texts = JSON.parse(range.dataset.texts);
  const layers = JSON.parse(range.dataset.layers);
  layers[layers.length - 1] = layer.getAttribute("href");
  const play = () => {
    const step = Number(range.value);
    if (layers[step]) layer.setAttribute("href", layers[step]);
    else layer.removeAttribute("href");
    said.value = texts[step];
    range.setAttribute("aria-valuetext", texts[step]);
  };
  range.addEventListener("input", play);
  play();
  player.hidden = false;
}
if (window.parent !== window) {
  const tell = (report) => window.parent.postMessage({ report }, "*");
  const root = document.documentElement;
  new ResizeObserver(() => tell({ height: root.offsetHeight })).observe(root);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.hash.slice(1));
    if (!target) return;
    const folded = target.closest("details");
    if (folded) folded.open = true;
    tell({ top: target.getBoundingClientRect().top + window.scrollY });
  });
}
