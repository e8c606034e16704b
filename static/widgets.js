// What few pages need; app.js imports this file when a page has a select with search or a chart, or something is copied.
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const loaded = {};
const library = (folder, script, style) => loaded[script] ??= new Promise((ready) => {
  document.head.append(make('link', { rel: 'stylesheet', href: folder + style }), make('script', { src: folder + script, onload: ready }));
});

export async function select(element, strings) {
  const { searchUrl } = element.dataset;
  const create = 'create' in element.dataset;
  if (!searchUrl && !create && !element.multiple && element.options.length < 9) return; // the browser's own is quicker
  await library(strings.vendor, 'tom-select/tom-select.popular.min.js', 'tom-select/tom-select.bootstrap5.min.css');
  if (element.tomselect || !element.isConnected) return;
  const note = (item, escape) => (item.note ? `<span class="note">${escape(item.note)}</span>` : '');
  const search = async (query, done) => {
    const address = `${searchUrl}${searchUrl.includes('?') ? '&' : '?'}q=${encodeURIComponent(query)}`;
    const answer = await fetch(address, { headers: { Accept: 'application/json' } }).catch(() => null); // offline: an empty list
    done(answer?.ok ? await answer.json() : undefined);
  };
  new TomSelect(element, {
    create, maxOptions: 300, plugins: element.multiple ? ['remove_button'] : ['dropdown_input'],
    render: {
      option: (item, escape) => `<div>${escape(item.text)}${note(item, escape)}</div>`,
      no_results: () => make('div', { className: 'no-results', textContent: strings.nothing }),
      option_create: ({ input }, escape) => `<div class="create">${escape(strings.add)} <b>${escape(input)}</b></div>`,
    },
    ...(searchUrl && { searchField: ['text', 'note'], load: search }),
  });
}

function colour(name) {
  const probe = document.body.appendChild(make('i', { className: `dot c-${name}` }));
  const value = getComputedStyle(probe).backgroundColor;
  probe.remove();
  return value;
}

export async function chart(box, strings) { // stacked bars
  await library(strings.vendor, 'uplot/uPlot.iife.min.js', 'uplot/uPlot.min.css');
  const { x, series, unit } = JSON.parse(box.dataset.chart);
  const { lang } = document.documentElement;
  const day = new Intl.DateTimeFormat(lang, { day: 'numeric', month: 'short' });
  const number = new Intl.NumberFormat(lang, { notation: 'compact' });
  const name = (at) => (/^\d{4}-\d\d-\d\d/.test(x[at]) ? day.format(new Date(x[at])) : String(x[at] ?? ''));
  let below = x.map(() => 0); // each line stands on those before it, so the tallest is drawn first
  const stacked = series.map(({ values }) => { below = below.map((sum, at) => sum + Number(values[at] || 0)); return below; });
  const text = getComputedStyle(box.parentNode).color;
  const quiet = { stroke: text, ticks: { show: false } };
  const grid = { stroke: getComputedStyle(box.parentNode).borderTopColor, width: 1 };
  const bars = series.map((line) => ({
    label: line.label, fill: colour(line.color), stroke: colour(line.color), width: 0, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.72, 40] }),
    value: (_plot, _value, _series, at) => (at === null ? '' : `${number.format(line.values[at])} ${unit}`),
  }));
  box.plot?.destroy();
  box.plot = new uPlot({
    width: box.clientWidth, height: 220, cursor: { y: false, points: { show: false } },
    scales: { x: { time: false, range: () => [-0.6, x.length - 0.4] }, y: { range: (_plot, _low, high) => [0, (high || 1) * 1.08] } },
    axes: [
      { ...quiet, size: 26, space: 72, grid: { show: false }, incrs: [1, 2, 3, 5, 7, 10, 14, 30], values: (_plot, splits) => splits.map(name) },
      { ...quiet, size: 54, grid, values: (_plot, splits) => splits.map((value) => number.format(value)) },
    ],
    series: [{ label: ' ', value: (_plot, at) => (at === null ? '' : name(at)) }, ...bars.reverse()],
  }, [x.map((_label, at) => at), ...stacked.reverse()], box);
  box.watch ??= new ResizeObserver(() => box.plot.width !== box.clientWidth && box.plot.setSize({ width: box.clientWidth, height: 220 }));
  box.watch.observe(box);
}

export function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(make('textarea', { value: text })); // plain HTTP in a local network has no clipboard
  area.select();
  document.execCommand('copy');
  area.remove();
}
