// What HTML alone can't do. No framework, no inline anything; each part looks for data- attributes (docs/ui-kit.md).
(() => {
  'use strict';
  const root = document.documentElement;
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (type, selector, act, capture = false) => document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  }, capture);
  const strings = find('#strings').dataset;
  const token = () => find('meta[name=csrf-token]').content;
  const store = (key, value) => { try { localStorage.setItem(key, value); } catch { /* storage may be blocked */ } };
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  };

  // ---- theme and row height (theme.js applied them before the first paint)
  on('click', '[data-theme-switch]', () => {
    root.dataset.bsTheme = root.dataset.bsTheme === 'dark' ? 'light' : 'dark';
    store('theme', root.dataset.bsTheme);
    all('[data-chart]').forEach(draw);
  });
  on('click', '[data-density-switch]', () => {
    root.dataset.density = root.dataset.density === 'compact' ? 'normal' : 'compact';
    store('density', root.dataset.density);
  });

  // ---- toasts: flashed ones are in the page already, others come as an HX-Trigger event
  function arm(toast) {
    const stays = toast.dataset.toast === 'error' && !toast.dataset.seconds;
    const undo = find('[data-toast-undo]', toast);
    let left = Number(toast.dataset.seconds) || 6;
    const timer = !stays && setInterval(() => {
      if (toast.matches(':hover, :focus-within') && !undo) return;
      left -= 1;
      if (undo) undo.textContent = `${strings.undo} ${left}`;
      if (left <= 0) close();
    }, 1000);
    const close = () => { clearInterval(timer); toast.remove(); };
    find('[data-toast-close]', toast).addEventListener('click', close);
    undo?.form.addEventListener('submit', (event) => {
      if (!window.htmx) return;
      event.preventDefault();
      htmx.ajax('POST', undo.form.action, { source: document.body, swap: 'none' });
      close();
    });
  }
  function toast(text, kind = 'ok', undo = '', seconds = 0) {
    const line = make('div', { class: `toast-line is-${kind}`, 'data-toast': kind, role: kind === 'error' ? 'alert' : 'status' },
      make('span', { class: 'dot' }), make('span', { class: 'toast-text' }, text));
    if (undo) {
      line.append(make('form', { method: 'post', action: undo }, make('input', { type: 'hidden', name: 'csrf_token', value: token() }),
        make('button', { class: 'btn btn-sm', 'data-toast-undo': '' }, strings.undo)));
    }
    if (seconds || undo) line.dataset.seconds = seconds || 10;
    line.append(make('button', { type: 'button', class: 'btn-close', 'data-toast-close': '', 'aria-label': strings.close }));
    find('#toasts').append(line);
    arm(line);
  }
  document.addEventListener('toast', ({ detail }) => toast(detail.text ?? detail.value, detail.kind, detail.undo, detail.seconds));

  // ---- copy, reveal, dialogs, menus
  on('click', '[data-copy]', async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    if (!button.matches('.btn-copy')) return toast(strings.copied);
    button.classList.add('is-done');
    button.title = strings.copied;
    setTimeout(() => button.classList.remove('is-done'), 1500);
  });
  on('click', '[data-reveal]', (button) => {
    const input = document.getElementById(button.dataset.reveal);
    input.type = input.type === 'password' ? 'text' : 'password';
  });
  on('click', '[data-dialog-open]', (button) => find(button.dataset.dialogOpen)?.showModal());
  on('click', '[data-dialog-close]', (button) => button.closest('dialog').close());
  on('click', '[data-help]', () => find('#keys').showModal());
  on('click', 'dialog', (dialog, event) => { if (event.target === dialog) dialog.close(); }); // the backdrop
  document.addEventListener('click', ({ target }) => all('details.menu[open]').forEach((menu) => {
    if (!menu.contains(target) || target.closest('.menu-item')) menu.open = false;
  }));
  document.addEventListener('toggle', ({ target: menu }) => { // keep an opened menu inside the window
    if (!menu.matches?.('details.menu[open]')) return;
    const body = find('.menu-body', menu);
    menu.classList.remove('is-right', 'is-up');
    const box = body.getBoundingClientRect();
    menu.classList.toggle('is-right', box.right > innerWidth - 8);
    menu.classList.toggle('is-up', box.bottom > innerHeight - 8 && box.top > box.height + 60);
    find('input:not([type=hidden]), .menu-item', body)?.focus({ preventScroll: true });
  }, true);

  function ask(text, yes = strings.ok) {
    const dialog = find('#confirm');
    if (!dialog) return Promise.resolve(window.confirm(text));
    find('[data-confirm-text]', dialog).textContent = text;
    const button = find('[data-confirm-yes]', dialog);
    button.textContent = yes;
    return new Promise((answer) => {
      button.onclick = () => { answer(true); dialog.close(); };
      dialog.onclose = () => answer(false);
      dialog.showModal();
    });
  }
  document.addEventListener('submit', async (event) => {
    const { target: form, submitter } = event;
    const text = submitter?.dataset.confirm || form.dataset.confirm;
    if (text && !form.sure) {
      event.preventDefault();
      event.stopImmediatePropagation();
      form.sure = await ask(text, submitter?.dataset.confirmOk || form.dataset.confirmOk);
      if (form.sure) form.requestSubmit(submitter);
      form.sure = false;
    } else if (form.method !== 'dialog') {
      clean.set(form, written(form)); // sent: leaving the page now loses nothing
      if (!form.matches('[hx-post], [hx-get], [hx-put]')) submitter?.classList.add('is-busy');
    }
  }, true);
  window.addEventListener('pageshow', () => all('.btn.is-busy').forEach((button) => button.classList.remove('is-busy')));
  on('change', 'form[data-autosubmit]', (form) => form.requestSubmit());

  // ---- leave guard: a form counts as touched when what it would send differs from what it came with
  const clean = new WeakMap();
  const written = (form) => new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, value.name ?? value])).toString();
  const touched = (from = document) => all('form[data-guard]', from).some((form) => clean.has(form) && clean.get(form) !== written(form));
  window.addEventListener('beforeunload', (event) => { if (touched()) event.preventDefault(); });

  // ---- htmx: token, confirmation, failures in words
  document.addEventListener('htmx:configRequest', ({ detail }) => { detail.headers['X-CSRFToken'] = token(); });
  document.addEventListener('htmx:confirm', (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.target.dataset.confirmOk).then((yes) => yes && event.detail.issueRequest(true));
  });
  document.addEventListener('htmx:sendError', () => toast(strings.offline, 'error'));
  document.addEventListener('htmx:timeout', () => toast(strings.offline, 'error'));
  document.addEventListener('htmx:responseError', ({ detail: { xhr } }) => {
    if ((xhr.getResponseHeader('HX-Trigger') || '').includes('"toast"')) return; // the server said it better
    const known = { 400: 'expired', 401: 'expired', 403: 'forbidden', 404: 'gone', 410: 'gone', 429: 'busy' };
    toast(strings[known[xhr.status] || 'failed'], 'error');
  });

  // ---- drawer: a page shown at the side, with its own address; Back and Esc return to the list
  const drawer = find('#drawer');
  let listUrl = null;
  const inDrawer = (event) => event.detail.target?.id === 'drawer-body';
  async function closeDrawer(fromHistory = false) {
    if (!drawer || drawer.hidden) return;
    if (touched(drawer) && !await ask(strings.unsaved, strings.leave)) {
      if (fromHistory) history.forward();
      return;
    }
    drawer.hidden = true;
    find('#drawer-body').replaceChildren();
    if (!fromHistory) history.pushState({ htmx: true }, '', listUrl);
    listUrl = null;
    currentRow()?.querySelector('[data-open]')?.focus({ preventScroll: true });
  }
  on('click', 'a[data-drawer]', (link, event) => { // a new tab stays a new tab
    if (event.ctrlKey || event.metaKey || event.shiftKey) event.stopImmediatePropagation();
    else goTo(link.closest('[data-row]'), false);
  }, true);
  on('click', '[data-drawer-close]', () => closeDrawer());
  document.addEventListener('htmx:beforeRequest', (event) => {
    if (!inDrawer(event) || !drawer.hidden) return;
    listUrl = location.href;
    find('#drawer-body').replaceChildren(make('div', { class: 'skeleton' }, ...Array.from({ length: 9 }, () => make('i'))));
    drawer.hidden = false;
  });
  document.addEventListener('htmx:afterSwap', (event) => { if (inDrawer(event)) event.detail.target.focus(); });
  ['htmx:sendError', 'htmx:responseError'].forEach((name) => document.addEventListener(name, (event) => {
    if (inDrawer(event) && find('#drawer-body > .skeleton')) drawer.hidden = true;
  }));
  window.addEventListener('popstate', (event) => {
    if (!drawer || drawer.hidden || location.href !== listUrl) return;
    event.stopImmediatePropagation(); // before htmx reloads the list that is still there
    closeDrawer(true);
  }, true);

  // ---- lists: cursor, choice, bulk bar; both live by id, so swapped rows keep them
  const chosen = new Set();
  let current = null;
  let anchor = null;
  const rows = () => all('[data-list] [data-row]').filter((row) => row.offsetParent);
  const boxOf = (row) => row && find('[data-check]', row);
  const currentRow = () => current && rows().find((row) => row.dataset.id === current);
  function goTo(row, scroll = true) {
    if (!row) return;
    current = row.dataset.id;
    paintRows();
    if (scroll) row.scrollIntoView({ block: 'nearest' });
  }
  function choose(row, yes, upTo = false) {
    const list = rows();
    const from = upTo ? list.findIndex((other) => other.dataset.id === anchor) : -1;
    const to = list.indexOf(row);
    const range = from < 0 ? [row] : list.slice(Math.min(from, to), Math.max(from, to) + 1);
    range.forEach((each) => chosen[yes ? 'add' : 'delete'](each.dataset.id));
    anchor = row.dataset.id;
    paintRows(false);
  }
  function drop() {
    chosen.clear();
    all('.is-picking').forEach((list) => list.classList.remove('is-picking'));
    paintRows(false);
  }
  function paintRows(everything = find('[data-all]')?.checked) {
    const list = all('[data-list] [data-row]');
    const here = new Set(list.map((row) => row.dataset.id));
    chosen.forEach((id) => { if (!here.has(id)) chosen.delete(id); });
    list.forEach((row) => {
      const box = boxOf(row);
      if (box) box.checked = chosen.has(row.dataset.id);
      row.classList.toggle('is-chosen', chosen.has(row.dataset.id));
      row.classList.toggle('is-current', row.dataset.id === current);
    });
    const head = find('[data-check-all]');
    if (head) {
      head.checked = list.length > 0 && chosen.size === list.length;
      head.indeterminate = chosen.size > 0 && !head.checked;
    }
    const bar = find('[data-bulk-bar]');
    if (bar) paintBar(bar, list, everything);
  }
  function paintBar(bar, list, everything) {
    const sums = {};
    list.filter((row) => chosen.has(row.dataset.id) && row.dataset.currency).forEach(({ dataset }) => {
      sums[dataset.currency] = (sums[dataset.currency] || 0) + Math.round(Number(dataset.sum) * 100);
    });
    find('[data-all]', bar).checked = everything;
    const more = find('[data-bulk-all]', bar);
    bar.classList.toggle('is-on', chosen.size > 0);
    find('[data-bulk-count]', bar).textContent = everything ? more.dataset.found : chosen.size;
    find('[data-bulk-sum]', bar).textContent = everything ? '' : Object.entries(sums).map(([currency, cents]) =>
      new Intl.NumberFormat(root.lang, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(cents / 100)).join(' + ');
    if (more) more.hidden = everything || chosen.size < list.length;
  }
  on('click', '[data-check]', (box, event) => choose(box.closest('[data-row]'), box.checked, event.shiftKey));
  on('click', '[data-check-all]', (head) => {
    all('[data-list] [data-row]').forEach((row) => chosen[head.checked ? 'add' : 'delete'](row.dataset.id));
    paintRows(false);
  });
  on('click', '[data-bulk-clear]', drop);
  on('click', '[data-bulk-all]', () => paintRows(true));
  let press = 0; // a long press on the phone starts choosing
  on('pointerdown', '[data-row]', (row, { pointerType }) => {
    clearTimeout(press);
    if (pointerType !== 'mouse') press = setTimeout(() => { row.closest('.list')?.classList.add('is-picking'); choose(row, true); }, 500);
  });
  ['pointerup', 'pointercancel', 'pointermove'].forEach((name) => document.addEventListener(name, () => clearTimeout(press)));
  on('contextmenu', '.is-picking [data-row]', (_row, event) => event.preventDefault());

  // ---- keys, by place on the keyboard when the layout isn't Latin
  let going = 0;
  const letter = (event) => {
    if (/^[a-z/?]$/i.test(event.key)) return event.key.toLowerCase();
    if (event.code === 'Slash') return event.shiftKey ? '?' : '/';
    return /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : event.key;
  };
  const step = (by) => { const list = rows(); goTo(list[Math.max(0, Math.min(list.length - 1, list.indexOf(currentRow()) + by))]); };
  const keys = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    x: (event) => { const row = currentRow(); if (row) choose(row, event.shiftKey || !chosen.has(current), event.shiftKey); },
    e: () => find('[data-open]', currentRow() || undefined)?.click(),
    '/': () => find('[data-search]')?.select() ?? find('[data-search]')?.focus(), '?': () => find('#keys')?.showModal(), g: () => { going = Date.now(); },
  };
  keys.Enter = keys.e;
  function pressKey(key) {
    const places = [chosen.size ? find('[data-bulk-bar]') : currentRow(), drawer && !drawer.hidden ? drawer : find('main')];
    const button = places.map((place) => place && find(`[data-key="${CSS.escape(key)}"]`, place)).find(Boolean);
    button?.click();
    return Boolean(button);
  }
  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable], .ts-wrapper');
    if (event.ctrlKey || event.metaKey || event.altKey || find('dialog[open]')) return;
    if (event.key === 'Escape') { event.preventDefault(); return escape(typing); } // else the browser closes a dialog we open here
    const key = letter(event);
    if (typing || (event.target.closest('a, button, summary') && ['Enter', ' '].includes(key))) return;
    const inMenu = event.target.closest('.menu[open]');
    if (Date.now() - going < 1500) { going = 0; find(`.side [data-go="${CSS.escape(key)}"]`)?.click(); }
    else if (inMenu && key.startsWith('Arrow')) { moveInMenu(inMenu, key === 'ArrowDown' ? 1 : -1); event.preventDefault(); }
    else if (keys[key] && (find('[data-list]') || !key.startsWith('Arrow'))) { keys[key](event); event.preventDefault(); }
    else if (key.length === 1 && pressKey(key)) event.preventDefault();
  });
  function moveInMenu(menu, by) {
    const items = all('.menu-item', menu);
    items[(items.indexOf(document.activeElement) + by + items.length) % items.length]?.focus();
  }
  function escape(typing) {
    const menu = find('details.menu[open]');
    if (menu) { menu.open = false; find('summary', menu).focus(); }
    else if (typing) typing.blur();
    else if (drawer && !drawer.hidden) closeDrawer();
    else drop();
  }

  // ---- parts that need a library, fetched when the page has one
  const libraries = {};
  const library = (script, style) => libraries[script] ??= new Promise((ready) => {
    document.head.append(make('link', { rel: 'stylesheet', href: strings.vendor + style }));
    const element = make('script', { src: strings.vendor + script });
    element.onload = ready;
    document.head.append(element);
  });
  async function enhanceSelect(select) {
    const { searchUrl } = select.dataset;
    const create = 'create' in select.dataset;
    if (!searchUrl && !create && !select.multiple && select.options.length < 9) return; // the browser's own is quicker
    await library('tom-select/tom-select.popular.min.js', 'tom-select/tom-select.bootstrap5.min.css');
    if (select.tomselect || !select.isConnected) return;
    const line = (item, escape) => `<div>${escape(item.text)}${item.note ? `<span class="note">${escape(item.note)}</span>` : ''}</div>`;
    new TomSelect(select, {
      create, maxOptions: 300, plugins: select.multiple ? ['remove_button'] : ['dropdown_input'],
      render: { option: line, no_results: () => make('div', { class: 'no-results' }, strings.nothing),
        option_create: ({ input }, escape) => `<div class="create">${strings.add} <b>${escape(input)}</b></div>` },
      ...(searchUrl && { searchField: [], load: async (query, done) => {
        const answer = await fetch(`${searchUrl}${searchUrl.includes('?') ? '&' : '?'}q=${encodeURIComponent(query)}`, { headers: { Accept: 'application/json' } }).catch(() => null);
        done(answer?.ok ? await answer.json() : undefined);
      } }),
    });
  }
  const colour = (name) => {
    const probe = document.body.appendChild(make('i', { class: `dot c-${name}` }));
    const value = getComputedStyle(probe).backgroundColor;
    probe.remove();
    return value;
  };
  async function draw(box) {
    await library('uplot/uPlot.iife.min.js', 'uplot/uPlot.min.css');
    const { x, series, unit } = JSON.parse(box.dataset.chart);
    const day = new Intl.DateTimeFormat(root.lang, { day: 'numeric', month: 'short' });
    const number = new Intl.NumberFormat(root.lang, { notation: 'compact' });
    const name = (at) => x[at] === undefined ? '' : /^\d{4}-\d\d-\d\d/.test(x[at]) ? day.format(new Date(x[at])) : String(x[at]);
    let below = x.map(() => 0); // stacked: each line stands on those before it, so the tallest is drawn first
    const stacked = series.map((line) => { below = below.map((sum, at) => sum + Number(line.values[at] || 0)); return below; });
    const text = getComputedStyle(find('figcaption', box.parentNode) || box).color;
    const grid = { stroke: getComputedStyle(box.parentNode).borderColor, width: 1 };
    box.plot?.destroy();
    box.plot = new uPlot({
      width: box.clientWidth, height: 220, cursor: { y: false, points: { show: false } }, scales: { x: { time: false, range: () => [-0.6, x.length - 0.4] }, y: { range: (_plot, _low, high) => [0, (high || 1) * 1.08] } },
      axes: [{ stroke: text, size: 26, grid: { show: false }, ticks: { show: false }, incrs: [1, 2, 3, 5, 7, 10, 14, 30], values: (_plot, splits) => splits.map(name) },
        { stroke: text, grid, ticks: { show: false }, size: 54, values: (_plot, splits) => splits.map((value) => number.format(value)) }],
      series: [{ label: ' ', value: (_plot, at) => name(at) }, ...series.map((line, at) => ({ label: line.label, fill: colour(line.color), stroke: colour(line.color), width: 0, points: { show: false },
        paths: uPlot.paths.bars({ size: [0.72, 40] }), value: (_plot, _value, _series, index) => index === null ? '' : `${number.format(series[at].values[index])} ${unit}` })).reverse()],
    }, [x.map((_label, at) => at), ...stacked.reverse()], box);
    box.watch ??= new ResizeObserver(() => box.plot.width !== box.clientWidth && box.plot.setSize({ width: box.clientWidth, height: 220 }));
    box.watch.observe(box);
  }

  // ---- times that pass
  function tick() {
    const words = new Intl.RelativeTimeFormat(root.lang, { style: 'short', numeric: 'auto' });
    all('time[data-ago]').forEach((time) => {
      const minutes = Math.round((Date.now() - new Date(time.dateTime)) / 60000);
      if (minutes > 0 && minutes < 60) time.textContent = words.format(-minutes, 'minute');
      else if (minutes >= 60 && minutes < 1440) time.textContent = words.format(-Math.round(minutes / 60), 'hour');
    });
  }
  setInterval(tick, 30000);
  setInterval(() => all('[data-countdown]').forEach((element) => {
    const left = Math.max(0, Math.floor((new Date(element.dataset.countdown) - Date.now()) / 1000));
    element.textContent = left ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}` : strings.over;
  }), 1000);

  // ---- everything above for what is in the page now and for what htmx brings later
  function enhance(part, arrived) {
    const within = (selector) => [...(part.matches?.(selector) ? [part] : []), ...all(selector, part)];
    within('[data-enhance=select]').forEach(enhanceSelect);
    within('[data-chart]').forEach(draw);
    within('form[data-guard]').forEach((form) => clean.set(form, written(form)));
    within('[data-autofocus]').forEach((element) => element.focus());
    within('[data-flash]').forEach((element) => {
      element.removeAttribute('data-flash');
      if (!arrived) return;
      element.classList.add('is-flashing');
      element.addEventListener('animationend', () => element.classList.remove('is-flashing'), { once: true });
    });
    paintRows();
  }
  all('[data-toast]').forEach(arm);
  enhance(document, false);
  document.addEventListener('htmx:load', ({ detail }) => { if (detail.elt !== document.body) enhance(detail.elt, true); });
})();
